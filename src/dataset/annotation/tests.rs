use super::*;
use crate::dataset::{DatasetError, recording_stem};
use std::path::Path;

fn read(text: &str) -> Result<Annotation, DatasetError> {
    parse_marks(Path::new("marks.csv"), text.as_bytes())
}

fn refusal(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

/// Onset, offset, recording, label and mark of each event.
type Row<'a> = (f64, f64, Option<&'a str>, Option<&'a str>, Mark);

fn rows(annotation: &Annotation) -> Vec<Row<'_>> {
    let row = |event: &'_ MarkedEvent| -> (f64, f64, Mark) {
        (event.span.onset(), event.span.offset(), event.mark)
    };
    annotation
        .events
        .iter()
        .map(|event| {
            let (onset, offset, mark) = row(event);
            (
                onset,
                offset,
                event.recording.as_deref(),
                event.label.as_deref(),
                mark,
            )
        })
        .collect()
}

use Mark::{Negative, Positive, Unknown};

#[test]
fn the_validation_columns_of_dcase_have_a_mark_and_no_label() {
    let table = "Audiofilename,Starttime,Endtime,Q\n\
        a.wav,0.0,0.5,POS\na.wav,1,1.25,UNK\na.wav,2e0,2.5,neg\n";
    let marks = read(table).unwrap();
    assert_eq!(marks.format, MarkFormat::Dcase);
    let file = Some("a.wav");
    assert_eq!(
        rows(&marks),
        [
            (0.0, 0.5, file, None, Positive),
            (1.0, 1.25, file, None, Unknown),
            (2.0, 2.5, file, None, Negative)
        ]
    );
    assert_eq!(marks.events[2].line, 4);
}

#[test]
fn the_training_columns_of_dcase_are_classes() {
    let table = "Audiofilename,Starttime,Endtime,WREN,ROBIN\n\
        a.wav,0,1,POS,NEG\na.wav,1,2,UNK,POS\na.wav,3,4,NEG,NEG\n";
    let (file, wren, robin) = (Some("a.wav"), Some("WREN"), Some("ROBIN"));
    assert_eq!(
        rows(&read(table).unwrap()),
        [
            (0.0, 1.0, file, wren, Positive),
            (1.0, 2.0, file, wren, Unknown),
            (1.0, 2.0, file, robin, Positive),
            (3.0, 4.0, file, None, Negative)
        ]
    );
}

#[test]
fn predictions_without_a_mark_column_are_positive() {
    let marks = read("Audiofilename,Starttime,Endtime\na.wav,1,2\n").unwrap();
    assert_eq!(marks.events[0].mark, Positive);
    let none = read("Audiofilename,Starttime,Endtime\n").unwrap();
    assert_eq!((none.events.len(), none.warnings.len()), (0, 0));
}

#[test]
fn a_selection_that_raven_shows_in_two_views_is_one_event() {
    let table = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tBegin File\tAnnotation\n\
        1\tWaveform 1\t1\t0.5\t0.75\t0\tday \"one\".wav\tsong\n\
        1\tSpectrogram 1\t1\t0.5\t0.75\t0\tday \"one\".wav\tsong\n\
        2\tSpectrogram 1\t1\t1.5\t1.75\t0\tday \"one\".wav\t\n";
    let marks = read(table).unwrap();
    assert_eq!(marks.format, MarkFormat::Raven);
    let file = Some("day \"one\".wav");
    assert_eq!(
        rows(&marks),
        [
            (0.5, 0.75, file, Some("song"), Positive),
            (1.5, 1.75, file, None, Positive)
        ]
    );
    let columns = vec!["Channel".to_owned(), "Low Freq (Hz)".to_owned()];
    assert_eq!(marks.warnings, [MarkWarning::Unused { columns }]);
}

#[test]
fn times_of_several_files_in_raven_count_from_the_start_of_each() {
    let table = "Begin Time (s)\tEnd Time (s)\tBegin File\tFile Offset (s)\n\
        1.5\t2\ta.wav\t1.5\n61.5\t62.25\tb.wav\t1.5\n";
    let (a, b) = (Some("a.wav"), Some("b.wav"));
    assert_eq!(
        rows(&read(table).unwrap()),
        [
            (1.5, 2.0, a, None, Positive),
            (1.5, 2.25, b, None, Positive)
        ]
    );
}

