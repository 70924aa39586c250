//! `docs/presets.md`.

use super::Measured;
use std::{collections::BTreeSet, fmt::Write};

const COLUMNS: [&str; 11] = [
    "preset",
    "source",
    "encoder",
    "parameters",
    "batch",
    "steps",
    "s per step",
    "peak memory",
    "resumed to the same bytes",
    "k-NN",
    "changed",
];

const HEAD: &str = "\
# Presets, measured

One epoch of every preset from the command line: of the 400 clips of `data/esc10`, or, for presets that learn from marked
events, of 24 recordings that `chiffchaff synthesize` makes. Then the same again, killed half-way and resumed, and
`encoder.safetensors` compared byte by byte. Seconds per step are the median of the uninterrupted run; memory is the most
that its process held, reading the sound included. k-NN is the accuracy over ESC-10's folds after this one epoch: it shows
that the encoder can be measured and says nothing about the preset. *Changed* are the settings that differ from the
preset, so that an epoch has some steps and ends within minutes on two cores.

";

/// The page of what was measured, in this order; `missing` presets were not.
pub(super) fn page(rows: &[Measured], missing: usize) -> String {
    let mut page = HEAD.to_owned();
    for (label, values) in [
        ("Machine", distinct(rows, |row| row.machine.clone())),
        ("Threads", distinct(rows, |row| row.threads.to_string())),
        ("Date", distinct(rows, |row| row.date.clone())),
    ] {
        writeln!(page, "- {label}: {values}").expect("text grows");
    }
    page += "- Command: `cargo xtask presets`, which writes this page\n";
    if missing > 0 {
        writeln!(page, "- Not measured yet: {missing} of the presets").expect("text grows");
    }
    page += "\n";
    page += &line(COLUMNS.map(str::to_owned));
    page += &line(COLUMNS.map(|_| "---".to_owned()));
    for row in rows {
        page += &line(cells(row));
    }
    page
}

/// The values that rows have, each once.
fn distinct(rows: &[Measured], value: impl Fn(&Measured) -> String) -> String {
    let values: BTreeSet<String> = rows.iter().map(value).collect();
    values.into_iter().collect::<Vec<_>>().join("; ")
}

fn line(cells: [String; COLUMNS.len()]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn cells(row: &Measured) -> [String; COLUMNS.len()] {
    let unknown = || "–".to_owned();
    let gigabytes = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
    let percent = |accuracy: f64| format!("{:.1} %", 100.0 * accuracy);
    let changed: Vec<String> = row.overrides.iter().map(|o| format!("`{o}`")).collect();
    [
        format!("`{}`", row.preset),
        short_source(&row.source),
        format!("`{}`", row.encoder),
        format!("{:.1} M", row.parameters as f64 / 1e6),
        row.batch_size.to_string(),
        row.steps.to_string(),
        format!("{:.2}", row.secs_per_step),
        row.peak_memory.map_or_else(unknown, gigabytes),
        match row.resumed_to_same_bytes {
            true => format!("yes, from step {}", row.stopped_after),
            false => format!("**no**, from step {}", row.stopped_after),
        },
        row.knn_accuracy.map_or_else(unknown, percent),
        changed.join(", "),
    ]
}

/// `Chen, Fan, Girshick, He: Improved Baselines …, CVPR 2021, and its code` → `Chen et al. 2021`: who, and the first year
/// behind; text without authors up to its first `;`.
fn short_source(source: &str) -> String {
    let Some((authors, work)) = source.split_once(": ") else {
        return source.split(';').next().unwrap_or(source).to_owned();
    };
    let names: Vec<&str> = authors.split(", ").collect();
    let authors = match names.as_slice() {
        [first, _, _, ..] => format!("{first} et al."),
        names => names.join(" and "),
    };
    let is_year =
        |word: &&str| word.len() == 4 && word.parse().is_ok_and(|y| (1900..2100).contains(&y));
    let mut words = work
        .split_whitespace()
        .map(|word| word.trim_end_matches([',', ';', '.']));
    match words.find(is_year) {
        Some(year) => format!("{authors} {year}"),
        None => authors,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::presets) fn measured(preset: &str, overrides: &[&str]) -> Measured {
        Measured {
            preset: preset.to_owned(),
            source: "Li, Wu: Sound, 2021".to_owned(),
            encoder: "resnet18".to_owned(),
            parameters: 11_170_240,
            batch_size: 64,
            overrides: overrides.iter().map(ToString::to_string).collect(),
            steps: 6,
            secs_per_step: 1.234,
            peak_memory: Some(2_345_000_000),
            stopped_after: 3,
            resumed_to_same_bytes: true,
            knn_accuracy: Some(0.675),
            threads: 2,
            machine: "some processor, 2 cores, linux".to_owned(),
            date: "2026-01-02".to_owned(),
        }
    }

    #[test]
    fn sources_are_told_as_papers_cite_them() {
        for (source, short) in [
            ("A, B, C: On Sound, ICASSP 2021; D 2020", "A et al. 2021"),
            ("A, B: On Sound, arXiv:2003.04297", "A and B"),
            ("Lin: thesis on 4321 sounds, 2022; MoCo of 2020", "Lin 2022"),
            ("our own; docs/recipe.md says how", "our own"),
        ] {
            assert_eq!(short_source(source), short);
        }
    }

    #[test]
    fn a_row_says_what_was_measured() {
        let row = line(cells(&measured("mine", &["a.b=1", "c=2"])));
        assert_eq!(
            row,
            "| `mine` | Li and Wu 2021 | `resnet18` | 11.2 M | 64 | 6 | 1.23 | 2.3 GB | yes, from step 3 | 67.5 % | \
             `a.b=1`, `c=2` |\n"
        );
        let unknown = Measured {
            peak_memory: None,
            knn_accuracy: None,
            resumed_to_same_bytes: false,
            ..measured("mine", &[])
        };
        let row = line(cells(&unknown));
        assert!(row.contains("| – | **no**, from step 3 | – |"), "{row}");
    }

    #[test]
    fn the_head_names_every_machine_once() {
        let other = Measured {
            date: "2026-01-03".to_owned(),
            ..measured("other", &[])
        };
        let page = page(&[measured("one", &[]), other], 1);
        assert!(page.contains("- Date: 2026-01-02; 2026-01-03\n"), "{page}");
        assert!(
            page.contains("- Machine: some processor, 2 cores, linux\n"),
            "{page}"
        );
        assert!(
            page.contains("- Not measured yet: 1 of the presets\n"),
            "{page}"
        );
        let rows = page.lines().filter(|line| line.starts_with("| `"));
        assert_eq!(rows.count(), 2);
    }
}
