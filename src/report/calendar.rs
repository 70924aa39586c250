//! How many events a day and an hour, as a picture of days and hours.
//!
//! It is a table of coloured cells: its words keep their size on a narrow screen, and a screen reader reads it as it is. The colours
//! are steps of lightness of one hue, which everybody sees.

use super::{ReportError, chart::short};
use crate::audio::utc_offset;
use crate::detect::{EventCounts, Tally};
use jiff::{SignedDuration, civil::Date};
use minijinja::{Environment, value::Serde};
use serde::Serialize;
use std::collections::BTreeMap;

/// Rows that one looks over at a glance; where there are more days, a row is a week, and then a month.
const MAX_ROWS: usize = 62;
/// Days in a row without recordings that are still drawn.
const MAX_EMPTY_ROWS: u32 = 3;
/// Steps of the scale, each twice the one before.
const STEPS: u32 = 5;

/// A fragment of a page that draws when there were events: rows are days, or, where there are many, weeks, months or years; columns
/// are hours. `label` is what the events are, if that has a name. Empty if no recording was counted.
///
/// An hour that was not searched is hatched, which is another thing than an hour without events.
///
/// # Errors
/// Only on a bug in the template.
pub fn calendar(counts: &EventCounts, label: Option<&str>) -> Result<String, ReportError> {
    if counts.is_empty() {
        return Ok(String::new());
    }
    let mut environment = Environment::new();
    // Text from outside is escaped because the name ends in `.html`.
    environment.add_template("calendar.html", include_str!("calendar.html"))?;
    let template = environment.get_template("calendar.html")?;
    Ok(template.render(Serde(Calendar::of(counts, label)))?)
}

/// All the template sees.
#[derive(Serialize)]
struct Calendar<'a> {
    label: Option<&'a str>,
    rows_are: &'static str,
    summary: String,
    rows: Vec<Row>,
    scale: Vec<Step>,
    clocks: String,
    unknown: Option<String>,
}

/// A row of cells, or the words for several rows without recordings.
#[derive(Serialize)]
struct Row {
    gap: Option<String>,
    name: String,
    cells: Vec<Cell>,
    events: u64,
}

#[derive(Serialize)]
struct Cell {
    class: String,
    /// What a mouse shows.
    title: Option<String>,
    /// What a screen reader says.
    text: String,
}

#[derive(Serialize)]
struct Step {
    class: String,
    most: String,
}

impl<'a> Calendar<'a> {
    fn of(counts: &EventCounts, label: Option<&'a str>) -> Self {
        let period = Period::for_days(counts);
        let stretches = period.stretches(counts);
        let rates = stretches.values().flatten();
        let highest = rates.filter_map(Tally::events_per_hour).fold(0.0, f64::max);
        let scale = Scale::up_to(highest);
        Self {
            label,
            rows_are: period.name(),
            summary: summary(counts, period),
            rows: period.rows(&stretches, scale),
            scale: scale.steps(),
            clocks: clocks(counts),
            unknown: unknown(counts),
        }
    }
}

/// How much time a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Period {
    Day,
    Week,
    Month,
    Year,
}

/// By the first day of a period, what lies in each hour of the day.
type Stretches = BTreeMap<Date, [Tally; 24]>;

impl Period {
    /// The shortest that gives no more rows than one can look over.
    fn for_days(counts: &EventCounts) -> Self {
        let rows = |period: &Self| {
            let mut starts: Vec<Date> = counts.days().map(|(date, _)| period.start(date)).collect();
            starts.dedup();
            starts.len()
        };
        [Self::Day, Self::Week, Self::Month]
            .into_iter()
            .find(|period| rows(period) <= MAX_ROWS)
            .unwrap_or(Self::Year)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    fn start(self, date: Date) -> Date {
        match self {
            Self::Day => date,
            Self::Week => {
                let since_monday = i64::from(date.weekday().to_monday_zero_offset());
                date.saturating_sub(SignedDuration::from_hours(24 * since_monday))
            }
            Self::Month => date.first_of_month(),
            Self::Year => date.first_of_year(),
        }
    }

    /// The first day of the next one.
    fn next(self, start: Date) -> Date {
        let days = match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => i64::from(start.days_in_month()),
            Self::Year => i64::from(start.days_in_year()),
        };
        start.saturating_add(SignedDuration::from_hours(24 * days))
    }