#[test]
fn audacity_labels_may_have_frequencies_and_no_text() {
    let marks = read("0.500000\t0.75\tcall\n\\\t2000.0\t4000.0\n1.0\t2.0\n3\t4\tUNK\n").unwrap();
    assert_eq!(marks.format, MarkFormat::Audacity);
    assert_eq!(
        rows(&marks),
        [
            (0.5, 0.75, None, Some("call"), Positive),
            (1.0, 2.0, None, None, Positive),
            (3.0, 4.0, None, None, Unknown)
        ]
    );
    assert_eq!(marks.events[1].line, 3);
    let bands: Vec<_> = marks.events.iter().map(|event| event.band_hz).collect();
    assert_eq!(bands, [Some((2000.0, 4000.0)), None, None]);
    // Where a limit was not drawn, Audacity writes -1.
    for line in ["\\\t-1\t4000.0", "\\\t2000.0", "\\\t4000\t2000"] {
        let marks = read(&format!("0.5\t0.75\tcall\n{line}\n1\t2\tcall\n")).unwrap();
        assert_eq!(marks.events.len(), 2, "{line}");
        assert_eq!(marks.events[0].band_hz, None, "{line}");
    }
}

#[test]
fn plain_tables_have_any_separator_and_maybe_a_header() {
    let expected = [
        (0.5, 0.75, None, Some("call"), Positive),
        (1.0, 2.0, None, None, Positive),
    ];
    for table in [
        "0.5,0.75,call\n1,2\n",
        "onset,offset,label\n0.5,0.75,call\n1,2\n",
        "\u{feff}Onset;Offset;Label\r\n0.5;0.75;call\r\n\r\n1;2;\r\n",
        "label\tonset\toffset\tscore\ncall\t0.5\t0.75\t0.9\n\t1\t2\t\n",
        "start,end,label\r0.5,0.75,\"call\"\r1,2,\r",
        "\n\n 0.5 , 0.75 , call \n1,2,\n,,\n",
    ] {
        let marks = read(table).unwrap();
        assert_eq!(rows(&marks), expected, "{table:?}");
    }
}

#[test]
fn the_format_is_recognised_by_content_alone() {
    let raven = b"Begin Time (s)\tEnd Time (s)\n1\t2\n";
    for ending in ["csv", "txt", "wav", ""] {
        let marks = parse_marks(&Path::new("x").with_extension(ending), raven).unwrap();
        assert_eq!(marks.format, MarkFormat::Raven);
    }
}

