//! `cargo xtask kills`: programs killed at random moments and started again, which must end as if nothing had happened.

mod case;
mod chance;
mod tree;

use crate::repository::Repository;
use anyhow::{Context, Result, bail};
use case::{CASES, Case, Desk};
use chance::Chance;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tree::Tree;

/// How often a running program's files are looked at.
const GLANCE: Duration = Duration::from_millis(1);
/// "Just after": a start, or a write.
const JUST_AFTER: Duration = Duration::from_millis(100);
/// A program that was killed is killed again with this chance, one in so many.
const AGAIN: u64 = 3;

/// Kills `count` programs; `program` is built first where none is given.
///
/// # Errors
/// After all, if some do not end as an undisturbed one; their folders are kept.
pub(crate) fn run(
    repository: &Repository,
    count: u32,
    seed: u64,
    program: Option<PathBuf>,
) -> Result<()> {
    let build = ["build", "--release", "--package", "chiffchaff-cli"];
    let program = match program {
        Some(program) => std::path::absolute(program)?,
        None => repository.built(&build, "chiffchaff")?,
    };
    let desk = Desk::set_up(repository, program)?;
    let mut chance = Chance::new(seed);
    let references: Vec<_> = CASES
        .iter()
        .map(|case| Reference::of(case, &desk))
        .collect::<Result<_>>()?;
    let started = Instant::now();
    let mut kills = vec![0u32; references.len()];
    let (mut trials, mut findings) = (0, 0);
    while kills.iter().sum::<u32>() < count {
        // The one that was killed least.
        let next = (0..kills.len()).min_by_key(|&n| kills[n]).unwrap_or(0);
        let (killed, finding) = references[next].disturb(&desk, &mut chance)?;
        kills[next] += killed;
        trials += 1;
        if let Some(finding) = finding {
            findings += 1;
            let kept = desk.keep(references[next].case, findings)?;
            println!("{finding}\n\nhint: its folder is {}\n", kept.display());
        }
        if trials > count * 20 {
            bail!("programs end before they can be killed");
        }
    }
    for (reference, kills) in references.iter().zip(&kills) {
        println!("{:<10}{kills:>6} kills", reference.case.name);
    }
    let all: u32 = kills.iter().sum();
    let secs = started.elapsed().as_secs_f64();
    println!("{all} kills in {trials} runs, {secs:.0} s");
    if findings > 0 {
        bail!("{findings} of {trials} runs did not end as undisturbed");
    }
    println!("all ended as undisturbed");
    Ok(())
}

/// How a command ends when nobody disturbs it.
struct Reference {
    case: &'static Case,
    code: Option<i32>,
    stdout: Vec<u8>,
    results: Tree,
    took: Duration,
    /// How often its files change.
    changes: u64,
}

impl Reference {
    fn of(case: &'static Case, desk: &Desk) -> Result<Self> {
        let folder = desk.fresh(case.name)?;
        let started = Instant::now();
        let mut child = start(case, desk, false)?;
        let mut watched = Tree::times(&folder);
        let mut changes = 0;
        while child.try_wait()?.is_none() {
            let now = Tree::times(&folder);
            changes += u64::from(now != watched);
            watched = now;
            sleep(GLANCE);
        }
        let took = started.elapsed();
        let output = child.wait_with_output()?;
        if output.status.code().is_none_or(|code| code > 1) {
            let said = fs::read_to_string(desk.errors())?;
            bail!("`{}` fails undisturbed: {said}", case.name);
        }
        let results = Tree::results(&folder, case.is_result)?;
        println!(
            "{:<10}{:>5} files, {changes} writes seen, {:.1} s",
            case.name,
            results.len(),
            took.as_secs_f64()
        );
        Ok(Self {
            case,
            code: output.status.code(),
            stdout: output.stdout,
            results,
            took,
            changes,
        })
    }

    /// Kills the command once or more, lets it end, and compares. Gives the number of kills, and how it ended otherwise.
    fn disturb(&self, desk: &Desk, chance: &mut Chance) -> Result<(u32, Option<String>)> {
        let folder = desk.fresh(self.case.name)?;
        let mut moments = Vec::new();
        loop {
            let moment = Moment::draw(chance, self);
            let mut child = start(self.case, desk, !moments.is_empty())?;
            if !moment.kill(&mut child, &folder)? {
                break; // it was done before
            }
            moments.push(moment);
            if chance.below(AGAIN) > 0 {
                break;
            }
        }
        if moments.is_empty() {
            return Ok((0, None));
        }
        let ended = start(self.case, desk, true)?.wait_with_output()?;
        let said = fs::read_to_string(desk.errors())?;
        let finding = self.problem(&folder, &ended)?.map(|problem| {
            format!(
                "`{}`, killed {moments:?}, does not end as undisturbed: {problem}; it said: {said}",
                self.case.name
            )
        });
        Ok((moments.len() as u32, finding))
    }

    fn problem(&self, folder: &Path, ended: &Output) -> Result<Option<String>> {
        if ended.status.code() != self.code {
            return Ok(Some(format!("exit code {:?}", ended.status.code())));
        }
        if self.case.prints && ended.stdout != self.stdout {
            return Ok(Some("another output".to_owned()));
        }
        if let Some(left) = tree::left_over(folder)? {
            return Ok(Some(format!("{} is left", left.display())));
        }
        Ok(Tree::results(folder, self.case.is_result)?.difference(&self.results))
    }
}

/// When a program is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// So long after its start.
    After(Duration),
    /// So long after so many changes of its files.
    Write { changes: u64, then: Duration },
}

impl Moment {
    /// Half of them just after a start or a write, half anywhere.
    fn draw(chance: &mut Chance, of: &Reference) -> Self {
        let mut within =
            |most: Duration| Duration::from_micros(chance.below(most.as_micros() as u64 + 1));
        let (soon, anywhere) = (within(JUST_AFTER), within(of.took));
        match chance.below(4) {
            0 => Self::After(soon),
            1 => Self::Write {
                changes: chance.below(of.changes.max(1)) + 1,
                then: soon / 10,
            },
            _ => Self::After(anywhere),
        }
    }

    /// Kills the program at this moment, with SIGKILL; false if it has ended by then.
    fn kill(self, child: &mut Child, folder: &Path) -> Result<bool> {
        match self {
            Self::After(time) => sleep(time),
            Self::Write { changes, then } => {
                let mut watched = Tree::times(folder);
                let mut seen = 0;
                while seen < changes && child.try_wait()?.is_none() {
                    sleep(GLANCE);
                    let now = Tree::times(folder);
                    seen += u64::from(now != watched);
                    watched = now;
                }
                sleep(then);
            }
        }
        let is_running = child.try_wait()?.is_none();
        child.kill()?;
        let status = child.wait()?;
        Ok(is_running && status.code().is_none())
    }
}

/// Starts a command; `again` as one does after it was killed.
fn start(case: &Case, desk: &Desk, again: bool) -> Result<Child> {
    let mut command = desk.command(case, again);
    command.stdin(Stdio::null());
    command.stdout(if case.prints {
        Stdio::piped()
    } else {
        Stdio::null()
    });
    let errors = fs::File::create(desk.errors())?;
    command.stderr(errors);
    command.spawn().with_context(|| case.name.to_owned())
}
