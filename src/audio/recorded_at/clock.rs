//! Date and time of day out of text: what names and metadata have in common.

use jiff::civil::{Date, DateTime, Time};
use std::ops::RangeInclusive;

/// Other years are no years of recordings: a clock that was never set shows 1970 or 1980.
const YEARS: RangeInclusive<u32> = 1990..=2100;
/// Minutes before and after UTC that any clock on Earth is set to.
const OFFSETS: RangeInclusive<i32> = -12 * 60..=14 * 60;

/// What a clock showed, and how many minutes it is ahead of UTC where that is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    pub(super) shown: DateTime,
    pub(super) utc_offset_mins: Option<i16>,
}

/// Hour, minute, second and nanosecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OfDay {
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: u32,
    pub(super) nanos: u32,
}

/// A day of a plausible year.
pub(super) fn date(year: u32, month: u32, day: u32) -> Option<Date> {
    if !YEARS.contains(&year) {
        return None;
    }
    Date::new(
        year.try_into().ok()?,
        month.try_into().ok()?,
        day.try_into().ok()?,
    )
    .ok()
}

impl OfDay {
    pub(super) fn on(self, date: Date) -> Option<DateTime> {
        let time = Time::new(
            self.hour.try_into().ok()?,
            self.minute.try_into().ok()?,
            self.second.try_into().ok()?,
            self.nanos.try_into().ok()?,
        );
        Some(date.to_datetime(time.ok()?))
    }
}

/// A text as ISO 8601 has it: `2023-05-01T04:30:00`, with a space for the `T`, with a fraction of a second, and with or without
/// `Z`, `+10:00` or `+1000`. Nothing else may stand there.
pub(super) fn iso(text: &str) -> Option<Clock> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    let mut scan = Scan::new(text.as_bytes());
    let date = scan.dashed_date()?;
    scan.any_of(b"Tt ")?;
    let of_day = scan.colons()?;
    while scan.any_of(b" ").is_some() {}
    let utc_offset_mins = scan.zulu().or_else(|| scan.offset());
    scan.is_at_end().then_some(Clock {
        shown: of_day.on(date)?,
        utc_offset_mins,
    })
}

/// Minutes from a sign, hours and minutes.
pub(super) fn offset_mins(is_ahead: bool, hours: u32, minutes: u32) -> Option<i16> {
    let minutes = i32::try_from(hours.checked_mul(60)?.checked_add(minutes)?).ok()?;
    let minutes = if is_ahead { minutes } else { -minutes };
    let is_in_use = minutes % 15 == 0 && OFFSETS.contains(&minutes);
    is_in_use.then_some(minutes.try_into().ok()?)
}

/// Reads bytes from left to right. What does not fit is not stepped over, except by the methods that read several things.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scan<'a> {
    left: &'a [u8],
}

