//! The thread that watches how busy the cores are.

use super::{FREE, available_cores, load::Ticks, policy::Policy, register::Register};
use std::{
    sync::{
        atomic::Ordering,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// How often to look: the system counts in hundredths of a second.
const PERIOD: Duration = Duration::from_millis(100);

/// Watches the cores until it is dropped.
#[derive(Debug)]
#[must_use = "the cores are watched until this is dropped"]
pub struct CoreShare(Option<(Sender<()>, JoinHandle<()>)>);

impl CoreShare {
    pub(super) fn start() -> Self {
        Self(start())
    }
}

impl Drop for CoreShare {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.0.take() {
            drop(stop);
            let _panicked = thread.join();
        }
        FREE.store(0, Ordering::Relaxed);
    }
}

/// `None` where there is nothing to share, or the system does not tell.
fn start() -> Option<(Sender<()>, JoinHandle<()>)> {
    let cores = available_cores();
    let mut before = (cores > 1).then(Ticks::now)?.ok()?;
    let register = Register::enter().ok();
    let mut policy = Policy::new(cores);
    let (stop, stopped) = channel();
    let watch = move || {
        while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
            let Ok(now) = Ticks::now() else { break };
            if let Some(others) = now.others_since(&before) {
                before = now;
                let neighbours = register.as_ref().map_or(0, Register::neighbours);
                let free = policy.after_period(others, neighbours);
                FREE.store(free, Ordering::Relaxed);
            }
        }
    };
    let thread = thread::Builder::new().name("cores".to_owned());
    Some((stop, thread.spawn(watch).ok()?))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::{
        process::{Child, Command},
        time::Instant,
    };

    /// A program that keeps a core busy until this is dropped.
    struct Busy(Child);

    impl Busy {
        fn start() -> Self {
            let turning = ["-c", "while :; do :; done"];
            Self(Command::new("sh").args(turning).spawn().unwrap())
        }
    }

    impl Drop for Busy {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    #[test]
    fn fewer_cores_are_free_while_other_programs_keep_them_busy() {
        let all = available_cores();
        let share = CoreShare::start();
        assert_eq!(share.0.is_some(), all > 1);
        let busy: Vec<_> = (0..all).map(|_| Busy::start()).collect();
        let started = Instant::now();
        let is_short = || (1..all).contains(&FREE.load(Ordering::Relaxed));
        while all > 1 && !is_short() {
            assert!(started.elapsed() < Duration::from_secs(30), "never noticed");
            thread::sleep(Duration::from_millis(20));
        }
        drop(busy);
        drop(share);
        assert_eq!(FREE.load(Ordering::Relaxed), 0);
    }
}
