//! Longer or shorter sound of the same pitch.

use super::{WindowShape, WindowSymmetry, plans};
use realfft::num_complex::Complex;
use std::f32::consts::TAU;
use std::ops::Range;

/// Plays sound `rate` times as fast at the same pitch: `round(len / rate)` samples.
///
/// A phase vocoder with identity phase locking (Laroche and Dolson 1999, "Improved phase vocoder time-scale modification
/// of audio"): each peak of a spectrum turns on at its own frequency, and the bins around it turn with it. All channels
/// turn alike, so that what is between them stays. Around a sudden onset time runs at its natural speed, one window
/// long, and phases start anew, so that it comes out as it went in; the sound between onsets makes up for it.
///
/// `window` is the length of analysis in samples, a power of two of at least 16: longer keeps low tones cleaner, shorter
/// follows fast changes better. `channels` are of one length. A rate of 1 gives the same samples, bit for bit.
///
/// # Panics
/// If `rate` is not from 1/16 to 16, or `window` is not as above.
pub fn stretch(channels: &[Vec<f32>], rate: f64, window: usize) -> Vec<Vec<f32>> {
    assert!(
        (0.0625..=16.0).contains(&rate),
        "a rate of {rate} is not from 1/16 to 16"
    );
    assert!(
        window.is_power_of_two() && window >= 16,
        "a window of {window} samples"
    );
    let len = channels.first().map_or(0, Vec::len);
    if rate == 1.0 || len == 0 {
        return channels.to_vec();
    }
    let map = TimeMap::new(channels, rate, window);
    let mut vocoder = Vocoder::new(channels, map.output_len, window, hop_length(rate, window));
    let mut onsets = map.locked_from.iter().peekable();
    // The first frame reaches into the sound from before its start.
    let mut centre = -(vocoder.hop as isize);
    while centre - ((window / 2) as isize) < map.output_len as isize {
        let is_onset = onsets.next_if(|&&start| start <= centre as f64).is_some();
        vocoder.frame(centre, map.input_position(centre), is_onset);
        centre += vocoder.hop as isize;
    }
    vocoder.finish(map.output_len)
}

/// Between frames of the output: a quarter window or a power of two less, so that frames of the input are at most three
/// eighths of a window apart and the frequency of every peak is known without doubt.
fn hop_length(rate: f64, window: usize) -> usize {
    let mut hop = window / 4;
    while hop as f64 * rate > 0.375 * window as f64 && hop > 1 {
        hop /= 2;
    }
    hop
}

/// Which moment of the input sounds at each moment of the output.
struct TimeMap {
    output_len: usize,
    /// Corners of a line from output to input, in samples, rising in both.
    corners: Vec<(f64, f64)>,
    /// Where in the output time begins to run naturally for an onset.
    locked_from: Vec<f64>,
}

impl TimeMap {
    fn new(channels: &[Vec<f32>], rate: f64, window: usize) -> Self {
        let len = channels[0].len();
        let output_len = (len as f64 / rate).round() as usize;
        let end = (output_len as f64, len as f64);
        let reach = (window / 2) as f64;
        let mut map = Self {
            output_len,
            corners: vec![(0.0, 0.0)],
            locked_from: Vec::new(),
        };
        for onset in onsets(channels, window / 32 + 1) {
            let (output, input) = (onset as f64 / rate, onset as f64);
            let before = (output - reach, input - reach);
            let after = (output + reach, input + reach);
            let last = map.corners[map.corners.len() - 1];
            if is_fair(last, before, rate) && is_fair(after, end, rate) {
                map.corners.extend([before, after]);
                map.locked_from.push(before.0);
            }
        }
        map.corners.push(end);
        map
    }

    /// The sample of the input that sounds at `output`, which may lie beyond either end.
    fn input_position(&self, output: isize) -> isize {
        let output = output as f64;
        let above = self.corners.partition_point(|corner| corner.0 < output);
        let above = above.clamp(1, self.corners.len() - 1);
        let ((x0, y0), (x1, y1)) = (self.corners[above - 1], self.corners[above]);
        if x1 <= x0 {
            return y1 as isize;
        }
        (y0 + (output - x0) * (y1 - y0) / (x1 - x0)).round() as isize
    }
}

/// Whether the sound between two corners can make up for what onsets take, running at half to twice its speed.
fn is_fair(from: (f64, f64), to: (f64, f64), rate: f64) -> bool {
    let (output, input) = (to.0 - from.0, to.1 - from.1);
    output > 0.0 && input > 0.0 && (0.5 * rate..=2.0 * rate).contains(&(input / output))
}

