//! The marks of one recording → the shots that a detector learns from.

use super::{Annotation, Mark, MarkedEvent, MatchError, Matching, RecordingMarks, Span};
use crate::choices::choices;
use std::{
    collections::{BTreeMap, HashSet},
    convert::Infallible,
    fmt,
    ops::Range,
    path::{Path, PathBuf},
    str::FromStr,
};
use unicode_normalization::UnicodeNormalization;

/// How many shots to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShotCount {
    /// The first so many in time.
    First(usize),
    /// Every positive mark.
    All,
}

impl Default for ShotCount {
    /// Five, as in the DCASE few-shot task.
    fn default() -> Self {
        Self::First(5)
    }
}

impl FromStr for ShotCount {
    type Err = NoShotCount;

    fn from_str(text: &str) -> Result<Self, NoShotCount> {
        match text.parse() {
            Ok(count) if count > 0 => Ok(Self::First(count)),
            _ if text == "all" => Ok(Self::All),
            _ => Err(NoShotCount),
        }
    }
}

/// Text that is no [`ShotCount`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be `all` or a number above 0")]
pub struct NoShotCount;

// What a user says of marks.
choices! {
    /// What is known of the sound of a recording that has no marks.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum Marked {
        /// Up to the last one, every event has a mark; the search begins behind it
        #[default]
        All = "all",
        /// There may be events without marks anywhere; the whole recording is searched
        Some = "some",
    }
}

/// Which labels shots have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LabelChoice {
    /// The only one there is; it is an error if a recording has positive marks of several.
    #[default]
    Only,
    /// This one.
    Named(String),
    /// Any: each label is a kind of its own.
    All,
}

impl FromStr for LabelChoice {
    type Err = Infallible;

    /// `all`, or a label.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "all" => Self::All,
            label => Self::Named(label.to_owned()),
        })
    }
}

/// Which marks of a recording are its shots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShotChoice {
    /// How many of the positive marks, of each kind.
    pub count: ShotCount,
    /// The label they have.
    pub label: LabelChoice,
    /// What is known of the sound without marks.
    pub marked: Marked,
}

/// What a detector learns from: the shots of one recording, and what lies beside them.
#[derive(Clone, Debug, PartialEq)]
pub struct Support {
    /// One or more.
    kinds: Vec<KindSupport>,
    /// Of all kinds together.
    shots: Vec<Span>,
    /// Of each shot, the place in `kinds`.
    shot_kinds: Vec<usize>,
    /// Of each shot.
    bands_hz: Vec<Option<(f64, f64)>>,
    unknown: Vec<Span>,
    negative: Vec<Span>,
    warnings: Vec<SupportWarning>,
    marked: Marked,
    /// Positive marks that are no shots.
    left: usize,
}

/// What a detector learns of one kind of event: its part of a [`Support`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct KindSupport {
    /// What it is called, where the table says so.
    pub label: Option<String>,
    /// Its shots, one or more, by onset; inside the recording.
    pub shots: Vec<Span>,
    /// Spans that may hold further events of it, as [`Support::unknown`].
    pub unknown: Vec<Span>,
    /// Spans that are known to hold none of it, as [`Support::negative`].
    pub negative: Vec<Span>,
    /// Where the search for it begins, in seconds: at the end of its last shot, or at the beginning if events before it may
    /// be unmarked.
    pub search_from: f64,
}

impl Support {
    /// The support of `shots` and `unknown` spans that are known without a table, each in any order, without label;
    /// `None` if there is no shot.
    pub fn of_spans(mut shots: Vec<Span>, mut unknown: Vec<Span>) -> Option<Self> {
        let by_onset = |a: &Span, b: &Span| a.onset().total_cmp(&b.onset());
        shots.sort_by(by_onset);
        unknown.sort_by(by_onset);
        (!shots.is_empty()).then(|| Self {
            kinds: vec![KindSupport {
                label: None,
                search_from: last_end(&shots),
                shots: shots.clone(),
                unknown: unknown.clone(),
                negative: Vec::new(),
            }],
            shot_kinds: vec![0; shots.len()],
            bands_hz: vec![None; shots.len()],
            shots,
            unknown,
            negative: Vec::new(),
            warnings: Vec::new(),
            marked: Marked::All,
            left: 0,
        })
    }

