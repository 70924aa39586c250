//! Whether the shots of a recording are audible in what a detector uses of it: its channel, and its frequencies.

use super::shots_band::{OutOfHearing, ShotsBand};
use crate::audio::{AudioError, AudioReader, Cancelled, ChannelChoice, ChannelLevels, TimeScale};
use crate::dataset::Span;
use std::fmt;
use std::ops::Range;
use std::path::Path;

/// Why a detector cannot learn from shots.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ShotsUnheard {
    /// The channels cancel each other in the shots: their mean is silence there.
    Cancelled(Cancelled),
    /// The shots hold no sound, or the channel that was chosen does not.
    Silent {
        /// The largest absolute sample in the shots; full scale is 1.
        peak: f32,
    },
    /// The shots are audible, but the channels cancel each other in most of the sound around them.
    SurroundingsCancelled(Cancelled),
    /// The shots lie above or below the frequencies that the encoder receives, however the recording is played.
    OutOfHearing(OutOfHearing),
    /// The marks say that the shots lie above what the recording can hold.
    NotHeld {
        /// What the marks span together, Hz.
        marked: Range<f64>,
        /// The highest frequency of the recording, Hz.
        held_hz: f64,
    },
}

impl fmt::Display for ShotsUnheard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled(cancelled) => {
                write!(
                    f,
                    "the shots are silent once the channels are mixed: {cancelled}"
                )
            }
            Self::Silent { peak } => write!(
                f,
                "the shots are silent: their loudest sample is {peak:.6} of full scale"
            ),
            Self::SurroundingsCancelled(cancelled) => cancelled.fmt(f),
            Self::OutOfHearing(beyond) => beyond.fmt(f),
            Self::NotHeld { marked, held_hz } => write!(
                f,
                "the marks say {:.0} to {:.0} Hz, but the recording holds sound up to {held_hz:.0} Hz",
                marked.start, marked.end
            ),
        }
    }
}

/// Below this peak (−80 dB of full scale) shots count as silent.
const SILENT_PEAK: f32 = 1e-4;

/// What a look at shots has shown.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LookedAt {
    /// How much slower or faster the recording is played.
    pub time_scale: TimeScale,
    /// Why nothing can be learned from the shots nevertheless, if so.
    pub unheard: Option<ShotsUnheard>,
}

/// What a detector uses of a recording.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    pub(super) channel: ChannelChoice,
    /// The range of frequencies, Hz, that the front end covers in what is played; `None`: all that were recorded.
    pub(super) hearing: Option<Range<f64>>,
    /// Between which frequencies, Hz, the shots were marked, if that is known.
    pub(super) band_hz: Option<Range<f64>>,
    /// How much slower or faster the recording is played; `None`: as the shots need it.
    pub(super) time_scale: Option<TimeScale>,
}

