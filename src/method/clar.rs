//! CLAR: a clip's sound and another view's spectrogram attract, all other clips of the batch repel.

use serde::{Deserialize, Serialize};
use tch::{Kind, Reduction, Tensor};

use super::chance::{guess_among, guess_among_views};
use super::settings::Settings;
use super::{
    MethodParts, Must, Objective, ProjectionHead, ProjectionHeadConfig, Sizes, Step, StepInput,
    ViewForm, check,
};
use crate::encoder::layers::Linear;
use crate::encoder::parameters::Parameters;
use crate::encoder::{Encoder, EncoderConfig, EncoderError, InputShape, Pass, ResNetConfig};
use crate::loss::{Temperature, nt_xent};

/// CLAR (Al-Tahan and Mohsenzadeh 2021, arXiv:2010.09542): two encoders, one of sound as it is and one of images, learn to
/// agree; labels, where there are some, are learned along. The encoder of images is the one that is kept.
///
/// ```text
/// L = NT-Xent(h(f(sound)), h'(f'(image))) + label_weight · mean cross entropy of the labelled projections
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClarConfig {
    /// Of the softmax over similarities. Published: 0.5.
    pub temperature: Temperature,
    /// The projection heads, one for each encoder. Published: 256, 256, 128.
    pub head: ProjectionHeadConfig,
    /// The encoder of sound: ResNet-18 over samples.
    #[serde(default)]
    pub sound_encoder: ResNetConfig,
    /// Weight of the labels beside the contrast; clips without label count for nothing. 0 is without. Default 1.
    #[serde(default = "one")]
    pub label_weight: f64,
}

fn one() -> f64 {
    1.0
}

impl Settings for ClarConfig {
    fn objective(
        &self,
        parts: &MethodParts<'_>,
        parameters: &Parameters,
    ) -> Result<Box<dyn Objective>, EncoderError> {
        Ok(Box::new(Clar::new(self, parts, parameters)?))
    }

    fn check(&self, _: usize, must: &mut Must<'_>) {
        self.head.check(must);
        check::temperature("method.temperature", self.temperature, must);
        let width = self.sound_encoder.width;
        must(
            (1..=1024).contains(&width),
            "method.sound_encoder.width",
            &width,
            "within 1..=1024",
        );
        check::weight("method.label_weight", self.label_weight, must);
    }

    fn chance_loss(&self, sizes: &Sizes) -> Option<f64> {
        let of_labels = guess_among(sizes.classes).unwrap_or(0.0);
        Some(guess_among_views(sizes.batch)? + self.label_weight * of_labels)
    }

    fn must_leave_chance(&self) -> bool {
        false
    }

    fn head(&self) -> Option<&ProjectionHeadConfig> {
        Some(&self.head)
    }

    fn uses_labels(&self) -> bool {
        self.label_weight > 0.0
    }

    fn view_forms(&self) -> [ViewForm; 2] {
        [ViewForm::Sound, ViewForm::Features]
    }
}

#[derive(Debug)]
struct Clar {
    config: ClarConfig,
    sound_encoder: Encoder,
    /// Of sound, and of images.
    heads: [ProjectionHead; 2],
    /// On projections; none where nothing has a label.
    classifier: Option<Linear>,
}

impl Clar {
    fn new(
        config: &ClarConfig,
        parts: &MethodParts<'_>,
        parameters: &Parameters,
    ) -> Result<Self, EncoderError> {
        let samples = InputShape {
            channels: 1,
            bands: 1,
        };
        let sound_encoder = Encoder::new(
            &EncoderConfig::ResNet18Samples(config.sound_encoder.clone()),
            samples,
            parts.seed,
            parameters.device(),
        )?;
        let root = parameters.root();
        let head = |dim, name: &str| ProjectionHead::new(&config.head, dim, &root.sub(name));
        let (projection, classes) = (config.head.projection(), parts.classes as i64);
        Ok(Self {
            heads: [
                head(sound_encoder.dim(), "sound_head"),
                head(parts.encoder.dim(), "image_head"),
            ],
            classifier: (config.label_weight > 0.0 && classes > 0)
                .then(|| Linear::new(&root.sub("classifier"), projection, classes)),
            sound_encoder,
            config: config.clone(),
        })
    }

    /// The labels' part of the loss, of the projections of both views.
    fn label_loss(&self, projections: &[Tensor; 2], labels: &Tensor, pass: Pass) -> Option<Tensor> {
        let classifier = self.classifier.as_ref()?;
        let logits = classifier.forward(&Tensor::cat(projections, 0), pass); // [2·batch, classes]
        let labels = Tensor::cat(&[labels, labels], 0);
        let loss = labelled_cross_entropy(&logits.to_kind(Kind::Float), &labels);
        Some(loss * self.config.label_weight)
    }
}

/// The mean over those rows of `logits`, `[items, classes]`, that have a label; 0 if none has. `labels`: `[items]`, −1
/// without label.
fn labelled_cross_entropy(logits: &Tensor, labels: &Tensor) -> Tensor {
    let labelled = labels.ge(0).sum(Kind::Float).clamp_min(1.0);
    logits.cross_entropy_loss(labels, None::<&Tensor>, Reduction::Sum, -1, 0.0) / labelled
}

