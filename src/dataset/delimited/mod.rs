//! Text in rows and columns, as programs and spreadsheets save it: the one reader of all tables.
//!
//! | | what is read |
//! |---|---|
//! | encoding | UTF-8, UTF-16 (either with or without byte-order mark), Windows-1252 with Latin-1, Mac Roman |
//! | separator | tab, semicolon or comma; Excel's line `sep=;` |
//! | values | quoted or not, with spaces around; a `'` before `=`, `+`, `-` or `@` only keeps a spreadsheet from reckoning |
//! | lines | ended in any way; empty ones are passed over, but count |

mod encoding;
mod number;

use super::{DatasetError, RowProblem};
use csv::StringRecord;
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

pub(super) use encoding::TextEncoding;
pub(super) use number::Decimal;

/// The text of a table, not yet cut into values.
pub(super) struct Delimited<'p> {
    path: &'p Path,
    text: String,
    pub(super) encoding: TextEncoding,
    /// As a line `sep=` says.
    declared: Option<u8>,
    /// Bytes and lines that come before the table: those of `sep=`.
    skipped: (usize, u64),
}

/// A table of two million events is a tenth of this.
const MAX_BYTES: u64 = 1 << 28;
const SEPARATORS: [u8; 3] = [b'\t', b';', b','];

impl<'p> Delimited<'p> {
    /// Reads a file whole, unless it is too large to be a table (or has no end).
    pub(super) fn read(path: &'p Path) -> Result<Self, DatasetError> {
        let bytes = read_bounded(path).map_err(|source| DatasetError::Read {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self::parse(path, &bytes))
    }

    /// The same of bytes in memory; `path` is what messages call them.
    pub(super) fn parse(path: &'p Path, bytes: &[u8]) -> Self {
        let (text, encoding) = encoding::decode(bytes);
        let (declared, skipped) = match declaration(&text) {
            Some((separator, bytes, lines)) => (Some(separator), (bytes, lines)),
            None => (None, (0, 0)),
        };
        Self {
            path,
            text: text.into_owned(),
            encoding,
            declared,
            skipped,
        }
    }

    /// Whether there is nothing but white space.
    pub(super) fn is_empty(&self) -> bool {
        self.body().trim().is_empty()
    }

    /// What may stand between the values, the likeliest first.
    pub(super) fn separators(&self) -> Vec<u8> {
        self.declared
            .map_or_else(|| SEPARATORS.to_vec(), |declared| vec![declared])
    }

    /// The rows that are not empty, each with its line.
    pub(super) fn records(
        &self,
        separator: u8,
    ) -> impl Iterator<Item = Result<(u64, StringRecord), DatasetError>> {
        let mut lines = Lines::new(self.body().as_bytes(), self.skipped.1 + 1);
        csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator)
            .quoting(separator != b'\t')
            .trim(csv::Trim::All)
            .from_reader(self.body().as_bytes())
            .into_records()
            .filter(|record| !matches!(record, Ok(record) if record.iter().all(str::is_empty)))
            .map(move |record| {
                let record = record.map_err(|source| DatasetError::Table {
                    path: self.path.to_owned(),
                    source,
                })?;
                let byte = record.position().map_or(0, csv::Position::byte);
                let line = lines.of_record_at(byte);
                Ok((line, plain(record, separator)))
            })
    }

    /// The first row that is not empty.
    pub(super) fn first(&self, separator: u8) -> Result<Option<(u64, StringRecord)>, DatasetError> {
        self.records(separator).next().transpose()
    }

    /// The error that all these are.
    pub(super) fn refused(&self, problems: Vec<RowProblem>) -> DatasetError {
        DatasetError::Rows {
            path: self.path.to_owned(),
            problems,
        }
    }

    fn body(&self) -> &str {
        &self.text[self.skipped.0..]
    }
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!(
            "is larger than {MAX_BYTES} bytes, too large for a table of marks or clips"
        )));
    }
    Ok(bytes)
}

