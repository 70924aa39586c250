//! The time below a spectrogram: seconds from the start, and what the recorder's clock showed.

use super::chart::valued_ticks;
use crate::audio::RecordedAt;
use jiff::{
    SignedDuration,
    civil::{DateTime, Time},
};
use serde::{Deserialize, Serialize};

/// A labelled moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TimeTick {
    /// Per cent of the axis.
    at: f64,
    /// Seconds from the start.
    label: String,
    /// The time of day.
    clock: Option<String>,
}

/// Labels of an axis from one second of a recording to another one.
pub(super) fn time_axis(from: f64, to: f64, began: Option<RecordedAt>) -> Vec<TimeTick> {
    let ticks = valued_ticks(from, to).into_iter().map(|(secs, tick)| {
        let decimals = tick.label.split_once('.');
        let decimals = decimals.map_or(0, |(_, decimals)| decimals.len());
        let moment = began.and_then(|began| moment(began, secs));
        TimeTick {
            at: tick.at,
            label: tick.label,
            clock: moment.map(|moment| time_of_day(moment.time(), decimals)),
        }
    });
    ticks.collect()
}

/// What the clock of a recorder showed so many seconds after the start, to the microsecond.
pub(super) fn moment(began: RecordedAt, secs: f64) -> Option<DateTime> {
    let micros = SignedDuration::from_micros((secs * 1e6).round() as i64);
    began.clock.checked_add(micros).ok()
}

/// As a clock with so many decimals of a second shows it: `04:30:07`, `04:30:07.2`.
pub(super) fn time_of_day(time: Time, decimals: usize) -> String {
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    let whole = format!("{hour:02}:{minute:02}:{second:02}");
    let rest = format!("{:09}", time.subsec_nanosecond());
    match decimals.min(rest.len()) {
        0 => whole,
        decimals => format!("{whole}.{}", &rest[..decimals]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::TimeSource;
    use jiff::civil;

    fn began() -> RecordedAt {
        RecordedAt {
            clock: civil::date(2023, 5, 1).at(23, 59, 20, 0),
            utc_offset_mins: None,
            said_by: TimeSource::Name,
        }
    }

    fn labels(from: f64, to: f64) -> Vec<(String, Option<String>)> {
        let ticks = time_axis(from, to, Some(began())).into_iter();
        ticks.map(|tick| (tick.label, tick.clock)).collect()
    }

    fn label(secs: &str, clock: &str) -> (String, Option<String>) {
        (secs.to_owned(), Some(clock.to_owned()))
    }

    #[test]
    fn ticks_have_seconds_and_time_of_day_also_behind_midnight() {
        assert_eq!(
            labels(29.986, 59.972),
            [
                label("30", "23:59:50"),
                label("40", "00:00:00"),
                label("50", "00:00:10"),
            ]
        );
        assert_eq!(
            labels(0.0, 2.0),
            [
                label("0.0", "23:59:20.0"),
                label("0.5", "23:59:20.5"),
                label("1.0", "23:59:21.0"),
                label("1.5", "23:59:21.5"),
                label("2.0", "23:59:22.0"),
            ]
        );
    }

    #[test]
    fn an_axis_without_known_start_has_seconds_only() {
        let ticks = time_axis(0.0, 30.0, None);
        assert!(!ticks.is_empty() && ticks.iter().all(|tick| tick.clock.is_none()));
    }

    #[test]
    fn a_clock_does_not_run_ahead_and_ends_with_the_calendar() {
        let late = moment(began(), 39.9999).unwrap();
        assert_eq!(time_of_day(late.time(), 0), "23:59:59");
        assert_eq!(time_of_day(late.time(), 3), "23:59:59.999");
        assert_eq!(moment(began(), 1e300), None);
    }
}
