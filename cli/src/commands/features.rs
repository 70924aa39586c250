//! `chiffchaff features`: a sound file in, its time-frequency image out.

use super::existing;
use crate::clips::ChannelArgument;
use crate::{Finish, printer::Printer};
use anyhow::{Context, bail};
use chiffchaff::augment::{AugmentConfig, ViewKey};
use chiffchaff::dataset::Clip;
use chiffchaff::experiment::Experiment;
use chiffchaff::features::{Features, FrontEnd};
use chiffchaff::output::OutputFile;
use chiffchaff::report::{AxisOrder, FeaturePicture, npy_head};
use chiffchaff::train::{TrainError, augmented};
use clap::Args;
use std::path::{Path, PathBuf};

/// Compute the features that an encoder would hear, and draw them
#[derive(Args)]
#[command(after_help = "Examples:
  chiffchaff features dawn.wav --preset small -o dawn.npy
  chiffchaff features dawn.wav --preset clar --picture dawn.png
  chiffchaff features dawn.wav --preset wavelet --set features.f_min=500 --picture dawn.html
  chiffchaff features dawn.wav --preset cola --set features.n_mels=80 -o dawn.npy
  chiffchaff features dawn.wav --augmented 1 --mix-with rain.wav --picture view.png")]
pub(crate) struct Arguments {
    /// The sound file
    file: PathBuf,
    /// Whose front end to use: a preset's, or moummad, protonet, fonseca, cola, mfcc, pcen, esresnet, esresnet-stereo,
    /// wavelet, palanisamy or clar
    #[arg(long, value_name = "NAME", default_value = "small")]
    preset: String,
    /// Change one key of the configuration, such as features.n_mels=128
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// A NumPy file, float32 of shape [mels, frames], or [channels, bands, frames] where there are several channels
    #[arg(
        short,
        long,
        value_name = "FILE.npy",
        required_unless_present = "picture"
    )]
    output: Option<PathBuf>,
    /// Augment as training with this configuration would; other numbers draw anew
    #[arg(long, value_name = "SEED")]
    augmented: Option<u64>,
    /// The recording that augmentations mix in
    #[arg(long, value_name = "FILE", requires = "augmented")]
    mix_with: Option<PathBuf>,
    /// A picture with axes in seconds and hertz: .png, or a page with the settings, .html
    #[arg(long, value_name = "FILE.png|html")]
    picture: Option<PathBuf>,
    #[command(flatten)]
    channel: ChannelArgument,
    /// Replace files that are there already
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> anyhow::Result<Finish> {
    let (output, picture) = (&arguments.output, &arguments.picture);
    arguments.check()?;
    let experiment = arguments.experiment()?;
    let front_end = &experiment.features;
    let read = |file: &PathBuf| {
        let clip = Clip {
            channel: experiment.channel,
            ..Clip::unlabelled(file)
        };
        let read = clip.read_remarked(front_end.sample_rate(), front_end.sound_channels())?;
        drop(chiffchaff::audio::take_remarks()); // they are among these
        for remark in &read.remarks {
            printer.warn(&format_args!("{}: {remark}", file.display()));
        }
        anyhow::Ok((read.sound, !read.remarks.is_empty()))
    };
    let (sound, remarked) = read(&arguments.file)?;
    let features = match arguments.augmented {
        None => front_end.extractor()?.compute_sound(&sound),
        Some(seed) => {
            let other = arguments.mix_with.as_ref().map(read).transpose()?;
            let other = other.map(|(sound, _)| sound);
            let view = ViewKey {
                seed,
                epoch: 0,
                item: 0,
                view: 0,
            };
            match augmented(&experiment, sound, other.as_ref(), view) {
                Err(TrainError::NothingToMix) => bail!(
                    "{}\n\nhint: give another with `--mix-with FILE`",
                    TrainError::NothingToMix
                ),
                features => features?,
            }
        }
    };
    let mut written = Vec::new();
    if let Some(output) = output {
        written.push((output, npy(&features)));
    }
    if let Some(picture) = picture {
        written.push((
            picture,
            arguments.draw(front_end, &features, &ending(picture))?,
        ));
    }
    for (file, bytes) in written {
        chiffchaff::write_whole(file, &bytes).with_context(|| file.display().to_string())?;
        printer.say(&format_args!(
            "{}: {}{} bands, {} frames of {:.1} ms",
            file.display(),
            match features.channels() {
                1 => String::new(),
                channels => format!("{channels} channels of "),
            },
            features.bands(),
            features.frames(),
            1e3 / front_end.frame_rate()
        ));
    }
    Ok(match remarked {
        true => Finish::WithRemarks,
        false => Finish::Clean,
    })
}

