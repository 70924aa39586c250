//! A table of marks → its events.

use super::{
    Annotation, Mark, MarkFormat, MarkWarning, MarkedEvent, Span, SpanProblem,
    layout::{Layout, separator},
    text::{decode, read_bounded},
    warning::find_oddities,
};
use crate::dataset::{DatasetError, RowProblem};
use csv::StringRecord;
use std::{collections::HashSet, path::Path};

/// Reads a table of marked events, in any of the formats of [`MarkFormat`].
///
/// # Errors
/// If the file cannot be read, if it is none of the known tables, or if a row is bad: then all bad rows are named, up to
/// a thousand, each with its line and what is expected there.
pub fn read_marks(path: impl AsRef<Path>) -> Result<Annotation, DatasetError> {
    let path = path.as_ref();
    let bytes = read_bounded(path).map_err(|source| DatasetError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse_marks(path, &bytes)
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
    let (text, known_encoding) = decode(bytes);
    let mut annotation = Annotation {
        path: path.to_owned(),
        format: MarkFormat::Plain,
        events: Vec::new(),
        warnings: Vec::new(),
    };
    if !known_encoding {
        annotation.warnings.push(MarkWarning::Encoding);
    }
    let Some(first) = text.lines().find(|line| !line.trim().is_empty()) else {
        annotation.warnings.push(MarkWarning::Empty);
        return Ok(annotation);
    };
    let table = Table {
        path,
        text: &text,
        separator: separator(first),
    };
    let (layout, events) = table.read()?;
    annotation.format = layout.format;
    annotation.warnings.extend(find_oddities(&events));
    annotation.events = events;
    Ok(annotation)
}

/// As many as a year of recordings may have, and few enough to hold in memory.
const MAX_EVENTS: usize = 2_000_000;
/// Where to stop looking for more.
const MAX_PROBLEMS: usize = 1000;

/// The text of a table.
struct Table<'a> {
    path: &'a Path,
    text: &'a str,
    separator: u8,
}

impl Table<'_> {
    fn read(&self) -> Result<(Layout, Vec<MarkedEvent>), DatasetError> {
        let mut records = self.records();
        let Some((line, first)) = records.next().transpose()? else {
            return Err(self.not_marks(1, ""));
        };
        let values: Vec<&str> = first.iter().collect();
        let layout = Layout::recognise(&values, self.separator)
            .ok_or_else(|| self.not_marks(line, &values.join(" ")))?;
        let is_event = layout.width().is_none();

        let mut problems = Vec::new();
        let mut seen = Selections::default();
        let mut events = Vec::new();
        for record in is_event
            .then_some(Ok((line, first)))
            .into_iter()
            .chain(records)
        {
            let (line, record) = record?;
            if is_frequency_line(&layout, &record) {
                continue;
            }
            let row = Row {
                layout: &layout,
                record: &record,
                line,
                problems: &mut problems,
            };
            row.read(&mut seen, &mut events);
            if events.len() > MAX_EVENTS {
                problems.push(too_many(line));
            }
            if problems.len() >= MAX_PROBLEMS || events.len() > MAX_EVENTS {
                break;
            }
        }
        if problems.is_empty() {
            Ok((layout, events))
        } else {
            Err(self.refused(problems))
        }
    }

    /// The rows that are not empty, each with its line.
    fn records(&self) -> impl Iterator<Item = Result<(u64, StringRecord), DatasetError>> {
        let mut lines = Lines::new(self.text.as_bytes());
        csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.separator)
            .quoting(self.separator != b'\t')
            .trim(csv::Trim::All)
            .from_reader(self.text.as_bytes())
            .into_records()
            .filter(|record| !matches!(record, Ok(record) if record.iter().all(str::is_empty)))
            .map(move |record| {
                let record = record.map_err(|source| DatasetError::Table {
                    path: self.path.to_owned(),
                    source,
                })?;
                let byte = record.position().map_or(0, csv::Position::byte);
                Ok((lines.of_record_at(byte), record))
            })
    }

    fn not_marks(&self, line: u64, found: &str) -> DatasetError {
        DatasetError::NotMarks {
            path: self.path.to_owned(),
            line,
            found: shortened(found),
        }
    }

    fn refused(&self, problems: Vec<RowProblem>) -> DatasetError {
        DatasetError::Rows {
            path: self.path.to_owned(),
            problems,
        }
    }
}

/// Counts lines up to places in a text that only ever lie further on.
struct Lines<'a> {
    text: &'a [u8],
    position: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            position: 0,
            line: 1,
        }
    }

    /// The line of the record that the parser started to look for at `byte`: empty lines lie before it.
    fn of_record_at(&mut self, byte: u64) -> u64 {
        let byte = usize::try_from(byte).unwrap_or(usize::MAX);
        while let Some(&here) = self.text.get(self.position) {
            let is_line_end = matches!(here, b'\r' | b'\n');
            if self.position >= byte && !is_line_end {
                break;
            }
            let is_half = here == b'\r' && self.text.get(self.position + 1) == Some(&b'\n');
            self.line += u64::from(is_line_end && !is_half);
            self.position += 1;
        }
        self.line
    }
}

