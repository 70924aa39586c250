//! One epoch of one preset: whole, then stopped half-way and resumed, then measured by k-NN.

use super::tensor_header::TensorHeader;
use super::{
    CLIPS, FOLDER, Measured, Preset, Program, RECORDINGS, overrides, process, remove_folder,
};
use crate::machine;
use anyhow::{Context, Result};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A preset that is about to be measured.
pub(super) struct Epoch<'a> {
    program: &'a Program,
    preset: &'a Preset,
    overrides: &'static [&'static str],
    /// The preset's configuration.
    experiment: Value,
    threads: usize,
}

/// A line of `metrics.jsonl`.
#[derive(Deserialize)]
struct Metrics {
    step: u64,
    elapsed_secs: f64,
}

/// Of `run.json`.
#[derive(Deserialize)]
struct RunRecord {
    started: String,
}

impl<'a> Epoch<'a> {
    /// Makes the data where the preset needs other than the bundled clips.
    ///
    /// # Errors
    /// What the program says.
    pub(super) fn of(program: &'a Program, preset: &'a Preset, threads: usize) -> Result<Self> {
        let show = ["presets", &preset.name, "--format", "json"];
        let epoch = Self {
            program,
            preset,
            overrides: overrides(&preset.name),
            experiment: serde_json::from_str(&process::output(&mut program.command(show))?)?,
            threads,
        };
        if epoch.hears_marks() {
            program.make_recordings()?;
        }
        Ok(epoch)
    }

    /// Trains twice, the second time stopped and resumed, and scores the encoder.
    ///
    /// # Errors
    /// The first command that fails.
    pub(super) fn measure(&self) -> Result<Measured> {
        self.tidy()?;
        println!("  one epoch");
        let peak_memory = process::peak_memory(&mut self.pretrain("whole", &[]))?;
        let whole = self.run("whole");
        let metrics = metrics(&whole.join("metrics.jsonl"))?;
        let steps = metrics.last().map_or(0, |last| last.step);
        println!("  the same, killed half-way and resumed");
        let stopped_after = self.stop_and_resume(steps / 2)?;
        let encoder = whole.join("encoder.safetensors");
        let resumed = self.run("resumed").join("encoder.safetensors");
        let record: RunRecord = json(&whole.join("run.json"))?;
        Ok(Measured {
            preset: self.preset.name.clone(),
            source: self.preset.source.clone(),
            encoder: text(&self.experiment["encoder"]["type"]),
            parameters: TensorHeader::read(&encoder)?.parameters(),
            batch_size: self.batch_size(),
            overrides: self.overrides.iter().map(ToString::to_string).collect(),
            steps,
            secs_per_step: secs_per_step(&metrics),
            peak_memory,
            stopped_after,
            resumed_to_same_bytes: read(&encoder)? == read(&resumed)?,
            knn_accuracy: self.knn_accuracy()?,
            threads: self.threads,
            machine: machine::described(),
            date: record.started.chars().take("2026-01-01".len()).collect(),
        })
    }

    /// Removes the runs.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn tidy(&self) -> Result<()> {
        remove_folder(&self.program.folder().join(&self.preset.name))
    }

    /// Whether it learns from marked events, not from clips.
    fn hears_marks(&self) -> bool {
        let cut = &self.experiment["views"]["cut"]["type"];
        cut == "windows" || cut == "frames"
    }

    /// Patches of a step.
    fn batch_size(&self) -> u64 {
        let given = self
            .overrides
            .iter()
            .find_map(|given| given.strip_prefix("train.batch_size="));
        let given = given.and_then(|given| given.parse().ok());
        let published = self.experiment["train"]["batch_size"].as_u64();
        given.or(published).unwrap_or(0)
    }

    fn run(&self, name: &str) -> PathBuf {
        self.program.folder().join(&self.preset.name).join(name)
    }

    /// One epoch into the run `name`.
    fn pretrain(&self, name: &str, more: &[&str]) -> std::process::Command {
        let data = match self.hears_marks() {
            true => format!("fewshot:{RECORDINGS}"),
            false => CLIPS.to_owned(),
        };
        let out = format!("{FOLDER}/{}/{name}", self.preset.name);
        let preset = ["pretrain", "--quiet", "--preset", &self.preset.name];
        let mut command = self.program.command(preset);
        command.args(["--data", &data, "--out", &out, "--cache", &cache()]);
        command.args(["--set", "train.epochs=1"]);
        command.args(["--set", &format!("train.threads={}", self.threads)]);
        for setting in self.overrides {
            command.args(["--set", setting]);
        }
        command.args(more);
        command
    }

    /// Trains until a checkpoint is at step `half`, kills the program, resumes, and gives the step of the checkpoint
    /// that it was resumed from.
    fn stop_and_resume(&self, half: u64) -> Result<u64> {
        let checkpoint = self.run("resumed").join("checkpoint.safetensors");
        let saved_step = || {
            let header = TensorHeader::read(&checkpoint).ok();
            header.and_then(|header| header.step())
        };
        let at_every_step = ["--set", "train.checkpoint_secs=0"];
        process::killed_when(&mut self.pretrain("resumed", &at_every_step), || {
            saved_step().is_some_and(|step| step >= half)
        })?;
        let stopped_after = saved_step().context("the killed run left no checkpoint")?;
        process::peak_memory(&mut self.pretrain("resumed", &["--resume"]))?;
        Ok(stopped_after)
    }

    /// Of the whole run's encoder, where the data has classes and folds.
    fn knn_accuracy(&self) -> Result<Option<f64>> {
        if self.hears_marks() {
            return Ok(None);
        }
        println!("  k-NN");
        let model = format!("{FOLDER}/{}/whole", self.preset.name);
        let of = ["evaluate", "--quiet", "--model", &model, "--data", CLIPS];
        let by = ["--protocol", "knn", "--format", "json", "--cache", &cache()];
        let json = process::output(self.program.command(of).args(by))?;
        let evaluation: Value = serde_json::from_str(&json)?;
        let accuracy = evaluation["protocols"]["knn"]["accuracy"]["mean"].as_f64();
        let accuracy = accuracy.context("`chiffchaff evaluate` gives no accuracy of k-NN")?;
        Ok(Some(accuracy))
    }
}

