//! Which of the known tables this is, and which column says what.

use super::columns::{
    BANDS, FILES, FOLDERS, Facts, HIGHEST_KHZ, LABELS, LENGTHS, PATHS, REMARKS, SCORES, TIMES,
    VERDICTS, simplified,
};
use super::format::MarkFormat;
use super::warning::MarkWarning;
use csv::StringRecord;
use std::collections::HashSet;

/// When an event ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum End {
    Offset(usize),
    Duration(usize),
}

impl End {
    pub(super) fn column(self) -> usize {
        match self {
            Self::Offset(column) | Self::Duration(column) => column,
        }
    }
}

/// Columns that hold a mark each, with the class they are about.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Classes {
    #[default]
    None,
    /// `POS`, `UNK` or `NEG`.
    Marks(Vec<(usize, Option<String>)>),
    /// 1 where it is heard, 0 where not.
    Flags(Vec<(usize, String)>),
}

/// What is in which column.
#[derive(Debug, PartialEq)]
pub(super) struct Layout {
    pub(super) format: MarkFormat,
    /// Names of the columns as they stand in the table; none if it has no header.
    pub(super) header: Vec<String>,
    pub(super) onset: usize,
    pub(super) end: End,
    /// The recording with its folders, the recording, and folders of it.
    pub(super) path: Option<usize>,
    pub(super) file: Option<usize>,
    pub(super) folders: Vec<usize>,
    pub(super) label: Option<usize>,
    /// How sure the mark is, in a column beside the label.
    pub(super) mark: Option<usize>,
    /// Whether an event that was found is one; nothing where it was not checked.
    pub(super) verdict: Option<usize>,
    /// How sure the program was that found it, beside the verdict.
    pub(super) score: Option<usize>,
    pub(super) classes: Classes,
    /// Raven: the onset within the recording; the other times count from the start of the first file of several.
    pub(super) onset_in_file: Option<usize>,
    /// Raven: the row's number, and the picture it was drawn in.
    pub(super) selection: Option<usize>,
    pub(super) view: Option<usize>,
    /// Limits of frequency, and hertz in their unit; `None` if that is not known.
    pub(super) band: Option<(usize, usize, Option<f64>)>,
}

/// Why the columns of a table cannot be told.
pub(super) struct Unclear {
    pub(super) column: String,
    pub(super) found: String,
    pub(super) required: &'static str,
}

impl Layout {
    /// Recognises a table by the values of its first line, or does not. What the columns hold is for [`Self::settle`].
    pub(super) fn recognise(first: &[&str], separator: u8) -> Option<Self> {
        Self::with_header(first).or_else(|| Self::without_header(first, separator))
    }

    /// Number of columns, where the table says so.
    pub(super) fn width(&self) -> Option<usize> {
        (!self.header.is_empty()).then_some(self.header.len())
    }

    /// Whether the table names recordings.
    pub(super) fn names_recordings(&self) -> bool {
        self.path.is_some() || self.file.is_some()
    }

    /// What the column is called in the table, or what it holds.
    pub(super) fn name(&self, column: usize) -> &str {
        match self.header.get(column) {
            Some(name) => name,
            None if column == self.onset => "onset",
            None if column == self.end.column() => "offset",
            None => "label",
        }
    }

    fn with_header(first: &[&str]) -> Option<Self> {
        let names: Vec<String> = first.iter().map(|name| simplified(name)).collect();
        let find = |name: &str| names.iter().position(|given| given == name);
        let pair = |&(first, second): &(&str, &str)| Some((find(first)?, find(second)?));
        let offset = || {
            TIMES
                .iter()
                .find_map(pair)
                .map(|(a, b)| (a, End::Offset(b)))
        };
        let length = || {
            LENGTHS
                .iter()
                .find_map(pair)
                .map(|(a, b)| (a, End::Duration(b)))
        };
        // `offset` beside `duration` is where Kaleidoscope's events begin; beside `onset` it is where they end.
        let (onset, end) = offset().or_else(length)?;
        let format = MarkFormat::with_header(first[onset], &names[onset])?;
        let own = format.rules().own_columns(&find);
        let one_of = |known: &[&str]| known.iter().find_map(|name| find(name));
        let folders: Vec<usize> = FOLDERS.iter().filter_map(|name| find(name)).collect();
        let (path, file) = (one_of(&PATHS), one_of(&FILES));
        let band = BANDS
            .iter()
            .find_map(|&(low, high, unit)| Some((find(low)?, find(high)?, Some(unit))));
        Some(Self {
            format,
            header: first.iter().map(|&name| name.to_owned()).collect(),
            onset,
            end,
            path,
            file,
            folders: folders.into_iter().filter(|_| file.is_some()).collect(),
            label: None,
            mark: None,
            verdict: None,
            score: None,
            classes: Classes::None,
            onset_in_file: own.onset_in_file.filter(|_| path.or(file).is_some()),
            selection: own.selection,
            view: own.view,
            band,
        })
    }

