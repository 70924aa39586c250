//! What a measurement keeps: scores as they come, and those of an earlier one of the same encoder and clips.

use super::Job;
use crate::interrupt::Interrupt;
use crate::{printer::Printer, provenance::command_line};
use anyhow::{Context, bail};
use chiffchaff::dataset::Dataset;
use chiffchaff::evaluate::{Extends, ProtocolName, Unlike};
use chiffchaff::output::{Journal, OutputFolder, fingerprint};
use serde::{Serialize, de::DeserializeOwned};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The folder that results go into, with what is there of them.
pub(crate) struct Kept {
    out: PathBuf,
    force: bool,
    journal: Journal,
    done: Cell<usize>,
    interrupt: Interrupt,
    printer: Printer,
}

impl Kept {
    /// Tries the folder, and takes up what an interrupted measurement has left in it.
    pub(crate) fn open(out: &Path, force: bool, printer: &Printer) -> anyhow::Result<Self> {
        OutputFolder {
            path: out,
            option: "--out",
        }
        .check()?;
        let journal = Journal::open(&out.join(".measuring"), &command_line())?;
        let interrupt = Interrupt::leaving(*printer, |done| {
            format!(
                "interrupted; {done} scores are done and kept\n\nhint: the same command goes on from there"
            )
        })?;
        interrupt.done(journal.len());
        Ok(Self {
            out: out.to_owned(),
            force,
            done: Cell::new(journal.len()),
            journal,
            interrupt,
            printer: *printer,
        })
    }

    /// What is known by `key`, or else measured now and kept.
    pub(crate) fn or_measure<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        measure: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        if let Some(known) = self.journal.get(key) {
            let what = key.lines().next().unwrap_or_default();
            self.printer.say(&format_args!("{what}: measured before"));
            return Ok(known);
        }
        let measured = measure()?;
        self.journal.put(key, &measured)?;
        self.done.set(self.done.get() + 1);
        self.interrupt.done(self.done.get());
        Ok(measured)
    }

    /// The earlier measurement in `file`, to which `planned` can be added; none where there is none, or by `--force`.
    pub(crate) fn earlier<T: Extends + DeserializeOwned>(
        &self,
        file: &str,
        planned: &T,
    ) -> anyhow::Result<Option<T>> {
        let path = self.out.join(file);
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.with_context(|| path.display().to_string())?,
        };
        let earlier: T = match serde_json::from_slice(&bytes) {
            Ok(earlier) => earlier,
            Err(_) if self.force => return Ok(None),
            Err(error) => bail!(
                "{}: is there already, and cannot be added to: {error}\n\nhint: `--force` replaces it; or choose another `--out`",
                path.display()
            ),
        };
        match planned.is_like(&earlier) {
            Ok(()) => Ok(Some(earlier)),
            Err(Unlike::Settings(_)) if self.force => Ok(Some(earlier)),
            Err(_) if self.force => Ok(None),
            Err(unlike) => bail!(
                "{}: {unlike}\n\nhint: `--force` replaces it; or choose another `--out`",
                path.display()
            ),
        }
    }

    /// All is written: what was kept on the way goes.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        Ok(self.journal.remove()?)
    }
}

impl Job<'_> {
    /// How each protocol that is asked for is set, with the folds it scores.
    pub(crate) fn settings(&self, scored_folds: &[u32]) -> BTreeMap<ProtocolName, String> {
        let measure = self.measure;
        let of_embeddings = self.of_mfcc().into_iter();
        let mut settings: BTreeMap<_, _> = of_embeddings
            .map(|protocol| (protocol.name(), format!("{protocol:?}")))
            .collect();
        let fitted = [
            ProtocolName::Frozen,
            ProtocolName::Finetune,
            ProtocolName::Scratch,
        ];
        for name in fitted {
            if self.protocols.iter().any(|choice| choice.is_fitted(name)) {
                let (fine_tune, seeds) = (measure.fine_tune(name), measure.seeds());
                settings.insert(name, format!("{fine_tune:?}, seeds {seeds:?}"));
            }
        }
        for text in settings.values_mut() {
            *text += &format!(", folds {scored_folds:?}");
        }
        settings
    }

    /// What tells the encoder from another in its place.
    pub(crate) fn encoder_fingerprint(&self) -> anyhow::Result<String> {
        let path = match self.model.is_dir() {
            true => self.model.join("encoder.safetensors"),
            false => self.model.to_owned(),
        };
        let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
        Ok(fingerprint(&bytes))
    }
}

/// What tells clips, their classes and folds from others.
pub(crate) fn clips_fingerprint(dataset: &Dataset) -> String {
    let clips = dataset.clips.iter().map(|clip| format!("{clip:?}\n"));
    fingerprint(clips.collect::<String>().as_bytes())
}

/// The same, and what tells a file from a later one of its name.
pub(crate) fn files_fingerprint(dataset: &Dataset) -> String {
    let clips = dataset.clips.iter().map(|clip| {
        let about = clip.path.metadata().ok();
        let changed = about.map(|about| (about.len(), about.modified().ok()));
        format!("{clip:?} {changed:?}\n")
    });
    fingerprint(clips.collect::<String>().as_bytes())
}
