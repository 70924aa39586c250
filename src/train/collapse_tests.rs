//! The alarm of [`Diagnostics::collapse`]: silent while a method is whole, and raised when what keeps clips apart is taken
//! out of it. Encoder, images, optimiser and steps are the same in both cases.
//!
//! What is left of each method is put together here, of the parts it is made of: the method itself has no switch for it.
//! Cross-level discrimination (CLD) has no test of its own: it stands beside the loss of `moco` or `npid`.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use tch::{Device, Kind, Tensor};

use super::{DecayScope, Diagnostics, Optimizer, OptimizerConfig};
use crate::encoder::parameters::Parameters;
use crate::encoder::{
    Encoder, EncoderConfig, FrameNetConfig, InputShape, Mode, Pass, Precision, ResNetConfig,
};
use crate::loss::{
    SinkhornConfig, Temperature, npid_log_normaliser, swapped_prediction, unit_rows,
};
use crate::method::{
    FrameTargets, MemoryBank, Method, MethodConfig, MethodParts, ProjectionHead,
    ProjectionHeadConfig, Prototypes, Step, StepInput, ViewForm, squared_distances,
};

const CLIPS: i64 = 16;
const CLASSES: i64 = 4;
const BANDS: i64 = 8;
const FRAMES: i64 = 8;
const SAMPLES: i64 = 128;
const STEPS: u64 = 120;
const LEARNING_RATE: f64 = 0.02;
const PASS: Pass = Pass {
    mode: Mode::Training,
    precision: Precision::Fp32,
};

/// A method on clips of noise, and what is left of it.
#[derive(Clone, Copy)]
struct Trial {
    /// The whole method's settings.
    method: &'static str,
    /// Classes of the clips.
    classes: i64,
}

/// What is left of a method: what trains beside the encoder, and the loss.
struct Rest {
    weights: Vec<Tensor>,
    rule: Box<Rule<'static>>,
}

/// What one step makes of an encoder and a batch.
type Rule<'r> = dyn FnMut(&Encoder, &StepInput<'_>) -> Step + 'r;

impl Trial {
    fn of(method: &'static str) -> Self {
        Self {
            method,
            classes: CLASSES,
        }
    }

    fn config(self) -> MethodConfig {
        toml::Value::try_from(toml::from_str::<toml::Table>(self.method).unwrap())
            .unwrap()
            .try_into()
            .unwrap()
    }

    /// The alarm is silent for the whole method, and raised for what `rest` leaves of it.
    fn needs_more_than(self, rest: impl FnOnce(&Encoder) -> Rest) {
        self.stays_apart();
        let (_, encoder) = encoder();
        let Rest { weights, mut rule } = rest(&encoder);
        let seen = self.train(&encoder, weights, &mut rule);
        assert!(seen.collapse().is_some(), "{}: {seen:?}", self.method);
    }

    fn stays_apart(self) {
        let seen = self.whole();
        assert_eq!(seen.collapse(), None, "{}: {seen:?}", self.method);
    }

    fn whole(self) -> Diagnostics {
        let (encoder_config, encoder) = encoder();
        let parts = MethodParts {
            encoder: &encoder,
            encoder_config: &encoder_config,
            clips: CLIPS as usize,
            classes: CLASSES as usize,
            seed: 1,
        };
        let mut method = Method::new(&self.config(), &parts).unwrap();
        let weights = method.weights();
        self.train(&encoder, weights, &mut |encoder, input| {
            if input.step > 0 {
                method.finish_step();
            }
            method.step(encoder, input)
        })
    }

