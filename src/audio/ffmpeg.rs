//! What we do not decode ourselves, decoded by the program `ffmpeg` where there is one.
//!
//! It writes a Sun file of floats to a pipe, at the file's own rate and with all its channels. Nothing but local files may be opened by
//! it, and a file's name can never be taken for an option.

use super::{
    ReadProblem, ReadRemark,
    source::{Source, Spec},
};
use std::{
    env,
    ffi::OsString,
    io::{self, BufReader, Read},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    thread::{self, JoinHandle},
};

/// Names the program to be used; empty: none is.
const VARIABLE: &str = "CHIFFCHAFF_FFMPEG";
/// Samples per channel decoded at once, about.
const BLOCK: usize = 4096;
/// Of what it complains about, the end is kept.
const MOST_COMPLAINT: usize = 4096;

/// What is known of the end of a file, and ffmpeg does not say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ending {
    /// Whether the container ends early.
    pub(super) cut_off: bool,
    /// Bytes behind the sound that are not known to be anything.
    pub(super) left_out: u64,
}

/// A running `ffmpeg`.
pub(super) struct Ffmpeg {
    child: Child,
    sound: BufReader<ChildStdout>,
    complaint: Option<JoinHandle<String>>,
    spec: Spec,
    bytes: Vec<u8>,
    given: u64,
    remarks: Vec<ReadRemark>,
    ended: bool,
    ending: Ending,
}

/// Opens `path` by ffmpeg; `None`: there is no such program.
pub(super) fn open(path: &Path) -> Result<Option<Ffmpeg>, ReadProblem> {
    let program = env::var_os(VARIABLE).unwrap_or_else(|| "ffmpeg".into());
    if program.is_empty() {
        return Ok(None);
    }
    let mut input = OsString::from("file:");
    input.push(path);
    let spawned = Command::new(program)
        .args([
            "-nostdin",
            "-v",
            "error",
            "-protocol_whitelist",
            "file,pipe",
            "-i",
        ])
        .arg(input)
        .args(["-map", "0:a:0", "-c:a", "pcm_f32be", "-f", "au", "pipe:1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(ReadProblem::Ffmpeg {
                text: error.to_string(),
            });
        }
    };
    let (Some(sound), Some(words)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(ReadProblem::Ffmpeg {
            text: "its output cannot be read".to_owned(),
        });
    };
    let mut ffmpeg = Ffmpeg {
        child,
        sound: BufReader::with_capacity(1 << 16, sound),
        complaint: Some(thread::spawn(move || last_line(words))),
        spec: Spec {
            rate: 0,
            channels: 0,
        },
        bytes: Vec::new(),
        given: 0,
        remarks: Vec::new(),
        ended: false,
        ending: Ending::default(),
    };
    match ffmpeg.read_header() {
        Some(spec) => ffmpeg.spec = spec,
        None => {
            let text = ffmpeg
                .finish()
                .unwrap_or_else(|| "it gives no sound".to_owned());
            return Err(ReadProblem::Ffmpeg { text });
        }
    }
    Ok(Some(ffmpeg))
}

/// The last line that is said, without growing with all that is.
fn last_line(mut words: impl Read) -> String {
    let (mut kept, mut chunk) = (Vec::new(), [0; 1024]);
    while let Ok(read @ 1..) = words.read(&mut chunk) {
        kept.extend_from_slice(&chunk[..read]);
        kept.drain(..kept.len().saturating_sub(MOST_COMPLAINT));
    }
    let text = String::from_utf8_lossy(&kept);
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    line.unwrap_or_default().trim().to_owned()
}

impl Ffmpeg {
    /// With what is known of the file's end.
    pub(super) fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    fn read_header(&mut self) -> Option<Spec> {
        let mut header = [0; 24];
        self.sound.read_exact(&mut header).ok()?;
        let number = |at: usize| {
            u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let text = u64::from(number(4)).checked_sub(24)?;
        io::copy(&mut self.sound.by_ref().take(text), &mut io::sink()).ok()?;
        Some(Spec {
            rate: number(16),
            channels: number(20) as usize,
        })
    }

    /// Waits for the end; what it complained about, if it did.
    fn finish(&mut self) -> Option<String> {
        self.ended = true;
        let words = self.complaint.take().and_then(|thread| thread.join().ok());
        let well = self.child.wait().is_ok_and(|status| status.success());
        match words {
            Some(words) if !words.is_empty() => Some(words),
            _ if well => None,
            _ => Some("it ended without a word".to_owned()),
        }
    }
}

impl Source for Ffmpeg {
    fn spec(&self) -> Spec {
        self.spec
    }

    fn declared_len(&self) -> Option<u64> {
        None
    }

    fn next_block(&mut self, planes: &mut Vec<Vec<f32>>) -> Result<bool, ReadProblem> {
        if self.ended {
            return Ok(false);
        }
        let frame = 4 * self.spec.channels;
        self.bytes.clear();
        let wanted = (frame * (BLOCK / self.spec.channels.max(1)).max(1)) as u64;
        let mut sound = self.sound.by_ref().take(wanted);
        sound
            .read_to_end(&mut self.bytes)
            .map_err(ReadProblem::Io)?;
        let frames = self.bytes.len() / frame.max(4);
        if frames == 0 {
            if let Some(text) = self.finish() {
                if self.given == 0 {
                    return Err(ReadProblem::Ffmpeg { text });
                }
                self.remarks.push(ReadRemark::Complaint { text });
            }
            let read_secs = self.given as f64 / f64::from(self.spec.rate.max(1));
            if self.ending.left_out > 0 {
                self.remarks.push(ReadRemark::LeftOut {
                    at_secs: read_secs,
                    bytes: self.ending.left_out,
                });
            }
            if self.ending.cut_off && self.given > 0 {
                self.remarks.push(ReadRemark::CutOff {
                    read_secs,
                    promised_secs: None,
                });
            }
            return Ok(false);
        }
        self.given += frames as u64;
        planes.resize(self.spec.channels, Vec::new());
        for (channel, plane) in planes.iter_mut().enumerate() {
            plane.clear();
            let samples = self
                .bytes
                .chunks_exact(frame)
                .map(|frame| &frame[4 * channel..][..4]);
            plane.extend(samples.map(|s| f32::from_be_bytes([s[0], s[1], s[2], s[3]])));
        }
        Ok(true)
    }

    fn count(&mut self) -> Result<Option<u64>, ReadProblem> {
        let mut planes = Vec::new();
        let mut samples = 0;
        while self.next_block(&mut planes)? {
            samples += planes.first().map_or(0, Vec::len) as u64;
        }
        Ok(Some(samples))
    }

    fn take_remarks(&mut self) -> Vec<ReadRemark> {
        std::mem::take(&mut self.remarks)
    }
}

impl Drop for Ffmpeg {
    fn drop(&mut self) {
        if !self.ended {
            // Whatever remains of it is of no use to anybody; that it has already ended is no failure.
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}