/// The separator that a first line `sep=` names, and the bytes and lines up to its end.
fn declaration(text: &str) -> Option<(u8, usize, u64)> {
    let line = text.split(['\r', '\n']).next()?;
    let value = line.trim_matches('"').strip_prefix("sep=")?;
    let separator = match value.as_bytes() {
        [] if line.starts_with('"') => return None,
        [separator, rest @ ..] if rest.iter().all(|byte| b",;\t".contains(byte)) => *separator,
        _ => return None,
    };
    let end = match &text[line.len()..] {
        rest if rest.starts_with("\r\n") => 2,
        rest => rest.len().min(1),
    };
    separator
        .is_ascii()
        .then_some((separator, line.len() + end, 1))
}

/// The record as it was meant: without the quotes that spreadsheets put around values between tabs, and without the `'` that
/// keeps them from taking a value for a formula.
fn plain(record: StringRecord, separator: u8) -> StringRecord {
    let is_plain = |value: &str| !value.starts_with(['\'', '"']);
    if record.iter().all(is_plain) {
        return record;
    }
    let value = |value: &str| {
        let value = match separator {
            b'\t' => unquoted(value),
            _ => None,
        }
        .unwrap_or_else(|| value.to_owned());
        match is_guarded(&value) {
            true => value[1..].to_owned(),
            false => value,
        }
    };
    record.iter().map(value).collect()
}

/// Whether an apostrophe stands before what a spreadsheet would reckon.
fn is_guarded(value: &str) -> bool {
    let rest = value.trim_start_matches('\'');
    rest.len() < value.len() && rest.starts_with(FORMULA)
}

/// What a spreadsheet takes for the start of a formula.
const FORMULA: [char; 4] = ['=', '+', '-', '@'];

/// A value for a table, which a spreadsheet takes for text: with a `'` before what would be a formula, such as
/// `=HYPERLINK(…)` in the name of a file. Read back, it is what it was.
pub(crate) fn guarded(value: &str) -> std::borrow::Cow<'_, str> {
    match value.trim_start_matches('\'').starts_with(FORMULA) {
        true => format!("'{value}").into(),
        false => value.into(),
    }
}

/// What is inside the quotes, if the whole value is quoted.
fn unquoted(value: &str) -> Option<String> {
    let inside = value.strip_prefix('"')?.strip_suffix('"')?;
    let single = inside.replace("\"\"", "");
    (!single.contains('"')).then(|| inside.replace("\"\"", "\""))
}

/// Whether a value between tabs would lose quotes when it is read.
pub(crate) fn looks_quoted(value: &str) -> bool {
    unquoted(value).is_some()
}

/// Counts lines up to places in a text that only ever lie further on.
struct Lines<'a> {
    text: &'a [u8],
    position: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn new(text: &'a [u8], line: u64) -> Self {
        Self {
            text,
            position: 0,
            line,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(u64, Vec<String>)> {
        let table = Delimited::parse(Path::new("t"), text.as_bytes());
        let separator = table.separators()[0];
        let records = table.records(separator).map(Result::unwrap);
        records
            .map(|(line, record)| (line, record.iter().map(str::to_owned).collect()))
            .collect()
    }

    #[test]
    fn a_line_of_excel_names_the_separator_and_counts_as_a_line() {
        for text in ["sep=;\r\na;b,c\r\n", "sep=;\na;b,c", "\"sep=;\"\ra;b,c\r"] {
            assert_eq!(
                values(text),
                [(2, vec!["a".into(), "b,c".into()])],
                "{text:?}"
            );
        }
        assert_eq!(values("sep=\t\na\tb")[0].1.len(), 2);
        assert_eq!(values("sep=name\ta")[0].1, ["sep=name", "a"]);
    }

    #[test]
    fn quotes_between_tabs_are_read_as_spreadsheets_write_them_and_left_as_raven_does() {
        let read = &values("\"robin, young\"\tday \"one\".wav\t\"\"\"x\"\"\"\t\"open")[0].1;
        assert_eq!(
            *read,
            ["robin, young", "day \"one\".wav", "\"x\"", "\"open"]
        );
    }

    #[test]
    fn what_a_spreadsheet_would_reckon_is_kept_from_it_and_read_back() {
        for value in [
            "=HYPERLINK(0)",
            "-song",
            "+1",
            "@x",
            "'=x",
            "''=x",
            "'quoted'",
            "song",
            "",
        ] {
            let written = guarded(value);
            assert!(!written.starts_with(FORMULA), "{written}");
            assert_eq!(values(&format!("a\t{written}\t"))[0].1[1], value);
        }
    }
}
