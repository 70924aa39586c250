//! One recording after the other, searched by its own marks or by those of all.

use super::{Arguments, fitter};
use crate::printer::Printer;
use anyhow::bail;
use chiffchaff::audio::{AudioReader, ChannelChoice, TimeScale};
use chiffchaff::dataset::{MatchError, Matching, ShotChoice, Span, Support};
use chiffchaff::detect::{Detection, Detector, Fitter, LookedAt, MarkedRecording, Stage};
use indicatif::ProgressBar;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Searches recordings.
pub(super) struct Searcher<'a> {
    arguments: &'a Arguments,
    matching: &'a Matching<'a>,
    printer: &'a Printer,
    fitter: Fitter,
    /// Fitted when a recording needs it.
    together: Option<Together>,
}

/// One detector for the marks of all recordings.
struct Together {
    detector: Detector,
    /// The shots of each recording that it learned from, by the recording's index.
    shots: BTreeMap<usize, Vec<Span>>,
    label: Option<String>,
    typical_secs: f64,
    /// What it learned from, in words.
    learned_from: String,
}

/// One recording, searched.
pub(super) struct Searched {
    pub(super) recording: PathBuf,
    /// Its own shots.
    pub(super) shots: Vec<Span>,
    pub(super) label: Option<String>,
    /// Mean length of what was learned from, seconds.
    pub(super) typical_secs: f64,
    pub(super) detection: Detection,
    /// The channel that was searched.
    pub(super) channel: ChannelChoice,
    /// How much slower or faster it was played.
    pub(super) time_scale: TimeScale,
    /// Whether its sound gave reason for a warning.
    pub(super) remarked: bool,
}