/// An onset is this many times stronger than what was just before.
const ONSET_RATIO: f32 = 8.0;
/// What was just before, in blocks.
const BLOCKS_BEFORE: usize = 8;

/// Samples at which something begins suddenly: the steepest of a block that is [`ONSET_RATIO`] times as strong as the
/// mean of the [`BLOCKS_BEFORE`] before it, strength being the energy of differences between neighbours.
fn onsets(channels: &[Vec<f32>], block: usize) -> Vec<usize> {
    let len = channels[0].len();
    let mut slope = vec![0.0f32; len];
    for channel in channels {
        for (sum, pair) in slope[1..].iter_mut().zip(channel.windows(2)) {
            *sum += (pair[1] - pair[0]) * (pair[1] - pair[0]);
        }
    }
    let energies: Vec<f32> = slope.chunks(block).map(sum).collect();
    let mean = energies.iter().sum::<f32>() / energies.len().max(1) as f32;
    let is_onset = |&number: &usize| {
        let before = &energies[number - BLOCKS_BEFORE..number];
        let before = before.iter().sum::<f32>() / BLOCKS_BEFORE as f32;
        energies[number] > ONSET_RATIO * before && energies[number] > 0.1 * mean
    };
    let steepest = |number: usize| {
        let start = number * block;
        let block = &slope[start..len.min(start + block)];
        let place = (0..block.len()).max_by(|&a, &b| block[a].total_cmp(&block[b]));
        start + place.unwrap_or(0)
    };
    (BLOCKS_BEFORE..energies.len())
        .filter(is_onset)
        .map(steepest)
        .collect()
}

/// The sum, in eight parts that the processor adds up at once.
fn sum(values: &[f32]) -> f32 {
    let eights = values.chunks_exact(8);
    let rest: f32 = eights.remainder().iter().sum();
    let mut sums = [0.0; 8];
    for eight in eights {
        for (sum, value) in sums.iter_mut().zip(eight) {
            *sum += value;
        }
    }
    rest + sums.iter().sum::<f32>()
}

/// Frames of the input turned to where they stand in the output, and added up.
struct Vocoder {
    window: Vec<f32>,
    hop: usize,
    /// The input between silences of [`PAD`] windows.
    padded: Vec<Vec<f32>>,
    /// The output, one window before its start.
    output: Vec<Vec<f32>>,
    /// The factor by which overlapping windows add up to one.
    scale: f32,
    /// Spectra of this frame and of the one before, one after another for each channel.
    spectra: Vec<Vec<Complex<f32>>>,
    previous: Vec<Vec<Complex<f32>>>,
    /// The sample of the input at which the frame before began.
    previous_input: Option<isize>,
    /// The angle by which the phase of each bin of the last frame was changed.
    turned: Vec<Angle>,
    power: Vec<f32>,
    /// Bins of this frame at which the spectrum has a peak.
    peaks: Vec<usize>,
    /// For each peak the factor that changes the phase of its bin and of the bins around. Without peaks, no phase is
    /// changed.
    factors: Vec<Complex<f32>>,
    between: Vec<Complex<f32>>,
    frame: Vec<f32>,
    scratch: Vec<Complex<f32>>,
    back_scratch: Vec<Complex<f32>>,
    forward: std::sync::Arc<dyn realfft::RealToComplex<f32>>,
    inverse: std::sync::Arc<dyn realfft::ComplexToReal<f32>>,
}

/// Windows of silence around the input.
const PAD: usize = 2;

impl Vocoder {
    fn new(channels: &[Vec<f32>], output_len: usize, window: usize, hop: usize) -> Self {
        let (forward, inverse) = (plans::forward(window), plans::inverse(window));
        let padded = |channel: &Vec<f32>| {
            let mut padded = vec![0.0; channel.len() + 2 * PAD * window];
            padded[PAD * window..][..channel.len()].copy_from_slice(channel);
            padded
        };
        let spectra = vec![forward.make_output_vec(); channels.len()];
        Self {
            window: WindowShape::Hann.samples(WindowSymmetry::Periodic, window),
            hop,
            padded: channels.iter().map(padded).collect(),
            output: vec![vec![0.0; output_len + 3 * window]; channels.len()],
            // Squared Hann windows have a mean of 3/8; the transforms there and back multiply by their length.
            scale: hop as f32 / (0.375 * window as f32) / window as f32,
            previous: spectra.clone(),
            spectra,
            previous_input: None,
            turned: vec![0; forward.complex_len()],
            power: vec![0.0; forward.complex_len()],
            peaks: Vec::new(),
            factors: Vec::new(),
            between: Vec::new(),
            frame: forward.make_input_vec(),
            scratch: forward.make_scratch_vec(),
            back_scratch: inverse.make_scratch_vec(),
            forward,
            inverse,
        }
    }

