//! What is in the data, and what is odd about it, in words.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

use crate::dataset::{Count, DatasetScan, listed_folds};

/// More classes than this are not listed one by one.
const MAX_CLASSES: usize = 50;

/// A [`DatasetScan`] in words, for a page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// How many clips: `4 clips, 3 readable`.
    pub clips: String,
    /// Facts about the clips, each with its name: lengths, sample rates, folds, classes.
    pub facts: Vec<(String, String)>,
    /// Oddities of files and sources.
    pub findings: Vec<Finding>,
    /// Sentences about the oddities that make scores too high, such as duplicates.
    pub warnings: Vec<String>,
}

/// An oddity of a file or of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The name of the file or of the source.
    pub about: String,
    /// What is odd about it: `is silent`.
    pub what: String,
}

impl Audit {
    /// Puts the findings of a scan into words.
    pub fn of(scan: &DatasetScan) -> Self {
        Self {
            clips: format!("{} clips, {} readable", scan.clips, scan.readable),
            facts: facts(scan),
            findings: findings(scan),
            warnings: duplicate_warning(scan).into_iter().collect(),
        }
    }
}

fn facts(scan: &DatasetScan) -> Vec<(String, String)> {
    let lengths = &scan.lengths;
    let pairs = |values: &[Count<u32>], unit: &str| {
        let pair = |count: &Count<u32>| (format!("{}{unit}", count.of), count.clips);
        listed(values.iter().map(pair))
    };
    let lengths = format!(
        "{:.2} to {:.2} s, median {:.2} s, {:.1} min in all",
        lengths.shortest_secs,
        lengths.longest_secs,
        lengths.median_secs,
        lengths.total_secs / 60.0
    );
    let subsets = scan.subsets.iter().map(|s| (&s.of, s.clips));
    let facts = [
        ("lengths", lengths),
        ("rates", pairs(&scan.sample_rates, " Hz")),
        ("channels", pairs(&scan.channels, "")),
        ("folds", listed(scan.folds.iter().map(|f| (f.of, f.clips)))),
        (
            "splits",
            listed(scan.splits.iter().map(|s| (s.of, s.clips))),
        ),
        ("subsets", listed(subsets)),
        ("classes", balance(scan)),
    ];
    let known = facts.into_iter().filter(|(_, value)| !value.is_empty());
    known
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn findings(scan: &DatasetScan) -> Vec<Finding> {
    let sources = scan.split_sources.iter().map(|split| Finding {
        about: format!("source {}", split.source),
        what: format!(
            "lies in folds {}: scores will be too good",
            listed_folds(&split.folds)
        ),
    });
    let duplicates = scan.split_duplicates.iter().map(|split| Finding {
        about: split.paths[0].display().to_string(),
        what: format!(
            "lies in folds {} under {} names: scores will be too good",
            listed_folds(&split.folds),
            split.paths.len()
        ),
    });
    let faults = scan.faults.iter().map(|fault| Finding {
        about: fault.path.display().to_string(),
        what: fault.problem.to_string(),
    });
    let problems = scan.problems().flat_map(|outcome| {
        outcome.problems.iter().map(|problem| Finding {
            about: outcome.path.display().to_string(),
            what: problem.to_string(),
        })
    });
    (sources.chain(duplicates).chain(faults).chain(problems)).collect()
}

/// That sounds lie in several folds; that sources do is said by whoever measures.
fn duplicate_warning(scan: &DatasetScan) -> Option<String> {
    let first = scan.split_duplicates.first()?;
    let count = scan.split_duplicates.len();
    Some(format!(
        "{count} sound{} in more than one fold under several names, sample for sample (the first: {}; folds {}), so that \
         classifiers were trained on clips they are tested on and the scores are too high",
        if count == 1 { " lies" } else { "s lie" },
        first
            .paths
            .iter()
            .map(|path| path.display().to_string())
            .collect::<Vec<_>>()
            .join(" and "),
        listed_folds(&first.folds),
    ))
}

/// How many clips each class has.
fn balance(scan: &DatasetScan) -> String {
    let mut parts = Vec::new();
    let classes = &scan.classes;
    if classes.len() <= MAX_CLASSES {
        parts.extend(classes.iter().map(|c| format!("{}: {}", c.of, c.clips)));
    } else {
        let mut by_clips: Vec<_> = classes.iter().collect();
        by_clips.sort_by_key(|class| class.clips);
        let clips = |at: usize| format!("{}: {}", by_clips[at].of, by_clips[at].clips);
        parts.push(format!(
            "{} from {} over {} in the middle to {}",
            classes.len(),
            clips(0),
            by_clips[classes.len() / 2].clips,
            clips(classes.len() - 1)
        ));
    }
    if parts.is_empty() {
        parts.push("none".to_owned());
    }
    if scan.without_class > 0 {
        parts.push(format!("{} with none of them", scan.without_class));
    }
    parts.push(format!("{} unlabelled", scan.unlabelled));
    parts.join(", ")
}

/// `a: 1, b: 2`
fn listed<T: Display>(counts: impl Iterator<Item = (T, usize)>) -> String {
    let each = counts.map(|(value, clips)| format!("{value}: {clips}"));
    each.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{SampleRate, WavEncoding, Waveform, write_wav};
    use crate::dataset::{Clip, Dataset, scan};

    #[test]
    fn a_sound_in_two_folds_is_found_and_warned_about() {
        let folder = tempfile::tempdir().unwrap();
        let rate = SampleRate::new(8000).unwrap();
        let clip = |name: &str, pitch: usize, fold: u32| {
            let path = folder.path().join(name);
            let samples = (0..8000).map(|i| (i % pitch) as f32 / pitch as f32 - 0.5);
            let sound = Waveform::mono(samples.collect(), rate);
            write_wav(&path, &sound, WavEncoding::Int16).unwrap();
            Clip {
                fold: Some(fold),
                label: Some(0),
                ..Clip::unlabelled(path)
            }
        };
        let mut clips = vec![clip("a.wav", 20, 1), clip("b.wav", 30, 2)];
        let audit = |clips: &[Clip]| {
            let dataset = Dataset::new("garden", clips.to_vec(), vec!["bird".to_owned()]);
            Audit::of(&scan(&dataset, |_, _| {}))
        };
        let clean = audit(&clips);
        assert_eq!(clean.clips, "2 clips, 2 readable");
        assert!(clean.findings.is_empty() && clean.warnings.is_empty());
        let fact = |name: &str| clean.facts.iter().find(|(known, _)| known == name);
        assert_eq!(fact("folds").unwrap().1, "1: 1, 2: 1");
        assert_eq!(fact("classes").unwrap().1, "bird: 2, 0 unlabelled");
        assert_eq!(fact("splits"), None);

        clips.push(clip("c.wav", 20, 2));
        let leaking = audit(&clips);
        assert_eq!(leaking.findings.len(), 2, "{leaking:?}");
        assert_eq!(leaking.warnings.len(), 1);
        assert!(
            leaking.warnings[0].contains("c.wav; folds 1, 2"),
            "{leaking:?}"
        );
        let json = serde_json::to_string(&leaking).unwrap();
        assert_eq!(serde_json::from_str::<Audit>(&json).unwrap(), leaking);
    }
}
