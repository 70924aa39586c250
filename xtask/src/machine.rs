//! The machine that was measured on.

use std::{env, fs, thread};

/// The processor's name, where the system tells, or else its kind.
fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| env::consts::ARCH.to_owned(), |(_, name)| name.to_owned())
}

/// Processor cores that this process may use.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// `AMD EPYC, 2 cores, linux`
pub(crate) fn described() -> String {
    let cores = match cores() {
        1 => "1 core".to_owned(),
        several => format!("{several} cores"),
    };
    format!("{}, {cores}, {}", processor(), env::consts::OS)
}
