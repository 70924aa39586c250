//! What becomes of the events: tables, clips and a page, written as they come and taken up after an interruption.

use super::Arguments;
use super::search::Searched;
use crate::commands::model_file;
use crate::interrupt::Interrupt;
use crate::kept::{Begin, FileState, open, parts_of_file};
use crate::{Finish, printer::Printer, provenance::command_line};
use anyhow::{Context, bail};
use chiffchaff::audio::{RecordedAt, RecordingStart, recorded_at};
use chiffchaff::dataset::{OutputName, output_names};
use chiffchaff::detect::write::{
    Band, Began, Found, TableFormat, UsedMark, event_table, write_clips, write_events,
    written_clips,
};
use chiffchaff::detect::{Detection, Detector, Event, EventBand, EventCounts, expected_precision};
use chiffchaff::output::{
    Existing, Journal, OutputError, OutputFile, OutputFolder, fingerprint, refuse_input,
};
use chiffchaff::report::{DetectionPage, Drawn, RecordingPicture, ShotsPicture};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Sound kept before and after an event, seconds.
const CLIP_MARGIN_SECS: f64 = 0.1;

/// The results of one search, of which some may be there already.
pub(super) struct Results<'a> {
    arguments: &'a Arguments,
    printer: &'a Printer,
    tables: Tables,
    journal: Option<Journal>,
    /// What all parts of this search have in common.
    settings: String,
    /// When each recording was made, as far as that is known.
    starts: HashMap<&'a Path, RecordingStart>,
    columns: Columns,
    parts: Vec<Part>,
    taken_up: usize,
    remarks: usize,
    interrupt: Interrupt,
}

/// Which columns tables have that others do not.
#[derive(Clone, Copy)]
struct Columns {
    /// Of the date: where it is known of some recording.
    dates: bool,
    /// Of the frequencies.
    bands: bool,
}

/// Where the tables go.
enum Tables {
    StandardOutput,
    /// All events in one.
    File(PathBuf),
    /// One for each recording.
    Folder(PathBuf),
}

/// What was found in one recording.
#[derive(Serialize, Deserialize)]
struct Part {
    /// What tells the recording from a later one of its name.
    recording: Option<FileState>,
    name: OutputName,
    /// How long it lasts.
    secs: f64,
    began: Option<RecordedAt>,
    /// Those of the kinds of event.
    labels: Vec<Option<String>>,
    band: Option<EventBand>,
    events: Vec<Event>,
    /// Its own, if they are to be in the table.
    marks: Option<Vec<UsedMark>>,
    picture: Option<RecordingPicture>,
    /// Whether its sound gave reason for a warning.
    remarked: bool,
}

impl Part {
    fn found(&self, columns: Columns) -> Found<'_> {
        Found {
            began: match (columns.dates, self.began) {
                (false, _) => Began::NotShown,
                (true, None) => Began::Unknown,
                (true, Some(at)) => Began::At(at),
            },
            recording: &self.name.recording,
            labels: &self.labels,
            band: match (columns.bands, self.band) {
                (false, _) => Band::NotShown,
                (true, None) => Band::Unknown,
                (true, Some(band)) => Band::Hz(band.low_hz, band.high_hz),
            },
            events: &self.events,
            marks: self.marks.as_deref(),
        }
    }
}

