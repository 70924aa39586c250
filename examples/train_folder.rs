//! A folder of clips in, an encoder trained on them and how well it tells the sub-folders apart out.
//!
//!     cargo run --release --example train_folder -- my_recordings runs/mine train.epochs=50

#![expect(clippy::print_stdout, reason = "an example that shows its result")]

use chiffchaff::corpus::LoadedDataset;
use chiffchaff::encoder::DeviceName;
use chiffchaff::experiment::Experiment;
use chiffchaff::measure::Measurement;
use chiffchaff::report::table;
use chiffchaff::train::{RunDir, Start, TrainingCorpora, pretrain};
use std::{ops::ControlFlow, path::Path};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, out, settings @ ..] = &arguments[..] else {
        return Err("give a folder of clips and one for the encoder".into());
    };
    let experiment = Experiment::preset("small", settings)?;
    let found = [LoadedDataset::load(&format!("folder:{folder}").parse()?)?];
    let cache = Path::new(out).join("cache");
    let corpora = TrainingCorpora::open(&experiment, &found, &cache, |_, _| {})?;
    let (data, _) = corpora.training_data(&experiment, &[], Start::New)?;
    let (run, device) = (RunDir::new(out), DeviceName::Cpu.open()?);
    pretrain(&experiment, &data, &run, Start::New, device, |_| {
        ControlFlow::Continue(())
    })?;
    let measurement = Measurement::new(Path::new(out), &found[0], &cache);
    println!("{}", table(&measurement.run::<usize>()?.results, 100));
    Ok(())
}
