//! The clips of a measurement, found and checked before any encoder sees them.

use super::{Measurable, MeasureError, Measurement, Progress};
use crate::corpus::{Corpus, CorpusConfig, CorpusError, Whole, examined};
use crate::dataset::Dataset;
use crate::encoder::ModelCard;
use crate::features::{Features, FrontEnd, MfccConfig};
use crate::report::Audit;

/// Clips that are about to be measured.
pub(super) struct Opened {
    pub(super) corpus: Corpus,
    /// The same with the classic baseline's features.
    classic: Corpus,
    /// Those that can be measured.
    pub(super) usable: Vec<usize>,
    /// How many more there are of which nothing is known.
    pub(super) unlabelled: usize,
    /// These alone, in folds; dealt where there are no official ones.
    pub(super) measured: Dataset,
}

impl Measurement<'_> {
    /// The clips with the features that the encoder and the classic baseline hear.
    pub(super) fn open<L: Measurable>(&self, card: &ModelCard) -> Result<Opened, MeasureError> {
        let corpus = self.corpus(card, &card.front_end)?;
        // Read the recordings that the encoder hears, so that all rows of the table hear the same.
        let classic = self.corpus(card, &FrontEnd::Mfcc(MfccConfig::librosa()))?;
        let usable: Vec<usize> = corpus
            .cache
            .usable()
            .filter(|&c| classic.cache.frames(c) > 0)
            // Pieces that an official split leaves out are not measured, either.
            .filter(|&c| !corpus.by_split || corpus.dataset.clips[c].fold.is_some())
            .collect();
        if usable.is_empty() {
            let dataset = corpus.dataset.name;
            return Err(MeasureError::NoneMeasurable { dataset });
        }
        let (usable, unlabelled) = labelled::<L>(&corpus.dataset, usable);
        let measured = in_folds(corpus.selected(&usable), corpus.by_split)?;
        Ok(Opened {
            corpus,
            classic,
            usable,
            unlabelled,
            measured,
        })
    }

    fn corpus(&self, card: &ModelCard, front_end: &FrontEnd) -> Result<Corpus, CorpusError> {
        let config = CorpusConfig {
            channel: self.channel.unwrap_or(card.channel),
            whole: Whole::Clips,
            front_end,
            cache: self.cache,
        };
        let show = |done, of| (self.observe)(Progress::Reading { done, of });
        Corpus::open(self.found, &config, show)
    }

    /// What is odd about the clips, looked at one by one, in the folds that they are measured in.
    pub(super) fn audit(&self, opened: &Opened) -> Audit {
        let mut all = opened.corpus.dataset.clone();
        for (&clip, of) in opened.usable.iter().zip(&opened.measured.clips) {
            all.clips[clip].fold = of.fold;
        }
        let show = |done, of| (self.observe)(Progress::Examining { done, of });
        Audit::of(&examined(&all, show))
    }
}

impl Opened {
    /// The MFCC of the clips that are measured, each `[coefficients, frames]`.
    pub(super) fn mfcc(&self) -> Vec<Features> {
        let usable = self.usable.iter();
        usable
            .map(|&clip| self.classic.cache.features(clip))
            .collect()
    }
}

/// Those of `usable` that something is known of, and how many others there are; all, where nothing is known of any.
fn labelled<L: Measurable>(dataset: &Dataset, usable: Vec<usize>) -> (Vec<usize>, usize) {
    let is_known = |&clip: &usize| L::of(&dataset.clips[clip]).is_some();
    let known: Vec<usize> = usable.iter().copied().filter(is_known).collect();
    match known.len() {
        0 => (usable, 0),
        labelled => (known, usable.len() - labelled),
    }
}

/// The clips in their folds; dealt where they have none, or one that would leave nothing to learn from.
fn in_folds(mut measured: Dataset, by_split: bool) -> Result<Dataset, MeasureError> {
    if by_split && measured.folds().len() == 1 {
        // Nothing to learn from is left but parts of this one.
        measured.clips.iter_mut().for_each(|clip| clip.fold = None);
    }
    match measured.clips.iter().all(|clip| clip.fold.is_none()) {
        true => Ok(measured.with_stratified_folds(5, 0)?),
        false => Ok(measured),
    }
}
