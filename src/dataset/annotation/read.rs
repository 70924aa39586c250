//! A table of marks → its events.

use super::{
    Annotation, FoundEvent, Mark, MarkFormat, MarkWarning, MarkedEvent, Span, SpanProblem,
    columns::{USED_MARK, is_none, verdict},
    layout::{Classes, End, Layout, Unclear},
    warning::{find_oddities, through_files},
};
use crate::dataset::delimited::{Decimal, Delimited, TextEncoding};
use crate::dataset::recording::Place;
use crate::dataset::{DatasetError, RowProblem};
use csv::StringRecord;
use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use unicode_normalization::UnicodeNormalization;

/// Reads a table of marked events, in any of the formats of [`MarkFormat`].
///
/// # Errors
/// If the file cannot be read, if it is none of the known tables, or if a row is bad: then all bad rows are named, up to
/// a thousand, each with its line and what is expected there.
pub fn read_marks(path: impl AsRef<Path>) -> Result<Annotation, DatasetError> {
    let path = path.as_ref();
    read(path, &Delimited::read(path)?, Wanted::Marks)
}

/// Reads a table of events that a program found: as [`read_marks`], but an event that ends where it starts is one of a
/// microsecond, with a warning. Of a table with verdicts, events that nobody checked count too, and marks that were learned
/// from do not.
///
/// # Errors
/// As [`read_marks`].
pub fn read_found_events(path: impl AsRef<Path>) -> Result<Annotation, DatasetError> {
    let path = path.as_ref();
    read(path, &Delimited::read(path)?, Wanted::FoundEvents)
}

/// As [`read_marks`], of bytes in memory; `path` is what messages call them.
///
/// ```
/// use chiffchaff::dataset::{Mark, parse_marks};
///
/// let table = b"Audiofilename,Starttime,Endtime,Q\na.wav,1.5,2.0,POS\na.wav,4,4.5,UNK\n";
/// let marks = parse_marks("a.csv".as_ref(), table)?;
/// assert_eq!(marks.events[0].span.offset(), 2.0);
/// assert_eq!(marks.events[1].mark, Mark::Unknown);
///
/// let error = parse_marks("a.csv".as_ref(), b"onset,offset\n2.0,1.5\n").unwrap_err();
/// assert!(error.to_string().contains("line 2: `offset` is `1.5`, but must be after the onset"));
/// # Ok::<(), chiffchaff::dataset::DatasetError>(())
/// ```
///
/// # Errors
/// As [`read_marks`].
pub fn parse_marks(path: &Path, bytes: &[u8]) -> Result<Annotation, DatasetError> {
    read(path, &Delimited::parse(path, bytes), Wanted::Marks)
}

/// What is wanted of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// What somebody says of the sound.
    Marks,
    /// What a program says.
    FoundEvents,
}

fn read(path: &Path, text: &Delimited, wanted: Wanted) -> Result<Annotation, DatasetError> {
    let mut annotation = Annotation {
        path: path.to_owned(),
        format: MarkFormat::Plain,
        events: Vec::new(),
        silent: BTreeSet::new(),
        checked: false,
        found: Vec::new(),
        label_column: None,
        warnings: encoding_warning(text.encoding).into_iter().collect(),
    };
    if text.is_empty() {
        annotation.warnings.push(MarkWarning::Empty);
        return Ok(annotation);
    }
    let (separator, layout) = recognise(path, text)?;
    Table {
        text,
        separator,
        wanted,
    }
    .read(layout, &mut annotation)?;
    Ok(annotation)
}

fn encoding_warning(encoding: TextEncoding) -> Option<MarkWarning> {
    let name = match encoding {
        TextEncoding::Unicode => return None,
        TextEncoding::Windows1252 => "Latin-1 (Windows-1252)",
        TextEncoding::MacRoman => "Mac Roman",
    };
    Some(MarkWarning::Encoding { name })
}

/// The separator by which the first line is that of a known table.
fn recognise(path: &Path, text: &Delimited) -> Result<(u8, Layout), DatasetError> {
    let mut refused = None;
    for separator in text.separators() {
        let (line, first) = match text.first(separator) {
            Ok(Some(first)) => first,
            Ok(None) => continue,
            Err(error) => {
                refused.get_or_insert(error);
                continue;
            }
        };
        let values: Vec<&str> = first.iter().collect();
        if let Some(layout) = Layout::recognise(&values, separator) {
            return Ok((separator, layout));
        }
        // What it is cut into by the separator that cuts it most is easiest to recognise.
        let found = shortened(&values.join(" "));
        if values.len() > 1 || refused.is_none() {
            refused = Some(DatasetError::NotMarks {
                path: path.to_owned(),
                line,
                found,
            });
        }
    }
    Err(refused.unwrap_or_else(|| DatasetError::NotMarks {
        path: path.to_owned(),
        line: 1,
        found: String::new(),
    }))
}

