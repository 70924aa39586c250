//! `chiffchaff doctor`: what a dataset holds, and what is wrong with it.

use super::{Format, data_help};
use crate::{Finish, printer::Printer};
use chiffchaff::dataset::{DatasetScan, DatasetSource, ValueCount, scan};
use clap::Args;
use std::fmt::{Display, Write};

/// Read every file of a dataset and say what is odd
///
/// Counts clips, lengths, rates, channels and classes, and lists every file that is unreadable, silent, clipped, missing, in
/// the wrong place or under the wrong name, or has the same samples as another, whatever its format.
#[derive(Args)]
#[command(after_help = "Examples:
  chiffchaff doctor --data folder:my_recordings
  chiffchaff doctor --data us8k:UrbanSound8K
  chiffchaff doctor --data esc10:data/esc10 --format json")]
pub(crate) struct Arguments {
    #[arg(long, value_name = "KIND:PATH", help = data_help("What to read"))]
    data: DatasetSource,
    /// How to print the findings
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> anyhow::Result<Finish> {
    let dataset = arguments.data.load()?;
    let bar = printer.bar(
        dataset.clips.len() as u64,
        "reading {bar:30} {pos}/{len} files, {eta} left",
    );
    let found = scan(&dataset, |done, of| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    match arguments.format {
        Format::Json => printer.data(&serde_json::to_string_pretty(&found)?)?,
        Format::Text => printer.data(&summary(&found)?.trim_end())?,
    }
    Ok(if found.is_fine() {
        Finish::Clean
    } else {
        Finish::WithRemarks
    })
}

fn summary(found: &DatasetScan) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(
        text,
        "{}: {} clips, {} readable",
        found.dataset, found.clips, found.readable
    )?;
    let lengths = &found.lengths;
    writeln!(
        text,
        "lengths   {:.2} to {:.2} s, median {:.2} s, {:.1} min in all",
        lengths.shortest_secs,
        lengths.longest_secs,
        lengths.median_secs,
        lengths.total_secs / 60.0
    )?;
    let pairs = |values: &[ValueCount], unit: &str| {
        let pair = |count: &ValueCount| (format!("{}{unit}", count.value), count.clips);
        listed(values.iter().map(pair))
    };
    writeln!(text, "rates     {}", pairs(&found.sample_rates, " Hz"))?;
    writeln!(text, "channels  {}", pairs(&found.channels, ""))?;
    for (name, counts) in [
        (
            "folds",
            listed(found.folds.iter().map(|f| (f.fold, f.clips))),
        ),
        (
            "splits",
            listed(found.splits.iter().map(|s| (s.split, s.clips))),
        ),
        (
            "subsets",
            listed(found.subsets.iter().map(|s| (&s.subset, s.clips))),
        ),
    ] {
        if !counts.is_empty() {
            writeln!(text, "{name:9} {counts}")?;
        }
    }
    writeln!(text, "classes   {}", balance(found))?;
    write_problems(&mut text, found)?;
    Ok(text)
}

fn write_problems(text: &mut String, found: &DatasetScan) -> std::fmt::Result {
    for split in &found.split_sources {
        writeln!(
            text,
            "source {} lies in folds {:?}: scores will be too good",
            split.source, split.folds
        )?;
    }
    for fault in &found.faults {
        writeln!(text, "{}: {}", fault.path.display(), fault.problem)?;
    }
    for outcome in found.problems() {
        for problem in &outcome.problems {
            writeln!(text, "{}: {problem}", outcome.path.display())?;
        }
    }
    Ok(())
}

/// More classes than this are not listed one by one.
const MAX_CLASSES: usize = 50;

/// How many clips each class has.
fn balance(found: &DatasetScan) -> String {
    let mut parts = Vec::new();
    let classes = &found.classes;
    if classes.len() <= MAX_CLASSES {
        parts.extend(classes.iter().map(|c| format!("{}: {}", c.class, c.clips)));
    } else {
        let mut by_clips: Vec<_> = classes.iter().collect();
        by_clips.sort_by_key(|class| class.clips);
        let clips = |at: usize| format!("{}: {}", by_clips[at].class, by_clips[at].clips);
        parts.push(format!(
            "{} from {} over {} in the middle to {}",
            classes.len(),
            clips(0),
            by_clips[classes.len() / 2].clips,
            clips(classes.len() - 1)
        ));
    }
    if parts.is_empty() {
        parts.push("none".to_owned());
    }
    if found.without_class > 0 {
        parts.push(format!("{} with none of them", found.without_class));
    }
    parts.push(format!("{} unlabelled", found.unlabelled));
    parts.join(", ")
}

/// `a: 1, b: 2`
fn listed<T: Display>(counts: impl Iterator<Item = (T, usize)>) -> String {
    let each = counts.map(|(value, clips)| format!("{value}: {clips}"));
    each.collect::<Vec<_>>().join(", ")
}
