//! What was found in recordings, as a page to look at.

use minijinja::{Environment, value::Serde};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;

use super::ReportError;
use super::calendar::calendar;
use super::chart::{Tick, hundredths, ticks};
use super::event_list::EventList;
use super::event_sounds::{self, EventSounds, Heard, SoundRoom, on_page, worth_hearing};
use super::frequency_axis::frequency_axis;
use super::spectrogram::data_uri;
use super::threshold_table::ThresholdTable;
use super::time_axis::{TimeTick, time_axis};
use crate::audio::{ChannelChoice, MonoReader, RecordedAt, SampleRate, TimeScale};
use crate::dataset::Span;
use crate::detect::{Detection, Detector, Event, EventCounts, ShotPicture, Track};
use crate::features::{FeatureStream, FrontEnd, LogMelConfig};
use crate::write_whole;

/// Pixels, and so frames, of a row of the spectrogram.
const ROW_PIXELS: usize = 1200;
/// A typical event is so many pixels wide, if rows of sensible length allow it.
const EVENT_PIXELS: f64 = 10.0;
/// Shortest and longest row, about, in seconds of playing.
const ROW_SECS: (f64, f64) = (2.0, 30.0);
/// More rows than anybody looks at only make the page large.
const MAX_ROWS: usize = 40;
/// Bars of the histogram of scores.
const BARS: usize = 18;
/// Points of a row's score line.
const SCORE_POINTS: usize = 600;

/// One recording with what was found in it, drawn.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordingPicture {
    name: String,
    shots: usize,
    by: Option<String>,
    label: Option<String>,
    events: usize,
    threshold: Option<String>,
    /// When the recording began, and who says so.
    began: Option<String>,
    /// `10 times slower`, where it was not played as it was recorded.
    speed: Option<String>,
    histogram: Option<Histogram>,
    thresholds: Option<ThresholdTable>,
    list: EventList,
    sounds: EventSounds,
    /// The frequencies beside each row.
    frequencies: Vec<Tick>,
    rows: Vec<Row>,
    rows_left_out: usize,
}

/// How many candidates have which score.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Histogram {
    bars: Vec<Bar>,
    threshold_at: f64,
    axis: Vec<Tick>,
    description: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Bar {
    left: f64,
    width: f64,
    height: f64,
    count: usize,
    kept: bool,
}

/// Some seconds of the recording; positions in per cent of the row.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Row {
    image: String,
    shots: Vec<Place>,
    events: Vec<EventPlace>,
    /// SVG path in a 100 × 100 box.
    scores: Option<String>,
    axis: Vec<TimeTick>,
    description: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Place {
    left: f64,
    width: f64,
    title: String,
}

/// Where an event lies in a row.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct EventPlace {
    /// Its place among the events.
    event: usize,
    /// Whether no row before has a part of it.
    is_first: bool,
    place: Place,
}

/// What is drawn of a recording besides what was found.
#[derive(Debug, Clone, Copy)]
pub struct Drawn<'a> {
    /// The channel that was searched.
    pub channel: ChannelChoice,
    /// How it was played for the detector.
    pub time_scale: TimeScale,
    /// When it began, if that is known.
    pub began: Option<RecordedAt>,
    /// How many recordings share a page; where they are many, each keeps fewer sounds.
    pub recordings: usize,
    /// The marks of this recording that were learned from.
    pub shots: &'a [Span],
    /// Whose marks were learned from, where it is not those of this recording alone: `5 marks of 1 recording`.
    pub by: Option<&'a str>,
    /// How long such an event usually is, in seconds.
    pub typical_secs: f64,
}

