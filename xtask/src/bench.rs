//! `cargo xtask bench`: our speed and that of Python packages for the same work, side by side.
//!
//! Both sides of a pair print one JSON object a line, `{"name", "unit", "values"}`, peers also
//! `"peer"` (`"librosa 0.11.0"`). Lines with equal `name` are the same work. The sides take turns, so
//! that a machine that gets busier slows both.

use crate::{machine, repository::Repository, setup, setup::Flavour, venv};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A bench of ours, `benches/NAME.rs`, and a script with its peers, `benches/NAME_peers.py`.
const PAIRS: [&str; 6] = [
    "evaluate",
    "log_mel",
    "front_ends",
    "neighbours",
    "train_step",
    "waveform_augment",
];

/// One line of a bench's output.
#[derive(Deserialize)]
struct Line {
    name: String,
    unit: String,
    values: Vec<f64>,
    peer: Option<String>,
}

/// All values of one work, by who did it.
struct Work {
    unit: String,
    ours: Vec<f64>,
    peers: BTreeMap<String, Vec<f64>>,
}

/// Median and extremes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    median: f64,
    least: f64,
    greatest: f64,
}

/// Runs the pairs whose name contains `filter`, both sides with `arguments`, and prints one table.
///
/// # Errors
/// No Python, a bench that does not build or run, output that is not as above.
pub(crate) fn run(
    repository: &Repository,
    filter: Option<&str>,
    repetitions: usize,
    python: Option<PathBuf>,
    arguments: &[String],
) -> Result<()> {
    let wanted = |name: &&&str| filter.is_none_or(|filter| name.contains(filter));
    let pairs: Vec<&str> = PAIRS
        .iter()
        .filter(wanted)
        .copied()
        .filter(|name| is_there(repository, name))
        .collect();
    if pairs.is_empty() {
        bail!("no such bench; there are: {}", PAIRS.join(", "));
    }
    setup::run(repository, Flavour::Cpu)?;
    let python = venv::python(repository, python)?;
    print_machine(&python);
    for name in pairs {
        print_table(
            name,
            &measure(repository, name, repetitions, &python, arguments)?,
        );
    }
    Ok(())
}

fn is_there(repository: &Repository, name: &str) -> bool {
    repository
        .root()
        .join(format!("benches/{name}.rs"))
        .is_file()
}

/// Our side and the peers' in turns.
fn measure(
    repository: &Repository,
    name: &str,
    repetitions: usize,
    python: &Path,
    arguments: &[String],
) -> Result<BTreeMap<String, Work>> {
    let build = ["bench", "--quiet", "--no-run", "--bench", name];
    let ours = repository.built(&build, name)?;
    let script = repository.root().join(format!("benches/{name}_peers.py"));
    let mut works = BTreeMap::new();
    for repetition in 1..=repetitions {
        eprintln!("{name}: repetition {repetition} of {repetitions}");
        let lines = lines_of(
            Command::new(&ours)
                .arg("--bench")
                .args(arguments)
                .current_dir(repository.root()),
        )?;
        lines
            .into_iter()
            .try_for_each(|line| add(&mut works, line, true))?;
        if script.is_file() {
            let lines = lines_of(
                Command::new(python)
                    .arg(&script)
                    .args(arguments)
                    .current_dir(repository.root()),
            )?;
            lines
                .into_iter()
                .try_for_each(|line| add(&mut works, line, false))?;
        }
    }
    Ok(works)
}

fn lines_of(command: &mut Command) -> Result<Vec<Line>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("`{program}` failed; see its message above");
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let parse = |line: &str| {
        serde_json::from_str(line).with_context(|| format!("`{program}` printed `{line}`"))
    };
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(parse)
        .collect()
}

fn add(works: &mut BTreeMap<String, Work>, line: Line, is_ours: bool) -> Result<()> {
    let work = works.entry(line.name.clone()).or_insert_with(|| Work {
        unit: line.unit.clone(),
        ours: Vec::new(),
        peers: BTreeMap::new(),
    });
    if work.unit != line.unit {
        bail!(
            "`{}` is measured in {} and in {}",
            line.name,
            work.unit,
            line.unit
        );
    }
    let side = if is_ours {
        &mut work.ours
    } else {
        work.peers
            .entry(line.peer.unwrap_or_else(|| "peer".to_owned()))
            .or_default()
    };
    side.extend(line.values);
    Ok(())
}

fn print_machine(python: &Path) {
    println!("machine  {}", machine::described());
    println!(
        "ours     chiffchaff {}, libtorch {}",
        env!("CARGO_PKG_VERSION"),
        setup::installed::VERSION
    );
    let script = "import sys, importlib.metadata as m; print('Python', sys.version.split()[0], \
                  *(f'{p} {m.version(p)}' for p in ('torch', 'torchaudio', 'librosa')), sep=', ')";
    if let Ok(output) = Command::new(python).args(["-c", script]).output() {
        println!(
            "peers    {}",
            String::from_utf8_lossy(&output.stdout)
                .trim()
                .replacen(", ", " ", 1)
        );
    }
}

fn print_table(name: &str, works: &BTreeMap<String, Work>) {
    println!("\n{name}: median (least–greatest)");
    for (work, Work { unit, ours, peers }) in works {
        let Some(own) = spread(ours) else {
            println!("  {work}: measured on the peers' side only");
            continue;
        };
        println!("  {work} [{unit}]");
        println!("    {:<44}{}", "chiffchaff", shown(own));
        for (peer, values) in peers {
            let Some(other) = spread(values) else {
                continue;
            };
            let ratio = times_faster(unit, own.median, other.median);
            let verdict = if ratio < 1.0 { "  ← we lose" } else { "" };
            println!(
                "    {peer:<44}{}   ours is {ratio:.2}×{verdict}",
                shown(other)
            );
        }
    }
}

fn shown(
    Spread {
        median,
        least,
        greatest,
    }: Spread,
) -> String {
    format!("{median:>10.4} ({least:.4}–{greatest:.4})")
}

/// Units of time (`s/step`) are better when smaller, units of speed (`clips/s`) when greater.
fn times_faster(unit: &str, ours: f64, peer: f64) -> f64 {
    let is_time = unit.starts_with("s/") || unit.starts_with("ms/") || ["s", "ms"].contains(&unit);
    if is_time { peer / ours } else { ours / peer }
}

fn spread(values: &[f64]) -> Option<Spread> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (least, greatest) = (*sorted.first()?, *sorted.last()?);
    let middle = sorted.len() / 2;
    let median = if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        (sorted[middle - 1] + sorted[middle]) / 2.0
    };
    Some(Spread {
        median,
        least,
        greatest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_seconds_and_more_clips_are_both_faster() {
        assert_eq!(times_faster("s/step", 1.0, 2.0), 2.0);
        assert_eq!(times_faster("clips/s", 2.0, 1.0), 2.0);
        assert_eq!(times_faster("x real time", 1.0, 2.0), 0.5);
    }

    #[test]
    fn median_of_an_even_number_lies_between_the_middle_two() {
        let expected = Spread {
            median: 2.5,
            least: 1.0,
            greatest: 9.0,
        };
        assert_eq!(spread(&[9.0, 2.0, 1.0, 3.0]), Some(expected));
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn one_work_in_two_units_is_refused() {
        let line = |unit: &str| Line {
            name: "work".to_owned(),
            unit: unit.to_owned(),
            values: vec![1.0],
            peer: None,
        };
        let mut works = BTreeMap::new();
        add(&mut works, line("s/step"), true).unwrap();
        assert!(add(&mut works, line("clips/s"), false).is_err());
    }
}
