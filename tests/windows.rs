//! The window detector on a recording whose calls are known.
#![cfg(feature = "nn")]

mod few_shot_sound;

use chiffchaff::dataset::{Span, Support};
use chiffchaff::detect::windows::{
    Adapt, ClassWeights, FirstGap, Scaling, UnknownSpans, WindowsConfig,
};
use chiffchaff::detect::{DetectError, Event, Fitter, MarkedRecording};
use chiffchaff::encoder::{Encoder, InputShape, Model, ModelCard, TrainingRecord};
use chiffchaff::experiment::Experiment;
use chiffchaff::features::Normalization;
use chiffchaff::train::FreezeMode;
use few_shot_sound::{found_and_false, hidden_calls, shots, span, write_recording};
use std::path::PathBuf;
use tch::Device;

/// Of the images of `moummad-supcon`.
const INPUT: InputShape = InputShape {
    channels: 1,
    bands: 128,
};

/// An encoder that has heard nothing: a small one, or that of the paper.
fn model(paper: bool) -> Model {
    let small = ["encoder.type=resnet18", "encoder.width=8"].map(String::from);
    let overrides = if paper { &[][..] } else { &small };
    let experiment = Experiment::preset("moummad-supcon", overrides).unwrap();
    Model {
        encoder: Encoder::new(&experiment.encoder, INPUT, 3, Device::Cpu).unwrap(),
        card: ModelCard {
            channel: experiment.channel,
            front_end: experiment.features,
            normalization: Normalization::PatchMinMax,
            encoder: experiment.encoder,
            frames: 34,
            embed: experiment.embed,
            seed: 3,
            provenance: TrainingRecord::default(),
        },
    }
}

struct Field {
    folder: tempfile::TempDir,
    model: Model,
}

impl Field {
    fn new(paper: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_recording(&folder.path().join("calls.wav"));
        Self {
            folder,
            model: model(paper),
        }
    }

    fn recording(&self) -> PathBuf {
        self.folder.path().join("calls.wav")
    }

    fn detect(
        &self,
        config: WindowsConfig,
        shots: &[Span],
        unknown: &[Span],
    ) -> Result<Vec<Event>, DetectError> {
        let marked = MarkedRecording {
            path: self.recording(),
            channel: None,
            time_scale: None,
            support: Support::of_spans(shots.to_vec(), unknown.to_vec()).unwrap(),
        };
        let model = self.model.copy().unwrap();
        let fitter = Fitter::with_model(config.into(), Some(model))?;
        let detector = fitter.fit(&[marked], |_| {})?;
        Ok(detector.detect(&self.recording(), |_| {})?.events)
    }

    fn events(&self, config: WindowsConfig) -> Vec<Event> {
        // The first hum between the shots, to see what becomes of it.
        let unknown = [span(few_shot_sound::OTHERS[0])];
        self.detect(config, &shots(), &unknown).unwrap()
    }
}

#[test]
fn every_tuned_network_finds_the_planted_calls_and_little_else() {
    let field = Field::new(false);
    for adapt in [Adapt::Last, Adapt::LastTwo, Adapt::All] {
        let events = field.events(WindowsConfig::sane(adapt));
        let (found, wrong) = found_and_false(&events);
        assert!(
            found >= hidden_calls().len() - 1 && wrong <= 2,
            "{adapt:?}: {found} found, {wrong} wrong, {events:?}"
        );
        let in_order = events
            .windows(2)
            .all(|two| two[0].span.offset() < two[1].span.onset());
        assert!(in_order);
        assert!(events.iter().all(|e| e.score > 0.5 && e.score <= 1.0));
        assert!(events.iter().all(|e| e.span.onset() >= 3.4));
        assert!(events.iter().all(|e| e.span.offset() <= 12.01));
    }
}

#[test]
fn a_head_alone_finds_the_planted_calls_on_the_papers_network() {
    let field = Field::new(true);
    let (found, wrong) = found_and_false(&field.events(WindowsConfig::sane(Adapt::Head)));
    assert!(found >= 8 && wrong <= 2, "{found} found, {wrong} wrong");
}