impl RecordingPicture {
    /// Reads a channel of the recording twice more and draws it as it was played for the detector, but with true times and
    /// frequencies: at most 40 rows, those with shots and, spread over the rest, those with events. Keeps the sound of at most
    /// 300 events, those in the rows first.
    ///
    /// # Errors
    /// If the recording cannot be read.
    pub fn new(recording: &Path, drawn: Drawn, detection: &Detection) -> crate::Result<Self> {
        let reader = event_sounds::open(recording, drawn.channel, drawn.time_scale)?;
        let (shots, events) = (drawn.shots, &detection.events);
        let (heard_rate, slower) = (reader.sample_rate(), reader.slowed_by());
        let scale = RowScale::for_events(drawn, slower);
        let likely = scale.worth_drawing(usize::MAX, shots, events);
        let is_likely = |event: &Event| likely.contains(&scale.row_of(event.span.onset()));
        let worth = worth_hearing(events, is_likely);
        let room = SoundRoom::of_one(drawn.recordings);
        let (sounds, samples) = event_sounds::read(reader, events, &worth, room)?;
        let count = scale.rows(samples, heard_rate);
        let wanted = scale.worth_drawing(count, shots, events);
        let mut rows = scale.draw(recording, &wanted, drawn, detection)?;
        let mut in_rows = BTreeSet::new();
        for place in rows.iter_mut().flat_map(|row| &mut row.events) {
            place.is_first = in_rows.insert(place.event);
        }
        Ok(Self {
            name: recording.display().to_string(),
            shots: shots.len(),
            by: drawn.by.map(str::to_owned),
            label: named(&detection.labels),
            events: events.len(),
            threshold: detection
                .track
                .as_ref()
                .map(|_| format!("{:.2}", detection.threshold)),
            began: drawn
                .began
                .map(|began| format!("{began} by {}", began.said_by)),
            speed: speed(drawn.time_scale),
            histogram: Histogram::of(detection),
            thresholds: ThresholdTable::of(detection),
            list: EventList::new(events, &detection.labels, &in_rows, drawn.began),
            sounds,
            frequencies: frequency_axis(&scale.log_mel(), slower),
            rows_left_out: count - rows.len(),
            rows,
        })
    }
}