    fn without_header(first: &[&str], separator: u8) -> Option<Self> {
        let [onset, offset, ..] = first else {
            return None;
        };
        let is_number = |text: &str| text.replace(',', ".").parse::<f64>().is_ok();
        if !is_number(onset) || !is_number(offset) {
            return None;
        }
        Some(Self {
            format: MarkFormat::without_header(separator)?,
            header: Vec::new(),
            onset: 0,
            end: End::Offset(1),
            path: None,
            file: None,
            folders: Vec::new(),
            label: Some(2),
            mark: None,
            verdict: None,
            score: None,
            classes: Classes::None,
            onset_in_file: None,
            selection: None,
            view: None,
            band: None,
        })
    }

    /// Decides by what the columns hold which of them is the label, which are marks and which name recordings, and says what
    /// is left over.
    pub(super) fn settle(
        &mut self,
        records: &[&StringRecord],
    ) -> Result<Vec<MarkWarning>, Unclear> {
        if self.header.is_empty() {
            return self.settle_without_header(records);
        }
        let mut settling = Settling {
            facts: Facts::of(records, self.header.len()),
            names: self.header.iter().map(|name| simplified(name)).collect(),
            records,
            layout: self,
        };
        settling.drop_empty();
        settling.doubt_band();
        settling.find_recording();
        settling.find_verdict();
        settling.find_marks()?;
        let doubtful = settling.find_label();
        settling.find_flags()?;
        Ok(settling.left_over(doubtful))
    }

    /// Numbers in place of labels may be durations or the values of another program's curve.
    fn settle_without_header(
        &self,
        records: &[&StringRecord],
    ) -> Result<Vec<MarkWarning>, Unclear> {
        let facts = Facts::of(records, 3);
        let has_fraction = |record: &&&StringRecord| {
            record
                .get(2)
                .is_some_and(|value| value.contains(['.', ',']))
        };
        if facts[2].is_numbers() && records.iter().any(|record| has_fraction(&record)) {
            return Err(Unclear {
                column: "label".to_owned(),
                found: "numbers".to_owned(),
                required: "text (are these durations or scores? a first line must then name the columns, such as `onset,duration` or `onset,offset,score`)",
            });
        }
        Ok(Vec::new())
    }

    fn has_role(&self, column: usize) -> bool {
        let band = self.band.map(|(low, high, _)| [low, high]);
        let single = [
            Some(self.onset),
            Some(self.end.column()),
            self.path,
            self.file,
            self.label,
            self.mark,
            self.verdict,
            self.onset_in_file,
            self.selection,
            self.view,
        ];
        let is_class = match &self.classes {
            Classes::None => false,
            Classes::Marks(classes) => classes.iter().any(|(class, _)| *class == column),
            Classes::Flags(classes) => classes.iter().any(|(class, _)| *class == column),
        };
        single.contains(&Some(column))
            || self.folders.contains(&column)
            || band.is_some_and(|band| band.contains(&column))
            || is_class
    }
}

/// A layout that is being decided.
struct Settling<'a> {
    layout: &'a mut Layout,
    names: Vec<String>,
    facts: Vec<Facts>,
    records: &'a [&'a StringRecord],
}