    /// Adds the frame around `input` to the output around `centre`, both in samples. After an onset phases are those of
    /// the input.
    fn frame(&mut self, centre: isize, input: isize, is_onset: bool) {
        let furthest = self.padded[0].len() - self.window.len();
        let reach = (PAD * self.window.len() - self.window.len() / 2) as isize;
        let start = (input + reach).clamp(0, furthest as isize);
        std::mem::swap(&mut self.spectra, &mut self.previous);
        self.analyse(start as usize);
        match self.previous_input.replace(start) {
            Some(previous) if !is_onset => self.turn_on((start - previous) as usize),
            _ => {
                self.peaks.clear();
                self.turned.fill(0);
            }
        }
        let half_before = self.window.len() as isize / 2;
        self.synthesise((centre + half_before) as usize);
    }

    /// Spectra and summed power of the frame that starts at `start`.
    fn analyse(&mut self, start: usize) {
        self.power.fill(0.0);
        for (channel, spectrum) in self.padded.iter().zip(&mut self.spectra) {
            let samples = &channel[start..start + self.window.len()];
            for ((out, sample), w) in self.frame.iter_mut().zip(samples).zip(&self.window) {
                *out = sample * w;
            }
            self.forward
                .process_with_scratch(&mut self.frame, spectrum, &mut self.scratch)
                .expect("buffers are those of the plan");
            for (power, bin) in self.power.iter_mut().zip(spectrum) {
                *power += bin.norm_sqr();
            }
        }
    }

    /// How far this frame must be turned, `step` samples of the input after the last one.
    ///
    /// ```text
    /// θ(t, k) = θ(t−1, k) + (hop − step)·ω(k),   ω(k) = Ω(k) + princarg(Δφ(k) − Ω(k)·step) / step
    /// ```
    /// `Ω(k) = 2πk / window` is the frequency of bin `k`, `Δφ` the phase of its power between the two frames, over all
    /// channels, and `princarg` the angle between −π and π. Taken at each peak `k`, and given to the bins nearest it.
    fn turn_on(&mut self, step: usize) {
        find_peaks(&self.power, &mut self.peaks);
        let (spectra, previous) = (&self.spectra, &self.previous);
        let across_channels = |&peak: &usize| {
            let frames = spectra.iter().zip(previous);
            frames
                .map(|(now, then)| now[peak] * then[peak].conj())
                .sum::<Complex<f32>>()
        };
        self.between.clear();
        self.between.extend(self.peaks.iter().map(across_channels));
        self.factors.clear();

        let per_bin = angle_of_turns(1.0 / self.window.len() as f32);
        let ahead = self.hop.wrapping_sub(step) as Angle;
        let share = (self.hop as f32 - step as f32) / step.max(1) as f32;
        for (number, (&peak, between)) in self.peaks.iter().zip(&self.between).enumerate() {
            let bin = per_bin.wrapping_mul(peak as Angle);
            let expected = bin.wrapping_mul(step as Angle);
            let deviation = angle(*between).wrapping_sub(expected).cast_signed() as f32;
            // The peak's own angle of before is read before its region is written.
            let turned = self.turned[peak]
                .wrapping_add(bin.wrapping_mul(ahead))
                .wrapping_add((share * deviation) as i64 as Angle);
            self.turned[region(&self.peaks, number, self.power.len())].fill(turned);
            self.factors.push(cis(turned));
        }
    }

    /// Turns the spectra and adds their sound to the output from `start`.
    fn synthesise(&mut self, start: usize) {
        // Spectra stay as analysed for the next frame; the frame before is not needed any more.
        for ((spectrum, turned), output) in self
            .spectra
            .iter()
            .zip(&mut self.previous)
            .zip(&mut self.output)
        {
            turn(spectrum, &self.peaks, &self.factors, turned);
            self.inverse
                .process_with_scratch(turned, &mut self.frame, &mut self.back_scratch)
                .expect("both ends are real");
            let output = &mut output[start..];
            for ((sum, sample), w) in output.iter_mut().zip(&self.frame).zip(&self.window) {
                *sum += sample * w * self.scale;
            }
        }
    }

    fn finish(self, output_len: usize) -> Vec<Vec<f32>> {
        let start = self.window.len();
        let cut = |output: &Vec<f32>| output[start..start + output_len].to_vec();
        self.output.iter().map(cut).collect()
    }
}