    /// The kinds of event, one or more, by label. There are several only where [`LabelChoice::All`] was chosen.
    pub fn kinds(&self) -> &[KindSupport] {
        &self.kinds
    }

    /// What is known of the sound without marks.
    pub fn marked(&self) -> Marked {
        self.marked
    }

    /// Whether the marks look as if made here and there in a recording that is `secs` long: there are no more than those
    /// that are shots, none is unknown, and they reach so far that hardly anything would be left to search behind them.
    pub fn seems_partial(&self, secs: f64) -> bool {
        self.left == 0 && self.unknown.is_empty() && self.end() > PARTIAL_REACH * secs
    }

    /// The shots of all kinds, one or more, by onset; inside the recording.
    pub fn shots(&self) -> &[Span] {
        &self.shots
    }

    /// Which of [`Self::kinds`] each shot is of, counted from 0; as many as there are shots.
    pub fn shot_kinds(&self) -> &[usize] {
        &self.shot_kinds
    }

    /// Between which frequencies each shot lies, Hz, where the table says so; as many as there are shots.
    pub fn bands_hz(&self) -> &[Option<(f64, f64)>] {
        &self.bands_hz
    }

    /// Spans that may hold further events (`UNK`), by onset: no example of anything. Inside the recording.
    pub fn unknown(&self) -> &[Span] {
        &self.unknown
    }

    /// Spans that are known to hold no such event, where what is not marked is unknown ([`Marked::Some`]); by onset, inside the
    /// recording.
    pub fn negative(&self) -> &[Span] {
        &self.negative
    }

    /// The frequencies, Hz, between the lowest and the highest limit of the shots, if all of them have limits. What lies outside
    /// is not what was marked.
    pub fn band_hz(&self) -> Option<Range<f64>> {
        let bands = self.bands_hz.iter().copied();
        let bands = bands.collect::<Option<Vec<_>>>()?;
        let bands = bands.into_iter().map(|(low, high)| low..high);
        let all = bands.reduce(|a, b| a.start.min(b.start)..a.end.max(b.end));
        all.filter(|band| band.start < band.end)
    }

    /// What the shots are of, where the table says so and they are of one kind.
    pub fn label(&self) -> Option<&str> {
        match self.kinds.as_slice() {
            [only] => only.label.as_deref(),
            _ => None,
        }
    }

    /// What is odd about the shots.
    pub fn warnings(&self) -> &[SupportWarning] {
        &self.warnings
    }

    /// Where the search begins, in seconds: at the end of the last shot, or at the beginning if events before it may be
    /// unmarked. Of several kinds, that of the first.
    pub fn search_from(&self) -> f64 {
        let of_kinds = self.kinds.iter().map(|kind| kind.search_from);
        of_kinds.fold(f64::INFINITY, f64::min)
    }

    /// The end of the last shot, in seconds.
    pub fn end(&self) -> f64 {
        last_end(&self.shots)
    }

    /// Mean length of the shots, in seconds; above 0.
    pub fn mean_secs(&self) -> f64 {
        self.shots.iter().map(Span::secs).sum::<f64>() / self.shots.len() as f64
    }
}

/// The end of the last of them, in seconds.
fn last_end(shots: &[Span]) -> f64 {
    shots.iter().map(Span::offset).fold(0.0, f64::max)
}

/// What is odd about shots that can be used all the same.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SupportWarning {
    /// There are fewer than were asked for.
    Few {
        /// Of which kind, where there are several.
        label: Option<String>,
        /// How many there are.
        shots: usize,
        /// How many were asked for.
        wanted: usize,
    },
    /// Shots that overlap: they are probably marks of the same event.
    Overlapping {
        /// A shot.
        first: Span,
        /// One that starts before its end.
        second: Span,
    },
    /// A shot that ends after the recording does; it is cut there.
    Cut {
        /// The shot as marked.
        shot: Span,
        /// Length of the recording, in seconds.
        secs: f64,
    },
}

