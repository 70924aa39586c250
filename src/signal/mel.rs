//! Mel scales and triangular filter banks.

use serde::{Deserialize, Serialize};

/// How pitch grows with frequency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MelScale {
    /// `2595·log₁₀(1 + f/700)`: O'Shaughnessy 1987, the HTK book. TensorFlow's `1127·ln(1 + f/700)`
    /// is the same scale in another unit and gives the same filters.
    Htk,
    /// Linear below 1 kHz (3 mel per 200 Hz), logarithmic above (27 mel per factor 6.4): Slaney
    /// 1998, Auditory Toolbox; librosa's default.
    Slaney,
}

impl MelScale {
    const SLANEY_HZ_PER_MEL: f64 = 200.0 / 3.0;
    const SLANEY_KNEE_HZ: f64 = 1000.0;
    const SLANEY_KNEE_MEL: f64 = Self::SLANEY_KNEE_HZ / Self::SLANEY_HZ_PER_MEL;
    /// Mel per unit of ln f above the knee: 27 / ln 6.4.
    fn slaney_mel_per_log() -> f64 {
        27.0 / 6.4f64.ln()
    }

    /// Hz → mel.
    pub fn mel(self, hz: f64) -> f64 {
        match self {
            Self::Htk => 2595.0 * (1.0 + hz / 700.0).log10(),
            Self::Slaney if hz < Self::SLANEY_KNEE_HZ => hz / Self::SLANEY_HZ_PER_MEL,
            Self::Slaney => {
                Self::SLANEY_KNEE_MEL
                    + (hz / Self::SLANEY_KNEE_HZ).ln() * Self::slaney_mel_per_log()
            }
        }
    }

    /// Mel → Hz.
    pub(crate) fn hz(self, mel: f64) -> f64 {
        match self {
            Self::Htk => 700.0 * (10f64.powf(mel / 2595.0) - 1.0),
            Self::Slaney if mel < Self::SLANEY_KNEE_MEL => mel * Self::SLANEY_HZ_PER_MEL,
            Self::Slaney => {
                Self::SLANEY_KNEE_HZ
                    * ((mel - Self::SLANEY_KNEE_MEL) / Self::slaney_mel_per_log()).exp()
            }
        }
    }
}

/// The axis along which the sides of the triangles are straight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TriangleDomain {
    /// Straight in Hz: librosa, torchaudio.
    Hz,
    /// Straight in mel: TensorFlow, HTK.
    Mel,
}

/// How the triangles of a bank are scaled against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AreaNorm {
    /// Every triangle peaks at 1: broad bands sum more energy.
    None,
    /// Every triangle is divided by half its width in Hz: bands give energy densities.
    Slaney,
}

/// A bank of overlapping triangles, equally spaced in mel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MelBankConfig {
    /// Samples per second of the sound, Hz.
    pub(crate) sample_rate: f64,
    /// Length of the Fourier transform, samples.
    pub(crate) n_fft: usize,
    /// Number of bands.
    pub(crate) n_mels: usize,
    /// Where the lowest triangle begins, Hz, ≥ 0.
    pub(crate) f_min: f64,
    /// Where the highest triangle ends, Hz, at most half the sample rate.
    pub(crate) f_max: f64,
    /// The scale on which the triangles are equally wide.
    pub(crate) scale: MelScale,
    /// The axis along which they are straight.
    pub(crate) triangles: TriangleDomain,
    /// Their relative heights.
    pub(crate) norm: AreaNorm,
}

impl MelBankConfig {
    /// Where each triangle peaks, Hz.
    pub(crate) fn centres(&self) -> Vec<f64> {
        let edges = edges_mel(self).map(|mel| self.scale.hz(mel));
        edges.skip(1).take(self.n_mels).collect()
    }
}

/// Sums the bins of a spectrum into mel bands.
///
/// With `n_mels + 2` edges equally spaced in mel, triangle `b` rises from edge `b` to edge `b + 1`
/// and falls to edge `b + 2`. So a bin between two edges belongs to two bands at most, the one whose
/// triangle rises there and the one before it, and one pass over the bins is enough. The bin at 0 Hz
/// never contributes, as no triangle begins below it: TensorFlow's exclusion of that bin needs no
/// option. A band narrower than the bins are apart may be empty; its sum is 0.
///
/// # Source
/// librosa 0.11 `filters.mel`, torchaudio 2.11 `melscale_fbanks`, TensorFlow
/// `linear_to_mel_weight_matrix`; the golden tests compare with all three.
#[derive(Debug, Clone)]
pub(crate) struct MelBank {
    n_mels: usize,
    bins: usize,
    /// `n_mels + 2` indices: the bins between edges `e` and `e + 1` are `starts[e]..starts[e + 1]`.
    starts: Vec<usize>,
    /// For each bin, its weight in the band whose triangle rises there.
    rising: Vec<f32>,
    /// For each bin, its weight in the band whose triangle falls there.
    falling: Vec<f32>,
}

