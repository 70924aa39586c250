//! What columns are called, and what is in them.

use super::Mark;
use crate::dataset::recording::is_sound_ending;
use csv::StringRecord;
use std::collections::HashMap;

/// Names of columns are compared without case, spaces and signs: `Begin Time (s)` as `begintimes`.
pub(super) fn simplified(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Names for the onset, and that of the offset beside each.
pub(super) const TIMES: [(&str, &str); 17] = [
    ("begintimes", "endtimes"),
    ("starttime", "endtime"),
    ("starttimes", "endtimes"),
    ("onset", "offset"),
    ("onsets", "offsets"),
    ("start", "end"),
    ("starts", "ends"),
    ("begin", "end"),
    ("begins", "ends"),
    ("begintime", "endtime"),
    ("startsec", "endsec"),
    ("startsecs", "endsecs"),
    ("startseconds", "endseconds"),
    ("onsetsec", "offsetsec"),
    ("start", "stop"),
    ("starttime", "stoptime"),
    ("from", "to"),
];
/// Names for the onset, and that of the duration beside each: Kaleidoscope, Sonic Visualiser, Raven without end.
pub(super) const LENGTHS: [(&str, &str); 11] = [
    ("begintimes", "deltatimes"),
    ("begintimes", "durations"),
    ("onset", "duration"),
    ("onsets", "durations"),
    ("start", "duration"),
    ("starts", "durations"),
    ("starttime", "duration"),
    ("starttimes", "durations"),
    ("begintime", "duration"),
    ("offset", "duration"),
    ("time", "duration"),
];
/// Names for a recording with its folders.
pub(super) const PATHS: [&str; 7] = [
    "beginpath",
    "filepath",
    "audiofilepath",
    "audiopath",
    "fullpath",
    "recordingpath",
    "path",
];
/// Names for a recording.
pub(super) const FILES: [&str; 28] = [
    "audiofilename",
    "beginfile",
    "audiofile",
    "audiofiles",
    "soundfile",
    "soundfiles",
    "soundfilename",
    "wavfile",
    "wavfilename",
    "infile",
    "recording",
    "recordings",
    "recordingname",
    "recordingfile",
    "filename",
    "filenames",
    "file",
    "files",
    "audio",
    "wav",
    "wave",
    "sourcefile",
    "mediafile",
    "media",
    "clip",
    "clipname",
    "recordingid",
    "fileid",
];
/// Names for the folder of a recording, the outermost first.
pub(super) const FOLDERS: [&str; 5] = ["indir", "directory", "dir", "folderpath", "folder"];
/// Names for what an event is; the likeliest first.
pub(super) const LABELS: [&str; 37] = [
    "annotation",
    "annotations",
    "label",
    "labels",
    "eventlabel",
    "manualid",
    "class",
    "classname",
    "classlabel",
    "species",
    "speciesname",
    "commonname",
    "calltype",
    "callname",
    "call",
    "calls",
    "soundtype",
    "songtype",
    "vocalizationtype",
    "vocalisationtype",
    "vocalization",
    "vocalisation",
    "eventtype",
    "type",
    "kind",
    "category",
    "tag",
    "tags",
    "target",
    "taxon",
    "speciescode",
    "scientificname",
    "latinname",
    "top1match",
    "autoid",
    "bird",
    "sound",
];
/// Names for whether a found event is one, as whoever checked it says.
pub(super) const VERDICTS: [&str; 9] = [
    "verdict",
    "checked",
    "check",
    "correct",
    "iscorrect",
    "right",
    "review",
    "validation",
    "verified",
];
/// Names for what is no label, whatever is in it: who wrote it, when and with which settings, and remarks.
pub(super) const REMARKS: [&str; 33] = [
    "note",
    "notes",
    "comment",
    "comments",
    "remark",
    "remarks",
    "observer",
    "annotator",
    "analyst",
    "reviewer",
    "user",
    "date",
    "time",
    "hour",
    "date12",
    "time12",
    "hour12",
    "channel",
    "annotationfile",
    "annotationpath",
    "outdir",
    "outfile",
    "outfilefs",
    "outfilezc",
    "endfile",
    "endpath",
    "beginclocktime",
    "endclocktime",
    "begindatetime",
    "begindate",
    "specieslist",
    "model",
    "organization",
];
/// Names for the lower limit of frequency, that of the upper beside each, and hertz in their unit.
pub(super) const BANDS: [(&str, &str, f64); 10] = [
    ("lowfreqhz", "highfreqhz", 1.0),
    ("lowfreqkhz", "highfreqkhz", 1000.0),
    ("lowhz", "highhz", 1.0),
    ("lowf", "highf", 1.0),
    ("lowfreq", "highfreq", 1.0),
    ("bottomfreq", "topfreq", 1000.0),
    ("fmin", "fmax", 1.0),
    ("minfreq", "maxfreq", 1.0),
    ("minfrequency", "maxfrequency", 1.0),
    ("freqlow", "freqhigh", 1.0),
];
/// Limits below this may be kHz where no name says Hz: no animal calls higher.
pub(super) const HIGHEST_KHZ: f64 = 250.0;
/// Names for numbers that say how sure a program was; no further marks.
pub(super) const SCORES: [&str; 7] = [
    "score",
    "scores",
    "confidence",
    "probability",
    "prob",
    "likelihood",
    "duration",
];

/// Whether a value says that there is none, as R, pandas and spreadsheets write it.
pub(super) fn is_none(value: &str) -> bool {
    ["", "na", "n/a", "nan", "none", "null", "#n/a"]
        .iter()
        .any(|none| value.eq_ignore_ascii_case(none))
}

/// The verdict of a row that is no found event, but a mark that was learned from.
pub(crate) const USED_MARK: &str = "mark";

/// What somebody who checked an event says of it: right, wrong, or that it cannot be told.
pub(super) fn verdict(value: &str) -> Option<Mark> {
    let is_one_of = |words: &[&str]| words.iter().any(|word| value.eq_ignore_ascii_case(word));
    if is_one_of(&[
        "right", "correct", "true", "yes", "y", "1", "1.0", "ok", "tp", USED_MARK,
    ]) {
        Some(Mark::Positive)
    } else if is_one_of(&["wrong", "incorrect", "false", "no", "n", "0", "0.0", "fp"]) {
        Some(Mark::Negative)
    } else if is_one_of(&["unsure", "uncertain", "unknown", "?"]) {
        Some(Mark::Unknown)
    } else {
        Mark::parse(value)
    }
}

/// More different values than a column of kinds has.
const MOST_KINDS: usize = 1000;

/// What the values of a column are like.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Rows with a value.
    pub(super) filled: usize,
    /// How often each value is there; no longer counted beyond [`MOST_KINDS`] of them.
    values: HashMap<String, usize>,
    numbers: usize,
    flags: usize,
    sounds: usize,
    marks: usize,
    verdicts: usize,
}

