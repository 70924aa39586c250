//! `run.json` and `measured.json`: what is needed to repeat a training or a measurement and to judge it.

use anyhow::Context;
use chiffchaff::report::Provenance;
use jiff::Timestamp;
use std::path::Path;

/// A record of the command that runs now.
pub(crate) fn started(device: &str) -> Provenance {
    let versions = [
        ("chiffchaff", env!("CARGO_PKG_VERSION").to_owned()),
        ("libtorch", "2.11.0".to_owned()),
    ];
    Provenance {
        command: command_line(),
        device: device.to_owned(),
        started: Timestamp::now().strftime("%F %T UTC").to_string(),
        versions: versions
            .map(|(name, version)| (name.to_owned(), version))
            .into(),
        ..Provenance::default()
    }
}

/// The record of a training.
pub(crate) const TRAINED: &str = "run.json";

/// Writes the record into a run directory under one of these names.
pub(crate) fn write(record: &Provenance, directory: &Path, name: &str) -> anyhow::Result<()> {
    let path = directory.join(name);
    let json = serde_json::to_vec_pretty(record)?;
    chiffchaff::write_whole(&path, &json).with_context(|| path.display().to_string())
}

/// The command as it would be typed.
pub(crate) fn command_line() -> String {
    let quoted = |argument: String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_=.,:/".contains(c);
        if !argument.is_empty() && argument.chars().all(plain) {
            argument
        } else {
            format!("'{}'", argument.replace('\'', r"'\''"))
        }
    };
    let arguments = std::env::args_os().skip(1);
    let arguments = arguments.map(|argument| quoted(argument.to_string_lossy().into_owned()));
    let words: Vec<_> = std::iter::once("chiffchaff".to_owned())
        .chain(arguments)
        .collect();
    words.join(" ")
}