impl<'a> Results<'a> {
    /// Refuses what would be written over, tries what will be written, and opens what an interrupted search has left.
    /// Nothing if `--resume` finds the search done. `shared_marks` are the recordings whose marks serve others; `has_limits`:
    /// whether marks have frequencies.
    pub(super) fn prepare(
        arguments: &'a Arguments,
        shared_marks: &[&Path],
        has_limits: bool,
        printer: &'a Printer,
    ) -> anyhow::Result<Option<Self>> {
        let tables = Tables::of(arguments)?;
        let parts = tables.journal();
        let is_interrupted = parts.as_ref().is_some_and(|parts| parts.is_dir());
        if arguments.resume && !is_interrupted && !arguments.force && tables.exists(arguments) {
            printer.say(&format_args!(
                "{}: is finished, nothing is left to search (`--force` searches anew)",
                arguments.out.as_deref().unwrap_or(Path::new("")).display()
            ));
            return Ok(None);
        }
        check(arguments, &tables, is_interrupted || arguments.resume)?;
        let who = command_line();
        let result = arguments.out.as_deref().unwrap_or(Path::new(""));
        let open = |parts: &PathBuf| open(parts, result, &who);
        let journal = parts.as_ref().map(open).transpose()?;
        if let Some(journal) = &journal {
            let begin = Begin {
                resume: arguments.resume,
                force: arguments.force,
                work: "search",
                result,
            };
            begin.check(journal, printer)?;
        }
        let settings = format!("{} {shared_marks:?}", settings(arguments)?);
        let starts = arguments.recordings.iter();
        let starts: HashMap<_, _> = starts
            .map(|path| (path.as_path(), recorded_at(path)))
            .collect();
        let (of, kept) = (arguments.recordings.len(), journal.is_some());
        let interrupt = Interrupt::leaving(*printer, move |done| match kept {
            true => format!(
                "interrupted: {done} of {of} recordings are done and kept\n\nhint: go on with the same command and `--resume`"
            ),
            false => format!(
                "interrupted after {done} of {of} recordings\n\nhint: with `--out found.csv` a search can be resumed"
            ),
        })?;
        Ok(Some(Self {
            arguments,
            printer,
            tables,
            journal,
            settings,
            columns: Columns {
                dates: starts.values().any(|start| start.at.is_some()),
                // What Raven draws has frequencies.
                bands: has_limits || arguments.format == TableFormat::Raven,
            },
            starts,
            parts: Vec::new(),
            taken_up: 0,
            remarks: 0,
            interrupt,
        }))
    }

    /// Takes over what an interrupted search found in this recording; false if it must be searched. One that has gone since
    /// is taken as it was.
    pub(super) fn take_up(&mut self, recording: &Path, name: &OutputName) -> anyhow::Result<bool> {
        let Some(journal) = &self.journal else {
            return Ok(false);
        };
        let part: Option<Part> = journal.get(&self.key(recording, name)?);
        let now = FileState::of(recording);
        let is_current = |part: &Part| now.is_none() || part.recording == now;
        let Some(part) = part.filter(is_current) else {
            return Ok(false);
        };
        self.write_table(&part)?;
        self.remarks += usize::from(part.remarked);
        self.taken_up += 1;
        self.keep(part);
        Ok(true)
    }

    /// Writes what was found: clips first, so that a recording whose events are kept has all of them.
    pub(super) fn add(&mut self, searched: &Searched, name: &OutputName) -> anyhow::Result<()> {
        self.say_taken_up();
        let start = self.starts.get(searched.recording.as_path());
        let start = start.copied().unwrap_or_default();
        if let Some(remark) = start.remark {
            let recording = searched.recording.display();
            self.printer.warn(&format_args!("{recording}: {remark}"));
        }
        let remarked = searched.remarked || start.remark.is_some();
        self.remarks += usize::from(remarked);
        let part = Part {
            remarked,
            secs: searched.secs,
            began: start.at,
            recording: FileState::of(&searched.recording),
            name: name.clone(),
            labels: searched.detection.labels.clone(),
            band: searched.band,
            events: searched.detection.events.clone(),
            marks: self.arguments.with_marks.then(|| searched.marks.clone()),
            picture: self.draw(searched, start.at),
        };
        self.write_clips(searched, name)?;
        self.write_table(&part)?;
        if let Some(journal) = &self.journal {
            journal.put(&self.key(&searched.recording, name)?, &part)?;
        }
        self.keep(part);
        Ok(())
    }

    /// A recording that cannot be searched; what is there of an earlier search of it goes.
    pub(super) fn skip(&mut self, name: &OutputName, error: &anyhow::Error) -> anyhow::Result<()> {
        self.say_taken_up();
        self.remarks += 1;
        self.printer.warn(&format_args!("skipped: {error:#}"));
        self.remove_clips(name)?;
        match &self.tables {
            Tables::Folder(folder) => remove(&folder.join(self.format().file_name(&name.stem))),
            Tables::File(_) | Tables::StandardOutput => Ok(()),
        }
    }

