//! How many cores to compute on, given what others use.

/// So many periods in a row must ask for fewer cores: a program that ends soon is not worth another rounding.
const PERIODS_TO_SHRINK: u32 = 10;
/// The same among the first periods, when little has been computed.
const PERIODS_TO_SHRINK_AT_START: u32 = 2;
/// The first periods.
const START: u32 = 5;
/// So many periods in a row must allow more cores: others pause between two steps.
const PERIODS_TO_GROW: u32 = 20;

/// Decides how many cores to use, period by period.
#[derive(Debug)]
pub(super) struct Policy {
    /// All that there are for this program.
    cores: usize,
    /// In use.
    current: usize,
    periods: u32,
    fewer: u32,
    more: u32,
    /// The least that was free in the periods that allowed more.
    least_free: usize,
}

impl Policy {
    /// Begins with all cores.
    pub(super) fn new(cores: usize) -> Self {
        Self {
            cores,
            current: cores,
            periods: 0,
            fewer: 0,
            more: 0,
            least_free: cores,
        }
    }

    /// How many cores to use from now on. In the last period other programs kept `others` cores busy; `neighbours` of
    /// them share cores as this one does.
    pub(super) fn after_period(&mut self, others: f64, neighbours: usize) -> usize {
        let free = (self.cores as f64 - others).round().max(0.0) as usize;
        let wanted = free.clamp(self.least(neighbours), self.cores);
        self.fewer = if wanted < self.current {
            self.fewer + 1
        } else {
            0
        };
        self.more = if wanted > self.current {
            self.more + 1
        } else {
            0
        };
        self.least_free = if self.more > 1 {
            self.least_free.min(wanted)
        } else {
            wanted
        };
        self.periods = self.periods.saturating_add(1);
        let patience = match self.periods <= START {
            true => PERIODS_TO_SHRINK_AT_START,
            false => PERIODS_TO_SHRINK,
        };
        if self.fewer >= patience {
            self.settle(wanted);
        } else if self.more >= PERIODS_TO_GROW {
            self.settle(self.least_free);
        }
        self.current
    }

    /// A fair share among programs that share cores as this one does; of others, one core is taken whatever they do.
    fn least(&self, neighbours: usize) -> usize {
        match neighbours {
            0 => 1,
            _ => (self.cores / (1 + neighbours)).max(1),
        }
    }

    fn settle(&mut self, cores: usize) {
        (self.current, self.fewer, self.more) = (cores, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cores in use after so many periods of the same load.
    fn after(policy: &mut Policy, periods: u32, others: f64, neighbours: usize) -> usize {
        let mut cores = 0;
        for _ in 0..periods {
            cores = policy.after_period(others, neighbours);
        }
        cores
    }

    #[test]
    fn a_busy_neighbour_leaves_one_of_two_cores() {
        let mut policy = Policy::new(2);
        assert_eq!(after(&mut policy, 100, 0.1, 0), 2);
        assert_eq!(after(&mut policy, PERIODS_TO_SHRINK, 1.0, 0), 1);
        assert_eq!(after(&mut policy, 100, 1.0, 0), 1);
        assert_eq!(after(&mut policy, PERIODS_TO_GROW, 0.0, 0), 2);
    }

    #[test]
    fn who_starts_beside_a_busy_neighbour_does_not_wait() {
        assert_eq!(after(&mut Policy::new(2), 2, 2.0, 0), 1);
    }

    #[test]
    fn a_burst_changes_nothing() {
        let mut policy = Policy::new(2);
        after(&mut policy, START, 0.0, 0);
        for _ in 0..50 {
            assert_eq!(after(&mut policy, PERIODS_TO_SHRINK - 1, 2.0, 0), 2);
            assert_eq!(after(&mut policy, 1, 0.0, 0), 2);
        }
    }

    #[test]
    fn two_equals_end_with_half_the_cores_each() {
        let mut policies = [Policy::new(16), Policy::new(16)];
        let mut cores = [16, 16];
        for _ in 0..100 {
            let others = [cores[1] as f64, cores[0] as f64];
            cores = [0, 1].map(|i| policies[i].after_period(others[i], 1));
        }
        assert_eq!(cores, [8, 8]);
    }

    #[test]
    fn what_a_neighbour_does_not_use_is_free() {
        let mut policy = Policy::new(16);
        assert_eq!(after(&mut policy, 50, 1.0, 1), 15);
    }

    #[test]
    fn at_least_one_core_is_left_whatever_the_load() {
        let mut policy = Policy::new(2);
        assert_eq!(after(&mut policy, 10, 40.0, 30), 1);
    }
}
