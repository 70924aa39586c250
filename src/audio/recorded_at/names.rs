//! The name of a file → when its recording began.
//!
//! | part of a name | read |
//! |---|---|
//! | date | `20230501`, `2023-05-01`, `2023.05.01`, `2023_05_01`; `230501` only before a time of six digits |
//! | between | `_`, `-`, `T`, a space, `$`, `.`, two lines, ` at `, ` - `, `, ` |
//! | time | `043000`, `04-30-00`, `04.30.00`, `04:30:00`, `04_30_00`; without seconds where it cannot be a count: `T0430`, `_04-30` |
//! | both in one | `20230501043000`; behind a serial number also `230501043000` |
//! | behind | `.123456`, `Z`, `UTC`, `+1000`, `+10:00`; behind a `T` also `-0300` and `+10`; `AM` and `PM` |
//! | nothing else | `5E90A4D4`: seconds since 1970 in hexadecimal |
//!
//! A number counts only as a whole, so that no part of a longer one is taken. Of several readings the most specific counts, and none
//! if two such differ. A date alone says nothing about the time of day, and `230501_0012` may be the twelfth take of a day.

use super::clock::{Clock, OfDay, Scan, date};
use jiff::{Timestamp, civil::Date, tz::Offset};

/// When the first AudioMoths were sold, and when its clock of 32 bits turns negative where it is taken for signed.
const AUDIOMOTH_YEARS: std::ops::Range<i16> = 2016..2038;

/// What is read at one place of a name.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Reading {
    clock: Clock,
    detail: Detail,
    /// The letter right before it, if that is no part of a word.
    letter: Option<u8>,
}

/// How much a reading rests on, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Detail {
    four_digits_of_year: bool,
    seconds: bool,
}

/// How a date is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `2023-05-01`, with what stands between.
    Apart(u8),
    /// `20230501`
    Compact,
    /// `230501`
    Short,
}

/// When the recording of this name began; `None` if the name does not say so, or may say several things.
pub(super) fn by_name(name: &str) -> Option<Clock> {
    let stem = without_extension(name);
    let bytes = stem.as_bytes();
    let begins =
        |at: &usize| bytes[*at].is_ascii_digit() && (*at == 0 || !bytes[at - 1].is_ascii_digit());
    let places: Vec<usize> = (0..bytes.len()).filter(begins).collect();
    // `01_05_2023_04_30_00` is the first of May in one country and the fifth of January in another.
    if places.iter().any(|&at| has_year_last(&bytes[at..])) {
        return None;
    }
    let readings = places.iter().filter_map(|&at| Reading::at(bytes, at));
    the_one_of(readings.collect()).or_else(|| hexadecimal(stem))
}

/// An ending begins with a letter: `.123Z` and `.000` are fractions of a second.
fn without_extension(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && is_extension(ending) => stem,
        _ => name,
    }
}

