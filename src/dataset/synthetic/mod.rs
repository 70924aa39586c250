//! Recordings of imagined animals, every sound of them marked: examples without end for learning to tell calls apart.
//!
//! An animal has two to six kinds of sounds (whistles, voices, trills, clicks, noise and rows of these), some of them
//! alike, and sings or calls with natural variation, in a room or not, before a real background and noise. What it is
//! made of is drawn anew for every recording; nothing imitates a particular species.

mod recording;
mod spectrum;
mod unit;

use super::{Clip, DatasetError, Span};
use crate::audio::{AudioError, SampleRate, WavEncoding, Waveform, write_wav};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// A made-up recording with the time of every unit in it.
#[derive(Debug, Clone)]
pub struct SyntheticRecording {
    /// The sound.
    pub waveform: Waveform,
    /// When each unit sounds, and which one of the animal's it is.
    pub marks: Vec<(Span, usize)>,
}

/// How many recordings to make, and of what kind.
#[derive(Debug, Clone, PartialEq)]
pub struct SyntheticConfig {
    /// How many, each of another animal.
    pub recordings: u32,
    /// Length of each, seconds, at least 1.
    pub secs: f64,
    /// Samples per second, Hz.
    pub sample_rate: SampleRate,
    /// Where all draws come from.
    pub seed: u64,
}

impl SyntheticConfig {
    /// Recording number `index` before one of `backgrounds` (samples at this rate); the same numbers give the same
    /// recording.
    pub fn recording(&self, index: u32, backgrounds: &[Vec<f32>]) -> SyntheticRecording {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(index.into());
        let mut draw = Draw::new(&mut rng);
        recording::recording(&mut draw, self.secs.max(1.0), self.sample_rate, backgrounds)
    }

    /// The recordings and tables that [`Self::write`] has put into `folder`, known by their names; none where there is no such
    /// folder.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn written(folder: &Path) -> crate::Result<Vec<PathBuf>> {
        let entries = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(written(folder))?,
        };
        let mut ours = Vec::new();
        for entry in entries {
            let entry = entry.map_err(written(folder))?;
            if is_ours(&entry.file_name().to_string_lossy()) {
                ours.push(entry.path());
            }
        }
        ours.sort();
        Ok(ours)
    }

    /// Writes all recordings as 16-bit WAV files into `folder`, each with its table in the training layout of DCASE
    /// task 5, as `fewshot:` reads them. `backgrounds` are mixed in; `done` hears of every recording.
    ///
    /// # Errors
    /// If a background cannot be read, or the disk refuses.
    pub fn write(
        &self,
        folder: &Path,
        backgrounds: &[Clip],
        done: impl Fn() + Sync,
    ) -> crate::Result<()> {
        let sounds = backgrounds.par_iter().map(|clip| {
            let waveform = clip.read_mono(self.sample_rate)?;
            Ok(waveform.channels()[0].clone())
        });
        let sounds = sounds.collect::<Result<Vec<_>, AudioError>>()?;
        let sounds: Vec<Vec<f32>> = sounds
            .into_iter()
            .filter(|s| s.iter().any(|v| v.abs() > 1e-4))
            .collect();
        std::fs::create_dir_all(folder).map_err(written(folder))?;
        (0..self.recordings).into_par_iter().try_for_each(|index| {
            let made = self.recording(index, &sounds);
            let name = format!("animal_{index:05}");
            write_wav(
                folder.join(format!("{name}.wav")),
                &made.waveform,
                WavEncoding::Int16,
            )?;
            let table = folder.join(format!("{name}.csv"));
            crate::write_whole(&table, made.table(&name).as_bytes()).map_err(written(&table))?;
            done();
            Ok(())
        })
    }
}

/// `animal_00000.wav` or `.csv`
fn is_ours(name: &str) -> bool {
    let stem = name.strip_suffix(".wav").or(name.strip_suffix(".csv"));
    let number = stem.and_then(|stem| stem.strip_prefix("animal_"));
    number.is_some_and(|number| number.len() >= 5 && number.bytes().all(|b| b.is_ascii_digit()))
}

fn written(path: &Path) -> impl Fn(std::io::Error) -> DatasetError {
    move |source| DatasetError::Write {
        path: path.to_owned(),
        source,
    }
}