    /// Two noisy views of every clip, step after step; measures the last.
    fn train(self, encoder: &Encoder, weights: Vec<Tensor>, rule: &mut Rule<'_>) -> Diagnostics {
        tch::set_num_threads(1);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let forms = self.config().view_forms();
        let clips = forms.map(|form| match form {
            ViewForm::Features => random(&[CLIPS, 1, BANDS, FRAMES], &mut rng),
            ViewForm::Sound => random(&[CLIPS, 1, 1, SAMPLES], &mut rng),
        });
        // The same clip in both forms, as far as that can be.
        let clips = match forms {
            [ViewForm::Features, ViewForm::Features] => [clips[0].copy(), clips[0].copy()],
            _ => clips,
        };
        let labels: Vec<i64> = (0..CLIPS).map(|clip| clip * self.classes / CLIPS).collect();
        let unit = |place: i64| labels[(place / FRAMES % CLIPS) as usize];
        let frames = FrameTargets {
            units: (0..2 * CLIPS * FRAMES).map(unit).collect(),
            compared: (0..2 * CLIPS * FRAMES).step_by(4).collect(),
        };
        let all = [encoder.parameters().weights(), weights];
        let adam = OptimizerConfig::Adam {
            betas: [0.9, 0.999],
            weight_decay: 0.0,
        };
        let all = all.into_iter().flatten().collect();
        let mut optimizer = Optimizer::new(&adam, DecayScope::All, all);
        let mut measured = None;
        for step in 0..STEPS {
            let views = clips
                .each_ref()
                .map(|clip| clip + random(&clip.size(), &mut rng));
            let seen = rule(
                encoder,
                &StepInput {
                    views: &views,
                    small_views: &[],
                    labels: &Tensor::from_slice(&labels),
                    clips: &(0..CLIPS as usize).collect::<Vec<_>>(),
                    frames: Some(&frames),
                    epoch: step,
                    step,
                    pass: PASS,
                },
            );
            let gradients = Tensor::run_backward(&[&seen.loss], optimizer.weights(), false, false);
            optimizer.step(gradients, LEARNING_RATE);
            measured = Some(seen).filter(|_| step + 1 == STEPS);
        }
        Diagnostics::of_step(&measured.expect("the last step"))
    }
}

fn encoder() -> (EncoderConfig, Encoder) {
    let config = EncoderConfig::FrameNet(FrameNetConfig {});
    let input = InputShape {
        channels: 1,
        bands: BANDS as usize,
    };
    let encoder = Encoder::new(&config, input, 0, Device::Cpu).unwrap();
    (config, encoder)
}

fn random(shape: &[i64], rng: &mut ChaCha8Rng) -> Tensor {
    let values = StandardNormal.sample_iter(rng);
    let values: Vec<f32> = values
        .take(shape.iter().product::<i64>() as usize)
        .collect();
    Tensor::from_slice(&values).view(shape)
}

fn tau(temperature: f64) -> Temperature {
    Temperature::new(temperature).unwrap()
}

/// The head that all methods here have: one layer.
fn head(parameters: &Parameters, dim: i64) -> ProjectionHead {
    let config = ProjectionHeadConfig {
        widths: vec![16],
        batch_norm: false,
    };
    ProjectionHead::new(&config, dim, &parameters.root())
}

fn parameters() -> Parameters {
    Parameters::new(1, Device::Cpu)
}

/// A step of which `projections` are compared.
fn step(loss: Tensor, embeddings: &Tensor, projections: Option<&Tensor>) -> Step {
    Step {
        loss,
        embeddings: (embeddings.detach(), None),
        projections: projections.map(Tensor::detach),
    }
}

/// The mean similarity of rows that belong together, over τ, downhill.
fn attraction(a: &Tensor, b: &Tensor) -> Tensor {
    let cosines = (unit_rows(a) * unit_rows(b)).sum_dim_intlist(1, false, None);
    cosines.mean(None) / -0.2
}

/// The same of all pairs of rows with the same label.
fn attraction_by_label(rows: &Tensor, labels: &Tensor) -> Tensor {
    let z = unit_rows(rows);
    let same = labels.unsqueeze(1).eq_tensor(&labels.unsqueeze(0));
    let same = same.to_kind(Kind::Float);
    let cosines = z.matmul(&z.transpose(0, 1)) * &same;
    cosines.sum(None) / same.sum(None) / -0.2
}

/// Both views of a clip attract; nothing repels.
fn pairs(encoder: &Encoder) -> Rest {
    let own = parameters();
    let head = head(&own, encoder.dim());
    Rest {
        weights: own.weights(),
        rule: Box::new(move |encoder, input| {
            let embeddings = input.views.each_ref().map(|view| encoder.embed(view, PASS));
            let [a, b] = embeddings.each_ref().map(|view| head.forward(view, PASS));
            step(attraction(&a, &b), &embeddings[0], Some(&a))
        }),
    }
}

#[test]
fn sim_clr_needs_its_negatives() {
    Trial::of("type='sim-clr'\ntemperature=0.2\nhead={widths=[16], batch_norm=false}")
        .needs_more_than(pairs);
}

