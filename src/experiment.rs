//! One run's whole configuration: a preset or file, changed key by key.
//!
//! Precedence: preset or file < `--set key=value`. The resolved configuration is written beside
//! the run, and that file alone repeats it.

mod check;
mod misfit;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::audio::ChannelChoice;
use crate::augment::AugmentConfig;
use crate::augment::spectrogram::LogUnit;
use crate::encoder::{EmbedConfig, EncoderConfig};
use crate::features::{FrontEnd, NormalizationKind};
use crate::method::MethodConfig;
use crate::train::{TrainConfig, ViewsConfig};

/// Everything that decides what a training run does, apart from the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// Where the settings come from.
    pub preset: PresetCard,
    /// How patches are scaled.
    pub normalization: NormalizationKind,
    /// Which channel of every recording is heard, where one is. Default the mean of all.
    #[serde(default, skip_serializing_if = "ChannelChoice::is_mix")]
    pub channel: ChannelChoice,
    /// Sound → time-frequency image.
    pub features: FrontEnd,
    /// Clip → two stretches.
    pub views: ViewsConfig,
    /// What is done to each view.
    pub augment: AugmentConfig,
    /// The network.
    pub encoder: EncoderConfig,
    /// What is learned from two views.
    pub method: MethodConfig,
    /// The loop.
    pub train: TrainConfig,
    /// Patches → clip embedding, when the encoder is put to work.
    pub embed: EmbedConfig,
}

/// What a preset is and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresetCard {
    /// Its name on the command line.
    pub name: String,
    /// One sentence.
    pub summary: String,
    /// Paper and code, or how it was found.
    pub source: String,
    /// What differs from the source, and what the source left open.
    #[serde(default)]
    pub deviations: Vec<String>,
}

/// The presets that are built in, by name.
pub const PRESETS: &[(&str, &str)] = &[
    ("small", include_str!("../presets/small.toml")),
    ("large", include_str!("../presets/large.toml")),
    (
        "fonseca-simclr",
        include_str!("../presets/fonseca-simclr.toml"),
    ),
    (
        "moummad-supcon",
        include_str!("../presets/moummad-supcon.toml"),
    ),
    (
        "moummad-supcon-compat",
        include_str!("../presets/moummad-supcon-compat.toml"),
    ),
    ("calls", include_str!("../presets/calls.toml")),
    ("prototypical", include_str!("../presets/prototypical.toml")),
    ("simclr", include_str!("../presets/simclr.toml")),
    ("moco-v1", include_str!("../presets/moco-v1.toml")),
    ("moco-v2", include_str!("../presets/moco-v2.toml")),
    ("swav", include_str!("../presets/swav.toml")),
    ("clar", include_str!("../presets/clar.toml")),
    ("cld", include_str!("../presets/cld.toml")),
    ("saeed-cola", include_str!("../presets/saeed-cola.toml")),
    ("emami-cola", include_str!("../presets/emami-cola.toml")),
    (
        "emami-cola-noise",
        include_str!("../presets/emami-cola-noise.toml"),
    ),
    (
        "emami-cola-stretch",
        include_str!("../presets/emami-cola-stretch.toml"),
    ),
    (
        "emami-cola-rir",
        include_str!("../presets/emami-cola-rir.toml"),
    ),
    (
        "emami-cola-masks",
        include_str!("../presets/emami-cola-masks.toml"),
    ),
    ("hornauer-dls", include_str!("../presets/hornauer-dls.toml")),
    ("lin-npid", include_str!("../presets/lin-npid.toml")),
    ("lin-moco", include_str!("../presets/lin-moco.toml")),
];

/// What is wrong with a configuration; all of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExperimentError {
    /// No preset of this name.
    #[error("there is no preset `{name}`\n\nhint: {hint}")]
    UnknownPreset {
        /// What was asked for.
        name: String,
        /// The nearest name, or all of them.
        hint: String,
    },
    /// Not TOML.
    #[error("{origin}: not a TOML file: {reason}")]
    Syntax {
        /// The file.
        origin: String,
        /// Line and column, and what was expected.
        reason: String,
    },
    /// An override that cannot be read.
    #[error(
        "`--set {given}`: {reason}\n\nhint: write `--set key=value`, for example `--set train.epochs=50`"
    )]
    Override {
        /// The argument.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Keys or values that do not fit.
    #[error("{origin}: {}", list(.problems))]
    Settings {
        /// The file or preset.
        origin: String,
        /// Each with its key.
        problems: Vec<String>,
    },
}

