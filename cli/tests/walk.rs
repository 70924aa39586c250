//! Every command of docs/detection.md, one after the other, as a reader types them.

use assert_cmd::cargo::cargo_bin;
use chiffchaff::audio::{AudioReader, SampleRate, WavEncoding, Waveform, write_wav};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FINCH: &str = "data/finch/bengalese_gy6or6_0324";
/// Options that name what a command writes.
const OUTPUTS: [&str; 4] = ["--out", "--picture", "--counts", "--keep"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The lines that a reader of a page types: its indented blocks.
fn commands(page: &str) -> Vec<&str> {
    let typed = page.lines().filter_map(|line| line.strip_prefix("    "));
    typed.filter(|line| !line.starts_with(' ')).collect()
}

/// The bundled finch, and its marks: onset and offset in seconds.
fn finch() -> (Waveform, Vec<(f64, f64)>) {
    let song = AudioReader::open(root().join(FINCH).with_extension("flac"));
    let song = song.unwrap().read_all().unwrap();
    let table = fs::read_to_string(root().join(FINCH).with_extension("csv")).unwrap();
    let marked = table.lines().filter(|line| line.ends_with("POS"));
    let mark = |line: &str| {
        let mut cells = line.split(',').skip(1).map(|cell| cell.parse().unwrap());
        (cells.next().unwrap(), cells.next().unwrap())
    };
    (song, marked.map(mark).collect())
}

/// A reader's folder.
struct Desk {
    folder: tempfile::TempDir,
    /// Half a minute of the finch, and the marks in it.
    song: Waveform,
    marks: Vec<(f64, f64)>,
}

impl Desk {
    fn new() -> Self {
        const SECS: f64 = 30.0;
        let (song, mut marks) = finch();
        marks.retain(|&(_, offset)| offset < SECS);
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
            song: song.span((0.0, SECS)),
            marks,
        };
        fs::create_dir_all(desk.path("data/finch")).unwrap();
        for kind in ["flac", "csv"] {
            let from = root().join(FINCH).with_extension(kind);
            fs::copy(from, desk.path(FINCH).with_extension(kind)).unwrap();
        }
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Lays out what a reader has of his own, before the first command that names it.
    fn lay_out(&self, command: &str) {
        let names = command.split_whitespace();
        for name in names.filter(|name| !self.path(name).exists()) {
            match name {
                "dawn.wav" | "dusk.wav" => self.write_song(name, 1),
                "dawn.txt" | "dusk.csv" => self.write_marks(name, "onset,offset", "", 1.0),
                "all_marks.txt" => {
                    self.write_marks(name, "recording,onset,offset", "dawn.wav,", 1.0);
                }
                // As far above the finch as bats are.
                "bats.wav" => self.write_song(name, 10),
                "bats.csv" => self.write_marks(name, "onset,offset", "", 0.1),
                _ => {}
            }
        }
    }

    fn write_song(&self, name: &str, faster: u32) {
        let rate = SampleRate::new(self.song.sample_rate().hz() * faster).unwrap();
        let song = Waveform::mono(self.song.channels()[0].clone(), rate);
        write_wav(self.path(name), &song, WavEncoding::Int16).unwrap();
    }

    fn write_marks(&self, name: &str, head: &str, before: &str, scale: f64) {
        let row = |&(onset, offset): &(f64, f64)| {
            format!("{before}{:.6},{:.6}\n", onset * scale, offset * scale)
        };
        let rows: String = self.marks.iter().take(5).map(row).collect();
        fs::write(self.path(name), format!("{head}\n{rows}")).unwrap();
    }

    /// Marks every call.
    fn mark_all(&self, name: &str) {
        let row = |(onset, offset): &(f64, f64)| format!("{onset},{offset}\n");
        let rows: String = self.marks.iter().map(row).collect();
        fs::write(self.path(name), format!("onset,offset\n{rows}")).unwrap();
    }

    /// Says of some events that they are right, and of the last that it is wrong.
    fn check_events(&self, table: &str) {
        let path = self.path(table);
        let text = fs::read_to_string(&path).unwrap();
        if text.contains("verdict") {
            return;
        }
        let last = text.lines().count() - 1;
        let row = |(line, row): (usize, &str)| {
            let verdict = match line {
                0 => "verdict",
                1..=6 => "right",
                _ if line == last => "wrong",
                _ => "",
            };
            format!("{row},{verdict}\n")
        };
        let checked: String = text.lines().enumerate().map(row).collect();
        fs::write(path, checked).unwrap();
    }

    /// Types a command, after which everything that it names as its output must be there.
    fn type_in(&self, command: &str) {
        self.lay_out(command);
        if command.contains("score --reference dawn.txt") {
            self.mark_all("dawn.txt");
        }
        let words: Vec<&str> = command.split_whitespace().collect();
        let outputs = words.windows(2).filter(|pair| OUTPUTS.contains(&pair[0]));
        let outputs: Vec<PathBuf> = outputs.map(|pair| self.path(pair[1])).collect();
        if command.contains("--shots found.csv") || command.contains("--checked found.csv") {
            self.check_events("found.csv");
        }
        for old in &outputs {
            if old.is_dir() {
                fs::remove_dir_all(old).unwrap();
            } else if old.exists() && !words.contains(&"--force") {
                fs::remove_file(old).unwrap();
            }
        }
        let program = cargo_bin("chiffchaff");
        let beside = program.parent().unwrap().display().to_string();
        let path = format!("{beside}:{}", std::env::var("PATH").unwrap());
        let done = Command::new("sh")
            .args(["-c", command])
            .current_dir(self.folder.path())
            .env("PATH", path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{command}\n{said}");
        for output in &outputs {
            assert!(
                output.exists(),
                "{command}: no {}\n{said}",
                output.display()
            );
        }
    }
}

#[test]
fn every_command_of_the_page_on_detection_does_what_it_says() {
    let page = fs::read_to_string(root().join("docs/detection.md")).unwrap();
    let commands = commands(&page);
    assert!(commands.len() > 15, "{commands:?}");
    let desk = Desk::new();
    for command in commands {
        desk.type_in(command);
    }
    let read = |name: &str| fs::read_to_string(desk.path(name)).unwrap();
    assert!(
        read("hours.csv").contains("2024-03-24"),
        "the walk's season"
    );
    assert!(read("next.csv").lines().count() > 20);
}