#[test]
fn text_of_excel_and_of_old_programs_is_read() {
    let table = "onset\toffset\tlabel\n1\t2\tÜhu\n";
    let little: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(table.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let marks = parse_marks(Path::new("a"), &little).unwrap();
    assert_eq!(marks.events[0].label.as_deref(), Some("Ühu"));
    assert_eq!(marks.warnings, []);
    let latin: Vec<u8> = table.chars().map(|c| c as u8).collect();
    let marks = parse_marks(Path::new("a"), &latin).unwrap();
    assert_eq!(marks.events[0].label.as_deref(), Some("Ühu"));
    let name = "Latin-1 (Windows-1252)";
    assert_eq!(marks.warnings, [MarkWarning::Encoding { name }]);
}

#[test]
fn every_bad_row_is_named_with_what_is_expected() {
    let message = refusal(
        "Audiofilename,Starttime,Endtime,Q\n\n\
         a.wav,1,2,POS\n\
         a.wav,x,2,POS\n\
         a.wav,2,1,POS\n\
         a.wav,-1,1,POS\n\
         a.wav,1,inf,POS\n\
         ,1,2,POS\n\
         a.wav,1,2,MAYBE\n\
         a.wav,1,2\n\
         a.wav,1,5,2,5,POS\n",
    );
    assert!(message.starts_with("marks.csv: 8 bad values:"), "{message}");
    for line in [
        "line 4: `Starttime` is `x`, but must be a number of seconds",
        "line 5: `Endtime` is `1`, but must be after the onset, 2 s",
        "line 6: `Starttime` is `-1`, but must be 0 or more seconds",
        "line 7: `Endtime` is `inf`, but must be a finite number of seconds",
        "line 8: `Audiofilename` is ``, but must be the name of a recording",
        "line 9: `Q` is `MAYBE`, but must be POS, UNK or NEG",
        "line 10: `Q` is ``, but must be POS, UNK or NEG",
        "line 11: is `6 values`, but must be at most 4 values (are there decimal commas?",
    ] {
        assert!(message.contains(line), "no `{line}` in: {message}");
    }
}

#[test]
fn decimal_commas_are_read_where_they_are_sure_and_else_refused() {
    let expected = [
        (1.5, 2.25, None, Some("call"), Positive),
        (3.0, 4.5, None, None, Positive),
    ];
    for table in [
        "onset;offset;label\n1,5;2,25;call\n3;4,500;\n",
        "1,5\t2,25\tcall\n3\t4,5\n",
        "onset,offset,label\n\"1,5\",\"2,25\",call\n3,\"4,5\",\n",
    ] {
        assert_eq!(rows(&read(table).unwrap()), expected, "{table:?}");
    }
    // One thousand two hundred and thirty-four, or a little more than one?
    let message = refusal("onset;offset\n1,234;2,345\n");
    assert!(
        message.contains(
            "line 2: `onset` is `1,234`, but must be written with a decimal point: 1.234"
        ),
        "{message}"
    );
    let mixed = refusal("onset;offset\n1,5;2.25\n");
    assert!(mixed.contains("line 2: `onset` is `1,5`"), "{mixed}");
    let commas = refusal("1,5,2,25\n");
    assert!(commas.contains("line 1: is `4 values`"), "{commas}");
}

#[test]
fn a_quote_left_open_does_not_swallow_rows_in_silence() {
    let message = refusal("onset,offset,label\n1,2,\"call\n3,4,call\n5,6,call\n");
    assert!(
        message.contains("line 2: `label` is `call 3,4,call 5,6,call`"),
        "{message}"
    );
}

#[test]
fn what_is_no_table_of_marks_is_refused_with_those_that_are() {
    let message = refusal("\n\nname,when\nwren,now\n");
    assert!(
        message
            .contains("line 3: is `name when`, but must be the header of a table of marks (DCASE"),
        "{message}"
    );
}

#[test]
fn a_point_in_time_is_no_event() {
    let message = refusal("1.0\t2.0\ta\n3.0\t3.0\tb\n");
    assert!(
        message.contains("line 2: `offset` is `3.0`, but must be after the onset, 3 s"),
        "{message}"
    );
}

#[test]
fn an_empty_file_is_a_table_without_events() {
    for text in ["", "\u{feff}", "\r\n \n"] {
        let marks = read(text).unwrap();
        assert_eq!(
            (marks.events.len(), &marks.warnings[..]),
            (0, &[MarkWarning::Empty][..])
        );
    }
}

#[test]
fn rows_out_of_order_and_overlaps_are_pointed_out() {
    let marks = read("5,6\n1,3\n2,4\n2.5,2.75\n5.5,5.6\n7,8,UNK\n7,8,UNK\n").unwrap();
    assert_eq!(
        marks.warnings,
        [
            MarkWarning::Unsorted { line: 2 },
            MarkWarning::Overlapping {
                line: 3,
                inside: 2,
                count: 3
            }
        ]
    );
    let text: Vec<_> = marks.warnings.iter().map(ToString::to_string).collect();
    assert!(
        text[1].contains("line 3: overlaps the event of line 2, and 2 more do"),
        "{text:?}"
    );
    // Of different labels, or only touching, they do not.
    assert_eq!(read("1,3,a\n2,4,b\n3,4,a\n").unwrap().warnings, []);
}

#[test]
fn a_file_too_long_to_be_a_table_is_refused_and_not_read_to_its_end() {
    if Path::new("/dev/zero").exists() {
        let error = read_marks("/dev/zero").unwrap_err();
        let DatasetError::Read { source, .. } = error else {
            panic!("{error}")
        };
        assert!(
            source
                .to_string()
                .contains("too large for a table of marks"),
            "{source}"
        );
    }
}

#[test]
fn recordings_are_compared_without_folder_and_ending() {
    for name in ["a.wav", "a.FLAC", "a", "C:\\birds\\a.wav", "data/a.mp3"] {
        assert_eq!(recording_stem(name), "a");
    }
    assert_eq!(
        recording_stem("2021.05.01"),
        recording_stem("2021.05.01.wav")
    );
    assert_eq!(recording_stem(".wav"), ".wav");
    assert_ne!(recording_stem("A.wav"), recording_stem("a.wav"));
}

fn support(table: &str, choice: &ShotChoice) -> Result<Support, SupportError> {
    let marks = read(table).unwrap();
    marks.support(Path::new("data/a.flac"), 10.0, choice)
}

fn spans(spans: &[Span]) -> Vec<(f64, f64)> {
    spans
        .iter()
        .map(|span| (span.onset(), span.offset()))
        .collect()
}

const FIVE: ShotChoice = ShotChoice {
    count: ShotCount::First(5),
    label: LabelChoice::Only,
    marked: Marked::All,
};

#[test]
fn shots_are_the_first_positives_in_time_and_skip_unknown_ones() {
    let table = "Audiofilename,Starttime,Endtime,Q\n\
        a.wav,3,4,POS\na.wav,0,1,POS\na.wav,1,2,UNK\nb.wav,1.5,2,POS\na.wav,5,6,POS\n\
        a.wav,4.5,5,POS\na.wav,7,8,POS\na.wav,8.5,9,POS\n";
    let five = support(table, &FIVE).unwrap();
    let expected = [(0.0, 1.0), (3.0, 4.0), (4.5, 5.0), (5.0, 6.0), (7.0, 8.0)];
    assert_eq!(spans(five.shots()), expected);
    assert_eq!(spans(five.unknown()), [(1.0, 2.0)]);
    assert_eq!((five.end(), five.warnings()), (8.0, &[][..]));
    assert!((five.mean_secs() - 4.5 / 5.0).abs() < 1e-12);
    let all = ShotChoice {
        count: ShotCount::All,
        label: LabelChoice::Only,
        marked: Marked::All,
    };
    assert_eq!(support(table, &all).unwrap().shots().len(), 6);
    assert_eq!(five.bands_hz(), [None; 5]);
    let two = ShotChoice {
        count: ShotCount::First(2),
        label: LabelChoice::Only,
        marked: Marked::All,
    };
    assert_eq!(spans(support(table, &two).unwrap().shots()), expected[..2]);
}

#[test]
fn found_events_that_were_checked_are_right_or_wrong() {
    let table = "recording,onset,offset,score,label,verdict\n\
        a.wav,1,2,0.9,song,right\na.wav,3,4,0.8,song,wrong\na.wav,5,6,0.8,song,\na.wav,7,8,0.7,song,?\n";
    let read = parse_marks("found.csv".as_ref(), table.as_bytes()).unwrap();
    assert!(read.checked);
    let marks: Vec<_> = read
        .events
        .iter()
        .map(|event| (event.line, event.mark))
        .collect();
    assert_eq!(marks, [(2, Positive), (3, Negative), (5, Unknown)]);
    let found: Vec<_> = (read.found.iter())
        .map(|event| (event.line, event.score, event.verdict))
        .collect();
    let (right, wrong, unsure) = (Some(Positive), Some(Negative), Some(Unknown));
    assert_eq!(
        found,
        [
            (2, Some(0.9), right),
            (3, Some(0.8), wrong),
            (4, Some(0.8), None),
            (5, Some(0.7), unsure)
        ]
    );
    let some = ShotChoice {
        marked: Marked::Some,
        ..FIVE
    };
    let support = read.support("a.wav".as_ref(), 10.0, &some).unwrap();
    assert_eq!(spans(support.shots()), [(1.0, 2.0)]);
    assert_eq!(spans(support.negative()), [(3.0, 4.0)]);
    assert_eq!(spans(support.unknown()), [(7.0, 8.0)]);
    assert!(
        read.support("a.wav".as_ref(), 10.0, &FIVE)
            .unwrap()
            .negative()
            .is_empty()
    );
    let typo = table.replace("wrong", "wrnog");
    let refused = parse_marks("found.csv".as_ref(), typo.as_bytes())
        .unwrap_err()
        .to_string();
    assert!(refused.contains("right, wrong or ?"), "{refused}");
    let unchecked = b"onset,offset,score,verdict\n1,2,0.9,\n";
    let unchecked = parse_marks("found.csv".as_ref(), unchecked).unwrap();
    assert_eq!((unchecked.checked, unchecked.events.len()), (true, 0));
    let sure = b"onset,offset,Q\n1,2,1\n3,4,0.5\n5,6,0\n";
    let refused = parse_marks("a.csv".as_ref(), sure).unwrap_err().to_string();
    assert!(refused.contains("POS, UNK or NEG"), "{refused}");
    // Marks that somebody made are marks, whoever looked at them again.
    let own = parse_marks("a.csv".as_ref(), b"onset,offset,verified\n1,2,yes\n3,4,\n").unwrap();
    assert_eq!((own.checked, own.events.len()), (false, 2));
    assert!(own.found.is_empty());
    let by_label = parse_marks(
        "a.csv".as_ref(),
        b"onset,offset,label\n1,2,song\n3,4,-song\n",
    )
    .unwrap();
    assert_eq!(by_label.events[1].mark, Negative);
    assert_eq!(by_label.events[1].label.as_deref(), Some("song"));
}

#[test]
fn marks_that_were_learned_from_come_back_as_marks_and_never_as_found_events() {
    let table = "recording,onset,offset,score,label,verdict\n\
        a.wav,1,2,,song,mark\na.wav,3,4,0.8,song,\na.wav,5,6,0.7,song,wrong\n";
    let only_marks = table.replace("wrong", "");
    let read = |table: &str| parse_marks("found.csv".as_ref(), table.as_bytes()).unwrap();
    let marks = read(table);
    let of_marks: Vec<_> = (marks.events.iter())
        .map(|event| (event.line, event.mark))
        .collect();
    assert_eq!(of_marks, [(2, Positive), (4, Negative)]);
    let lines: Vec<_> = marks.found.iter().map(|event| event.line).collect();
    assert_eq!(lines, [3, 4], "a mark was not found");

    // Beside the table that they are from they count once, and alone they are marks like others.
    let own = parse_marks("a.csv".as_ref(), b"onset,offset,label\n1,2,song\n").unwrap();
    let recordings = ["a.wav".into()];
    for (found, are_checked) in [(marks, true), (read(&only_marks), false)] {
        let tables = [own.clone(), found];
        let of_both = Matching::new(&tables, &recordings).marks_of(0).unwrap();
        let support = of_both.support(10.0, &FIVE).unwrap();
        assert_eq!(spans(support.shots()), [(1.0, 2.0)]);
        assert_eq!(of_both.are_checked(), are_checked);
    }

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("found.csv");
    std::fs::write(&path, table).unwrap();
    let found = read_found_events(&path).unwrap();
    let of_found: Vec<_> = (found.events.iter())
        .map(|event| (event.line, event.mark))
        .collect();
    assert_eq!(of_found, [(3, Positive), (4, Negative)]);
    assert_eq!(found.found[0].verdict, None, "nobody checked it");
}

#[test]
fn marks_that_reach_far_and_are_few_seem_partial() {
    let header = "Audiofilename,Starttime,Endtime,Q\n";
    let seems = |rows: &str| {
        let support = support(&format!("{header}{rows}"), &FIVE).unwrap();
        support.seems_partial(10.0)
    };
    let late = "a.wav,0,0.5,POS\na.wav,2,2.5,POS\na.wav,4,4.5,POS\n";
    assert!(seems(late));
    assert!(
        !seems("a.wav,0,0.5,POS\na.wav,1,1.5,POS\na.wav,3,3.5,POS\n"),
        "early"
    );
    assert!(!seems(&format!("{late}a.wav,7,8,UNK\n")), "one was doubted");
    let more = "a.wav,5,5.5,POS\na.wav,6,6.5,POS\na.wav,9,9.5,POS\n";
    assert!(!seems(&format!("{late}{more}")), "more than are needed");
    let some = ShotChoice {
        marked: Marked::Some,
        count: ShotCount::All,
        ..FIVE
    };
    let some = support(&format!("{header}{late}{more}"), &some).unwrap();
    assert_eq!((some.shots().len(), some.search_from()), (6, 0.0));
    let all = support(&format!("{header}{late}"), &FIVE).unwrap();
    assert_eq!(all.search_from(), all.end());
}

#[test]
fn fewer_overlapping_and_overlong_shots_are_warned_of() {
    let few = support("1,2\n1.5,3\n9.5,10.5\n", &FIVE).unwrap();
    assert_eq!(spans(few.shots()), [(1.0, 2.0), (1.5, 3.0), (9.5, 10.0)]);
    let text: Vec<_> = few.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        text,
        [
            "3 shots where 5 are wanted: more make it surer",
            "the shot 9.500 to 10.500 s ends after the recording, and is cut at 10.000 s",
            "the shots 1.000 to 2.000 s and 1.500 to 3.000 s overlap",
        ]
    );
    // An end that was rounded up is no reason to complain.
    let rounded = support("1,2\n2,3\n3,4\n4,5\n9.5,10.0004\n", &FIVE).unwrap();
    assert_eq!((rounded.warnings(), rounded.end()), (&[][..], 10.0));
}

