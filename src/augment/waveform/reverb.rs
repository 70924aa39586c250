//! The sound of a room.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use std::path::PathBuf;

use super::augment::{Augment, Given};
use super::level::mean_square;
use crate::audio::{AudioError, SampleRate, Waveform};
use crate::augment::{AugmentError, Interval, Purpose, error::Problems};
use crate::dataset::{DatasetKind, DatasetSource};
use crate::signal::convolve;

/// Puts sound into a room by convolution with its impulse response (Emami et al. 2021). The direct sound stays where it
/// was, length and energy are kept.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reverb {
    /// Where impulse responses come from. Default synthetic rooms.
    pub room: Room,
}

/// Where impulse responses come from.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Room {
    /// Made up.
    Synthetic(SyntheticRoom),
    /// Files.
    Folder(RoomFolder),
}

/// An impulse and then Gaussian noise that decays exponentially, as late reverberation does (Polack 1988).
///
/// ```text
/// h[0] = 1,   h[n] = g · w[n] · 10^(−3 n / (rate · rt60_secs))
/// ```
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyntheticRoom {
    /// Seconds until the sound of the room has fallen by 60 dB; 0 to 20, default `[0.1, 1.0]`: from a furnished room to a
    /// lecture hall (ours). `[0, 0]` does nothing.
    pub rt60_secs: Interval<f64>,
    /// How far the energy of the direct sound is above that of all the rest, in decibels, −60 to 60; sets `g`. Default
    /// `[0, 15]`: from the other end of a room to an arm's length (ours).
    pub direct_db: Interval<f64>,
}

/// A folder of impulse responses, in any sub-folders. They are read once, mixed down and resampled; files that cannot be
/// are left out and listed ([`super::Pipeline::skipped`]).
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomFolder {
    /// The folder.
    pub path: PathBuf,
    /// How many files to use at most, evenly spread over the sorted list; default 1000. A thousand responses of one second
    /// at 22.05 kHz take 88 MB.
    #[serde(default = "RoomFolder::default_at_most")]
    pub at_most: usize,
}

impl RoomFolder {
    fn default_at_most() -> usize {
        1000
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::Synthetic(SyntheticRoom::default())
    }
}

impl Default for SyntheticRoom {
    fn default() -> Self {
        Self {
            rt60_secs: Interval::new(0.1, 1.0),
            direct_db: Interval::new(0.0, 15.0),
        }
    }
}

/// Which room a clip is put into.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum RoomDraw {
    /// A synthetic one.
    Synthetic {
        /// Seconds until the sound has fallen by 60 dB.
        rt60_secs: f64,
        /// Energy of the direct sound over the rest, in decibels.
        direct_db: f64,
        /// Seed of the noise.
        seed: [u8; 32],
    },
    /// One of a folder: 0 for the first, towards 1 for the last.
    Folder(f64),
}

/// The impulse responses of a folder, at one sample rate.
#[derive(Debug, Clone, Default)]
pub(super) struct Responses(Vec<Response>);

/// An impulse response.
#[derive(Debug, Clone, PartialEq)]
struct Response {
    samples: Vec<f32>,
    /// Where in it the direct sound arrives.
    direct: usize,
}

impl Augment for Reverb {
    type Draw = RoomDraw;

    const PURPOSE: Purpose = Purpose::Augmentation(52);

    fn check(&self, _: SampleRate, problems: &mut Problems<'_>) {
        match &self.room {
            Room::Synthetic(room) => {
                room.rt60_secs.check("room.rt60_secs", 0.0, 20.0, problems);
                room.direct_db
                    .check("room.direct_db", -60.0, 60.0, problems);
            }
            Room::Folder(room) => {
                let holds = (1..=1_000_000).contains(&room.at_most);
                problems.require(holds, "room.at_most", room.at_most, "from 1 to 1000000");
            }
        }
    }

    fn load(
        &self,
        rate: SampleRate,
        skipped: &mut Vec<AudioError>,
    ) -> Result<Responses, AugmentError> {
        match &self.room {
            Room::Synthetic(_) => Ok(Responses::default()),
            Room::Folder(folder) => Responses::load(folder, rate, skipped),
        }
    }

    fn draw(&self, rng: &mut impl Rng) -> RoomDraw {
        match &self.room {
            Room::Synthetic(room) => RoomDraw::Synthetic {
                rt60_secs: room.rt60_secs.draw(rng),
                direct_db: room.direct_db.draw(rng),
                seed: rng.random(),
            },
            Room::Folder(_) => RoomDraw::Folder(rng.random()),
        }
    }