impl fmt::Display for SupportWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Few {
                label,
                shots,
                wanted,
            } => {
                let s = if *shots == 1 { "" } else { "s" };
                let of = label.as_ref().map(|label| format!(" of `{label}`"));
                write!(
                    f,
                    "{shots} shot{s}{} where {wanted} are wanted: more make it surer",
                    of.unwrap_or_default()
                )
            }
            Self::Overlapping { first, second } => {
                write!(f, "the shots {first} and {second} overlap")
            }
            Self::Cut { shot, secs } => write!(
                f,
                "the shot {shot} ends after the recording, and is cut at {secs:.3} s"
            ),
        }
    }
}

/// Why there are no shots to learn from.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct SupportError {
    /// The table of marks.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: SupportProblem,
}

/// What is wrong with marks that were to be shots.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SupportProblem {
    /// The table is about other recordings.
    #[error(
        "has no marks of `{recording}`, only of {}\n\nhint: names are compared without ending, and without folder where the table gives none",
        listed(recordings)
    )]
    OtherRecordings {
        /// The recording.
        recording: String,
        /// Those of the table.
        recordings: Vec<String>,
    },
    /// It cannot be decided which marks are those of the recording.
    #[error(transparent)]
    Match(Box<MatchError>),
    /// No positive mark of the recording.
    #[error("has no positive mark of `{recording}`{}", beside(*.unknown, *.negative))]
    NoShots {
        /// The recording.
        recording: String,
        /// Marks of it that are unknown.
        unknown: usize,
        /// Marks of it that are negative.
        negative: usize,
    },
    /// None of the positive marks has the label.
    #[error(
        "has no positive mark of `{recording}` with the label `{label}`{}, only of {}",
        in_column(column.as_deref()),
        listed(labels)
    )]
    OtherLabels {
        /// The recording.
        recording: String,
        /// The label that was asked for.
        label: String,
        /// The column of the labels, where it has a name.
        column: Option<String>,
        /// Those there are, with the number of their marks.
        labels: Vec<String>,
    },
    /// Positive marks of several labels, and none was chosen.
    #[error(
        "has marks of several kinds in `{recording}`{}: {}\n\nhint: say which to find with `--label NAME`, or find each of them with `--label all`",
        in_column(column.as_deref()),
        listed(labels)
    )]
    SeveralLabels {
        /// The recording.
        recording: String,
        /// The column of the labels, where it has a name.
        column: Option<String>,
        /// Those there are, with the number of their marks.
        labels: Vec<String>,
    },
    /// No shot was asked for.
    #[error("no shots are to be taken, but there must be at least 1")]
    NoneWanted,
    /// A shot that lies beyond the end of the recording.
    #[error("line {line}: {shot} lies beyond the end of `{recording}`, which is {secs:.3} s long")]
    Outside {
        /// Its line in the table.
        line: u64,
        /// The shot.
        shot: Span,
        /// The recording.
        recording: String,
        /// Length of the recording, in seconds.
        secs: f64,
    },
}

/// Names enough to see what is there.
pub(in crate::dataset) fn listed(names: &[String]) -> String {
    const MOST: usize = 10;
    let mut text: Vec<_> = names
        .iter()
        .take(MOST)
        .map(|name| format!("`{name}`"))
        .collect();
    if names.len() > MOST {
        text.push(format!("{} more", names.len() - MOST));
    }
    if text.is_empty() {
        return "none".to_owned();
    }
    text.join(", ")
}

fn in_column(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!(" (column `{name}`)"))
}

fn beside(unknown: usize, negative: usize) -> String {
    match unknown + negative {
        0 => String::new(),
        _ => format!(", only {unknown} unknown and {negative} negative ones"),
    }
}

/// Marks that reach over more of a recording than this are taken for some among others without marks.
const PARTIAL_REACH: f64 = 0.4;

/// Tables round their times; a shot that is cut by less than this is as it was meant.
const ROUNDING_SECS: f64 = 1e-3;

