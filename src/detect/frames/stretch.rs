//! A recording as stretches of a few minutes, each measured against its own background.

use super::{Scale, drift::subtract_drift, focus::Focus};
use crate::audio::MonoReader;
use crate::detect::{DetectError, fitter::Playback};
use crate::features::{FeatureStream, FrontEnd, std, subtract_medians};
use std::path::Path;

/// Seconds of a stretch: long enough that calls do not count as background, short enough for dawn
/// to differ from noon.
const STRETCH_SECS: f64 = 240.0;
/// The last stretch may be longer by this factor, so that no short one is left over.
const LAST_STRETCH: f64 = 1.25;

/// Consecutive frames of a recording, with some before and after for context.
pub(super) struct Stretch {
    /// The recording's frame that `core` begins with.
    pub(super) first: usize,
    /// Frames of context in front of the core.
    pub(super) lead: usize,
    /// Frames of the core.
    pub(super) core: usize,
    bands: usize,
    /// `[frames, bands]`: lead, core, and context behind it.
    values: Vec<f32>,
}

impl Stretch {
    pub(super) fn bands(&self) -> usize {
        self.bands
    }

    /// `[frames, bands]`
    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }

    /// Standard deviation of all values.
    pub(super) fn scale(&self) -> Scale {
        Scale(std(&self.values).max(f32::MIN_POSITIVE))
    }

    /// Makes background of what lies outside the focus.
    pub(super) fn mask(&mut self, focus: &Focus) {
        focus.mask(&mut self.values, self.bands);
    }

    pub(super) fn divide(&mut self, by: f32) {
        self.values.iter_mut().for_each(|value| *value /= by);
    }
}

/// Reads a recording stretch by stretch, in memory that does not grow with its length.
pub(super) struct Stretches {
    stream: FeatureStream,
    frame_rate: f64,
    /// Frames of context wanted on either side.
    context: usize,
    /// Frames of a core.
    length: usize,
    /// `[frames, bands]`, from frame `held_from` on.
    held: Vec<f32>,
    held_from: usize,
    /// The next core's first frame.
    next: usize,
    ended: bool,
}

impl Stretches {
    pub(super) fn open(
        path: &Path,
        playback: Playback,
        front_end: &FrontEnd,
        context: usize,
    ) -> Result<Self, DetectError> {
        let reader = MonoReader::open(path)?.on_channel(playback.channel)?;
        let reader = reader
            .slowed(playback.time_scale)?
            .at_rate(front_end.sample_rate())?;
        Ok(Self {
            frame_rate: front_end.frame_rate() * reader.slowed_by(),
            stream: FeatureStream::new(reader, &front_end.keeping_background())?,
            context,
            length: (STRETCH_SECS * front_end.frame_rate()) as usize,
            held: Vec::new(),
            held_from: 0,
            next: 0,
            ended: false,
        })
    }

    /// Frames in a second of the recording, as it was made.
    pub(super) fn frame_rate(&self) -> f64 {
        self.frame_rate
    }

    /// The next stretch, background subtracted; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Stretch>, DetectError> {
        let bands = self.stream.bands();
        let longest = (LAST_STRETCH * self.length as f64) as usize;
        let held_to = |held: &[f32], from| from + held.len() / bands;
        while !self.ended
            && held_to(&self.held, self.held_from) < self.next + longest + self.context
        {
            match self.stream.next_block()? {
                Some(block) => self.held.extend_from_slice(block.values()),
                None => self.ended = true,
            }
        }
        let left = held_to(&self.held, self.held_from) - self.next;
        if left == 0 {
            return Ok(None);
        }
        let core = if self.ended && left <= longest {
            left
        } else {
            self.length
        };
        let lead = self.next - self.held_from;
        let frames = (lead + core + self.context).min(self.held.len() / bands);
        let mut stretch = Stretch {
            first: self.next,
            lead,
            core,
            bands,
            values: self.held[..frames * bands].to_vec(),
        };
        subtract_drift(&mut stretch.values, bands);
        subtract_medians(&mut stretch.values, bands);
        self.next += core;
        let keep_from = self.next.saturating_sub(self.context).max(self.held_from);
        self.held.drain(..(keep_from - self.held_from) * bands);
        self.held_from = keep_from;
        Ok(Some(stretch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{SampleRate, WavEncoding, Waveform, write_wav};
    use crate::features::LogMelConfig;

    #[test]
    fn cores_follow_one_another_and_cover_the_recording_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long.wav");
        let rate = SampleRate::new(1000).unwrap();
        let sound = (0..620_000).map(|n| (n as f32 * 0.37).sin() * (n % 977) as f32 / 977.0);
        write_wav(
            &path,
            &Waveform::mono(sound.collect(), rate),
            WavEncoding::Float32,
        )
        .unwrap();
        let front_end = FrontEnd::LogMel(LogMelConfig {
            sample_rate: rate,
            n_fft: 64,
            win_length: 64,
            hop_length: 20,
            n_mels: 4,
            f_min: 0.0,
            f_max: 500.0,
            ..LogMelConfig::small()
        });
        let mut stretches = Stretches::open(&path, Playback::default(), &front_end, 7).unwrap();
        let mut cores = Vec::new();
        while let Some(stretch) = stretches.next().unwrap() {
            assert_eq!(stretch.lead, if stretch.first == 0 { 0 } else { 7 });
            assert!(stretch.values().len() / stretch.bands() >= stretch.lead + stretch.core);
            cores.push((stretch.first, stretch.core));
        }
        let mut next = 0;
        for &(first, core) in &cores {
            assert_eq!(first, next);
            next += core;
        }
        assert_eq!(next, 31_001);
        assert_eq!(cores.len(), 3, "{cores:?}"); // 240 s, 240 s, 140 s
    }
}
