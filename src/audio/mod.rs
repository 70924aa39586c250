//! Sound files in, [`Waveform`]s out.
//!
//! | want | use |
//! |---|---|
//! | a clip as one channel at a given rate | [`read_mono`], [`read_mono_span`] |
//! | one channel of it, or the loudest | [`MonoReader::on_channel`] |
//! | the same as a stream, for recordings of any length | [`MonoReader`] |
//! | ultrasound and infrasound, played slower or faster | [`MonoReader::slowed`] |
//! | a clip as two channels, where it has them | [`read_stereo`], [`read_stereo_span`] |
//! | every channel at the file's own rate, as a stream | [`AudioReader`] |
//! | when a recording began | [`recorded_at()`] |
//! | another rate | [`Resampler`], [`Waveform::resampled`] |
//! | a file | [`write_wav`] |
//!
//! Samples are `f32` with full scale at ±1; time is in samples, or in seconds where a name says so. Whatever the
//! file holds, reading it ends in samples or in an [`AudioError`] that names file and reason.
//!
//! ```
//! use chiffchaff::audio::{SampleRate, WavEncoding, Waveform, read_mono, write_wav};
//!
//! let rate = SampleRate::new(44_100)?;
//! let tone = (0..44_100).map(|n| 0.5 * (n as f32 * 0.06).sin()).collect();
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("tone.wav");
//! write_wav(&path, &Waveform::mono(tone, rate), WavEncoding::Int16)?;
//!
//! let clip = read_mono(&path, SampleRate::new(16_000)?)?;
//! assert_eq!((clip.len(), clip.secs()), (16_000, 1.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod adpcm;
mod adts;
mod aiff;
mod au;
mod caf;
mod channel;
mod container;
mod demuxed;
mod edits;
mod error;
mod ffmpeg;
mod flac;
mod he_aac;
mod matroska;
mod mono;
mod mpeg;
mod ogg;
mod open;
mod packets;
mod pcm;
mod reader;
mod recorded_at;
mod remark;
mod resample;
mod scan;
mod source;
mod stereo;
#[cfg(test)]
mod tests;
mod time_scale;
mod wave;
mod waveform;
mod write;

pub(crate) use channel::ChannelLevels;
pub use channel::{Cancelled, ChannelChoice, NoChannelChoice};
pub use error::{AudioError, ReadProblem};
pub use mono::{MonoReader, read_mono, read_mono_span};
pub use reader::{AudioReader, MAX_SAMPLES_AT_ONCE};
pub(crate) use recorded_at::utc_offset;
pub use recorded_at::{RecordedAt, RecordingStart, TimeSource, TimesDiffer, recorded_at};
pub use remark::{ReadRemark, take_remarks};
pub use resample::Resampler;
pub use stereo::{read_stereo, read_stereo_span};
pub(crate) use stereo::{read_stereo_remarked, read_stereo_span_remarked};
pub use time_scale::{NoTimeScale, TimeScale};
pub use waveform::{SampleRate, SoundChannels, Waveform};
pub use write::{WavEncoding, write_wav};