/// As many as a year of recordings may have, and few enough to hold in memory.
const MAX_EVENTS: usize = 2_000_000;
/// Where to stop looking for more.
const MAX_PROBLEMS: usize = 1000;

/// The text of a table, and how to read it.
struct Table<'a> {
    text: &'a Delimited<'a>,
    separator: u8,
    wanted: Wanted,
}

/// The row of an event.
struct Record {
    line: u64,
    values: StringRecord,
    /// Its limits of frequency, Hz as written, where they have a line of their own.
    limits: Option<[String; 2]>,
}

impl Table<'_> {
    fn read(&self, mut layout: Layout, annotation: &mut Annotation) -> Result<(), DatasetError> {
        let records = self.records(&layout)?;
        let values: Vec<&StringRecord> = records.iter().map(|record| &record.values).collect();
        let settled = layout
            .settle(&values)
            .map_err(|unclear| self.unclear(unclear))?;
        annotation.format = layout.format;
        annotation.checked = layout.verdict.is_some();
        annotation.label_column = layout
            .label
            .and_then(|label| layout.header.get(label).cloned());
        annotation.warnings.extend(settled);
        let mut rows = Rows {
            decimal: decimal(&layout, &values),
            layout: &layout,
            wanted: self.wanted,
            seen: Selections::default(),
            problems: Vec::new(),
            without_length: Vec::new(),
        };
        for record in &records {
            let row = Row {
                rows: &mut rows,
                record: &record.values,
                limits: record.limits.as_ref(),
                line: record.line,
            };
            row.read(annotation);
            let is_full = annotation.events.len().max(annotation.found.len()) > MAX_EVENTS;
            if is_full {
                rows.problems.push(too_many(record.line));
            }
            if rows.problems.len() >= MAX_PROBLEMS || is_full {
                break;
            }
        }
        rows.look_like_events(
            &annotation.events,
            records.first().map_or(1, |record| record.line),
        );
        if !rows.problems.is_empty() {
            return Err(self.text.refused(rows.problems));
        }
        annotation
            .warnings
            .extend(rows.warnings(&annotation.events));
        Ok(())
    }

    /// The rows of events.
    fn records(&self, layout: &Layout) -> Result<Vec<Record>, DatasetError> {
        let header = usize::from(layout.width().is_some());
        let rules = layout.format.rules();
        let mut records: Vec<Record> = Vec::new();
        for record in self.text.records(self.separator).skip(header) {
            let (line, values) = record?;
            let limits = rules.limits_above(&values);
            if limits.is_none() {
                records.push(Record {
                    line,
                    values,
                    limits,
                });
            } else if let Some(above) = records.last_mut() {
                above.limits = limits;
            }
        }
        Ok(records)
    }

    fn unclear(&self, unclear: Unclear) -> DatasetError {
        let line = self.text.first(self.separator).ok().flatten();
        self.text.refused(vec![RowProblem {
            line: line.map_or(1, |(line, _)| line),
            column: unclear.column,
            value: unclear.found,
            required: unclear.required.to_owned(),
        }])
    }
}

/// What the times of a table have before their fraction.
fn decimal(layout: &Layout, records: &[&StringRecord]) -> Decimal {
    let columns = [
        Some(layout.onset),
        Some(layout.end.column()),
        layout.onset_in_file,
    ];
    let times = |record: &&'_ StringRecord| -> Vec<String> {
        let values = columns
            .iter()
            .flatten()
            .filter_map(|&column| record.get(column));
        values.map(str::to_owned).collect()
    };
    let times: Vec<String> = records.iter().flat_map(times).collect();
    Decimal::of(
        times
            .iter()
            .map(String::as_str)
            .filter(|value| !is_none(value)),
    )
}

/// Selections that have been seen: a table with views lists each once per view.
#[derive(Default)]
struct Selections(HashSet<(Option<String>, Option<String>, [u64; 2])>);

impl Selections {
    /// Whether this is the first row of the selection.
    fn add(&mut self, recording: Option<&str>, selection: Option<&str>, span: Span) -> bool {
        let times = [span.onset().to_bits(), span.offset().to_bits()];
        let (recording, selection) = (recording.map(str::to_owned), selection.map(str::to_owned));
        self.0.insert((recording, selection, times))
    }
}

