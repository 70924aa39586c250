//! A detector in one file, to search other recordings with at another time.

use serde::{Deserialize, Serialize};
use std::cell::OnceCell;
use std::ops::Range;
use std::path::Path;
use tch::{Device, Kind, Tensor};

use super::SegmentConfig;
use super::detector::FrameDetector;
use super::fit::{Fitted, SupportFrames};
use super::focus::Focus;
use crate::audio::{ChannelChoice, TimeScale};
use crate::detect::{DetectError, EventBand, LearnedFrom, ShotPicture, Threshold};
use crate::encoder::parameters::Parameters;
use crate::encoder::tensor_file::TensorFile;
use crate::encoder::{EncoderConfig, Model, ModelCard, Precision};
use crate::train::PrecisionChoice;

/// So many shots are kept as pictures.
pub(super) const MOST_PICTURES: usize = 20;

/// The version of what is written; another one is refused.
const FORMAT: u32 = 1;

/// The longest typical shot, frames: an hour and a half of 5 ms each.
const MOST_FRAMES: f64 = 1e6;

/// All of a kept detector but numbers in bulk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DetectorCard {
    /// [`FORMAT`]
    detector: u32,
    learned: LearnedFrom,
    channel: ChannelChoice,
    time_scale: TimeScale,
    threshold: Threshold,
    segment: SegmentConfig,
    typical_shot: f64,
    shots_score: f32,
    /// The bands that are heard.
    focus: Range<usize>,
    /// Between which frequencies the events lie; not in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    band: Option<EventBand>,
    /// How many networks are averaged.
    networks: u32,
    /// Which frames of each picture are the shot.
    shots: Vec<Range<usize>>,
    /// Of the network before it was fitted.
    model: ModelCard,
}

impl DetectorCard {
    /// What nothing can have written, but a damaged file may say.
    fn check(&self, bands: usize) -> Result<(), String> {
        let share = |value: f64| (0.0..=10.0).contains(&value);
        let SegmentConfig {
            smooth,
            close_gaps,
            min_length,
        } = self.segment;
        let problems = [
            (self.detector != FORMAT, "detector"),
            (!(1..=100).contains(&self.networks), "networks"),
            (!self.threshold.is_share(), "threshold"),
            (
                !(f32::MIN_POSITIVE..=1.0).contains(&self.shots_score),
                "shots_score",
            ),
            (self.focus.is_empty() || self.focus.end > bands, "focus"),
            (
                (self.band).is_some_and(|of| !(0.0..of.high_hz).contains(&of.low_hz)),
                "band",
            ),
            (
                !(1.0..=MOST_FRAMES).contains(&self.typical_shot),
                "typical_shot",
            ),
            (
                ![smooth, close_gaps, min_length].into_iter().all(share),
                "segment",
            ),
            (!(1..=MOST_PICTURES).contains(&self.shots.len()), "shots"),
            (self.learned.shots() == 0, "learned"),
            (
                !matches!(self.model.encoder, EncoderConfig::FrameNet(_)),
                "model.encoder",
            ),
        ];
        let problem = problems.into_iter().find(|&(is_wrong, _)| is_wrong);
        problem.map_or(Ok(()), |(_, key)| {
            Err(format!(
                "what it says of `{key}` is not what this version writes"
            ))
        })
    }
}

/// Writes a detector with its networks and pictures of its shots, whole or not at all.
pub(super) fn save(
    detector: &FrameDetector,
    path: &Path,
    learned: &LearnedFrom,
) -> Result<(), DetectError> {
    let mut tensors = Vec::new();
    for (number, network) in detector.networks.iter().enumerate() {
        tensors.extend(named(network.encoder(), number, ENCODER));
        tensors.extend(named(network.head(), number, HEAD));
    }
    let pictures = detector.frames.pictures(MOST_PICTURES);
    for (number, picture) in pictures.iter().enumerate() {
        let values = Tensor::from_slice(&picture.values);
        let values = values
            .view([-1, picture.bands as i64])
            .to_kind(Kind::BFloat16);
        tensors.push((picture_name(number), values));
    }
    let card = DetectorCard {
        detector: FORMAT,
        learned: learned.clone(),
        channel: detector.channel,
        time_scale: detector.time_scale,
        threshold: detector.threshold,
        segment: detector.segment,
        typical_shot: detector.typical_shot,
        shots_score: detector.shots_score(),
        focus: detector.focus.heard(),
        band: detector.band,
        networks: detector.networks.len() as u32,
        shots: pictures.into_iter().map(|picture| picture.shot).collect(),
        model: detector.card.clone(),
    };
    let card = serde_json::to_string(&card).map_err(|e| not_a_detector(path, e))?;
    TensorFile::write(path, card, &tensors).map_err(|source| DetectError::Io {
        path: path.to_owned(),
        action: "written",
        source,
    })
}

