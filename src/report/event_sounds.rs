//! The sound of found events, cut from a recording as it streams by, and as much of it as a page has room for.

use super::{adpcm, gallery::levelled};
use crate::audio::{AudioError, ChannelChoice, MonoReader, SampleRate, TimeScale};
use crate::detect::Event;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

/// Sound before and behind an event, in seconds of playing.
const MARGIN_SECS: f64 = 0.25;
/// The longest sound, in seconds of playing: of longer events the beginning is heard.
const MAX_SECS: u32 = 10;
/// Rates that every browser plays, Hz; others become the nearest of them.
const RATES: (u32, u32) = (8_000, 48_000);

/// The sounds of some events of one recording.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct EventSounds {
    /// Samples per second of playing.
    rate: u32,
    /// The first matter most.
    sounds: Vec<EventSound>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct EventSound {
    /// Its place among the events.
    event: usize,
    /// Four bits a sample, base64.
    sound: String,
    /// Whether the event goes on behind it.
    is_cut: bool,
}

/// How many sounds there is room for, and how many bytes of base64.
#[derive(Debug, Clone, Copy)]
pub(super) struct SoundRoom {
    sounds: usize,
    bytes: usize,
}

impl SoundRoom {
    /// Nobody listens to more, and a page of more loads slowly.
    const PAGE: Self = Self {
        sounds: 300,
        bytes: 6_000_000,
    };

    /// What one of `recordings` may keep for a page of them: more than its share, as others may need less, but little if they
    /// are many.
    pub(super) fn of_one(recordings: usize) -> Self {
        let part = |all: usize, least: usize| (4 * all / recordings.max(1)).clamp(least, all);
        Self {
            sounds: part(Self::PAGE.sounds, 6),
            bytes: part(Self::PAGE.bytes, 250_000),
        }
    }

    /// Gives a sound of so many bytes its place, if there is one.
    fn take(&mut self, bytes: usize) -> bool {
        let fits = self.sounds > 0 && bytes <= self.bytes;
        if fits {
            self.sounds -= 1;
            self.bytes -= bytes;
        }
        fits
    }
}

/// The events in the order in which they are worth a sound: those that are drawn before the others, and of either the one
/// that scores lowest, the highest, and then those between, so that the first of them are of all scores.
pub(super) fn worth_hearing(events: &[Event], is_drawn: impl Fn(&Event) -> bool) -> Vec<usize> {
    let mut by_score: Vec<usize> = (0..events.len()).collect();
    by_score.sort_by(|&a, &b| events[a].score.total_cmp(&events[b].score));
    let parts: (Vec<usize>, Vec<usize>) = by_score
        .into_iter()
        .partition(|&event| is_drawn(&events[event]));
    let mut order = Vec::with_capacity(events.len());
    for part in [parts.0, parts.1] {
        order.extend(ends_first(part.len()).into_iter().map(|place| part[place]));
    }
    order
}

/// All numbers below `count`: the first, the last, and then halving what lies between.
fn ends_first(count: usize) -> Vec<usize> {
    let Some(last) = count.checked_sub(1) else {
        return Vec::new();
    };
    let mut order = vec![0, last];
    order.truncate(count);
    let mut gaps = VecDeque::from([(0, last)]);
    while let Some((low, high)) = gaps.pop_front() {
        if high - low > 1 {
            let middle = low + (high - low) / 2;
            order.push(middle);
            gaps.extend([(low, middle), (middle, high)]);
        }
    }
    order
}

/// A recording as its events are to be heard: at its own rate, as it was played for the detector.
///
/// # Errors
/// As [`MonoReader::open`] and its settings.
pub(super) fn open(
    recording: &Path,
    channel: ChannelChoice,
    time_scale: TimeScale,
) -> Result<MonoReader, AudioError> {
    let reader = MonoReader::open(recording)?.on_channel(channel)?;
    let reader = reader.slowed(time_scale)?;
    let hz = reader.sample_rate().hz().clamp(RATES.0, RATES.1);
    reader.at_rate(SampleRate::new(hz)?)
}

