//! The frequencies beside a mel spectrogram.

use super::chart::{Tick, hundredths};
use crate::features::LogMelConfig;

/// Labels are so far apart at least, in per cent of the height: 15 pixels of 120.
const APART: f64 = 12.5;

/// Labels at 1, 2 and 5 times powers of ten, the lowest first, of an image with one row a mel band. What was recorded has
/// frequencies that are `slower` times higher than what `config` hears.
///
/// Of `n` bands, number `b` from 0 on peaks at `b + 1` of `n + 1` equal steps in mel, and the middle of its row lies at
/// `b + 1/2` of `n` rows.
pub(super) fn frequency_axis(config: &LogMelConfig, slower: f64) -> Vec<Tick> {
    let mel = |hz: f64| config.mel_scale.mel(hz);
    let (low, high) = (mel(config.f_min), mel(config.f_max));
    let bands = config.n_mels as f64;
    let at = |hz: f64| {
        let step = (bands + 1.0) * (mel(hz / slower) - low) / (high - low);
        100.0 * (step - 0.5) / bands
    };
    let mut ticks: Vec<Tick> = Vec::new();
    for hz in round_numbers(config.f_min * slower, config.f_max * slower) {
        let has_room = ticks.last().is_none_or(|above| above.at - at(hz) >= APART);
        if has_room && (0.0..=100.0).contains(&at(hz)) {
            ticks.push(Tick {
                at: hundredths(at(hz)),
                label: label(hz),
            });
        }
    }
    ticks.reverse();
    ticks
}

/// 1, 2 and 5 times powers of ten, about from `low` to `high`; the highest first.
fn round_numbers(low: f64, high: f64) -> impl Iterator<Item = f64> {
    let decades = low.log10().floor() as i32..=high.log10().floor() as i32;
    let of_decade = |decade: i32| [5.0, 2.0, 1.0].map(|factor| factor * 10f64.powi(decade));
    decades.rev().flat_map(of_decade)
}

fn label(hz: f64) -> String {
    match hz >= 1000.0 {
        true => format!("{} kHz", hundredths(hz / 1000.0)),
        false => format!("{} Hz", hundredths(hz)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::LogMel;

    fn config() -> LogMelConfig {
        LogMelConfig {
            n_mels: 72,
            ..LogMelConfig::small()
        }
    }

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn ticks_lie_where_the_mel_scale_puts_them() {
        let ticks = frequency_axis(&config(), 1.0);
        assert_eq!(
            labels(&ticks),
            ["100 Hz", "500 Hz", "1 kHz", "2 kHz", "5 kHz", "10 kHz"]
        );
        // By hand: 50 Hz is 77.75 mel, 11025 Hz 3176.32, 1 kHz 999.99; 73 · 922.23 / 3098.56 = 21.727 steps, 21.227 of 72 rows.
        assert!((ticks[2].at - 29.48).abs() < 0.01, "{ticks:?}");
        // 10 kHz is 3073.22 mel: 70.571 steps, 70.071 rows.
        assert!((ticks[5].at - 97.32).abs() < 0.01, "{ticks:?}");
    }

    #[test]
    fn a_tone_is_drawn_at_its_tick() {
        let config = config();
        let ticks = frequency_axis(&config, 1.0);
        for (tick, hz) in ticks[1..]
            .iter()
            .zip([500.0, 1000.0, 2000.0, 5000.0, 10_000.0])
        {
            let wave = |n: u32| (std::f64::consts::TAU * hz * f64::from(n) / 22_050.0).sin() as f32;
            let tone: Vec<f32> = (0..22_050).map(wave).collect();
            let features = LogMel::new(&config).unwrap().compute(&tone);
            let frame = features.frame(50).iter().enumerate();
            let loudest = frame.max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
            let row = 100.0 * (loudest as f64 + 0.5) / 72.0;
            // The middle of the loudest row is at most one row away.
            assert!((row - tick.at).abs() < 100.0 / 72.0, "{row} for {tick:?}");
        }
    }

    #[test]
    fn what_was_played_slower_or_faster_has_true_frequencies() {
        let as_recorded = frequency_axis(&config(), 1.0);
        let bats = frequency_axis(&config(), 10.0);
        assert_eq!(labels(&bats)[0], "1 kHz");
        assert_eq!(labels(&bats)[5], "100 kHz");
        for (bat, tick) in bats.iter().zip(&as_recorded) {
            assert_eq!(bat.at, tick.at);
        }
        let elephants = frequency_axis(&config(), 0.05);
        assert!(labels(&elephants).contains(&"20 Hz"), "{elephants:?}");
        for slower in [0.001, 0.05, 0.7, 1.0, 3.3, 10.0, 1000.0] {
            let ticks = frequency_axis(&config(), slower);
            assert!((4..=7).contains(&ticks.len()), "{ticks:?}");
            let mut pairs = ticks.windows(2);
            assert!(pairs.all(|pair| pair[1].at - pair[0].at > APART - 0.01));
        }
    }
}
