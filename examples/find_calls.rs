//! A recording and a table of a few marked calls in, every other call of that kind out.
//!
//!     cargo run --release --example find_calls -- data/finch/bengalese_gy6or6_0324.flac data/finch/bengalese_gy6or6_0324.csv

#![expect(clippy::print_stdout, reason = "an example that shows its result")]

use chiffchaff::dataset::ShotChoice;
use chiffchaff::detect::{DetectorConfig, Fitter, MarkedRecording};
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(recording), Some(marks)) = (arguments.next(), arguments.next()) else {
        return Err("give a recording and its table of marks".into());
    };
    let marked = MarkedRecording::read(&recording, &marks, &ShotChoice::default())?;
    let detector = Fitter::new(DetectorConfig::default())?.fit(&[marked], |_| {})?;
    for event in detector.detect(&recording, |_| {})?.events {
        let (onset, offset) = (event.span.onset(), event.span.offset());
        println!("{onset:.3} to {offset:.3} s, score {:.2}", event.score);
    }
    Ok(())
}