impl<'a> Searcher<'a> {
    pub(super) fn new(
        arguments: &'a Arguments,
        matching: &'a Matching<'a>,
        printer: &'a Printer,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            arguments,
            matching,
            printer,
            fitter: fitter(arguments)?,
            together: None,
        })
    }

    /// The recordings whose marks serve others; empty where each is searched by its own.
    pub(super) fn shared_marks(&self) -> Vec<&'a Path> {
        let recordings = self.arguments.recordings.iter().enumerate();
        let (marked, without): (Vec<_>, Vec<_>) =
            recordings.partition(|&(index, _)| self.matching.marks_of(index).is_ok());
        match self.arguments.together || !without.is_empty() {
            true => marked.into_iter().map(|(_, path)| path.as_path()).collect(),
            false => Vec::new(),
        }
    }

    pub(super) fn search(&mut self, index: usize) -> anyhow::Result<Searched> {
        match self.matching.marks_of(index) {
            Ok(_) if !self.arguments.together => self.by_own_marks(index),
            Ok(_) => self.by_all_marks(index),
            // Whether others have marks is found out then.
            Err(MatchError::NoTable { .. }) if self.fitter.learns_together() => {
                self.by_all_marks(index)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn by_own_marks(&self, index: usize) -> anyhow::Result<Searched> {
        let started = Instant::now();
        let recording = &self.arguments.recordings[index];
        let secs = secs(recording)?;
        let channel = self.channel(recording)?;
        let mut marked = self.marked(index, secs, Some(channel))?;
        let LookedAt {
            time_scale,
            unheard,
            ..
        } = self.fitter.look_at_shots(&marked)?;
        marked.time_scale = Some(time_scale);
        if let Some(unheard) = &unheard {
            self.printer
                .warn(&format_args!("{}: {unheard}", recording.display()));
        }
        let bar = self.bar();
        let observe = |stage| show(stage, secs, &bar);
        let detection = self
            .fitter
            .fit(std::slice::from_ref(&marked), observe)
            .and_then(|detector| detector.detect(recording, observe));
        bar.finish_and_clear();
        let detection = detection?;
        self.say_found(recording, &detection, started, time_scale, "");
        Ok(Searched {
            recording: marked.path,
            shots: marked.support.shots().to_vec(),
            label: marked.support.label().map(str::to_owned),
            typical_secs: marked.support.mean_secs(),
            detection,
            channel,
            time_scale,
            remarked: unheard.is_some(),
        })
    }

    fn by_all_marks(&mut self, index: usize) -> anyhow::Result<Searched> {
        if self.together.is_none() {
            self.together = Some(self.learn_together(index)?);
        }
        let Some(together) = &self.together else {
            unreachable!("has just been made");
        };
        let started = Instant::now();
        let recording = &self.arguments.recordings[index];
        let secs = secs(recording)?;
        let channel = self.channel(recording)?;
        let time_scale = together.detector.time_scale();
        let bar = self.bar();
        let observe = |stage| show(stage, secs, &bar);
        let detection = together.detector.detect(recording, observe);
        bar.finish_and_clear();
        let detection = detection?;
        let by = format!(", by {}", together.learned_from);
        self.say_found(recording, &detection, started, time_scale, &by);
        Ok(Searched {
            recording: recording.clone(),
            shots: together.shots.get(&index).cloned().unwrap_or_default(),
            label: together.label.clone(),
            typical_secs: together.typical_secs,
            detection,
            channel,
            time_scale,
            remarked: false,
        })
    }

    /// Fits the detector of all marks, which the recording with this index needs.
    fn learn_together(&self, index: usize) -> anyhow::Result<Together> {
        let (mut marked, mut shots) = (Vec::new(), BTreeMap::new());
        for (of, recording) in self.arguments.recordings.iter().enumerate() {
            if self.matching.marks_of(of).is_err() {
                continue;
            }
            // Each recording has its own loudest channel.
            let mut one = self.marked(of, secs(recording)?, self.arguments.channel.channel)?;
            let looked = self.fitter.look_at_shots(&one)?;
            if let Some(unheard) = &looked.unheard {
                self.printer.warn(&format_args!(
                    "{}: its marks are not used for others: {unheard}",
                    recording.display()
                ));
                continue;
            }
            one.time_scale = Some(looked.time_scale);
            shots.insert(of, one.support.shots().to_vec());
            marked.push(one);
        }
        if marked.is_empty() {
            self.matching.marks_of(index)?;
            bail!("no recording has marks that can be learned from");
        }
        let mut labels: Vec<_> = marked.iter().map(|one| one.support.label()).collect();
        labels.dedup();
        if let [Some(first), .., Some(last)] = labels[..] {
            bail!(
                "the marks are of several kinds: `{first}`, `{last}`\n\nhint: choose one of them with `--label NAME`"
            );
        }
        let label = labels[0].map(str::to_owned);
        let marks: usize = shots.values().map(Vec::len).sum();
        let of = marked.len();
        let s = |count: usize| if count == 1 { "" } else { "s" };
        let bar = self.bar();
        let detector = self.fitter.fit(&marked, |stage| show(stage, 1.0, &bar));
        bar.finish_and_clear();
        Ok(Together {
            detector: detector?,
            shots,
            label,
            typical_secs: marked
                .iter()
                .map(|one| one.support.mean_secs())
                .sum::<f64>()
                / of as f64,
            learned_from: format!("{marks} mark{} of {of} recording{}", s(marks), s(of)),
        })
    }

    /// The channel of a recording that is searched.
    fn channel(&self, recording: &Path) -> anyhow::Result<ChannelChoice> {
        let choice = self.arguments.channel.channel;
        Ok(self.fitter.channel(recording, choice)?)
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
        let choice = ShotChoice {
            count: self.arguments.first,
            label: self.arguments.label.clone(),
        };
        let marks = self.matching.marks_of(index)?;
        if let Some((table, name)) = marks.by_name_alone() {
            self.printer.warn(&format_args!(
                "{}: taken for the marks of {}, though it has them in another folder: `{name}`",
                table.display(),
                self.arguments.recordings[index].display()
            ));
        }
        Ok(marks.support(secs, &choice)?)
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
        self.printer.say(&format_args!(
            "{}: {events} event{s} in {secs:.1} s{played}{by}",
            recording.display()
        ));
    }
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