/// Where features are kept.
fn cache() -> String {
    format!("{FOLDER}/cache")
}

/// The median over steps; the first counts from the beginning of training.
fn secs_per_step(metrics: &[Metrics]) -> f64 {
    let ends = metrics.iter().map(|line| line.elapsed_secs);
    let starts = std::iter::once(0.0).chain(ends.clone());
    let mut durations: Vec<f64> = ends.zip(starts).map(|(end, start)| end - start).collect();
    durations.sort_by(f64::total_cmp);
    durations.get(durations.len() / 2).copied().unwrap_or(0.0)
}

fn metrics(path: &Path) -> Result<Vec<Metrics>> {
    let text = String::from_utf8(read(path)?)?;
    let lines = text.lines().map(serde_json::from_str);
    lines
        .collect::<Result<_, _>>()
        .with_context(|| path.display().to_string())
}

fn json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_slice(&read(path)?).with_context(|| path.display().to_string())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| path.display().to_string())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_of_a_step_are_the_median_of_what_lies_between_them() {
        let run = |ends: &[f64]| {
            let line = |(step, &elapsed_secs)| Metrics { step, elapsed_secs };
            secs_per_step(&(1..).zip(ends).map(line).collect::<Vec<_>>())
        };
        assert_eq!(run(&[5.0, 6.0, 7.0, 9.0, 10.0]), 1.0);
        assert_eq!(run(&[2.0]), 2.0);
        assert_eq!(run(&[]), 0.0);
    }

    fn epoch<'a>(program: &'a Program, preset: &'a Preset, experiment: &str) -> Epoch<'a> {
        Epoch {
            program,
            preset,
            overrides: overrides(&preset.name),
            experiment: serde_json::from_str(experiment).unwrap(),
            threads: 2,
        }
    }

    #[test]
    fn the_preset_decides_data_and_settings() {
        let program = Program {
            path: "chiffchaff".into(),
            root: PathBuf::new(),
        };
        let preset = |name: &str| Preset {
            name: name.to_owned(),
            source: String::new(),
        };
        let typed = |preset, experiment| {
            let epoch = epoch(&program, preset, experiment);
            let command = epoch.pretrain("whole", &["--resume"]);
            let words: Vec<_> = command.get_args().map(|w| w.to_string_lossy()).collect();
            (words.join(" "), epoch.batch_size())
        };
        let clips = preset("lin-npid");
        let (words, batch) = typed(&clips, r#"{"train": {"batch_size": 256}, "views": {}}"#);
        assert!(words.contains("--data esc10:data/esc10"), "{words}");
        assert!(words.contains("--set train.batch_size=16"), "{words}");
        assert!(words.ends_with("--resume"), "{words}");
        assert_eq!(batch, 16);
        let marks = preset("moummad-supcon");
        let experiment = r#"{"train": {"batch_size": 128}, "views": {"cut": {"type": "windows"}}}"#;
        let (words, batch) = typed(&marks, experiment);
        assert!(
            words.contains("--data fewshot:runs/presets/recordings"),
            "{words}"
        );
        assert_eq!(batch, 128);
    }
}