fn list(problems: &[String]) -> String {
    match problems {
        [one] => one.clone(),
        several => several.iter().map(|p| format!("\n  - {p}")).collect(),
    }
}

impl Experiment {
    /// A built-in preset with `overrides` (`key=value`).
    ///
    /// # Errors
    /// If there is no such preset, or an override does not fit.
    pub fn preset(name: &str, overrides: &[String]) -> Result<Self, ExperimentError> {
        let found = PRESETS.iter().find(|(known, _)| *known == name);
        let (_, toml) = found.ok_or_else(|| ExperimentError::UnknownPreset {
            name: name.to_owned(),
            hint: preset_hint(name),
        })?;
        Self::parse(&format!("preset `{name}`"), toml, overrides)
    }

    /// A configuration in TOML with `overrides`; `origin` names it in messages.
    ///
    /// # Errors
    /// All problems at once: syntax, unknown keys, values out of range.
    pub fn parse(origin: &str, toml: &str, overrides: &[String]) -> Result<Self, ExperimentError> {
        let mut table: Table =
            toml.parse()
                .map_err(|error: toml::de::Error| ExperimentError::Syntax {
                    origin: origin.to_owned(),
                    reason: error.to_string().trim_end().to_owned(),
                })?;
        for given in overrides {
            set(&mut table, given).map_err(|reason| ExperimentError::Override {
                given: given.clone(),
                reason,
            })?;
        }
        let mut problems = Vec::new();
        let parsed = Self::from_sections(table, &mut problems);
        match parsed {
            Some(experiment) if problems.is_empty() => Ok(experiment),
            _ => Err(ExperimentError::Settings {
                origin: origin.to_owned(),
                problems,
            }),
        }
    }

    /// Reads section by section, so that a mistake in one does not hide those in others.
    fn from_sections(mut table: Table, problems: &mut Vec<String>) -> Option<Self> {
        let preset = section(&mut table, "preset", problems);
        let normalization = section(&mut table, "normalization", problems);
        let channel = match table.contains_key("channel") {
            true => section(&mut table, "channel", problems),
            false => Some(ChannelChoice::Mix),
        };
        let features = section(&mut table, "features", problems);
        let views = section(&mut table, "views", problems);
        let augment = section(&mut table, "augment", problems);
        let encoder = section(&mut table, "encoder", problems);
        let method = section(&mut table, "method", problems);
        let train = section(&mut table, "train", problems);
        let embed = section(&mut table, "embed", problems);
        let sections = [
            "preset",
            "normalization",
            "channel",
            "features",
            "views",
            "augment",
            "encoder",
            "method",
            "train",
            "embed",
        ];
        for unknown in table.keys() {
            problems.push(format!(
                "unknown key `{unknown}`{}",
                nearest(unknown, &sections)
            ));
        }
        let experiment = Self {
            preset: preset?,
            normalization: normalization?,
            channel: channel?,
            features: features?,
            views: views?,
            augment: augment?,
            encoder: encoder?,
            method: method?,
            train: train?,
            embed: embed?,
        };
        experiment.check(problems);
        Some(experiment)
    }

    /// Whether training needs the sound of clips beside their features.
    pub fn hears_sound(&self) -> bool {
        !self.augment.waveform.is_empty() || self.method.hears_sound()
    }

    /// Which logarithm of energy the features are, if one at all.
    pub fn log_unit(&self) -> Option<LogUnit> {
        self.features.log_unit()
    }

    /// The resolved configuration as a file that repeats the run.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("a configuration consists of plain tables and numbers")
    }

    /// The part of the configuration that decides the result: without the number of data threads
    /// and the pace of checkpoints.
    pub fn identity(&self) -> String {
        let mut same = self.clone();
        same.train.data_threads = 1;
        same.train.checkpoint_secs = 0.0;
        same.to_toml()
    }
}

