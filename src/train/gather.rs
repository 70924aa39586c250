//! What a run trains on: the usable clips of one or several datasets.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::path::Path;

use super::{Cut, Experiment, FrameLabels, Start, TrainError, TrainingData};
use crate::corpus::{Corpus, CorpusConfig, CorpusError, LoadedDataset, Whole};
use crate::encoder::TrainingRecord;
use crate::features::{FeatureSet, FrontEnd, SamplesConfig};

/// The datasets of a run with all features that it reads.
#[derive(Debug)]
pub struct TrainingCorpora {
    /// Of each dataset, what the front end gives.
    pub corpora: Vec<Corpus>,
    /// Of each dataset, the sound; empty unless [`Experiment::hears_sound`].
    pub sounds: Vec<Corpus>,
}

impl TrainingCorpora {
    /// Computes what `experiment` reads of the datasets and is not kept in the folder `cache` yet.
    ///
    /// `observe` is called with clips done and clips in all, from any thread, for one dataset after the other.
    ///
    /// # Errors
    /// As [`Corpus::open`].
    pub fn open(
        experiment: &Experiment,
        datasets: &[LoadedDataset],
        cache: &Path,
        observe: impl Fn(usize, usize) + Sync,
    ) -> Result<Self, CorpusError> {
        let open = |whole, front_end: &FrontEnd| -> Result<Vec<Corpus>, CorpusError> {
            let config = CorpusConfig {
                channel: experiment.channel,
                whole,
                front_end,
                cache,
            };
            let datasets = datasets.iter();
            datasets
                .map(|found| Corpus::open(found, &config, &observe))
                .collect()
        };
        let whole = match experiment.views.cut {
            Cut::Random {} => Whole::Clips,
            Cut::Windows(_) | Cut::Frames {} => Whole::Recordings,
        };
        let corpora = open(whole, &experiment.features)?;
        let sounds = match experiment.hears_sound() {
            true => {
                let samples = SamplesConfig::heard_by(&experiment.features);
                open(Whole::Clips, &FrontEnd::Samples(samples))?
            }
            false => Vec::new(),
        };
        Ok(Self { corpora, sounds })
    }

    /// The usable clips of all datasets but those in the official folds `without_folds`, with what there is to say of them.
    ///
    /// # Errors
    /// [`TrainError::NoFolds`] and [`TrainError::NoSuchFold`] if a fold cannot be left out;
    /// [`TrainError::LabelsOfSeveral`] if the method uses labels and there are several datasets.
    pub fn training_data(
        &self,
        experiment: &Experiment,
        without_folds: &[u32],
        start: Start<'_>,
    ) -> Result<(TrainingData<'_>, Vec<GatherRemark>), TrainError> {
        for corpus in &self.corpora {
            has_folds(corpus, without_folds)?;
        }
        let mut gathered = Gathered::new(self, experiment, without_folds);
        match experiment.views.cut {
            Cut::Frames {} => gathered.add_recordings(),
            Cut::Random {} | Cut::Windows(_) => gathered.add_clips(),
        }
        gathered.must_share_labels()?;
        let remarks = gathered.remarks();
        let mut data = gathered.data;
        data.provenance = TrainingRecord {
            preset: experiment.preset.name.clone(),
            datasets: self.names(|_| true),
            clips: data.names.len(),
            started_from: match start {
                Start::From(weights) | Start::ResumeFrom(weights) => {
                    Some(weights.path().display().to_string())
                }
                Start::New | Start::Resume => None,
            },
            excluded_folds: without_folds.to_vec(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        Ok((data, remarks))
    }

    /// Names of the datasets that are wanted.
    fn names(&self, is_wanted: impl Fn(&Corpus) -> bool) -> Vec<String> {
        let wanted = self.corpora.iter().filter(|corpus| is_wanted(corpus));
        wanted.map(|corpus| corpus.dataset.name.clone()).collect()
    }
}

/// What a user should know of the clips that were gathered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GatherRemark {
    /// So many clips of one dataset are the same as others of another, and are used once.
    Copies(usize),
    /// These datasets have folds, and all of them are used.
    AllFolds(Vec<String>),
}

impl GatherRemark {
    /// Whether it is more than a piece of information.
    pub fn is_warning(&self) -> bool {
        matches!(self, Self::AllFolds(_))
    }
}

impl fmt::Display for GatherRemark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copies(copies) => write!(
                f,
                "{copies} clips sound exactly like others and are heard once"
            ),
            Self::AllFolds(datasets) => write!(
                f,
                "all folds of {} are heard, without labels: also those that are scored later\n\nhint: leave one out \
                 with `--without-fold N`, or say so beside the scores",
                datasets.join(" and ")
            ),
        }
    }
}

