//! FSD50K (Fonseca et al. 2022): Freesound clips with several classes each, out of 200 of the AudioSet ontology.

use super::{
    Clip, Dataset, DatasetError, RowProblem, Split, Tag,
    layout::without_missing,
    table::{Row, RowCheck, Table},
};
use std::{collections::HashMap, path::Path};

/// `FSD50K.dev_audio/`, `FSD50K.eval_audio/` and `FSD50K.ground_truth/` with `dev.csv`, `eval.csv` and `vocabulary.csv`.
///
/// Labels come as they are, with every class above them in the ontology beside them (a dog's bark is also `Dog`, `Domestic
/// animals`, `Animal`). `dev.csv` is split into train and validation, `eval.csv` is the test. Missing files are told and
/// left out.
pub(super) fn load(folder: &Path) -> Result<Dataset, DatasetError> {
    let [vocabulary, dev, eval] = ["vocabulary", "dev", "eval"]
        .map(|table| folder.join(format!("FSD50K.ground_truth/{table}.csv")));
    if ![&vocabulary, &dev, &eval].iter().all(|path| path.is_file()) {
        return Err(DatasetError::Layout {
            path: folder.to_owned(),
            name: "FSD50K",
            expected: "`FSD50K.dev_audio/`, `FSD50K.eval_audio/` and `FSD50K.ground_truth/` with `dev.csv`, `eval.csv` and `vocabulary.csv`",
        });
    }
    let classes = read_vocabulary(&vocabulary)?;
    let index: HashMap<&str, usize> = classes.iter().map(String::as_str).zip(0..).collect();
    let mut faults = Vec::new();
    let audio = folder.join("FSD50K.dev_audio");
    let mut clips = without_missing(&dev, read_dev(&dev, &audio, &index)?, &mut faults);
    let audio = folder.join("FSD50K.eval_audio");
    let test = read_eval(&eval, &audio, &index)?;
    clips.extend(without_missing(&eval, test, &mut faults));
    Ok(Dataset {
        faults,
        ..Dataset::new("FSD50K", clips, classes)
    })
}

/// The classes by their index: `index,label,mid` without a line of names.
fn read_vocabulary(path: &Path) -> Result<Vec<String>, DatasetError> {
    let table = Table::read_unnamed(path, &["index", "label", "mid"])?;
    let mut problems = Vec::new();
    let mut classes = Vec::new();
    for (number, row) in table.rows.iter().enumerate() {
        let mut check = RowCheck {
            row,
            problems: &mut problems,
        };
        check.width(table.width);
        check.index("index", number);
        classes.push(check.required("label", "the name of a class").to_owned());
    }
    table.refuse(problems)?;
    Ok(classes)
}

type Index<'a> = HashMap<&'a str, usize>;

fn read_dev(path: &Path, audio: &Path, index: &Index<'_>) -> Result<Vec<Clip>, DatasetError> {
    let table = Table::read(path, &["fname", "labels", "split"], &[])?;
    let mut problems = Vec::new();
    let mut clips = Vec::new();
    for row in &table.rows {
        let clip = clip_of(row, table.width, audio, index, &mut problems);
        let split = match row.value("split") {
            Some("train") => Some(Split::Train),
            Some("val") => Some(Split::Validation),
            _ => None,
        };
        if split.is_none() {
            let mut check = RowCheck {
                row,
                problems: &mut problems,
            };
            check.report("split", "`train` or `val`");
        }
        clips.push(Clip { split, ..clip });
    }
    table.refuse(problems)?;
    Ok(clips)
}

fn read_eval(path: &Path, audio: &Path, index: &Index<'_>) -> Result<Vec<Clip>, DatasetError> {
    let table = Table::read(path, &["fname", "labels"], &[])?;
    let mut problems = Vec::new();
    let clip = |row| Clip {
        split: Some(Split::Test),
        ..clip_of(row, table.width, audio, index, &mut problems)
    };
    let clips = table.rows.iter().map(clip).collect();
    table.refuse(problems)?;
    Ok(clips)
}