    /// Writes what is of all recordings, with what the `kept` detector learned from, if one searched; then nothing of an
    /// interrupted search is left.
    pub(super) fn finish(mut self, kept: Option<&Detector>) -> anyhow::Result<Finish> {
        self.say_taken_up();
        if self.parts.is_empty() {
            bail!(
                "none of {} recordings could be searched",
                self.arguments.recordings.len()
            );
        }
        self.write_whole_table()?;
        self.say_expected_precision();
        let counts = self.counts();
        if let Some(table) = &self.arguments.counts {
            counts.write_csv(table)?;
            self.printer
                .say(&format_args!("counts: {}", table.display()));
        }
        if let Some(page) = &self.arguments.picture {
            let pictures = self.parts.iter_mut().filter_map(|part| part.picture.take());
            let pictures: Vec<_> = pictures.collect();
            let learned = kept.map(ShotsPicture::new);
            let shows_counts = self.columns.dates && self.parts.len() > 1;
            let page_of = DetectionPage {
                recordings: &pictures,
                learned: learned.as_ref(),
                counts: shows_counts.then_some(&counts),
            };
            page_of.write(page)?;
            self.printer
                .say(&format_args!("picture: {}", page.display()));
        }
        if let Some(journal) = self.journal {
            journal.remove()?;
        }
        let nothing = self.parts.iter().all(|part| part.events.is_empty());
        Ok(match self.remarks > 0 || nothing {
            true => Finish::WithRemarks,
            false => Finish::Clean,
        })
    }

    /// How many of all events are expected to be right, where scores tell.
    fn say_expected_precision(&self) {
        let events: Vec<&Event> = self.parts.iter().flat_map(|part| &part.events).collect();
        let expected = expected_precision(events.iter().copied());
        if let (Some(share), true) = (expected, self.arguments.has_relative_scores()) {
            let (count, percent) = (events.len(), 100.0 * share);
            let s = if count == 1 { "" } else { "s" };
            self.printer.say(&format_args!(
                "expected precision: about {percent:.0} % of {count} event{s}, judged by their scores alone"
            ));
        }
    }

    /// How many events there were at which hour.
    fn counts(&self) -> EventCounts {
        let mut counts = EventCounts::default();
        for part in &self.parts {
            let onsets = part.events.iter().map(|event| event.span.onset());
            counts.add(part.began, part.secs, onsets);
        }
        counts
    }

    fn keep(&mut self, part: Part) {
        self.parts.push(part);
        self.interrupt.done(self.parts.len());
    }

    /// Once, before the first recording that is searched.
    fn say_taken_up(&mut self) {
        let taken_up = std::mem::take(&mut self.taken_up);
        if taken_up > 0 {
            self.printer.say(&format_args!(
                "{taken_up} of {} recordings were done before",
                self.arguments.recordings.len()
            ));
        }
    }

    fn format(&self) -> TableFormat {
        self.arguments.format
    }

    /// The picture, if one is wanted and the recording can still be read.
    fn draw(&mut self, searched: &Searched, began: Option<RecordedAt>) -> Option<RecordingPicture> {
        self.arguments.picture.as_ref()?;
        let recording = &searched.recording;
        let drawn = Drawn {
            channel: searched.channel,
            time_scale: searched.time_scale,
            began,
            recordings: self.arguments.recordings.len(),
            shots: &searched.shots,
            by: searched.by.as_deref(),
            typical_secs: searched.typical_secs,
        };
        match RecordingPicture::new(recording, drawn, &searched.detection) {
            Ok(picture) => Some(picture),
            Err(error) => {
                self.remarks += 1;
                let error = anyhow::Error::from(error);
                self.printer
                    .warn(&format_args!("not on the page: {error:#}"));
                None
            }
        }
    }

    fn write_clips(&mut self, searched: &Searched, name: &OutputName) -> anyhow::Result<()> {
        let Some(folder) = &self.arguments.clips else {
            return Ok(());
        };
        self.remove_clips(name)?;
        let Detection { events, labels, .. } = &searched.detection;
        match write_clips(
            &folder.join(&name.stem),
            &searched.recording,
            events,
            labels,
            CLIP_MARGIN_SECS,
        ) {
            Ok(clips) => {
                let folder = folder.display();
                self.printer
                    .say(&format_args!("{} clips: {folder}", clips.len()));
            }
            Err(error) if error.is_of_writing() => return Err(error.into()),
            Err(error) => {
                self.remarks += 1;
                let error = anyhow::Error::from(error);
                self.printer.warn(&format_args!("not all clips: {error:#}"));
            }
        }
        Ok(())
    }

