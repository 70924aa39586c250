//! Tests of reading experiments.

use super::*;
use crate::features::FrontEnd;
use toml::Value;

fn with(overrides: &[&str]) -> Result<Experiment, ExperimentError> {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    Experiment::preset("small", &overrides)
}

#[test]
fn every_preset_reads_and_repeats_itself() {
    for (name, _) in PRESETS {
        let preset = Experiment::preset(name, &[]).unwrap();
        assert_eq!(preset.preset.name, *name);
        let again = Experiment::parse("again", &preset.to_toml(), &[]).unwrap();
        assert_eq!(again, preset);
    }
}

#[test]
fn the_front_end_of_clar_is_the_published_one() {
    let clar = Experiment::preset("clar", &[]).unwrap();
    assert_eq!(Some(clar.features), FrontEnd::published("clar"));
}

/// Experiments that together have every kind of section.
fn of_every_kind() -> Vec<Experiment> {
    let presets = PRESETS
        .iter()
        .map(|(name, _)| Experiment::preset(name, &[]));
    let mut all: Vec<Experiment> = presets.map(Result::unwrap).collect();
    let small = |set: &str| with(&["augment={}", set]).unwrap();
    for name in FrontEnd::published_names() {
        let mut other = small("augment.steps=[]");
        other.features = FrontEnd::published(name).unwrap();
        all.push(Experiment::parse(name, &other.to_toml(), &[]).unwrap());
    }
    let steps = "mix, resized-crop, time-crop, compression, gaussian-noise, attenuation, spec-augment, time-shift, \
                 frequency-shift, gain, equalizer, blur, time-warp";
    let of_sound = "pad-crop, scale, time-stretch, pitch-shift, noise, fade, time-mask, time-shift, gain, reverb, background";
    for (key, types) in [("steps", steps), ("waveform", of_sound)] {
        for kind in types.split(", ") {
            all.push(small(&format!("augment.{key}=[{{type=\"{kind}\"}}]")));
        }
    }
    for set in [
        "train.schedule={type=\"step\", milestones=[3]}",
        "train.schedule={type=\"warmup-exponential\", cold=1, warm=2, gamma=0.9}",
        "train.optimizer={type=\"adam-w\"}",
        "method={type=\"cola\", similarity={type=\"dot-product\", temperature=0.2}}",
        "method={type=\"supervised\"}",
        "features.input_scaling={type=\"min-max\", low=0.0, high=1.0}",
    ] {
        all.push(small(set));
    }
    all
}

/// The numbers below a value, each with its key.
fn numbers(value: &Value, key: String, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Table(table) => {
            for (name, value) in table {
                let key = if key.is_empty() {
                    name.clone()
                } else {
                    format!("{key}.{name}")
                };
                numbers(value, key, found);
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                numbers(item, format!("{key}[{n}]"), found);
            }
        }
        Value::Integer(_) | Value::Float(_) => found.push((key, value.clone())),
        _ => {}
    }
}