#[test]
fn shots_that_are_missing_or_unclear_are_refused_with_what_there_is() {
    let refusal =
        |table: &str, choice: &ShotChoice| support(table, choice).unwrap_err().to_string();
    let header = "Audiofilename,Starttime,Endtime,Q\n";
    assert!(
        refusal(&format!("{header}b.wav,1,2,POS\nc.wav,1,2,POS\n"), &FIVE)
            .contains("marks.csv: has no marks of `a.flac`, only of `b.wav`, `c.wav`")
    );
    assert!(
        refusal(&format!("{header}a.wav,1,2,UNK\n"), &FIVE)
            .contains("no positive mark of `a.flac`, only 1 unknown and 0 negative ones")
    );
    assert!(refusal(header, &FIVE).contains("no positive mark of `a.flac`"));
    let kinds = "1,2,wren\n3,4,robin\n5,6,wren\n";
    assert!(
        refusal(kinds, &FIVE)
            .contains("marks of several kinds in `a.flac`: `robin (1)`, `wren (2)`\n\nhint: ")
    );
    let owl = ShotChoice {
        label: LabelChoice::Named("owl".into()),
        ..FIVE
    };
    assert!(refusal(kinds, &owl).contains("label `owl`, only of `robin (1)`, `wren (2)`"));
    let none = ShotChoice {
        count: ShotCount::First(0),
        label: LabelChoice::Only,
        marked: Marked::All,
    };
    assert!(
        refusal(
            kinds,
            &ShotChoice {
                label: LabelChoice::Named("wren".into()),
                ..none
            }
        )
        .contains("at least 1")
    );
    assert!(refusal("1,2\n12,13\n", &FIVE).contains(
        "line 2: 12.000 to 13.000 s lies beyond the end of `a.flac`, which is 10.000 s long"
    ));
}

