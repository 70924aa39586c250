//! Clips from a table: `csv:` datasets, and what every dataset with a table shares.

use super::delimited::{Decimal, Delimited};
use super::{Clip, Dataset, DatasetError, LayoutFault, LayoutProblem, RowProblem, Span};
use csv::StringRecord;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read},
    ops::RangeInclusive,
    path::{Path, PathBuf},
};
use unicode_normalization::UnicodeNormalization;

/// Reads a table with the columns `path,label[,fold][,source][,onset,offset]`, in any order; others are named as not used.
///
/// Paths are relative to the table's folder, with `/` or `\\` between folders; an empty label, fold or source means none; onset and offset are
/// seconds within the file, both or neither. Classes are sorted by name, numbers by value.
pub(super) fn load(path: &Path) -> Result<Dataset, DatasetError> {
    let table = Table::read(
        path,
        &["path", "label"],
        &["fold", "source", "onset", "offset"],
    )?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut problems = Vec::new();
    let mut rows = Vec::new();
    for row in &table.rows {
        let mut check = RowCheck {
            row,
            problems: &mut problems,
        };
        check.width(table.width);
        let file = check.required("path", "the path of a sound file");
        let fold = check.number("fold", "a whole number");
        let span = check.span();
        let clip = Clip {
            fold,
            source: row.value("source").map(str::to_owned),
            span,
            ..Clip::unlabelled(file_in(folder, file))
        };
        rows.push((clip, row.value("label")));
    }
    table.refuse(problems)?;
    let classes = sorted_classes(rows.iter().filter_map(|(_, label)| *label));
    let clips = rows.into_iter().map(|(clip, label)| Clip {
        label: label.and_then(|label| classes.iter().position(|class| class == label)),
        ..clip
    });
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut dataset = Dataset::new(name, clips.collect(), classes);
    if !table.unused.is_empty() {
        dataset.faults.push(LayoutFault {
            path: path.to_owned(),
            problem: LayoutProblem::UnusedColumns {
                columns: table.unused,
            },
        });
    }
    Ok(dataset)
}

/// The file that a table names: as it is spelled, or else with the other slashes, or with accents that are one letter or two.
fn file_in(folder: &Path, name: &str) -> PathBuf {
    let slashed = name.replace('\\', "/");
    let spellings = [
        name.to_owned(),
        name.nfc().collect(),
        name.nfd().collect(),
        slashed.nfc().collect(),
        slashed.nfd().collect(),
    ];
    let mut paths = spellings.iter().map(|name| folder.join(name));
    paths
        .find(|path| path.is_file())
        .unwrap_or_else(|| folder.join(name))
}

/// Reads a table of two columns, every value given.
pub(crate) fn read_pairs(path: &Path, names: [&str; 2]) -> Result<Vec<[String; 2]>, DatasetError> {
    let table = Table::read(path, &names, &[])?;
    let mut problems = Vec::new();
    let mut pairs = Vec::new();
    for row in &table.rows {
        let mut check = RowCheck {
            row,
            problems: &mut problems,
        };
        pairs.push(names.map(|name| check.required(name, "given").to_owned()));
    }
    table.refuse(problems)?;
    Ok(pairs)
}

/// Names without repetition: by value if all are whole numbers, else by letters.
pub(super) fn sorted_classes<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    if names.iter().all(|name| name.parse::<i64>().is_ok()) {
        names.sort_by_key(|name| name.parse::<i64>().ok());
    }
    names.into_iter().map(str::to_owned).collect()
}

/// A table in memory, each row knowing its line.
pub(super) struct Table<'a> {
    path: &'a Path,
    names: Vec<String>,
    pub(super) width: usize,
    pub(super) rows: Vec<Row>,
    /// Columns with values that nobody asked for.
    unused: Vec<String>,
}

/// What the first line of a table is.
enum Header<'n> {
    /// Names of columns, in any order.
    Names {
        required: &'n [&'n str],
        optional: &'n [&'n str],
    },
    /// A row like the others; the columns are called so.
    None(&'n [&'n str]),
}

/// Columns of seconds, whose numbers may have a decimal comma.
const TIMES: [&str; 2] = ["onset", "offset"];