/// What all rows of a table have in common, and what is wrong with them.
struct Rows<'l> {
    layout: &'l Layout,
    decimal: Decimal,
    wanted: Wanted,
    seen: Selections,
    problems: Vec<RowProblem>,
    /// Lines of events that end where they start.
    without_length: Vec<u64>,
}

impl Rows<'_> {
    /// Without a header, a second column may be the values of a curve: then almost every event would overlap the next.
    fn look_like_events(&mut self, events: &[MarkedEvent], line: u64) {
        let overlaps = |pair: &[MarkedEvent]| match pair {
            [first, second] => {
                second.span.onset() >= first.span.onset()
                    && second.span.onset() < first.span.offset()
            }
            _ => false,
        };
        if self.layout.header.is_empty() && events.len() > 3 && events.windows(2).all(overlaps) {
            self.problems.push(RowProblem {
                line,
                column: String::new(),
                value: "numbers without a header".to_owned(),
                required: "onset and offset (every row goes on into the next; if that is meant, a first line must say `onset,offset`)".to_owned(),
            });
        }
    }

    fn warnings(&self, events: &[MarkedEvent]) -> Vec<MarkWarning> {
        let mut warnings = find_oddities(events);
        let through = self.layout.format.rules().counts_through_files();
        if through && self.layout.onset_in_file.is_none() {
            warnings.extend(through_files(events));
        }
        if let Some(&line) = self.without_length.first() {
            let count = self.without_length.len();
            warnings.push(MarkWarning::NoLength { line, count });
        }
        warnings
    }
}

/// Reads one row and collects what is wrong with it.
struct Row<'a, 'l> {
    rows: &'a mut Rows<'l>,
    record: &'a StringRecord,
    /// See [`Record::limits`].
    limits: Option<&'a [String; 2]>,
    line: u64,
}