/// Reads to the end. Gives the sounds of those of the `events` that there is `room` for, in the order of `worth`, and the number of
/// samples that were read. Only sounds that overlap are in memory together before they are coded.
///
/// # Errors
/// As [`MonoReader::next_block`].
pub(super) fn read(
    mut reader: MonoReader,
    events: &[Event],
    worth: &[usize],
    room: SoundRoom,
) -> Result<(EventSounds, u64), AudioError> {
    let rate = reader.sample_rate().hz();
    let mut waiting = cuts(&reader, events, worth, room).into_iter().peekable();
    let (mut open, mut sounds, mut position) = (Vec::new(), Vec::new(), 0);
    while let Some(block) = reader.next_block()? {
        let end = position + block.len() as u64;
        while let Some(cut) = waiting.next_if(|cut| cut.first < end) {
            open.push(cut);
        }
        for cut in &mut open {
            cut.take(block, position);
        }
        sounds.extend(open.extract_if(.., |cut| cut.end <= end).map(Cut::coded));
        position = end;
    }
    // The recording ended within their margin.
    sounds.extend(open.into_iter().map(Cut::coded));
    sounds.sort_by_key(|&(rank, _)| rank);
    let sounds = sounds.into_iter().map(|(_, sound)| sound).collect();
    Ok((EventSounds { rate, sounds }, position))
}

/// What is to be cut out, by its first sample.
fn cuts(reader: &MonoReader, events: &[Event], worth: &[usize], mut room: SoundRoom) -> Vec<Cut> {
    let rate = f64::from(reader.sample_rate().hz()) * reader.slowed_by();
    let sample = |secs: f64| (secs.max(0.0) * rate).round() as u64;
    let margin = MARGIN_SECS / reader.slowed_by();
    let most = u64::from(MAX_SECS * reader.sample_rate().hz());
    let mut cuts = Vec::new();
    for &event in worth {
        let span = &events[event].span;
        let first = sample(span.onset() - margin);
        let end = sample(span.offset() + margin).min(first + most);
        if room.take(coded_bytes(end - first)) {
            cuts.push(Cut {
                rank: cuts.len(),
                event,
                first,
                end,
                is_cut: end < sample(span.offset()),
                samples: Vec::new(),
            });
        }
    }
    cuts.sort_by_key(|cut| cut.first);
    cuts
}

/// Bytes of base64 of so many samples.
fn coded_bytes(samples: u64) -> usize {
    (4 + samples as usize / 2).div_ceil(3) * 4
}

/// The sound of an event that is being cut out.
struct Cut {
    rank: usize,
    event: usize,
    /// Its first sample, and the one behind its last.
    first: u64,
    end: u64,
    is_cut: bool,
    samples: Vec<f32>,
}

impl Cut {
    /// Takes what is its own of a block that starts at the sample `position`.
    fn take(&mut self, block: &[f32], position: u64) {
        let within = |sample: u64| (sample.saturating_sub(position) as usize).min(block.len());
        let own = within(self.first)..within(self.end);
        self.samples.extend_from_slice(&block[own]);
    }

    fn coded(self) -> (usize, EventSound) {
        let sound = EventSound {
            event: self.event,
            sound: STANDARD.encode(adpcm::encode(&levelled(&self.samples))),
            is_cut: self.is_cut,
        };
        (self.rank, sound)
    }
}

/// The sounds of a recording that a page has room for.
#[derive(Debug, Serialize)]
pub(super) struct Heard {
    /// The events that can be heard.
    events: Vec<usize>,
    /// Whether some of them go on behind their sound.
    is_cut: bool,
    /// JSON for the script.
    data: String,
}

/// What the script reads.
#[derive(Serialize)]
struct Data<'a> {
    rate: u32,
    /// By event.
    sounds: BTreeMap<usize, &'a str>,
}

