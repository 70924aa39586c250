//! Every container and codec, whole and as people's files are: cut, joined, tagged, tagless, with wrong sizes. What comes out is what
//! ffmpeg gives (`tests/golden/sounds.py`), or there is a remark.

use chiffchaff::audio::{AudioError, AudioReader, ReadProblem};
use serde::Deserialize;
use std::{fs, path::Path, process::Command};

/// Clicks are where ffmpeg has them, within this.
const OFF_SECS: f64 = 1e-4;
/// Decoders of lossy codecs round differently.
const VALUE_OFF: f32 = 2e-3;

/// What is not decoded here.
const BY_FFMPEG: [&str; 12] = [
    "ac3.ac3",
    "g726.wav",
    "high.aac",
    "high.m4a",
    "high2.m4a",
    "opus.opus",
    "opus.webm",
    "speex.spx",
    "tta.tta",
    "video.avi",
    "wavpack.wv",
    "wma.wma",
];

#[derive(Deserialize)]
struct Golden {
    /// The version of ffmpeg.
    ffmpeg: String,
    cases: Vec<Case>,
}

/// A file, a change of its bytes, and what ffmpeg makes of that.
#[derive(Debug, Deserialize)]
struct Case {
    file: String,
    change: Option<Change>,
    rate: u32,
    channels: usize,
    samples: u64,
    /// Place and value of every click in the first channel.
    clicks: Vec<(u64, f32)>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    /// As many first bytes are kept.
    Keep(usize),
    Twice,
    Before(String),
    Behind(String),
    /// These bytes are left out.
    Drop(usize, usize),
    /// From there on there are these bytes.
    Put(usize, String),
}

impl Change {
    fn of(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Keep(len) => bytes.truncate(*len),
            Self::Twice => bytes = bytes.repeat(2),
            Self::Before(more) => bytes = [unhex(more), bytes].concat(),
            Self::Behind(more) => bytes.extend(unhex(more)),
            Self::Drop(start, end) => drop(bytes.drain(start..end)),
            Self::Put(at, some) => {
                let some = unhex(some);
                bytes[*at..*at + some.len()].copy_from_slice(&some);
            }
        }
        bytes
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

fn golden() -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/sounds.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// What came of a file.
#[derive(Debug, Default)]
struct Heard {
    rate: u32,
    channels: usize,
    samples: Vec<f32>,
    told: Vec<String>,
}

fn hear(path: &Path) -> Result<Heard, AudioError> {
    let mut reader = AudioReader::open(path)?;
    let mut heard = Heard {
        rate: reader.sample_rate().hz(),
        channels: reader.channels(),
        ..Heard::default()
    };
    let end = loop {
        match reader.next_block() {
            Ok(Some(block)) => heard.samples.extend(&block[0]),
            Ok(None) => break None,
            Err(error) => break Some(error.to_string()),
        }
    };
    heard.told = reader.remarks().iter().map(ToString::to_string).collect();
    heard.told.extend(end);
    Ok(heard)
}

/// How what was heard differs from what ffmpeg gives.
fn differences(heard: &Heard, case: &Case) -> Vec<String> {
    let mut found = Vec::new();
    if (heard.rate, heard.channels) != (case.rate, case.channels) {
        found.push(format!("{} Hz, {} channels", heard.rate, heard.channels));
    }
    if heard.samples.len() as u64 != case.samples {
        found.push(format!("{} samples", heard.samples.len()));
    }
    for &(at, value) in &case.clicks {
        let reach = (0.02 * f64::from(heard.rate)) as usize;
        let at = at as usize;
        let around = at.saturating_sub(reach)..(at + reach).min(heard.samples.len());
        let loudest =
            around.max_by(|&a, &b| heard.samples[a].abs().total_cmp(&heard.samples[b].abs()));
        let Some(loudest) = loudest else {
            found.push(format!("no click at {at}"));
            continue;
        };
        let off = loudest.abs_diff(at) as f64 / f64::from(heard.rate);
        if off > OFF_SECS || (heard.samples[loudest] - value).abs() > VALUE_OFF {
            found.push(format!(
                "{} at {loudest} for {value} at {at}",
                heard.samples[loudest]
            ));
        }
    }
    found
}

/// The version of the ffmpeg that reads what is not decoded here; `None`: there is none.
fn ffmpeg_version() -> Option<String> {
    let program = std::env::var_os("CHIFFCHAFF_FFMPEG").unwrap_or_else(|| "ffmpeg".into());
    let output = Command::new(program).arg("-version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split(' ').nth(2).map(str::to_owned)
}

/// Whether something is to be said of a file although all of its sound is read.
fn is_to_be_told(case: &Case) -> bool {
    let unclosed = ["piped.wav", "piped.w64"].contains(&&*case.file);
    let is_wav = case.file.ends_with(".wav");
    unclosed
        || match &case.change {
            // These allow that no length is stated.
            Some(Change::Keep(_)) => !["piped.au", "piped.caf"].contains(&&*case.file),
            Some(Change::Put(at, _)) => *at > 0,
            Some(Change::Twice) => is_wav,
            _ => false,
        }
}

/// Whether it is cut off in a way that our demuxers do not know.
fn is_cut_off(case: &Case) -> bool {
    let is_matroska = [".mka", ".webm"].iter().any(|end| case.file.ends_with(end));
    let in_fragments = ["fragments.m4a", "piped.m4a"].contains(&&*case.file);
    matches!(case.change, Some(Change::Keep(_))) && (is_matroska || in_fragments)
}

/// What is wrong with how a file was read, if anything is.
fn complaint(case: &Case, heard: Result<Heard, AudioError>) -> Option<String> {
    let heard = match heard {
        Ok(heard) => heard,
        Err(_) if case.samples == 0 => return None,
        Err(error) => return Some(error.to_string()),
    };
    let found = differences(&heard, case);
    let is_told = !heard.told.is_empty();
    match (found.is_empty(), is_told) {
        (false, false) => Some(found.join(", ")),
        (_, false) if is_to_be_told(case) => Some("nothing is said".to_owned()),
        (true, true) if case.change.is_none() && !is_to_be_told(case) => {
            Some(heard.told.join("; "))
        }
        _ => None,
    }
}

#[test]
fn every_file_sounds_as_in_ffmpeg_or_is_remarked() {
    let folder = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audio/clicks");
    let golden = golden();
    let version = ffmpeg_version();
    let mut wrong = Vec::new();
    for case in &golden.cases {
        let bytes = fs::read(fixtures.join(&case.file)).unwrap();
        let bytes = match &case.change {
            Some(change) => change.of(bytes),
            None => bytes,
        };
        let path = folder.path().join(&case.file);
        fs::write(&path, bytes).unwrap();
        let heard = hear(&path);
        let by_ffmpeg = BY_FFMPEG.contains(&&*case.file);
        let complaint = match (&version, heard) {
            (None, Err(error)) if by_ffmpeg || is_cut_off(case) => {
                let problem = error.read_problem();
                let is_named = matches!(problem, Some(ReadProblem::NeedsFfmpeg { .. }));
                (!is_named && case.samples > 0).then(|| error.to_string())
            }
            (None, Ok(_)) if by_ffmpeg => Some("is read without ffmpeg".to_owned()),
            // Another ffmpeg may count otherwise.
            (Some(version), heard) if by_ffmpeg && *version != golden.ffmpeg => {
                let is_read = heard.is_ok() || case.samples == 0;
                (!is_read).then(|| "is not read".to_owned())
            }
            (_, heard) => complaint(case, heard),
        };
        wrong.extend(complaint.map(|it| format!("{} {:?}: {it}", case.file, case.change)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
