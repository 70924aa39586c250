//! What a report shows of the measured clips themselves: their maps, spectrograms and sounds.

use super::{MeasureError, Observer, Progress};
use crate::Embeddings;
use crate::corpus::Corpus;
use crate::evaluate::{Evaluation, tsne};
use crate::report::{EmbeddingMap, Exhibit, Exhibitor, Gallery};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of sound in a page at most, so that it stays below 10 MB.
const SOUND_BYTES: f64 = 4.5e6;
/// Bytes of one second: four bits a sample, six of eight bits used.
const BYTES_PER_SEC: f64 = Exhibit::RATE as f64 / 2.0 * 4.0 / 3.0;
/// Of a clip at most and, where there are too many for that, of those that are heard.
const HEARD_SECS: (f64, f64) = (2.0, 1.0);

/// Embeddings of the measured clips, by encoder.
#[derive(Default)]
pub(super) struct Mapped(Vec<(&'static str, Embeddings)>);

impl Mapped {
    pub(super) fn add(&mut self, title: &'static str, embeddings: Embeddings) {
        self.0.push((title, embeddings));
    }
}

/// Of the clips `usable`, those of `evaluation`.
pub(super) fn gallery(
    evaluation: &Evaluation,
    mapped: &Mapped,
    corpus: &Corpus,
    usable: &[usize],
    observe: &Observer<'_>,
) -> Result<Gallery, MeasureError> {
    let exhibitor = Exhibitor::new()?;
    let heard_secs = heard_secs(evaluation);
    let (done, of) = (AtomicUsize::new(0), usable.len());
    let exhibit = |(&clip, &heard): (&usize, &f64)| {
        let sound = corpus.dataset.clips[clip].read_mono(Exhibitor::rate());
        let done = done.fetch_add(1, Ordering::Relaxed);
        observe(Progress::Drawing { done, of });
        // What was measured can be read; a file that has gone meanwhile is left blank.
        sound.map_or_else(|_| Exhibit::default(), |s| exhibitor.exhibit(&s, heard))
    };
    let exhibits = usable.par_iter().zip(&heard_secs).map(exhibit).collect();
    observe(Progress::Mapping);
    // Each works on one thread.
    let maps = mapped.0.par_iter().map(|(title, embeddings)| {
        Ok(EmbeddingMap {
            title: (*title).to_owned(),
            points: tsne(embeddings)?,
        })
    });
    let clips = evaluation.clips.iter();
    Ok(Gallery {
        names: clips.map(|clip| clip.name.clone()).collect(),
        exhibits,
        maps: maps.collect::<Result<_, MeasureError>>()?,
    })
}

/// How much of each clip is heard: of all as much as fits, or, of too many, of those that are wrongly predicted first.
fn heard_secs(evaluation: &Evaluation) -> Vec<f64> {
    let clips = evaluation.clips.len();
    let each = SOUND_BYTES / BYTES_PER_SEC / clips.max(1) as f64;
    let (most, least) = HEARD_SECS;
    if each >= least {
        return vec![each.min(most); clips];
    }
    let score = evaluation.protocols.values().next();
    let predictions = score.and_then(|score| score.predictions.first());
    let is_right = |&clip: &usize| {
        let predicted = predictions.and_then(|predictions| predictions.of(clip));
        predicted.is_none_or(|p| p.class == evaluation.clips[clip].class)
    };
    let mut order: Vec<usize> = (0..clips).collect();
    // Of those that are right every so manieth, so that all classes are heard.
    let step = (least / each).ceil() as usize;
    order.sort_by_key(|clip| (is_right(clip), clip % step.max(1), *clip));
    let mut secs = vec![0.0; clips];
    for clip in order
        .into_iter()
        .take((each * clips as f64 / least) as usize)
    {
        secs[clip] = least;
    }
    secs
}