/// What one page has room for of the sounds of its recordings: first of each the one that matters most, then the next.
pub(super) fn on_page(recordings: &[&EventSounds]) -> Vec<Heard> {
    let mut room = SoundRoom::PAGE;
    let mut kept: Vec<Vec<&EventSound>> = vec![Vec::new(); recordings.len()];
    let ranks = recordings.iter().map(|of| of.sounds.len()).max();
    for rank in 0..ranks.unwrap_or(0) {
        for (kept, of) in kept.iter_mut().zip(recordings) {
            let sound = of.sounds.get(rank);
            kept.extend(sound.filter(|sound| room.take(sound.sound.len())));
        }
    }
    let kept = kept.iter().zip(recordings);
    kept.map(|(kept, of)| Heard::of(kept, of.rate)).collect()
}

impl Heard {
    fn of(sounds: &[&EventSound], rate: u32) -> Self {
        let by_event = sounds.iter().map(|of| (of.event, of.sound.as_str()));
        let data = Data {
            rate,
            sounds: by_event.collect(),
        };
        Self {
            events: sounds.iter().map(|of| of.event).collect(),
            is_cut: sounds.iter().any(|of| of.is_cut),
            data: serde_json::to_string(&data).expect("numbers and text are JSON"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{WavEncoding, Waveform, write_wav};
    use crate::dataset::Span;

    fn event(onset: f64, offset: f64, score: f32) -> Event {
        Event {
            span: Span::new(onset, offset).unwrap(),
            score,
            kind: 0,
        }
    }

    /// The sounds of events of a recording that rises evenly from 0 to 1.
    fn sounds(secs: f64, hz: u32, scale: f64, events: &[Event]) -> EventSounds {
        let rate = SampleRate::new(hz).unwrap();
        let samples = (secs * f64::from(hz)) as usize;
        let ramp = (0..samples).map(|n| n as f32 / samples as f32).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ramp.wav");
        write_wav(&path, &Waveform::mono(ramp, rate), WavEncoding::Float32).unwrap();
        let scale = TimeScale::new(scale).unwrap();
        let reader = open(&path, ChannelChoice::Mix, scale).unwrap();
        let worth = worth_hearing(events, |_| true);
        let (sounds, read_samples) = read(reader, events, &worth, SoundRoom::PAGE).unwrap();
        let played = f64::from(sounds.rate) * secs * scale.slower();
        assert!((read_samples as f64 - played).abs() <= 1.0);
        sounds
    }

    /// Number of samples, and the first one.
    fn decoded(sounds: &EventSounds, event: usize) -> (usize, i16) {
        let sound = sounds.sounds.iter().find(|sound| sound.event == event);
        let bytes = STANDARD.decode(&sound.unwrap().sound).unwrap();
        (
            (bytes.len() - 4) * 2,
            i16::from_le_bytes([bytes[0], bytes[1]]),
        )
    }

    #[test]
    fn an_event_is_heard_where_it_lies_with_a_little_sound_around_it() {
        let events = [
            event(0.0, 0.1, 0.7),
            event(2.0, 2.5, 0.8),
            event(9.9, 10.0, 0.9),
        ];
        let sounds = sounds(10.0, 16_000, 1.0, &events);
        assert_eq!((sounds.rate, sounds.sounds.len()), (16_000, 3));
        // 0 to 0.35 s.
        assert_eq!(decoded(&sounds, 0), (5600, 0));
        // 1.75 to 2.75 s; its last sample, the loudest, is levelled to 0.9.
        let first = 0.9 * 28_000.0 / 43_999.0 * 32_767.0;
        let (samples, heard) = decoded(&sounds, 1);
        assert_eq!(samples, 16_000);
        assert!((f64::from(heard) - first).abs() <= 1.0, "{heard}, {first}");
        // 9.65 s to the end.
        assert_eq!(decoded(&sounds, 2).0, 5600);
        assert!(sounds.sounds.iter().all(|sound| !sound.is_cut));
    }

    #[test]
    fn bats_are_heard_as_slow_as_the_detector_heard_them() {
        let sounds = sounds(0.5, 384_000, 10.0, &[event(0.2, 0.21, 0.9)]);
        assert_eq!(sounds.rate, 38_400);
        // 0.1 s of playing, and 0.25 s on either side.
        assert_eq!(decoded(&sounds, 0).0, 23_040);
    }

    #[test]
    fn rates_that_browsers_refuse_become_others() {
        for (hz, heard) in [(96_000, 48_000), (4_000, 8_000), (44_100, 44_100)] {
            let sounds = sounds(1.0, hz, 1.0, &[event(0.5, 0.6, 0.9)]);
            assert_eq!(sounds.rate, heard);
            let samples = decoded(&sounds, 0).0 as f64;
            assert!((samples - 0.6 * f64::from(heard)).abs() <= 2.0, "{samples}");
        }
    }

    #[test]
    fn of_a_long_event_the_beginning_is_heard() {
        let sounds = sounds(14.0, 8_000, 1.0, &[event(1.0, 13.0, 0.9)]);
        assert_eq!(decoded(&sounds, 0).0, 80_000);
        assert!(sounds.sounds[0].is_cut);
        assert!(on_page(&[&sounds])[0].is_cut);
    }

    #[test]
    fn an_event_behind_the_end_has_no_sound() {
        let sounds = sounds(1.0, 8_000, 1.0, &[event(5.0, 6.0, 0.9)]);
        assert!(sounds.sounds.is_empty());
        assert!(on_page(&[&sounds])[0].events.is_empty());
    }

    #[test]
    fn sounds_are_bounded_in_number_and_bytes() {
        let short: Vec<Event> = (0..1000)
            .map(|n| f64::from(n) / 100.0)
            .map(|onset| event(onset, onset + 0.01, 0.5))
            .collect();
        let many = sounds(10.0, 8_000, 1.0, &short);
        assert_eq!(many.sounds.len(), 300);
        // Up to 10 s of 24,000 bytes, and a third more in base64, each.
        let long: Vec<Event> = (0..100)
            .map(|n| event(f64::from(n) / 9.0, 12.0, 0.5))
            .collect();
        let large = sounds(12.0, 48_000, 1.0, &long);
        let bytes = |of: &EventSounds| of.sounds.iter().map(|of| of.sound.len()).sum::<usize>();
        assert!(
            (5_000_000..=6_000_000).contains(&bytes(&large)),
            "{}",
            bytes(&large)
        );

        let page = on_page(&[&many, &large, &EventSounds::default(), &many]);
        let heard: Vec<usize> = page.iter().map(|heard| heard.events.len()).collect();
        assert!(heard.iter().sum::<usize>() <= 300, "{heard:?}");
        assert!([0, 1, 3].iter().all(|&of| heard[of] >= 10), "{heard:?}");
        assert_eq!(heard[2], 0);
        let data = page.iter().map(|heard| heard.data.len()).sum::<usize>();
        assert!(data < 6_100_000, "{data}");
    }

    #[test]
    fn one_of_many_recordings_keeps_little() {
        let room = SoundRoom::of_one;
        assert_eq!((room(1).sounds, room(1).bytes), (300, 6_000_000));
        assert_eq!(room(4).sounds, 300);
        assert_eq!(room(100).sounds, 12);
        assert_eq!((room(100_000).sounds, room(100_000).bytes), (6, 250_000));
    }

    #[test]
    fn the_first_sounds_are_of_drawn_events_of_all_scores() {
        let events: Vec<Event> = (0..9)
            .map(|n: u8| event(f64::from(n), f64::from(n) + 0.5, 0.9 - f32::from(n) / 20.0))
            .collect();
        let order = worth_hearing(&events, |event| event.span.onset() != 4.0);
        assert_eq!(order[..3], [8, 0, 5], "lowest, highest, one between");
        assert_eq!(order[8], 4);
        let mut all = order.clone();
        all.sort_unstable();
        assert_eq!(all, (0..9).collect::<Vec<_>>());
        assert!(worth_hearing(&[], |_| true).is_empty());
        assert_eq!(ends_first(1), [0]);
        assert_eq!(ends_first(2), [0, 1]);
        assert_eq!(ends_first(5), [0, 4, 2, 1, 3]);
    }
}
