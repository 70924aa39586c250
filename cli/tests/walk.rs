//! docs/detection.md as its readers meet it: every command, typed in the order of the page into a fresh folder.

mod desk;

use std::env;
use std::fs;
use std::iter::once;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What stands before the name of something that a command writes.
const OUTPUTS: [&str; 6] = ["--out", "--picture", "--counts", "--keep", "--clips", ">"];

/// All that a reader is asked to know.
const PROGRAMS: [&str; 7] = ["chiffchaff", "cd", "cp", "cut", "head", "mkdir", "sed"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn docs(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).unwrap()
}

/// The lines of the indented blocks of a page.
fn commands(page: &str) -> Vec<&str> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("    "));
    lines.collect()
}

/// A command, and the exit code that the page says it ends with: `… # exit code 1`, else 0.
fn with_exit_code(line: &str) -> (&str, i32) {
    let Some((command, note)) = line.split_once('#') else {
        return (line, 0);
    };
    let code = note.trim().strip_prefix("exit code ").unwrap();
    (command.trim_end(), code.parse().unwrap())
}

/// Whether a file or folder is there and holds something.
fn holds_something(path: &Path) -> bool {
    match fs::read_dir(path) {
        Ok(mut inside) => inside.next().is_some(),
        Err(_) => fs::metadata(path).is_ok_and(|file| file.len() > 0),
    }
}

/// A reader in the folder of the program, of which only the data that the page names are there.
struct Reader {
    top: tempfile::TempDir,
    here: PathBuf,
}

impl Reader {
    fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        let here = top.path().to_owned();
        Self { top, here }
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.here.join(name)).unwrap()
    }

    /// Columns of a table without its first line.
    fn table(&self, name: &str) -> Vec<Vec<String>> {
        let text = self.read(name);
        let rows = text.lines().skip(1);
        rows.map(|row| row.split(',').map(str::to_owned).collect())
            .collect()
    }

    /// Copies what a command takes from the bundled data.
    fn bring(&self, words: &[&str]) {
        let bundled = words.iter().filter_map(|word| word.strip_prefix("../"));
        for name in bundled {
            let to = self.top.path().join(name);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(root().join(name), to).unwrap();
        }
    }

    /// Types a line; it must end as the page says, and write what it names.
    fn type_in(&mut self, line: &str) {
        let (command, code) = with_exit_code(line);
        let words: Vec<&str> = command.split_whitespace().collect();
        assert!(PROGRAMS.contains(&words[0]), "what is this? {line}");
        if words[0] == "cd" {
            self.here.push(words[1]);
            return;
        }
        self.bring(&words);
        let program = assert_cmd::cargo::cargo_bin!("chiffchaff");
        let folder = program.parent().unwrap().to_owned();
        let others = env::var_os("PATH").unwrap();
        let path = env::join_paths(once(folder).chain(env::split_paths(&others))).unwrap();
        let done = Command::new("sh")
            .args(["-c", command])
            .current_dir(&self.here)
            .env("PATH", path)
            .env("NO_COLOR", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(code), "{line}\n{said}");
        let outputs = words.windows(2).filter(|pair| OUTPUTS.contains(&pair[0]));
        for name in outputs.map(|pair| pair[1]) {
            let written = self.here.join(name);
            assert!(holds_something(&written), "{line}: no {name}\n{said}");
        }
    }
}

/// What a picture says where the pointer rests on it.
fn titles(picture: &str) -> Vec<&str> {
    let titles = picture.split("<title>").skip(1);
    titles
        .map(|rest| rest.split("</title>").next().unwrap())
        .collect()
}

fn number(cell: &str) -> f64 {
    cell.parse().unwrap_or_else(|_| panic!("`{cell}`"))
}

/// `event 1, 13.829 to 13.918 s, score 0.99` stands in the table of events, and a shot in that of marks.
fn spectrogram_shows(picture: &str, marks: &[Vec<String>], found: &[Vec<String>]) {
    let (mut shots, mut events) = (0, 0);
    for title in titles(picture) {
        let times = title.split(", ").nth(1).unwrap();
        let onset = number(times.split(' ').next().unwrap());
        let is_at = |cell: &str| (number(cell) - onset).abs() < 0.02;
        if title.starts_with("shot") {
            shots += 1;
            assert!(marks.iter().any(|mark| is_at(&mark[0])), "{title}");
        } else {
            events += 1;
            assert!(found.iter().any(|event| is_at(&event[1])), "{title}");
        }
    }
    assert!(shots > 0 && events > 4, "{shots} shots, {events} events");
}

/// `2024-03-24, 6 to 7 h: 38 events in 1.6 min, …` has its line in the table of hours, and no line is missing.
fn calendar_shows(picture: &str, hours: &[Vec<String>]) {
    let titles = titles(picture);
    let searched = titles.iter().filter(|title| **title != "not searched");
    assert_eq!(searched.count(), hours.len(), "{titles:?}");
    for hour in hours {
        let begins = format!("{}, {} to ", hour[0], hour[1]);
        let title = titles.iter().find(|title| title.starts_with(&begins));
        let title = title.unwrap_or_else(|| panic!("no {begins}"));
        let events = title.split(": ").nth(1).unwrap();
        let events = number(events.split(' ').next().unwrap());
        assert!((events - number(&hour[4])).abs() <= 3.0, "{title}");
    }
}

#[test]
fn every_command_of_the_page_on_detection_does_what_it_says() {
    let page = docs("detection.md");
    let commands = commands(&page);
    let own = commands.iter().filter(|line| line.starts_with("chiff"));
    assert!(own.count() > 12, "{commands:?}");
    let mut reader = Reader::new();
    for line in commands {
        reader.type_in(line);
    }
    let (found, next) = (reader.table("found.csv"), reader.table("next.csv"));
    // 38 syllables were marked; five of them are given in the first search.
    assert!((30..=36).contains(&found.len()), "{} of 33", found.len());
    assert!((35..=41).contains(&next.len()), "{} of 38", next.len());
    assert!(
        reader.read("checked.csv").contains(",right\n"),
        "the spreadsheet's part"
    );
    let hours = reader.table("hours.csv");
    let rain = hours
        .iter()
        .find(|hour| hour[..2] == ["2024-03-24", "7"])
        .unwrap();
    assert_eq!(rain[4], "0", "searched, and nothing found");
    assert_eq!(hours.iter().filter(|hour| hour[4] != "0").count(), 4);
    spectrogram_shows(&docs("detection.svg"), &reader.table("dawn.txt"), &found);
    calendar_shows(&docs("calendar.svg"), &hours);
}

#[test]
fn the_page_on_detection_has_every_option() {
    let page = docs("detection.md");
    let options = page.split("\n## Options\n").nth(1).unwrap();
    let options = options.split("\n## ").next().unwrap();
    let (_, help, _) = desk::run(&root(), "detect", &["--help"]);
    let named = help
        .lines()
        .filter_map(|line| line.trim_start().split([' ', '=']).next())
        .filter(|word| word.starts_with("--"));
    let named: Vec<&str> = named.collect();
    assert!(named.len() > 20, "{help}");
    for option in named {
        let is_there =
            options.contains(&format!("`{option} ")) || options.contains(&format!("`{option}`"));
        assert!(is_there, "{option}");
    }
}