impl MelBank {
    /// Builds the triangles.
    ///
    /// # Panics
    /// If there is no band, or the frequencies are not `0 ≤ f_min < f_max ≤ sample_rate / 2`.
    pub(crate) fn new(config: &MelBankConfig) -> Self {
        let &MelBankConfig {
            sample_rate,
            n_fft,
            n_mels,
            f_min,
            f_max,
            scale,
            ..
        } = config;
        assert!(n_mels > 0, "a filter bank needs at least one band");
        assert!(
            0.0 <= f_min && f_min < f_max && f_max <= sample_rate / 2.0,
            "bands from {f_min} to {f_max} Hz at {sample_rate} Hz"
        );
        let bins = n_fft / 2 + 1;
        let bin_hz = |bin: usize| bin as f64 * sample_rate / n_fft as f64;
        let edges_hz: Vec<f64> = edges_mel(config).map(|mel| scale.hz(mel)).collect();
        let starts: Vec<usize> = edges_hz
            .iter()
            .map(|&edge| {
                (0..bins)
                    .position(|bin| bin_hz(bin) >= edge)
                    .unwrap_or(bins)
            })
            .collect();

        let axis = |hz: f64| match config.triangles {
            TriangleDomain::Hz => hz,
            TriangleDomain::Mel => scale.mel(hz),
        };
        let height = |band: usize| match config.norm {
            AreaNorm::None => 1.0,
            AreaNorm::Slaney => 2.0 / (edges_hz[band + 2] - edges_hz[band]),
        };
        let mut rising = vec![0.0; bins];
        let mut falling = vec![0.0; bins];
        for edge in 0..=n_mels {
            let (left, right) = (axis(edges_hz[edge]), axis(edges_hz[edge + 1]));
            for bin in starts[edge]..starts[edge + 1] {
                let way = ((axis(bin_hz(bin)) - left) / (right - left)).clamp(0.0, 1.0);
                if edge < n_mels {
                    rising[bin] = (height(edge) * way) as f32;
                }
                if edge > 0 {
                    falling[bin] = (height(edge - 1) * (1.0 - way)) as f32;
                }
            }
        }
        Self {
            n_mels,
            bins,
            starts,
            rising,
            falling,
        }
    }

    /// Number of bands.
    pub(crate) fn n_mels(&self) -> usize {
        self.n_mels
    }

    /// Number of bins of the spectra it takes: `n_fft / 2 + 1`.
    #[cfg(test)]
    fn bins(&self) -> usize {
        self.bins
    }

    /// The weight of `bin` in `band`: 0 outside the band's triangle.
    #[cfg(test)]
    fn weight(&self, band: usize, bin: usize) -> f32 {
        let between = |edge: usize| (self.starts[edge]..self.starts[edge + 1]).contains(&bin);
        if between(band) {
            self.rising[bin]
        } else if between(band + 1) {
            self.falling[bin]
        } else {
            0.0
        }
    }

    /// Sums the bins of `LANES` spectra, side by side, into bands, lowest first. Many lanes are
    /// faster than as many calls: what a bin belongs to is decided once for all of them.
    ///
    /// # Panics
    /// If `spectra` are not `n_fft / 2 + 1` or `bands` not [`Self::n_mels`] long.
    #[inline(always)]
    pub(crate) fn apply<const LANES: usize>(
        &self,
        spectra: &[[f32; LANES]],
        bands: &mut [[f32; LANES]],
    ) {
        assert_eq!(spectra.len(), self.bins, "bins of the spectra");
        assert_eq!(bands.len(), self.n_mels, "bands of the bank");
        let mut risen = [0.0; LANES];
        for (edge, between) in self.starts.windows(2).enumerate() {
            let bins = between[0]..between[1];
            let mut rise = [0.0; LANES];
            let mut fall = [0.0; LANES];
            let weights = self.rising[bins.clone()]
                .iter()
                .zip(&self.falling[bins.clone()]);
            for ((rising, falling), values) in weights.zip(&spectra[bins]) {
                for lane in 0..LANES {
                    rise[lane] += rising * values[lane];
                    fall[lane] += falling * values[lane];
                }
            }
            if let Some(finished) = edge.checked_sub(1) {
                bands[finished] = std::array::from_fn(|lane| risen[lane] + fall[lane]);
            }
            risen = rise;
        }
    }
}