fn clip_of(
    row: &Row,
    width: usize,
    audio: &Path,
    index: &Index<'_>,
    problems: &mut Vec<RowProblem>,
) -> Clip {
    let mut check = RowCheck { row, problems };
    check.width(width);
    let file = check.required("fname", "the name of a sound file, without `.wav`");
    let labels = check.required("labels", "classes between commas, in quotes");
    let mut tags = Vec::new();
    for label in labels.split(',').filter(|label| !label.is_empty()) {
        match index.get(label) {
            Some(&class) => tags.push(Tag::weak(class)),
            None => check.report(
                "labels",
                &format!("classes of `vocabulary.csv`; `{label}` is none"),
            ),
        }
    }
    Clip {
        tags: Some(tags),
        ..Clip::unlabelled(audio.join(format!("{file}.wav")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::layout::tests::{tree, write};

    fn root(dev: &str) -> tempfile::TempDir {
        let root = tree(&[
            "FSD50K.dev_audio/64760.wav",
            "FSD50K.dev_audio/16399.wav",
            "FSD50K.eval_audio/37199.wav",
        ]);
        for (table, text) in [
            (
                "vocabulary",
                "0,Animal,/m/0jbk\n1,Bark,/m/05tny_\n2,Dog,/m/0bt9lr\n",
            ),
            ("dev", dev),
            (
                "eval",
                "fname,labels,mids\n37199,Animal,/m/0jbk\n404,Animal,/m/0jbk\n",
            ),
        ] {
            write(
                root.path(),
                &format!("FSD50K.ground_truth/{table}.csv"),
                text,
            );
        }
        root
    }

    const DEV: &str = "fname,labels,mids,split\n\
        64760,\"Bark,Dog,Animal\",\"/m/05tny_,/m/0bt9lr,/m/0jbk\",train\n\
        16399,Animal,/m/0jbk,val\n";

    #[test]
    fn quoted_labels_become_tags_with_the_classes_above_them() {
        let dataset = load(root(DEV).path()).unwrap();
        assert_eq!(dataset.classes, ["Animal", "Bark", "Dog"]);
        let clip = &dataset.clips[0];
        assert_eq!(clip.classes(), [0, 1, 2]);
        assert_eq!(clip.label, None);
        assert!(clip.is_labelled() && clip.path.ends_with("FSD50K.dev_audio/64760.wav"));
        let splits: Vec<_> = dataset.clips.iter().map(|clip| clip.split).collect();
        let expected = [Split::Train, Split::Validation, Split::Test];
        assert_eq!(splits, expected.map(Some));
    }

    #[test]
    fn missing_files_are_told_and_left_out() {
        let dataset = load(root(DEV).path()).unwrap();
        assert_eq!((dataset.clips.len(), dataset.faults.len()), (3, 1));
        let message = dataset.faults[0].problem.to_string();
        assert_eq!(message, "1 of 2 listed sound files are missing: 404.wav");
    }

    #[test]
    fn bad_rows_are_told_with_their_lines() {
        let dev = "fname,labels,mids,split\n1,\"Bark,Cat\",x,train\n2,Animal,x,test\n";
        let message = load(root(dev).path()).unwrap_err().to_string();
        for line in [
            "dev.csv: 2 bad values",
            "line 2: `labels` is `Bark,Cat`, but must be classes of `vocabulary.csv`; `Cat` is none",
            "line 3: `split` is `test`, but must be `train` or `val`",
        ] {
            assert!(message.contains(line), "no `{line}` in: {message}");
        }
        let root = root(DEV);
        write(
            root.path(),
            "FSD50K.ground_truth/vocabulary.csv",
            "0,Animal,x\n2,Bark,y\n",
        );
        let message = load(root.path()).unwrap_err().to_string();
        assert!(
            message.contains("line 2: `index` is `2`, but must be 1"),
            "{message}"
        );
    }
}
