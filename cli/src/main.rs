//! The program `chiffchaff`: arguments, progress and exit codes; the library does the work.

#[cfg(test)]
mod advice;
mod bars;
mod choice;
mod clips;
mod commands;
mod interrupt;
mod kept;
mod printer;
mod protocols;
mod provenance;
mod shown;

use clap::{Parser, Subcommand};
use commands::{
    compare, demo, detect, doctor, embed, evaluate, export, features, presets, pretrain, report,
    score, study, synthesize,
};
use printer::Printer;
use std::process::ExitCode;

/// Teaches a computer to hear from your own recordings.
///
/// Learns audio encoders by contrastive learning, measures them honestly, and puts them to work.
#[derive(Parser)]
#[command(
    name = "chiffchaff",
    version,
    long_version = concat!(env!("CARGO_PKG_VERSION"), "\n\n", include_str!("../../NOTICE.txt")),
    max_term_width = 100,
    after_help = "Examples:
  chiffchaff demo
  chiffchaff pretrain --preset small --data folder:my_recordings --out runs/mine
  chiffchaff evaluate --model runs/mine --data esc10:data/esc10 --protocol linear,knn"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Say only what went wrong
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Doctor(doctor::Arguments),
    Features(features::Arguments),
    Embed(embed::Arguments),
    Pretrain(pretrain::Arguments),
    Evaluate(evaluate::Arguments),
    Compare(compare::Arguments),
    Study(study::Arguments),
    Detect(detect::Arguments),
    Score(score::Arguments),
    Export(export::Arguments),
    Report(report::Arguments),
    Presets(presets::Arguments),
    Synthesize(synthesize::Arguments),
}

impl Command {
    /// Whether the command runs networks.
    fn computes(&self) -> bool {
        matches!(
            self,
            Self::Demo(_)
                | Self::Pretrain(_)
                | Self::Evaluate(_)
                | Self::Study(_)
                | Self::Detect(_)
                | Self::Embed(_)
        )
    }
}

/// How a command that did its work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finish {
    /// Nothing left to say.
    Clean,
    /// Done, but something was skipped, or nothing was found.
    WithRemarks,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let _shared = arguments.command.computes().then(|| {
        chiffchaff::train::keep_memory();
        chiffchaff::cores::share_cores()
    });
    let printer = Printer::new(arguments.quiet);
    let finished = match arguments.command {
        Command::Demo(arguments) => demo::run(&arguments, &printer),
        Command::Doctor(arguments) => doctor::run(&arguments, &printer),
        Command::Features(arguments) => features::run(&arguments, &printer),
        Command::Embed(arguments) => embed::run(&arguments, &printer),
        Command::Pretrain(arguments) => pretrain::run(&arguments, &printer),
        Command::Evaluate(arguments) => evaluate::run(&arguments, &printer),
        Command::Compare(arguments) => compare::run(&arguments, &printer),
        Command::Study(arguments) => study::run(&arguments, &printer),
        Command::Detect(arguments) => detect::run(&arguments, &printer),
        Command::Score(arguments) => score::run(&arguments, &printer),
        Command::Export(arguments) => export::run(&arguments, &printer),
        Command::Report(arguments) => report::run(&arguments, &printer),
        Command::Presets(arguments) => presets::run(&arguments, &printer),
        Command::Synthesize(arguments) => synthesize::run(&arguments, &printer),
    };
    if chiffchaff::cores::were_short() {
        printer.say(&"other programs used the cores, so that part of this was computed with fewer threads: last digits may differ");
    }
    let heard_badly = tell_remarks(&printer);
    match finished {
        Ok(Finish::Clean) if heard_badly => ExitCode::from(1),
        Ok(Finish::Clean) => ExitCode::SUCCESS,
        Ok(Finish::WithRemarks) => ExitCode::from(1),
        Err(error) if printer::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            printer.error(&error);
            ExitCode::from(2)
        }
    }
}

/// Prints what is not as it should be with the files that were read, and whether there was any.
fn tell_remarks(printer: &Printer) -> bool {
    let files = chiffchaff::audio::take_remarks();
    for (path, remarks) in &files {
        for remark in remarks {
            printer.warn(&format_args!("{}: {remark}", path.display()));
        }
    }
    !files.is_empty()
}