fn is_extension(ending: &str) -> bool {
    ending.len() <= 5
        && ending.starts_with(|c: char| c.is_ascii_alphabetic())
        && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn the_one_of(mut readings: Vec<Reading>) -> Option<Clock> {
    let most = readings.iter().map(|reading| reading.detail).max()?;
    readings.retain(|reading| reading.detail == most);
    // Frontier Labs: `S` before the start, `E` before the end.
    let says_start = |reading: &Reading| reading.letter == Some(b'S');
    if readings.iter().any(says_start) {
        readings.retain(|reading| reading.letter != Some(b'E'));
    }
    let (first, others) = readings.split_first()?;
    let agree = others.iter().all(|other| other.clock == first.clock);
    agree.then_some(first.clock)
}

impl Reading {
    /// Of the digits that begin at `at`.
    fn at(bytes: &[u8], at: usize) -> Option<Self> {
        let mut scan = Scan::new(&bytes[at..]);
        let letter = |at: usize| bytes[at].is_ascii_alphabetic().then_some(bytes[at]);
        let is_alone = at == 1 || (at > 1 && !bytes[at - 2].is_ascii_alphanumeric());
        let letter = if is_alone { letter(at - 1) } else { None };
        let (style, date, time, is_iso) = match scan.run() {
            12 if is_behind_serial(&bytes[..at]) && bytes.len() == at + 12 => {
                let date = scan.short_date()?;
                (Style::Short, date, scan.compact_time(true)?, false)
            }
            14 => {
                let date = scan.compact_date()?;
                (Style::Compact, date, scan.compact_time(true)?, false)
            }
            _ => {
                let (style, date) = scan.date()?;
                let joint = scan.joint()?;
                let is_iso = matches!(joint, "T" | "t");
                (style, date, scan.time(style, joint)?, is_iso)
            }
        };
        let (mut of_day, has_seconds) = time;
        if has_seconds {
            of_day.nanos = scan.fraction();
        }
        scan.half_day(style, &mut of_day)?;
        Some(Self {
            clock: Clock {
                shown: of_day.on(date)?,
                utc_offset_mins: scan.zone(is_iso),
            },
            detail: Detail {
                four_digits_of_year: style != Style::Short,
                seconds: has_seconds,
            },
            letter,
        })
    }
}

/// Whether a number of three digits or more and a dot or line end these bytes: `1234.230501043000` of a SoundTrap.
fn is_behind_serial(before: &[u8]) -> bool {
    let Some((b'.' | b'_', before)) = before.split_last() else {
        return false;
    };
    let digits = before.iter().rev().take_while(|byte| byte.is_ascii_digit());
    digits.count() >= 3
}

/// Whether day, month and year in this order, or month, day and year, and a time begin here.
fn has_year_last(bytes: &[u8]) -> bool {
    let mut scan = Scan::new(bytes);
    let mut reads = || {
        let first = scan.whole(2)?;
        let between = scan.any_of(b"-._")?;
        let second = scan.whole(2)?;
        scan.any_of(&[between])?;
        let year = scan.whole(4)?;
        date(year, second, first).or_else(|| date(year, first, second))?;
        let joint = scan.joint()?;
        scan.time(Style::Apart(between), joint)
    };
    reads().is_some()
}

/// A name that is nothing but eight digits, of which one at least is a letter: eight decimal digits may be any number.
fn hexadecimal(stem: &str) -> Option<Clock> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
    let has_letter = stem.bytes().any(|byte| byte.is_ascii_uppercase());
    if stem.len() != 8 || !stem.bytes().all(is_digit) || !has_letter {
        return None;
    }
    let secs = i64::from_str_radix(stem, 16).ok()?;
    let shown = Offset::UTC.to_datetime(Timestamp::from_second(secs).ok()?);
    AUDIOMOTH_YEARS.contains(&shown.year()).then_some(Clock {
        shown,
        utc_offset_mins: Some(0),
    })
}