#[test]
fn cola_needs_the_other_clips() {
    let cosine = "type='cola'\ndim=16\nsimilarity={type='dot-product', temperature=0.2}";
    Trial::of(cosine).needs_more_than(pairs);
}

#[test]
fn sup_con_needs_the_other_classes() {
    let of_class = |encoder: &Encoder| {
        let own = parameters();
        let head = head(&own, encoder.dim());
        Rest {
            weights: own.weights(),
            rule: Box::new(move |encoder, input| {
                let embeddings = encoder.embed(&Tensor::cat(input.views, 0), PASS);
                let z = head.forward(&embeddings, PASS);
                let labels = Tensor::cat(&[input.labels, input.labels], 0);
                step(attraction_by_label(&z, &labels), &embeddings, Some(&z))
            }),
        }
    };
    Trial::of("type='sup-con'\ntemperature=0.2\nhead={widths=[16], batch_norm=false}")
        .needs_more_than(of_class);
}

#[test]
fn frame_sup_con_needs_the_other_units() {
    let of_unit = |encoder: &Encoder| {
        let own = parameters();
        let head = head(&own, encoder.dim());
        Rest {
            weights: own.weights(),
            rule: Box::new(move |encoder, input| {
                let targets = input.frames.unwrap();
                let frames = encoder.embed_frames(&Tensor::cat(input.views, 0), PASS);
                let rows = frames.unwrap().transpose(1, 2).flatten(0, 1);
                let compared = Tensor::from_slice(&targets.compared);
                let rows = rows.index_select(0, &compared);
                let units = Tensor::from_slice(&targets.units).index_select(0, &compared);
                let z = head.forward(&rows, PASS);
                step(attraction_by_label(&z, &units), &rows, Some(&z))
            }),
        }
    };
    let method =
        "type='frame-sup-con'\ntemperature=0.2\npresence=0.0\nhead={widths=[16], batch_norm=false}";
    Trial::of(method).needs_more_than(of_unit);
}

#[test]
fn moco_needs_its_queue() {
    let twin_alone = |trained: &Encoder| {
        let (own, of_twin) = (parameters(), parameters());
        let [head, twin_head] = [&own, &of_twin].map(|of| head(of, trained.dim()));
        let (_, twin) = encoder();
        let weights = own.weights();
        Rest {
            weights,
            rule: Box::new(move |encoder, input| {
                twin.parameters().follow(encoder.parameters(), 0.5);
                of_twin.follow(&own, 0.5);
                let [first, second] = input.views;
                let keys = tch::no_grad(|| twin_head.forward(&twin.embed(second, PASS), PASS));
                let embeddings = encoder.embed(first, PASS);
                let queries = head.forward(&embeddings, PASS);
                step(attraction(&queries, &keys), &embeddings, Some(&queries))
            }),
        }
    };
    let method = "type='moco'\ntemperature=0.2\nqueue=48\nmomentum=0.5\nhead={widths=[16], batch_norm=false}";
    Trial::of(method).needs_more_than(twin_alone);
}

/// The temperature is that of Hornauer et al. At lower ones the loss is 0 as soon as each clip agrees with its own memory, and
/// nothing pulls clips further together.
#[test]
fn npid_needs_noise() {
    let memory_alone = |encoder: &Encoder| {
        let own = parameters();
        let head = head(&own, encoder.dim());
        let mut bank = MemoryBank::new(&own.root().sub("memory"), CLIPS, 16);
        let mut log_normaliser = None;
        let mut heard: Option<Tensor> = None;
        Rest {
            weights: own.weights(),
            rule: Box::new(move |encoder, input| {
                let clips = Tensor::arange(CLIPS, (Kind::Int64, Device::Cpu));
                if let Some(heard) = heard.take() {
                    bank.remember(&clips, &heard, 0.5);
                }
                let embeddings = encoder.embed(&input.views[0], PASS);
                let v = unit_rows(&head.forward(&embeddings, PASS));
                // −log h of eq. 8, without the sum over noise.
                let rows = bank.rows().unsqueeze(1); // [clips, 1, dim]
                let log_z = *log_normaliser
                    .get_or_insert_with(|| npid_log_normaliser(&v, &rows, CLIPS, tau(0.4)));
                let similarities = (&v * bank.rows()).sum_dim_intlist(1, false, None);
                let log_p = similarities / 0.4 - log_z;
                let noise = log_p.full_like((16.0 / CLIPS as f64).ln());
                let loss = (log_p.logaddexp(&noise) - &log_p).mean(None);
                heard = Some(v.detach());
                step(loss, &embeddings, Some(&v))
            }),
        }
    };
    let method = "type='npid'\ntemperature=0.4\nnegatives=16\nhead={widths=[16], batch_norm=false}";
    Trial::of(method).needs_more_than(memory_alone);
}

