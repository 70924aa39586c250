//! Sharing the cores of this machine with other programs.
//!
//! libtorch computes every operation in as many parts as there are compute threads, and the threads wait for one another
//! thousands of times a second, turning in loops. Where another program holds a core, each wait lasts until the system
//! gives the core back, milliseconds later: two trainings on two cores fell to a fifteenth of their speed. Sleeping in
//! place of turning does not help, as libtorch's convolutions have loops of their own. So the number of compute threads
//! must follow the cores that are free.
//!
//! [`share_cores`] watches how busy other programs keep the cores, and before every pass through a network the number of
//! compute threads is set to what they leave: at least one, and a fair share among programs that do the same. With
//! another number of threads sums round differently in their last digits; [`compute_with`] a fixed number of threads
//! where bytes must repeat whatever else is running.
//!
//! On Linux only; elsewhere there are as many threads as cores.

mod load;
mod policy;
mod register;
mod watch;

use std::{
    cell::Cell,
    sync::OnceLock,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};
pub use watch::CoreShare;

/// Cores that are free for this process; 0 while nobody watches.
static FREE: AtomicUsize = AtomicUsize::new(0);
/// Whether fewer threads than cores have computed something.
static WAS_SHORT: AtomicBool = AtomicBool::new(false);

thread_local! {
    static THREADS: Cell<Option<Threads>> = const { Cell::new(None) };
}

/// How many threads compute what one thread asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// Always so many.
    Fixed(usize),
    /// As many as there are cores that other programs leave free.
    FollowFreeCores,
}

impl Threads {
    /// By a setting where 0 stands for following.
    pub fn of_setting(threads: usize) -> Self {
        match threads {
            0 => Self::FollowFreeCores,
            threads => Self::Fixed(threads),
        }
    }

    #[cfg(feature = "nn")]
    fn now(self) -> usize {
        match (self, FREE.load(Ordering::Relaxed)) {
            (Self::Fixed(threads), _) => threads,
            (Self::FollowFreeCores, 0) => available_cores(),
            (Self::FollowFreeCores, free) => free,
        }
    }
}

/// Cores that this process may use, whoever else uses them.
pub(crate) fn available_cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Starts to watch the cores, until what is returned is dropped; this thread's computations follow them.
///
/// Call it before the first computation. Where the system does not tell how busy its cores are, or there is only one,
/// nothing is watched.
pub fn share_cores() -> CoreShare {
    let share = CoreShare::start();
    #[cfg(feature = "nn")]
    compute_with(Threads::FollowFreeCores);
    share
}

/// Whether anything was computed with fewer threads than there are cores, because other programs used them.
pub fn were_short() -> bool {
    WAS_SHORT.load(Ordering::Relaxed)
}

/// Says how many threads compute what this thread asks for from now on; gives how many that is at the moment.
#[cfg(feature = "nn")]
pub fn compute_with(threads: Threads) -> usize {
    THREADS.set(Some(threads));
    before_pass();
    threads.now()
}

/// Sets the number of compute threads, where [`compute_with`] was called by this thread.
#[cfg(feature = "nn")]
pub(crate) fn before_pass() {
    let Some(threads) = THREADS.get() else { return };
    let now = threads.now();
    if threads == Threads::FollowFreeCores && now < available_cores() {
        WAS_SHORT.store(true, Ordering::Relaxed);
    }
    let now = i32::try_from(now).unwrap_or(i32::MAX);
    if tch::get_num_threads() != now {
        tch::set_num_threads(now);
    }
}
