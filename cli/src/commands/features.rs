//! `chiffchaff features`: a sound file in, its time-frequency image out.

use crate::{Finish, printer::Printer};
use anyhow::{Context, bail};
use chiffchaff::audio::read_mono;
use chiffchaff::augment::spectrogram::SpectrogramAugmentConfig;
use chiffchaff::experiment::Experiment;
use chiffchaff::features::{Features, FrontEnd, LogMelConfig};
use clap::Args;
use std::path::PathBuf;

/// Compute the features that an encoder would hear
#[derive(Args)]
#[command(after_help = "Examples:
  chiffchaff features dawn.wav --preset small -o dawn.npy
  chiffchaff features dawn.wav --preset cola --set features.n_mels=80 -o dawn.npy")]
pub(crate) struct Arguments {
    /// The sound file
    file: PathBuf,
    /// Whose front end to use: a preset's, or moummad, protonet, fonseca or cola
    #[arg(long, value_name = "NAME", default_value = "small")]
    preset: String,
    /// Change one key of the configuration, such as features.n_mels=128
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// A NumPy file, float32 of shape [mels, frames]
    #[arg(short, long, value_name = "FILE.npy")]
    output: PathBuf,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> anyhow::Result<Finish> {
    let output = &arguments.output;
    if output.extension().is_none_or(|ending| ending != "npy") {
        bail!("{}: must end in .npy", output.display());
    }
    let front_end = arguments.front_end()?;
    let sound = read_mono(&arguments.file, front_end.sample_rate())?;
    let features = front_end.extractor()?.compute(&sound.channels()[0]);
    chiffchaff::write_whole(output, &npy(&features))
        .with_context(|| output.display().to_string())?;
    printer.say(&format_args!(
        "{}: {} bands, {} frames of {:.1} ms",
        output.display(),
        features.bands(),
        features.frames(),
        1e3 / front_end.frame_rate()
    ));
    Ok(Finish::Clean)
}

impl Arguments {
    /// A published front end, or that of a preset.
    fn front_end(&self) -> anyhow::Result<FrontEnd> {
        let name = &self.preset;
        let Some(published) = LogMelConfig::published(name) else {
            return Ok(Experiment::preset(name, &self.set)?.features);
        };
        let mut experiment = Experiment::preset("small", &[])?;
        experiment.features = FrontEnd::LogMel(published);
        experiment.augment = SpectrogramAugmentConfig::default(); // which may not fit these features
        Ok(Experiment::parse(name, &experiment.to_toml(), &self.set)?.features)
    }
}

/// NumPy's format 1.0; our frame-by-frame order is its Fortran order of `[mels, frames]`.
fn npy(features: &Features) -> Vec<u8> {
    let shape = (features.bands(), features.frames());
    let header = format!("{{'descr': '<f4', 'fortran_order': True, 'shape': {shape:?}, }}");
    const BEFORE_HEADER: usize = 10;
    let padded = (BEFORE_HEADER + header.len() + 1).next_multiple_of(64) - BEFORE_HEADER;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((padded as u16).to_le_bytes());
    bytes.extend(format!("{header:<width$}\n", width = padded - 1).bytes());
    bytes.extend(
        features
            .values()
            .iter()
            .flat_map(|value| value.to_le_bytes()),
    );
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numpy_file_has_its_data_at_a_multiple_of_64() {
        let features = Features::from_frames(2, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let bytes = npy(&features);
        assert_eq!(bytes.len() % 64, 24);
        let header = String::from_utf8_lossy(&bytes[10..bytes.len() - 24]);
        assert!(
            header.contains("(2, 3)") && header.ends_with('\n'),
            "{header}"
        );
        assert_eq!(bytes[bytes.len() - 24..][..4], 1.0f32.to_le_bytes());
    }
}