impl Objective for Clar {
    fn step(&mut self, encoder: &Encoder, _: &Parameters, input: &StepInput<'_>) -> Step {
        let [sound, image] = input.views;
        let embeddings = encoder.embed(image, input.pass);
        let of_sound = self.sound_encoder.embed(sound, input.pass);
        let [sound_head, image_head] = &self.heads;
        let projections = [
            sound_head.forward(&of_sound, input.pass),
            image_head.forward(&embeddings, input.pass),
        ];
        let [a, b] = &projections;
        let mut loss = nt_xent(a, b, self.config.temperature);
        if let Some(of_labels) = self.label_loss(&projections, input.labels, input.pass) {
            loss += of_labels;
        }
        let [_, of_image] = &projections;
        Step::of_one_view(loss, &embeddings, of_image)
    }

    fn companions(&self) -> Vec<(&'static str, &Parameters)> {
        vec![("sound_encoder", self.sound_encoder.parameters())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::{Mode, Precision};
    use crate::method::{Method, MethodConfig};
    use tch::Device;

    const BATCH: i64 = 6;

    fn narrow() -> ResNetConfig {
        ResNetConfig {
            width: 2,
            ..ResNetConfig::default()
        }
    }

    /// An encoder of images, and CLAR beside it.
    fn clar(label_weight: f64) -> (Encoder, Method) {
        let encoder_config = EncoderConfig::ResNet18(narrow());
        let input = InputShape {
            channels: 3,
            bands: 8,
        };
        let encoder = Encoder::new(&encoder_config, input, 3, Device::Cpu).unwrap();
        let config = MethodConfig::Clar(ClarConfig {
            temperature: Temperature::new(0.5).unwrap(),
            head: ProjectionHeadConfig {
                widths: vec![8, 4],
                batch_norm: true,
            },
            sound_encoder: narrow(),
            label_weight,
        });
        let parts = MethodParts {
            encoder: &encoder,
            encoder_config: &encoder_config,
            clips: BATCH as usize,
            classes: 3,
            seed: 5,
        };
        let method = Method::new(&config, &parts).unwrap();
        (encoder, method)
    }

    fn loss(encoder: &Encoder, method: &mut Method, labels: &[i64]) -> Tensor {
        let some = |shape: [i64; 4]| {
            let places = Tensor::arange(shape.iter().product::<i64>(), (Kind::Float, Device::Cpu));
            (places.square() * 0.37).sin().view(shape)
        };
        let views = [some([BATCH, 1, 1, 256]), some([BATCH, 3, 8, 16])];
        let input = StepInput {
            views: &views,
            small_views: &[],
            labels: &Tensor::from_slice(labels),
            clips: &[0, 1, 2, 3, 4, 5],
            frames: None,
            epoch: 0,
            step: 0,
            pass: Pass {
                mode: Mode::Training,
                precision: Precision::Fp32,
            },
        };
        method.step(encoder, &input).loss
    }

    #[test]
    fn labels_add_to_the_contrast_and_clips_without_one_add_nothing() {
        let of = |weight: f64, labels: &[i64; 6]| {
            let (encoder, mut method) = clar(weight);
            loss(&encoder, &mut method, labels).double_value(&[])
        };
        let contrast = of(0.0, &[0, 1, 2, 0, 1, 2]);
        assert_eq!(of(1.0, &[-1; 6]), contrast);
        let some = [
            of(1.0, &[2, -1, -1, 1, -1, -1]),
            of(2.0, &[2, -1, -1, 1, -1, -1]),
        ];
        let added = some.map(|loss| loss - contrast);
        assert!(added[0] > 0.1, "{added:?}");
        assert!((added[1] - 2.0 * added[0]).abs() < 1e-4, "{added:?}");
        // The mean over all, taken together from the means over two halves.
        let halves =
            [&[2, -1, -1, 1, -1, -1], &[-1, 0, 0, -1, 0, 0]].map(|l| of(1.0, l) - contrast);
        let all = of(1.0, &[2, 0, 0, 1, 0, 0]) - contrast;
        assert!((all - (2.0 * halves[0] + 4.0 * halves[1]) / 6.0).abs() < 1e-4);
    }

    #[test]
    fn everything_learns_and_is_in_the_checkpoint() {
        let (encoder, mut method) = clar(1.0);
        let loss = loss(&encoder, &mut method, &[0, 1, 2, -1, -1, -1]);
        let mut weights = encoder.parameters().weights();
        weights.extend(method.weights());
        for (weight, gradient) in
            weights
                .iter()
                .zip(Tensor::run_backward(&[loss], &weights, false, false))
        {
            assert!(gradient.abs().max().double_value(&[]) > 0.0, "{weight:?}");
        }
        let (_, other) = clar(1.0);
        for weight in other.weights() {
            let _ = tch::no_grad(|| weight.shallow_clone().zero_());
        }
        let state = method.state();
        let find = |name: &str| Some(state.iter().find(|(n, _)| n == name)?.1.copy());
        other.restore(find).unwrap();
        assert_eq!(other.weights(), method.weights());
    }
}
