use super::*;
use Mark::{Positive, Unknown};
use proptest::prelude::*;
use std::fs;
use std::path::Path;

fn span(onset: f64, offset: f64) -> Span {
    Span::new(onset, offset).unwrap()
}

/// Calls of half a second at the given seconds.
fn calls(at: &[u32]) -> Vec<Span> {
    at.iter()
        .map(|&at| span(f64::from(at), f64::from(at) + 0.5))
        .collect()
}

fn file(reference: &[(Span, Mark)], predictions: &[Span]) -> ScoredFile {
    ScoredFile {
        recording: "a.wav".into(),
        subset: "a".into(),
        reference: reference.to_vec(),
        predictions: predictions.to_vec(),
    }
}

fn positive(at: &[u32]) -> Vec<(Span, Mark)> {
    calls(at).into_iter().map(|span| (span, Positive)).collect()
}

/// Hits, false alarms and misses.
fn counted(file: &ScoredFile, config: &ScoreConfig) -> [usize; 3] {
    let Counts {
        true_positives,
        false_positives,
        false_negatives,
    } = count(file, config);
    [true_positives, false_positives, false_negatives]
}

const PUBLISHED: ScoreConfig = ScoreConfig {
    shots: 5,
    min_iou: 0.3,
    reference_compat: true,
};

#[test]
fn finding_all_after_the_fifth_is_perfect() {
    let scored = file(&positive(&[0, 1, 2, 3, 4, 5, 6, 7]), &calls(&[5, 6, 7]));
    let scores = score(&[scored], &PUBLISHED);
    assert_eq!(
        scores.overall,
        Measures {
            precision: 1.0,
            recall: 1.0,
            f_measure: 1.0
        }
    );
}

#[test]
fn what_is_found_among_the_shots_is_a_false_alarm() {
    let scored = file(&positive(&[0, 1, 2, 3, 4, 5]), &calls(&[0, 4, 5]));
    assert_eq!(counted(&scored, &PUBLISHED), [1, 2, 0]);
}

#[test]
fn the_reference_is_sorted_before_the_shots_are_counted() {
    let scored = file(&positive(&[7, 0, 6, 1, 2, 5, 3, 4]), &calls(&[5, 6, 7]));
    assert_eq!(counted(&scored, &PUBLISHED), [3, 0, 0]);
}

#[test]
fn whatever_ends_before_the_fifth_does_is_dropped_and_what_ends_later_stays() {
    let mut reference = positive(&[0, 1, 2, 3, 4, 5]);
    reference.push((span(3.9, 4.4), Unknown)); // dropped: predicting it is a false alarm
    reference.push((span(4.2, 4.6), Positive)); // the sixth: ends later
    let scored = file(&reference, &[span(3.9, 4.4), span(4.2, 4.6)]);
    assert_eq!(counted(&scored, &PUBLISHED), [1, 1, 1]);
}

#[test]
fn unknown_events_neither_help_nor_hurt() {
    let mut reference = positive(&[0, 1, 2, 3, 4, 5]);
    reference.extend(calls(&[7, 8]).into_iter().map(|span| (span, Unknown)));
    let scored = file(&reference, &calls(&[7, 8]));
    assert_eq!(counted(&scored, &PUBLISHED), [0, 0, 1]);
    let measures = count(&scored, &PUBLISHED).measures();
    assert_eq!(
        [measures.precision, measures.recall, measures.f_measure],
        [1e-5; 3]
    );
    // The same event predicted twice is excused once.
    let twice = file(&reference, &calls(&[7, 7]));
    assert_eq!(counted(&twice, &PUBLISHED), [0, 1, 1]);
}

#[test]
fn one_prediction_over_two_events_finds_at_most_one() {
    let mut reference = positive(&[0, 1, 2, 3, 4]);
    reference.extend([(span(6.0, 7.0), Positive), (span(7.0, 8.0), Positive)]);
    assert_eq!(
        counted(&file(&reference, &[span(6.0, 8.0)]), &PUBLISHED),
        [1, 0, 1]
    );
}

#[test]
fn without_any_prediction_the_published_code_misses_the_shots_too() {
    let scored = file(&positive(&[0, 1, 2, 3, 4, 5, 6]), &[]);
    assert_eq!(counted(&scored, &PUBLISHED), [0, 0, 7]);
    let ours = ScoreConfig {
        reference_compat: false,
        ..PUBLISHED
    };
    assert_eq!(counted(&scored, &ours), [0, 0, 2]);
}

#[test]
fn fewer_positives_than_shots_leave_nothing_to_find() {
    let scored = file(&positive(&[0, 1, 2]), &calls(&[1, 5]));
    assert_eq!(counted(&scored, &PUBLISHED), [0, 2, 0]);
    assert_eq!(counted(&file(&[], &calls(&[1])), &PUBLISHED), [0, 1, 0]);
}