/// `turned = spectrum · e^(iθ)` with the factor of the nearest peak, real at both ends.
fn turn(
    spectrum: &[Complex<f32>],
    peaks: &[usize],
    factors: &[Complex<f32>],
    turned: &mut [Complex<f32>],
) {
    if peaks.is_empty() {
        turned.copy_from_slice(spectrum);
    }
    for (number, factor) in factors.iter().enumerate().take(peaks.len()) {
        let region = region(peaks, number, spectrum.len());
        for (out, bin) in turned[region.clone()].iter_mut().zip(&spectrum[region]) {
            *out = bin * factor;
        }
    }
    let last = turned.len() - 1;
    turned[0].im = 0.0;
    turned[last].im = 0.0;
}

/// The bins nearer to a peak than to any other, of `bins`.
fn region(peaks: &[usize], number: usize, bins: usize) -> Range<usize> {
    let half_way = |first: usize| (peaks[first] + peaks[first + 1]).div_ceil(2);
    let start = if number == 0 { 0 } else { half_way(number - 1) };
    let end = if number + 1 < peaks.len() {
        half_way(number)
    } else {
        bins
    };
    start..end
}

/// Bins above their two neighbours on either side. Without branches: in noise, every fifth bin is a peak, and which one
/// no processor guesses.
fn find_peaks(power: &[f32], peaks: &mut Vec<usize>) {
    peaks.resize(power.len(), 0);
    let mut count = 0;
    for (number, around) in power.windows(5).enumerate() {
        let &[a, b, centre, c, d] = around else {
            unreachable!("windows of five")
        };
        peaks[count] = number + 2;
        count += usize::from((centre > a) & (centre > b) & (centre >= c) & (centre >= d));
    }
    peaks.truncate(count);
}

/// An angle in parts of 2³² of a turn: sums and products with whole numbers wrap as angles do.
type Angle = u32;

/// One turn.
const TURN: f32 = 4_294_967_296.0;

fn angle_of_turns(turns: f32) -> Angle {
    (turns * TURN) as i64 as Angle
}

/// The angle of a number, 0 for 0; within 10⁻⁵ radians.
fn angle(z: Complex<f32>) -> Angle {
    let (x, y) = (z.re.abs(), z.im.abs());
    let (low, high) = (x.min(y), x.max(y));
    let slope = if high > 0.0 { low / high } else { 0.0 };
    let square = slope * slope;
    let polynomial = ARCTANGENT.iter().rev().fold(0.0, |sum, c| sum * square + c);
    let eighth = slope * polynomial;
    let quarter = if y > x { 0.25 - eighth } else { eighth };
    let half = if z.re < 0.0 { 0.5 - quarter } else { quarter };
    angle_of_turns(if z.im < 0.0 { -half } else { half })
}

/// `arctan(a) / 2πa` for `a` in 0..=1, in powers of `a²`: fitted for the least largest error of `arctan(a)`.
const ARCTANGENT: [f32; 6] = [
    0.159_151_32,
    -0.052_938_56,
    0.030_802_852,
    -0.018_529_719,
    0.008_378_954,
    -0.001_865_109_4,
];

/// `e^(iθ)`, within 10⁻⁵.
fn cis(angle: Angle) -> Complex<f32> {
    let turns = angle.cast_signed() as f32 / TURN;
    // cos θ = sin(¼ turn − |θ|), and sin θ = sin(½ turn − θ): arguments within a quarter turn.
    let sine = if turns.abs() > 0.25 {
        0.5f32.copysign(turns) - turns
    } else {
        turns
    };
    Complex::new(sine_of_turns(0.25 - turns.abs()), sine_of_turns(sine))
}

/// Taylor's series, for at most a quarter turn either way.
fn sine_of_turns(turns: f32) -> f32 {
    let x = TAU * turns;
    let square = x * x;
    x * (1.0 - square / 6.0 * (1.0 - square / 20.0 * (1.0 - square / 42.0 * (1.0 - square / 72.0))))
}

#[cfg(test)]
mod tests {
    use super::super::pitch;
    use super::*;
    use std::f64::consts::TAU;

    const RATE: f64 = 22_050.0;
    const WINDOW: usize = 2048;

    fn tone(hz: f64, len: usize) -> Vec<f32> {
        let sample = |n| (0.5 * (TAU * hz * n as f64 / RATE).sin()) as f32;
        (0..len).map(sample).collect()
    }

    fn rms(samples: &[f32]) -> f64 {
        let sum: f64 = samples.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        (sum / samples.len() as f64).sqrt()
    }

