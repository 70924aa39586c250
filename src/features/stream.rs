//! The features of a recording of any length, block by block.

use super::clip_stream::ClipStream;
use super::{Extractor, Features, FeaturesError, FrontEnd, LogMelConfig, Silence};
use crate::audio::{AudioError, MonoReader};
use std::path::Path;

/// Samples that are transformed together: some seconds.
const BLOCK_SAMPLES: usize = 1 << 17;

/// A recording as a stream of features, in memory that does not grow with its length.
///
/// The blocks, joined, are exactly what [`Extractor::compute`] gives for the whole recording.
pub struct FeatureStream {
    sound: ClipStream,
    extractor: Extractor,
    /// What the front end remembers of the frames handed out.
    memory: Vec<f64>,
    hop: usize,
    /// How many frames before the next one must stay in memory, so that the next one gets the same values as when the whole
    /// recording is transformed at once.
    lead: usize,
    /// Samples from the place of a frame (its number times the hop) to the last sample that it depends on.
    reach: usize,
    /// Samples that were read and are still needed; the first is the place of frame `first`.
    samples: Vec<f32>,
    first: usize,
    /// Frames handed out.
    given: usize,
    ended: bool,
}

impl FeatureStream {
    /// The features of what `reader` reads.
    ///
    /// # Errors
    /// [`FeaturesError::Config`] if the front end makes no sense; [`FeaturesError::NotLocal`] if a frame depends on the
    /// whole recording: level scaling, removed silence, a limited dynamic range; [`FeaturesError::NotStreamed`] of front
    /// ends that only hear whole clips.
    ///
    /// # Panics
    /// If `reader` reads at another rate than the front end's.
    pub fn new(reader: MonoReader, front_end: &FrontEnd) -> Result<Self, FeaturesError> {
        let extractor = front_end.extractor()?;
        local(front_end)?;
        Ok(Self::of_sound(
            ClipStream::as_it_is(reader),
            front_end,
            extractor,
        ))
    }

    /// Whether [`Self::of_clip`] serves this front end.
    pub(super) fn serves_clips(front_end: &FrontEnd) -> bool {
        local(&without_silence(front_end).0).is_ok()
    }

    /// The features of a whole clip, whose [`Silence`] rule is followed: exactly what the extractor gives for it.
    ///
    /// # Errors
    /// As [`MonoReader::next_block`].
    ///
    /// # Panics
    /// As [`Self::new`], and if the front end makes no sense or [is not served](Self::serves_clips).
    pub(super) fn of_clip(reader: MonoReader, front_end: &FrontEnd) -> Result<Self, AudioError> {
        let (local, silence) = without_silence(front_end);
        let rule = silence.rule(front_end.sample_rate().hz().into());
        let sound = match rule {
            Some(rule) => ClipStream::without_silence(reader, rule)?,
            None => ClipStream::as_it_is(reader),
        };
        let extractor = local.extractor().expect("a front end that makes sense");
        Ok(Self::of_sound(sound, &local, extractor))
    }

    fn of_sound(sound: ClipStream, front_end: &FrontEnd, extractor: Extractor) -> Self {
        let log_mel = local(front_end).expect("a front end whose frames are local");
        assert_eq!(
            sound.reader().sample_rate(),
            front_end.sample_rate(),
            "the reader's rate is the front end's"
        );
        let stft = log_mel.frame_extent();
        let hop = log_mel.hop_length;
        Self {
            memory: extractor.extract().memory(),
            extractor,
            sound,
            hop,
            // One more than a frame reaches back: the end is mirrored without its last sample.
            lead: stft.before.div_ceil(hop) + 1,
            reach: stft.after,
            samples: Vec::new(),
            first: 0,
            given: 0,
            ended: false,
        }
    }

    /// Number of frequency bands.
    pub fn bands(&self) -> usize {
        self.extractor.bands()
    }

    /// The recording.
    pub fn path(&self) -> &Path {
        self.sound.reader().path()
    }

    /// What is odd about what was read, each as a sentence without the file's name.
    pub(super) fn remarks(&self) -> Vec<String> {
        self.sound.remarks()
    }

    /// The next frames, some hundreds, never none; `None` at the end.
    ///
    /// # Errors
    /// As [`MonoReader::next_block`].
    pub fn next_block(&mut self) -> Result<Option<Features>, AudioError> {
        while !self.ended {
            while self.samples.len() < BLOCK_SAMPLES + (self.lead + 1) * self.hop + self.reach {
                if !self.sound.read_into(&mut self.samples)? {
                    self.ended = true;
                    break;
                }
            }
            let block = self.transform();
            if block.frames() > 0 {
                return Ok(Some(block));
            }
        }
        Ok(None)
    }

    /// The next frames that depend only on samples read so far. Afterwards samples that no later frame needs are dropped.
    fn transform(&mut self) -> Features {
        let bands = self.bands();
        let heard = self.extractor.extract().local_image(&self.samples);
        let decided = match self.ended {
            true => heard.frames(),
            false => (self.samples.len().saturating_sub(self.reach) / self.hop).min(heard.frames()),
        };
        let skipped = (self.given - self.first).min(decided);
        let mut values = heard.values()[skipped * bands..decided * bands].to_vec();
        self.extractor
            .extract()
            .follow(&mut values, &mut self.memory);
        self.given += decided - skipped;
        let keep_from = self.given.saturating_sub(self.lead).max(self.first);
        self.samples.drain(..(keep_from - self.first) * self.hop);
        self.first = keep_from;
        Features::from_frames(bands, values)
    }
}

