//! The program at work: its output, its memory, and its sudden end.

use anyhow::{Context, Result, bail};
use std::{
    fs,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// How often a running program is looked at.
const GLANCE: Duration = Duration::from_millis(10);

/// Runs `command` and gives what it wrote to stdout.
///
/// # Errors
/// If it cannot be started or fails.
pub(super) fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.with_context(|| shown(command))?;
    if !output.status.success() {
        bail!("`{}` failed: {}", shown(command), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs `command` and gives the most memory that it held, in bytes, where the system tells.
///
/// # Errors
/// If it cannot be started or fails.
pub(super) fn peak_memory(command: &mut Command) -> Result<Option<u64>> {
    let mut child = start(command)?;
    let mut peak = None;
    loop {
        if let Some(status) = child.try_wait()? {
            if !status.success() {
                bail!("`{}` failed: {status}", shown(command));
            }
            return Ok(peak);
        }
        peak = peak.max(high_water_mark(child.id()));
        thread::sleep(GLANCE);
    }
}

/// Runs `command` until `is_time`, then kills it without warning.
///
/// # Errors
/// If it cannot be started, or ends before it is time.
pub(super) fn killed_when(command: &mut Command, is_time: impl Fn() -> bool) -> Result<()> {
    let mut child = start(command)?;
    while !is_time() {
        if let Some(status) = child.try_wait()? {
            bail!(
                "`{}` ended before it could be stopped half-way: {status}",
                shown(command)
            );
        }
        thread::sleep(GLANCE);
    }
    child.kill()?; // SIGKILL
    child.wait()?;
    Ok(())
}

fn start(command: &mut Command) -> Result<Child> {
    let child = command.stdout(Stdio::null()).spawn();
    child.with_context(|| shown(command))
}

/// The command as it would be typed.
fn shown(command: &Command) -> String {
    let words = [command.get_program()].into_iter();
    let words = words.chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

/// The most memory that a process has held since its program started, in bytes. A program that starts itself anew in
/// place keeps its number and begins to count again.
fn high_water_mark(process: u32) -> Option<u64> {
    in_status(&fs::read_to_string(format!("/proc/{process}/status")).ok()?)
}

fn in_status(status: &str) -> Option<u64> {
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = value.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn high_water_mark_is_read_from_status() {
        let status = "Name:\tchiffchaff\nVmPeak:\t 9000 kB\nVmHWM:\t    1234 kB\nVmRSS:\t 99 kB\n";
        assert_eq!(in_status(status), Some(1234 * 1024));
        assert_eq!(in_status("Name:\tkthreadd\n"), None);
    }

    #[test]
    #[cfg(unix)]
    fn a_program_that_ends_early_is_no_stopped_one() {
        let error = killed_when(&mut Command::new("true"), || false).unwrap_err();
        assert!(error.to_string().contains("half-way"), "{error}");
        assert!(killed_when(Command::new("sleep").arg("60"), || true).is_ok());
    }
}