impl Header<'_> {
    /// The separator by which all columns are there, or else most values, and the names of the columns.
    fn names(&self, text: &Delimited) -> Result<(u8, Vec<String>), DatasetError> {
        let required = match self {
            Self::Names { required, .. } => required,
            Self::None(names) => {
                return Ok((b',', names.iter().map(|&name| name.to_owned()).collect()));
            }
        };
        let mut best: Option<(u8, Vec<String>)> = None;
        for separator in text.separators() {
            let first = text.first(separator)?.map(|(_, first)| first);
            let names = first.iter().flatten().map(str::to_lowercase);
            let mut names: Vec<String> = names.collect();
            while names.last().is_some_and(String::is_empty) {
                names.pop();
            }
            if required
                .iter()
                .all(|name| names.iter().any(|given| given == name))
            {
                return Ok((separator, names));
            }
            if best
                .as_ref()
                .is_none_or(|(_, known)| names.len() > known.len())
            {
                best = Some((separator, names));
            }
        }
        Ok(best.unwrap_or((b',', Vec::new())))
    }
}

fn decimal(names: &[String], records: &[(u64, StringRecord)]) -> Decimal {
    let times = names
        .iter()
        .enumerate()
        .filter(|(_, name)| TIMES.contains(&name.as_str()));
    let values = times.flat_map(|(column, _)| {
        records
            .iter()
            .filter_map(move |(_, record)| record.get(column))
    });
    Decimal::of(values.filter(|value| !value.is_empty()))
}

/// The values of a row by column name; empty ones are left out.
pub(super) struct Row {
    line: u64,
    width: usize,
    values: BTreeMap<String, String>,
}

impl Row {
    /// The value of a column, if there is one.
    pub(super) fn value(&self, column: &str) -> Option<&str> {
        self.values.get(column).map(String::as_str)
    }
}

impl<'a> Table<'a> {
    /// Reads a table whose first line names the columns (in any case, with spaces around).
    pub(super) fn read(
        path: &'a Path,
        required: &[&str],
        optional: &[&str],
    ) -> Result<Self, DatasetError> {
        Self::read_as(path, Header::Names { required, optional })
    }

    /// Reads a table without a line of names; the columns are called `names`, in their order.
    pub(super) fn read_unnamed(path: &'a Path, names: &[&str]) -> Result<Self, DatasetError> {
        Self::read_as(path, Header::None(names))
    }

    /// Whether the first line named this column.
    pub(super) fn has_column(&self, name: &str) -> bool {
        self.names.iter().any(|present| present == name)
    }

    fn read_as(path: &'a Path, header: Header<'_>) -> Result<Self, DatasetError> {
        let text = Delimited::read(path)?;
        let (separator, names) = header.names(&text)?;
        let (required, optional) = match header {
            Header::None(names) => (names, &[][..]),
            Header::Names { required, optional } => (required, optional),
        };
        let missing: Vec<String> = required
            .iter()
            .filter(|name| !names.iter().any(|present| present == *name))
            .map(|name| (*name).to_owned())
            .collect();
        if !missing.is_empty() {
            return Err(DatasetError::Columns {
                path: path.to_owned(),
                missing,
                present: names,
            });
        }
        let skipped = usize::from(matches!(header, Header::Names { .. }));
        let records = text.records(separator).skip(skipped);
        let records = records.collect::<Result<Vec<_>, _>>()?;
        if records.is_empty() {
            return Err(DatasetError::Empty {
                path: path.to_owned(),
                reason: "the table has no rows",
            });
        }
        let decimal = decimal(&names, &records);
        let wanted = |name: &str| required.contains(&name) || optional.contains(&name);
        let has_values = |column: usize| {
            let mut values = records.iter().filter_map(|(_, record)| record.get(column));
            values.any(|value| !value.is_empty())
        };
        let unused = names
            .iter()
            .enumerate()
            .filter(|&(column, name)| !name.is_empty() && !wanted(name) && has_values(column));
        let unused = unused.map(|(_, name)| name.clone()).collect();
        let row = |(line, record): (u64, StringRecord)| {
            let values = names.iter().zip(&record);
            let values = values.filter(|(name, value)| wanted(name) && !value.is_empty());
            let filled = record
                .iter()
                .enumerate()
                .filter(|(_, value)| !value.is_empty());
            let filled = filled.last().map_or(0, |(last, _)| last + 1);
            Row {
                line,
                // Spreadsheets end every line with as many separators as the longest has.
                width: record.len().min(filled.max(names.len())),
                values: values
                    .map(|(name, value)| match TIMES.contains(&name.as_str()) {
                        true => (name.clone(), decimal.with_point(value)),
                        false => (name.clone(), value.nfc().collect()),
                    })
                    .collect(),
            }
        };
        Ok(Self {
            path,
            width: names.len(),
            rows: records.into_iter().map(row).collect(),
            names,
            unused,
        })
    }