/// The settings behind frames that depend only on the sound around them.
fn local(front_end: &FrontEnd) -> Result<&LogMelConfig, FeaturesError> {
    let log_mel = front_end.streamed()?;
    match front_end.needs_whole_clip() {
        Some(key) => Err(FeaturesError::NotLocal { key }),
        None => Ok(log_mel),
    }
}

fn without_silence(front_end: &FrontEnd) -> (FrontEnd, Silence) {
    let mut front_end = front_end.clone();
    let silence = front_end.clip_rules_mut().0.map(std::mem::take);
    (front_end, silence.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{SampleRate, WavEncoding, Waveform, write_wav};
    use crate::features::{Compression, InputScaling, LogMelConfig, MfccConfig, PcenConfig};

    fn recording(folder: &Path, samples: usize) -> std::path::PathBuf {
        let path = folder.join(format!("{samples}.wav"));
        let mut state = 1u32;
        let noise = (0..samples).map(|n| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let rise = (n as f32 / samples as f32) * 0.9;
            rise * (state as f32 / u32::MAX as f32 - 0.5)
        });
        let rate = SampleRate::new(22_050).unwrap();
        let sound = Waveform::mono(noise.collect(), rate);
        write_wav(&path, &sound, WavEncoding::Float32).unwrap();
        path
    }

    fn streamed(path: &Path, front_end: &FrontEnd) -> (usize, Vec<f32>) {
        let reader = MonoReader::open(path).unwrap();
        let mut stream = FeatureStream::new(reader, front_end).unwrap();
        let (mut blocks, mut values) = (0, Vec::new());
        while let Some(block) = stream.next_block().unwrap() {
            values.extend_from_slice(block.values());
            blocks += 1;
        }
        (blocks, values)
    }

    #[test]
    fn blocks_joined_are_the_features_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut cepstra = MfccConfig::librosa();
        cepstra.log_mel.compression = Compression::decibels();
        let front_ends = [
            FrontEnd::LogMel(LogMelConfig::moummad()),
            FrontEnd::LogMel(LogMelConfig {
                input_scaling: InputScaling::None {},
                sample_rate: SampleRate::new(22_050).unwrap(),
                f_max: 7800.0,
                ..LogMelConfig::cola()
            }),
            FrontEnd::Pcen(PcenConfig::protonet()),
            FrontEnd::Mfcc(cepstra),
        ];
        for samples in [1, 400, 128 * 1500, BLOCK_SAMPLES * 3 + 77] {
            let path = recording(folder.path(), samples);
            let rate = SampleRate::new(22_050).unwrap();
            let sound = crate::audio::read_mono(&path, rate).unwrap();
            for front_end in &front_ends {
                let whole = front_end.extractor().unwrap().compute(&sound.channels()[0]);
                let (blocks, values) = streamed(&path, front_end);
                assert_eq!(values.len(), whole.values().len(), "{samples} samples");
                assert!(values == whole.values(), "{samples} samples, {front_end:?}");
                assert!(samples < BLOCK_SAMPLES * 2 || blocks > 2);
            }
        }
    }

    #[test]
    fn blocks_of_a_clip_follow_its_silence_rule() {
        let folder = tempfile::tempdir().unwrap();
        let rate = SampleRate::new(22_050).unwrap();
        let front_end = FrontEnd::LogMel(LogMelConfig {
            silence: Silence::Remove {
                below: 1e-4,
                min_secs: 0.1,
            },
            ..LogMelConfig::small()
        });
        assert!(FeatureStream::serves_clips(&front_end));
        let samples = BLOCK_SAMPLES * 2 + 77;
        let path = recording(folder.path(), samples);
        let loud = crate::audio::read_mono(&path, rate).unwrap();
        let silent = [
            0..0,
            0..samples,
            9000..samples,
            5000..8000,
            100..samples - 1000,
            samples - 3000..samples,
        ];
        for silent in silent {
            let mut sound = loud.channels()[0].clone();
            sound[silent.clone()].fill(0.0);
            write_wav(
                &path,
                &Waveform::mono(sound.clone(), rate),
                WavEncoding::Float32,
            )
            .unwrap();
            let whole = front_end.extractor().unwrap().compute(&sound);
            let reader = MonoReader::open(&path).unwrap();
            let mut stream = FeatureStream::of_clip(reader, &front_end).unwrap();
            let mut values = Vec::new();
            while let Some(block) = stream.next_block().unwrap() {
                values.extend_from_slice(block.values());
            }
            assert!(values == whole.values(), "{silent:?} silent");
        }
    }

    #[test]
    fn front_ends_of_several_images_are_refused_by_type() {
        let folder = tempfile::tempdir().unwrap();
        let path = recording(folder.path(), 400);
        for name in ["esresnet", "wavelet", "palanisamy", "clar"] {
            let reader = MonoReader::open(&path).unwrap();
            let front_end = FrontEnd::published(name).unwrap();
            let error = FeatureStream::new(reader, &front_end).err().unwrap();
            assert!(error.to_string().contains("features of type"), "{error}");
        }
    }

    #[test]
    fn what_needs_the_whole_recording_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = recording(folder.path(), 400);
        let front_end = FrontEnd::LogMel(LogMelConfig::fonseca());
        let reader = MonoReader::open(path).unwrap();
        let error = FeatureStream::new(reader, &front_end).err().unwrap();
        assert!(error.to_string().contains("`input_scaling`"), "{error}");
    }
}
