//! `cargo xtask test`: dependencies, format, lints, documentation, tests; stops at the first failure.

use crate::{
    demo, dependencies, kills,
    repository::Repository,
    setup::{self, Flavour, ffmpeg},
};
use anyhow::{Result, bail};
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

/// One check: what it proves, the Cargo command, what to do when it fails.
struct Step {
    name: &'static str,
    arguments: &'static [&'static str],
    advice: &'static str,
}

const FORMAT: Step = Step {
    name: "format",
    arguments: &["fmt", "--all", "--check"],
    advice: "run `cargo fmt --all`",
};

const LINTS: Step = Step {
    name: "lints",
    arguments: &[
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ],
    advice: "fix what clippy says above; `#[expect(…, reason = \"…\")]` where it is wrong",
};

const LINTS_WITHOUT_ENGINE: Step = Step {
    name: "lints without the engine",
    arguments: &[
        "clippy",
        "--quiet",
        "--package",
        "chiffchaff",
        "--no-default-features",
        "--",
        "-D",
        "warnings",
    ],
    advice: "something is used only with the engine: put it behind the feature `nn`",
};

const WITHOUT_ENGINE: Step = Step {
    name: "tests without the engine",
    arguments: &[
        "test",
        "--quiet",
        "--package",
        "chiffchaff",
        "--lib",
        "--no-default-features",
    ],
    advice: "a stage that should build without libtorch uses it, or its test fails",
};

const DOCUMENTATION: Step = Step {
    name: "documentation",
    arguments: &[
        "doc",
        "--quiet",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ],
    advice: "fix the link or the markup that rustdoc names above",
};

const TESTS: Step = Step {
    name: "tests",
    arguments: &["test", "--quiet", "--workspace"],
    advice: "see the failed test above; `cargo test NAME` runs it alone",
};

/// In release mode: they train and measure, which takes many times longer without optimisation.
const LONG_TESTS: Step = Step {
    name: "long tests",
    arguments: &[
        "test",
        "--quiet",
        "--workspace",
        "--release",
        "--",
        "--ignored",
    ],
    advice: "see the failed test above; `cargo test --release NAME -- --ignored` runs it alone",
};

/// Kills among the long tests: about two minutes.
const KILLS: u32 = 100;

/// Runs every check, the long tests only with `all`.
///
/// # Errors
/// The first check that fails, with what to do.
pub(crate) fn run(repository: &Repository, all: bool) -> Result<()> {
    require_component(repository, "fmt", "rustfmt")?;
    require_component(repository, "clippy", "clippy")?;
    demo::require_cpp_compiler()?;
    let mut ffmpeg = PathBuf::new();
    let set_up = || {
        setup::run(repository, Flavour::Cpu)?;
        ffmpeg = ffmpeg::program(repository)?;
        Ok(())
    };
    let mut times = vec![("set-up", timed(set_up)?)];
    let mut steps = vec![
        FORMAT,
        LINTS,
        LINTS_WITHOUT_ENGINE,
        WITHOUT_ENGINE,
        DOCUMENTATION,
        TESTS,
    ];
    if all {
        steps.push(LONG_TESTS);
    }
    eprintln!("── dependencies: cargo deny");
    times.push(("dependencies", timed(|| dependencies::check(repository))?));
    for step in &steps {
        eprintln!("── {}: cargo {}", step.name, step.arguments.join(" "));
        times.push((step.name, timed(|| step.run(repository, &ffmpeg))?));
    }
    if all {
        eprintln!("── kills: cargo xtask kills --count {KILLS}");
        let kills = || kills::run(repository, KILLS, 0, None);
        times.push(("kills", timed(kills)?));
    }
    println!();
    for (name, time) in times {
        println!("{name:<26}{:>8.1} s", time.as_secs_f64());
    }
    println!(
        "all passed{}",
        if all {
            ""
        } else {
            " (long tests left out: `cargo xtask test --all`)"
        }
    );
    Ok(())
}

impl Step {
    fn run(&self, repository: &Repository, ffmpeg: &Path) -> Result<()> {
        let mut cargo = repository.cargo(self.arguments);
        cargo.env(ffmpeg::VARIABLE, ffmpeg);
        if self.arguments.starts_with(&["doc"]) {
            cargo.env("RUSTDOCFLAGS", "-D warnings");
        }
        if !cargo.status()?.success() {
            bail!(
                "{} failed (`cargo {}`)\n\nhint: {}",
                self.name,
                self.arguments.join(" "),
                self.advice
            );
        }
        Ok(())
    }
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed())
}

fn require_component(repository: &Repository, command: &str, component: &str) -> Result<()> {
    let mut cargo = repository.cargo([command, "--version"]);
    if !cargo
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?
        .success()
    {
        bail!("{component} is missing\n\nhint: run `rustup component add {component}`");
    }
    Ok(())
}