/// Audacity: a line that says between which frequencies the label above it lies.
fn is_frequency_line(layout: &Layout, record: &StringRecord) -> bool {
    layout.format == MarkFormat::Audacity && record.get(0) == Some("\\")
}

/// Selections of a Raven table that have been seen: it lists each once per view.
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

/// Reads one row and collects what is wrong with it.
struct Row<'a> {
    layout: &'a Layout,
    record: &'a StringRecord,
    line: u64,
    problems: &'a mut Vec<RowProblem>,
}

impl<'a> Row<'a> {
    /// Appends the row's events, unless something is wrong with it.
    fn read(mut self, seen: &mut Selections, events: &mut Vec<MarkedEvent>) {
        let known_problems = self.problems.len();
        if !self.has_shape() {
            return;
        }
        let span = self.span();
        let recording = self.recording();
        let marks = self.marks();
        let (Some(span), true) = (span, self.problems.len() == known_problems) else {
            return;
        };
        let selection = self.layout.selection.and_then(|column| self.value(column));
        if self.layout.view.is_some() && !seen.add(recording, selection, span) {
            return;
        }
        events.extend(marks.into_iter().map(|(mark, label)| MarkedEvent {
            recording: recording.map(str::to_owned),
            span,
            label: label.map(str::to_owned),
            mark,
            line: self.line,
        }));
    }

    /// The value in a column; `None` where it is empty.
    fn value(&self, column: usize) -> Option<&'a str> {
        self.record.get(column).filter(|value| !value.is_empty())
    }

    /// Notes that the value in a column is not what it must be.
    fn report(&mut self, column: usize, required: &str) {
        let value = self.record.get(column).unwrap_or_default();
        self.problems.push(RowProblem {
            line: self.line,
            column: self.layout.name(column).to_owned(),
            value: shortened(value),
            required: required.to_owned(),
        });
    }

    /// Whether there are not more values than columns, each on one line: else nothing is where it should be.
    fn has_shape(&mut self) -> bool {
        let most = self.layout.width().unwrap_or(3);
        let filled = self
            .record
            .iter()
            .enumerate()
            .filter(|(_, value)| !value.is_empty());
        let values = filled.last().map_or(0, |(last, _)| last + 1);
        if values > most {
            self.problems.push(RowProblem {
                line: self.line,
                column: String::new(),
                value: format!("{values} values"),
                required: format!(
                    "at most {most} values (are there decimal commas? numbers must have a decimal point)"
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

    fn span(&mut self) -> Option<Span> {
        let &Layout { onset, offset, .. } = self.layout;
        let times = (self.time(onset), self.time(offset));
        let (mut begin, mut end) = (times.0?, times.1?);
        let in_file = self.layout.onset_in_file;
        if let Some(column) = in_file.filter(|&column| self.value(column).is_some()) {
            let in_file = self.time(column)?;
            if in_file != begin {
                (begin, end) = (in_file, in_file + (end - begin));
            }
        }
        match Span::new(begin, end) {
            Ok(span) => return Some(span),
            Err(SpanProblem::NotFinite { onset: first, .. }) => {
                let column = if first.is_finite() { offset } else { onset };
                self.report(column, "a finite number of seconds");
            }
            Err(SpanProblem::BeforeStart { .. }) => self.report(onset, "0 or more seconds"),
            Err(SpanProblem::Empty { onset, .. }) => {
                self.report(offset, &format!("after the onset, {onset} s"));
            }
        }
        None
    }

    fn time(&mut self, column: usize) -> Option<f64> {
        let text = self.value(column).unwrap_or_default();
        let parsed = text.parse().ok();
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

    fn recording(&mut self) -> Option<&'a str> {
        let column = self.layout.recording?;
        let name = self.value(column);
        if name.is_none() {
            self.report(column, "the name of a recording");
        }
        name
    }

    /// What the row marks, and how surely.
    fn marks(&mut self) -> Vec<(Mark, Option<&'a str>)> {
        let layout = self.layout;
        if layout.marks.is_empty() {
            let label = layout.label.and_then(|column| self.value(column));
            return vec![match label.and_then(Mark::parse) {
                Some(mark) => (mark, None),
                None => (Mark::Positive, label),
            }];
        }
        let mut marks = Vec::new();
        for (column, class) in &layout.marks {
            let mark = Mark::parse(self.value(*column).unwrap_or_default());
            if mark.is_none() {
                self.report(*column, "POS, UNK or NEG");
            }
            marks.extend(mark.map(|mark| (mark, class.as_deref())));
        }
        of_several_classes(marks)
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
