//! One recording after the other, searched by its own marks or by those of all.

use super::{Arguments, fitter};
use crate::printer::Printer;
use anyhow::{anyhow, bail};
use chiffchaff::audio::{AudioReader, ChannelChoice, TimeScale};
use chiffchaff::dataset::{
    LabelChoice, Marked, MatchError, Matching, ShotChoice, ShotCount, Span, Support, SupportError,
    SupportProblem,
};
use chiffchaff::detect::write::UsedMark;
use chiffchaff::detect::{
    DetectError, Detection, Detector, EventBand, Fitter, KeptOptions, LookedAt, MarkedRecording,
    Stage, Threshold,
};
use indicatif::ProgressBar;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Searches recordings.
pub(super) struct Searcher<'a> {
    arguments: &'a Arguments,
    matching: &'a Matching<'a>,
    printer: &'a Printer,
    /// The recordings with marks.
    marked: Vec<&'a Path>,
    /// None where a kept detector searches.
    fitter: Option<Fitter>,
    /// Kept, or fitted when a recording needs it; or why it cannot be.
    shared: Option<Result<Shared, String>>,
}

/// One detector for several recordings.
struct Shared {
    detector: Detector,
    /// What it learned from of each recording, by the recording's index.
    supports: BTreeMap<usize, Support>,
    /// Whether marks of some recording could not be used.
    remarked: bool,
}

/// One recording, searched.
pub(super) struct Searched {
    pub(super) recording: PathBuf,
    /// How long it lasts.
    pub(super) secs: f64,
    /// Its own shots.
    pub(super) shots: Vec<Span>,
    /// The same for a table.
    pub(super) marks: Vec<UsedMark>,
    /// Whose marks found the events, where it is not its own alone: `5 marks of 1 recording`.
    pub(super) by: Option<String>,
    /// Mean length of what was learned from, seconds.
    pub(super) typical_secs: f64,
    pub(super) detection: Detection,
    /// Between which frequencies the events lie.
    pub(super) band: Option<EventBand>,
    /// The channel that was searched.
    pub(super) channel: ChannelChoice,
    /// How much slower or faster it was played.
    pub(super) time_scale: TimeScale,
    /// Whether its sound gave reason for a warning.
    pub(super) remarked: bool,
}

/// The shots of a recording, by the detector's kinds with these labels.
fn used_marks(support: &Support, labels: &[Option<String>]) -> Vec<UsedMark> {
    let kinds = support.kinds().iter();
    // Marks without a label may be of the only kind.
    let kinds = kinds.map(|kind| labels.iter().position(|label| *label == kind.label));
    let kinds: Vec<usize> = kinds.map(|kind| kind.unwrap_or(0)).collect();
    let shots = support.shots().iter().zip(support.shot_kinds());
    let marks = shots.zip(support.bands_hz());
    let marks = marks.map(|((&span, &kind), &band_hz)| UsedMark {
        span,
        kind: kinds[kind],
        band_hz,
    });
    marks.collect()
}

impl<'a> Searcher<'a> {
    pub(super) fn new(
        arguments: &'a Arguments,
        matching: &'a Matching<'a>,
        printer: &'a Printer,
    ) -> anyhow::Result<Self> {
        let recordings = arguments.recordings.iter().enumerate();
        let marked = recordings.filter(|&(index, _)| matching.marks_of(index).is_ok());
        let mut searcher = Self {
            arguments,
            matching,
            printer,
            marked: marked.map(|(_, path)| path.as_path()).collect(),
            fitter: None,
            shared: None,
        };
        match &arguments.detector {
            None => searcher.fitter = Some(fitter(arguments)?),
            Some(path) => {
                let options = KeptOptions {
                    threshold: arguments.threshold,
                    channel: arguments.channel.channel,
                };
                let detector = Detector::load(path, options, arguments.device.open()?)?;
                searcher.shared = Some(Ok(Shared {
                    detector,
                    supports: BTreeMap::new(),
                    remarked: false,
                }));
            }
        }
        if arguments.keep.is_some() && !searcher.fitter()?.learns_together() {
            bail!("`--keep`: only detectors of the method `frames` can be kept in a file");
        }
        if searcher.finds_all_kinds() && !searcher.fitter()?.learns_kinds() {
            return Err(DetectError::SeveralKinds.into());
        }
        Ok(searcher)
    }