    fn label(self, start: Date) -> String {
        match self {
            Self::Day | Self::Week => start.to_string(),
            Self::Month => format!("{}-{:02}", start.year(), start.month()),
            Self::Year => start.year().to_string(),
        }
    }

    fn stretches(self, counts: &EventCounts) -> Stretches {
        let mut stretches = Stretches::new();
        for (date, hour, tally) in counts.hours() {
            let hours = stretches.entry(self.start(date)).or_default();
            let sum = &mut hours[usize::from(hour)];
            *sum = sum.plus(tally);
        }
        stretches
    }

    fn rows(self, stretches: &Stretches, scale: Scale) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut expected = None;
        for (&start, hours) in stretches {
            rows.extend(self.empty_rows(expected.unwrap_or(start), start, scale));
            rows.push(self.row(start, hours, scale));
            expected = Some(self.next(start));
        }
        rows
    }

    /// Rows from a day up to another one: themselves if they are few, and otherwise words.
    fn empty_rows(self, from: Date, to: Date, scale: Scale) -> Vec<Row> {
        let starts = std::iter::successors(Some(from), |&start| Some(self.next(start)));
        let starts: Vec<Date> = starts.take_while(|&start| start < to).collect();
        if starts.len() <= MAX_EMPTY_ROWS as usize {
            let nothing = [Tally::default(); 24];
            let row = |start| self.row(start, &nothing, scale);
            return starts.into_iter().map(row).collect();
        }
        let gap = format!("{} {}s without recordings", starts.len(), self.name());
        vec![Row {
            gap: Some(gap),
            name: String::new(),
            cells: Vec::new(),
            events: 0,
        }]
    }

    fn row(self, start: Date, hours: &[Tally; 24], scale: Scale) -> Row {
        let name = self.label(start);
        let cell = |(hour, tally): (usize, &Tally)| scale.cell(&name, hour, *tally);
        Row {
            gap: None,
            cells: hours.iter().enumerate().map(cell).collect(),
            events: hours.iter().map(|tally| tally.events).sum(),
            name,
        }
    }
}

/// Which rate has which colour.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scale {
    /// Where the last step ends: 1, 2 or 5 times a power of ten; 0 without any events.
    top: f64,
}

impl Scale {
    fn up_to(highest: f64) -> Self {
        if highest <= 0.0 {
            return Self { top: 0.0 };
        }
        let decade = 10_f64.powf(highest.log10().floor());
        let tops = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * decade);
        let top = tops.into_iter().find(|top| *top >= highest * (1.0 - 1e-9));
        Self {
            top: top.unwrap_or(highest),
        }
    }

    /// Where a step ends, counted from 1.
    fn end(self, step: u32) -> f64 {
        self.top / f64::from(1_u32 << (STEPS - step))
    }

    fn steps(self) -> Vec<Step> {
        let step = |step| Step {
            class: format!("l{step}"),
            most: short(self.end(step)),
        };
        let count = if self.top > 0.0 { STEPS } else { 0 };
        (1..=count).map(step).collect()
    }

    fn class(self, tally: Tally) -> String {
        let Some(rate) = tally.events_per_hour() else {
            return "n".to_owned();
        };
        if tally.events == 0 {
            return "l0".to_owned();
        }
        let reaches = |step: &u32| rate <= self.end(*step) * (1.0 + 1e-9);
        format!("l{}", (1..STEPS).find(reaches).unwrap_or(STEPS))
    }

    fn cell(self, row: &str, hour: usize, tally: Tally) -> Cell {
        let Some(rate) = tally.events_per_hour() else {
            return Cell {
                class: self.class(tally),
                title: None,
                text: "not searched".to_owned(),
            };
        };
        let text = format!("{} an hour", short(rate));
        let title = format!(
            "{row}, {hour} to {} h: {} in {}, {text}",
            hour + 1,
            counted(tally.events, "event"),
            searched(tally)
        );
        Cell {
            class: self.class(tally),
            title: Some(title),
            text,
        }
    }
}