fn ending(file: &Path) -> String {
    let ending = file.extension().unwrap_or_default();
    ending.to_string_lossy().to_ascii_lowercase()
}

impl Arguments {
    /// Before anything is computed.
    fn check(&self) -> anyhow::Result<()> {
        let inputs: Vec<_> = [&self.file].into_iter().chain(&self.mix_with).collect();
        let outputs = [
            (&self.output, "--output", &["npy"][..]),
            (&self.picture, "--picture", &["png", "html"]),
        ];
        for (path, option, endings) in outputs {
            let Some(path) = path else {
                continue;
            };
            OutputFile {
                path,
                option,
                endings,
            }
            .check(&inputs, existing(self.force))?;
        }
        Ok(())
    }

    /// A preset, or a published front end without augmentation.
    fn experiment(&self) -> anyhow::Result<Experiment> {
        let (name, set) = (&self.preset, self.channel.with_set(&self.set));
        let Some(published) = FrontEnd::published(name) else {
            return Ok(Experiment::preset(name, &set)?);
        };
        let mut experiment = Experiment::preset("small", &[])?;
        experiment.features = published;
        experiment.augment = AugmentConfig::default(); // which may not fit these features
        Ok(Experiment::parse(name, &experiment.to_toml(), &set)?)
    }

    fn draw(
        &self,
        front_end: &FrontEnd,
        features: &Features,
        ending: &str,
    ) -> anyhow::Result<Vec<u8>> {
        let name = self.file.file_name().unwrap_or(self.file.as_os_str());
        let picture = FeaturePicture {
            title: &format!("{} - {}", name.to_string_lossy(), self.preset),
            features,
            axes: &front_end.axes()?,
            frame_rate: front_end.frame_rate(),
        };
        Ok(match ending {
            "html" => picture
                .html(&toml::to_string_pretty(front_end)?)?
                .into_bytes(),
            _ => picture.png(),
        })
    }
}

/// NumPy's format 1.0. Our frame-by-frame order is its Fortran order of `[mels, frames]`; several channels are written one
/// after the other as `[channels, bands, frames]`, whose Fortran order begins with the channels.
fn npy(features: &Features) -> Vec<u8> {
    let (channels, bands, frames) = (features.channels(), features.bands(), features.frames());
    let shape = match channels {
        1 => vec![bands, frames],
        _ => vec![channels, bands, frames],
    };
    let mut bytes = npy_head(&shape, AxisOrder::Fortran);
    let of_frame = |frame: &[f32]| -> Vec<u8> {
        let places = (0..bands).flat_map(|band| (0..channels).map(move |c| c * bands + band));
        places
            .flat_map(|place| frame[place].to_le_bytes())
            .collect()
    };
    bytes.extend((0..frames).flat_map(|frame| of_frame(features.frame(frame))));
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

    #[test]
    fn several_channels_are_the_first_axis() {
        // Two channels of three bands, one frame; the first axis is the fastest in Fortran's order.
        let values = vec![1.0, 2.0, 3.0, 10.0, 20.0, 30.0];
        let bytes = npy(&Features::with_channels(2, 3, values));
        let numbers = bytes[bytes.len() - 24..].as_chunks::<4>().0;
        let numbers: Vec<f32> = numbers.iter().map(|b| f32::from_le_bytes(*b)).collect();
        assert_eq!(numbers, [1.0, 10.0, 2.0, 20.0, 3.0, 30.0]);
        assert!(String::from_utf8_lossy(&bytes[..100]).contains("(2, 3, 1)"));
    }
}
