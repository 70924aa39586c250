//! Clips to measure encoders on.

use chiffchaff::audio::{SampleRate, WavEncoding, Waveform, write_wav};
use std::f32::consts::TAU;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// `clips.csv`: 24 clips of two classes in three folds, as a table; `source` names the recording a clip was cut from.
pub(crate) fn write_clips(desk: &Path, source: impl Fn(usize) -> Option<&'static str>) {
    let mut table = "path,label,fold,source\n".to_owned();
    for clip in 0..24 {
        let pitch = [200.0, 2000.0][clip % 2];
        write_tones(&desk.join(format!("{clip}.wav")), clip, &[pitch]);
        let label = ["low", "high"][clip % 2];
        let fold = clip / 2 % 3 + 1;
        let source = source(clip).unwrap_or_default();
        writeln!(table, "{clip}.wav,{label},{fold},{source}").unwrap();
    }
    fs::write(desk.join("clips.csv"), table).unwrap();
}

/// A second of tones at 22.05 kHz, each a little higher than `pitches` by the number of the clip; 0 is none.
pub(crate) fn write_tones(path: &Path, clip: usize, pitches: &[f32]) {
    let rate = SampleRate::new(22050).unwrap();
    let sample = |i: usize| {
        let heard = pitches.iter().filter(|pitch| **pitch > 0.0);
        let tone = |pitch: &f32| {
            let pitch = pitch + 20.0 * clip as f32;
            (TAU * pitch * i as f32 / 22050.0).sin()
        };
        let noise = ((i * 2_654_435_761 + clip * 97) % 1000) as f32 / 500.0 - 1.0;
        0.3 * heard.map(tone).sum::<f32>() + 0.01 * noise
    };
    let sound = Waveform::mono((0..22050).map(sample).collect(), rate);
    write_wav(path, &sound, WavEncoding::Int16).unwrap();
}