#[test]
fn a_label_chooses_among_several() {
    let wren = ShotChoice {
        label: LabelChoice::Named("wren".into()),
        ..FIVE
    };
    let chosen = support("1,2,wren\n3,4,robin\n5,6,wren\n7,8,UNK\n", &wren).unwrap();
    assert_eq!(spans(chosen.shots()), [(1.0, 2.0), (5.0, 6.0)]);
    assert_eq!(spans(chosen.unknown()), [(7.0, 8.0)]);
    assert_eq!(chosen.label(), Some("wren"));
}

#[test]
fn every_label_is_a_kind_of_its_own_where_all_are_wanted() {
    let two_of_each = ShotChoice {
        count: ShotCount::First(2),
        label: LabelChoice::All,
        ..FIVE
    };
    let table =
        "onset,offset,label\n0,1,wren\n1,2,robin\n2,3,wren\n3,4,wren\n4,5,UNK\n5,6,-robin\n";
    let support = support(table, &two_of_each).unwrap();
    let of_kind = |kind: &KindSupport| (kind.label.clone().unwrap(), spans(&kind.shots));
    let kinds: Vec<_> = support.kinds().iter().map(of_kind).collect();
    let robin = ("robin".to_owned(), vec![(1.0, 2.0)]);
    let wren = ("wren".to_owned(), vec![(0.0, 1.0), (2.0, 3.0)]);
    assert_eq!(kinds, [robin, wren]);
    assert_eq!(
        spans(support.shots()),
        [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)],
        "of both, by onset"
    );
    assert_eq!((support.label(), support.end()), (None, 3.0));
    let begins: Vec<f64> = support
        .kinds()
        .iter()
        .map(|kind| kind.search_from)
        .collect();
    assert_eq!((begins, support.search_from()), (vec![2.0, 3.0], 2.0));
    let unknown = |kind: &KindSupport| spans(&kind.unknown) == [(4.0, 5.0)];
    assert!(support.kinds().iter().all(unknown));
    let text: Vec<_> = support.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        text,
        ["1 shot of `robin` where 2 are wanted: more make it surer"]
    );

    let some = ShotChoice {
        marked: Marked::Some,
        ..two_of_each
    };
    let marks = read(table).unwrap();
    let support = marks.support("a.wav".as_ref(), 10.0, &some).unwrap();
    let wrong: Vec<_> = support
        .kinds()
        .iter()
        .map(|of| spans(&of.negative))
        .collect();
    assert_eq!(
        wrong,
        [vec![(5.0, 6.0)], vec![]],
        "a `-robin` may be a wren"
    );
    assert_eq!(support.search_from(), 0.0);
    assert_eq!("all".parse::<LabelChoice>(), Ok(LabelChoice::All));
    assert_eq!(
        "owl".parse::<LabelChoice>(),
        Ok(LabelChoice::Named("owl".into()))
    );
}

