//! Every command that a message, a help text or a page tells people to type, read as the program would read it.

use super::Arguments;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A piece of advice, and where it stands.
struct Advice {
    file: PathBuf,
    command: String,
    /// Whether it is to be typed as it stands; else it may be a mere mention without the arguments that are needed.
    is_whole: bool,
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Sources, templates and pages, but for tests of their own.
fn texts() -> Vec<(PathBuf, String)> {
    let mut texts = Vec::new();
    let mut folders: Vec<_> = ["src", "cli/src", "xtask/src", "docs", "studies", "presets"]
        .map(|folder| root().join(folder))
        .into();
    let mut files: Vec<_> = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"]
        .map(|file| root().join(file))
        .into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    files.sort();
    for file in files {
        let ending = file.extension().and_then(|e| e.to_str()).unwrap_or("");
        if ["rs", "md", "html", "toml"].contains(&ending) && !file.ends_with("advice.rs") {
            let text = fs::read_to_string(&file).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            texts.push((file, text.to_owned()));
        }
    }
    texts
}

/// The text with its wrapped lines joined: continued strings, doc comments, paragraphs.
fn joined(text: &str) -> String {
    let mut joined = String::new();
    for line in text.lines() {
        let bare = line.trim_start();
        let bare = bare.trim_start_matches("/// ").trim_start_matches("//! ");
        if let Some(continued) = joined.strip_suffix('\\') {
            joined.truncate(continued.len());
        } else {
            joined.push(' ');
        }
        joined.push_str(bare);
    }
    joined
}

fn advice() -> Vec<Advice> {
    let mut all = Vec::new();
    for (file, text) in texts() {
        let is_message = file.extension().is_some_and(|ending| ending == "rs");
        for quoted in joined(&text).split('`').skip(1).step_by(2) {
            // With a name that is filled in, it tells what was run.
            if quoted.starts_with("chiffchaff ") && !quoted.starts_with("chiffchaff {") {
                all.push(Advice {
                    file: file.clone(),
                    command: quoted.to_owned(),
                    is_whole: false,
                });
            }
        }
        // Examples: lines of their own.
        for line in text.lines() {
            let indented = line.starts_with("  ") && line.trim_start().starts_with("chiffchaff ");
            if indented {
                let command = line.trim().trim_end_matches("\")]").to_owned();
                let (file, is_whole) = (file.clone(), true);
                all.push(Advice {
                    file,
                    command,
                    is_whole,
                });
            }
        }
        // Hints are to be typed.
        for hint in joined(&text).split("hint: ").skip(1).filter(|_| is_message) {
            let hint = hint.split("\",").next().unwrap_or(hint);
            for quoted in hint
                .split('`')
                .skip(1)
                .step_by(2)
                .filter(|q| q.starts_with("chiffchaff "))
            {
                let (file, command) = (file.clone(), quoted.to_owned());
                all.push(Advice {
                    file,
                    command,
                    is_whole: true,
                });
            }
        }
    }
    all
}

/// What a user would type for it, with something in place of what is left open.
fn typed(command: &str) -> Vec<String> {
    let command = command.split(['|', '>', '#']).next().unwrap_or(command);
    let mut words = Vec::new();
    for word in command
        .replace('…', "")
        .replace("\\\"", "\"")
        .split_whitespace()
    {
        let word = word.trim_matches(['\'', '"']);
        words.push(match word {
            "KIND:PATH" | "{}:{}" => "folder:x".to_owned(),
            "RUN" | "FILE" | "DIR" | "TABLE" | "PATH" | "NAME" | "N" => "1".to_owned(),
            _ if word.contains('{') => opened(word),
            _ => word.replace(":PATH", ":x").replace(":TABLE", ":x"),
        });
    }
    words
}

/// `fewshot:{path}` → `fewshot:1`
fn opened(word: &str) -> String {
    let mut out = String::new();
    let mut depth = 0;
    for c in word.chars() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                out.push('1');
            }
            _ if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

#[test]
fn every_command_that_is_advised_is_understood() {
    let all = advice();
    assert!(all.len() > 60, "only {} were found", all.len());
    let wrong = all.iter().filter_map(|advice| {
        let error = Arguments::try_parse_from(typed(&advice.command)).err()?;
        let is_fine = match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
            ErrorKind::MissingRequiredArgument
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            | ErrorKind::InvalidValue => !advice.is_whole,
            _ => false,
        };
        let message = error.to_string();
        let first = message.lines().next().unwrap_or_default().to_owned();
        (!is_fine).then(|| format!("{}: {}: {first}", advice.file.display(), advice.command))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every option of every command.
fn options() -> BTreeSet<String> {
    let program = Arguments::command();
    let mut options: BTreeSet<String> =
        ["--help", "--version", "--quiet"].map(str::to_owned).into();
    for command in program.get_subcommands() {
        let longs = command
            .get_arguments()
            .filter_map(|argument| argument.get_long());
        options.extend(longs.map(|long| format!("--{long}")));
    }
    options
}

#[test]
fn every_option_that_is_named_exists() {
    let options = options();
    let ours = |file: &Path| !file.starts_with(root().join("xtask"));
    for (file, text) in texts().iter().filter(|(file, _)| ours(file)) {
        for quoted in joined(text).split('`').skip(1).step_by(2) {
            let option = quoted.split([' ', '=']).next().unwrap_or_default();
            let is_option = option.starts_with("--") && option.len() > 2;
            let is_cargo = [
                "--no-default-features",
                "--release",
                "--cuda",
                "--all",
                "--again",
                "--python",
            ];
            if is_option && !is_cargo.contains(&option) && !option.contains('{') {
                assert!(options.contains(option), "{}: `{quoted}`", file.display());
            }
        }
    }
}

#[test]
fn every_task_that_is_named_exists() {
    let source = fs::read_to_string(root().join("xtask/src/main.rs")).unwrap();
    let tasks = source.split("enum Task {").nth(1).unwrap();
    let tasks = tasks.split("\n}\n").next().unwrap();
    let is_task = |name: &str| {
        let variant = name[..1].to_uppercase() + &name[1..];
        let begins = |line: &str| line.trim_start().trim_end_matches([',', '{', ' ']) == variant;
        tasks.lines().any(begins)
    };
    let mut named = 0;
    for (file, text) in texts() {
        for rest in joined(&text).split("cargo xtask ").skip(1) {
            let name: String = rest.chars().take_while(char::is_ascii_lowercase).collect();
            if !name.is_empty() {
                named += 1;
                assert!(is_task(&name), "{}: cargo xtask {name}", file.display());
            }
        }
    }
    assert!(named > 10);
}
