//! What training hears of one sound: its features, augmented.

use tch::{Device, Tensor};

use super::{Experiment, TrainError};
use crate::audio::Waveform;
use crate::augment::spectrogram::{LogUnit, Patch, Pipeline};
use crate::augment::{ViewKey, waveform};
use crate::encoder::layout::images;
use crate::features::{Features, Normalization};

/// The features of a whole sound with the augmentations of `experiment`, as drawn for `view`: of its sound, then of its
/// features. `other` is mixed in where they mix.
///
/// # Errors
/// If the augmentations do not fit such a sound, or mix and there is no `other`.
pub fn augmented(
    experiment: &Experiment,
    sound: Waveform,
    other: Option<&Waveform>,
    view: ViewKey,
) -> Result<Features, TrainError> {
    let front_end = &experiment.features;
    let rules = front_end.clip_rules();
    let extractor = front_end.without_clip_rules().extractor()?;
    let of_sound = experiment.augment.of_waveform();
    let of_sound = waveform::Pipeline::new(&of_sound, front_end.sample_rate())?;
    if of_sound.needs_background() && other.is_none() {
        return Err(TrainError::NothingToMix);
    }
    let other = other.map(|other| rules.apply(other.clone()));
    let sound = of_sound.augment(view, rules.apply(sound), other.as_ref());
    let features = extractor.compute_sound(&sound);
    let (channels, bands, frames) = (features.channels(), features.bands(), features.frames());
    let patch = Patch {
        bands,
        frames,
        unit: experiment.log_unit().unwrap_or(LogUnit::Ln),
    };
    let pipeline = Pipeline::new(&experiment.augment.of_spectrogram(), patch)?;
    let normalization = Normalization::fit(experiment.normalization, [&features].into_iter());
    let image = |values: &[f32]| -> Result<Tensor, TrainError> {
        let image = images(values, 1, [channels, bands], Device::Cpu)?;
        Ok(normalization.before_augmentation(image))
    };
    let background = match (pipeline.background(), other) {
        (None, _) => None,
        (Some(_), None) => return Err(TrainError::NothingToMix),
        (Some(_), Some(other)) => {
            let other = extractor.compute_sound(&other);
            let values = other.values().iter().copied().cycle();
            let values: Vec<f32> = values.take(features.values().len()).collect();
            Some(image(&values)?)
        }
    };
    let draws = [pipeline.draw(view)];
    let augmented = pipeline.apply(&image(features.values())?, &draws, background.as_ref());
    let rows = augmented.permute([0, 3, 1, 2]).contiguous().view([-1]); // [frames · channels · mels]
    let values = Vec::<f32>::try_from(rows)?;
    Ok(Features::with_channels(channels, bands, values))
}
