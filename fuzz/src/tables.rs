//! Tables of marks, events and clips.

use crate::tree::plant;
use chiffchaff::{
    dataset::{DatasetKind, DatasetSource, LabelChoice, ShotChoice, parse_marks, scan},
    detect::score::{ScoreConfig, Subsets, read_scored_files, score},
};
use std::path::Path;

/// A table of marked events, and five shots from it.
///
/// # Panics
/// At a finding.
pub fn marks(bytes: &[u8]) {
    let path = Path::new("table.csv");
    match parse_marks(path, bytes) {
        Ok(marks) => {
            for event in &marks.events {
                assert!(event.span.onset() >= 0.0 && event.span.secs() > 0.0);
                assert!(event.span.offset().is_finite() && event.line > 0);
            }
            for label in [LabelChoice::Only, LabelChoice::All] {
                let choice = ShotChoice {
                    label,
                    ..ShotChoice::default()
                };
                match marks.support(Path::new("x/a.flac"), 60.0, &choice) {
                    Ok(support) => assert!(!support.shots().is_empty() && support.end() <= 60.0),
                    Err(error) => assert!(error.to_string().starts_with("table.csv"), "{error}"),
                }
            }
        }
        Err(error) => {
            let message = error.to_string();
            assert!(message.starts_with("table.csv") && message.len() < 1_000_000);
        }
    }
}

/// A tree of any [`DatasetKind`], named in the first line, and what `doctor` says of it.
///
/// # Panics
/// At a finding.
pub fn datasets(bytes: &[u8]) {
    let (kind, folder) = plant(bytes);
    let Some(kind) = DatasetKind::ALL.into_iter().find(|k| k.name() == kind) else {
        return;
    };
    let path = match kind {
        DatasetKind::Csv => folder.path().join("table.csv"),
        _ => folder.path().to_owned(),
    };
    match (DatasetSource { kind, path }).load() {
        Ok(dataset) => {
            for clip in &dataset.clips {
                let classes = clip.classes();
                assert!(classes.iter().all(|&class| class < dataset.classes.len()));
                if let Some(span) = clip.span {
                    let (onset, offset) = (span.onset(), span.offset());
                    assert!(0.0 <= onset && onset < offset && offset.is_finite());
                }
            }
            let scanned = scan(&dataset, |_, _| {});
            assert_eq!(scanned.clips, dataset.clips.len());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Tables of true (`references/`) and of found events (`predictions/`), and which subset each is of (`subsets.csv`).
///
/// # Panics
/// At a finding.
pub fn scores(bytes: &[u8]) {
    let (label, folder) = plant(bytes);
    let path = |name: &str| folder.path().join(name);
    let subsets = match path("subsets.csv").exists() {
        true => Subsets::read(&path("subsets.csv")),
        false => Ok(Subsets::Folders),
    };
    let Ok(subsets) = subsets else {
        return;
    };
    let label = (!label.is_empty()).then_some(label.as_str());
    let (references, predictions) = (path("references"), path("predictions"));
    if let Ok(read) = read_scored_files(&references, &predictions, &subsets, label) {
        let scores = score(&read.files, &ScoreConfig::default());
        assert!((0.0..=1.0).contains(&scores.overall.f_measure));
    }
}
