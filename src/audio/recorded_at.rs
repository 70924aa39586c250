//! When a recording was made: what its file says, and its name.

mod clock;
mod names;
mod statements;

use clock::Clock;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use std::{fmt, fs::File, path::Path};

/// When a recording began, by the clock of its recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedAt {
    /// What the clock showed.
    pub clock: DateTime,
    /// How many minutes the clock was ahead of UTC, where that is said.
    pub utc_offset_mins: Option<i16>,
    /// Who says so.
    pub said_by: TimeSource,
}

/// What says when a recording began, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeSource {
    /// GUANO metadata.
    Guano,
    /// The comment that an AudioMoth writes.
    AudioMoth,
    /// The metadata of Wildlife Acoustics, `wamd`.
    WildlifeAcoustics,
    /// The header of a broadcast wave, `bext`.
    Broadcast,
    /// A date with time in the tags of the file.
    Tag,
    /// The name of the file.
    Name,
}

/// Two statements about the start of one recording that no time zone explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimesDiffer {
    /// The one that is believed.
    pub believed: RecordedAt,
    /// The other one.
    pub other: RecordedAt,
}

/// The start of a recording, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RecordingStart {
    /// When it was; `None` if neither file nor name says so.
    pub at: Option<RecordedAt>,
    /// What else is said.
    pub remark: Option<TimesDiffer>,
}

/// When a recording began.
///
/// What the file says counts before its name, and is never guessed: the time at which the file was written last says nothing, and
/// a name that can be read in two ways neither. The kinds of names and of metadata are listed in docs/datasets.md. A file that
/// cannot be read leaves its name; whoever reads its sound will hear about it.
///
/// ```
/// use chiffchaff::audio::recorded_at;
///
/// let start = recorded_at("no/such/SITE_20230501_043000.wav".as_ref());
/// assert_eq!(start.at.unwrap().to_string(), "2023-05-01 04:30:00");
/// assert_eq!(recorded_at("no/such/track_12345678.wav".as_ref()).at, None);
/// ```
pub fn recorded_at(path: &Path) -> RecordingStart {
    let mut said = read_statements(path);
    said.extend(by_name(path));
    RecordingStart::of(&said)
}

/// A pipe or device is not opened: that may wait for ever.
fn read_statements(path: &Path) -> Vec<RecordedAt> {
    if !path.is_file() {
        return Vec::new();
    }
    let Ok(mut file) = File::open(path) else {
        return Vec::new();
    };
    statements::statements(&mut file).unwrap_or_default()
}

fn by_name(path: &Path) -> Option<RecordedAt> {
    let name = path.file_name()?.to_string_lossy();
    let clock = names::by_name(&name)?;
    Some(RecordedAt::new(clock, TimeSource::Name))
}

impl RecordingStart {
    /// Of all statements, the surest first.
    fn of(said: &[RecordedAt]) -> Self {
        let Some((&believed, others)) = said.split_first() else {
            return Self::default();
        };
        let differs = others.iter().find(|other| !believed.agrees_with(other));
        // A name often has the zone that the file leaves open.
        let zone = others
            .iter()
            .filter(|other| believed.shows_the_same_as(other))
            .find_map(|other| other.utc_offset_mins);
        let believed = RecordedAt {
            utc_offset_mins: believed.utc_offset_mins.or(zone),
            ..believed
        };
        Self {
            at: Some(believed),
            remark: differs.map(|&other| TimesDiffer { believed, other }),
        }
    }
}

impl RecordedAt {
    /// Clocks that are this far apart, in seconds, mean the same: a file may be opened a moment before its sound begins.
    const TOLERANCE: i64 = 60;

    fn new(clock: Clock, said_by: TimeSource) -> Self {
        Self {
            clock: clock.shown,
            utc_offset_mins: clock.utc_offset_mins,
            said_by,
        }
    }

    /// Whether both may be the same moment, by clocks of whatever zones.
    fn agrees_with(&self, other: &Self) -> bool {
        let apart = self.secs_until(other);
        match (self.utc_offset_mins, other.utc_offset_mins) {
            (Some(own), Some(others)) => {
                let shift = 60 * (i64::from(others) - i64::from(own));
                (apart - shift).abs() <= Self::TOLERANCE
            }
            _ => apart.abs() <= Self::TOLERANCE || is_between_zones(apart),
        }
    }

    fn shows_the_same_as(&self, other: &Self) -> bool {
        self.secs_until(other).abs() <= Self::TOLERANCE
    }

    fn secs_until(&self, other: &Self) -> i64 {
        self.clock.duration_until(other.clock).as_secs()
    }
}

/// Whether two clocks so many seconds apart may stand in two time zones: whole and half hours, and the few quarters in use.
fn is_between_zones(apart: i64) -> bool {
    const QUARTER: i64 = 15 * 60;
    const QUARTERS_IN_USE: [i64; 4] = [345, 525, 765, 825];
    let nearest = (apart.abs() + QUARTER / 2) / QUARTER * QUARTER;
    let minutes = nearest / 60;
    let is_in_use = minutes % 30 == 0 || QUARTERS_IN_USE.contains(&minutes);
    let is_near = (apart.abs() - nearest).abs() <= RecordedAt::TOLERANCE;
    is_in_use && is_near && minutes <= 14 * 60
}

impl fmt::Display for RecordedAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.clock.date(), self.clock.time())?;
        match self.utc_offset_mins {
            Some(minutes) => write!(f, " {}", utc_offset(minutes)),
            None => Ok(()),
        }
    }
}

/// `UTC`, `UTC+10:00` or `UTC-3:30`.
pub(crate) fn utc_offset(minutes: i16) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    match minutes.unsigned_abs() {
        0 => "UTC".to_owned(),
        minutes => format!("UTC{sign}{}:{:02}", minutes / 60, minutes % 60),
    }
}

impl fmt::Display for TimeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Guano => "its GUANO metadata",
            Self::AudioMoth => "the comment of an AudioMoth in it",
            Self::WildlifeAcoustics => "its metadata of Wildlife Acoustics",
            Self::Broadcast => "its broadcast header",
            Self::Tag => "its tags",
            Self::Name => "its name",
        })
    }
}

/// Its text leaves out the file's name.
impl fmt::Display for TimesDiffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { believed, other } = self;
        write!(
            f,
            "began at {believed} by {}, but at {other} by {}; the first is believed",
            believed.said_by, other.said_by
        )
    }
}

#[cfg(test)]
mod tests;