/// What was looked for, where it has a name: `call, song`.
fn named(labels: &[Option<String>]) -> Option<String> {
    let names: Vec<&str> = labels.iter().flatten().map(String::as_str).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// `10 times slower`, `20 times faster`
fn speed(scale: TimeScale) -> Option<String> {
    let slower = scale.slower();
    if slower == 1.0 {
        return None;
    }
    let (times, how) = match slower > 1.0 {
        true => (slower, "slower"),
        false => (1.0 / slower, "faster"),
    };
    Some(format!("{} times {how}", hundredths(times)))
}

/// The shots that a kept detector learned from, drawn.
#[derive(Debug, Clone, Serialize)]
pub struct ShotsPicture {
    by: String,
    label: Option<String>,
    shots: Vec<ShotImage>,
}

/// One shot with a little before and behind it; where it lies, in per cent of the width.
#[derive(Debug, Clone, Serialize)]
struct ShotImage {
    image: String,
    /// What it is, where there are several kinds.
    label: Option<String>,
    left: f64,
    width: f64,
}

impl ShotsPicture {
    /// Of what the detector says of itself.
    pub fn new(detector: &Detector) -> Self {
        let learned = detector.learned();
        let image = |picture: ShotPicture| {
            let ShotPicture {
                bands,
                values,
                shot,
                kind,
            } = picture;
            let frames = (values.len() / bands.max(1)).max(1);
            let share = |frame: usize| hundredths(100.0 * frame as f64 / frames as f64);
            let (light, dark) = contrast(&values, SHOT_CONTRAST);
            ShotImage {
                image: data_uri(&values, bands, light, dark),
                label: learned.kinds.get(kind).cloned().flatten(),
                left: share(shot.start),
                width: hundredths(share(shot.end) - share(shot.start)),
            }
        };
        Self {
            by: learned.to_string(),
            label: named(&learned.labels()),
            shots: detector.shot_pictures().into_iter().map(image).collect(),
        }
    }
}

/// How long a row is.
#[derive(Debug, Clone, Copy)]
struct RowScale {
    /// Seconds of the recording: those of [`ROW_PIXELS`] hops, exactly, as errors would add up from row to row.
    secs: f64,
    hop: usize,
    channel: ChannelChoice,
    time_scale: TimeScale,
}

impl RowScale {
    /// Samples in a second that is played.
    const RATE: u32 = 22_050;
    /// The frequencies that are drawn of what is played, Hz.
    const BAND: [f64; 2] = [50.0, 11_025.0];

    /// `slower`: how many times slower the recording is played, exactly.
    fn for_events(drawn: Drawn, slower: f64) -> Self {
        let (pixels, rate) = (ROW_PIXELS as f64, f64::from(Self::RATE));
        let played = pixels / EVENT_PIXELS * drawn.typical_secs * slower;
        let played = played.clamp(ROW_SECS.0, ROW_SECS.1);
        let hop = (played * rate / pixels).round();
        Self {
            secs: pixels * hop / rate / slower,
            hop: hop as usize,
            channel: drawn.channel,
            time_scale: drawn.time_scale,
        }
    }

    fn log_mel(self) -> LogMelConfig {
        LogMelConfig {
            n_fft: 512.max(self.hop.next_power_of_two()),
            win_length: 512.max(self.hop.next_power_of_two()),
            hop_length: self.hop,
            n_mels: 72,
            f_min: Self::BAND[0],
            f_max: Self::BAND[1],
            ..LogMelConfig::small()
        }
    }

    /// Number of rows of a recording that was read to its end: its header may lie.
    fn rows(self, samples: u64, rate: SampleRate) -> usize {
        let drawn = samples as f64 * f64::from(Self::RATE) / f64::from(rate.hz());
        (drawn as usize / self.hop).div_ceil(ROW_PIXELS).max(1)
    }

    fn stream(self, recording: &Path) -> crate::Result<FeatureStream> {
        let reader = MonoReader::open(recording)?.on_channel(self.channel)?;
        let reader = reader.slowed(self.time_scale)?;
        let reader = reader.at_rate(SampleRate::new(Self::RATE)?)?;
        Ok(FeatureStream::new(
            reader,
            &FrontEnd::LogMel(self.log_mel()),
        )?)
    }

    fn row_of(self, secs: f64) -> usize {
        (secs / self.secs) as usize
    }

    /// The rows to draw, in order.
    fn worth_drawing(self, count: usize, shots: &[Span], events: &[Event]) -> Vec<usize> {
        if count <= MAX_ROWS {
            return (0..count).collect();
        }
        let of = |span: &Span| self.row_of(span.onset()).min(count - 1);
        let mut rows: Vec<usize> = shots.iter().map(of).collect();
        rows.dedup();
        rows.truncate(MAX_ROWS / 2);
        let mut with_events: Vec<usize> = events.iter().map(|event| of(&event.span)).collect();
        with_events.dedup();
        with_events.retain(|row| !rows.contains(row));
        let room = MAX_ROWS - rows.len();
        let step = with_events.len().div_ceil(room).max(1);
        rows.extend(with_events.into_iter().step_by(step));
        rows.sort_unstable();
        rows
    }

    fn draw(
        self,
        recording: &Path,
        wanted: &[usize],
        drawn: Drawn,
        detection: &Detection,
    ) -> crate::Result<Vec<Row>> {
        let mut stream = self.stream(recording)?;
        let (bands, frames) = (stream.bands(), ROW_PIXELS);
        let (mut rows, mut held, mut first) = (Vec::new(), Vec::new(), 0); // `held` begins at frame `first`
        let mut wanted = wanted.iter().peekable();
        let mut ended = false;
        while let Some(&&row) = wanted.peek() {
            let start = row * frames;
            let skip = (start - first).min(held.len() / bands);
            held.drain(..skip * bands);
            first += skip;
            if first == start && (held.len() >= frames * bands || ended) {
                let image = &held[..held.len().min(frames * bands)];
                rows.push(self.row(row, image, bands, drawn, detection));
                wanted.next();
            } else if ended {
                break;
            } else {
                match stream.next_block()? {
                    Some(block) => held.extend_from_slice(block.values()),
                    None => ended = true,
                }
            }
        }
        Ok(rows)
    }

    fn row(
        self,
        row: usize,
        image: &[f32],
        bands: usize,
        drawn: Drawn,
        detection: &Detection,
    ) -> Row {
        let (from, to) = (row as f64 * self.secs, (row + 1) as f64 * self.secs);
        let mut padded = image.to_vec();
        let (light, dark) = contrast(image, ROW_CONTRAST);
        padded.resize(ROW_PIXELS * bands, light);
        let place = |span: &Span, title: String| {
            let overlaps = span.onset() < to && span.offset() > from;
            overlaps.then(|| {
                let at = |secs: f64| hundredths(100.0 * (secs.clamp(from, to) - from) / self.secs);
                Place {
                    left: at(span.onset()),
                    width: hundredths(at(span.offset()) - at(span.onset())).max(0.1),
                    title,
                }
            })
        };
        let shots = drawn
            .shots
            .iter()
            .filter_map(|span| place(span, format!("shot, {span}")));
        let events = detection.events.iter().enumerate();
        let events = events.filter_map(|(event, found)| {
            let (number, span, score) = (event + 1, &found.span, found.score);
            let kind = detection.label_of(found);
            let kind = kind.filter(|_| detection.labels.len() > 1);
            let kind = kind.map_or_else(String::new, |label| format!("{label}, "));
            let title = format!("event {number}, {kind}{span}, score {score:.2}");
            place(span, title).map(|place| EventPlace {
                event,
                is_first: false, // known when all rows are there
                place,
            })
        });
        let (shots, events): (Vec<_>, Vec<_>) = (shots.collect(), events.collect());
        let [low, high] = Self::BAND.map(|hz| hz * self.time_scale.slower());
        let digits = if self.secs < 10.0 { 2 } else { 0 };
        Row {
            image: data_uri(&padded, bands, light, dark),
            description: format!(
                "Spectrogram from {from:.digits$} to {to:.digits$} seconds, {low} to {high} Hz: {} shots, {} events",
                shots.len(),
                events.len()
            ),
            shots,
            events,
            scores: detection
                .track
                .as_ref()
                .map(|track| score_path(track, from, to)),
            axis: time_axis(from, to, drawn.began),
        }
    }
}

/// The least difference between light and dark, so that noise alone stays pale: in decibels for rows of a recording, in
/// standard deviations for shots as a detector hears them.
const ROW_CONTRAST: f32 = 10.0;
const SHOT_CONTRAST: f32 = 1.0;

/// Background is light, the loudest hundredth of an image dark; so far apart at least.
fn contrast(image: &[f32], least: f32) -> (f32, f32) {
    if image.is_empty() {
        return (0.0, 1.0);
    }
    let mut sorted = image.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
    (at(0.4), at(0.995).max(at(0.4) + least))
}

/// The highest score of each of [`SCORE_POINTS`] stretches of a row.
fn score_path(track: &Track, from: f64, to: f64) -> String {
    let frame = |secs: f64| ((secs * track.frame_rate()) as usize).min(track.len());
    let points = (0..SCORE_POINTS).map(|point| {
        let at = |p: usize| from + (to - from) * p as f64 / SCORE_POINTS as f64;
        let (first, end) = (frame(at(point)), frame(at(point + 1)));
        let scores = &track.bytes()[first..end.max(first + 1).min(track.len()).max(first)];
        let score = scores.iter().copied().max().unwrap_or(0);
        let x = 100.0 * (point as f64 + 0.5) / SCORE_POINTS as f64;
        format!("{x:.2} {:.1}", 100.0 - 100.0 * f64::from(score) / 255.0)
    });
    format!("M{}", points.collect::<Vec<_>>().join("L"))
}

impl Histogram {
    /// Of the candidates, if the method gives such.
    fn of(detection: &Detection) -> Option<Self> {
        if detection.candidates.is_empty() {
            return None;
        }
        let lowest = detection
            .candidates
            .iter()
            .map(|event| f64::from(event.score));
        let low = (10.0 * lowest.fold(0.5, f64::min)).floor() / 10.0;
        let width = (1.0 - low) / BARS as f64;
        let mut counts = [0; BARS];
        for event in &detection.candidates {
            let bar = ((f64::from(event.score) - low) / width) as usize;
            counts[bar.min(BARS - 1)] += 1;
        }
        let most = counts.iter().copied().max().unwrap_or(1).max(1);
        let percent = |score: f64| hundredths(100.0 * (score - low) / (1.0 - low));
        let threshold = f64::from(detection.threshold);
        let bars = counts.iter().enumerate().map(|(bar, &count)| {
            let from = low + bar as f64 * width;
            Bar {
                left: percent(from),
                width: hundredths(100.0 / BARS as f64 - 0.6),
                height: hundredths(100.0 * f64::from(count) / f64::from(most)),
                count: count as usize,
                kept: from + width / 2.0 > threshold,
            }
        });
        Some(Self {
            bars: bars.collect(),
            threshold_at: percent(threshold),
            axis: ticks(low, 1.0),
            description: format!(
                "Histogram of the scores of {} candidates; {} score above the threshold {threshold:.2}",
                detection.candidates.len(),
                detection.events.len()
            ),
        })
    }
}

/// A page of what was found.
#[derive(Debug, Clone, Copy)]
pub struct DetectionPage<'a> {
    /// One after the other.
    pub recordings: &'a [RecordingPicture],
    /// What a kept detector learned from, if one searched.
    pub learned: Option<&'a ShotsPicture>,
    /// How many events there were at which hour, if that is to be drawn.
    pub counts: Option<&'a EventCounts>,
}

