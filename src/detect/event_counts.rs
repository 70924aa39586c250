//! How many events a day and an hour, over any number of recordings.

use super::DetectError;
use crate::audio::RecordedAt;
use jiff::{SignedDuration, civil::Date};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt::Write, path::Path};

/// Microseconds of an hour.
const HOUR: u64 = 3_600_000_000;
/// Ten years: no recording is longer, and nothing may keep us counting hours.
const LONGEST: u64 = 10 * 366 * 24 * HOUR;

/// Recordings, what was searched of them and what was found there, by day and hour of the recorders' clocks.
///
/// Recordings are given one after the other. What is kept grows with the hours that they lie in, and not with their number.
///
/// ```
/// use chiffchaff::{audio::recorded_at, detect::EventCounts};
///
/// let mut counts = EventCounts::default();
/// let start = recorded_at("SITE_20230501_235950.wav".as_ref());
/// counts.add(start.at, 20.0, [2.0, 12.0, 13.5]);
/// assert_eq!(
///     counts.csv(),
///     "date,hour,recordings,minutes,events,events_per_hour\n\
///      2023-05-01,23,1,0.167,1,360.000\n\
///      2023-05-02,0,1,0.167,2,720.000\n"
/// );
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventCounts {
    days: BTreeMap<Date, Day>,
    /// Of recordings that nobody knows the time of.
    unknown: Tally,
    /// Recordings by the zone of their clock, in minutes ahead of UTC.
    zones: BTreeMap<i16, u64>,
    /// Recordings with a time whose zone is not said.
    without_zone: u64,
}

/// A day and its hours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Day {
    whole: Tally,
    hours: BTreeMap<u8, Tally>,
}

/// What lies in a stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Recordings of which a part lies in it.
    pub recordings: u64,
    /// How much was searched, in microseconds: whole numbers give the same sum in any order.
    pub searched_micros: u64,
    /// Events that begin in it.
    pub events: u64,
}

impl Tally {
    /// How much was searched, in hours.
    pub fn searched_hours(&self) -> f64 {
        self.searched_micros as f64 / HOUR as f64
    }

    /// Events in an hour of sound; `None` where nothing was searched.
    pub fn events_per_hour(&self) -> Option<f64> {
        (self.searched_micros > 0).then(|| self.events as f64 / self.searched_hours())
    }

    /// Puts the two together; a recording that lies in both counts twice.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            recordings: self.recordings + other.recordings,
            searched_micros: self.searched_micros + other.searched_micros,
            events: self.events + other.events,
        }
    }
}

impl EventCounts {
    /// Tally a recording: when it began, if that is known, how much of it was searched, in seconds from its start, and where its
    /// events begin, in seconds from there.
    ///
    /// Each hour and day gets its own part. An event behind the end of what was searched counts to its last moment.
    pub fn add(
        &mut self,
        at: Option<RecordedAt>,
        searched_secs: f64,
        onsets: impl IntoIterator<Item = f64>,
    ) {
        let searched = micros(searched_secs);
        match at {
            Some(at) => self.add_at(at, searched, onsets.into_iter().map(micros)),
            None => {
                self.unknown.recordings += 1;
                self.unknown.searched_micros += searched;
                self.unknown.events += onsets.into_iter().count() as u64;
            }
        }
    }

    fn add_at(&mut self, at: RecordedAt, searched: u64, onsets: impl Iterator<Item = u64>) {
        match at.utc_offset_mins {
            Some(minutes) => *self.zones.entry(minutes).or_default() += 1,
            None => self.without_zone += 1,
        }
        // All in microseconds since the midnight before it began.
        let midnight = at.clock.date();
        let start = micros_of_day(at);
        let end = start + searched;
        let last = end.max(start + 1) - 1;
        for hour in start / HOUR..=last / HOUR {
            let part = end.min((hour + 1) * HOUR) - start.max(hour * HOUR);
            let is_first_of_day = hour == start / HOUR || hour % 24 == 0;
            self.change(midnight, hour, |counts, is_day| {
                counts.searched_micros += part;
                counts.recordings += u64::from(!is_day || is_first_of_day);
            });
        }
        for onset in onsets {
            let hour = (start + onset).min(last) / HOUR;
            self.change(midnight, hour, |counts, _| counts.events += 1);
        }
    }

    /// Changes the counts of a day, and those of one of its hours, so many hours after a midnight.
    fn change(&mut self, midnight: Date, hours: u64, mut change: impl FnMut(&mut Tally, bool)) {
        let days = SignedDuration::from_hours((hours / 24 * 24) as i64);
        // The calendar of the crate ends in 9999, and recordings begin before 2101 and last ten years at most.
        let day = self.days.entry(midnight.saturating_add(days)).or_default();
        change(&mut day.whole, true);
        change(day.hours.entry((hours % 24) as u8).or_default(), false);
    }

    /// Whether no recording was counted.
    pub fn is_empty(&self) -> bool {
        self.days.is_empty() && self.unknown.recordings == 0
    }