#[test]
fn the_number_of_shots_and_the_overlap_can_be_set() {
    let scored = file(&positive(&[0, 1, 2, 3]), &[span(2.0, 2.3), span(3.0, 3.45)]);
    let two = ScoreConfig {
        shots: 2,
        ..PUBLISHED
    };
    assert_eq!(counted(&scored, &two), [2, 0, 0]);
    let strict = ScoreConfig {
        min_iou: 0.7,
        ..two
    };
    assert_eq!(counted(&scored, &strict), [1, 1, 1]);
}

fn measures(precision: f64, recall: f64, f_measure: f64) -> Measures {
    Measures {
        precision,
        recall,
        f_measure,
    }
}

/// Of the published table of four submissions (Moummad et al. 2023, table 1): the F of three subsets and overall.
#[test]
fn harmonic_means_over_subsets_equal_published_ones() {
    let hmean =
        |values: [f64; 3]| Measures::harmonic_mean(values.map(|v| measures(v, v, v))).f_measure;
    assert!((hmean([79.29, 67.28, 48.29]) - 62.26).abs() < 0.005);
    assert!((hmean([77.14, 65.45, 72.64]) - 71.41).abs() < 0.005);
}

#[test]
fn a_subset_without_a_hit_pulls_the_mean_to_the_floor() {
    let good = ScoredFile {
        subset: "good".into(),
        ..file(&positive(&[0, 1, 2, 3, 4, 5]), &calls(&[5]))
    };
    let bad = ScoredFile {
        recording: "b.wav".into(),
        subset: "bad".into(),
        ..file(&positive(&[0, 1, 2, 3, 4, 5]), &calls(&[9]))
    };
    let scores = score(&[good, bad], &PUBLISHED);
    assert!((scores.overall.f_measure - 2.0 / (1.0 + 1e5)).abs() < 1e-9);
    assert_eq!(scores.subsets["good"].measures.f_measure, 1.0);
    assert_eq!(scores.files["b.wav"].counts.false_negatives, 1);
}

#[test]
fn a_subset_sums_its_files_before_it_divides() {
    let first = file(
        &positive(&[0, 1, 2, 3, 4, 5, 6, 7, 8]),
        &calls(&[5, 6, 7, 8]),
    );
    let second = ScoredFile {
        recording: "b.wav".into(),
        ..file(&positive(&[0, 1, 2, 3, 4, 5]), &calls(&[10, 11, 12, 13]))
    };
    let scores = score(&[first, second], &PUBLISHED);
    assert_eq!(scores.overall.precision, 0.5);
    assert_eq!(scores.overall.recall, 0.8);
    assert_eq!(scores.overall.f_measure, 4.0 / (4.0 + 2.5));
    let [low, high] = scores.interval.precision;
    assert!(low < 0.5 && high > 0.5, "{low} {high}");
}

#[test]
fn the_json_has_the_measures_on_top() {
    let scored = file(&positive(&[0, 1, 2, 3, 4, 5]), &calls(&[5]));
    let json = serde_json::to_value(score(&[scored], &PUBLISHED)).unwrap();
    assert_eq!(json["f_measure"], 1.0);
    assert_eq!(json["subsets"]["a"]["precision"], 1.0);
    assert_eq!(json["subsets"]["a"]["false_negatives"], 0);
    assert_eq!(json["files"]["a.wav"]["subset"], "a");
    assert_eq!(json["interval"]["f_measure"], serde_json::json!([1.0, 1.0]));
}

proptest! {
    #[test]
    fn counts_add_up_and_order_does_not_matter(
        reference in prop::collection::vec((0u32..400, 1u32..30, any::<bool>()), 0..30),
        predictions in prop::collection::vec((0u32..400, 1u32..30), 1..30),
        shuffle in any::<u64>(),
    ) {
        let at = |on: u32, len: u32| span(f64::from(on) / 8.0, f64::from(on + len) / 8.0);
        let reference: Vec<_> = reference
            .into_iter()
            .map(|(on, len, sure)| (at(on, len), if sure { Positive } else { Unknown }))
            .collect();
        let predictions: Vec<_> = predictions.into_iter().map(|(on, len)| at(on, len)).collect();
        let scored = file(&reference, &predictions);
        let counts = count(&scored, &PUBLISHED);
        prop_assert!(counts.true_positives + counts.false_positives <= predictions.len());
        let positives = reference.iter().filter(|(_, mark)| *mark == Positive).count();
        prop_assert!(counts.true_positives + counts.false_negatives <= positives);
        let Measures { precision, recall, f_measure } = counts.measures();
        for value in [precision, recall, f_measure] {
            prop_assert!((1e-5..=1.0).contains(&value));
        }
        // In another order the hits are as many: the matching is as large as any.
        let mut other = scored.clone();
        other.reference.rotate_left(shuffle as usize % reference.len().max(1));
        other.predictions.reverse();
        let starts: Vec<_> = reference.iter().map(|(span, _)| span.onset().to_bits()).collect();
        let distinct: std::collections::HashSet<_> = starts.iter().collect();
        if distinct.len() == starts.len() {
            prop_assert_eq!(count(&other, &PUBLISHED).true_positives, counts.true_positives);
        }
    }
}

