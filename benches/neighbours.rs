//! Training beside other runs on the same cores: alone, beside one other, beside two others.
//!
//! Every run is a process of its own that trains ResNet-18 by SimCLR, as `train_step` does; all share the cores as the
//! program does. Prints one JSON line per number of runs, with the steps a second of each. `benches/neighbours_peers.py`
//! does the same in PyTorch. Argument: seconds that are measured (default 15).
#![expect(clippy::print_stdout, reason = "the result of a benchmark")]

mod simclr;

use chiffchaff::{cores::share_cores, train::keep_memory};
use serde_json::json;
use simclr::Training;
use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// `[batch, channels, mels, frames]` of a view.
const SHAPE: [i64; 4] = [32, 1, 96, 101];
/// Before the measurement: runs start, notice one another and settle.
const SETTLE: Duration = Duration::from_secs(6);
/// What makes this program one of the runs; behind it, the seconds that are measured.
const RUN: &str = "--run";

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let secs = |text: &String| text.parse().ok();
    let measured = Duration::from_secs(given.iter().find_map(secs).unwrap_or(15));
    if given.iter().any(|argument| argument == RUN) {
        keep_memory();
        println!("{}", steps_per_sec(measured));
        return;
    }
    for (others, place) in ["alone", "beside one other", "beside two others"]
        .iter()
        .enumerate()
    {
        println!(
            "{}",
            json!({
                "name": format!("training of resnet18 {place}"),
                "unit": "steps/s",
                "values": runs_at_once(others + 1, measured),
            })
        );
    }
}

/// Steps a second of each of so many runs.
fn runs_at_once(runs: usize, measured: Duration) -> Vec<f64> {
    let this = std::env::current_exe().expect("a running program has a file");
    let start = |_| {
        Command::new(&this)
            .args([RUN, &measured.as_secs().to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it has been started before")
    };
    let runs: Vec<_> = (0..runs).map(start).collect();
    let speed = |run: Child| {
        let output = run.wait_with_output().expect("it was started");
        let text = String::from_utf8_lossy(&output.stdout);
        text.trim().parse().expect("steps a second")
    };
    runs.into_iter().map(speed).collect()
}

/// Trains, and measures once all runs have settled; goes on a little behind that, so that none is alone at the end.
fn steps_per_sec(measured: Duration) -> f64 {
    let _shared = share_cores();
    let mut training = Training::new("resnet18", SHAPE);
    steps_in(&mut training, SETTLE);
    let started = Instant::now();
    let steps = steps_in(&mut training, measured);
    let speed = f64::from(steps) / started.elapsed().as_secs_f64();
    steps_in(&mut training, SETTLE / 2);
    speed
}

/// How many steps were begun in this time.
fn steps_in(training: &mut Training, time: Duration) -> u32 {
    let started = Instant::now();
    let mut steps = 0;
    while started.elapsed() < time {
        training.step();
        steps += 1;
    }
    steps
}
