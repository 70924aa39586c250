//! ESC-50 and ESC-10 (Piczak 2015): environmental sounds with five official folds.

use super::{
    Clip, Dataset, DatasetError, LayoutFault,
    layout::check_name,
    table::{RowCheck, Table},
};
use std::path::Path;

const COLUMNS: [&str; 6] = [
    "filename", "fold", "target", "category", "esc10", "src_file",
];

/// `audio/` and `meta/esc50.csv`; class indices are the targets of the table, 0 to 49.
pub(super) fn load_esc50(folder: &Path) -> Result<Dataset, DatasetError> {
    let table = folder.join("meta/esc50.csv");
    if !table.is_file() {
        return Err(DatasetError::Layout {
            path: folder.to_owned(),
            name: "ESC-50",
            expected: "`audio/` and `meta/esc50.csv`",
        });
    }
    load("ESC-50", folder, &table, |_in_esc10| true)
}

/// Either the rows of an ESC-50 tree that are marked `esc10`, or a tree of its own with `esc10.csv` beside `audio/`.
/// The ten targets are renumbered 0 to 9 in ascending order.
pub(super) fn load_esc10(folder: &Path) -> Result<Dataset, DatasetError> {
    let tables = ["esc10.csv", "meta/esc10.csv", "meta/esc50.csv"].map(|name| folder.join(name));
    let Some(table) = tables.iter().find(|table| table.is_file()) else {
        return Err(DatasetError::Layout {
            path: folder.to_owned(),
            name: "ESC-10",
            expected: "`audio/` and either `esc10.csv` or `meta/esc50.csv`",
        });
    };
    load("ESC-10", folder, table, |in_esc10| in_esc10)
}

/// One row of the table.
struct Entry {
    clip: Clip,
    target: u32,
    category: String,
}

fn load(
    name: &str,
    folder: &Path,
    table_path: &Path,
    keep: impl Fn(bool) -> bool,
) -> Result<Dataset, DatasetError> {
    let table = Table::read(table_path, &COLUMNS, &[])?;
    let mut problems = Vec::new();
    let mut entries: Vec<Entry> = Vec::new();
    for row in &table.rows {
        let mut check = RowCheck {
            row,
            problems: &mut problems,
        };
        check.width(table.width);
        let file = check.required("filename", "the name of a file in `audio/`");
        let fold = check.number_in("fold", 1..=5, "a fold from 1 to 5");
        let target = check.number_in("target", 0..=49, "a class from 0 to 49");
        let category = check.required("category", "the name of a class");
        let esc10 = row.value("esc10");
        if !matches!(esc10, Some("True" | "False")) {
            check.report("esc10", "`True` or `False`");
        }
        let Some(target) = target else { continue };
        if entries
            .iter()
            .any(|e| e.target == target && e.category != category)
        {
            check.report("category", "the same for every clip of one target");
        }
        if keep(esc10 == Some("True")) {
            let clip = Clip {
                fold,
                source: row.value("src_file").map(str::to_owned),
                ..Clip::unlabelled(folder.join("audio").join(file))
            };
            entries.push(Entry {
                clip,
                target,
                category: category.to_owned(),
            });
        }
    }
    table.refuse(problems)?;
    if entries.is_empty() {
        return Err(DatasetError::Empty {
            path: table_path.to_owned(),
            reason: "no row is marked `True` in the column `esc10`",
        });
    }
    Ok(number_classes(name, entries))
}

/// Names are `{fold}-{source}-{take}-{target}`.
fn check_names(entries: &[Entry]) -> Vec<LayoutFault> {
    let mut faults = Vec::new();
    for Entry { clip, target, .. } in entries {
        let fold = clip.fold.map(|fold| fold.to_string());
        let target = target.to_string();
        let table = [
            ("fold", fold.as_deref()),
            ("src_file", clip.source.as_deref()),
            ("take", None),
            ("target", Some(target.as_str())),
        ];
        faults.extend(check_name(
            &clip.path,
            "{fold}-{src_file}-{take}-{target}",
            table,
        ));
    }
    faults
}