/// Takes one section out of `table` and reads it.
fn section<T: DeserializeOwned>(
    table: &mut Table,
    name: &str,
    problems: &mut Vec<String>,
) -> Option<T> {
    let Some(value) = table.remove(name) else {
        problems.push(format!("section `{name}` is missing"));
        return None;
    };
    match value.clone().try_into() {
        Ok(section) => Some(section),
        Err(error) => {
            let message = error.to_string();
            let said = message.lines().next().unwrap_or_default();
            let place = misfit::place(name, &value, &message);
            problems.push(format!("in {place}: {said}{}", field_hint(said)));
            None
        }
    }
}

/// For serde's "unknown field `x`, expected one of `a`, `b`": which of them `x` may have meant.
fn field_hint(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    match quoted.next() {
        Some(unknown) if message.starts_with("unknown") => {
            nearest(unknown, &quoted.collect::<Vec<_>>())
        }
        _ => String::new(),
    }
}

fn preset_hint(name: &str) -> String {
    let names: Vec<&str> = PRESETS.iter().map(|(name, _)| *name).collect();
    match nearest(name, &names).as_str() {
        "" => format!("the presets are {}", names.join(", ")),
        near => near
            .trim_start_matches(" (")
            .trim_end_matches(')')
            .to_owned(),
    }
}

/// " (did you mean `y`?)" for the known name most like `given`, if one is.
fn nearest(given: &str, known: &[&str]) -> String {
    let scored = known
        .iter()
        .map(|&name| (strsim::jaro_winkler(given, name), name));
    match scored.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((score, name)) if score > 0.8 => format!(" (did you mean `{name}`?)"),
        _ => String::new(),
    }
}

/// Applies one `a.b[2].c=value`.
fn set(table: &mut Table, given: &str) -> Result<(), String> {
    let (path, value) = given.split_once('=').ok_or("there is no `=`")?;
    let value = parse_value(value.trim());
    let mut keys: Vec<&str> = path.trim().split('.').collect();
    let last = keys.pop().unwrap_or_default();
    let mut place = table;
    for key in keys {
        let (name, index) = indexed(key)?;
        let slot = place.get_mut(name);
        let slot = slot.ok_or(format!("there is no `{name}` to change"))?;
        let slot = item(slot, name, index)?;
        let inner = slot.as_table_mut();
        place = inner.ok_or(format!("`{name}` holds no further keys"))?;
    }
    let (name, index) = indexed(last)?;
    if name.is_empty() {
        return Err(format!("`{path}` has an empty key"));
    }
    if let Some(slot) = place.get_mut(name) {
        *item(slot, name, index)? = value;
    } else if index.is_none() {
        place.insert(name.to_owned(), value);
    } else {
        return Err(format!("there is no `{name}` to change"));
    }
    Ok(())
}

/// The item of a list, or the value itself where no index is asked for.
fn item<'a>(
    value: &'a mut Value,
    name: &str,
    index: Option<usize>,
) -> Result<&'a mut Value, String> {
    let Some(index) = index else {
        return Ok(value);
    };
    let items = value.as_array_mut();
    let items = items.ok_or(format!("`{name}` is no list"))?;
    let length = items.len();
    let item = items.get_mut(index);
    item.ok_or(format!("`{name}` has {length} items, counted from 0"))
}

/// `steps[2]` → (`steps`, 2).
fn indexed(key: &str) -> Result<(&str, Option<usize>), String> {
    let Some((name, rest)) = key.split_once('[') else {
        return Ok((key, None));
    };
    let index = rest.strip_suffix(']').and_then(|index| index.parse().ok());
    let index = index.ok_or(format!("`{key}` is no list index such as `{name}[0]`"))?;
    Ok((name, Some(index)))
}

/// A TOML value, or else the text itself, so that `--set train.precision=bf16` needs no quotes.
fn parse_value(text: &str) -> Value {
    let parsed = format!("value = {text}").parse::<Table>();
    let value = parsed.ok().and_then(|mut table| table.remove("value"));
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
                            let named =
                                told.contains(leaf) || told.contains(&leaf.replace('_', " "));
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
}