impl Annotation {
    /// The shots of a recording that is `secs` long.
    ///
    /// Marks belong to the recording if they name it (as [`Matching`] says) or name none. Shots are the first in time, which for
    /// a table in order are the first of the table.
    ///
    /// ```
    /// use chiffchaff::dataset::{ShotChoice, parse_marks};
    ///
    /// let table = b"Audiofilename,Starttime,Endtime,Q\na.wav,1.5,2.0,POS\na.wav,4,4.5,UNK\n";
    /// let marks = parse_marks("a.csv".as_ref(), table)?;
    /// let support = marks.support("recordings/a.flac".as_ref(), 60.0, &ShotChoice::default())?;
    /// assert_eq!((support.shots().len(), support.unknown().len()), (1, 1));
    /// assert_eq!(support.warnings()[0].to_string(), "1 shot where 5 are wanted: more make it surer");
    /// # Ok::<(), chiffchaff::dataset::DatasetError>(())
    /// ```
    ///
    /// # Errors
    /// If there is no shot, if it is unclear which marks are meant, or if a shot lies outside the recording.
    pub fn support(
        &self,
        recording: &Path,
        secs: f64,
        choice: &ShotChoice,
    ) -> Result<Support, SupportError> {
        let recordings = [recording.to_owned()];
        let matching = Matching::new(std::slice::from_ref(self), &recordings);
        let refuse = |problem| SupportError {
            path: self.path.clone(),
            problem,
        };
        let marks = match matching.marks_of(0) {
            _ if self.recordings().is_empty() => RecordingMarks::all_of(self, recording),
            Ok(marks) => marks,
            Err(MatchError::NoTable { named, .. }) => {
                return Err(refuse(SupportProblem::OtherRecordings {
                    recording: name_of(recording),
                    recordings: named,
                }));
            }
            Err(error) => return Err(refuse(SupportProblem::Match(Box::new(error)))),
        };
        marks.support(secs, choice)
    }
}

impl RecordingMarks<'_> {
    /// The shots of the recording, which is `secs` long: the first in time of all its tables, a mark that stands in several
    /// of them once.
    ///
    /// # Errors
    /// As [`Annotation::support`].
    pub fn support(&self, secs: f64, choice: &ShotChoice) -> Result<Support, SupportError> {
        let marks = Marks {
            recording: &name_of(self.recording),
            label_column: self.label_column(),
            secs,
        };
        let events = self.distinct();
        marks.support(&events, choice).map_err(|problem| {
            let line = match problem {
                SupportProblem::Outside { shot, .. } => {
                    events.iter().find(|event| event.span == shot)
                }
                _ => None,
            };
            SupportError {
                path: self.table_of(line.copied()),
                problem,
            }
        })
    }

    /// Whether some of them are found events that were checked; not where marks that were learned from are all that counts.
    pub fn are_checked(&self) -> bool {
        let is_checked = |table: &Annotation| {
            let mut verdicts = table.found.iter().map(|event| event.verdict);
            table.checked && (table.events.is_empty() || verdicts.any(|verdict| verdict.is_some()))
        };
        self.parts.iter().any(|(table, _)| is_checked(table))
    }

    /// The column of the labels, where one of its tables has a name for it.
    fn label_column(&self) -> Option<&str> {
        let mut names = self.parts.iter().map(|(table, _)| &table.label_column);
        names.find_map(Option::as_deref)
    }

    /// The events of all tables; what a second table repeats is left out.
    fn distinct(&self) -> Vec<&MarkedEvent> {
        let mut events: Vec<&MarkedEvent> = Vec::new();
        let mut seen = HashSet::new();
        for (_, part) in &self.parts {
            let known = seen.clone();
            for &event in part {
                let key = (
                    [event.span.onset(), event.span.offset()]
                        .map(|secs| (secs * 1e3).round() as u64),
                    event.label.as_deref(),
                    event.mark,
                );
                if !known.contains(&key) {
                    events.push(event);
                }
                seen.insert(key);
            }
        }
        events
    }

    /// The table that an event is in, or the first.
    fn table_of(&self, event: Option<&MarkedEvent>) -> PathBuf {
        let has = |part: &&(&Annotation, Vec<&MarkedEvent>)| {
            event.is_some_and(|event| part.1.iter().any(|own| std::ptr::eq(*own, event)))
        };
        let part = self.parts.iter().find(has).or(self.parts.first());
        part.map_or_else(PathBuf::new, |(table, _)| table.path.clone())
    }
}