    /// An error with all problems, if there is any.
    pub(super) fn refuse(&self, problems: Vec<RowProblem>) -> Result<(), DatasetError> {
        if problems.is_empty() {
            return Ok(());
        }
        Err(DatasetError::Rows {
            path: self.path.to_owned(),
            problems,
        })
    }
}

/// Opens a list of lines, without the byte-order mark that spreadsheets put in front.
pub(super) fn open(path: &Path) -> io::Result<impl Read> {
    let mut file = BufReader::new(File::open(path)?);
    let mut start = Vec::new();
    file.by_ref().take(3).read_to_end(&mut start)?;
    if start == b"\xef\xbb\xbf" {
        start.clear();
    }
    Ok(io::Cursor::new(start).chain(file))
}

/// Reads the values of one row and collects what is wrong with them.
pub(super) struct RowCheck<'a> {
    pub(super) row: &'a Row,
    pub(super) problems: &'a mut Vec<RowProblem>,
}

impl<'a> RowCheck<'a> {
    /// Notes a value that is not what it must be.
    pub(super) fn report(&mut self, column: &str, required: &str) {
        let value = self.row.value(column).unwrap_or_default().to_owned();
        self.problems.push(RowProblem {
            line: self.row.line,
            column: column.to_owned(),
            value,
            required: required.to_owned(),
        });
    }

    /// The row has as many values as there are columns.
    pub(super) fn width(&mut self, columns: usize) {
        if self.row.width != columns {
            self.problems.push(RowProblem {
                line: self.row.line,
                column: String::new(),
                value: format!("{} values", self.row.width),
                required: format!("{columns} values, one per column"),
            });
        }
    }