    fn remove_clips(&self, name: &OutputName) -> anyhow::Result<()> {
        let Some(folder) = &self.arguments.clips else {
            return Ok(());
        };
        let clips = written_clips(&folder.join(&name.stem));
        let clips = clips.with_context(|| folder.display().to_string())?;
        clips.iter().try_for_each(|clip| remove(clip))
    }

    /// A table of its own, or its rows.
    fn write_table(&self, part: &Part) -> anyhow::Result<()> {
        match &self.tables {
            Tables::File(_) => Ok(()),
            Tables::Folder(folder) => {
                let path = folder.join(self.format().file_name(&part.name.stem));
                let folder = path.parent().unwrap_or(folder);
                fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
                Ok(write_events(
                    &path,
                    self.format(),
                    &[part.found(self.columns)],
                )?)
            }
            Tables::StandardOutput => {
                let rows = event_table(
                    "standard output".as_ref(),
                    self.format(),
                    &[part.found(self.columns)],
                );
                let rows = String::from_utf8(rows?)?;
                let is_first = self.parts.is_empty();
                let below_head = rows.split_once('\n').map_or("", |(_, below)| below);
                let rows = if is_first { &rows } else { below_head };
                match rows.trim_end() {
                    "" => Ok(()),
                    rows => self.printer.data(&rows),
                }
            }
        }
    }

    fn write_whole_table(&self) -> anyhow::Result<()> {
        match &self.tables {
            Tables::StandardOutput => {}
            Tables::File(path) => {
                let found = self.parts.iter().map(|part| part.found(self.columns));
                let found: Vec<_> = found.collect();
                write_events(path, self.format(), &found)?;
                self.printer
                    .say(&format_args!("events: {}", path.display()));
            }
            Tables::Folder(folder) => match self.parts.as_slice() {
                [part] => {
                    let path = folder.join(self.format().file_name(&part.name.stem));
                    self.printer
                        .say(&format_args!("events: {}", path.display()));
                }
                parts => {
                    let (tables, folder) = (parts.len(), folder.display());
                    self.printer
                        .say(&format_args!("events: {tables} tables in {folder}"));
                }
            },
        }
        Ok(())
    }

    /// What an earlier part must be of to be taken for this recording's.
    fn key(&self, recording: &Path, name: &OutputName) -> anyhow::Result<String> {
        let recording = std::path::absolute(recording)?;
        Ok(format!(
            "{}\n{name:?}\n{}",
            recording.display(),
            self.settings
        ))
    }
}

impl Tables {
    fn of(arguments: &Arguments) -> anyhow::Result<Self> {
        let several = arguments.recordings.len() > 1;
        let format = arguments.format;
        if arguments.with_marks && !format.tells_marks() {
            bail!(
                "`--with-marks`: {} does not tell marks from events\n\nhint: `--format csv`, `raven` and `parquet` do",
                format.title()
            );
        }
        let is_of_one = several && !format.holds_many_recordings();
        let Some(out) = &arguments.out else {
            if !format.is_text() {
                bail!(
                    "{} needs a file\n\nhint: name one with `--out found.{}`",
                    format.title(),
                    format.extension()
                );
            }
            if is_of_one {
                bail!(
                    "such a table holds the events of one recording, but there are {}\n\nhint: name a folder for them with `--out found/`",
                    arguments.recordings.len()
                );
            }
            return Ok(Self::StandardOutput);
        };
        let is_named_folder = out.as_os_str().to_string_lossy().ends_with(['/', '\\']);
        if out.is_dir() || is_named_folder || out.extension().is_none() {
            return Ok(Self::Folder(out.clone()));
        }
        if is_of_one {
            bail!(
                "{}: such a table holds the events of one recording, but there are {}\n\nhint: name a folder for them with `--out found/`",
                out.display(),
                arguments.recordings.len()
            );
        }
        Ok(Self::File(out.clone()))
    }