#[test]
fn every_setting_has_an_effect() {
    let field = Field::new(false);
    let sane = WindowsConfig::sane(Adapt::Last);
    let usual = field.events(sane.clone());
    assert_eq!(usual, field.events(sane.clone()), "not repeatable");
    let others = [
        WindowsConfig {
            adapt: Adapt::LastTwo,
            ..sane.clone()
        },
        WindowsConfig {
            scaling: Scaling::Raw,
            ..sane.clone()
        },
        WindowsConfig {
            freeze: FreezeMode::WeightsOnly,
            ..sane.clone()
        },
        WindowsConfig {
            first_gap: FirstGap::OncePerShot,
            ..sane.clone()
        },
        WindowsConfig {
            unknown: UnknownSpans::Negative,
            ..sane.clone()
        },
        WindowsConfig {
            class_weights: ClassWeights::Balanced,
            ..sane.clone()
        },
        WindowsConfig {
            crop_drawn_for: chiffchaff::augment::spectrogram::DrawnFor::Batch,
            ..sane.clone()
        },
        WindowsConfig {
            max_negatives: Some(10),
            ..sane.clone()
        },
        WindowsConfig {
            threshold: 0.999,
            ..sane.clone()
        },
        WindowsConfig {
            seed: 1,
            ..sane.clone()
        },
    ];
    for other in others {
        assert_ne!(usual, field.events(other.clone()), "{other:?}");
    }
}

#[test]
fn a_fitter_and_a_detector_do_not_remember_what_they_have_done() {
    let field = Field::new(false);
    let marked = MarkedRecording {
        path: field.recording(),
        channel: None,
        time_scale: None,
        support: Support::of_spans(shots(), Vec::new()).unwrap(),
    };
    let model = field.model.copy().unwrap();
    let config = WindowsConfig::compat(Adapt::All).into();
    let fitter = Fitter::with_model(config, Some(model)).unwrap();
    let detector = || fitter.fit(std::slice::from_ref(&marked), |_| {}).unwrap();
    let (first, second) = (detector(), detector());
    let events = first.detect(&marked.path, |_| {}).unwrap();
    assert_eq!(events, first.detect(&marked.path, |_| {}).unwrap());
    assert_eq!(events, second.detect(&marked.path, |_| {}).unwrap());
}

#[test]
fn shots_without_room_between_them_are_compared_with_the_quietest_windows() {
    let field = Field::new(false);
    // The whistle at 0.4 s, and from the start of the recording to it in one go.
    let shots = [
        Span::new(0.0, 0.4).unwrap(),
        span(0.4),
        Span::new(0.55, 1.1).unwrap(),
    ];
    let config = WindowsConfig::sane(Adapt::Head);
    assert!(field.detect(config, &shots, &[]).is_ok());
}

#[test]
fn marks_that_cannot_be_used_are_errors_with_a_hint() {
    let field = Field::new(false);
    let config = WindowsConfig::default;
    let late = [span(0.4), Span::new(50.0, 51.0).unwrap()];
    let error = field.detect(config(), &late, &[]).unwrap_err().to_string();
    let part = "calls.wav: the shot at 50.000 to 51.000 s lies after the end";
    assert!(error.contains(part), "{error}");
    assert_eq!(Support::of_spans(Vec::new(), shots()), None);
    let instant = [Span::new(1.0001, 1.0002).unwrap()];
    let error = field.detect(config(), &instant, &[]).unwrap_err();
    assert!(matches!(error, DetectError::TooShort { .. }), "{error}");
    let none = WindowsConfig {
        max_negatives: Some(0),
        ..config()
    };
    let error = field.detect(none, &shots(), &[]).unwrap_err();
    assert!(
        error.to_string().contains("`max_negatives` is 0"),
        "{error}"
    );
    let config = config().into();
    let error = Fitter::with_model(config, None).unwrap_err().to_string();
    assert!(error.contains("--preset moummad-supcon"), "{error}");
}