/// The whole picture in a sentence.
fn summary(counts: &EventCounts, period: Period) -> String {
    let days = counts.days().count() as u64;
    let all = counts
        .days()
        .fold(Tally::default(), |sum, (_, day)| sum.plus(day));
    let rows = match period {
        Period::Day => "",
        Period::Week => " A row is a week, named by its Monday.",
        Period::Month => " A row is a month.",
        Period::Year => " A row is a year.",
    };
    format!(
        "{} in {} that were searched, on {}. Darker is more events an hour, on a dark page lighter.{rows}",
        counted(all.events, "event"),
        searched(all),
        counted(days, "day"),
    )
}

/// Whose hours the columns are.
fn clocks(counts: &EventCounts) -> String {
    let zones = counts.zones().map(|(zone, recordings)| {
        let name = zone.map_or("no zone stated".to_owned(), utc_offset);
        (name, recordings)
    });
    let zones: Vec<(String, u64)> = zones.collect();
    match zones.as_slice() {
        [(zone, _)] => format!("Hours are those of the recorders’ clocks ({zone})."),
        zones => {
            let each = zones
                .iter()
                .map(|(zone, recordings)| format!("{zone}: {}", counted(*recordings, "recording")));
            let each: Vec<String> = each.collect();
            format!(
                "Hours are those of the recorders’ clocks, which are not all of one zone: {}.",
                each.join("; ")
            )
        }
    }
}

fn unknown(counts: &EventCounts) -> Option<String> {
    let tally = counts.unknown();
    let were = if tally.recordings == 1 { "says" } else { "say" };
    (tally.recordings > 0).then(|| {
        format!(
            "{} {were} neither in the file nor by name when it was made: {} in {} that are not drawn.",
            counted(tally.recordings, "recording"),
            counted(tally.events, "event"),
            searched(tally)
        )
    })
}

