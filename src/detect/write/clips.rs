//! Found events → WAV files of their own.

use super::Event;
use crate::audio::{AudioReader, SampleRate, WavEncoding, Waveform, write_wav};
use crate::detect::DetectError;
use std::io;
use std::path::{Path, PathBuf};

/// Writes the sound of each event as a WAV file of 16 bits whose path begins with `stem`, with `margin_secs` around it as far as the recording goes, in
/// all channels at the recording's own rate. Gives the files, in the order of the events.
///
/// To the stem they add number and onset: `clips/dawn` gives `clips/dawn_0001_12.264s.wav`. Where there are `labels` of
/// several kinds, that of the event follows, in letters, digits and hyphens: `clips/dawn_0001_12.264s_song.wav`. The folder
/// is made if need be. The recording is read once, as a stream; only events that sound at the same time are in memory together.
///
/// # Errors
/// If the recording cannot be read to the end of the last event, or a file not written. An event beyond the end of the
/// recording gives no file.
pub fn write_clips(
    stem: &Path,
    recording: &Path,
    events: &[Event],
    labels: &[Option<String>],
    margin_secs: f64,
) -> Result<Vec<PathBuf>, DetectError> {
    let folder = stem.parent().unwrap_or(Path::new(""));
    std::fs::create_dir_all(folder).map_err(|source| DetectError::Io {
        path: folder.to_owned(),
        action: "written",
        source,
    })?;
    let mut reader = AudioReader::open(recording)?;
    let rate = reader.sample_rate();
    let sample = |secs: f64| (secs.max(0.0) * f64::from(rate.hz())).round() as u64;
    let name = stem.file_name().unwrap_or_default().to_string_lossy();
    let mut clips: Vec<Clip> = events
        .iter()
        .enumerate()
        .map(|(n, event)| Clip {
            number: n,
            first: sample(event.span.onset() - margin_secs),
            end: sample(event.span.offset() + margin_secs),
            path: folder.join(format!(
                "{}_{:04}_{:.3}s{}.wav",
                name,
                n + 1,
                event.span.onset(),
                kind_in_name(event, labels)
            )),
            channels: vec![Vec::new(); reader.channels()],
        })
        .collect();
    clips.sort_by_key(|clip| clip.first);

    let mut waiting = clips.into_iter().peekable();
    let mut open: Vec<Clip> = Vec::new();
    let mut written = Vec::new();
    let mut position = 0;
    while !open.is_empty() || waiting.peek().is_some() {
        let Some(block) = reader.next_block()? else {
            break;
        };
        let end = position + block.first().map_or(0, Vec::len) as u64;
        while let Some(clip) = waiting.next_if(|clip| clip.first < end) {
            open.push(clip);
        }
        for clip in &mut open {
            clip.take(block, position);
        }
        for clip in open.extract_if(.., |clip| clip.end <= end) {
            written.push(clip.write(rate)?);
        }
        position = end;
    }
    // The recording ended within their margin.
    for clip in open {
        written.push(clip.write(rate)?);
    }
    written.sort();
    Ok(written.into_iter().map(|(_, path)| path).collect())
}

/// The clips that [`write_clips`] wrote for `stem`, known by their names, in order; none where there is no such folder.
///
/// # Errors
/// If the folder cannot be read.
pub fn written_clips(stem: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = stem.parent().unwrap_or(Path::new(""));
    let stem = stem.file_name().unwrap_or_default().to_string_lossy();
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut clips = Vec::new();
    for entry in entries {
        let entry = entry?;
        if is_clip_of(&stem, &entry.file_name().to_string_lossy()) {
            clips.push(entry.path());
        }
    }
    clips.sort();
    Ok(clips)
}

/// `_song`, where there are several kinds.
fn kind_in_name(event: &Event, labels: &[Option<String>]) -> String {
    /// Names of files must not become too long.
    const MOST: usize = 40;
    match labels.get(event.kind) {
        Some(Some(label)) if labels.len() > 1 => {
            let letters = label.chars().take(MOST);
            let letters = letters.map(|c| if c.is_alphanumeric() { c } else { '-' });
            format!("_{}", letters.collect::<String>())
        }
        _ => String::new(),
    }
}

/// `STEM_0001_12.264s.wav` or `STEM_0001_12.264s_song.wav`
fn is_clip_of(stem: &str, name: &str) -> bool {
    let is_kind = |kind: &str| kind.chars().all(|c| c.is_alphanumeric() || c == '-');
    let numbered = name.strip_prefix(stem).and_then(|n| n.strip_prefix('_'));
    let numbered = numbered.and_then(|n| n.strip_suffix(".wav"));
    let numbered = numbered.map(|n| match n.rsplit_once('_') {
        Some((rest, kind)) if rest.ends_with('s') && is_kind(kind) => rest,
        _ => n,
    });
    let numbered = numbered.and_then(|n| n.strip_suffix('s'));
    let parts = numbered.and_then(|n| n.split_once('_'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    parts.is_some_and(|(number, secs)| {
        let secs = secs.split_once('.');
        number.len() >= 4
            && is_number(number)
            && secs.is_some_and(|(whole, millis)| {
                is_number(whole) && millis.len() == 3 && is_number(millis)
            })
    })
}

/// A clip that is being cut out.
struct Clip {
    number: usize,
    /// Its first sample, and the one behind its last.
    first: u64,
    end: u64,
    path: PathBuf,
    channels: Vec<Vec<f32>>,
}

impl Clip {
    /// Takes what is its own of a block that starts at the sample `position`.
    fn take(&mut self, block: &[Vec<f32>], position: u64) {
        for (own, samples) in self.channels.iter_mut().zip(block) {
            let within =
                |sample: u64| (sample.saturating_sub(position) as usize).min(samples.len());
            own.extend_from_slice(&samples[within(self.first)..within(self.end)]);
        }
    }

    fn write(self, rate: SampleRate) -> Result<(usize, PathBuf), DetectError> {
        let sound = Waveform::from_channels(self.channels, rate)?;
        write_wav(&self.path, &sound, WavEncoding::Int16)?;
        Ok((self.number, self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_are_given_to_clips_of_a_recording_are_its_clips() {
        for (name, of) in [
            ("dawn_0001_12.264s.wav", true),
            ("dawn_12345_0.000s.wav", true),
            ("dawn_0001_12.264s_song-2.wav", true),
            ("dawn_0001_12.264s_my_song.wav", false),
            ("dawn_0001_12.264.wav", false),
            ("dawn_1_12.264s.wav", false),
            ("dawn_0001_12.26s.wav", false),
            ("dawn_b_0001_12.264s.wav", false),
            ("dawn.wav", false),
        ] {
            assert_eq!(is_clip_of("dawn", name), of, "{name}");
        }
        assert!(is_clip_of("dawn_b", "dawn_b_0001_12.264s.wav"));
    }
}