    #[test]
    fn angles_and_their_numbers_agree_with_double_precision() {
        for n in 0..10_000u32 {
            let exact = TAU * f64::from(n) / 10_000.0;
            let number = Complex::new(exact.cos() as f32, exact.sin() as f32);
            let wanted = (exact / TAU * 4_294_967_296.0) as u32;
            let off = angle(number * 0.3).wrapping_sub(wanted).cast_signed();
            assert!(
                f64::from(off).abs() * TAU < 1e-5 * 4_294_967_296.0,
                "{exact}"
            );
            assert!((cis(wanted) - number).norm() < 1e-5, "{exact}");
        }
        assert_eq!(angle(Complex::new(0.0, 0.0)), 0);
    }

    #[test]
    fn a_tone_keeps_frequency_and_level() {
        for rate in [0.5, 0.8, 0.9, 1.1, 1.25, 1.5, 2.0, 3.3] {
            for hz in [110.0, 440.0, 1234.5, 6000.0] {
                let output = &stretch(&[tone(hz, 66_150)], rate, WINDOW)[0];
                assert_eq!(output.len(), (66_150.0 / rate).round() as usize);
                let kept = pitch::frequency(output) * RATE / hz;
                assert!((kept - 1.0).abs() < 1e-3, "{rate}, {hz} Hz: {kept}");
                let middle = &output[output.len() / 4..3 * output.len() / 4];
                let level = rms(middle) / rms(&tone(hz, 66_150));
                assert!((level - 1.0).abs() < 0.05, "{rate}, {hz} Hz: {level}");
            }
        }
    }

    #[test]
    fn a_click_comes_out_at_its_new_time_as_it_went_in() {
        let click: Vec<f32> = (0..40).map(|n| [0.9, -0.6, 0.3, -0.1][n / 10]).collect();
        let mut input = vec![0.0; 44_100];
        input[20_000..20_040].copy_from_slice(&click);
        for rate in [0.7, 0.9, 1.1, 1.4] {
            let output = &stretch(std::slice::from_ref(&input), rate, WINDOW)[0];
            // Its steepest place, ten samples in, is what keeps its time.
            let start = (20_010.0 / rate) as usize - 10;
            let near = &output[start - 2..start + 44];
            let strongest = (0..4)
                .map(|shift| {
                    let pairs = near[shift..].iter().zip(&click);
                    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
                })
                .fold(f32::MAX, f32::min);
            assert!(strongest < 0.02, "{rate}: {strongest}");
            let elsewhere =
                rms(output).powi(2) * output.len() as f64 - rms(near).powi(2) * near.len() as f64;
            let all = rms(output).powi(2) * output.len() as f64;
            assert!(elsewhere / all < 0.01, "{rate}: {}", elsewhere / all);
        }
    }

    #[test]
    fn clicks_over_a_tone_stay_where_they_belong() {
        let mut input = tone(500.0, 88_200);
        let places = [15_000, 40_000, 70_000];
        for place in places {
            input[place] += 5.0;
        }
        let rate = 1.2;
        let output = &stretch(&[input], rate, WINDOW)[0];
        for place in places {
            let expected = (f64::from(place as u32) / rate).round() as usize;
            let around = expected - 300..expected + 300;
            let loudest = around.max_by(|&a, &b| output[a].abs().total_cmp(&output[b].abs()));
            assert!(
                loudest.unwrap().abs_diff(expected) <= 1,
                "{loudest:?}, not {expected}"
            );
        }
    }

    #[test]
    fn noise_keeps_its_level() {
        let mut state = 1u32;
        let noise: Vec<f32> = (0..66_150)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / 8_388_608.0 - 1.0
            })
            .collect();
        for rate in [0.8, 1.1, 1.5] {
            let output = &stretch(std::slice::from_ref(&noise), rate, WINDOW)[0];
            let level = 20.0 * (rms(output) / rms(&noise)).log10();
            assert!(level.abs() < 2.0, "{rate}: {level} dB");
        }
    }

    #[test]
    fn channels_keep_what_is_between_them() {
        let left = tone(440.0, 44_100);
        let right: Vec<f32> = left.iter().map(|x| -0.5 * x).collect();
        let output = stretch(&[left, right], 1.3, WINDOW);
        for (left, right) in output[0].iter().zip(&output[1]) {
            assert!((right + 0.5 * left).abs() < 1e-5);
        }
    }

    #[test]
    fn short_and_silent_sound_is_no_trouble() {
        for len in [0, 1, 2, 100, 5000] {
            for rate in [0.5, 1.0, 1.7] {
                let output = stretch(&[vec![0.0; len]], rate, WINDOW);
                assert_eq!(output[0].len(), (len as f64 / rate).round() as usize);
                assert!(output[0].iter().all(|&x| x == 0.0));
            }
        }
    }
}