/// `1 event`, `12 events`
fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// `25.0 min` or `3.5 h`
fn searched(tally: Tally) -> String {
    let hours = tally.searched_hours();
    if hours < 2.0 {
        format!("{:.1} min", 60.0 * hours)
    } else {
        format!("{hours:.1} h")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{RecordedAt, TimeSource};
    use jiff::civil;

    fn at(date: Date, hour: i8) -> Option<RecordedAt> {
        Some(RecordedAt {
            clock: date.at(hour, 0, 0, 0),
            utc_offset_mins: Some(0),
            said_by: TimeSource::Name,
        })
    }

    /// So many days from the first of January 2024 on, each with an hour at four and up to four events in it.
    fn days(count: u32) -> EventCounts {
        let mut counts = EventCounts::default();
        let mut date = civil::date(2024, 1, 1);
        for day in 0..count {
            counts.add(at(date, 4), 3600.0, (0..day % 5).map(f64::from));
            date = date.tomorrow().unwrap();
        }
        counts
    }

    fn drawn(counts: &EventCounts) -> String {
        calendar(counts, None).unwrap()
    }

    /// How many rows of cells there are.
    fn rows(page: &str) -> usize {
        page.matches("<tr><th scope=\"row\">").count()
    }

    #[test]
    fn one_day_is_one_row_whose_cells_say_what_they_are() {
        let mut counts = EventCounts::default();
        let date = civil::date(2024, 2, 29);
        counts.add(at(date, 4), 1800.0, [1.0, 2.0, 3.0]);
        counts.add(at(date, 5), 60.0, []);
        let page = drawn(&counts);
        assert_eq!(rows(&page), 1);
        assert_eq!(page.matches("<td class=\"n\">").count(), 22);
        assert!(page.contains(
            "<td class=\"l5\" title=\"2024-02-29, 4 to 5 h: 3 events in 30.0 min, 6.00 an hour\"><span class=\"read\">6.00 an hour</span></td>"
        ));
        assert!(page.contains(
            "<td class=\"l0\" title=\"2024-02-29, 5 to 6 h: 0 events in 1.0 min, 0 an hour\">"
        ));
        assert!(page.contains("3 events in 31.0 min that were searched, on 1 day."));
        assert!(page.contains("clocks (UTC)."));
        assert!(page.contains("<td class=\"sum\">3</td>"));
    }

    #[test]
    fn rows_become_weeks_months_and_years() {
        let rows_of = |count, kind: &str| {
            let page = drawn(&days(count));
            assert!(
                page.contains(&format!("<h2>Events by {kind} and hour</h2>")),
                "{count}"
            );
            rows(&page)
        };
        assert_eq!(rows_of(62, "day"), 62);
        assert_eq!(rows_of(63, "week"), 9);
        // 2024 begins with a Monday: 57 weeks and a day.
        assert_eq!(rows_of(400, "week"), 58);
        assert_eq!(rows_of(500, "month"), 17);
        assert_eq!(rows_of(3000, "year"), 9);
    }

    #[test]
    fn sums_are_the_same_whatever_the_rows() {
        for count in [1, 62, 400, 500, 3000] {
            let counts = days(count);
            let period = Period::for_days(&counts);
            let events: u64 = period
                .rows(&period.stretches(&counts), Scale::up_to(1.0))
                .iter()
                .map(|row| row.events)
                .sum();
            let expected = (0..count).map(|day| u64::from(day % 5)).sum::<u64>();
            assert_eq!(events, expected, "{count}");
        }
    }

    #[test]
    fn days_without_recordings_are_drawn_if_few_and_else_told() {
        let mut counts = EventCounts::default();
        for day in [1, 5, 20] {
            counts.add(at(civil::date(2024, 5, day), 12), 60.0, []);
        }
        let page = drawn(&counts);
        assert_eq!(rows(&page), 3 + 3);
        assert!(page.contains("<th scope=\"row\">2024-05-03</th>"));
        assert!(page.contains("14 days without recordings"));
        assert!(!page.contains("2024-05-10"));
    }

    #[test]
    fn a_clock_that_was_reset_does_not_squeeze_the_others() {
        let mut counts = days(30);
        counts.add(at(civil::date(2000, 1, 1), 0), 60.0, []);
        let page = drawn(&counts);
        assert_eq!(rows(&page), 31);
        assert!(page.contains("8765 days without recordings"));
    }

    #[test]
    fn steps_double_up_to_a_round_number() {
        let ends = |highest| {
            let steps = Scale::up_to(highest).steps();
            steps.into_iter().map(|step| step.most).collect::<Vec<_>>()
        };
        assert_eq!(ends(130.0), ["12.5", "25.0", "50.0", "100", "200"]);
        assert_eq!(ends(20.0), ["1.25", "2.50", "5.00", "10.0", "20.0"]);
        assert_eq!(ends(0.0), [] as [&str; 0]);
        let scale = Scale::up_to(130.0);
        let class = |events| {
            let mut counts = EventCounts::default();
            counts.add(None, 3600.0, vec![0.0; events]);
            scale.class(counts.unknown())
        };
        assert_eq!(
            [0, 1, 12, 13, 25, 26, 100, 101, 130].map(class),
            ["l0", "l1", "l1", "l2", "l2", "l3", "l4", "l5", "l5"]
        );
        assert_eq!(scale.class(Tally::default()), "n");
    }

    #[test]
    fn labels_are_escaped_and_what_has_no_time_is_told() {
        let mut counts = EventCounts::default();
        counts.add(None, 60.0, [1.0]);
        let page = calendar(&counts, Some("<script>&\"")).unwrap();
        assert!(!page.contains("<script>"));
        assert!(page.contains("&lt;script&gt;&amp;&quot;"));
        assert!(page.contains(
            "1 recording says neither in the file nor by name when it was made: 1 event in 1.0 min"
        ));
        assert!(!page.contains("<table>"));
        assert_eq!(drawn(&EventCounts::default()), "");
    }

    #[test]
    fn zones_that_differ_are_told() {
        let mut counts = days(2);
        let local = at(civil::date(2024, 1, 1), 9).map(|at| RecordedAt {
            utc_offset_mins: None,
            ..at
        });
        counts.add(local, 1.0, []);
        assert!(
            drawn(&counts)
                .contains("not all of one zone: no zone stated: 1 recording; UTC: 2 recordings.")
        );
    }

    #[test]
    fn ten_years_stay_a_small_fragment() {
        assert!(drawn(&days(3650)).len() < 100_000);
        assert!(drawn(&days(400)).len() < 400_000);
    }
}