/// Codes without equal shares are the softmax of the scores that they come from.
#[test]
fn swav_needs_equal_shares() {
    let own_scores = |encoder: &Encoder| {
        let own = parameters();
        let head = head(&own, encoder.dim());
        let mut prototypes = Prototypes::new(&own.root().sub("prototypes"), 12, 16);
        Rest {
            weights: own.weights(),
            rule: Box::new(move |encoder, input| {
                prototypes.normalise();
                let embeddings = input.views.each_ref().map(|view| encoder.embed(view, PASS));
                let z = embeddings
                    .each_ref()
                    .map(|view| unit_rows(&head.forward(view, PASS)));
                let scores = z.each_ref().map(|z| prototypes.scores(z, false));
                let epsilon = SinkhornConfig::paper().epsilon.get();
                let codes = scores
                    .each_ref()
                    .map(|scores| (scores.detach() / epsilon).softmax(1, None));
                let loss = swapped_prediction(&scores, &codes, tau(0.3));
                step(loss, &embeddings[0], Some(&z[0]))
            }),
        }
    };
    let method =
        "type='swav'\ntemperature=0.3\nprototypes=12\nhead={widths=[16], batch_norm=false}";
    Trial::of(method).needs_more_than(own_scores);
}

#[test]
fn clar_needs_the_other_clips() {
    let sound_and_image = |encoder: &Encoder| {
        let samples = InputShape {
            channels: 1,
            bands: 1,
        };
        let narrow = EncoderConfig::ResNet18Samples(ResNetConfig {
            width: 2,
            ..ResNetConfig::default()
        });
        let of_sound = Encoder::new(&narrow, samples, 1, Device::Cpu).unwrap();
        let own = [parameters(), parameters()];
        let heads = [head(&own[0], of_sound.dim()), head(&own[1], encoder.dim())];
        let weights = [of_sound.parameters(), &own[0], &own[1]];
        Rest {
            weights: weights.iter().flat_map(|part| part.weights()).collect(),
            rule: Box::new(move |encoder, input| {
                let [sound, image] = input.views;
                let embeddings = encoder.embed(image, PASS);
                let a = heads[0].forward(&of_sound.embed(sound, PASS), PASS);
                let b = heads[1].forward(&embeddings, PASS);
                step(attraction(&a, &b), &embeddings, Some(&b))
            }),
        }
    };
    let method = "type='clar'\ntemperature=0.5\nlabel_weight=0.0\nsound_encoder={width=2}\nhead={widths=[16], batch_norm=false}";
    Trial::of(method).needs_more_than(sound_and_image);
}

#[test]
fn supervised_learning_needs_a_second_class() {
    let four = Trial::of("type='supervised'");
    four.stays_apart();
    let seen = Trial { classes: 1, ..four }.whole();
    assert!(seen.collapse().is_some(), "{seen:?}");
}

#[test]
fn prototypical_networks_need_the_other_prototypes() {
    let to_their_own = |_: &Encoder| Rest {
        weights: Vec::new(),
        rule: Box::new(move |encoder, input| {
            let [support, query] = input.views.each_ref().map(|view| encoder.embed(view, PASS));
            let by_class = support.view([CLASSES, CLIPS / CLASSES, -1]);
            let prototypes = by_class.mean_dim([1i64].as_slice(), false, None);
            let distances = squared_distances(&query, &prototypes); // [clips, classes]
            let own = distances.gather(1, &input.labels.unsqueeze(1), false);
            step(own.mean(None), &support, None)
        }),
    };
    Trial::of("type='prototypical'\nways=4\nshots=4\nepisodes_per_epoch=1")
        .needs_more_than(to_their_own);
}
