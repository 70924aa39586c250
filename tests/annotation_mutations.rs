//! Tables of marks that are broken in ten thousand ways: an error that names file and line, or events that make sense.

use chiffchaff::dataset::{LabelChoice, ShotChoice, ShotCount, parse_marks};
use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::path::Path;

const TABLES: [&str; 8] = [
    "Audiofilename,Starttime,Endtime,Q\na.wav,0.0,0.5,POS\na.wav,1.25,1.5,UNK\na.wav,2,2.5,POS\nb.wav,3,4,NEG\n",
    "Audiofilename,Starttime,Endtime,WREN,ROBIN\na.wav,0,1,POS,NEG\na.wav,1,2,UNK,POS\na.wav,3,4,NEG,NEG\n",
    "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tBegin File\tFile Offset (s)\tAnnotation\n\
     1\tWaveform 1\t1\t0.5\t0.75\ta.wav\t0.5\tsong\n1\tSpectrogram 1\t1\t0.5\t0.75\ta.wav\t0.5\tsong\n",
    "0.500000\t0.750000\tcall\n\\\t2000.0\t4000.0\n1.000000\t2.000000\n",
    "onset,offset,label\n0.5,0.75,call\n1,2,UNK\n3,4,\"a, b\"\n",
    "\u{feff}start;end;species\r\n0.5;0.75;Ühu\r\n1;2;\r\n",
    "0.5,0.75\n1e0,2\n",
    "Audiofilename,Starttime,Endtime\n",
];

/// What tables are made of, and what breaks them.
const PIECES: [&str; 30] = [
    ",",
    ";",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "\"",
    "\\",
    "\0",
    "\u{feff}",
    "-",
    "nan",
    "inf",
    "1e999",
    "-0.0",
    "1,5",
    "1e308",
    "POS",
    "UNK",
    "Q",
    "a.wav",
    "Starttime",
    "Endtime",
    "Begin Time (s)",
    "End Time (s)",
    "onset",
    "offset",
    "View",
    "٣",
    "99999999999999999999",
];

fn broken(rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = TABLES.choose(rng).unwrap().as_bytes().to_vec();
    if rng.random_ratio(1, 20) {
        return (0..rng.random_range(0..300))
            .map(|_| rng.random())
            .collect();
    }
    if rng.random_ratio(1, 20) {
        let text = String::from_utf8(bytes).unwrap();
        bytes = [0xff, 0xfe]
            .into_iter()
            .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
    }
    for _ in 0..rng.random_range(1..6) {
        let at = rng.random_range(0..=bytes.len());
        let end = (at + rng.random_range(0..12)).min(bytes.len());
        match rng.random_range(0..5) {
            0 => drop(bytes.drain(at..end)),
            1 => bytes.truncate(at),
            2 => drop(bytes.splice(at..end, PIECES.choose(rng).unwrap().bytes())),
            3 => drop(bytes.splice(at..at, bytes[at..end].repeat(rng.random_range(1..40)))),
            _ => bytes
                .iter_mut()
                .skip(at)
                .take(1)
                .for_each(|byte| *byte = rng.random()),
        }
    }
    bytes
}

fn names_a_line(message: &str) -> bool {
    let after = message.split("line ").nth(1);
    after.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[test]
fn broken_tables_are_refused_by_file_and_line_or_read_as_sound_events() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (mut read, mut refused) = (0, 0);
    for case in 0..10_000 {
        let bytes = broken(&mut rng);
        let path = format!("table-{case}.csv");
        let lines = bytes
            .iter()
            .filter(|byte| matches!(byte, b'\n' | b'\r'))
            .count() as u64
            + 1;
        match parse_marks(Path::new(&path), &bytes) {
            Ok(marks) => {
                read += 1;
                for event in &marks.events {
                    assert!(event.span.onset() >= 0.0 && event.span.secs() > 0.0);
                    assert!(event.span.offset().is_finite());
                    assert!(
                        (1..=lines).contains(&event.line),
                        "{event:?} of {lines} lines"
                    );
                }
                let count = match rng.random_range(0..3) {
                    0 => ShotCount::All,
                    _ => ShotCount::First(rng.random_range(0..7)),
                };
                let label = match rng.random::<bool>() {
                    true => LabelChoice::All,
                    false => LabelChoice::Only,
                };
                let choice = ShotChoice {
                    count,
                    label,
                    ..ShotChoice::default()
                };
                let secs = rng.random_range(0.0..5.0);
                match marks.support(Path::new("x/a.flac"), secs, &choice) {
                    Ok(support) => {
                        assert!(!support.shots().is_empty() && support.end() <= secs);
                        assert!(support.shots().is_sorted_by(|a, b| a.onset() <= b.onset()));
                    }
                    Err(error) => assert!(error.to_string().starts_with(&path), "{error}"),
                }
            }
            Err(error) => {
                refused += 1;
                let message = error.to_string();
                assert!(
                    message.starts_with(&path) && names_a_line(&message),
                    "{message}"
                );
                assert!(message.len() < 10_000, "{message}");
            }
        }
    }
    assert!(
        read > 1000 && refused > 1000,
        "{read} read, {refused} refused"
    );
}