    fn apply(&self, drawn: RoomDraw, sound: Waveform, given: &Given<'_>) -> Waveform {
        match drawn {
            RoomDraw::Synthetic { rt60_secs: 0.0, .. } => sound,
            RoomDraw::Synthetic {
                rt60_secs,
                direct_db,
                seed,
            } => Response::synthetic(rt60_secs, direct_db, seed, sound.sample_rate()).apply(sound),
            RoomDraw::Folder(place) => {
                let Responses(responses) = given.responses;
                responses[(place * responses.len() as f64) as usize].apply(sound)
            }
        }
    }

    #[cfg(test)]
    fn at_strength_zero() -> Option<Self> {
        Some(Self {
            room: Room::Synthetic(SyntheticRoom {
                rt60_secs: Interval::new(0.0, 0.0),
                ..SyntheticRoom::default()
            }),
        })
    }
}

impl Responses {
    fn load(
        folder: &RoomFolder,
        rate: SampleRate,
        skipped: &mut Vec<AudioError>,
    ) -> Result<Self, AugmentError> {
        let source = DatasetSource {
            kind: DatasetKind::Folder,
            path: folder.path.clone(),
        };
        let clips = source.load()?.clips;
        let count = folder.at_most.min(clips.len());
        let chosen = (0..count).map(|n| &clips[n * clips.len() / count]);
        let mut failed = Vec::new();
        let mut responses = Vec::new();
        for clip in chosen {
            match clip.read_mono(rate) {
                Ok(sound) => responses.push(Response::new(sound)),
                Err(error) => failed.push(error),
            }
        }
        if responses.is_empty() && !failed.is_empty() {
            return Err(AugmentError::NoRoom {
                folder: folder.path.clone(),
                files: count,
                first: Box::new(failed.swap_remove(0)),
            });
        }
        skipped.append(&mut failed);
        Ok(Self(responses))
    }
}

impl Response {
    /// A response whose direct sound is its strongest sample.
    fn new(sound: Waveform) -> Self {
        let samples = sound.mix_down().into_channels().remove(0);
        let strongest = |&a: &usize, &b: &usize| samples[a].abs().total_cmp(&samples[b].abs());
        // The first of equals: `max_by` alone would give the last.
        let direct = (0..samples.len()).rev().max_by(strongest).unwrap_or(0);
        Self { samples, direct }
    }

    fn synthetic(rt60_secs: f64, direct_db: f64, seed: [u8; 32], rate: SampleRate) -> Self {
        let rt60 = rt60_secs * f64::from(rate.hz());
        let decay = 10f64.powf(-3.0 / rt60);
        let mut rng = ChaCha8Rng::from_seed(seed);
        let mut envelope = 1.0;
        // To −72 dB, so that the last of the 60 is heard too.
        let tail: Vec<f32> = (0..(1.2 * rt60).ceil() as usize)
            .map(|_| {
                envelope *= decay;
                envelope as f32 * rng.sample::<f32, _>(StandardNormal)
            })
            .collect();
        let energy: f64 = tail.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let gain = (10f64.powf(-direct_db / 10.0) / energy).sqrt() as f32;
        let mut samples = vec![1.0];
        samples.extend(tail.iter().map(|x| gain * x));
        Self { samples, direct: 0 }
    }

