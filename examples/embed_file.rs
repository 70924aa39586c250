//! A trained encoder and a recording in, a vector for every three seconds out.
//!
//!     cargo run --release --example embed_file -- models/calls.safetensors data/finch/bengalese_gy6or6_0324.flac

#![expect(clippy::print_stdout, reason = "an example that shows its result")]

use chiffchaff::dataset::Clip;
use chiffchaff::encoder::{DeviceName, Model, SoundWindows};
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(model), Some(recording)) = (arguments.next(), arguments.next()) else {
        return Err("give a model and a recording".into());
    };
    let model = Model::load(&model, DeviceName::Cpu.open()?)?;
    let windows = SoundWindows::Every {
        window_secs: 3.0,
        hop_secs: 3.0,
    };
    let embedded = model.embed_clip(&Clip::unlabelled(recording), windows, |_| {})?;
    for (window, vector) in embedded.windows.iter().zip(embedded.embeddings.rows()) {
        let (onset, offset) = (window.onset(), window.offset());
        let first = &vector[..4.min(vector.len())];
        println!(
            "{onset:.1} to {offset:.1} s: {first:.3?} … ({} numbers)",
            vector.len()
        );
    }
    Ok(())
}
