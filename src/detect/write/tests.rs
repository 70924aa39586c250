use super::*;
use crate::audio::{AudioReader, SampleRate, WavEncoding, Waveform, write_wav};
use crate::dataset::{Mark, MarkFormat, Span, read_found_events, read_marks};
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::RowAccessor;
use proptest::prelude::*;
use std::fs::{self, File};
use std::path::Path;

fn event(onset: f64, offset: f64, score: f32) -> Event {
    Event {
        span: Span::new(onset, offset).unwrap(),
        score,
        kind: 0,
    }
}

fn labels(label: &str) -> [Option<String>; 1] {
    [Some(label.to_owned())]
}

fn found<'a>(recording: &'a str, labels: &'a [Option<String>], events: &'a [Event]) -> Found<'a> {
    Found {
        recording,
        labels,
        band: Band::NotShown,
        events,
        marks: None,
        began: Began::NotShown,
    }
}

fn written(format: TableFormat, found: &[Found]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    write_events(&path, format, found).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    fs::read_to_string(path).unwrap()
}

#[test]
fn each_format_is_written_as_its_program_reads_it() {
    let events = [event(0.0, 0.25, 0.5), event(61.5, 62.0, 1.0)];
    let labels = labels("song");
    let song = found("a, b.wav", &labels, &events);
    assert_eq!(
        written(TableFormat::Dcase, &[song]),
        "Audiofilename,Starttime,Endtime\n\"a, b.wav\",0.000000,0.250000\n\"a, b.wav\",61.500000,62.000000\n"
    );
    assert_eq!(
        written(TableFormat::Csv, &[song]),
        "recording,onset,offset,score,label\n\
         \"a, b.wav\",0.000000,0.250000,0.5,song\n\"a, b.wav\",61.500000,62.000000,1,song\n"
    );
    assert_eq!(
        written(TableFormat::Audacity, &[song]),
        "0.000000\t0.250000\tsong\n61.500000\t62.000000\tsong\n"
    );
    assert_eq!(
        written(TableFormat::Raven, &[song]),
        "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tBegin File\tScore\tAnnotation\n\
         1\tSpectrogram 1\t1\t0.000000\t0.250000\ta, b.wav\t0.5\tsong\n\
         2\tSpectrogram 1\t1\t61.500000\t62.000000\ta, b.wav\t1\tsong\n"
    );
    let band = Found {
        band: Band::Hz(2000.0, 8000.5),
        ..song
    };
    let unknown = Found {
        band: Band::Unknown,
        ..song
    };
    assert_eq!(
        written(TableFormat::Raven, &[unknown]),
        written(TableFormat::Raven, &[song])
    );
    let raven = written(TableFormat::Raven, &[band]);
    assert!(
        raven.contains("\tLow Freq (Hz)\tHigh Freq (Hz)\tBegin File"),
        "{raven}"
    );
    assert!(
        raven.contains("\t0.250000\t2000.0\t8000.5\ta, b.wav\t"),
        "{raven}"
    );
}

#[test]
fn every_event_has_the_label_of_its_kind() {
    let song = event(0.0, 0.25, 0.5);
    let call = Event { kind: 1, ..song };
    let other = Event { kind: 2, ..song };
    let labels = ["song", "call, low"].map(|label| Some(label.to_owned()));
    let labels = [&labels[..], &[None]].concat();
    let events = [call, song, other];
    let both = found("a.wav", &labels, &events);
    let of_rows = |format| {
        let text = written(format, &[both]);
        let ends = text
            .lines()
            .map(|line| line.rsplit_once('\t').map(|(_, label)| label.to_owned()));
        ends.collect::<Option<Vec<_>>>()
    };
    let audacity = of_rows(TableFormat::Audacity).unwrap();
    assert_eq!(audacity, ["call, low", "song", ""]);
    assert_eq!(of_rows(TableFormat::Raven).unwrap()[1..], audacity);
    assert_eq!(
        written(TableFormat::Csv, &[both]),
        "recording,onset,offset,score,label\n\
         a.wav,0.000000,0.250000,0.5,\"call, low\"\na.wav,0.000000,0.250000,0.5,song\n\
         a.wav,0.000000,0.250000,0.5,\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.parquet");
    write_events(&path, TableFormat::Parquet, &[both]).unwrap();
    let read = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
    let rows = read.get_row_iter(None).unwrap().map(Result::unwrap);
    let parquet = rows.map(|row| row.get_string(4).cloned().unwrap_or_default());
    assert_eq!(parquet.collect::<Vec<_>>(), audacity);
}

