//! Sound at four bits a sample, so that many clips fit into one page.

/// Step sizes of IMA ADPCM.
#[rustfmt::skip]
const STEPS: [i32; 89] = [
    7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66, 73, 80, 88, 97, 107, 118,
    130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449, 494, 544, 598, 658, 724, 796, 876, 963, 1060,
    1166, 1282, 1411, 1552, 1707, 1878, 2066, 2272, 2499, 2749, 3024, 3327, 3660, 4026, 4428, 4871, 5358, 5894, 6484, 7132,
    7845, 8630, 9493, 10442, 11487, 12635, 13899, 15289, 16818, 18500, 20350, 22385, 24623, 27086, 29794, 32767,
];
/// By how many places a code of so many steps moves along the step sizes.
const MOVES: [i32; 8] = [-1, -1, -1, -1, 2, 4, 6, 8];
/// First sample, place among the step sizes, and a zero.
const HEADER: usize = 4;

/// Samples within −1..=1 as one block of IMA ADPCM: the first sample (16 bits, little endian), the place among the step
/// sizes to begin with, 0, then two samples a byte, the first in the low half.
///
/// # Source
/// IMA Digital Audio Focus and Technical Working Group 1992, as in WAV files of format 0x11.
pub(super) fn encode(samples: &[f32]) -> Vec<u8> {
    let pcm = |sample: f32| (sample.clamp(-1.0, 1.0) * 32767.0).round() as i32;
    let Some((&first, rest)) = samples.split_first() else {
        return Vec::new();
    };
    let mut coder = Coder {
        predicted: pcm(first),
        step: 0,
    };
    let mut bytes = Vec::with_capacity(HEADER + samples.len() / 2);
    bytes.extend((coder.predicted as i16).to_le_bytes());
    bytes.extend([0, 0]);
    for pair in rest.chunks(2) {
        let low = coder.code(pcm(pair[0]));
        let high = pair.get(1).map_or(0, |&sample| coder.code(pcm(sample)));
        bytes.push(low | high << 4);
    }
    bytes
}

struct Coder {
    predicted: i32,
    step: usize,
}

impl Coder {
    /// Four bits: the sign, then the difference in halves of the step and less.
    fn code(&mut self, sample: i32) -> u8 {
        let step = STEPS[self.step];
        let difference = sample - self.predicted;
        let mut left = difference.abs();
        let (mut code, mut change) = (0, step >> 3);
        for (bit, part) in [(4, step), (2, step >> 1), (1, step >> 2)] {
            if left >= part {
                code |= bit;
                left -= part;
                change += part;
            }
        }
        let is_down = difference < 0;
        self.predicted += if is_down { -change } else { change };
        self.predicted = self.predicted.clamp(i16::MIN.into(), i16::MAX.into());
        let moved = self.step as i32 + MOVES[code];
        self.step = moved.clamp(0, STEPS.len() as i32 - 1) as usize;
        code as u8 | if is_down { 8 } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{SampleRate, read_mono};

    /// A block as a WAV file, for a decoder that is not ours.
    fn wav(block: &[u8], samples: u32, rate: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut put = |part: &[u8]| bytes.extend_from_slice(part);
        let per_block = 1 + 2 * (block.len() as u16 - HEADER as u16);
        put(b"RIFF");
        put(&(52 + block.len() as u32).to_le_bytes());
        put(b"WAVEfmt ");
        put(&20u32.to_le_bytes());
        for field in [0x11, 1] {
            put(&u16::to_le_bytes(field));
        }
        put(&rate.to_le_bytes());
        put(&(rate / 2).to_le_bytes());
        for field in [block.len() as u16, 4, 2, per_block] {
            put(&field.to_le_bytes());
        }
        put(b"fact");
        put(&4u32.to_le_bytes());
        put(&samples.to_le_bytes());
        put(b"data");
        put(&(block.len() as u32).to_le_bytes());
        put(block);
        bytes
    }

    #[test]
    fn another_decoder_hears_nearly_what_was_encoded() {
        let (rate, samples) = (8000, 4001);
        let chirp = |i: u32| {
            let t = i as f32 / rate as f32;
            0.6 * (std::f32::consts::TAU * (200.0 + 800.0 * t) * t).sin()
        };
        let sound: Vec<f32> = (0..samples).map(chirp).collect();
        let block = encode(&sound);
        assert_eq!(block.len(), HEADER + 2000);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chirp.wav");
        std::fs::write(&path, wav(&block, samples, rate)).unwrap();
        let read = read_mono(&path, SampleRate::new(rate).unwrap()).unwrap();
        let read = &read.channels()[0];
        assert_eq!(read.len(), sound.len());
        let noise = sound
            .iter()
            .zip(read)
            .map(|(a, b)| (a - b).powi(2))
            .sum::<f32>();
        let signal = sound.iter().map(|a| a.powi(2)).sum::<f32>();
        let decibels = 10.0 * (signal / noise).log10();
        // CPython 3.11's audioop, on the same chirp: 24.398.
        assert!(
            (decibels - 24.4).abs() < 0.05,
            "{decibels} dB above its noise"
        );
    }

    #[test]
    fn the_loudest_and_the_shortest_sounds_are_no_panic() {
        for length in 0..4 {
            let square: Vec<f32> = (0..length).map(|i| [2.0, -2.0][i % 2]).collect();
            assert_eq!(encode(&square).is_empty(), length == 0);
        }
    }
}