/// Refuses to leave out a fold that a dataset does not have.
fn has_folds(corpus: &Corpus, without_folds: &[u32]) -> Result<(), TrainError> {
    let (dataset, folds) = (corpus.dataset.name.clone(), corpus.dataset.folds());
    match without_folds.iter().find(|fold| !folds.contains(fold)) {
        None => Ok(()),
        Some(_) if folds.is_empty() => Err(TrainError::NoFolds { dataset }),
        Some(&fold) => Err(TrainError::NoSuchFold {
            dataset,
            fold,
            folds,
        }),
    }
}

/// Clips as they are gathered.
struct Gathered<'a, 'c> {
    from: &'a TrainingCorpora,
    experiment: &'c Experiment,
    without_folds: &'c [u32],
    data: TrainingData<'a>,
    /// What the clips so far contain: of several datasets, one may be part of another.
    contents: HashSet<u64>,
    copies: usize,
}

impl<'a, 'c> Gathered<'a, 'c> {
    fn new(
        from: &'a TrainingCorpora,
        experiment: &'c Experiment,
        without_folds: &'c [u32],
    ) -> Self {
        Self {
            from,
            experiment,
            without_folds,
            data: TrainingData::default(),
            contents: HashSet::new(),
            copies: 0,
        }
    }

    fn is_union(&self) -> bool {
        self.from.corpora.len() > 1
    }

    fn is_left_out(&self, corpus: &Corpus, clip: usize) -> bool {
        let fold = corpus.dataset.clips[clip].fold;
        fold.is_some_and(|fold| self.without_folds.contains(&fold))
    }

    /// Whole recordings, every frame of which has the label of the event it lies in.
    fn add_recordings(&mut self) {
        let frame_rate = self.experiment.features.frame_rate();
        let mut classes = 0;
        for corpus in &self.from.corpora {
            for recording in corpus.marked_recordings(|clip| !self.is_left_out(corpus, clip)) {
                // Classes of one dataset are none of another's.
                let events = recording.events.iter();
                let events = events.map(|&(span, label)| (span, classes + label));
                let labels = FrameLabels::new(events, frame_rate);
                self.data.frame_labels.push(labels);
                let frames = 0..corpus.cache.frames(recording.cached_as);
                let clips = &mut self.data.clips;
                clips.push_stretch(&corpus.cache, recording.cached_as, frames);
                self.data.labels.push(None);
                self.data.names.push(recording.path.display().to_string());
            }
            classes += corpus.dataset.classes.len();
        }
    }

    /// Clips, each with its sound where that is used.
    fn add_clips(&mut self) {
        for (number, corpus) in self.from.corpora.iter().enumerate() {
            let sounds = self.from.sounds.get(number);
            for clip in 0..corpus.dataset.clips.len() {
                if !self.is_left_out(corpus, clip) {
                    self.add_clip(corpus, sounds, clip);
                }
            }
        }
    }

    /// A clip, if it is usable, long enough and no copy.
    fn add_clip(&mut self, corpus: &'a Corpus, sounds: Option<&'a Corpus>, clip: usize) {
        let Some(frames) = used_frames(corpus, clip, self.experiment) else {
            return;
        };
        if sounds.is_some_and(|sounds| sounds.cache.frames(clip) == 0) {
            return; // gone since its features were computed
        }
        let cached_as = corpus.cached_as(clip);
        if self.is_union() {
            let mut one = FeatureSet::default();
            one.push_stretch(&corpus.cache, cached_as, frames.clone());
            if !self.contents.insert(one.content(0)) {
                self.copies += 1;
                return;
            }
        }
        let data = &mut self.data;
        if let Some(sounds) = sounds {
            data.sounds.extend(&sounds.cache, [clip]);
        }
        data.clips.push_stretch(&corpus.cache, cached_as, frames);
        data.labels.push(corpus.dataset.clips[clip].label);
        data.names.push(corpus.name(clip));
    }