    /// A value that must be there.
    pub(super) fn required(&mut self, column: &str, what: &str) -> &'a str {
        let value = self.row.value(column);
        if value.is_none() {
            self.report(column, what);
        }
        value.unwrap_or_default()
    }

    /// A number that may be absent.
    pub(super) fn number<T: std::str::FromStr>(&mut self, column: &str, what: &str) -> Option<T> {
        let parsed = self.row.value(column)?.parse().ok();
        if parsed.is_none() {
            self.report(column, what);
        }
        parsed
    }

    /// A whole number that must be there, within limits.
    pub(super) fn number_in(
        &mut self,
        column: &str,
        range: RangeInclusive<u32>,
        what: &str,
    ) -> Option<u32> {
        let parsed = self.row.value(column).and_then(|value| value.parse().ok());
        let number = parsed.filter(|number| range.contains(number));
        if number.is_none() {
            self.report(column, what);
        }
        number
    }

    /// `0` or `1`.
    pub(super) fn flag(&mut self, column: &str) -> bool {
        let value = self.row.value(column);
        if !matches!(value, Some("0" | "1")) {
            self.report(column, "0 or 1");
        }
        value == Some("1")
    }

    /// A row number that must be one more than that of the row before, counted from 0.
    pub(super) fn index(&mut self, column: &str, index: usize) {
        if self.row.value(column) != Some(index.to_string().as_str()) {
            self.report(column, &format!("{index}, the next index"));
        }
    }

    /// `onset` and `offset`: both or neither, 0 ≤ onset < offset.
    pub(super) fn span(&mut self) -> Option<Span> {
        let before = self.problems.len();
        let onset = self.number::<f64>("onset", "a number of seconds");
        let offset = self.number::<f64>("offset", "a number of seconds");
        if self.problems.len() > before {
            return None;
        }
        match (onset, offset) {
            (None, None) => {}
            (Some(_), None) => self.report("offset", "given, as `onset` is"),
            (None, Some(_)) => self.report("onset", "given, as `offset` is"),
            (Some(onset), _) if !(onset.is_finite() && onset >= 0.0) => {
                self.report("onset", "0 or more seconds");
            }
            (Some(onset), Some(offset)) if !(offset.is_finite() && offset > onset) => {
                self.report("offset", "after `onset`");
            }
            (Some(onset), Some(offset)) => return Span::new(onset, offset).ok(),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn load_text(text: &str) -> Result<Dataset, DatasetError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls.csv");
        fs::write(&path, text).unwrap();
        let mut dataset = load(&path)?;
        for clip in &mut dataset.clips {
            clip.path = clip.path.strip_prefix(folder.path()).unwrap().to_owned();
        }
        Ok(dataset)
    }

    #[test]
    fn rows_become_clips_in_their_order() {
        let text = "\u{feff}Label, path,fold,source,onset,offset,note\n\
            wren,a/b.wav,2,tape1,0.5,1.25,x\n\
            \"robin, young\",c.flac,,,,,\n\
            ,d.ogg,1,,,,\n";
        let dataset = load_text(text).unwrap();
        assert_eq!(dataset.name, "calls");
        let [unused] = &dataset.faults[..] else {
            panic!("{:?}", dataset.faults)
        };
        assert_eq!(unused.problem.to_string(), "not used: `note`");
        assert_eq!(dataset.left_out().count(), 0);
        assert_eq!(dataset.classes, ["robin, young", "wren"]);
        let expected = Clip {
            label: Some(1),
            fold: Some(2),
            source: Some("tape1".into()),
            span: Span::new(0.5, 1.25).ok(),
            ..Clip::unlabelled("a/b.wav")
        };
        assert_eq!(dataset.clips[0], expected);
        let unlabelled = Clip {
            fold: Some(1),
            ..Clip::unlabelled("d.ogg")
        };
        assert_eq!(dataset.clips[2], unlabelled);
        assert_eq!(dataset.clips[1].label, Some(0));
    }

    #[test]
    fn numbers_as_labels_are_sorted_by_value() {
        let dataset = load_text("path,label\na,10\nb,9\nc,2\n").unwrap();
        assert_eq!(dataset.classes, ["2", "9", "10"]);
        assert_eq!(dataset.clips[0].label, Some(2));
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let text = "path,label,fold,onset,offset\n\
            a.wav,x,one,,\n\
            ,x,1,,\n\
            b.wav,x,1,2.0,1.0\n\
            c.wav,x,1,0.5,\n\
            d.wav,x,1,-1,nan\n\
            e.wav,x\n";
        let message = load_text(text).unwrap_err().to_string();
        for line in [
            "calls.csv: 6 bad values:",
            "line 2: `fold` is `one`, but must be a whole number",
            "line 3: `path` is ``, but must be the path of a sound file",
            "line 4: `offset` is `1.0`, but must be after `onset`",
            "line 5: `offset` is ``, but must be given, as `onset` is",
            "line 6: `onset` is `-1`, but must be 0 or more seconds",
            "line 7: is `2 values`, but must be 5 values, one per column",
        ] {
            assert!(message.contains(line), "no `{line}` in: {message}");
        }
    }

    #[test]
    fn missing_columns_are_named_beside_those_present() {
        let message = load_text("file;label\na;b\n").unwrap_err().to_string();
        assert!(
            message.contains("has no column `path`, only `file`, `label`"),
            "{message}"
        );
    }

    #[test]
    fn tables_are_read_as_spreadsheets_save_them() {
        let rows = [
            ["path", "label", "onset", "offset"],
            ["a.wav", "Grünling", "0.5", "1.25"],
            ["b, c.wav", "robin", "", ""],
        ];
        let plain =
            load_text("path,label,onset,offset\na.wav,Grünling,0.5,1.25\n\"b, c.wav\",robin,,\n")
                .unwrap();
        for separator in [",", ";", "\t"] {
            for (end, point) in [("\n", "."), ("\r\n", ","), ("\r", ",")] {
                let line = |row: &[&str; 4]| {
                    let value = |value: &&str| match value.contains(separator) {
                        true => format!("\"{value}\""),
                        false => (*value).to_owned(),
                    };
                    row.iter().map(value).collect::<Vec<_>>().join(separator)
                };
                let [head, first, second] = rows.map(|row| line(&row));
                let first = match separator {
                    "," => first,
                    _ => first
                        .replace("0.5", &format!("0{point}5"))
                        .replace("1.25", &format!("1{point}25")),
                };
                // A trailing empty column, an empty line.
                let text = [&head, &first, "", &second].map(|line| match line {
                    "" => end.to_owned(),
                    line => format!("{line}{separator}{end}"),
                });
                let text = format!("sep={separator}{end}{}", text.concat());
                assert_eq!(load_text(&text).unwrap(), plain, "{text:?}");
            }
        }
    }

    #[test]
    fn latin_1_and_utf_16_are_read() {
        let text = "path;label\r\na.wav;Grünling\r\nb.wav;robin\r\n";
        let latin: Vec<u8> = text.chars().map(|c| c as u8).collect();
        let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [latin, utf_16.clone(), [b"\xff\xfe", &utf_16[..]].concat()] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("clips.csv");
            fs::write(&path, bytes).unwrap();
            assert_eq!(load(&path).unwrap().classes, ["Grünling", "robin"]);
        }
    }

    #[test]
    fn a_table_without_rows_is_refused() {
        let message = load_text("path,label\n").unwrap_err().to_string();
        assert!(
            message.contains("has no clips: the table has no rows"),
            "{message}"
        );
    }
}
