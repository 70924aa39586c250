//! What is done of `embed`, recording by recording, so that an interrupted run goes on.

use super::Arguments;
use crate::commands::model_file;
use crate::interrupt::Interrupt;
use crate::kept::{Begin, FileState, open, parts_of_file};
use crate::{printer::Printer, provenance::command_line};
use anyhow::Context;
use chiffchaff::dataset::Clip;
use chiffchaff::output::{Journal, fingerprint};
use chiffchaff::report::EmbeddedRecording;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::PathBuf;

/// The embeddings of one recording or clip.
#[derive(Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) recording: EmbeddedRecording,
    pub(super) remarks: Vec<String>,
}

/// The parts that are done.
pub(super) struct Kept<'a> {
    journal: Journal,
    settings: String,
    printer: &'a Printer,
    interrupt: Interrupt,
    inputs: usize,
    done: usize,
    taken_up: usize,
}

impl<'a> Kept<'a> {
    /// Opens what an interrupted run has left; nothing if `--resume` finds the work done.
    pub(super) fn prepare(
        arguments: &Arguments,
        printer: &'a Printer,
        inputs: usize,
    ) -> anyhow::Result<Option<Self>> {
        let folder = parts_of_file(&arguments.out);
        if arguments.resume && !arguments.force && !folder.is_dir() && arguments.out.exists() {
            printer.say(&format_args!(
                "{}: is finished, nothing is left to embed (`--force` begins anew)",
                arguments.out.display()
            ));
            return Ok(None);
        }
        let journal = open(&folder, &arguments.out, &command_line())?;
        let begin = Begin {
            resume: arguments.resume,
            force: arguments.force,
            work: "run",
            result: &arguments.out,
        };
        begin.check(&journal, printer)?;
        let interrupt = Interrupt::leaving(*printer, move |done| {
            format!(
                "interrupted: {done} of {inputs} recordings are done and kept\n\nhint: go on with the same command and `--resume`"
            )
        })?;
        Ok(Some(Self {
            journal,
            settings: settings(arguments)?,
            printer,
            interrupt,
            inputs,
            done: 0,
            taken_up: 0,
        }))
    }

    /// What an earlier run made of this clip.
    pub(super) fn take_up(&mut self, clip: &Clip, name: &str) -> anyhow::Result<Option<Part>> {
        let part: Option<Part> = self.journal.get(&self.key(clip, name));
        match part {
            Some(_) => {
                self.taken_up += 1;
                self.is_done();
            }
            None => {
                let taken_up = std::mem::take(&mut self.taken_up);
                if taken_up > 0 {
                    self.printer.say(&format_args!(
                        "{taken_up} of {} recordings were done before",
                        self.inputs
                    ));
                }
            }
        }
        Ok(part)
    }

    /// Keeps what is done.
    pub(super) fn keep(&mut self, clip: &Clip, part: Part) -> anyhow::Result<()> {
        let key = self.key(clip, &part.recording.recording);
        self.journal.put(&key, &part)?;
        self.is_done();
        Ok(())
    }

    /// A part again, for the table.
    pub(super) fn recording(&self, clip: &Clip, name: &str) -> io::Result<EmbeddedRecording> {
        let part: Option<Part> = self.journal.get(&self.key(clip, name));
        let recording = part.map(|part| part.recording);
        recording.ok_or_else(|| io::Error::other(format!("what was done of `{name}` has gone")))
    }

    /// The table is written.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        Ok(self.journal.remove()?)
    }

    fn is_done(&mut self) {
        self.done += 1;
        self.interrupt.done(self.done);
    }

    /// What an earlier part must be of to be taken for this clip's.
    fn key(&self, clip: &Clip, name: &str) -> String {
        let path = std::path::absolute(&clip.path).unwrap_or_else(|_| clip.path.clone());
        let state = FileState::of(&clip.path);
        let (span, settings) = (clip.span.map(<(f64, f64)>::from), &self.settings);
        format!("{}\n{name}\n{span:?} {state:?}\n{settings}", path.display())
    }
}

/// All that decides the numbers, but the recording.
fn settings(arguments: &Arguments) -> anyhow::Result<String> {
    let model = model_file(&arguments.model);
    let bytes = fs::read(&model).with_context(|| model.display().to_string())?;
    let given = Arguments {
        inputs: Vec::new(),
        model: PathBuf::new(),
        out: PathBuf::new(),
        force: false,
        resume: false,
        ..arguments.clone()
    };
    let version = env!("CARGO_PKG_VERSION");
    Ok(format!("{version} {} {given:?}", fingerprint(&bytes)))
}