#[test]
fn every_number_of_an_experiment_has_a_range_that_is_told_with_its_key() {
    // Any number of steps, or any number at all, is as good as another.
    let free = [
        "seed",
        "max_steps",
        "queue_from_epoch",
        "frozen_steps",
        "epochs",
    ];
    let never = "snr_db"; // infinity: nothing is added
    let mut tried = std::collections::BTreeSet::new();
    let mut failed = Vec::new();
    for experiment in of_every_kind() {
        let toml = experiment.to_toml();
        let mut found = Vec::new();
        numbers(
            &Value::Table(toml.parse().unwrap()),
            String::new(),
            &mut found,
        );
        for (key, value) in found {
            if !tried.insert((key.clone(), value.to_string())) {
                continue;
            }
            let leaf = key.rsplit('.').next().unwrap();
            let leaf = leaf.split('[').next().unwrap();
            let whole = value.is_integer();
            for wrong in [
                "nan",
                "inf",
                "-inf",
                "1e300",
                "-1e300",
                "-1",
                "-0.5",
                "0",
                "1e-300",
                "9223372036854775807",
            ] {
                let set = format!("{key}={wrong}");
                let read = Experiment::parse("it", &toml, std::slice::from_ref(&set));
                let must_refuse = match wrong {
                    "nan" | "-inf" | "1e300" | "-1e300" => true,
                    "inf" => leaf != never,
                    "-1" | "-0.5" => whole,
                    "9223372036854775807" => whole && !free.contains(&leaf),
                    _ => false,
                };
                match read {
                    Ok(_) if must_refuse => failed.push(format!("`{set}` was accepted")),
                    Ok(_) => {}
                    Err(error) => {
                        let told = error.to_string();
                        let named = told.contains(leaf) || told.contains(&leaf.replace('_', " "));
                        if !named {
                            failed.push(format!("`{set}`: {told}"));
                        }
                    }
                }
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn all_problems_of_all_sections_are_told_at_once() {
    let told = with(&[
        "train.checkpoint_secs=1e30",
        "views.frames=0",
        "features.hop_length=0",
        "augment.steps[0].probability=2",
        "encoder.width=0",
        "method.temperature=1e9",
        "train.optimizer.weight_decay=-1.0",
        "embed.stages=0",
    ]);
    let told = told.unwrap_err().to_string();
    for key in [
        "`train.checkpoint_secs` is 1000000000000000000000000000000, but must be within 0..=1000000000 seconds",
        "`views.frames` is 0",
        "`features.hop_length` is 0",
        "`encoder.width` is 0",
        "`method.temperature` is 1000000000",
        "`train.optimizer.weight_decay` is -1",
        "`embed.stages` is 0",
    ] {
        assert!(told.contains(key), "no {key} in {told}");
    }
}

#[test]
fn augmented_sound_must_not_need_the_whole_clip() {
    let set = "features.compression={type=\"decibels\", top_db=80.0}";
    let told = Experiment::preset("emami-cola", &[set.to_owned()]).unwrap_err();
    let told = told.to_string();
    assert!(told.contains("`augment.waveform` is given"), "{told}");
    assert!(
        told.contains("`features.compression.top_db` is set"),
        "{told}"
    );
}

#[test]
fn what_only_some_methods_hear_is_refused_by_others() {
    let text = |preset: &str, given: &[&str]| {
        let given: Vec<String> = given.iter().map(ToString::to_string).collect();
        let error = Experiment::preset(preset, &given);
        error.unwrap_err().to_string()
    };
    let refused = text("small", &["views.small={count=2, frames=10}"]);
    assert!(refused.contains("`views.small` is given"), "{refused}");
    let small = ["views.small={count=0, frames=1000}"];
    let refused = text("swav", &small);
    for key in ["`views.small.count` is 0", "`views.small.frames` is 1000"] {
        assert!(refused.contains(key), "{refused}");
    }
    let refused = text(
        "clar",
        &[
            r#"views.cut={type="windows", hop_frames=9}"#,
            "augment.waveform=[]",
        ],
    );
    assert!(refused.contains("`views.cut` is another"), "{refused}");
    let wrong = ["method.label_weight=-1.0", "method.sound_encoder={width=0}"];
    let refused = text("clar", &wrong);
    for key in [
        "`method.label_weight` is -1",
        "`method.sound_encoder.width` is 0",
    ] {
        assert!(refused.contains(key), "{refused}");
    }
}

#[test]
fn an_override_changes_its_key_alone() {
    let changed = with(&["train.epochs=3", "train.precision=fp32"]).unwrap();
    let mut expected = with(&[]).unwrap();
    expected.train.epochs = 3;
    expected.train.precision = crate::train::PrecisionChoice::Fp32;
    assert_eq!(changed, expected);
}

#[test]
fn all_problems_are_named_at_once_with_the_nearest_key() {
    let error = with(&[
        "train.epoch=3",
        "views.frames=0",
        "embed.stage=1",
        "trian.x=1",
    ]);
    let text = error.unwrap_err().to_string();
    assert!(text.contains("trian"), "{text}");
    let text = with(&["train.epoch=3", "embed.stage=1"])
        .unwrap_err()
        .to_string();
    for part in ["`epoch`", "did you mean `epochs`", "did you mean `stages`"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    let text = with(&["train.epochs=0", "views.frames=0"])
        .unwrap_err()
        .to_string();
    for part in ["`train.epochs` is 0", "`views.frames` is 0"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}

#[test]
fn a_misspelt_preset_gets_a_hint() {
    let error = Experiment::preset("smal", &[]).unwrap_err();
    assert!(
        error.to_string().contains("did you mean `small`?"),
        "{error}"
    );
}

#[test]
fn what_cannot_show_in_the_result_is_not_part_of_the_identity() {
    let base = with(&[]).unwrap();
    let threads = with(&["train.data_threads=7", "train.checkpoint_secs=1"]).unwrap();
    assert_eq!(base.identity(), threads.identity());
    assert_ne!(base.identity(), with(&["train.seed=1"]).unwrap().identity());
}

#[test]
fn overrides_reach_into_lists_and_say_where_they_cannot() {
    let mut table: Table = "a = [{ b = 1 }]".parse().unwrap();
    set(&mut table, "a[0].b=2").unwrap();
    assert_eq!(table["a"][0]["b"].as_integer(), Some(2));
    for wrong in ["a[1].b=2", "a[x]=1", "c.d=1", "a.b=1", "=1", "nothing"] {
        assert!(set(&mut table, wrong).is_err(), "{wrong} was accepted");
    }
}
