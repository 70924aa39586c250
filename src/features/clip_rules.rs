//! What a front end does to the sound of a clip as a whole, before its first frame.

use super::input_scaling::Line;
use super::{InputScaling, Silence};
use crate::audio::Waveform;
use std::convert::Infallible;

/// Rules that look at the whole clip. Whoever hears only a stretch of it, or augments one, follows them first and lets a
/// front end [without them](super::FrontEnd::without_clip_rules) hear the result: so a stretch is as loud as within its clip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClipRules {
    pub(super) silence: Silence,
    pub(super) scaling: InputScaling,
}

/// The level rule of one clip, measured.
#[derive(Debug, Clone, Copy)]
pub struct ClipLevel(Option<Line>);

impl ClipRules {
    /// Whether the clip's sound is cut, so that a stretch of it is known only with the whole.
    pub fn cut_sound(&self) -> bool {
        self.silence != Silence::Keep {}
    }

    /// What becomes of the level of a clip with this sound.
    pub fn measure(&self, whole: &Waveform) -> ClipLevel {
        let sides: Vec<&[f32]> = whole.channels().iter().map(Vec::as_slice).collect();
        ClipLevel(self.scaling.line(&sides))
    }

    /// The same, to the bit, of a clip that is not in memory. `play` gives its listener all sound of the first side, piece by
    /// piece, then that of the next. It is called as often as the rule has to hear the clip, possibly never.
    pub fn measure_played(&self, mut play: impl FnMut(&mut dyn FnMut(&[f32]))) -> ClipLevel {
        let Ok(line) = self.scaling.measured(|listener| {
            play(listener);
            Ok::<_, Infallible>(())
        });
        ClipLevel(line)
    }

    /// The sound of a whole clip, as a front end without these rules is to hear it.
    pub fn apply(&self, whole: Waveform) -> Waveform {
        let rate = f64::from(whole.sample_rate().hz());
        let silence = self.silence;
        let sounding = whole.with_channels(|channels| {
            let channels = channels.into_iter();
            channels
                .map(|samples| silence.apply(&samples, rate).into_owned())
                .collect()
        });
        self.measure(&sounding).apply(sounding)
    }
}

impl ClipLevel {
    /// A stretch of the clip, scaled as the clip is.
    pub fn apply(&self, stretch: Waveform) -> Waveform {
        let Some(line) = self.0 else {
            return stretch;
        };
        stretch.with_channels(|channels| channels.iter().map(|side| line.of(side)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FrontEnd, LogMelConfig, ThreeBandConfig};
    use super::*;
    use crate::audio::SampleRate;

    fn front_ends() -> Vec<FrontEnd> {
        let scalings = [
            InputScaling::unit_norm(),
            InputScaling::Peak { offset: 0.005 },
            InputScaling::MinMax {
                low: -1.0,
                high: 1.0,
            },
            InputScaling::Gain { factor: 3.0 },
        ];
        let log_mel = |input_scaling| LogMelConfig {
            input_scaling,
            silence: Silence::Remove {
                below: 1e-4,
                min_secs: 0.1,
            },
            ..LogMelConfig::cola()
        };
        let mut all: Vec<FrontEnd> = scalings.map(|s| FrontEnd::LogMel(log_mel(s))).to_vec();
        all.extend(
            [
                "mfcc",
                "pcen",
                "palanisamy",
                "clar",
                "wavelet",
                "esresnet-stereo",
            ]
            .map(|name| {
                let mut front_end = FrontEnd::published(name).unwrap();
                *front_end.clip_rules_mut().1.unwrap() = InputScaling::unit_norm();
                front_end
            }),
        );
        all
    }

    #[test]
    fn rules_first_and_the_front_end_without_them_give_what_the_front_end_gives() {
        for front_end in front_ends() {
            let rate = front_end.sample_rate();
            let mut samples: Vec<f32> = (0..rate.hz() as usize / 2)
                .map(|n| 0.3 * ((n * 7919) % 1000) as f32 / 1000.0 - 0.1)
                .collect();
            samples[3000..6500].fill(0.0);
            let sound = Waveform::mono(samples, rate);
            let whole = front_end.extractor().unwrap().compute_sound(&sound);
            let prepared = front_end.clip_rules().apply(sound);
            let bare = front_end.without_clip_rules();
            assert_ne!(bare, front_end);
            assert_eq!(bare.extractor().unwrap().compute_sound(&prepared), whole);
        }
    }

    #[test]
    fn a_stretch_is_scaled_as_its_clip() {
        let rules = FrontEnd::ThreeBand(ThreeBandConfig::esresnet_stereo()).clip_rules();
        let rate = SampleRate::new(8000).unwrap();
        let sides = |left: &[f32], right: &[f32]| {
            Waveform::from_channels(vec![left.to_vec(), right.to_vec()], rate).unwrap()
        };
        let level = rules.measure(&sides(&[0.0, 0.5], &[-0.5, 0.25]));
        let stretch = level.apply(sides(&[0.5], &[0.25]));
        assert_eq!(stretch, sides(&[32_767.0], &[16_383.25]));
    }

    #[test]
    fn a_clip_that_is_played_has_the_level_of_the_same_in_memory() {
        let rate = SampleRate::new(8000).unwrap();
        let side = |seed: usize| -> Vec<f32> {
            (0..3000)
                .map(|n| ((n * seed) % 1009) as f32 * 0.37f32.powi((n % 40) as i32) - 0.1)
                .collect()
        };
        let noise = Waveform::from_channels(vec![side(7919), side(104_729)], rate).unwrap();
        let silence = Waveform::from_channels(vec![vec![0.0; 3000]; 2], rate).unwrap();
        for front_end in front_ends() {
            let rules = front_end.clip_rules();
            for sound in [&noise, &silence] {
                for length in [7, 1000, 4000] {
                    let played = rules.measure_played(|listener| {
                        for side in sound.channels() {
                            side.chunks(length).for_each(&mut *listener);
                        }
                    });
                    let wanted = rules.measure(sound).apply(sound.clone());
                    assert_eq!(played.apply(sound.clone()), wanted, "{front_end:?}");
                }
            }
        }
    }
}
