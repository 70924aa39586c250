//! `cargo xtask pictures`: what each augmentation does, for `docs/augmentations.md`.

use crate::{
    repository::Repository,
    setup::{self, Flavour},
};
use anyhow::{Context, Result, bail};
use std::fs;

/// What is drawn: a bundled rooster, and the sea where an augmentation mixes.
const SOUND: &str = "data/esc10/audio/1-34119-A-1.ogg";
const OTHER: &str = "data/esc10/audio/1-28135-A-11.ogg";

/// Name of the picture, and the augmentation.
const PICTURES: &[(&str, &str)] = &[
    ("before", "augment.steps=[]"),
    (
        "polarity-flip",
        r#"augment.waveform=[{type="polarity-flip"}]"#,
    ),
    (
        "time-reversal",
        r#"augment.waveform=[{type="time-reversal"}]"#,
    ),
    (
        "channel-swap",
        r#"augment.waveform=[{type="channel-swap"}]"#,
    ),
    (
        "pad-crop",
        r#"augment.waveform=[{type="pad-crop",length_secs=2.0}]"#,
    ),
    (
        "scale",
        r#"augment.waveform=[{type="scale",max_factor=2.0}]"#,
    ),
    (
        "time-stretch",
        r#"augment.waveform=[{type="time-stretch",rate=[0.6,0.6]}]"#,
    ),
    (
        "pitch-shift",
        r#"augment.waveform=[{type="pitch-shift",semitones=[7.0,7.0]}]"#,
    ),
    (
        "noise",
        r#"augment.waveform=[{type="noise",snr_db=[5.0,5.0]}]"#,
    ),
    (
        "fade",
        r#"augment.waveform=[{type="fade",in_share=[0.3,0.3],out_share=[0.5,0.5]}]"#,
    ),
    (
        "time-mask",
        r#"augment.waveform=[{type="time-mask",share=[0.2,0.2]}]"#,
    ),
    (
        "time-shift",
        r#"augment.waveform=[{type="time-shift",share=[0.4,0.4]}]"#,
    ),
    (
        "gain",
        r#"augment.waveform=[{type="gain",gain_db=[-20.0,-20.0]}]"#,
    ),
    ("reverb", r#"augment.waveform=[{type="reverb"}]"#),
    (
        "background",
        r#"augment.waveform=[{type="background",snr_db=[5.0,5.0]}]"#,
    ),
    ("spectrogram-mix", r#"augment.steps=[{type="mix"}]"#),
    (
        "spectrogram-mix-back",
        r#"augment.steps=[{type="mix-back",max_lambda=0.5}]"#,
    ),
    (
        "spectrogram-resized-crop",
        r#"augment.steps=[{type="resized-crop",area=[0.4,0.4]}]"#,
    ),
    (
        "spectrogram-time-crop",
        r#"augment.steps=[{type="time-crop",share=[0.7,0.7]}]"#,
    ),
    (
        "spectrogram-compression",
        r#"augment.steps=[{type="compression",factor=[0.7,0.7]}]"#,
    ),
    (
        "spectrogram-attenuation",
        r#"augment.steps=[{type="attenuation",by=[1.0,1.0]}]"#,
    ),
    (
        "spectrogram-gaussian-noise",
        r#"augment.steps=[{type="gaussian-noise",std=[0.5,0.5]}]"#,
    ),
    (
        "spectrogram-spec-augment",
        r#"augment.steps=[{type="spec-augment",frequency_masks=1,frequency_width=16,time_masks=1,time_width=60}]"#,
    ),
    (
        "spectrogram-time-shift",
        r#"augment.steps=[{type="time-shift",frames=[80,80]}]"#,
    ),
    (
        "spectrogram-frequency-shift",
        r#"augment.steps=[{type="frequency-shift",bands=[9,9]}]"#,
    ),
    (
        "spectrogram-time-reversal",
        r#"augment.steps=[{type="time-reversal"}]"#,
    ),
    (
        "spectrogram-gain",
        r#"augment.steps=[{type="gain",gain_db=[-20.0,-20.0]}]"#,
    ),
    (
        "spectrogram-equalizer",
        r#"augment.steps=[{type="equalizer",max_std_db=12.0}]"#,
    ),
    (
        "spectrogram-blur",
        r#"augment.steps=[{type="blur",sigma=[2.0,2.0]}]"#,
    ),
    (
        "spectrogram-time-warp",
        r#"augment.steps=[{type="time-warp",max_frames=60}]"#,
    ),
];

/// Draws them all anew.
///
/// # Errors
/// If the program does not build, or refuses one.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    setup::run(repository, Flavour::Cpu)?;
    let folder = repository.root().join("docs/augmentations");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    for (name, setting) in PICTURES {
        let picture = format!("docs/augmentations/{name}.png");
        let drawn = repository
            .chiffchaff(["features", SOUND, "--preset", "fonseca", "--set", setting])
            .args([
                "--augmented",
                "1",
                "--mix-with",
                OTHER,
                "--picture",
                &picture,
                "--force",
            ])
            .status()?;
        if !drawn.success() {
            bail!("{picture} was not drawn; see the message above");
        }
    }
    Ok(())
}
