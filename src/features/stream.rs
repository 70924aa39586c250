//! The features of a recording of any length, block by block.

use super::clip_stream::ClipStream;
use super::log_mel::FrameExtent;
use super::{Extractor, Features, FeaturesError, FrontEnd};
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
    ///
    /// What it does to the sound of a whole clip is no hindrance: the file is read once more to measure it. What it does to
    /// the features of a whole clip is. The loudest frame (`compression.top_db`) is known only behind the last one, and the
    /// median of a band (`background`) takes all values of the band. Such clips are read at once, and refused where they are
    /// longer than [`MAX_SAMPLES_AT_ONCE`](crate::audio::MAX_SAMPLES_AT_ONCE).
    pub(super) fn serves_clips(front_end: &FrontEnd) -> bool {
        local(&front_end.without_clip_rules()).is_ok()
    }

    /// The features of a whole clip, whose [`ClipRules`](super::ClipRules) are followed: exactly what the extractor gives
    /// for it.
    ///
    /// # Errors
    /// As [`MonoReader::next_block`].
    ///
    /// # Panics
    /// As [`Self::new`], and if the front end makes no sense or [is not served](Self::serves_clips).
    pub(super) fn of_clip(reader: MonoReader, front_end: &FrontEnd) -> Result<Self, AudioError> {
        let sound = ClipStream::by_rules(reader, &front_end.clip_rules())?;
        let local = front_end.without_clip_rules();
        let extractor = local.extractor().expect("a front end that makes sense");
        Ok(Self::of_sound(sound, &local, extractor))
    }

    fn of_sound(sound: ClipStream, front_end: &FrontEnd, extractor: Extractor) -> Self {
        let extent = local(front_end).expect("a front end whose frames are local");
        assert_eq!(
            sound.reader().sample_rate(),
            front_end.sample_rate(),
            "the reader's rate is the front end's"
        );
        let hop = front_end.hop_length();
        Self {
            memory: extractor.extract().memory(),
            extractor,
            sound,
            hop,
            // One more than a frame reaches back: the end is mirrored without its last sample.
            lead: extent.before.div_ceil(hop) + 1,
            reach: extent.after,
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

    /// Samples that were read, as long as no frame was handed out.
    pub(super) fn unused_samples(&self) -> usize {
        self.samples.len()
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

/// How far a frame reaches, of frames that depend only on the sound around them.
fn local(front_end: &FrontEnd) -> Result<FrameExtent, FeaturesError> {
    let extent = front_end.streamed()?;
    match front_end.needs_whole_clip() {
        Some(key) => Err(FeaturesError::NotLocal { key }),
        None => Ok(extent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{SampleRate, SoundChannels, WavEncoding, Waveform, write_wav};
    use crate::features::{
        Background, Compression, InputScaling, LogMelConfig, MfccConfig, PcenConfig, SamplesConfig,
        Silence,
    };

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

    /// The same of a clip whose rules are followed.
    fn streamed_clip(path: &Path, front_end: &FrontEnd) -> Vec<f32> {
        let reader = MonoReader::open(path).unwrap();
        let reader = reader.at_rate(front_end.sample_rate()).unwrap();
        let mut stream = FeatureStream::of_clip(reader, front_end).unwrap();
        let mut values = Vec::new();
        while let Some(block) = stream.next_block().unwrap() {
            values.extend_from_slice(block.values());
        }
        values
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
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
            FrontEnd::Samples(SamplesConfig {
                sample_rate: SampleRate::new(22_050).unwrap(),
                channels: SoundChannels::Mono,
            }),
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
            let values = streamed_clip(&path, &front_end);
            assert!(values == whole.values(), "{silent:?} silent");
        }
    }

    /// Front ends of every level rule; one has a silence rule, too.
    fn levelled() -> Vec<FrontEnd> {
        let rate = SampleRate::new(22_050).unwrap();
        let fonseca = LogMelConfig::fonseca();
        let cola = LogMelConfig {
            sample_rate: rate,
            ..LogMelConfig::cola()
        };
        let removing = LogMelConfig {
            silence: Silence::Remove {
                below: 1e-4,
                min_secs: 0.1,
            },
            ..fonseca.clone()
        };
        let min_max = LogMelConfig {
            input_scaling: InputScaling::MinMax {
                low: -1.0,
                high: 1.0,
            },
            ..LogMelConfig::small()
        };
        let mut cepstra = MfccConfig::librosa();
        cepstra.log_mel.compression = Compression::decibels();
        cepstra.log_mel.sample_rate = rate;
        cepstra.log_mel.input_scaling = InputScaling::unit_norm();
        let mut pcen = PcenConfig::protonet(); // has a gain
        pcen.log_mel.sample_rate = rate;
        let mut loud_pcen = pcen.clone();
        loud_pcen.log_mel.input_scaling = InputScaling::Peak { offset: 0.005 };
        let log_mels = [fonseca, cola, removing, min_max].map(FrontEnd::LogMel);
        let others = [
            FrontEnd::Mfcc(cepstra),
            FrontEnd::Pcen(pcen),
            FrontEnd::Pcen(loud_pcen),
        ];
        log_mels.into_iter().chain(others).collect()
    }

    #[test]
    fn blocks_of_a_clip_are_as_loud_as_all_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let rate = SampleRate::new(22_050).unwrap();
        for samples in [1, 100, 5000, BLOCK_SAMPLES + 9077] {
            let path = recording(folder.path(), samples);
            let noise = crate::audio::read_mono(&path, rate).unwrap();
            let noise = noise.channels()[0].as_slice();
            let mut paused = noise.to_vec();
            paused[samples / 4..samples / 2].fill(0.0);
            let offset: Vec<f32> = noise.iter().map(|x| 0.25 + 0.5 * x).collect();
            let silent = vec![0.0; samples];
            let sounds: [&[f32]; 4] = [noise, &paused, &offset, &silent];
            for sound in sounds {
                let wave = Waveform::mono(sound.to_vec(), rate);
                write_wav(&path, &wave, WavEncoding::Float32).unwrap();
                for front_end in levelled() {
                    assert!(FeatureStream::serves_clips(&front_end));
                    let whole = front_end.extractor().unwrap().compute(sound);
                    let values = streamed_clip(&path, &front_end);
                    let same = bits(&values) == bits(whole.values());
                    assert!(same, "{samples} samples, {front_end:?}");
                }
            }
        }
    }

    #[test]
    fn a_clip_of_another_rate_is_as_loud_as_all_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = recording(folder.path(), BLOCK_SAMPLES + 77);
        let front_end = FrontEnd::LogMel(LogMelConfig::cola());
        let sound = crate::audio::read_mono(&path, front_end.sample_rate()).unwrap();
        let whole = front_end.extractor().unwrap().compute_sound(&sound);
        let values = streamed_clip(&path, &front_end);
        assert!(bits(&values) == bits(whole.values()));
    }

    #[test]
    fn what_looks_at_the_features_of_a_whole_clip_is_not_served() {
        let limited = LogMelConfig {
            compression: Compression::Decibels {
                floor: 1e-10,
                top_db: Some(80.0),
            },
            ..LogMelConfig::small()
        };
        let subtracting = LogMelConfig {
            background: Background::Subtract,
            ..LogMelConfig::small()
        };
        for log_mel in [limited, subtracting] {
            assert!(!FeatureStream::serves_clips(&FrontEnd::LogMel(log_mel)));
        }
        let stereo = FrontEnd::Samples(SamplesConfig {
            sample_rate: SampleRate::new(22_050).unwrap(),
            channels: SoundChannels::Stereo,
        });
        assert!(!FeatureStream::serves_clips(&stereo));
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