#[test]
fn one_label_is_one_kind_whether_all_or_none_is_asked_for() {
    let all = ShotChoice {
        label: LabelChoice::All,
        ..FIVE
    };
    for table in ["1,2,wren\n3,4,wren\n", "1,2\n3,4\n"] {
        assert_eq!(support(table, &all), support(table, &FIVE));
    }
    assert!(support("7,8,UNK\n", &all).is_err(), "there are no shots");
}

fn warnings(text: &str) -> Vec<String> {
    let marks = read(text).unwrap();
    marks.warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn q_beside_any_times_is_a_mark_and_no_label() {
    let expected = [Positive, Unknown, Negative].map(|mark| (1.0, 2.0, None, None, mark));
    for header in [
        "onset,offset,Q",
        "Begin Time (s),End Time (s),Q",
        "start,end,q",
    ] {
        let table = format!("{header}\n1,2,POS\n1,2,UNK\n1,2,neg\n");
        assert_eq!(rows(&read(&table).unwrap()), expected, "{header}");
    }
    let both = "onset,offset,label,Q\n1,2,wren,POS\n3,4,robin,UNK\n";
    let labels: Vec<_> = rows(&read(both).unwrap())
        .iter()
        .map(|row| (row.3.is_some(), row.4))
        .collect();
    assert_eq!(labels, [(true, Positive), (true, Unknown)]);
    assert!(refusal("onset,offset,Q\n1,2,POS\n3,4,MAYBE\n").contains("line 3: `Q` is `MAYBE`"));
}

#[test]
fn a_label_column_of_any_name_tells_kinds_apart() {
    for name in [
        "Call",
        "Type",
        "Species Code",
        "Sound type",
        "Kennung",
        "My_Kinds",
    ] {
        let table = format!(
            "Begin Time (s)\tEnd Time (s)\t{name}\n1\t2\talarm\n3\t4\tsong\n5\t6\talarm\n7\t8\tsong\n"
        );
        let message = support(&table, &FIVE).unwrap_err().to_string();
        assert!(
            message.contains(&format!(
                "several kinds in `a.flac` (column `{name}`): `alarm (2)`, `song (2)`"
            )),
            "{name}: {message}"
        );
        let song = ShotChoice {
            label: LabelChoice::Named("song".into()),
            ..FIVE
        };
        assert_eq!(
            spans(support(&table, &song).unwrap().shots()),
            [(3.0, 4.0), (7.0, 8.0)]
        );
    }
}

#[test]
fn what_is_no_label_is_named_as_not_used() {
    let remarks = "onset,offset,Notes,Begin Clock Time,power\n1,2,faint,8:00,3\n3,4,faint,8:01,4\n5,6,loud,8:02,5\n7,8,loud,8:03,5\n";
    assert_eq!(
        warnings(remarks),
        ["not used: `Notes`, `Begin Clock Time`, `power`"]
    );
    let both =
        "onset,offset,label,Call\n1,2,wren,song\n3,4,robin,alarm\n5,6,wren,alarm\n7,8,robin,song\n";
    assert_eq!(
        warnings(both),
        ["the label is `label`; not used, though it may tell events apart: `Call`"]
    );
    let two = "onset,offset,Sex,Age\n1,2,m,ad\n3,4,f,ad\n5,6,m,juv\n7,8,f,juv\n";
    assert!(
        warnings(two)[0].starts_with(
            "no label is used, though one of these may tell events apart: `Sex`, `Age`"
        )
    );
    // A label that says the same of all leaves it to the other; a code of the label says nothing new.
    let fine = "onset,offset,Annotation,Call type\n1,2,bird,song\n3,4,bird,alarm\n";
    let marks = read(fine).unwrap();
    assert_eq!(rows(&marks)[0].3, Some("song"));
    let coded = "onset,offset,Common name,Species Code\n1,2,Wren,w\n3,4,Robin,r\n";
    assert_eq!(warnings(coded), ["not used: `Species Code`"]);
}

#[test]
fn nothing_is_said_of_the_columns_that_found_events_have() {
    let found = "recording,onset,offset,score,label,date,time,verdict\na.wav,1,2,0.9,wren,2024-05-01,06:00:01,right\n";
    assert_eq!(warnings(found), [""; 0]);
    let dated = "onset,offset,date\n1,2,2024-05-01\n";
    assert_eq!(warnings(dated), ["not used: `date`"]);
}

#[test]
fn columns_that_name_recordings_have_many_names() {
    for name in [
        "audio_file",
        "sound.files",
        "filepath",
        "file_name",
        "Filename",
        "File",
        "wav",
        "recording",
        "path",
        "Begin File",
        "Begin Path",
        "IN FILE",
        "soundfile",
        "whatever",
    ] {
        let table = format!("{name},start,end\ndusk.flac,1,2\ndawn.flac,3,4\ndusk.flac,5,6\n");
        let marks = read(&table).unwrap();
        assert_eq!(
            Vec::from_iter(marks.recordings()),
            ["dawn.flac", "dusk.flac"],
            "{name}"
        );
    }
    let two = "Begin File\tBegin Path\tBegin Time (s)\tEnd Time (s)\nx.wav\tD:\\A01\\x.wav\t1\t2\nx.wav\t\t3\t4\nx.wav\tA02\t3\t4\n";
    let marks = read(two).unwrap();
    assert_eq!(
        Vec::from_iter(marks.recordings()),
        ["A02/x.wav", "D:\\A01\\x.wav", "x.wav"]
    );
    let torn = refusal("file,path,start,end\na.wav,x/b.wav,1,2\n");
    assert!(
        torn.contains("`path` is `x/b.wav`, but must be a path to `a.wav`"),
        "{torn}"
    );
}

#[test]
fn a_row_without_times_is_a_recording_without_events() {
    let table =
        "audio_file,annotation,start_time,end_time\na.wav,song,1,2\nb.wav,,,\nc.wav,NA,NaN,nan\n";
    let marks = read(table).unwrap();
    assert_eq!(
        (
            marks.events.len(),
            Vec::from_iter(marks.silent.iter().map(String::as_str))
        ),
        (1, vec!["b.wav", "c.wav"])
    );
    let half = refusal("file,start,end\na.wav,1,\n");
    assert!(
        half.contains("`end` is ``, but must be a number of seconds"),
        "{half}"
    );
    let labelled = refusal("file,start,end,label\na.wav,,,song\n");
    assert!(labelled.contains("`start` is ``"), "{labelled}");
    let dcase = read("Audiofilename,Starttime,Endtime,Q\na.wav,,,\nb.wav,1,2,POS\n").unwrap();
    assert_eq!(Vec::from_iter(dcase.recordings()), ["a.wav", "b.wav"]);
}

#[test]
fn times_that_go_on_through_several_files_are_pointed_out() {
    let window =
        "Begin Time (s)\tEnd Time (s)\tBegin File\n1\t2\tp1.wav\n3\t4\tp2.wav\n5\t6\tp2.wav\n";
    assert!(
        warnings(window)[0]
            .starts_with("the times of `p2.wav` may count from the start of `p1.wav`")
    );
    let own =
        "Begin Time (s)\tEnd Time (s)\tBegin File\n1\t2\tp1.wav\n0.5\t4\tp2.wav\n5\t6\tp2.wav\n";
    assert_eq!(warnings(own), [""; 0]);
    let with_offset = window
        .replace("Begin File", "Begin File\tFile Offset (s)")
        .replace("wav", "wav\t0.5");
    assert!(!warnings(&with_offset)[0].starts_with("the times"));
}

#[test]
fn frequencies_are_kept_in_hertz() {
    let band = |table: &str| read(table).unwrap().events[0].band_hz;
    let expected = Some((2000.0, 5500.0));
    assert_eq!(
        band("onset,offset,Low Freq (Hz),High Freq (Hz)\n1,2,2000,5500\n"),
        expected
    );
    assert_eq!(
        band("sound.files,selec,start,end,bottom.freq,top.freq\na.wav,1,1,2,2,5.5\n"),
        expected
    );
    assert_eq!(band("onset,offset\n1,2\n"), None);
    assert_eq!(
        band("recording,onset,offset,low_hz,high_hz\na.wav,1,2,14,35\n"),
        Some((14.0, 35.0)),
        "an elephant"
    );
    let table = "onset,offset,Low Freq (Hz),High Freq (Hz)\n3,4,,\n1,2,2000,5500\n5,6,9,3\n";
    let support = support(table, &FIVE).unwrap();
    assert_eq!(support.bands_hz(), [expected, None, None], "by onset");
}

#[test]
fn frequencies_that_may_be_in_hertz_or_kilohertz_are_not_used_and_said() {
    let read_of = |high: &str| read(&format!("onset,offset,low_f,high_f\n1,2,2,{high}\n"));
    let unclear = read_of("5.5").unwrap();
    assert_eq!(unclear.events[0].band_hz, None);
    let columns = ["low_f", "high_f"].map(str::to_owned);
    assert_eq!(unclear.warnings, [MarkWarning::UnclearBand { columns }]);
    let clear = read_of("5500").unwrap();
    assert_eq!(clear.events[0].band_hz, Some((2.0, 5500.0)));
    assert_eq!(clear.warnings, []);
    let none = read("onset,offset,low_f,high_f\n1,2,,\n").unwrap();
    assert_eq!(none.warnings, []);
}

#[test]
fn the_shots_limits_make_one_band_if_all_have_some() {
    let band = |rows: &str| {
        let table = format!("onset,offset,Low Freq (Hz),High Freq (Hz)\n{rows}");
        let marks = read(&table).unwrap();
        let support = marks.support("a.wav".as_ref(), 10.0, &ShotChoice::default());
        support.unwrap().band_hz()
    };
    assert_eq!(band("1,2,2000,5500\n3,4,1500,3000\n"), Some(1500.0..5500.0));
    assert_eq!(band("1,2,2000,5500\n3,4,,\n"), None);
}

#[test]
fn shots_of_several_kinds_keep_their_kind_and_limits_by_onset() {
    let all = ShotChoice {
        label: LabelChoice::All,
        ..ShotChoice::default()
    };
    let of = |low: &str| {
        let rows = format!("1,2,wren,2000,5500\n3,4,owl,{low},900\n5,6,wren,2500,6000\n");
        support(&format!("onset,offset,label,low_hz,high_hz\n{rows}"), &all).unwrap()
    };
    let both = of("300");
    assert_eq!(both.shot_kinds(), [1, 0, 1]);
    let limits = [(2000.0, 5500.0), (300.0, 900.0), (2500.0, 6000.0)];
    assert_eq!(both.bands_hz(), limits.map(Some));
    assert_eq!(both.band_hz(), Some(300.0..6000.0));
    assert_eq!(of("").band_hz(), None);
}

#[test]
fn numbers_without_a_header_that_are_no_marks_are_refused() {
    let curve = refusal("0.5,440\n1.1,441\n1.7,440\n2.3,439\n");
    assert!(curve.contains("numbers without a header"), "{curve}");
    let durations = refusal("0.5,440,0.06\n1.1,441,0.07\n");
    assert!(
        durations.contains("`label` is `numbers`, but must be text"),
        "{durations}"
    );
    let instants = refusal("TIME,LABEL\n0.5,New Point\n");
    assert!(
        instants.contains("is `TIME LABEL`, but must be the header"),
        "{instants}"
    );
    let scores = refusal("file,start_time,end_time,wren\na.wav,0,5,0.25\na.wav,5,10,-3\n");
    assert!(
        scores.contains("`wren` is `numbers`, but must be 0 and 1"),
        "{scores}"
    );
}

#[test]
fn found_events_without_length_count_and_are_pointed_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("found.csv");
    std::fs::write(&path, "onset,offset\n1,1\n2,3\n").unwrap();
    let found = read_found_events(&path).unwrap();
    assert_eq!(
        (found.events.len(), &found.warnings[..]),
        (2, &[MarkWarning::NoLength { line: 2, count: 1 }][..])
    );
    assert!(read_marks(&path).is_err());
}