/// What names are made of.
impl Scan<'_> {
    fn date(&mut self) -> Option<(Style, Date)> {
        match self.run() {
            4 => {
                let year = self.digits(4)?;
                let between = self.any_of(b"-._")?;
                let month = self.whole(2)?;
                self.any_of(&[between])?;
                let day = self.whole(2)?;
                Some((Style::Apart(between), date(year, month, day)?))
            }
            6 => Some((Style::Short, self.short_date()?)),
            8 => Some((Style::Compact, self.compact_date()?)),
            _ => None,
        }
    }

    /// `20230501`
    fn compact_date(&mut self) -> Option<Date> {
        let (year, month, day) = (self.digits(4)?, self.digits(2)?, self.digits(2)?);
        date(year, month, day)
    }

    /// `230501`; years from 90 on may be of either century.
    fn short_date(&mut self) -> Option<Date> {
        let (year, month, day) = (self.digits(2)?, self.digits(2)?, self.digits(2)?);
        date(2000 + year, month, day).filter(|_| year < 90)
    }

    /// What stands between date and time.
    fn joint(&mut self) -> Option<&'static str> {
        const JOINTS: [&str; 13] = [
            " at ", " - ", "_-_", ", ", "__", "--", "T", "t", "_", "-", " ", "$", ".",
        ];
        JOINTS.into_iter().find(|joint| self.take(joint))
    }

    /// A time of day, and whether it has seconds.
    fn time(&mut self, style: Style, joint: &str) -> Option<(OfDay, bool)> {
        let is_iso = matches!(joint, "T" | "t");
        match self.run() {
            6 if style != Style::Short || matches!(joint, "_" | "-") => self.compact_time(true),
            4 if is_iso && style != Style::Short => self.compact_time(false),
            2 if style != Style::Short => self.time_apart(style, joint),
            _ => None,
        }
    }

    /// `043000` or `0430`
    fn compact_time(&mut self, has_seconds: bool) -> Option<(OfDay, bool)> {
        let of_day = OfDay {
            hour: self.digits(2)?,
            minute: self.digits(2)?,
            second: if has_seconds { self.digits(2)? } else { 0 },
            nanos: 0,
        };
        Some((of_day, has_seconds))
    }

    /// `04-30-00`; `04-30` only where the two are not more of the same: the day's fourth walk, take 30.
    fn time_apart(&mut self, style: Style, joint: &str) -> Option<(OfDay, bool)> {
        let hour = self.whole(2)?;
        let between = self.any_of(b"-._:h")?;
        let minute = self.whole(2)?;
        let mut after = *self;
        let seconds_follow = after.any_of(&[between]).is_some() && after.run() == 2;
        let second = if seconds_follow {
            let second = after.digits(2)?;
            *self = after;
            second
        } else {
            let is_time = matches!(between, b':' | b'h') || matches!(joint, "T" | "t");
            let is_set_off =
                style != Style::Compact && between != b'_' && joint.as_bytes() != [between];
            if !is_time && !is_set_off {
                return None;
            }
            0
        };
        let of_day = OfDay {
            hour,
            minute,
            second,
            nanos: 0,
        };
        Some((of_day, seconds_follow))
    }

    /// `PM` behind a time makes it one of twelve hours. Behind digits without signs between it may as well be somebody's initials:
    /// `None` where the two differ.
    fn half_day(&mut self, style: Style, of_day: &mut OfDay) -> Option<()> {
        let mut after = *self;
        after.any_of(b" _");
        let is_pm = match (after.any_of(b"AaPp"), after.any_of(b"Mm")) {
            (Some(half), Some(_)) => half.eq_ignore_ascii_case(&b'P'),
            _ => return Some(()),
        };
        if after
            .peek()
            .is_some_and(|byte| byte.is_ascii_alphanumeric())
            || of_day.hour > 12
        {
            return Some(());
        }
        let hour = of_day.hour % 12 + if is_pm { 12 } else { 0 };
        if hour != of_day.hour && !matches!(style, Style::Apart(_)) {
            return None;
        }
        of_day.hour = hour;
        *self = after;
        Some(())
    }

    /// Minutes ahead of UTC, if they are given.
    fn zone(&mut self, is_iso: bool) -> Option<i16> {
        if let Some(utc) = self.zulu().or_else(|| self.utc()) {
            return Some(utc);
        }
        let is_ahead = self.peek() == Some(b'+');
        let mut after = *self;
        after.any_of(b"+-")?;
        // `20230501_043000-0100` may be the hundredth file, `20230501_043000+12` the twelfth channel.
        let is_whole = after.run() == 4;
        if is_iso || (is_ahead && is_whole) {
            self.offset()
        } else {
            None
        }
    }

    /// `UTC`, which nothing is added to.
    fn utc(&mut self) -> Option<i16> {
        let mut after = *self;
        after.any_of(b" _-");
        let follows = after.take("UTC").then(|| after.peek())?;
        let is_more = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-');
        if follows.is_some_and(is_more) {
            return None;
        }
        *self = after;
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil;

    /// What a name says, as text; empty if nothing.
    fn said(name: &str) -> String {
        let Some(clock) = by_name(name) else {
            return String::new();
        };
        let zone = clock.utc_offset_mins;
        let zone = zone.map_or(String::new(), |minutes| format!(" {minutes:+}"));
        format!("{}{zone}", clock.shown)
    }

    #[test]
    fn every_kind_of_name_is_read() {
        let rows = [
            // AudioMoth, its early names first.
            ("5E90A4D4.WAV", "2020-04-10T16:54:44 +0"),
            ("5B07FAC0.WAV", "2018-05-25T12:00:00 +0"),
            ("20200624_191730.WAV", "2020-06-24T19:17:30"),
            ("20200624_191730T.WAV", "2020-06-24T19:17:30"),
            ("20200624_191730_01.wav", "2020-06-24T19:17:30"),
            (
                "24F319055FDF2F5B_20230401_051500.WAV",
                "2023-04-01T05:15:00",
            ),
            // Song Meter SM2 to SM4, Mini, Micro; `$` is a trigger.
            ("SITE_20230501_043000.wav", "2023-05-01T04:30:00"),
            ("SITE_0+1_20230501_043000.wav", "2023-05-01T04:30:00"),
            ("SITE_20230501_043000_000.wav", "2023-05-01T04:30:00"),
            ("S4A01234_20190407_160000.wav", "2019-04-07T16:00:00"),
            ("SITE_20230501$043000.wav", "2023-05-01T04:30:00"),
            ("2MM01234_20230501_043000.wav", "2023-05-01T04:30:00"),
            // Frontier Labs BAR and BAR-LT.
            ("20230501T043000+1000_REC.wav", "2023-05-01T04:30:00 +600"),
            ("20230501T043000Z.wav", "2023-05-01T04:30:00 +0"),
            ("20230501T043000+0100_site.flac", "2023-05-01T04:30:00 +60"),
            (
                "20230501T043000-0330_-18.2656+144.5564.flac",
                "2023-05-01T04:30:00 -210",
            ),
            (
                "S20230501T043000.123456+1000_E20230501T044000.000000+1000_-12.34+96.83.wav",
                "2023-05-01T04:30:00.123456 +600",
            ),
            // Swift and others of Cornell.
            ("SWIFT_20230501_043000.wav", "2023-05-01T04:30:00"),
            ("SSW_001_20170225_010000Z.flac", "2017-02-25T01:00:00 +0"),
            // Arbimon, and what people call their files.
            ("site-2023-05-01_04-30.flac", "2023-05-01T04:30:00"),
            ("2023-05-01_04-30-00.wav", "2023-05-01T04:30:00"),
            ("2023-05-01T04-30-00.wav", "2023-05-01T04:30:00"),
            ("2023-05-01 04.30.00.wav", "2023-05-01T04:30:00"),
            ("dawn 2023-05-01 at 04.30.00.m4a", "2023-05-01T04:30:00"),
            ("dawn 2023-05-01 at 04.30.00 PM.m4a", "2023-05-01T16:30:00"),
            ("dawn 2023-05-01 at 12.30.00 am.m4a", "2023-05-01T00:30:00"),
            ("2023_05_01_04_30_00.wav", "2023-05-01T04:30:00"),
            ("2023.05.01_04h30.wav", "2023-05-01T04:30:00"),
            ("2023-05-01T04:30:00+10:00.wav", "2023-05-01T04:30:00 +600"),
            ("20230501T0430Z.wav", "2023-05-01T04:30:00 +0"),
            ("2020-04-06-04-00-00-UTC.wav", "2020-04-06T04:00:00 +0"),
            ("REC20230501043000.wav", "2023-05-01T04:30:00"),
            // Bats: Anabat Swift, Chiroptera and Kaleidoscope, Peersonic.
            ("2023-05-01 04-30-00.wav", "2023-05-01T04:30:00"),
            (
                "Car123456-Pass1-site_20230501_043000_000.wav",
                "2023-05-01T04:30:00",
            ),
            ("20120812-091406.wav", "2012-08-12T09:14:06"),
            ("M500-384_230501_043000.wav", "2023-05-01T04:30:00"),
            // Under water: SoundTrap, PAMGuard, NRS, HARP, hydrophones of JASCO and Ocean Instruments.
            ("1234.230501043000.wav", "2023-05-01T04:30:00"),
            ("6075.220210084905.wav", "2022-02-10T08:49:05"),
            (
                "SanctSound_SB01_01_1678032935_181112190000.wav",
                "2018-11-12T19:00:00",
            ),
            ("PAM_20171108_094819_000.wav", "2017-11-08T09:48:19"),
            ("NRS01_20230501_043000.000", "2023-05-01T04:30:00"),
            ("NRS08-140523-001620.wav", "2014-05-23T00:16:20"),
            ("WAT_NC_03_170716_180000_df100.x", "2017-07-16T18:00:00"),
            (
                "Chan_1-24bps.1277236867.2010-06-22-20-01-07.wav",
                "2010-06-22T20:01:07",
            ),
            ("AMAR123.1.20230501T043000Z.wav", "2023-05-01T04:30:00 +0"),
            (
                "SanctSound_CI01_01_671404070_20181031T220000Z.flac",
                "2018-10-31T22:00:00 +0",
            ),
            ("20230501T043000.123Z", "2023-05-01T04:30:00.123 +0"),
            ("20230501T043000.123Z.wav", "2023-05-01T04:30:00.123 +0"),
            // Recorders in the hand, and telephones.
            ("REC_230501-043000.wav", "2023-05-01T04:30:00"),
            ("230501_043000.WAV", "2023-05-01T04:30:00"),
            ("Recording_20230501_043000.m4a", "2023-05-01T04:30:00"),
            ("AUDIO-2023-05-01-04-30-00.m4a", "2023-05-01T04:30:00"),
            ("Voice 230501_043000.m4a", "2023-05-01T04:30:00"),
            // Leap days, and the last second of a year.
            ("20240229_235959.wav", "2024-02-29T23:59:59"),
            ("A_20231231_235959.wav", "2023-12-31T23:59:59"),
            // Marks of a day beside it, and the same time twice.
            ("Site-01-2023-05-01-04-30-00.wav", "2023-05-01T04:30:00"),
            ("20230501_20230501_043000.wav", "2023-05-01T04:30:00"),
            (
                "20230501_043000_2023-05-01T04:30:00.wav",
                "2023-05-01T04:30:00",
            ),
            ("20200624_111210_101112.wav", "2020-06-24T11:12:10"),
            ("20230501_043000_AM.wav", "2023-05-01T04:30:00"),
            // What may be an offset or a count is left alone.
            ("20230501_043000-0100.wav", "2023-05-01T04:30:00"),
            ("20230501_043000+12.wav", "2023-05-01T04:30:00"),
            ("20230501_043000_UTC+2.wav", "2023-05-01T04:30:00"),
        ];
        for (name, expected) in rows {
            assert_eq!(said(name), expected, "{name}");
        }
    }

    #[test]
    fn names_that_do_not_say_when_give_nothing() {
        let names = [
            "",
            ".wav",
            "dawn.wav",
            "track_12345678.wav",
            "20231301_250000.wav",
            "20230229_043000.wav",
            "20230501_240000.wav",
            "20230501.wav",
            "2023-05-01.wav",
            "20230501_12.wav",
            "230501_0012.wav",
            "230501_0430.wav",
            "20230501_0430.wav",
            "2023-05-01-04-30.wav",
            "2023_05_01_04_30.wav",
            "20230501-04-30.wav",
            "043000.wav",
            "+491701234567.wav",
            "0170-1234567.wav",
            "555-123-4567 12.30.wav",
            "447911123456.wav",
            "120230501_043000.wav",
            "20230501_0430001.wav",
            "XC123456_20230501.mp3",
            "ML57123456.wav",
            "57123456.wav",
            "20230501043.wav",
            "12.230501043000.wav",
            "serial1234.230501043000.1.wav",
            "19700101_000000.WAV",
            "00000000.WAV",
            "FFFFFFFF.WAV",
            "deadbeef.wav",
            "5e90a4d4.wav",
            "5E90A4D4_1.WAV",
            "DEADBEEF.WAV",
            "24062020_191730.wav",
            "01-05-2023_04-30-00.wav",
            "01_05_2023_04_30_00_15_20.wav",
            "990501_043000.wav",
            "20230501_043000_20230501_044000.wav",
            "20230501_043000PM.wav",
            "20230501_120000_AM.wav",
            "é٢٠٢٣٠٥٠١_٠٤٣٠٠٠.wav",
            "New Recording 12.m4a",
            "ZOOM0001.WAV",
        ];
        for name in names {
            assert_eq!(said(name), "", "{name}");
        }
    }

    #[test]
    fn every_valid_second_is_read_back_and_no_other() {
        for (month, day) in [(1, 1), (1, 31), (2, 28), (4, 30), (6, 9), (12, 31)] {
            for year in [1990, 2000, 2023, 2024, 2099, 2100] {
                let shown = civil::date(year, month, day).at(23, 5, 59, 0);
                let name = format!("A_{year}{month:02}{day:02}_230559.wav");
                assert_eq!(
                    by_name(&name).map(|clock| clock.shown),
                    Some(shown),
                    "{name}"
                );
            }
        }
        for name in [
            "A_20230431_230559.wav",
            "A_20230601_236059.wav",
            "A_19891231_230559.wav",
        ] {
            assert_eq!(said(name), "", "{name}");
        }
    }
}