impl<'a> Scan<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.left.is_empty()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.left.first().copied()
    }

    /// How many digits follow each other from here on.
    pub(super) fn run(&self) -> usize {
        self.left
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    }

    /// A number of so many digits; more may follow.
    pub(super) fn digits(&mut self, count: usize) -> Option<u32> {
        let digits = self.left.get(..count)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.left = &self.left[count..];
        digits.iter().try_fold(0_u32, |number, digit| {
            number.checked_mul(10)?.checked_add(u32::from(digit - b'0'))
        })
    }

    /// A number of so many digits and no more.
    pub(super) fn whole(&mut self, count: usize) -> Option<u32> {
        if self.run() != count {
            return None;
        }
        self.digits(count)
    }

    /// Steps over a text if it stands here.
    pub(super) fn take(&mut self, text: &str) -> bool {
        match self.left.strip_prefix(text.as_bytes()) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    /// Steps over a byte if it is one of these.
    pub(super) fn any_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let byte = self.peek().filter(|byte| bytes.contains(byte))?;
        self.left = &self.left[1..];
        Some(byte)
    }

    /// A fraction of a second of three to nine digits, in nanoseconds; 0 and no step where there is none.
    pub(super) fn fraction(&mut self) -> u32 {
        let mut after = *self;
        if after.any_of(b".,").is_none() {
            return 0;
        }
        let run = after.run();
        if !(3..=9).contains(&run) {
            return 0;
        }
        let nanos = after.digits(run).unwrap_or(0) * 10_u32.pow(9 - run as u32);
        *self = after;
        nanos
    }

    /// `Z` that is no part of a word: 0 minutes.
    pub(super) fn zulu(&mut self) -> Option<i16> {
        let mut after = *self;
        if !after.take("Z")
            || after
                .peek()
                .is_some_and(|byte| byte.is_ascii_alphanumeric())
        {
            return None;
        }
        *self = after;
        Some(0)
    }

    /// `+10:00`, `-0330` or, with nothing or a line behind it, `+10`.
    pub(super) fn offset(&mut self) -> Option<i16> {
        let mut after = *self;
        let is_ahead = after.any_of(b"+-")? == b'+';
        let (hours, minutes) = match after.run() {
            4 => (after.digits(2)?, after.digits(2)?),
            2 => {
                let hours = after.digits(2)?;
                let minutes = if after.take(":") { after.whole(2)? } else { 0 };
                (hours, minutes)
            }
            _ => return None,
        };
        if !matches!(after.peek(), None | Some(b'_' | b' ' | b'-')) {
            return None;
        }
        let minutes = offset_mins(is_ahead, hours, minutes)?;
        *self = after;
        Some(minutes)
    }

    /// `2023-05-01`
    fn dashed_date(&mut self) -> Option<Date> {
        let year = self.whole(4)?;
        self.any_of(b"-")?;
        let month = self.whole(2)?;
        self.any_of(b"-")?;
        let day = self.whole(2)?;
        date(year, month, day)
    }

    /// `04:30`, `04:30:00` or `04:30:00.123`; of further digits of a fraction only nine count.
    fn colons(&mut self) -> Option<OfDay> {
        let hour = self.whole(2)?;
        self.any_of(b":")?;
        let minute = self.whole(2)?;
        let (mut second, mut nanos) = (0, 0);
        if self.any_of(b":").is_some() {
            second = self.whole(2)?;
            if self.any_of(b".,").is_some() {
                let run = self.run();
                let counted = run.min(9);
                if counted == 0 {
                    return None;
                }
                nanos = self.digits(counted)? * 10_u32.pow(9 - counted as u32);
                self.left = &self.left[run - counted..];
            }
        }
        Some(OfDay {
            hour,
            minute,
            second,
            nanos,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil;

    #[test]
    fn iso_times_are_read_with_and_without_zone() {
        let at = |nanos, utc_offset_mins| {
            Some(Clock {
                shown: civil::date(2023, 5, 1).at(4, 30, 0, nanos),
                utc_offset_mins,
            })
        };
        let rows = [
            ("2023-05-01T04:30:00", at(0, None)),
            ("2023-05-01 04:30:00", at(0, None)),
            ("2023-05-01T04:30", at(0, None)),
            (" 2023-05-01T04:30:00\r\n", at(0, None)),
            ("2023-05-01 04:30:00\0\0", at(0, None)),
            ("2023-05-01T04:30:00Z", at(0, Some(0))),
            ("2023-05-01T04:30:00.5Z", at(500_000_000, Some(0))),
            ("2023-05-01T04:30:00.123456", at(123_456_000, None)),
            (
                "2023-05-01T04:30:00.1234567891+10:00",
                at(123_456_789, Some(600)),
            ),
            ("2023-05-01T04:30:00+10:00", at(0, Some(600))),
            ("2023-05-01 04:30:00 +1000", at(0, Some(600))),
            ("2023-05-01T04:30:00-03:30", at(0, Some(-210))),
            ("2023-05-01T04:30:00-05", at(0, Some(-300))),
            ("2023-05-01T04:30:00+05:45", at(0, Some(345))),
        ];
        for (text, expected) in rows {
            assert_eq!(iso(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_whole_iso_time_is_none() {
        let texts = [
            "",
            "2023-05-01",
            "2023-05-01T",
            "2023-05-01T04",
            "2023-13-01T04:30:00",
            "2023-02-29T04:30:00",
            "2023-05-01T24:00:00",
            "2023-05-01T04:60:00",
            "2023-05-01T04:30:60",
            "2023-05-01T04:30:00.",
            "2023-05-01T04:30:00+25:00",
            "2023-05-01T04:30:00+10:07",
            "2023-05-01T04:30:00 about",
            "1970-01-01T00:00:00",
            "2101-01-01T00:00:00",
            "01/05/2023 04:30:00",
        ];
        for text in texts {
            assert_eq!(iso(text), None, "{text}");
        }
    }
}