/// Writes tables into a folder.
fn tables(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

const HEADER: &str = "Audiofilename,Starttime,Endtime,Q\n";

fn read(folder: &Path, subsets: &Subsets) -> Result<ScoredFiles, crate::detect::DetectError> {
    read_scored_files(
        &folder.join("truth"),
        &folder.join("found.csv"),
        subsets,
        None,
    )
}

#[test]
fn tables_come_together_by_name_and_sub_folder() {
    let folder = tables(&[
        (
            "truth/HB/a.csv",
            &format!("{HEADER}a.wav,1,2,POS\na.wav,3,4,UNK\n"),
        ),
        ("truth/ME/deep/b.csv", &format!("{HEADER}b.wav,1,2,POS\n")),
        ("truth/ME/c.txt", "1.0\t2.0\tcall\n"),
        ("truth/silent.csv", HEADER),
        ("truth/about.csv", "file,rate\na.wav,44100\n"),
        (
            "found.csv",
            "Audiofilename,Starttime,Endtime\nx/a.flac,1,2\nc.wav,5,6\n",
        ),
    ]);
    let read = read(folder.path(), &Subsets::Folders).unwrap();
    let named = |f: &ScoredFile| {
        (
            f.recording.clone(),
            f.subset.clone(),
            f.reference.len(),
            f.predictions.len(),
        )
    };
    let files: Vec<_> = read.files.iter().map(named).collect();
    let expected = [
        ("a.wav", "HB", 2, 1),
        ("b.wav", "ME", 1, 0),
        ("c", "ME", 1, 1),
        ("silent", "all", 0, 0),
    ];
    assert_eq!(
        files,
        expected.map(|(name, subset, r, p)| (name.into(), subset.into(), r, p))
    );
    assert_eq!(read.skipped, [folder.path().join("truth/about.csv")]);
}

#[test]
fn a_table_of_subsets_wins_and_must_name_all() {
    let folder = tables(&[
        ("truth/HB/a.csv", &format!("{HEADER}a.wav,1,2,POS\n")),
        ("truth/b.csv", &format!("{HEADER}b.wav,1,2,POS\n")),
        ("found.csv", "Audiofilename,Starttime,Endtime\n"),
        ("subsets.csv", "file,subset\na.flac,one\nb,two\n"),
        ("half.csv", "file,subset\na.flac,one\n"),
    ]);
    let subsets = |name: &str| Subsets::read(&folder.path().join(name)).unwrap();
    let files = read(folder.path(), &subsets("subsets.csv")).unwrap().files;
    assert_eq!([&files[0].subset, &files[1].subset], ["one", "two"]);
    let message = read(folder.path(), &subsets("half.csv"))
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("half.csv: does not say the subset of `b.wav`"),
        "{message}"
    );
}

#[test]
fn unknown_names_doubles_and_several_labels_are_refused() {
    let one = format!("{HEADER}a.wav,1,2,POS\n");
    let refusal = |truth: &[(&str, &str)], found: &str| {
        let all = [truth, &[("found.csv", found)]].concat();
        read(tables(&all).path(), &Subsets::Folders)
            .unwrap_err()
            .to_string()
    };
    let unknown = refusal(
        &[("truth/a.csv", &one)],
        "Audiofilename,Starttime,Endtime\na.wav,1,2\nb.wav,1,2\n",
    );
    assert!(
        unknown.contains("found.csv: line 3: there is no reference of `b.wav`"),
        "{unknown}"
    );
    let twice = refusal(
        &[("truth/a.csv", &one), ("truth/x/b.csv", &one)],
        "onset,offset\n",
    );
    assert!(
        twice.contains("has the same events of `x/a.wav` as"),
        "{twice}"
    );
    let kinds =
        "Audiofilename,Starttime,Endtime,WREN,ROBIN\na.wav,1,2,POS,NEG\na.wav,3,4,NEG,POS\n";
    let several = refusal(&[("truth/a.csv", kinds)], "onset,offset\n");
    assert!(
        several.contains("several kinds in `a.wav`: `ROBIN`, `WREN`"),
        "{several}"
    );
    let none = refusal(&[("truth/about.csv", "file,rate\n")], "onset,offset\n");
    assert!(none.contains("holds no tables of events"), "{none}");
}

#[test]
fn a_label_chooses_what_is_to_be_found() {
    let folder = tables(&[
        (
            "truth/a.csv",
            "Audiofilename,Starttime,Endtime,WREN,ROBIN\na.wav,1,2,POS,NEG\na.wav,3,4,NEG,POS\na.wav,5,6,UNK,POS\n",
        ),
        (
            "found.csv",
            "recording,onset,offset,label\na.wav,1,2,WREN\na.wav,3,4,ROBIN\n",
        ),
    ]);
    let truth = folder.path().join("truth");
    let found = folder.path().join("found.csv");
    let files = read_scored_files(&truth, &found, &Subsets::Folders, Some("WREN"))
        .unwrap()
        .files;
    assert_eq!(
        files[0].reference,
        [(span(1.0, 2.0), Positive), (span(5.0, 6.0), Unknown)]
    );
    assert_eq!(files[0].predictions, [span(1.0, 2.0)]);
}