/// Reads a detector that was written by [`save`], with what it learned from.
pub(in crate::detect) fn load(
    path: &Path,
    device: Device,
) -> Result<(FrameDetector, LearnedFrom), DetectError> {
    let file = TensorFile::read(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::InvalidData => not_a_detector(path, source),
        _ => DetectError::Io {
            path: path.to_owned(),
            action: "read",
            source,
        },
    })?;
    let card = serde_json::from_str::<DetectorCard>(&file.metadata);
    let card = card.map_err(
        |error| match serde_json::from_str::<ModelCard>(&file.metadata) {
            Ok(_) => not_a_detector(path, "it is an encoder, which `--model` takes"),
            Err(_) => not_a_detector(path, error),
        },
    )?;
    let input = card.model.input().map_err(|e| not_a_detector(path, e))?;
    card.check(input.bands)
        .map_err(|e| not_a_detector(path, e))?;
    let precision = PrecisionChoice::Auto.resolve(&card.model.encoder, device);
    let networks = (0..card.networks as usize)
        .map(|number| network(&file, &card, number, (precision, device)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| not_a_detector(path, e))?;
    let pictures = (card.shots.iter().enumerate())
        .map(|(number, shot)| picture(&file, number, shot, input.bands))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| not_a_detector(path, e))?;
    let detector = FrameDetector {
        networks,
        channel: card.channel,
        time_scale: card.time_scale,
        focus: Focus::on(card.focus),
        band: card.band,
        known: Vec::new(),
        frames: SupportFrames::of_pictures(&pictures),
        shots_score: OnceCell::from(card.shots_score),
        typical_shot: card.typical_shot,
        segment: card.segment,
        threshold: card.threshold,
        card: card.model,
    };
    Ok((detector, card.learned))
}

/// A network with its logit.
fn network(
    file: &TensorFile,
    card: &DetectorCard,
    number: usize,
    (precision, device): (Precision, Device),
) -> Result<Fitted, String> {
    let find = |part: &'static str| {
        move |name: &str| {
            let tensor = file.tensors.get(&tensor_name(number, part, name));
            tensor.map(Tensor::shallow_clone)
        }
    };
    let model = Model::restore(card.model.clone(), find(ENCODER), device);
    let model = model.map_err(|unfit| unfit.to_string())?;
    let fitted = Fitted::unfitted(model.encoder, precision, 0);
    let head = fitted.head().load(find(HEAD));
    head.map_err(|error| error.to_string())?;
    let is_sound = |(_, tensor): &(String, Tensor)| tensor.isfinite().all().int64_value(&[]) == 1;
    let mut all = fitted.encoder().named();
    all.extend(fitted.head().named());
    match all.into_iter().find(|tensor| !is_sound(tensor)) {
        Some((name, _)) => Err(format!("tensor `{name}` holds numbers that are not finite")),
        None => Ok(fitted),
    }
}

fn picture(
    file: &TensorFile,
    number: usize,
    shot: &Range<usize>,
    bands: usize,
) -> Result<ShotPicture, String> {
    let name = picture_name(number);
    let missing = || format!("tensor `{name}` is missing");
    let tensor = file.tensors.get(&name).ok_or_else(missing)?;
    let is_fit = matches!(tensor.size()[..], [frames, of]
        if of == bands as i64 && shot.start < shot.end && shot.end as i64 <= frames);
    if !is_fit {
        return Err(format!("tensor `{name}` does not hold its shot"));
    }
    let values = tensor.to_kind(Kind::Float).contiguous().view([-1]);
    Ok(ShotPicture {
        bands,
        values: Vec::<f32>::try_from(values).map_err(|error| error.to_string())?,
        shot: shot.clone(),
    })
}

const ENCODER: &str = "encoder";
const HEAD: &str = "head";

fn named(
    parameters: &Parameters,
    number: usize,
    part: &str,
) -> impl Iterator<Item = (String, Tensor)> {
    let named = parameters.named().into_iter();
    named.map(move |(name, tensor)| (tensor_name(number, part, &name), tensor))
}

fn tensor_name(number: usize, part: &str, name: &str) -> String {
    format!("networks.{number}.{part}.{name}")
}

fn picture_name(number: usize) -> String {
    format!("shots.{number}")
}

fn not_a_detector(path: &Path, reason: impl ToString) -> DetectError {
    DetectError::NotADetector {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