impl SyntheticRecording {
    /// One column per unit.
    fn table(&self, name: &str) -> String {
        let units = self
            .marks
            .iter()
            .map(|&(_, unit)| unit + 1)
            .max()
            .unwrap_or(0);
        let columns: String = (0..units).map(|unit| format!(",{name}_{unit}")).collect();
        let mut table = format!("Audiofilename,Starttime,Endtime{columns}\n");
        for (span, unit) in &self.marks {
            let cells: String = (0..units)
                .map(|u| if u == *unit { ",POS" } else { ",NEG" })
                .collect();
            table += &format!(
                "{name}.wav,{:.4},{:.4}{cells}\n",
                span.onset(),
                span.offset()
            );
        }
        table
    }
}

/// Random numbers in the shapes that a generator of sounds asks for.
struct Draw<'a> {
    rng: &'a mut ChaCha8Rng,
}

impl<'a> Draw<'a> {
    fn new(rng: &'a mut ChaCha8Rng) -> Self {
        Self { rng }
    }

    fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.rng.random::<f64>()
    }

    /// Uniform on a logarithmic scale.
    fn log_uniform(&mut self, low: f64, high: f64) -> f64 {
        self.uniform(low.ln(), high.ln()).exp()
    }

    fn normal(&mut self, std: f64) -> f64 {
        let value: f64 = StandardNormal.sample(self.rng);
        std * value
    }

    /// Waiting time of a random event.
    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.rng.random::<f64>()).ln()
    }

    /// A whole number below `end`.
    fn up_to(&mut self, end: u32) -> u32 {
        self.rng.random_range(0..end.max(1))
    }

    fn chance(&mut self, share: f64) -> bool {
        self.rng.random::<f64>() < share
    }

    /// A value with this probability, or else 0. Both draw alike, so that what follows does not depend on it.
    fn sometimes(&mut self, share: f64, value: impl Fn(&mut Self) -> f64) -> f64 {
        let drawn = value(self);
        if self.chance(share) { drawn } else { 0.0 }
    }

    /// One of the choices, by its share.
    fn one_of<T: Copy>(&mut self, choices: &[(T, f64)]) -> T {
        let mut left = self.rng.random::<f64>();
        for &(choice, share) in choices {
            if left < share {
                return choice;
            }
            left -= share;
        }
        choices[choices.len() - 1].0
    }

    fn seed(&mut self) -> u64 {
        self.rng.next_u64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> SyntheticConfig {
        SyntheticConfig {
            recordings: 3,
            secs: 4.0,
            sample_rate: SampleRate::new(22_050).unwrap(),
            seed: 7,
        }
    }

    #[test]
    fn the_same_numbers_give_the_same_recording_and_others_another() {
        let (one, same, other) = (
            config().recording(1, &[]),
            config().recording(1, &[]),
            config().recording(2, &[]),
        );
        assert_eq!(one.waveform.channels(), same.waveform.channels());
        assert_eq!(one.marks, same.marks);
        assert_ne!(one.waveform.channels(), other.waveform.channels());
    }

    #[test]
    fn marked_sounds_lie_inside_the_recording_and_are_louder_than_what_is_between() {
        let (mut inside, mut outside) = (0.0, 0.0);
        for index in 0..12 {
            let made = config().recording(index, &[]);
            let sound = &made.waveform.channels()[0];
            assert_eq!(sound.len(), 88_200);
            assert!(sound.iter().all(|v| v.abs() <= 0.5));
            let mut marked = vec![false; sound.len()];
            for (span, _) in &made.marks {
                assert!(span.offset() <= 4.0);
                let (a, b) = (
                    (span.onset() * 22_050.0) as usize,
                    (span.offset() * 22_050.0) as usize,
                );
                marked[a..b].fill(true);
            }
            for (value, marked) in sound.iter().zip(marked) {
                *(if marked { &mut inside } else { &mut outside }) += f64::from(value * value);
            }
        }
        assert!(inside > 3.0 * outside, "{inside} against {outside}");
    }

    #[test]
    fn a_folder_of_them_is_read_as_few_shot_data() {
        let folder = tempfile::tempdir().unwrap();
        config().write(folder.path(), &[], || ()).unwrap();
        let source = format!("fewshot:{}", folder.path().display());
        let dataset = source
            .parse::<super::super::DatasetSource>()
            .unwrap()
            .load()
            .unwrap();
        let marks: usize = (0..3)
            .map(|index| config().recording(index, &[]).marks.len())
            .sum();
        assert_eq!(dataset.clips.len(), marks);
        assert_eq!(dataset.recordings().0.clips.len(), 3);
    }
}