impl Settling<'_> {
    /// A column without values says nothing, whatever it is called.
    fn drop_empty(&mut self) {
        let has_values = |column: &usize| self.facts[*column].filled > 0 || self.records.is_empty();
        self.layout.path = self.layout.path.filter(has_values);
        self.layout.folders.retain(has_values);
        self.layout.onset_in_file = self.layout.onset_in_file.filter(has_values);
    }

    /// Limits may be Hz or kHz where their names do not say it and all are low. A thousand times too low is worse than none.
    fn doubt_band(&mut self) {
        let Some((low, high, unit)) = self.layout.band else {
            return;
        };
        let is_said = unit != Some(1.0) || self.names[high].ends_with("hz");
        let number = |value: &str| value.replace(',', ".").parse::<f64>().ok();
        let values = self.records.iter().filter_map(|record| record.get(high));
        let highest = values.filter_map(number).fold(0.0, f64::max);
        if !is_said && highest > 0.0 && highest < HIGHEST_KHZ {
            self.layout.band = Some((low, high, None));
        }
    }

    fn free(&self) -> Vec<usize> {
        let columns = 0..self.names.len();
        columns
            .filter(|&column| !self.layout.has_role(column))
            .collect()
    }

    fn is_called(&self, column: usize, known: &[&str]) -> bool {
        known.contains(&self.names[column].as_str())
    }

    /// Where no column is called so, names of sound files name recordings.
    fn find_recording(&mut self) {
        if !self.layout.names_recordings() {
            let is_own = |&column: &usize| {
                self.facts[column].is_sounds() && !self.is_called(column, &REMARKS)
            };
            self.layout.file = self.free().into_iter().find(is_own);
        }
    }

    /// A column that says which events are right, in a table of events that a program found: one with scores. In other
    /// tables nothing is wrong with events that nobody checked.
    fn find_verdict(&mut self) {
        let mut scores = SCORES.iter().filter(|name| **name != "duration");
        let score = scores.find_map(|name| self.names.iter().position(|own| own == name));
        if score.is_none() {
            return;
        }
        // Its own name says it even where nothing is checked yet.
        let is_verdict = |&column: &usize| {
            let is_sure = self.names[column] == VERDICTS[0] || self.facts[column].has_verdicts();
            self.is_called(column, &VERDICTS) && is_sure
        };
        self.layout.verdict = self.free().into_iter().find(is_verdict);
        self.layout.score = score.filter(|_| self.layout.verdict.is_some());
    }

    /// Columns of `POS`, `UNK` and `NEG`: `Q` says it of the event, others of a class.
    fn find_marks(&mut self) -> Result<(), Unclear> {
        let of_classes = self.layout.format.rules().has_class_columns();
        let mut classes = Vec::new();
        for column in self.free() {
            let facts = &self.facts[column];
            let is_q = matches!(self.names[column].as_str(), "q" | "mark");
            let is_label = self.is_called(column, &LABELS);
            if is_q && facts.is_shares() {
                return Err(Unclear {
                    column: self.layout.header[column].clone(),
                    found: "numbers from 0 to 1".to_owned(),
                    required: "POS, UNK or NEG (how sure a program was is called `score`)",
                });
            }
            if is_q && facts.has_marks() && !of_classes {
                self.layout.mark = Some(column);
            } else if of_classes && (facts.has_marks() || self.records.is_empty() && !is_label)
                || facts.is_marks() && !is_label
            {
                let name = self.layout.header[column].clone();
                classes.push((column, (!is_q).then_some(name)));
            }
        }
        if !classes.is_empty() {
            self.layout.mark = None;
            self.layout.classes = Classes::Marks(classes);
        } else if of_classes
            && self
                .free()
                .iter()
                .any(|&column| self.facts[column].filled > 0)
        {
            self.layout.format = MarkFormat::Plain;
        }
        Ok(())
    }

    /// Finds the label, and gives the columns that may tell kinds of events apart as well.
    fn find_label(&mut self) -> Vec<usize> {
        let free = self.free();
        let rank = |column: &usize| LABELS.iter().position(|name| self.names[*column] == *name);
        let has_values = |column: &usize| self.facts[*column].filled > 0;
        let mut called: Vec<usize> = free
            .iter()
            .copied()
            .filter(|column| rank(column).is_some())
            .collect();
        called.retain(has_values);
        called.sort_by_key(rank);
        let looking: Vec<usize> = free
            .into_iter()
            .filter(|column| !called.contains(column) && !self.is_called(*column, &REMARKS))
            .filter(|&column| self.facts[column].may_be_kinds(self.records.len()))
            .collect();
        let has_classes = self.layout.classes != Classes::None;
        let taken = match called[..] {
            _ if has_classes => None,
            // Where the likeliest says the same of all, and one other does not, that one tells them apart.
            [first, ..] if self.facts[first].kinds() == 1 => {
                let varies = |column: &&usize| self.facts[**column].kinds() > 1;
                let mut others = called.iter().filter(varies);
                let only = others.next().filter(|_| others.next().is_none());
                Some(only.copied().unwrap_or(first))
            }
            [first, ..] => Some(first),
            [] => looking.first().copied().filter(|&first| {
                let says_more = |&&other: &&usize| !self.follows(other, first);
                !looking.iter().any(|other| says_more(&other))
            }),
        };
        self.layout.label = taken;
        let mut others: Vec<usize> = [called, looking].concat();
        others.retain(|&column| {
            self.facts[column].kinds() > 1
                && taken.is_none_or(|taken| column != taken && !self.follows(column, taken))
        });
        others
    }

    /// Whether a column says nothing that the other does not.
    fn follows(&self, column: usize, of: usize) -> bool {
        let records = self.records.iter();
        let pairs: HashSet<_> = records
            .map(|record| (record.get(of), record.get(column)))
            .collect();
        let firsts: HashSet<_> = pairs.iter().map(|(first, _)| first).collect();
        pairs.len() == firsts.len()
    }

    /// A column of 0 and 1 for each class, as opensoundscape keeps them; numbers between are scores of windows.
    fn find_flags(&mut self) -> Result<(), Unclear> {
        let is_of_windows = self.layout.label.is_none()
            && self.layout.classes == Classes::None
            && self.layout.format == MarkFormat::Plain
            && self.layout.names_recordings()
            && self.names[self.layout.onset] == "starttime";
        let free: Vec<usize> = self.free();
        let rest: Vec<usize> = free
            .into_iter()
            .filter(|&column| !self.is_called(column, &SCORES) && !self.is_called(column, &REMARKS))
            .filter(|&column| self.facts[column].filled > 0 && !self.names[column].is_empty())
            .collect();
        if !is_of_windows || rest.is_empty() {
            return Ok(());
        }
        if rest.iter().all(|&column| self.facts[column].is_flags()) {
            let name = |column: usize| (column, self.layout.header[column].clone());
            self.layout.classes = Classes::Flags(rest.into_iter().map(name).collect());
        } else if rest.iter().all(|&column| self.facts[column].is_numbers()) {
            return Err(Unclear {
                column: self.layout.header[rest[0]].clone(),
                found: "numbers".to_owned(),
                required: "0 and 1 (scores of windows are no marks; where they are remarks on events, call the column `score`)",
            });
        }
        Ok(())
    }

    fn left_over(&self, doubtful: Vec<usize>) -> Vec<MarkWarning> {
        let named = |columns: Vec<usize>| -> Vec<String> {
            let names = columns
                .iter()
                .map(|&column| match self.layout.header[column].as_str() {
                    "" => format!("column {}", column + 1),
                    name => name.to_owned(),
                });
            names.collect()
        };
        // The numbers of rows that R and pandas write have no name.
        let is_row_number =
            |column: usize| self.names[column].is_empty() && self.facts[column].is_numbers();
        // What the tables of found events have beside times and label surprises nobody.
        let has_score = self.names.iter().any(|name| name == SCORES[0]);
        let is_of_found = |column: usize| {
            has_score && [SCORES[0], "date", "time"].contains(&self.names[column].as_str())
        };
        let unused = self
            .free()
            .into_iter()
            .filter(|column| self.facts[*column].filled > 0 && !doubtful.contains(column))
            .filter(|&column| !is_row_number(column) && !is_of_found(column));
        let unused = named(unused.collect());
        let doubtful = named(doubtful);
        let may_be = (!doubtful.is_empty()).then(|| MarkWarning::MayBeLabel {
            columns: doubtful,
            label: self
                .layout
                .label
                .map(|label| self.layout.header[label].clone()),
        });
        let unused = (!unused.is_empty()).then_some(MarkWarning::Unused { columns: unused });
        let unclear = self.layout.band.filter(|(_, _, unit)| unit.is_none());
        let unclear = unclear.map(|(low, high, _)| MarkWarning::UnclearBand {
            columns: [low, high].map(|column| self.layout.header[column].clone()),
        });
        may_be.into_iter().chain(unused).chain(unclear).collect()
    }
}