    /// `sound` in the room, from when its direct sound arrives, with the length and energy it had.
    fn apply(&self, sound: Waveform) -> Waveform {
        let (len, before) = (sound.len(), mean_square(&sound));
        let heard = |channel: Vec<f32>| {
            let mut heard = convolve(&channel, &self.samples);
            heard.truncate(self.direct + len);
            heard.drain(..self.direct.min(heard.len()));
            heard
        };
        let mut sound = sound.with_channels(|channels| channels.into_iter().map(heard).collect());
        let gain = (before / mean_square(&sound)).sqrt() as f32;
        if gain.is_finite() {
            for channel in sound.channels_mut() {
                channel.iter_mut().for_each(|sample| *sample *= gain);
            }
        }
        sound
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::audio::{WavEncoding, write_wav};
    use proptest::prelude::*;

    fn room(rt60_secs: f64, direct_db: f64) -> RoomDraw {
        RoomDraw::Synthetic {
            rt60_secs,
            direct_db,
            seed: [5; 32],
        }
    }

    fn impulse_at(place: usize, len: usize) -> Waveform {
        let mut samples = vec![0.0; len];
        samples[place] = 1.0;
        channels(vec![samples])
    }

    /// The decay time by the line through −5 to −35 dB of what is left of the energy (Schroeder 1965; ISO 3382's T30).
    fn measured_rt60(response: &[f32]) -> f64 {
        let mut left = 0.0;
        let mut curve: Vec<f64> = response
            .iter()
            .rev()
            .map(|&x| {
                left += f64::from(x) * f64::from(x);
                left
            })
            .collect();
        curve.reverse();
        let decibels = curve.iter().map(|e| 10.0 * (e / curve[0]).log10());
        let points: Vec<(f64, f64)> = decibels
            .enumerate()
            .map(|(n, db)| (n as f64 / f64::from(RATE), db))
            .filter(|(_, db)| (-35.0..=-5.0).contains(db))
            .collect();
        let count = points.len() as f64;
        let mean = |f: fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>() / count;
        let (t, db) = (mean(|p| p.0), mean(|p| p.1));
        let slope = points.iter().map(|p| (p.0 - t) * (p.1 - db)).sum::<f64>()
            / points.iter().map(|p| (p.0 - t).powi(2)).sum::<f64>();
        -60.0 / slope
    }

    #[test]
    fn the_sound_of_a_room_decays_in_the_asked_time() {
        for rt60 in [0.1, 0.3, 0.8, 2.0] {
            let len = (2.0 * rt60 * f64::from(RATE)) as usize;
            let heard = applied(&Reverb::default(), room(rt60, 3.0), impulse_at(0, len));
            let measured = measured_rt60(&heard.channels()[0][1..]);
            assert!(
                (measured / rt60 - 1.0).abs() < 0.1,
                "{measured}, not {rt60}"
            );
        }
    }

    #[test]
    fn direct_sound_is_as_far_above_the_rest_as_asked() {
        for direct_db in [-6.0, 0.0, 12.0] {
            let drawn = room(0.3, direct_db);
            let heard = applied(&Reverb::default(), drawn, impulse_at(0, 20_000));
            let heard = &heard.channels()[0];
            let rest: f64 = heard[1..].iter().map(|&x| f64::from(x).powi(2)).sum();
            let reached = 10.0 * (f64::from(heard[0]).powi(2) / rest).log10();
            assert!((reached - direct_db).abs() < 0.1, "{reached}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn length_and_energy_are_kept(len in 0usize..3000, rt60 in 0.01f64..0.5, direct_db in -10.0f64..20.0) {
            let sound = noise(2, len, 1);
            let heard = applied(&Reverb::default(), room(rt60, direct_db), sound.clone());
            prop_assert_eq!(heard.len(), len);
            let ratio = mean_square(&heard) / mean_square(&sound);
            prop_assert!(len == 0 || (ratio - 1.0).abs() < 1e-4, "{ratio}");
        }
    }

    #[test]
    fn direct_sound_stays_where_it_was() {
        let mut response = vec![0.01; 100];
        response[37] = 1.0;
        let response = Response::new(channels(vec![response]));
        assert_eq!(response.direct, 37);
        let heard = response.apply(impulse_at(500, 1000));
        let loudest = (0..1000).max_by(|&a, &b| {
            let at = |n: usize| heard.channels()[0][n].abs();
            at(a).total_cmp(&at(b))
        });
        assert_eq!(loudest, Some(500));
    }

    fn folder(path: &std::path::Path, at_most: usize) -> Reverb {
        Reverb {
            room: Room::Folder(RoomFolder {
                path: path.to_owned(),
                at_most,
            }),
        }
    }

    #[test]
    fn files_of_a_folder_are_rooms_and_broken_ones_are_listed() {
        let tree = tempfile::tempdir().unwrap();
        let rate = SampleRate::new(RATE).unwrap();
        for (name, delay) in [("a.wav", 0), ("sub/b.wav", 3)] {
            let path = tree.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            write_wav(&path, &impulse_at(delay, 10), WavEncoding::Float32).unwrap();
        }
        std::fs::write(tree.path().join("broken.wav"), b"no sound").unwrap();
        let mut skipped = Vec::new();
        let responses = folder(tree.path(), 10).load(rate, &mut skipped).unwrap();
        let delays: Vec<_> = responses.0.iter().map(|r| r.direct).collect();
        assert_eq!(delays, [0, 3]);
        assert_eq!(skipped.len(), 1);
        let sound = noise(1, 300, 1);
        let given = Given {
            responses: &responses,
            background: None,
        };
        let heard = Reverb::default().apply(RoomDraw::Folder(0.99), sound.clone(), &given);
        assert!(mean_square(&difference(&heard, &sound)) < 1e-10);
        assert_eq!(
            folder(tree.path(), 1)
                .load(rate, &mut skipped)
                .unwrap()
                .0
                .len(),
            1
        );
    }

    #[test]
    fn a_folder_without_rooms_is_refused() {
        let tree = tempfile::tempdir().unwrap();
        let rate = SampleRate::new(RATE).unwrap();
        let load = || folder(tree.path(), 10).load(rate, &mut Vec::new());
        assert!(matches!(load(), Err(AugmentError::Rooms(_))));
        std::fs::write(tree.path().join("broken.wav"), b"no sound").unwrap();
        assert!(matches!(load(), Err(AugmentError::NoRoom { files: 1, .. })));
    }
}
