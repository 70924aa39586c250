use super::*;
use crate::dataset::parse_marks;

fn table(path: &str, rows: &str) -> Annotation {
    parse_marks(Path::new(path), rows.as_bytes()).unwrap()
}

const UNNAMED: &str = "onset,offset\n1,2\n";

/// The tables of each recording, or why there are none.
fn matched(tables: &[Annotation], recordings: &[&str]) -> Vec<Result<Vec<String>, String>> {
    let recordings: Vec<PathBuf> = recordings.iter().map(PathBuf::from).collect();
    let matching = Matching::new(tables, &recordings);
    let names = |marks: RecordingMarks| {
        let paths = marks.parts.iter();
        let line = |event: &MarkedEvent| event.line.to_string();
        paths
            .map(|(table, events)| {
                let lines: Vec<_> = events.iter().map(|event| line(event)).collect();
                format!("{}:{}", table.path.display(), lines.join(","))
            })
            .collect()
    };
    (0..recordings.len())
        .map(|n| matching.marks_of(n).map(names).map_err(|e| e.to_string()))
        .collect()
}

fn expect(tables: &[Annotation], recordings: &[&str], expected: &[&[&str]]) {
    let found = matched(tables, recordings);
    let found: Vec<_> = found.into_iter().map(Result::unwrap).collect();
    assert_eq!(found, expected);
}

#[test]
fn recordings_of_one_name_are_told_apart_by_their_folders() {
    let tables = [table("A01/x.csv", UNNAMED), table("A02/x.csv", UNNAMED)];
    expect(
        &tables,
        &["A02/x.flac", "A01/x.flac"],
        &[&["A02/x.csv:2"], &["A01/x.csv:2"]],
    );
    // One alone is not given the marks of the other.
    expect(&tables, &["A02/x.flac"], &[&["A02/x.csv:2"]]);
    let both = table(
        "both.txt",
        "file,onset,offset\ncards/A01/x.flac,1,2\ncards\\A02\\x.flac,1,2\n",
    );
    expect(
        std::slice::from_ref(&both),
        &["A01/x.wav", "A02/X.WAV"],
        &[&["both.txt:2"], &["both.txt:3"]],
    );
    expect(&[both], &["/r/A02/x.wav"], &[&["both.txt:3"]]);
    // A bare name is of the folder of its table.
    let bare = ["A01", "A02"]
        .map(|folder| table(&format!("{folder}/t.csv"), "file,onset,offset\nx.wav,1,2\n"));
    expect(
        &bare,
        &["A01/x.wav", "A02/x.wav"],
        &[&["A01/t.csv:2"], &["A02/t.csv:2"]],
    );
}

#[test]
fn what_cannot_be_decided_is_refused_with_both_candidates() {
    let bare = [table("t.csv", "file,onset,offset\nx.wav,1,2\n")];
    for message in matched(&bare, &["A01/x.wav", "A02/x.wav"]) {
        assert_eq!(
            message.unwrap_err().lines().next().unwrap(),
            "t.csv: `x.wav` may be A01/x.wav or A02/x.wav"
        );
    }
    let both = [table(
        "both.csv",
        "file,onset,offset\nA01/x.wav,1,2\nA02/x.wav,1,2\n",
    )];
    let message = matched(&both, &["/rec/x.wav"]).remove(0).unwrap_err();
    assert!(
        message
            .starts_with("/rec/x.wav: may be `A01/x.wav` of both.csv or `A02/x.wav` of both.csv"),
        "{message}"
    );
    let tables = [table("A01/x.csv", UNNAMED), table("A02/x.csv", UNNAMED)];
    let message = matched(&tables, &["/rec/x.wav"]).remove(0).unwrap_err();
    assert!(
        message.contains("`x` of A01/x.csv or `x` of A02/x.csv"),
        "{message}"
    );
}

#[test]
fn all_tables_of_a_recording_count_and_never_one_of_a_longer_name() {
    let tables = [
        "dawn.2.csv",
        "dawn.Table.1.selections.txt",
        "dawn.csv",
        "dawn_3.csv",
    ]
    .map(|path| table(path, UNNAMED));
    let both: &[&str] = &["dawn.Table.1.selections.txt:2", "dawn.csv:2"];
    expect(
        &tables,
        &["dawn.flac", "dawn.2.flac"],
        &[both, &["dawn.2.csv:2"]],
    );
    expect(&tables, &["dawn.flac"], &[both]);
    // The recording that is called so in full comes first.
    expect(
        &tables[1..2],
        &["dawn.flac", "dawn.Table.1.flac"][1..],
        &[&["dawn.Table.1.selections.txt:2"]],
    );
    let recordings = ["dawn.flac", "noon.flac"].map(PathBuf::from);
    let matching = Matching::new(&tables, &recordings);
    assert_eq!(
        matching.unused(),
        [Path::new("dawn.2.csv"), Path::new("dawn_3.csv")]
    );
    assert!(
        matching
            .marks_of(1)
            .unwrap_err()
            .to_string()
            .starts_with("noon.flac: no table of marks")
    );
}

#[test]
fn endings_case_and_accents_need_not_agree_unless_they_decide() {
    let rows = "file,onset,offset\nGru\u{308}n.WAV,1,2\n";
    expect(&[table("t.csv", rows)], &["grün.flac"], &[&["t.csv:2"]]);
    let cases = [table(
        "t.csv",
        "file,onset,offset\na.wav,1,2\nA.wav,1,2\na.flac,1,2\n",
    )];
    expect(&cases, &["A.wav", "a.flac"], &[&["t.csv:3"], &["t.csv:4"]]);
}

#[test]
fn a_table_of_another_folder_is_taken_by_name_alone_with_a_remark() {
    let tables = [table("t.csv", "file,onset,offset\nD:\\cards\\x.wav,1,2\n")];
    let recordings = [PathBuf::from("rec/x.wav")];
    let matching = Matching::new(&tables, &recordings);
    let marks = matching.marks_of(0).unwrap();
    assert_eq!(
        marks.by_name_alone(),
        Some((Path::new("t.csv"), "D:\\cards\\x.wav"))
    );
}

#[test]
fn the_only_table_is_of_the_only_recording_unless_it_lies_beside_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let tables = [parse_marks(&path("dawn.2.csv"), UNNAMED.as_bytes()).unwrap()];
    let recordings = [path("dawn.flac")];
    assert!(Matching::new(&tables, &recordings).marks_of(0).is_ok());
    std::fs::write(path("dawn.2.flac"), "").unwrap();
    assert!(Matching::new(&tables, &recordings).marks_of(0).is_err());
}

#[test]
fn a_mark_that_two_tables_repeat_is_one_shot() {
    let tables = [
        table("dawn.Table.1.txt", "onset,offset\n1,2\n3,4\n"),
        table("dawn.Table.2.txt", "onset,offset\n3,4.0001\n5,6\n"),
    ];
    let recordings = [PathBuf::from("dawn.wav")];
    let marks = Matching::new(&tables, &recordings).marks_of(0).unwrap();
    let support = marks.support(10.0, &Default::default()).unwrap();
    assert_eq!(support.shots().len(), 3);
}