impl<'a> Row<'a, '_> {
    /// Appends the row's events, unless something is wrong with it.
    fn read(mut self, annotation: &mut Annotation) {
        let known_problems = self.rows.problems.len();
        if !self.has_shape() {
            return;
        }
        let recording = self.recording();
        if self.is_silent() {
            annotation.silent.extend(recording);
            return;
        }
        let span = self.span();
        let marks = self.marks();
        let (Some(span), true) = (span, self.rows.problems.len() == known_problems) else {
            return;
        };
        let selection = self
            .rows
            .layout
            .selection
            .and_then(|column| self.value(column));
        let has_view = self.rows.layout.view.is_some();
        if has_view && !self.rows.seen.add(recording.as_deref(), selection, span) {
            return;
        }
        let is_mark = self.is_used_mark();
        if is_mark && self.rows.wanted == Wanted::FoundEvents {
            return;
        }
        if self.rows.layout.verdict.is_some() && !is_mark {
            annotation.found.push(FoundEvent {
                score: self.score(),
                verdict: self.verdict().and_then(verdict),
                line: self.line,
            });
        }
        let band_hz = self.band_hz();
        annotation
            .events
            .extend(marks.into_iter().map(|(mark, label)| MarkedEvent {
                recording: recording.clone(),
                span,
                band_hz,
                label: label.map(|label| label.nfc().collect()),
                mark,
                line: self.line,
            }));
    }

    /// The value in a column; `None` where it says that there is none.
    fn value(&self, column: usize) -> Option<&'a str> {
        self.record.get(column).filter(|value| !is_none(value))
    }

    /// Notes that the value in a column is not what it must be.
    fn report(&mut self, column: usize, required: &str) {
        let value = self.record.get(column).unwrap_or_default();
        self.rows.problems.push(RowProblem {
            line: self.line,
            column: self.rows.layout.name(column).to_owned(),
            value: shortened(value),
            required: required.to_owned(),
        });
    }

    /// Whether there are not more values than columns, each on one line: else nothing is where it should be.
    fn has_shape(&mut self) -> bool {
        let most = self.rows.layout.width().unwrap_or(3);
        let filled = self
            .record
            .iter()
            .enumerate()
            .filter(|(_, value)| !value.is_empty());
        let values = filled.last().map_or(0, |(last, _)| last + 1);
        if values > most {
            self.rows.problems.push(RowProblem {
                line: self.line,
                column: String::new(),
                value: format!("{values} values"),
                required: format!(
                    "at most {most} values (are there decimal commas? numbers must then have a decimal point, or stand between semicolons)"
                ),
            });
            return false;
        }
        let has_break = |value: &str| value.contains(['\r', '\n']);
        if let Some(column) = self.record.iter().position(has_break) {
            self.report(column, "on one line (is a closing `\"` missing?)");
            return false;
        }
        true
    }

    /// Whether the row says of its recording that nothing is marked in it: without times, and without a label or a mark.
    fn is_silent(&self) -> bool {
        let layout = self.rows.layout;
        let is_blank = |column: usize| self.value(column).is_none();
        let says_nothing = |column: &usize| match self.value(*column) {
            None => true,
            Some(value) => {
                let is_negative = Mark::parse(value) == Some(Mark::Negative);
                is_negative || matches!(value, "0" | "0.0") || value.eq_ignore_ascii_case("false")
            }
        };
        let classes: Vec<usize> = match &layout.classes {
            Classes::None => Vec::new(),
            Classes::Marks(classes) => classes.iter().map(|(column, _)| *column).collect(),
            Classes::Flags(classes) => classes.iter().map(|(column, _)| *column).collect(),
        };
        layout.names_recordings()
            && is_blank(layout.onset)
            && is_blank(layout.end.column())
            && layout.label.is_none_or(is_blank)
            && layout.mark.iter().chain(&classes).all(says_nothing)
    }

    fn span(&mut self) -> Option<Span> {
        let (onset, end) = (self.rows.layout.onset, self.rows.layout.end);
        let times = (self.time(onset), self.time(end.column()));
        let (mut begin, second) = (times.0?, times.1?);
        let mut offset = match end {
            End::Offset(_) => second,
            End::Duration(_) => begin + second,
        };
        let in_file = self.rows.layout.onset_in_file;
        if let Some(column) = in_file.filter(|&column| self.value(column).is_some()) {
            let in_file = self.time(column)?;
            if in_file != begin {
                (begin, offset) = (in_file, in_file + (offset - begin));
            }
        }
        if offset == begin && self.rows.wanted == Wanted::FoundEvents {
            self.rows.without_length.push(self.line);
            offset = begin + 1e-6;
        }
        match Span::new(begin, offset) {
            Ok(span) => return Some(span),
            Err(SpanProblem::NotFinite { onset: first, .. }) => {
                let column = if first.is_finite() {
                    end.column()
                } else {
                    onset
                };
                self.report(column, "a finite number of seconds");
            }
            Err(SpanProblem::BeforeStart { .. }) => self.report(onset, "0 or more seconds"),
            Err(SpanProblem::Empty { onset, .. }) => match end {
                End::Offset(column) => self.report(column, &format!("after the onset, {onset} s")),
                End::Duration(column) => self.report(column, "above 0 seconds"),
            },
        }
        None
    }

    fn time(&mut self, column: usize) -> Option<f64> {
        let text = self.value(column).unwrap_or_default();
        let parsed = self.rows.decimal.parse(text);
        if parsed.is_none() {
            let with_point = text.replace(',', ".");
            if with_point.parse::<f64>().is_ok() {
                let required = format!("written with a decimal point: {}", shortened(&with_point));
                self.report(column, &required);
            } else {
                self.report(column, "a number of seconds");
            }
        }
        parsed
    }

    /// The recording with all folders that the row gives.
    fn recording(&mut self) -> Option<String> {
        let layout = self.rows.layout;
        let value = |column: Option<usize>| column.and_then(|column| self.value(column));
        let (path, file) = (value(layout.path), value(layout.file));
        let Some(name) = path.or(file) else {
            if let Some(column) = layout.file.or(layout.path) {
                self.report(column, "the name of a recording");
            }
            return None;
        };
        let folders = layout
            .folders
            .iter()
            .filter_map(|&column| self.value(column));
        match (path, file) {
            (Some(path), Some(file)) => {
                let (whole, last) = (Place::of_name(path), Place::of_name(file));
                if whole.agrees_with(&last) {
                    return Some(
                        if last.is_longer_than(&whole) {
                            file
                        } else {
                            path
                        }
                        .to_owned(),
                    );
                }
                if !whole.has_sound_ending() {
                    return Some(format!("{path}/{file}"));
                }
                let column = layout.path.unwrap_or_default();
                self.report(column, &format!("a path to `{}`", shortened(file)));
                None
            }
            _ if Place::of_name(name).has_folder() => Some(name.to_owned()),
            _ => Some(folders.chain([name]).collect::<Vec<_>>().join("/")),
        }
    }

    /// How sure the program was that found it.
    fn score(&self) -> Option<f64> {
        self.number(self.rows.layout.score?)
    }

    fn number(&self, column: usize) -> Option<f64> {
        self.parsed(self.value(column)?)
    }

    /// A number in the decimals of the table's times, or of its own.
    fn parsed(&self, value: &str) -> Option<f64> {
        let parsed = self.rows.decimal.parse(value);
        parsed.or_else(|| value.parse().ok())
    }

    /// Between which frequencies it lies, where the row or the line below it says so.
    fn band_hz(&self) -> Option<(f64, f64)> {
        let (low, high) = match self.limits {
            Some([low, high]) => (self.parsed(low)?, self.parsed(high)?),
            None => {
                let (low, high, unit) = self.rows.layout.band?;
                let unit = unit?;
                (self.number(low)? * unit, self.number(high)? * unit)
            }
        };
        let are_limits = (0.0..=high).contains(&low) && high.is_finite();
        are_limits.then_some((low, high))
    }

    /// What stands in the column of verdicts.
    fn verdict(&self) -> Option<&'a str> {
        self.value(self.rows.layout.verdict?)
    }

    /// Whether it is no found event, but a mark that was learned from.
    fn is_used_mark(&self) -> bool {
        self.verdict()
            .is_some_and(|verdict| verdict.eq_ignore_ascii_case(USED_MARK))
    }

    /// What the row marks, and how surely.
    fn marks(&mut self) -> Vec<(Mark, Option<&'a str>)> {
        let layout = self.rows.layout;
        let label = layout.label.and_then(|column| self.value(column));
        if let Some(column) = layout.verdict {
            let Some(value) = self.value(column) else {
                let unchecked =
                    (self.rows.wanted == Wanted::FoundEvents).then_some((Mark::Positive, label));
                return unchecked.into_iter().collect();
            };
            let checked = verdict(value);
            if checked.is_none() {
                self.report(column, "right, wrong or ?, or empty where nobody looked");
            }
            return checked.map(|mark| (mark, label)).into_iter().collect();
        }
        match &layout.classes {
            Classes::Marks(classes) => {
                let classes = classes
                    .iter()
                    .map(|(column, class)| (*column, class.as_deref()));
                let marks: Vec<_> = classes.collect();
                let given: Vec<_> = marks
                    .iter()
                    .map(|(column, _)| self.mark_in(*column))
                    .collect();
                let marks = given.into_iter().zip(marks);
                let marks = marks.filter_map(|(mark, (_, class))| Some((mark?, class)));
                of_several_classes(marks.collect())
            }
            Classes::Flags(classes) => {
                let is_heard = |column: usize| {
                    let value = self.value(column).unwrap_or_default();
                    matches!(value, "1" | "1.0") || value.eq_ignore_ascii_case("true")
                };
                let heard = classes.iter().filter(|(column, _)| is_heard(*column));
                heard
                    .map(|(_, class)| (Mark::Positive, Some(class.as_str())))
                    .collect()
            }
            Classes::None => match (layout.mark, label.and_then(Mark::parse)) {
                (Some(column), _) => {
                    let mark = self.mark_in(column);
                    mark.map(|mark| (mark, label)).into_iter().collect()
                }
                (None, Some(mark)) => vec![(mark, None)],
                (None, None) => match label.and_then(|label| label.strip_prefix('-')) {
                    Some(other) if !other.is_empty() => vec![(Mark::Negative, Some(other))],
                    _ => vec![(Mark::Positive, label)],
                },
            },
        }
    }

    fn mark_in(&mut self, column: usize) -> Option<Mark> {
        let mark = Mark::parse(self.value(column).unwrap_or_default());
        if mark.is_none() {
            self.report(column, "POS, UNK or NEG");
        }
        mark
    }
}

/// Beside a class that an event is or may be of, others that it is not of say nothing; of none at all, it is one event.
fn of_several_classes(marks: Vec<(Mark, Option<&str>)>) -> Vec<(Mark, Option<&str>)> {
    if let [mark] = marks[..] {
        return vec![mark];
    }
    let is_positive = |(mark, _): &(Mark, Option<&str>)| *mark != Mark::Negative;
    if !marks.is_empty() && !marks.iter().any(is_positive) {
        return vec![(Mark::Negative, None)];
    }
    marks.into_iter().filter(is_positive).collect()
}

fn too_many(line: u64) -> RowProblem {
    RowProblem {
        line,
        column: String::new(),
        value: format!("mark number {}", MAX_EVENTS + 1),
        required: format!("one of at most {MAX_EVENTS} in a table"),
    }
}

/// Enough of a value to recognise it, on one line.
fn shortened(value: &str) -> String {
    const MOST: usize = 60;
    let mut text: String = value
        .chars()
        .take(MOST)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if value.chars().nth(MOST).is_some() {
        text.push('…');
    }
    text
}
