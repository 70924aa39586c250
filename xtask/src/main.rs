//! `cargo xtask`: set-up, demo, tests and benchmarks of chiffchaff.
//!
//! Depends on no tensor engine, so that it builds in seconds on a bare machine and can fetch one.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that talks to a person"
)]

mod bench;
mod demo;
mod dependencies;
mod fuzz;
mod goldens;
mod kills;
mod machine;
mod pictures;
mod presets;
mod repository;
mod setup;
mod test;
mod venv;

use clap::{Parser, Subcommand};
use repository::Repository;
use setup::Flavour;
use std::{path::PathBuf, process::ExitCode};

/// Set-up, demo, tests and benchmarks of chiffchaff.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Fetch libtorch into `.libtorch/`: once, continued where it was interrupted.
    Setup {
        /// With CUDA for NVIDIA cards (about 3 GB to download); otherwise for the CPU (0.5 GB).
        #[arg(long)]
        cuda: bool,
    },
    /// Set up, build, train and measure an encoder on the bundled clips, write a report.
    Demo,
    /// Format, lints, documentation, all tests: what continuous integration runs.
    Test {
        /// Also the long tests, which are marked `#[ignore]`, in release mode.
        #[arg(long)]
        all: bool,
    },
    /// Measure our speed and that of the Python packages for the same work, side by side.
    Bench {
        /// Only benches whose name contains this text.
        filter: Option<String>,
        /// How often each side runs; the two take turns.
        #[arg(long, default_value_t = 5)]
        repetitions: usize,
        /// A Python that has the packages already, instead of our own under `target/`.
        #[arg(long)]
        python: Option<PathBuf>,
        /// Given to both sides of a bench: `bench train_step -- crnn 5` times five steps of one encoder.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Make the golden files in `tests/golden/` anew with the Python packages they compare with.
    Goldens {
        /// A Python that has the packages already, instead of our own under `target/`.
        #[arg(long)]
        python: Option<PathBuf>,
    },
    /// Read files nobody would write with everything that reads one, until a finding or the time is over.
    ///
    /// Needs nightly Rust and cargo-fuzz.
    Fuzz {
        /// One reader; otherwise all, one after the other.
        target: Option<String>,
        /// For how long each.
        #[arg(long, default_value_t = 10)]
        minutes: u32,
    },
    /// Train an epoch of every preset, kill and resume it, and write `docs/presets.md`.
    ///
    /// Goes on where it was stopped: what was measured is kept under `runs/presets/`.
    Presets {
        /// Only presets whose name contains this text.
        filter: Option<String>,
        /// Also those that are measured already.
        #[arg(long)]
        again: bool,
        /// Compute threads, 0 for one per core.
        #[arg(long, default_value_t = 0)]
        threads: usize,
        /// A `chiffchaff` that is built already, instead of building it.
        #[arg(long)]
        program: Option<PathBuf>,
    },
    /// Kill training, measuring, studies and searches at random moments, start them again, and compare how they end.
    Kills {
        /// How many kills.
        #[arg(long, default_value_t = 1000)]
        count: u32,
        /// Other seeds kill at other moments.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// A `chiffchaff` that is built already, instead of building it.
        #[arg(long)]
        program: Option<PathBuf>,
    },
    /// Draw the pictures of `docs/augmentations.md` anew.
    Pictures,
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    let repository = Repository::of_this_program()?;
    match task {
        Task::Setup { cuda } => {
            setup::run(&repository, if cuda { Flavour::Cuda } else { Flavour::Cpu })
        }
        Task::Demo => demo::run(&repository),
        Task::Test { all } => test::run(&repository, all),
        Task::Bench {
            filter,
            repetitions,
            python,
            arguments,
        } => bench::run(
            &repository,
            filter.as_deref(),
            repetitions,
            python,
            &arguments,
        ),
        Task::Goldens { python } => goldens::run(&repository, python),
        Task::Fuzz { target, minutes } => fuzz::run(&repository, target.as_deref(), minutes),
        Task::Presets {
            filter,
            again,
            threads,
            program,
        } => {
            let request = presets::Request {
                filter,
                again,
                threads,
                program,
            };
            presets::run(&repository, &request)
        }
        Task::Kills {
            count,
            seed,
            program,
        } => kills::run(&repository, count, seed, program),
        Task::Pictures => pictures::run(&repository),
    }
}