fn name_of(recording: &Path) -> String {
    let name = recording.file_name().unwrap_or(recording.as_os_str());
    name.to_string_lossy().into_owned()
}

/// What is learned of one kind, and what is odd about it.
struct OfKind {
    kind: KindSupport,
    /// Of each of its shots.
    bands_hz: Vec<Option<(f64, f64)>>,
    warnings: Vec<SupportWarning>,
    /// Positive marks of it that are no shots.
    left: usize,
}

/// One recording whose marks are wanted.
struct Marks<'a> {
    recording: &'a str,
    label_column: Option<&'a str>,
    secs: f64,
}

impl Marks<'_> {
    fn support(
        &self,
        events: &[&MarkedEvent],
        choice: &ShotChoice,
    ) -> Result<Support, SupportProblem> {
        let labels = self.labels(events, &choice.label)?;
        let (mut warnings, mut left) = (Vec::new(), 0);
        let (mut kinds, mut shots) = (Vec::new(), Vec::new());
        for &label in &labels {
            let own = self.kind(events, label, choice)?;
            // Only where there are several must a warning say of which it is.
            let told = |warning| match (warning, labels.len()) {
                (SupportWarning::Few { shots, wanted, .. }, 2..) => SupportWarning::Few {
                    label: label.map(str::to_owned),
                    shots,
                    wanted,
                },
                (warning, _) => warning,
            };
            warnings.extend(own.warnings.into_iter().map(told));
            left += own.left;
            let limits = own.kind.shots.iter().zip(own.bands_hz);
            shots.extend(limits.map(|(&shot, band_hz)| (shot, (kinds.len(), band_hz))));
            kinds.push(own.kind);
        }
        shots.sort_by(|(a, _): &(Span, _), (b, _)| a.onset().total_cmp(&b.onset()));
        let (shots, limits): (Vec<_>, Vec<_>) = shots.into_iter().unzip();
        let (shot_kinds, bands_hz) = limits.into_iter().unzip();
        Ok(Support {
            shots,
            shot_kinds,
            bands_hz,
            unknown: self.spans(events, Mark::Unknown, &labels),
            negative: match choice.marked {
                Marked::All => Vec::new(),
                Marked::Some => self.spans(events, Mark::Negative, &labels),
            },
            kinds,
            warnings,
            marked: choice.marked,
            left,
        })
    }

    /// The shots of one kind, and what lies beside them.
    fn kind(
        &self,
        events: &[&MarkedEvent],
        label: Option<&str>,
        choice: &ShotChoice,
    ) -> Result<OfKind, SupportProblem> {
        let chosen = |event: &&MarkedEvent| event.label.as_deref() == label;
        let mut positives: Vec<_> = with_mark(events, Mark::Positive).filter(chosen).collect();
        positives.sort_by(|a, b| a.span.onset().total_cmp(&b.span.onset()));
        let (mut warnings, mut left) = (Vec::new(), 0);
        if let ShotCount::First(wanted) = choice.count {
            if wanted == 0 {
                return Err(SupportProblem::NoneWanted);
            }
            left = positives.len().saturating_sub(wanted);
            positives.truncate(wanted);
            let shots = positives.len();
            warnings.extend((shots < wanted).then_some(SupportWarning::Few {
                label: None,
                shots,
                wanted,
            }));
        }
        let bands_hz = positives.iter().map(|event| event.band_hz).collect();
        let shots = positives
            .into_iter()
            .map(|event| self.inside(event, &mut warnings))
            .collect::<Result<Vec<_>, _>>()?;
        warnings.extend(first_overlap(&shots));
        let kind = KindSupport {
            label: label.map(str::to_owned),
            unknown: self.spans(events, Mark::Unknown, &[label]),
            negative: match choice.marked {
                Marked::All => Vec::new(),
                Marked::Some => self.spans(events, Mark::Negative, &[label]),
            },
            search_from: match choice.marked {
                Marked::All => last_end(&shots),
                Marked::Some => 0.0,
            },
            shots,
        };
        Ok(OfKind {
            kind,
            bands_hz,
            warnings,
            left,
        })
    }

    /// The labels of the shots, one or more: the one that is wanted, the only one there is, or all.
    fn labels<'e>(
        &self,
        events: &[&'e MarkedEvent],
        choice: &LabelChoice,
    ) -> Result<Vec<Option<&'e str>>, SupportProblem> {
        let mut counts: BTreeMap<Option<&str>, usize> = BTreeMap::new();
        for event in with_mark(events, Mark::Positive) {
            *counts.entry(event.label.as_deref()).or_default() += 1;
        }
        let labels = || {
            let name = |label: Option<&str>| label.unwrap_or("no label").to_owned();
            let each = counts
                .iter()
                .map(|(label, n)| format!("{} ({n})", name(*label)));
            each.collect()
        };
        let recording = self.recording.to_owned();
        let column = self.label_column.map(str::to_owned);
        if let LabelChoice::Named(wanted) = choice {
            let wanted: String = wanted.nfc().collect();
            let found = counts.keys().find(|label| **label == Some(wanted.as_str()));
            let found = found.map(|&label| vec![label]);
            return found.ok_or_else(|| SupportProblem::OtherLabels {
                recording,
                label: wanted,
                column,
                labels: labels(),
            });
        }
        let mut known = counts.keys();
        match (known.next(), known.next()) {
            (Some(&only), None) => Ok(vec![only]),
            (None, _) => Err(SupportProblem::NoShots {
                recording,
                unknown: with_mark(events, Mark::Unknown).count(),
                negative: with_mark(events, Mark::Negative).count(),
            }),
            (Some(_), Some(_)) if *choice == LabelChoice::All => {
                Ok(counts.keys().copied().collect())
            }
            (Some(_), Some(_)) => Err(SupportProblem::SeveralLabels {
                recording,
                column,
                labels: labels(),
            }),
        }
    }

    /// The part of a shot that is inside the recording.
    fn inside(
        &self,
        event: &MarkedEvent,
        warnings: &mut Vec<SupportWarning>,
    ) -> Result<Span, SupportProblem> {
        let (shot, secs) = (event.span, self.secs);
        let cut = self.cut(shot).ok_or_else(|| SupportProblem::Outside {
            line: event.line,
            shot,
            recording: self.recording.to_owned(),
            secs,
        })?;
        if shot.offset() > secs + ROUNDING_SECS {
            warnings.push(SupportWarning::Cut { shot, secs });
        }
        Ok(cut)
    }

    fn cut(&self, span: Span) -> Option<Span> {
        Span::new(span.onset(), span.offset().min(self.secs)).ok()
    }

    /// The spans that are marked so for one of these labels, or for all.
    fn spans(&self, events: &[&MarkedEvent], mark: Mark, labels: &[Option<&str>]) -> Vec<Span> {
        let mut spans: Vec<_> = with_mark(events, mark)
            .filter(|event| event.label.is_none() || labels.contains(&event.label.as_deref()))
            .filter_map(|event| self.cut(event.span))
            .collect();
        spans.sort_by(|a, b| a.onset().total_cmp(&b.onset()));
        spans
    }
}

fn with_mark<'e>(events: &[&'e MarkedEvent], mark: Mark) -> impl Iterator<Item = &'e MarkedEvent> {
    events
        .iter()
        .copied()
        .filter(move |event| event.mark == mark)
}

fn first_overlap(shots: &[Span]) -> Option<SupportWarning> {
    let mut last: Option<Span> = None; // of those so far, the one that ends last
    for &second in shots {
        match last {
            Some(first) if second.onset() < first.offset() => {
                return Some(SupportWarning::Overlapping { first, second });
            }
            _ => last = Some(second),
        }
    }
    None
}
