//! Which of the known tables this is, and which column says what.

/// How a table of marks is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkFormat {
    /// `Audiofilename,Starttime,Endtime` and one column per class, of the DCASE few-shot task.
    Dcase,
    /// A selection table of Raven: tabs, `Begin Time (s)`, `End Time (s)`.
    Raven,
    /// Labels of Audacity: tabs, no header; onset, offset, label.
    Audacity,
    /// `onset,offset[,label]`, with or without header.
    Plain,
}

/// What is in which column.
#[derive(Debug, PartialEq)]
pub(super) struct Layout {
    pub(super) format: MarkFormat,
    /// Names of the columns as they stand in the table; none if it has no header.
    pub(super) header: Vec<String>,
    pub(super) onset: usize,
    pub(super) offset: usize,
    pub(super) recording: Option<usize>,
    pub(super) label: Option<usize>,
    /// Raven: the onset within `recording`; the other times count from the start of the first file of several.
    pub(super) onset_in_file: Option<usize>,
    /// Raven: the row's number, and the picture it was drawn in.
    pub(super) selection: Option<usize>,
    pub(super) view: Option<usize>,
    /// DCASE: the columns that hold a mark, with the class they are about.
    pub(super) marks: Vec<(usize, Option<String>)>,
}

/// Names for the onset, in lower case, and that of the offset beside each.
const TIMES: [(&str, &str, MarkFormat); 9] = [
    ("begin time (s)", "end time (s)", MarkFormat::Raven),
    ("starttime", "endtime", MarkFormat::Dcase),
    ("onset", "offset", MarkFormat::Plain),
    ("start", "end", MarkFormat::Plain),
    ("start_time", "end_time", MarkFormat::Plain),
    ("start time", "end time", MarkFormat::Plain),
    ("start (s)", "end (s)", MarkFormat::Plain),
    ("begin", "end", MarkFormat::Plain),
    ("begin_time", "end_time", MarkFormat::Plain),
];
const RECORDING: [&str; 8] = [
    "audiofilename",
    "begin file",
    "begin path",
    "recording",
    "filename",
    "file",
    "audio",
    "path",
];
const LABEL: [&str; 8] = [
    "annotation",
    "label",
    "event_label",
    "class",
    "species",
    "common name",
    "call type",
    "call_type",
];

/// The character between the values of a line: a tab if there is one, then a semicolon, then a comma.
pub(super) fn separator(line: &str) -> u8 {
    [b'\t', b';']
        .into_iter()
        .find(|&separator| line.as_bytes().contains(&separator))
        .unwrap_or(b',')
}

impl Layout {
    /// Recognises a table by the values of its first line, or does not.
    pub(super) fn recognise(first: &[&str], separator: u8) -> Option<Self> {
        Self::with_header(first).or_else(|| Self::without_header(first, separator))
    }

    /// Number of columns, where the table says so.
    pub(super) fn width(&self) -> Option<usize> {
        (!self.header.is_empty()).then_some(self.header.len())
    }

    /// What the column is called in the table, or what it holds.
    pub(super) fn name(&self, column: usize) -> &str {
        match self.header.get(column) {
            Some(name) => name,
            None if column == self.onset => "onset",
            None if column == self.offset => "offset",
            None => "label",
        }
    }

    fn with_header(first: &[&str]) -> Option<Self> {
        let names: Vec<String> = first.iter().map(|name| name.to_lowercase()).collect();
        let find = |name: &str| names.iter().position(|given| given == name);
        let (onset, offset, format) = TIMES
            .iter()
            .find_map(|&(onset, offset, format)| Some((find(onset)?, find(offset)?, format)))?;
        let recording = RECORDING.iter().find_map(|name| find(name));
        let of_raven = |name| match format {
            MarkFormat::Raven => find(name),
            _ => None,
        };
        let taken = [Some(onset), Some(offset), recording];
        let label = LABEL.iter().find_map(|name| find(name));
        Some(Self {
            format,
            header: first.iter().map(|&name| name.to_owned()).collect(),
            onset,
            offset,
            recording,
            label: label.filter(|_| format != MarkFormat::Dcase),
            onset_in_file: of_raven("file offset (s)").filter(|_| recording.is_some()),
            selection: of_raven("selection"),
            view: of_raven("view"),
            marks: match format {
                MarkFormat::Dcase => mark_columns(first, &taken),
                _ => Vec::new(),
            },
        })
    }

    fn without_header(first: &[&str], separator: u8) -> Option<Self> {
        let [onset, offset, ..] = first else {
            return None;
        };
        // A decimal comma is recognised too, to be refused with its reason.
        let is_number = |text: &str| text.replace(',', ".").parse::<f64>().is_ok();
        if !is_number(onset) || !is_number(offset) {
            return None;
        }
        Some(Self {
            format: match separator {
                b'\t' => MarkFormat::Audacity,
                _ => MarkFormat::Plain,
            },
            header: Vec::new(),
            onset: 0,
            offset: 1,
            recording: None,
            label: Some(2),
            onset_in_file: None,
            selection: None,
            view: None,
            marks: Vec::new(),
        })
    }
}

/// Every column that is not `taken` is a class; a class named `Q` has no name.
fn mark_columns(header: &[&str], taken: &[Option<usize>]) -> Vec<(usize, Option<String>)> {
    let class = |name: &str| (!name.eq_ignore_ascii_case("q")).then(|| name.to_owned());
    header
        .iter()
        .enumerate()
        .filter(|(column, name)| !taken.contains(&Some(*column)) && !name.is_empty())
        .map(|(column, name)| (column, class(name)))
        .collect()
}
