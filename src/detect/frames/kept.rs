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
    /// Of the first kind.
    typical_shot: f64,
    shots_score: f32,
    /// Of all other kinds, if there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    further_kinds: Vec<KindCard>,
    /// The bands that are heard.
    focus: Range<usize>,
    /// Between which frequencies the events lie; not in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    band: Option<EventBand>,
    /// How many networks are averaged.
    networks: u32,
    /// Which frames of each picture are the shot.
    shots: Vec<Range<usize>>,
    /// The number of each picture's kind, if there are several; else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    shot_kinds: Vec<usize>,
    /// Of the network before it was fitted.
    model: ModelCard,
}

/// What scores of one kind are compared with.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KindCard {
    typical_shot: f64,
    shots_score: f32,
}

impl DetectorCard {
    /// How many kinds of event it finds.
    fn kinds(&self) -> usize {
        1 + self.further_kinds.len()
    }

    /// Whether so many shots have their kinds, each one that there is.
    fn are_kinds(&self, kinds: &[usize], shots: usize) -> bool {
        match self.kinds() {
            1 => kinds.is_empty(),
            several => kinds.len() == shots && kinds.iter().all(|&kind| kind < several),
        }
    }

    /// What nothing can have written, but a damaged file may say.
    fn check(&self, bands: usize) -> Result<(), String> {
        let share = |value: f64| (0.0..=10.0).contains(&value);
        let is_score = |score: f32| (f32::MIN_POSITIVE..=1.0).contains(&score);
        let is_length = |frames: f64| (1.0..=MOST_FRAMES).contains(&frames);
        let is_kind = |kind: &KindCard| is_score(kind.shots_score) && is_length(kind.typical_shot);
        let recordings = &self.learned.recordings;
        let SegmentConfig {
            smooth,
            close_gaps,
            min_length,
        } = self.segment;
        let problems = [
            (self.detector != FORMAT, "detector"),
            (!(1..=100).contains(&self.networks), "networks"),
            (!self.threshold.is_share(), "threshold"),
            (!is_score(self.shots_score), "shots_score"),
            (self.focus.is_empty() || self.focus.end > bands, "focus"),
            (
                (self.band).is_some_and(|of| !(0.0..of.high_hz).contains(&of.low_hz)),
                "band",
            ),
            (!is_length(self.typical_shot), "typical_shot"),
            (!self.further_kinds.iter().all(is_kind), "further_kinds"),
            (
                ![smooth, close_gaps, min_length].into_iter().all(share),
                "segment",
            ),
            (
                !(1..=MOST_PICTURES.max(self.kinds())).contains(&self.shots.len()),
                "shots",
            ),
            (
                !self.are_kinds(&self.shot_kinds, self.shots.len()),
                "shot_kinds",
            ),
            (
                self.learned.shots() == 0
                    || self.learned.labels().len() != self.kinds()
                    || !(recordings.iter()).all(|of| self.are_kinds(&of.kinds, of.shots.len())),
                "learned",
            ),
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
    let kinds = detector.typical_shots.iter().zip(detector.shots_scores());
    let mut kinds = kinds.map(|(&typical_shot, &shots_score)| KindCard {
        typical_shot,
        shots_score,
    });
    let first = kinds.next().expect("a detector finds one kind at least");
    let further_kinds: Vec<_> = kinds.collect();
    let card = DetectorCard {
        detector: FORMAT,
        learned: learned.clone(),
        channel: detector.channel,
        time_scale: detector.time_scale,
        threshold: detector.threshold,
        segment: detector.segment,
        typical_shot: first.typical_shot,
        shots_score: first.shots_score,
        shot_kinds: match further_kinds.is_empty() {
            true => Vec::new(),
            false => pictures.iter().map(|picture| picture.kind).collect(),
        },
        further_kinds,
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
        .map(|(number, shot)| {
            let kind = card.shot_kinds.get(number).copied().unwrap_or(0);
            picture(&file, number, (shot, kind), input.bands)
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| not_a_detector(path, e))?;
    let (mut typical_shots, mut shots_scores) = (vec![card.typical_shot], vec![card.shots_score]);
    for kind in &card.further_kinds {
        typical_shots.push(kind.typical_shot);
        shots_scores.push(kind.shots_score);
    }
    let frames = SupportFrames::of_pictures(&pictures, card.kinds());
    let detector = FrameDetector {
        networks,
        channel: card.channel,
        time_scale: card.time_scale,
        focus: Focus::on(card.focus),
        band: card.band,
        known: Vec::new(),
        frames,
        shots_scores: OnceCell::from(shots_scores),
        typical_shots,
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
    let fitted = Fitted::unfitted(model.encoder, card.kinds(), precision, 0);
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
    (shot, kind): (&Range<usize>, usize),
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
        kind,
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