impl Facts {
    /// Of each column of some rows.
    pub(super) fn of(records: &[&StringRecord], columns: usize) -> Vec<Self> {
        let mut facts: Vec<Self> = (0..columns).map(|_| Self::default()).collect();
        for record in records {
            for (facts, value) in facts.iter_mut().zip(*record) {
                if !is_none(value) {
                    facts.add(value);
                }
            }
        }
        facts
    }

    fn add(&mut self, value: &str) {
        self.filled += 1;
        if self.values.len() <= MOST_KINDS {
            *self.values.entry(value.to_owned()).or_default() += 1;
        }
        let is_number = value.replace(',', ".").parse::<f64>().is_ok();
        let is_flag = ["0", "1", "0.0", "1.0", "true", "false"]
            .iter()
            .any(|flag| value.eq_ignore_ascii_case(flag));
        let has_sound = value
            .rsplit_once('.')
            .is_some_and(|(_, ending)| is_sound_ending(ending));
        self.numbers += usize::from(is_number);
        self.flags += usize::from(is_flag);
        self.sounds += usize::from(has_sound);
        self.marks += usize::from(Mark::parse(value).is_some());
        self.verdicts += usize::from(verdict(value).is_some());
    }

    /// Number of different values.
    pub(super) fn kinds(&self) -> usize {
        self.values.len()
    }

    pub(super) fn is_numbers(&self) -> bool {
        self.filled > 0 && self.numbers == self.filled
    }

    /// 0 and 1, or true and false.
    pub(super) fn is_flags(&self) -> bool {
        self.filled > 0 && self.flags == self.filled
    }

    /// Names of files of sound.
    pub(super) fn is_sounds(&self) -> bool {
        self.filled > 0 && self.sounds == self.filled
    }

    /// A few different numbers from 0 to 1: yes, no and perhaps.
    pub(super) fn is_shares(&self) -> bool {
        let is_share = |value: &String| {
            let value = value.replace(',', ".").parse::<f64>();
            value.is_ok_and(|value| (0.0..=1.0).contains(&value))
        };
        self.filled > 0 && self.kinds() <= 3 && self.values.keys().all(is_share)
    }

    /// What [`verdict`] knows, at least in one row.
    pub(super) fn has_verdicts(&self) -> bool {
        self.verdicts > 0
    }

    /// POS, UNK and NEG, at least in one row.
    pub(super) fn has_marks(&self) -> bool {
        self.marks > 0
    }

    /// Nothing but POS, UNK and NEG.
    pub(super) fn is_marks(&self) -> bool {
        self.has_marks() && self.marks == self.filled
    }

    /// Whether the values may be kinds of events, by themselves: words, of which few are repeated over most of the rows.
    pub(super) fn may_be_kinds(&self, rows: usize) -> bool {
        !self.is_numbers()
            && !self.is_flags()
            && self.kinds() > 1
            && self.kinds() * 2 <= self.filled
            && self.filled * 2 >= rows
    }
}