/// All the template sees.
#[derive(Serialize)]
struct Page<'a> {
    version: &'static str,
    recordings: Vec<Section<'a>>,
    learned: Option<&'a ShotsPicture>,
    calendar: Option<String>,
    /// Whether there is anything to play and to sort.
    has_events: bool,
}

/// One recording as the template sees it.
#[derive(Serialize)]
struct Section<'a> {
    picture: &'a RecordingPicture,
    heard: Heard,
}

impl DetectionPage<'_> {
    /// Writes one self-contained page: nothing fetched; the one script plays events and sorts their lists. It has room for the
    /// sounds of 300 events and for 6 MB of them.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        let label = self
            .recordings
            .first()
            .and_then(|picture| picture.label.as_deref());
        let calendar = self.counts.map(|counts| calendar(counts, label));
        let sounds: Vec<_> = self.recordings.iter().map(|of| &of.sounds).collect();
        let sections = self.recordings.iter().zip(on_page(&sounds));
        let sections = sections.map(|(picture, heard)| Section { picture, heard });
        let page = Page {
            version: env!("CARGO_PKG_VERSION"),
            recordings: sections.collect(),
            has_events: self.recordings.iter().any(|picture| picture.events > 0),
            learned: self.learned,
            calendar: calendar.transpose()?,
        };
        let mut environment = Environment::new();
        environment.add_template("detection.html", include_str!("detection.html"))?;
        environment.add_template("detection.js", include_str!("detection.js"))?;
        environment.add_template("sound.js", include_str!("sound.js"))?;
        let template = environment.get_template("detection.html")?;
        let page = template.render(Serde(page))? + "\n";
        write_whole(path, page.as_bytes()).map_err(|source| ReportError::Io {
            path: path.to_owned(),
            action: "writing",
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{TimeSource, WavEncoding, Waveform, write_wav};
    use crate::detect::expected_precision;
    use jiff::civil;
    use std::path::PathBuf;

    /// What is drawn of a recording that was played as it is.
    fn drawn(typical_secs: f64) -> Drawn<'static> {
        Drawn {
            channel: ChannelChoice::Mix,
            time_scale: TimeScale::NONE,
            began: None,
            recordings: 1,
            shots: &[],
            by: None,
            typical_secs,
        }
    }

    fn tone(folder: &Path, secs: u32, hz: u32) -> PathBuf {
        let path = folder.join("tone.wav");
        let rate = SampleRate::new(hz).unwrap();
        let samples = (0..secs * hz).map(|n| 0.4 * (n as f32 * 0.3).sin());
        let sound = Waveform::mono(samples.collect(), rate);
        write_wav(&path, &sound, WavEncoding::Int16).unwrap();
        path
    }

    fn detection(events: Vec<Event>) -> Detection {
        Detection {
            events,
            candidates: Vec::new(),
            threshold: 0.5,
            track: None,
            labels: Vec::new(),
        }
    }

    fn event(onset: f64, offset: f64, score: f32) -> Event {
        Event {
            span: Span::new(onset, offset).unwrap(),
            score,
            kind: 0,
        }
    }

    /// The page of one recording, which was kept and read back.
    fn page(recording: &Path, drawn: Drawn, events: Vec<Event>) -> String {
        page_of(recording, drawn, &detection(events))
    }

    fn page_of(recording: &Path, drawn: Drawn, detection: &Detection) -> String {
        let picture = RecordingPicture::new(recording, drawn, detection).unwrap();
        let kept = serde_json::to_string(&picture).unwrap();
        let picture: RecordingPicture = serde_json::from_str(&kept).unwrap();
        assert_eq!(serde_json::to_string(&picture).unwrap(), kept);
        let path = recording.with_extension("html");
        let page = DetectionPage {
            recordings: &[picture],
            learned: None,
            counts: None,
        };
        page.write(&path).unwrap();
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_row_is_as_long_as_its_frames() {
        for (typical_secs, slower) in [(0.001, 1.0), (0.3, 1.0), (9.0, 1.0), (0.01, 19.99)] {
            let scale = RowScale::for_events(drawn(typical_secs), slower);
            let frames = scale.secs * slower * 22_050.0 / scale.hop as f64;
            assert!((frames - 1200.0).abs() < 1e-9, "{scale:?}");
            let played = scale.secs * slower;
            assert!((1.9..30.1).contains(&played), "{scale:?}");
        }
    }

    #[test]
    fn every_event_can_be_heard_found_in_the_list_and_jumped_to() {
        let folder = tempfile::tempdir().unwrap();
        let recording = tone(folder.path(), 4, 16_000);
        let events = vec![
            event(0.0, 0.2, 0.61),
            event(1.5, 1.7, 0.95),
            event(3.8, 4.0, 0.7),
        ];
        let began = RecordedAt {
            clock: civil::date(2023, 5, 1).at(4, 30, 0, 0),
            utc_offset_mins: None,
            said_by: TimeSource::Name,
        };
        let drawn = Drawn {
            began: Some(began),
            ..drawn(0.2)
        };
        let page = page(&recording, drawn, events);
        for event in 0..3 {
            let id = format!("id=\"r1e{event}\"");
            assert_eq!(page.matches(&id).count(), 1, "{id}");
            assert!(page.contains(&format!("href=\"#r1e{event}\"")));
            let button = format!("data-recording=\"1\" data-event=\"{event}\"");
            assert_eq!(page.matches(&button).count(), 2, "list and spectrogram");
        }
        assert!(page.contains("event 1, 0.000 to 0.200 s, score 0.61"));
        assert!(page.contains("<td>04:30:01</td><td>0.200</td><td>0.95</td>"));
        assert!(page.contains("The recording began at 2023-05-01 04:30:00 by its name"));
        assert!(page.contains("<br>04:30:10"), "the axis has times of day");
        assert!(page.contains(">10 kHz</span>"));
        assert!(page.contains("script-src 'unsafe-inline'"));
        assert!(page.contains("id=\"sounds-1\">{\"rate\":16000,\"sounds\":{\"0\":\""));
        assert!(!page.contains("://"), "the page fetches nothing");
    }

    #[test]
    fn without_events_there_is_neither_list_nor_script() {
        let folder = tempfile::tempdir().unwrap();
        let recording = tone(folder.path(), 1, 8_000);
        let page = page(&recording, drawn(0.2), Vec::new());
        assert!(page.contains("0 events found"));
        assert!(!page.contains("<script") && !page.contains("script-src"));
        assert!(!page.contains("<table"));
    }

    #[test]
    fn it_is_shown_what_other_thresholds_would_keep_and_how_much_of_it_may_be_right() {
        let folder = tempfile::tempdir().unwrap();
        let recording = tone(folder.path(), 1, 8_000);
        let surest = event(0.1, 0.3, 0.96);
        let mut track = Track::new(100.0);
        track.extend(&[0.9; 100]);
        let detection = Detection {
            candidates: vec![surest, event(0.6, 0.8, 0.62)],
            track: Some(track),
            ..detection(vec![surest])
        };
        let of_surest = 100.0 * expected_precision(&[surest]).unwrap();
        let page = page_of(&recording, drawn(0.2), &detection);
        for row in [
            "<tr><td>0.60</td><td>2</td><td>".to_owned(),
            format!("<tr><td>0.65</td><td>1</td><td>{of_surest:.0} %</td></tr>"),
            "<tr><td>1.00</td><td>0</td><td>–</td></tr>".to_owned(),
        ] {
            assert!(page.contains(&row), "{row}");
        }
        assert_eq!(page.matches("expected precision").count(), 1);
    }

    #[test]
    fn of_a_long_recording_only_drawn_events_are_links_and_they_are_heard_first() {
        let folder = tempfile::tempdir().unwrap();
        let recording = tone(folder.path(), 200, 8_000);
        let onsets = (0..90).map(|n| 2.2 * f64::from(n));
        let events: Vec<_> = onsets
            .map(|onset| event(onset, onset + 0.01, 0.8))
            .collect();
        let all = page(&recording, drawn(0.01), events.clone());
        assert_eq!(all.matches("<tr data-time=").count(), 90);
        let links = all.matches("href=\"#r1e").count();
        assert!((20..=40).contains(&links), "{links}");
        assert_eq!(all.matches(" id=\"r1e").count(), links);
        assert_eq!(all.matches("data-recording=\"1\"").count(), 90 + links);

        let one_of_many = Drawn {
            recordings: 100_000,
            ..drawn(0.01)
        };
        let few = page(&recording, one_of_many, events);
        assert!(few.contains("6 of 90 events have sound"));
        assert_eq!(few.matches("data-recording=\"1\"").count(), 6 + 6);
        assert_eq!(few.matches("href=\"#r1e").count(), links);
    }

    #[test]
    fn of_several_kinds_every_event_says_which_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let recording = tone(folder.path(), 1, 8_000);
        let song = event(0.2, 0.4, 0.9);
        let call = Event {
            kind: 1,
            ..event(0.6, 0.7, 0.8)
        };
        let found = Detection {
            labels: ["song", "call"]
                .map(|label| Some(label.to_owned()))
                .to_vec(),
            ..detection(vec![song, call])
        };
        let page = page_of(&recording, drawn(0.2), &found);
        assert!(page.contains("of song, call"));
        assert!(page.contains("event 2, call, 0.600 to 0.700 s, score 0.80"));
        assert!(page.contains("<td>0.90</td><td>song</td></tr>"));
        assert!(page.contains("<th scope=\"col\">kind</th>"));
    }

    #[test]
    fn bats_are_told_to_be_played_slower() {
        let folder = tempfile::tempdir().unwrap();
        let recording = tone(folder.path(), 1, 256_000);
        let slower = Drawn {
            time_scale: TimeScale::new(10.0).unwrap(),
            ..drawn(0.005)
        };
        let page = page(&recording, slower, vec![event(0.5, 0.505, 0.9)]);
        assert!(page.contains("played 10 times slower than it was recorded"));
        assert!(page.contains("{\"rate\":25600,"));
        assert!(page.contains(">100 kHz</span>"));
        assert_eq!(
            speed(TimeScale::new(0.05).unwrap()).as_deref(),
            Some("20 times faster")
        );
    }

    #[test]
    fn names_from_outside_cannot_become_markup() {
        let folder = tempfile::tempdir().unwrap();
        let recording = tone(folder.path(), 1, 8_000);
        let hostile = Drawn {
            by: Some("</p><script>alert(1)</script>"),
            ..drawn(0.2)
        };
        let found = Detection {
            labels: vec![Some("</p><script>alert(2)</script>".to_owned())],
            ..detection(vec![event(0.2, 0.4, 0.9)])
        };
        let page = page_of(&recording, hostile, &found);
        assert!(!page.contains("<script>alert"), "unescaped");
        assert_eq!(page.matches("&lt;script&gt;alert").count(), 2);
    }
}