    /// What fits detectors.
    fn fitter(&self) -> anyhow::Result<&Fitter> {
        let fitter = self.fitter.as_ref();
        fitter.ok_or_else(|| anyhow!("a kept detector learns from no marks"))
    }

    /// Whether every label is a kind to find.
    fn finds_all_kinds(&self) -> bool {
        self.arguments.label == Some(LabelChoice::All)
    }

    /// Whether one detector searches all, as is asked for, or as each recording may have marks of other kinds.
    fn is_together(&self) -> bool {
        self.arguments.together || (self.finds_all_kinds() && self.marked.len() > 1)
    }

    /// The recordings whose marks serve others; empty where each is searched by its own.
    pub(super) fn shared_marks(&self) -> Vec<&'a Path> {
        match self.is_together() || self.marked.len() < self.arguments.recordings.len() {
            true => self.marked.clone(),
            false => Vec::new(),
        }
    }

    /// The detector that was kept, if one searches.
    pub(super) fn kept(&self) -> Option<&Detector> {
        let shared = self.arguments.detector.as_ref().and(self.shared.as_ref());
        Some(&shared?.as_ref().ok()?.detector)
    }

    /// Writes the detector of all marks, if it is to be kept.
    pub(super) fn keep(&mut self) -> anyhow::Result<()> {
        let Some(path) = &self.arguments.keep else {
            return Ok(());
        };
        let printer = self.printer;
        let detector = &self.shared()?.detector;
        detector.save(path)?;
        let learned = detector.learned();
        printer.say(&format_args!("detector: {}, of {learned}", path.display()));
        Ok(())
    }

    pub(super) fn search(&mut self, index: usize) -> anyhow::Result<Searched> {
        if self.arguments.detector.is_some() {
            return self.by_all_marks(index);
        }
        let by_others = self.fitter()?.learns_together() && !self.marked.is_empty();
        match self.matching.marks_of(index) {
            Ok(_) if self.searches_together() => self.by_all_marks(index),
            Ok(_) => match self.by_own_marks(index) {
                Err(error) if by_others && has_no_shots(&error) => self.by_all_marks(index),
                searched => searched,
            },
            Err(MatchError::NoTable { .. }) if by_others => self.by_all_marks(index),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether recordings with marks are searched by the detector of all marks; it is the same as their own where only one
    /// has marks, and may then be there already.
    fn searches_together(&self) -> bool {
        let is_fitted = self.arguments.keep.is_some();
        self.is_together() || (is_fitted && self.marked.len() == 1)
    }

    fn by_own_marks(&self, index: usize) -> anyhow::Result<Searched> {
        let started = Instant::now();
        let recording = &self.arguments.recordings[index];
        let secs = secs(recording)?;
        let channel = self.channel(recording)?;
        let mut marked = self.marked(index, secs, Some(channel))?;
        let fitter = self.fitter()?;
        let LookedAt {
            time_scale,
            unheard,
            ..
        } = fitter.look_at_shots(&marked)?;
        marked.time_scale = Some(time_scale);
        if let Some(unheard) = &unheard {
            self.printer
                .warn(&format_args!("{}: {unheard}", recording.display()));
        }
        let bar = self.bar();
        let observe = |stage| show(stage, secs, &bar);
        let found = fitter
            .fit(std::slice::from_ref(&marked), observe)
            .and_then(|detector| Ok((detector.band(), detector.detect(recording, observe)?)));
        bar.finish_and_clear();
        let (band, detection) = found?;
        self.say_found(recording, &detection, started, time_scale, "");
        Ok(Searched {
            recording: marked.path,
            secs,
            shots: marked.support.shots().to_vec(),
            marks: used_marks(&marked.support, &detection.labels),
            by: None,
            typical_secs: marked.support.mean_secs(),
            detection,
            band,
            channel,
            time_scale,
            remarked: unheard.is_some(),
        })
    }

    fn by_all_marks(&mut self, index: usize) -> anyhow::Result<Searched> {
        let started = Instant::now();
        let recording = &self.arguments.recordings[index];
        let secs = secs(recording)?;
        let bar = self.bar();
        let Shared {
            detector,
            supports,
            remarked,
        } = self.shared()?;
        let (own, remarked, band) = (supports.get(&index), *remarked, detector.band());
        let shots = own.map_or_else(Vec::new, |own| own.shots().to_vec());
        let channel = detector.channel(recording)?;
        let detection = detector.detect(recording, |stage| show(stage, secs, &bar));
        bar.finish_and_clear();
        let (detection, learned) = (detection?, detector.learned().clone());
        let marks = own.map_or_else(Vec::new, |own| used_marks(own, &detection.labels));
        let time_scale = detector.time_scale();
        let by = format!(", by {learned}");
        self.say_found(recording, &detection, started, time_scale, &by);
        Ok(Searched {
            recording: recording.clone(),
            secs,
            shots,
            marks,
            by: Some(learned.to_string()),
            typical_secs: learned.typical_secs(),
            detection,
            band,
            channel,
            time_scale,
            remarked,
        })
    }

    /// The detector of several recordings, fitted to all marks if that was not done or tried before.
    fn shared(&mut self) -> anyhow::Result<&Shared> {
        if self.shared.is_none() {
            let learned = self.learn_together();
            self.shared = Some(learned.map_err(|error| format!("{error:#}")));
        }
        match &self.shared {
            Some(Ok(shared)) => Ok(shared),
            Some(Err(reason)) => bail!(reason.clone()),
            None => unreachable!("has just been made"),
        }
    }

    /// Fits the detector of all marks.
    fn learn_together(&self) -> anyhow::Result<Shared> {
        let (mut marked, mut supports, mut remarked) = (Vec::new(), BTreeMap::new(), false);
        for (of, recording) in self.arguments.recordings.iter().enumerate() {
            if self.matching.marks_of(of).is_err() {
                continue;
            }
            match self.usable_marks(of) {
                Ok(one) => {
                    supports.insert(of, one.support.clone());
                    marked.push(one);
                }
                Err(reason) => {
                    remarked = true;
                    self.printer.warn(&format_args!(
                        "{}: its marks are not used for others: {reason:#}",
                        recording.display()
                    ));
                }
            }
        }
        if marked.is_empty() {
            bail!("no recording has marks that can be learned from");
        }
        let labels: BTreeSet<_> = marked
            .iter()
            .filter_map(|one| one.support.label())
            .collect();
        if labels.len() > 1 && !self.finds_all_kinds() {
            let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
            bail!(
                "the marks are of several kinds: {}\n\nhint: choose one of them with `--label NAME`, or find each of them with `--label all`",
                labels.join(", ")
            );
        }
        let bar = self.bar();
        let observe = |stage| show(stage, 1.0, &bar);
        let detector = self.fitter()?.fit(&marked, observe);
        bar.finish_and_clear();
        Ok(Shared {
            detector: detector?,
            supports,
            remarked,
        })
    }

    /// The marks of a recording for a detector of several; an error if nothing can be learned from them.
    fn usable_marks(&self, index: usize) -> anyhow::Result<MarkedRecording> {
        let recording = &self.arguments.recordings[index];
        // Each recording has its own loudest channel.
        let channel = self.arguments.channel.channel;
        let mut marked = self.marked(index, secs(recording)?, channel)?;
        let looked = self.fitter()?.look_at_shots(&marked)?;
        if let Some(unheard) = looked.unheard {
            bail!("{unheard}");
        }
        marked.time_scale = Some(looked.time_scale);
        Ok(marked)
    }

    /// The channel of a recording that is searched.
    fn channel(&self, recording: &Path) -> anyhow::Result<ChannelChoice> {
        let choice = self.arguments.channel.channel;
        Ok(self.fitter()?.channel(recording, choice)?)
    }

    /// A recording, which lasts `secs`, with its shots.
    fn marked(
        &self,
        index: usize,
        secs: f64,
        channel: Option<ChannelChoice>,
    ) -> anyhow::Result<MarkedRecording> {
        let recording = &self.arguments.recordings[index];
        let support = self.support(index, secs)?;
        for warning in support.warnings() {
            self.printer
                .warn(&format_args!("{}: {warning}", recording.display()));
        }
        Ok(MarkedRecording {
            path: recording.clone(),
            channel,
            time_scale: self.arguments.time_scale.0,
            support,
        })
    }

    /// The shots of a recording, which lasts `secs`.
    fn support(&self, index: usize, secs: f64) -> anyhow::Result<Support> {
        let marks = self.matching.marks_of(index)?;
        let recording = self.arguments.recordings[index].display();
        if let Some((table, name)) = marks.by_name_alone() {
            self.printer.warn(&format_args!(
                "{}: taken for the marks of {recording}, though it has them in another folder: `{name}`",
                table.display(),
            ));
        }
        let support = |marked| {
            let count = match marked {
                Marked::All => ShotCount::default(),
                Marked::Some => ShotCount::All,
            };
            let choice = ShotChoice {
                count: self.arguments.first.unwrap_or(count),
                label: self.arguments.label.clone().unwrap_or_default(),
                marked,
            };
            marks.support(secs, &choice)
        };
        let chosen = self.arguments.marked;
        let may_guess = chosen.is_none() && self.fitter()?.learns_from_some();
        if may_guess && marks.are_checked() {
            return Ok(support(Marked::Some)?);
        }
        let as_chosen = support(chosen.unwrap_or_default())?;
        if !(may_guess && as_chosen.seems_partial(secs)) {
            return Ok(as_chosen);
        }
        self.printer.say(&format_args!(
            "{recording}: its marks lie far apart, so calls between them may have none, and all of it is searched (`--marked all` if none is missing)"
        ));
        Ok(support(Marked::Some)?)
    }

    fn bar(&self) -> ProgressBar {
        self.printer.bar(1000, "{msg} {bar:30} {percent} %")
    }

    fn say_found(
        &self,
        recording: &Path,
        detection: &Detection,
        started: Instant,
        time_scale: TimeScale,
        by: &str,
    ) {
        let (events, secs) = (detection.events.len(), started.elapsed().as_secs_f64());
        let s = if events == 1 { "" } else { "s" };
        let played = match time_scale == TimeScale::NONE {
            true => String::new(),
            false => format!(", time scale {time_scale}"),
        };
        let is_chosen = match self.arguments.threshold {
            Some(Threshold::Score(_)) => false,
            Some(Threshold::Precision(_)) => true,
            // A kept detector brings its own.
            None => self.arguments.detector.is_some(),
        };
        let scoring = match is_chosen {
            true => format!(", scoring {:.2} or more", detection.threshold),
            false => String::new(),
        };
        self.printer.say(&format_args!(
            "{}: {events} event{s}{scoring} in {secs:.1} s{played}{by}",
            recording.display()
        ));
    }
}

/// Whether the tables of a recording have no event to learn from, such as where all that was found in it is wrong.
fn has_no_shots(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<SupportError>();
    error.is_some_and(|error| matches!(error.problem, SupportProblem::NoShots { .. }))
}

/// How long a recording lasts, in seconds.
fn secs(recording: &Path) -> anyhow::Result<f64> {
    let (len, rate) = AudioReader::counted_len(recording)?;
    Ok(len as f64 / f64::from(rate.hz()))
}

/// How far a search is in a recording that lasts `secs`.
fn show(stage: Stage, secs: f64, bar: &ProgressBar) {
    match stage {
        Stage::Fitting(done, of) => {
            bar.set_message("learning the shots");
            bar.set_position(u64::from(done) * 1000 / u64::from(of.max(1)));
        }
        Stage::Scoring(done) => {
            bar.set_message("searching");
            bar.set_position((1000.0 * done / secs) as u64);
        }
    }
}