    /// Every hour that was searched, by date and hour of the day from 0 to 23. A recording counts in each hour that it lies in.
    pub fn hours(&self) -> impl Iterator<Item = (Date, u8, Tally)> {
        self.days.iter().flat_map(|(&date, day)| {
            let hours = day.hours.iter();
            hours.map(move |(&hour, &counts)| (date, hour, counts))
        })
    }

    /// Every day that was searched.
    pub fn days(&self) -> impl Iterator<Item = (Date, Tally)> {
        self.days.iter().map(|(&date, day)| (date, day.whole))
    }

    /// The recordings that nobody knows the time of.
    pub fn unknown(&self) -> Tally {
        self.unknown
    }

    /// Recordings by the zone of their clock, in minutes ahead of UTC, and first those whose zone is not said.
    pub fn zones(&self) -> impl Iterator<Item = (Option<i16>, u64)> {
        let without = (self.without_zone > 0).then_some((None, self.without_zone));
        let with = self.zones.iter();
        without
            .into_iter()
            .chain(with.map(|(&zone, &count)| (Some(zone), count)))
    }

    /// `date,hour,recordings,minutes,events,events_per_hour`: a line for every hour that was searched, and one without date and hour
    /// for all recordings that nobody knows the time of. An hour without a line was not searched.
    pub fn csv(&self) -> String {
        let mut text = "date,hour,recordings,minutes,events,events_per_hour\n".to_owned();
        for (date, hour, counts) in self.hours() {
            line(&mut text, format_args!("{date},{hour}"), counts);
        }
        if self.unknown.recordings > 0 {
            line(&mut text, format_args!(","), self.unknown);
        }
        text
    }

    /// Writes [`Self::csv`], whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_csv(&self, path: &Path) -> Result<(), DetectError> {
        crate::write_whole(path, self.csv().as_bytes()).map_err(|source| DetectError::Io {
            path: path.to_owned(),
            action: "written",
            source,
        })
    }
}

fn line(text: &mut String, when: std::fmt::Arguments, counts: Tally) {
    let minutes = 60.0 * counts.searched_hours();
    let rate = counts.events_per_hour();
    let rate = rate.map_or(String::new(), |rate| format!("{rate:.3}"));
    let (recordings, events) = (counts.recordings, counts.events);
    writeln!(text, "{when},{recordings},{minutes:.3},{events},{rate}")
        .expect("a string takes any text");
}

/// Whole microseconds; what is no length is none.
fn micros(secs: f64) -> u64 {
    ((secs * 1e6).round() as u64).min(LONGEST)
}