    /// Where what is found is kept until all is done.
    fn journal(&self) -> Option<PathBuf> {
        match self {
            Self::StandardOutput => None,
            Self::Folder(folder) => Some(folder.join(".parts")),
            Self::File(path) => Some(parts_of_file(path)),
        }
    }

    /// All tables that will be written.
    fn paths(&self, arguments: &Arguments) -> Vec<PathBuf> {
        match self {
            Self::StandardOutput => Vec::new(),
            Self::File(path) => vec![path.clone()],
            Self::Folder(folder) => {
                let names = output_names(&arguments.recordings);
                let format = arguments.format;
                let path = |name: &OutputName| folder.join(format.file_name(&name.stem));
                names.iter().map(path).collect()
            }
        }
    }

    fn exists(&self, arguments: &Arguments) -> bool {
        self.paths(arguments).iter().any(|path| path.exists())
    }
}

/// Before anything is searched.
fn check(arguments: &Arguments, tables: &Tables, goes_on: bool) -> anyhow::Result<()> {
    let model = arguments.model.as_deref().map(model_file);
    let inputs = arguments.recordings.iter().chain(&arguments.shots);
    let inputs = inputs.chain(&arguments.detector);
    let inputs: Vec<_> = inputs.cloned().chain(model).collect();
    let existing = |may_be_there: bool| match arguments.force || may_be_there {
        true => Existing::Replace,
        false => Existing::Refuse,
    };
    let endings = arguments.format.extensions();
    for path in tables.paths(arguments) {
        let option = "--out";
        let path = &path;
        OutputFile {
            path,
            option,
            endings,
        }
        .check(&inputs, existing(arguments.resume))?;
    }
    if let Some(path) = &arguments.counts {
        let same =
            |table: &PathBuf| std::path::absolute(table).ok() == std::path::absolute(path).ok();
        if tables.paths(arguments).iter().any(same) {
            bail!("{}: is both `--out` and `--counts`", path.display());
        }
    }
    let others: [(_, _, &[&str]); 3] = [
        (&arguments.picture, "--picture", &["html"]),
        (&arguments.counts, "--counts", &["csv"]),
        (&arguments.keep, "--keep", &["safetensors"]),
    ];
    for (path, option, endings) in others {
        if let Some(path) = path {
            OutputFile {
                path,
                option,
                endings,
            }
            .check(&inputs, existing(goes_on))?;
        }
    }
    let Some(folder) = &arguments.clips else {
        return Ok(());
    };
    let option = "--clips";
    OutputFolder {
        path: folder,
        option,
    }
    .check()?;
    for name in output_names(&arguments.recordings) {
        let clips = written_clips(&folder.join(&name.stem));
        for clip in clips.with_context(|| folder.display().to_string())? {
            refuse_input(&clip, &inputs, option)?;
            if existing(goes_on) == Existing::Refuse {
                let path = clip;
                return Err(OutputError::Exists { path, option }.into());
            }
        }
    }
    Ok(())
}

/// All that decides what is found and what is written of it, but the recording.
fn settings(arguments: &Arguments) -> anyhow::Result<String> {
    let read = |path: &Path| {
        let bytes = fs::read(path).with_context(|| path.display().to_string());
        anyhow::Ok(fingerprint(&bytes?))
    };
    let marks: Vec<_> = (arguments.shots.iter())
        .map(|path| read(path))
        .collect::<Result<_, _>>()?;
    let model = arguments.model.as_deref().map(model_file);
    let learned = model.as_ref().or(arguments.detector.as_ref());
    let learned = learned.map(|path| read(path));
    let given = Arguments {
        recordings: Vec::new(),
        shots: Vec::new(),
        out: None,
        model: None,
        detector: None,
        keep: None,
        counts: None,
        force: false,
        resume: false,
        ..arguments.clone()
    };
    let version = env!("CARGO_PKG_VERSION");
    Ok(format!(
        "{version} {marks:?} {:?} {given:?}",
        learned.transpose()?
    ))
}

/// Removes a file of ours, which may have gone already.
fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| path.display().to_string())
        }
        _ => Ok(()),
    }
}
