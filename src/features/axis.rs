//! What the rows and values of a front end's images mean, for those who look at them.

use super::{Compression, Spectrum};

/// What one channel of an image shows.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelAxis {
    /// What tells it from the other channels, such as `window of 25 ms`; empty where there is one.
    pub name: String,
    /// What its rows are.
    pub bands: BandAxis,
    /// What its values are in, such as `dB`.
    pub unit: &'static str,
}

/// What the rows of an image are, lowest first.
#[derive(Debug, Clone, PartialEq)]
pub enum BandAxis {
    /// Mel bands: the middle of each, Hz.
    Mel(Vec<f64>),
    /// Bins of a Fourier transform: the middle of each, Hz.
    Linear(Vec<f64>),
    /// Wavelets: the tone of each, Hz.
    Wavelet(Vec<f64>),
    /// This many cepstral coefficients, from 0.
    Cepstral(usize),
    /// One row: the sound's amplitude.
    Amplitude,
}

impl BandAxis {
    /// The words beside the axis.
    pub fn title(&self) -> &'static str {
        match self {
            Self::Mel(_) => "mel bands, Hz",
            Self::Linear(_) => "frequency, Hz",
            Self::Wavelet(_) => "wavelets, Hz",
            Self::Cepstral(_) => "cepstral coefficient",
            Self::Amplitude => "amplitude",
        }
    }

    /// What each row stands for: Hz, or the number of a coefficient.
    pub fn values(&self) -> Vec<f64> {
        match self {
            Self::Mel(hz) | Self::Linear(hz) | Self::Wavelet(hz) => hz.clone(),
            Self::Cepstral(count) => (0..*count).map(|n| n as f64).collect(),
            Self::Amplitude => vec![0.0],
        }
    }
}

impl ChannelAxis {
    /// Of the only channel.
    pub(super) fn alone(bands: BandAxis, unit: &'static str) -> Vec<Self> {
        vec![Self {
            name: String::new(),
            bands,
            unit,
        }]
    }
}

/// What values are in.
pub(super) fn unit(compression: Compression, spectrum: Spectrum) -> &'static str {
    match (compression, spectrum) {
        (Compression::Decibels { .. }, _) => "dB",
        (Compression::Log10 { .. }, _) => "log10",
        (Compression::Ln { .. }, _) => "ln",
        (Compression::None {}, Spectrum::Power) => "power",
        (Compression::None {}, Spectrum::Magnitude) => "magnitude",
    }
}

#[cfg(test)]
mod tests {
    use crate::features::FrontEnd;

    #[test]
    fn every_channel_of_every_front_end_has_an_axis_for_its_rows() {
        for name in FrontEnd::published_names() {
            let front_end = FrontEnd::published(name).unwrap();
            let extractor = front_end.extractor().unwrap();
            let axes = front_end.axes().unwrap();
            assert_eq!(axes.len(), extractor.channels(), "{name}");
            for axis in axes {
                let rows = axis.bands.values();
                assert_eq!(rows.len(), extractor.bands(), "{name}");
                assert!(rows.is_sorted_by(|a, b| a < b), "{name}");
                let nyquist = f64::from(front_end.sample_rate().hz()) / 2.0;
                assert!(rows.iter().all(|&hz| hz <= nyquist), "{name}");
            }
        }
        assert!(FrontEnd::published("wavelets").is_none());
    }
}