#[test]
fn events_have_date_and_time_where_a_recording_says_when_it_was() {
    let at = crate::audio::recorded_at("SITE_20240229_235959.wav".as_ref());
    let events = [event(0.25, 0.5, 1.0), event(3601.5, 3602.0, 0.5)];
    let dated = Found {
        began: Began::At(at.at.unwrap()),
        ..found("a.wav", &[], &events)
    };
    let labels = labels("song");
    let other = Found {
        began: Began::Unknown,
        ..found("b.wav", &labels, &events[..1])
    };
    assert_eq!(
        written(TableFormat::Csv, &[dated, other]),
        "recording,onset,offset,score,label,date,time\n\
         a.wav,0.250000,0.500000,1,,2024-02-29,23:59:59.250\n\
         a.wav,3601.500000,3602.000000,0.5,,2024-03-01,01:00:00.500\n\
         b.wav,0.250000,0.500000,1,song,,\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.parquet");
    write_events(&path, TableFormat::Parquet, &[dated, other]).unwrap();
    let read = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
    let rows: Vec<_> = read
        .get_row_iter(None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let texts = rows[..2]
        .iter()
        .map(|row| [5, 6].map(|n| row.get_string(n).unwrap().as_str()));
    assert_eq!(
        texts.collect::<Vec<_>>(),
        [
            ["2024-02-29", "23:59:59.250"],
            ["2024-03-01", "01:00:00.500"]
        ]
    );
    assert!(rows[2].get_string(5).is_err());
}

#[test]
fn frequencies_are_written_where_they_are_known_and_read_back() {
    let (events, labels) = ([event(0.25, 0.5, 1.0)], labels("song"));
    let known = Found {
        band: Band::Hz(1234.56, 8000.0),
        ..found("a.wav", &labels, &events)
    };
    let unknown = Found {
        band: Band::Unknown,
        ..found("b.wav", &[], &events)
    };
    assert_eq!(
        written(TableFormat::Csv, &[unknown, known]),
        "recording,onset,offset,score,label,low_hz,high_hz\n\
         b.wav,0.250000,0.500000,1,,,\n\
         a.wav,0.250000,0.500000,1,song,1234.6,8000.0\n"
    );
    let alone = written(TableFormat::Csv, &[unknown]);
    assert!(alone.starts_with("recording,onset,offset,score,label,low_hz,high_hz\n"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    for format in [TableFormat::Csv, TableFormat::Raven] {
        write_events(&path, format, &[known]).unwrap();
        let read = read_marks(&path).unwrap();
        assert_eq!(read.events[0].band_hz, Some((1234.6, 8000.0)), "{format}");
        assert_eq!(read.events[0].label.as_deref(), Some("song"), "{format}");
    }
    write_events(&path, TableFormat::Parquet, &[unknown, known]).unwrap();
    let read = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
    let rows: Vec<_> = read
        .get_row_iter(None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(rows[0].get_double(5).is_err());
    assert_eq!(rows[1].get_double(5).unwrap(), 1234.56);
    assert_eq!(rows[1].get_double(6).unwrap(), 8000.0);
}

/// Lowest and highest frequency, Hz.
type Limits = (f64, f64);

/// A mark before and one behind the only event.
const MARKS: [(f64, f64, Option<Limits>); 2] =
    [(0.5, 1.0, None), (4.0, 4.25, Some((2000.0, 3000.0)))];

fn marks() -> [UsedMark; 2] {
    MARKS.map(|(onset, offset, band_hz)| UsedMark {
        span: Span::new(onset, offset).unwrap(),
        kind: 0,
        band_hz,
    })
}

#[test]
fn marks_stand_among_the_events_and_are_told_apart() {
    let (events, marks) = ([event(2.0, 2.5, 0.75)], marks());
    let labels = labels("song");
    let with_marks = Found {
        marks: Some(&marks),
        ..found("a.wav", &labels, &events)
    };
    assert_eq!(
        written(TableFormat::Csv, &[with_marks]),
        "recording,onset,offset,score,label,verdict\n\
         a.wav,0.500000,1.000000,,song,mark\n\
         a.wav,2.000000,2.500000,0.75,song,\n\
         a.wav,4.000000,4.250000,,song,mark\n"
    );
    let with_band = Found {
        band: Band::Hz(1000.0, 5000.0),
        ..with_marks
    };
    assert_eq!(
        written(TableFormat::Raven, &[with_band]),
        "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tBegin File\tScore\tAnnotation\tVerdict\n\
         1\tSpectrogram 1\t1\t0.500000\t1.000000\t1000.0\t5000.0\ta.wav\t\tsong\tmark\n\
         2\tSpectrogram 1\t1\t2.000000\t2.500000\t1000.0\t5000.0\ta.wav\t0.75\tsong\t\n\
         3\tSpectrogram 1\t1\t4.000000\t4.250000\t2000.0\t3000.0\ta.wav\t\tsong\tmark\n"
    );
    let none = Found {
        marks: Some(&[]),
        ..found("a.wav", &[], &events)
    };
    assert_eq!(
        written(TableFormat::Csv, &[none]),
        "recording,onset,offset,score,label,verdict\na.wav,2.000000,2.500000,0.75,,\n"
    );

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    for format in [TableFormat::Csv, TableFormat::Raven] {
        assert!(format.tells_marks());
        write_events(&path, format, &[with_band]).unwrap();
        let read = read_marks(&path).unwrap();
        let spans: Vec<_> = read.events.iter().map(|event| event.span).collect();
        assert_eq!(spans, marks.map(|mark| mark.span), "{format}");
        assert!(read.events.iter().all(|event| event.mark == Mark::Positive));
        let read = read_found_events(&path).unwrap();
        let spans: Vec<_> = read.events.iter().map(|event| event.span).collect();
        assert_eq!(spans, [events[0].span], "{format}");
    }
    assert!(!TableFormat::Audacity.tells_marks() && !TableFormat::Dcase.tells_marks());

    write_events(&path, TableFormat::Parquet, &[with_band]).unwrap();
    let read = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
    let rows: Vec<_> = read
        .get_row_iter(None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let verdict = |n: usize| rows[n].get_string(7).ok().map(String::as_str);
    assert_eq!([0, 1, 2].map(verdict), [Some("mark"), None, Some("mark")]);
    assert_eq!(rows[1].get_float(3).unwrap(), 0.75);
    assert!(rows[0].get_float(3).is_err(), "a mark has no score");
    assert_eq!(rows[2].get_double(5).unwrap(), 2000.0);
}

#[test]
fn marks_of_several_kinds_have_the_label_of_their_own() {
    let [first, second] = marks();
    let marks = [first, UsedMark { kind: 1, ..second }];
    let labels = ["song", "call"].map(|label| Some(label.to_owned()));
    let found = Found {
        marks: Some(&marks),
        ..found("a.wav", &labels, &[])
    };
    assert_eq!(
        written(TableFormat::Csv, &[found]),
        "recording,onset,offset,score,label,verdict\n\
         a.wav,0.500000,1.000000,,song,mark\n\
         a.wav,4.000000,4.250000,,call,mark\n"
    );
}

#[test]
fn formats_without_a_name_refuse_several_recordings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.txt");
    let both = [found("a.wav", &[], &[]), found("b.wav", &[], &[])];
    for format in [TableFormat::Raven, TableFormat::Audacity] {
        let message = write_events(&path, format, &both).unwrap_err().to_string();
        assert!(
            message.contains("holds the events of one recording, but there are 2"),
            "{message}"
        );
    }
    assert!(!path.exists());
    assert_eq!(
        TableFormat::Raven.file_name(Path::new("x/a.b")),
        Path::new("x/a.b.selections.txt")
    );
}

#[test]
fn a_parquet_file_holds_every_value_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.parquet");
    let (first, second) = (
        [event(0.1, 0.3, 0.7)],
        [event(1.0, 2.0, 0.25), event(3.0, 4.0, 0.0)],
    );
    let labels = labels("song");
    let tables = [
        found("a.wav", &labels, &first),
        found("b.wav", &[], &second),
    ];
    write_events(&path, TableFormat::Parquet, &tables).unwrap();
    let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
    let rows: Vec<_> = reader
        .get_row_iter(None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let row = |n: usize| {
        let row = &rows[n];
        let recording = row.get_string(0).unwrap().clone();
        (
            recording,
            row.get_double(1).unwrap(),
            row.get_double(2).unwrap(),
            row.get_float(3).unwrap(),
        )
    };
    assert_eq!(rows.len(), 3);
    assert_eq!(row(0), ("a.wav".into(), 0.1, 0.3, 0.7));
    assert_eq!(row(2), ("b.wav".into(), 3.0, 4.0, 0.0));
    assert_eq!(rows[0].get_string(4).unwrap(), "song");
    assert!(rows[1].get_string(4).is_err(), "no label");
    write_events(&path, TableFormat::Parquet, &[]).unwrap();
    let none = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
    assert_eq!(none.get_row_iter(None).unwrap().count(), 0);
}

/// Names as people give them, controls and the ends of lines apart.
fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9äß '\",;._()-]{0,12}\\.wav"
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    // Whole microseconds, up to a day.
    let one = (0u64..86_400_000_000, 1u64..100_000_000, 0.0f32..=1.0);
    let one = one.prop_map(|(onset, len, score)| {
        event(onset as f64 / 1e6, (onset + len) as f64 / 1e6, score)
    });
    prop::collection::vec(one, 0..20)
}

proptest! {
    #[test]
    fn what_is_read_back_is_what_was_written(
        recording in name(),
        label in prop::option::of("[a-zA-Zäß'\",;]{1,8}( [a-z]{1,4})?"),
        events in events(),
    ) {
        let label = label.filter(|label| !["pos", "unk", "neg"].contains(&label.to_lowercase().as_str()));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let labels = [label.clone()];
        for format in [TableFormat::Dcase, TableFormat::Csv, TableFormat::Raven, TableFormat::Audacity] {
            write_events(&path, format, &[found(&recording, &labels, &events)]).unwrap();
            let marks = read_marks(&path).unwrap();
            let spans: Vec<_> = marks.events.iter().map(|mark| mark.span).collect();
            prop_assert_eq!(spans, events.iter().map(|event| event.span).collect::<Vec<_>>());
            for mark in &marks.events {
                if format != TableFormat::Audacity {
                    prop_assert_eq!(mark.recording.as_deref(), Some(recording.trim()));
                }
                if format != TableFormat::Dcase {
                    prop_assert_eq!(&mark.label, &label);
                }
            }
            let expected = match format {
                TableFormat::Dcase => MarkFormat::Dcase,
                TableFormat::Raven => MarkFormat::Raven,
                TableFormat::Audacity if !events.is_empty() => MarkFormat::Audacity,
                _ => MarkFormat::Plain,
            };
            prop_assert_eq!(marks.format, expected);
        }
    }
}

#[test]
fn clips_hold_the_sound_of_the_event_and_of_the_margin() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("dawn.wav");
    let rate = SampleRate::new(1000).unwrap();
    // Each sample says which it is.
    let left: Vec<f32> = (0..20_000).map(|i| i as f32 / 32_768.0).collect();
    let right: Vec<f32> = left.iter().map(|sample| -sample).collect();
    let sound = Waveform::from_channels(vec![left, right], rate).unwrap();
    write_wav(&recording, &sound, WavEncoding::Int16).unwrap();
    let events = [
        event(12.0, 13.0, 0.9),
        event(0.1, 0.2, 0.8),    // the margin begins before the recording
        event(12.5, 12.75, 0.7), // inside the first
        event(19.8, 20.5, 0.6),  // ends behind it
        event(25.0, 26.0, 0.5),  // not in it
    ];
    let clips = folder.path().join("found/clips");
    let stem = clips.join("dawn");
    let paths = write_clips(&stem, &recording, &events, &labels("song"), 0.25).unwrap();
    let names: Vec<_> = paths
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "dawn_0001_12.000s.wav",
            "dawn_0002_0.100s.wav",
            "dawn_0003_12.500s.wav",
            "dawn_0004_19.800s.wav"
        ]
    );
    let expected = [
        (11_750, 13_250),
        (0, 450),
        (12_250, 13_000),
        (19_550, 20_000),
    ];
    for (path, (first, end)) in paths.iter().zip(expected) {
        let clip = AudioReader::open(path).unwrap().read_all().unwrap();
        assert_eq!((clip.sample_rate(), clip.channels().len()), (rate, 2));
        let samples = &clip.channels()[0];
        assert_eq!(samples.len(), end - first);
        assert_eq!(samples[0], first as f32 / 32_768.0);
        assert_eq!(clip.channels()[1][1], -samples[1]);
    }
}