fn micros_of_day(at: RecordedAt) -> u64 {
    let time = at.clock.time();
    let secs =
        3600 * i64::from(time.hour()) + 60 * i64::from(time.minute()) + i64::from(time.second());
    let micros = 1_000_000 * secs + i64::from(time.subsec_nanosecond()) / 1000;
    micros.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::TimeSource;
    use jiff::civil::{self, DateTime};

    fn at(clock: DateTime) -> Option<RecordedAt> {
        Some(RecordedAt {
            clock,
            utc_offset_mins: None,
            said_by: TimeSource::Name,
        })
    }

    fn rows(counts: &EventCounts) -> Vec<String> {
        let csv = counts.csv();
        csv.lines().skip(1).map(str::to_owned).collect()
    }

    #[test]
    fn recordings_within_an_hour_are_added_up() {
        let mut counts = EventCounts::default();
        for minute in [0, 10, 50] {
            let start = civil::date(2023, 5, 1).at(4, minute, 0, 0);
            counts.add(at(start), 600.0, [0.0, 599.9]);
        }
        counts.add(at(civil::date(2023, 5, 1).at(6, 0, 0, 0)), 60.0, []);
        assert_eq!(
            rows(&counts),
            [
                "2023-05-01,4,3,30.000,6,12.000",
                "2023-05-01,6,1,1.000,0,0.000"
            ]
        );
        let days: Vec<_> = counts.days().collect();
        let searched_micros = 31 * 60 * 1_000_000;
        let whole = Tally {
            recordings: 4,
            searched_micros,
            events: 6,
        };
        assert_eq!(days, [(civil::date(2023, 5, 1), whole)]);
    }

    #[test]
    fn midnights_of_months_leap_days_and_years_are_crossed() {
        let nights = [
            ((2023, 4, 30), "2023-04-30", "2023-05-01"),
            ((2024, 2, 28), "2024-02-28", "2024-02-29"),
            ((2024, 2, 29), "2024-02-29", "2024-03-01"),
            ((2023, 2, 28), "2023-02-28", "2023-03-01"),
            ((2100, 2, 28), "2100-02-28", "2100-03-01"),
            ((2023, 12, 31), "2023-12-31", "2024-01-01"),
        ];
        for ((year, month, day), before, behind) in nights {
            let mut counts = EventCounts::default();
            let start = civil::date(year, month, day).at(23, 59, 30, 500_000_000);
            counts.add(at(start), 60.0, [0.0, 29.499, 29.5, 59.0]);
            assert_eq!(
                rows(&counts),
                [
                    format!("{before},23,1,0.492,2,244.068"),
                    format!("{behind},0,1,0.508,2,236.066"),
                ]
            );
            assert!(counts.days().all(|(_, day)| day.recordings == 1));
        }
    }

    #[test]
    fn a_recording_of_days_counts_once_a_day_and_once_an_hour() {
        let mut counts = EventCounts::default();
        let start = civil::date(2023, 12, 30).at(12, 30, 0, 0);
        counts.add(
            at(start),
            60.0 * 3600.0,
            (0..60).map(|hour| 3600.0 * f64::from(hour)),
        );
        let days: Vec<_> = counts.days().collect();
        let of = |days: &[(Date, Tally)]| -> Vec<_> {
            let counts = days.iter().map(|(_, day)| *day);
            counts
                .map(|day| (day.recordings, day.events, day.searched_hours()))
                .collect()
        };
        assert_eq!(
            of(&days),
            [(1, 12, 11.5), (1, 24, 24.0), (1, 24, 24.0), (1, 0, 0.5)]
        );
        assert_eq!(days[3].0, civil::date(2024, 1, 2));
        assert_eq!(counts.hours().count(), 61);
        assert!(counts.hours().all(|(.., hour)| hour.recordings == 1));
        let summed = counts
            .hours()
            .fold(Tally::default(), |sum, (.., hour)| sum.plus(hour));
        assert_eq!((summed.events, summed.searched_hours()), (60, 60.0));
    }

    #[test]
    fn an_end_on_the_hour_does_not_begin_the_next_one() {
        let mut counts = EventCounts::default();
        counts.add(
            at(civil::date(2023, 5, 1).at(4, 0, 0, 0)),
            3600.0,
            [3600.0, 4000.0],
        );
        assert_eq!(rows(&counts), ["2023-05-01,4,1,60.000,2,2.000"]);
    }

    #[test]
    fn what_has_no_time_is_counted_apart() {
        let mut counts = EventCounts::default();
        assert!(counts.is_empty());
        counts.add(None, 90.0, [1.0, 2.0]);
        counts.add(None, 90.0, []);
        assert!(!counts.is_empty());
        assert_eq!(rows(&counts), [",,2,3.000,2,40.000"]);
        assert_eq!(counts.hours().count(), 0);
    }

    #[test]
    fn lengths_that_are_none_count_nothing_and_end() {
        let mut counts = EventCounts::default();
        let start = at(civil::date(2023, 5, 1).at(4, 0, 0, 0));
        for secs in [f64::NAN, -1.0, f64::NEG_INFINITY, 0.0] {
            counts.add(start, secs, []);
        }
        assert_eq!(rows(&counts), ["2023-05-01,4,4,0.000,0,"]);
        counts.add(start, f64::INFINITY, [f64::INFINITY]);
        assert!(counts.days().count() <= 3661);
    }

    #[test]
    fn memory_does_not_grow_with_recordings_and_order_does_not_matter() {
        let add = |counts: &mut EventCounts, index: u32| {
            let minute = (index % 60) as i8;
            let start = civil::date(2023, 5, 1).at(4, minute, 0, 123_456_000);
            counts.add(at(start), 0.1 + f64::from(index % 7), [0.05]);
        };
        let (mut forth, mut back) = (EventCounts::default(), EventCounts::default());
        for index in 0..2000 {
            add(&mut forth, index);
            add(&mut back, 1999 - index);
        }
        assert_eq!(forth, back);
        assert_eq!(forth.hours().count(), 1);
        assert!(serde_json::to_string(&forth).unwrap().len() < 400);
    }

    #[test]
    fn counts_are_kept_and_gone_on_with() {
        let mut counts = EventCounts::default();
        counts.add(
            at(civil::date(2024, 2, 29).at(23, 30, 0, 0)),
            7200.0,
            [1.0, 3600.0],
        );
        counts.add(None, 1.0, [0.5]);
        let zone = Some(RecordedAt {
            utc_offset_mins: Some(-210),
            ..at(civil::date(2024, 3, 1).at(5, 0, 0, 0)).unwrap()
        });
        counts.add(zone, 10.0, []);
        let text = serde_json::to_string(&counts).unwrap();
        let mut again: EventCounts = serde_json::from_str(&text).unwrap();
        assert_eq!(again, counts);
        assert_eq!(
            again.zones().collect::<Vec<_>>(),
            [(None, 1), (Some(-210), 1)]
        );
        again.add(zone, 10.0, [1.0]);
        assert_eq!(rows(&again)[4], ",,1,0.017,1,3600.000");
        assert_eq!(rows(&again)[3], "2024-03-01,5,2,0.333,1,180.000");
    }

    #[test]
    fn the_table_is_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hours.csv");
        EventCounts::default().write_csv(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "date,hour,recordings,minutes,events,events_per_hour\n"
        );
        let error = EventCounts::default().write_csv(Path::new("/no/such/hours.csv"));
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("/no/such/hours.csv")
        );
    }
}