/// The `n_mels + 2` edges between which the triangles stand.
fn edges_mel(config: &MelBankConfig) -> impl Iterator<Item = f64> {
    let (low, high) = (
        config.scale.mel(config.f_min),
        config.scale.mel(config.f_max),
    );
    let steps = config.n_mels + 1;
    (0..=steps).map(move |step| low + (high - low) * step as f64 / steps as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> MelBankConfig {
        MelBankConfig {
            sample_rate: 22_050.0,
            n_fft: 1024,
            n_mels: 40,
            f_min: 50.0,
            f_max: 11_025.0,
            scale: MelScale::Htk,
            triangles: TriangleDomain::Hz,
            norm: AreaNorm::None,
        }
    }

    fn configs() -> impl Iterator<Item = MelBankConfig> {
        let scales = [MelScale::Htk, MelScale::Slaney];
        let domains = [TriangleDomain::Hz, TriangleDomain::Mel];
        scales.into_iter().flat_map(move |scale| {
            domains.map(|triangles| MelBankConfig {
                scale,
                triangles,
                ..config()
            })
        })
    }

    #[test]
    fn scales_give_the_values_of_their_papers_and_return_to_the_same_frequency() {
        assert!((MelScale::Htk.mel(1000.0) - 1000.0).abs() < 0.02);
        assert!((MelScale::Slaney.mel(1000.0) - 15.0).abs() < 1e-9);
        assert!((MelScale::Slaney.mel(6400.0) - 42.0).abs() < 1e-9);
        for scale in [MelScale::Htk, MelScale::Slaney] {
            for hz in [0.0, 50.0, 999.0, 1000.0, 1001.0, 11_025.0] {
                assert!((scale.hz(scale.mel(hz)) - hz).abs() < 1e-8);
            }
        }
    }

    #[test]
    fn between_the_outer_peaks_the_weights_of_a_bin_add_up_to_one() {
        for config in configs() {
            let bank = MelBank::new(&config);
            for bin in bank.starts[1]..bank.starts[config.n_mels] {
                let sum: f32 = (0..config.n_mels).map(|band| bank.weight(band, bin)).sum();
                assert!((sum - 1.0).abs() < 1e-5, "{config:?} bin {bin}: {sum}");
            }
        }
    }

    #[test]
    fn one_pass_over_the_bins_equals_the_product_with_the_dense_matrix() {
        for config in configs() {
            let bank = MelBank::new(&config);
            let spectrum: Vec<f32> = (0..bank.bins()).map(|n| ((n * 7) % 13) as f32).collect();
            let lanes: Vec<[f32; 2]> = spectrum.iter().map(|&v| [v, 2.0 * v]).collect();
            let mut bands = vec![[f32::NAN; 2]; bank.n_mels()];
            bank.apply(&lanes, &mut bands);
            for (band, [sum, doubled]) in bands.iter().enumerate() {
                assert_eq!(*doubled, 2.0 * sum);
                let dense: f64 = spectrum
                    .iter()
                    .enumerate()
                    .map(|(bin, &v)| f64::from(v) * f64::from(bank.weight(band, bin)))
                    .sum();
                assert!((f64::from(*sum) - dense).abs() <= 1e-5 * dense);
            }
        }
    }

    #[test]
    fn the_zero_bin_never_contributes() {
        let bank = MelBank::new(&MelBankConfig {
            f_min: 0.0,
            ..config()
        });
        assert!((0..bank.n_mels()).all(|band| bank.weight(band, 0) == 0.0));
    }

    #[test]
    fn bands_narrower_than_the_bins_are_apart_are_empty() {
        let bank = MelBank::new(&MelBankConfig {
            n_fft: 64,
            ..config()
        });
        let mut bands = vec![[f32::NAN]; bank.n_mels()];
        bank.apply(&vec![[1.0]; bank.bins()], &mut bands);
        assert_eq!(bands[0], [0.0]);
        assert!(bands.iter().all(|[band]| band.is_finite()));
    }
}