/// Reads a recording up to its last shot, as a stream, and finds out how it must be played and whether a detector can learn
/// from the shots.
///
/// # Errors
/// If the recording cannot be read so far, or does not have the channel.
pub(super) fn look_at_shots(
    recording: &Path,
    shots: &[Span],
    heard: Heard,
) -> Result<LookedAt, AudioError> {
    let Heard {
        channel,
        hearing,
        band_hz,
        time_scale,
    } = heard;
    let mut reader = AudioReader::open(recording)?;
    let plane = channel.plane(&reader)?;
    let rate = f64::from(reader.sample_rate().hz());
    let sample = |secs: f64| (secs * rate).round() as usize;
    let spans: Vec<_> = shots
        .iter()
        .map(|s| sample(s.onset())..sample(s.offset()))
        .collect();
    let collect = |hearing| (ShotsBand::new(&spans, reader.sample_rate()), hearing);
    let mut band = hearing.map(collect);
    let last = spans.iter().map(|span| span.end).max().unwrap_or(0);
    let end = band.as_ref().map_or(last, |(band, _)| last.max(band.end()));
    let mut all = ChannelLevels::new(reader.channels());
    let mut of_shots = all.clone();
    let (mut position, mut peaks) = (0, vec![0.0_f32; reader.channels()]);
    while position < end {
        let Some(planes) = reader.next_block()? else {
            break;
        };
        all.add(planes);
        let len = planes[0].len();
        for span in &spans {
            let place = |at: usize| at.saturating_sub(position).min(len);
            let part = place(span.start)..place(span.end);
            let heard: Vec<&[f32]> = planes.iter().map(|plane| &plane[part.clone()]).collect();
            of_shots.add(&heard);
            for (peak, plane) in peaks.iter_mut().zip(heard) {
                *peak = plane.iter().fold(*peak, |peak, x| peak.max(x.abs()));
            }
        }
        if let Some((band, _)) = &mut band {
            band.add(position, planes, plane);
        }
        position += len;
    }
    let peak = match all.heard(channel) {
        Some(plane) => peaks[plane],
        None => peaks.into_iter().fold(0.0, f32::max),
    };
    let power = band.map(|(band, hearing)| (band.power().within(band_hz.as_ref()), hearing));
    let chosen = || {
        let (power, hearing) = power.as_ref()?;
        let lengths: Vec<_> = shots.iter().map(Span::secs).collect();
        Some(power.time_scale(&lengths, hearing))
    };
    let time_scale = time_scale.or_else(chosen).unwrap_or_default();
    let unheard = if peak < SILENT_PEAK && position > 0 {
        Some(ShotsUnheard::Silent { peak })
    } else {
        let cancelled = || of_shots.cancelled().map(ShotsUnheard::Cancelled);
        let around = || all.cancelled().map(ShotsUnheard::SurroundingsCancelled);
        let mixed = channel.is_mix().then(|| cancelled().or_else(around));
        let beyond = || {
            let (power, hearing) = power.as_ref()?;
            let out = power.out_of_hearing(hearing, time_scale);
            out.map(ShotsUnheard::OutOfHearing)
        };
        let not_held = || {
            let (marked, held_hz) = (band_hz?, rate / 2.0);
            // What has no encoder does not ask where the calls lie.
            let is_above = power.is_some() && marked.start >= held_hz;
            is_above.then_some(ShotsUnheard::NotHeld { marked, held_hz })
        };
        mixed.flatten().or_else(not_held).or_else(beyond)
    };
    Ok(LookedAt {
        time_scale,
        unheard,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{SampleRate, WavEncoding, Waveform, write_wav};

    /// Two channels: a call at 1 s, upside down in the second by `gain`, among noise of their own.
    fn recording(folder: &Path, gain: f32, noise: f32) -> std::path::PathBuf {
        let path = folder.join(format!("{gain}_{noise}.wav"));
        let mut state = 1_u32;
        let mut draw = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise * ((state >> 8) as f32 / (1 << 23) as f32 - 1.0)
        };
        let call = |i: usize, gain: f32| match (8000..9600).contains(&i) {
            true => gain * (i as f32 * 0.8).sin(),
            false => 0.0,
        };
        let mut channel = |gain| {
            (0..16_000)
                .map(|i| call(i, gain) + draw())
                .collect::<Vec<f32>>()
        };
        let sound = vec![channel(0.3), channel(gain)];
        let sound = Waveform::from_channels(sound, SampleRate::new(8000).unwrap()).unwrap();
        write_wav(&path, &sound, WavEncoding::Float32).unwrap();
        path
    }

    fn all_of(channel: &str) -> Heard {
        Heard {
            channel: channel.parse().unwrap(),
            hearing: None,
            band_hz: None,
            time_scale: None,
        }
    }

    #[test]
    fn shots_that_the_mix_has_lost_are_told_and_others_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let shots = [Span::new(1.0, 1.2).unwrap()];
        let heard = |path: &Path, channel: &str| {
            let heard = all_of(channel);
            look_at_shots(path, &shots, heard).unwrap().unheard
        };
        let opposite = recording(folder.path(), -0.3, 0.01);
        assert!(matches!(
            heard(&opposite, "mix"),
            Some(ShotsUnheard::Cancelled(_))
        ));
        let said = heard(&opposite, "mix").unwrap().to_string();
        assert!(
            said.starts_with("the shots are silent once the channels are mixed"),
            "{said}"
        );
        assert!(said.contains("--channel 1"), "{said}");
        assert_eq!(heard(&opposite, "1"), None);
        assert_eq!(heard(&opposite, "loudest"), None);
        let alike = recording(folder.path(), 0.3, 0.01);
        assert_eq!(heard(&alike, "mix"), None);
        let empty_side = recording(folder.path(), 0.0, 0.0);
        assert_eq!(heard(&empty_side, "mix"), None);
        assert!(matches!(
            heard(&empty_side, "2"),
            Some(ShotsUnheard::Silent { .. })
        ));
        assert!(look_at_shots(&empty_side, &shots, all_of("3")).is_err());
    }

    #[test]
    fn marks_above_what_the_recording_holds_are_told_where_frequencies_matter() {
        let folder = tempfile::tempdir().unwrap();
        let path = recording(folder.path(), 0.3, 0.01);
        let shots = [Span::new(1.0, 1.2).unwrap()];
        let unheard = |low: f64, hearing: Option<Range<f64>>| {
            let heard = Heard {
                hearing,
                band_hz: Some(low..low + 3000.0),
                ..all_of("1")
            };
            look_at_shots(&path, &shots, heard).unwrap().unheard
        };
        let told = unheard(40_000.0, Some(50.0..4000.0)).unwrap().to_string();
        let expected =
            "the marks say 40000 to 43000 Hz, but the recording holds sound up to 4000 Hz";
        assert_eq!(told, expected);
        assert_eq!(unheard(500.0, Some(50.0..4000.0)), None);
        assert_eq!(unheard(40_000.0, None), None);
    }
}