/// Labels are the targets' ranks: for ESC-50 the targets themselves, for ESC-10 0 to 9.
fn number_classes(name: &str, entries: Vec<Entry>) -> Dataset {
    let faults = check_names(&entries);
    let mut targets: Vec<(u32, String)> = entries
        .iter()
        .map(|e| (e.target, e.category.clone()))
        .collect();
    targets.sort();
    targets.dedup();
    let rank = |target| targets.iter().position(|(t, _)| *t == target);
    let clips = entries
        .into_iter()
        .map(|entry| Clip {
            label: rank(entry.target),
            ..entry.clip
        })
        .collect();
    let classes = targets.into_iter().map(|(_, category)| category).collect();
    Dataset {
        faults,
        ..Dataset::new(name, clips, classes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const HEADER: &str = "filename,fold,target,category,esc10,src_file,take\n";

    fn bundled() -> Dataset {
        load_esc10(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/esc10")).unwrap()
    }

    #[test]
    fn esc10_has_its_published_shape() {
        let dataset = bundled();
        assert_eq!(dataset.clips.len(), 400);
        let classes = [
            "dog",
            "rooster",
            "rain",
            "sea_waves",
            "crackling_fire",
            "crying_baby",
            "sneezing",
            "clock_tick",
            "helicopter",
            "chainsaw",
        ];
        assert_eq!(dataset.classes, classes);
        assert_eq!(dataset.folds(), [1, 2, 3, 4, 5]);
        for fold in 1..=5 {
            for class in 0..10 {
                let both = |clip: &&Clip| clip.fold == Some(fold) && clip.label == Some(class);
                assert_eq!(dataset.clips.iter().filter(both).count(), 8);
            }
        }
        assert!(
            dataset
                .clips
                .iter()
                .all(|clip| clip.path.is_file() && clip.source.is_some())
        );
        assert!(dataset.split_sources().is_empty());
        assert_eq!(dataset.faults, []);
    }

    #[test]
    fn esc10_inside_esc50_keeps_only_its_rows() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("meta")).unwrap();
        let rows = "1-1-A-41.wav,1,41,chainsaw,True,1,A\n2-7-B-3.wav,2,3,cow,False,7,B\n5-9-A-0.wav,5,0,dog,True,9,A\n";
        fs::write(
            folder.path().join("meta/esc50.csv"),
            format!("{HEADER}{rows}"),
        )
        .unwrap();
        let esc10 = load_esc10(folder.path()).unwrap();
        assert_eq!(esc10.classes, ["dog", "chainsaw"]);
        assert_eq!(esc10.clips[0].label, Some(1));
        assert_eq!(
            esc10.clips[0].path,
            folder.path().join("audio/1-1-A-41.wav")
        );
        assert_eq!(esc10.clips[0].source.as_deref(), Some("1"));
        assert_eq!(esc10.clips.len(), 2);
        let esc50 = load_esc50(folder.path()).unwrap();
        assert_eq!(esc50.classes, ["dog", "cow", "chainsaw"]);
        assert_eq!(esc50.clips[1].fold, Some(2));
    }

    #[test]
    fn a_name_that_says_otherwise_than_the_table_is_a_fault_and_the_table_counts() {
        let folder = tempfile::tempdir().unwrap();
        let rows = "1-1-A-0.wav,1,41,chainsaw,True,1,A\n2-7-B-0.flac,3,0,dog,True,7,B\nbark.wav,3,0,dog,True,7,B\n";
        fs::write(folder.path().join("esc10.csv"), format!("{HEADER}{rows}")).unwrap();
        let dataset = load_esc10(folder.path()).unwrap();
        let faults = dataset.faults.iter().map(|fault| fault.problem.to_string());
        let expected = [
            "`target` is `41`, but its name says `0`",
            "`fold` is `3`, but its name says `2`",
            "is not named `{fold}-{src_file}-{take}-{target}`",
        ];
        assert_eq!(faults.collect::<Vec<_>>(), expected);
        assert_eq!(dataset.clips[0].label, Some(1));
        assert_eq!(dataset.clips.len(), 3);
    }

    #[test]
    fn bad_rows_are_told_together() {
        let folder = tempfile::tempdir().unwrap();
        let rows = "a.wav,6,0,dog,True,1,A\nb.wav,1,0,cat,yes,1,A\nc.wav,x,99,dog,True,1,A\n";
        fs::write(folder.path().join("esc10.csv"), format!("{HEADER}{rows}")).unwrap();
        let message = load_esc10(folder.path()).unwrap_err().to_string();
        for line in [
            "5 bad values",
            "line 2: `fold` is `6`, but must be a fold from 1 to 5",
            "line 3: `esc10` is `yes`, but must be `True` or `False`",
            "line 3: `category` is `cat`, but must be the same for every clip of one target",
            "line 4: `fold` is `x`",
            "line 4: `target` is `99`, but must be a class from 0 to 49",
        ] {
            assert!(message.contains(line), "no `{line}` in: {message}");
        }
    }

    #[test]
    fn another_folder_is_refused_with_what_is_expected() {
        let folder = tempfile::tempdir().unwrap();
        let message = load_esc50(folder.path()).unwrap_err().to_string();
        assert!(
            message.contains("is not ESC-50, which has `audio/` and `meta/esc50.csv`"),
            "{message}"
        );
        assert!(load_esc10(folder.path()).is_err());
    }
}
