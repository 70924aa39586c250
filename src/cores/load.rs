//! How busy the cores are, by the system's own counts.

use std::{fs, io, ops::RangeInclusive};

/// Ticks that cores were busy since the machine was started: those of all programs, and of this one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ticks {
    /// Of all programs, on the cores that this one may use.
    busy: u64,
    /// Of this program.
    own: u64,
    /// Busy or idle, a core.
    passed: f64,
}

impl Ticks {
    /// The counts as of now.
    ///
    /// # Errors
    /// On systems other than Linux.
    pub(super) fn now() -> io::Result<Self> {
        let [stat, own, status] = ["stat", "self/stat", "self/status"]
            .map(|name| fs::read_to_string(format!("/proc/{name}")));
        Self::parse(&stat?, &own?, &status?).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Of `/proc/stat`, and of `stat` and `status` of this process.
    fn parse(stat: &str, own: &str, status: &str) -> Option<Self> {
        let allowed = allowed_cores(status)?;
        let (mut busy, mut all, mut cores) = (0, 0, 0);
        for (core, times) in stat.lines().filter_map(core_times) {
            if allowed.iter().any(|range| range.contains(&core)) {
                let idle = times.get(3)? + times.get(4).unwrap_or(&0);
                let sum: u64 = times.iter().take(8).sum(); // what follows is counted in these
                busy += sum - idle;
                all += sum;
                cores += 1;
            }
        }
        Some(Self {
            busy,
            own: own_ticks(own)?,
            passed: all as f64 / f64::from((cores > 0).then_some(cores)?),
        })
    }

    /// How many cores other programs kept busy from `earlier` until now; `None` if too little time has passed to tell.
    pub(super) fn others_since(&self, earlier: &Self) -> Option<f64> {
        const LEAST_TICKS: f64 = 5.0;
        let passed = self.passed - earlier.passed;
        let others = (self.busy.saturating_sub(earlier.busy) as f64)
            - self.own.saturating_sub(earlier.own) as f64;
        (passed >= LEAST_TICKS).then(|| (others / passed).max(0.0))
    }
}

/// A line such as `cpu3 10 0 2 90 …`: the core, and its ticks as user, nice, system, idle, waiting for disks, …
fn core_times(line: &str) -> Option<(usize, Vec<u64>)> {
    let mut words = line.split_ascii_whitespace();
    let core = words.next()?.strip_prefix("cpu")?.parse().ok()?;
    let times = words.map(str::parse).collect::<Result<_, _>>().ok()?;
    Some((core, times))
}

/// A line such as `Cpus_allowed_list: 0-3,8`.
fn allowed_cores(status: &str) -> Option<Vec<RangeInclusive<usize>>> {
    let mut lines = status.lines();
    let list = lines.find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let range = |text: &str| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Some(first.parse().ok()?..=last.parse().ok()?)
    };
    list.trim().split(',').map(range).collect()
}

/// User and system time: fields 14 and 15; the name, in field 2, may hold blanks and brackets.
fn own_ticks(stat: &str) -> Option<u64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "7 (a) (b) R 1 7 7 0 -1 4194304 100 0 0 0 30 10 0 0 20 0 2 0 5 0 0";

    const BOTH: &str = "Name:\tx\nCpus_allowed_list:\t0-1\n";

    fn stat(busy: [u64; 2], idle: [u64; 2]) -> String {
        format!(
            "cpu  1 1 1 1\ncpu0 {} 0 0 {} 0 0 0 0 0 0\ncpu1 {} 0 0 {} 0 0 0 0 0 0\nintr 5\n",
            busy[0], idle[0], busy[1], idle[1]
        )
    }

    #[test]
    fn what_this_program_used_is_not_the_others() {
        let then = Ticks::parse(&stat([0, 0], [0, 0]), OWN, BOTH).unwrap();
        let own = OWN.replace("30 10", "60 30"); // 50 ticks more
        let now = Ticks::parse(&stat([100, 50], [0, 50]), &own, BOTH).unwrap();
        assert_eq!(now.others_since(&then), Some(1.0));
    }

    #[test]
    fn only_the_cores_of_this_program_count() {
        let second = "Cpus_allowed_list: 1,5-7";
        let then = Ticks::parse(&stat([0, 0], [0, 0]), OWN, second).unwrap();
        let now = Ticks::parse(&stat([100, 25], [0, 75]), OWN, second).unwrap();
        assert_eq!(now.others_since(&then), Some(0.25));
    }

    #[test]
    fn a_moment_tells_nothing() {
        let then = Ticks::parse(&stat([0, 0], [0, 0]), OWN, BOTH).unwrap();
        let now = Ticks::parse(&stat([2, 2], [0, 0]), OWN, BOTH).unwrap();
        assert_eq!(now.others_since(&then), None);
    }

    #[test]
    fn counts_that_are_not_as_expected_are_none() {
        assert_eq!(Ticks::parse("", OWN, BOTH), None);
        assert_eq!(Ticks::parse(&stat([1, 1], [1, 1]), "7 (a", BOTH), None);
        assert_eq!(Ticks::parse("cpu0 1 2\n", OWN, BOTH), None);
        assert_eq!(Ticks::parse(&stat([1, 1], [1, 1]), OWN, "Name: x"), None);
    }
}