    /// Labels of several datasets are numbered anew in each.
    fn must_share_labels(&self) -> Result<(), TrainError> {
        let method = &self.experiment.method;
        let uses_labels = method.uses_labels() && self.data.frame_labels.is_empty();
        match self.is_union() && uses_labels {
            true => Err(TrainError::LabelsOfSeveral {
                otherwise: match method.needs_labels() {
                    true => "",
                    false => ", or learn without labels: `--set method.label_weight=0.0`",
                },
            }),
            false => Ok(()),
        }
    }

    fn remarks(&self) -> Vec<GatherRemark> {
        let copies = (self.copies > 0).then_some(GatherRemark::Copies(self.copies));
        let folded = self.from.names(|corpus| !corpus.dataset.folds().is_empty());
        let all_used = self.is_union() && self.without_folds.is_empty() && !folded.is_empty();
        let all_folds = all_used.then_some(GatherRemark::AllFolds(folded));
        copies.into_iter().chain(all_folds).collect()
    }
}

/// The frames that a clip is taken to be, within the cached clip or recording; none if it cannot be used or is too short.
fn used_frames(corpus: &Corpus, clip: usize, experiment: &Experiment) -> Option<Range<usize>> {
    let frames = corpus.cache.frames(corpus.cached_as(clip));
    let whole = (frames > 0).then_some(0..frames);
    match (&experiment.views.cut, corpus.dataset.clips[clip].span) {
        (Cut::Windows(cut), Some(span)) => {
            cut.event_frames(span.into(), experiment.features.frame_rate(), frames)
        }
        (Cut::Windows(cut), None) => whole.filter(|frames| frames.len() > cut.longer_than),
        (Cut::Random {} | Cut::Frames {}, _) => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{SampleRate, WavEncoding, Waveform, write_wav};

    /// A table of six clips in folds 1 and 2 of two classes, whose `n`th clip is `first` + `n`.
    fn table(folder: &Path, name: &str, first: usize) -> LoadedDataset {
        let mut rows = "path,label,fold\n".to_owned();
        for clip in first..first + 6 {
            let rate = SampleRate::new(22_050).unwrap();
            let tone = |n: usize| 0.4 * (n as f32 * 0.05 * (clip + 1) as f32).sin();
            let sound = Waveform::mono((0..22_050).map(tone).collect(), rate);
            let path = folder.join(format!("{clip}.wav"));
            write_wav(&path, &sound, WavEncoding::Int16).unwrap();
            rows += &format!("{clip}.wav,{},{}\n", ["a", "b"][clip % 2], clip % 2 + 1);
        }
        let path = folder.join(name);
        std::fs::write(&path, rows).unwrap();
        LoadedDataset::load(&format!("csv:{}", path.display()).parse().unwrap()).unwrap()
    }

    #[test]
    fn copies_and_folds_that_are_left_out_are_not_gathered() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] =
            [("one.csv", 0), ("two.csv", 4)].map(|(name, first)| table(folder.path(), name, first));
        let small = Experiment::preset("small", &[]).unwrap();
        let cache = folder.path().join("cache");
        let open = |found: &[LoadedDataset]| {
            TrainingCorpora::open(&small, found, &cache, |_, _| {}).unwrap()
        };
        let one = open(std::slice::from_ref(&first));
        let (data, remarks) = one.training_data(&small, &[2], Start::New).unwrap();
        assert_eq!(data.labels, [Some(0); 3]);
        assert_eq!((data.clips.len(), remarks.len()), (3, 0));
        assert_eq!(data.provenance.excluded_folds, [2]);
        let error = one.training_data(&small, &[3], Start::New).unwrap_err();
        assert!(error.to_string().contains("there is no fold 3, but [1, 2]"));

        let both = open(&[first, second]);
        let (data, remarks) = both.training_data(&small, &[], Start::New).unwrap();
        assert_eq!(data.clips.len(), 10, "clips 4 and 5 are of both");
        let names = ["one", "two"].map(str::to_owned).to_vec();
        let expected = [GatherRemark::Copies(2), GatherRemark::AllFolds(names)];
        assert_eq!(remarks, expected);
        let supervised = Experiment::preset("moummad-supcon", &[]).unwrap();
        let refused = both.training_data(&supervised, &[], Start::New);
        assert!(matches!(
            refused.unwrap_err(),
            TrainError::LabelsOfSeveral { .. }
        ));
    }
}
