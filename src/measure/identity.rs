//! What tells encoders, clips and settings from others, so that a measurement is only added to one of its kind.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::file_error;
use super::{MeasureError, Measurement, ProtocolChoice};
use crate::dataset::Dataset;
use crate::evaluate::ProtocolName;
use crate::output::fingerprint;

impl Measurement<'_> {
    /// How each protocol that is asked for is set, with the folds it scores.
    pub(super) fn settings(&self, scored_folds: &[u32]) -> BTreeMap<ProtocolName, String> {
        let of_embeddings = self.of_mfcc().into_iter();
        let mut settings: BTreeMap<_, _> = of_embeddings
            .map(|protocol| (protocol.name(), format!("{protocol:?}")))
            .collect();
        let fitted = [
            ProtocolName::Frozen,
            ProtocolName::Finetune,
            ProtocolName::Scratch,
        ];
        for name in fitted {
            if self.protocols.contains(&ProtocolChoice::By(name)) {
                let (fine_tune, seeds) = (self.config.fine_tune(name), self.config.seeds());
                settings.insert(name, format!("{fine_tune:?}, seeds {seeds:?}"));
            }
        }
        for text in settings.values_mut() {
            *text += &format!(", folds {scored_folds:?}");
        }
        settings
    }
}

/// What tells the encoder from another in its place.
pub(super) fn encoder_fingerprint(model: &Path) -> Result<String, MeasureError> {
    let path = match model.is_dir() {
        true => model.join("encoder.safetensors"),
        false => model.to_owned(),
    };
    let bytes = std::fs::read(&path).map_err(file_error(&path))?;
    Ok(fingerprint(&bytes))
}

/// What tells clips, their classes and folds from others.
pub(super) fn clips_fingerprint(dataset: &Dataset) -> String {
    let clips = dataset.clips.iter().map(|clip| format!("{clip:?}\n"));
    fingerprint(clips.collect::<String>().as_bytes())
}

/// The same, and what tells a file from a later one of its name.
pub(super) fn files_fingerprint(dataset: &Dataset) -> String {
    let clips = dataset.clips.iter().map(|clip| {
        let about = clip.path.metadata().ok();
        let changed = about.map(|about| (about.len(), about.modified().ok()));
        format!("{clip:?} {changed:?}\n")
    });
    fingerprint(clips.collect::<String>().as_bytes())
}
