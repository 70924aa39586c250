//! Ctrl-C: what was done is kept, and the user is told how to go on.

use crate::printer::Printer;
use anyhow::Context;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Ends the program on Ctrl-C with words of farewell, as long as it is there: for work that keeps its parts as they are done.
pub(crate) struct Interrupt {
    done: Arc<AtomicUsize>,
    /// What was said before, and will be again.
    before: Option<Farewell>,
}

type Farewell = Box<dyn Fn() + Send>;

/// What is said on leaving; without it, work is asked to stop.
static FAREWELL: Mutex<Option<Farewell>> = Mutex::new(None);
static STOP: AtomicBool = AtomicBool::new(false);

impl Interrupt {
    /// `farewell` is told how many parts are done.
    pub(crate) fn leaving(
        printer: Printer,
        farewell: impl Fn(usize) -> String + Send + 'static,
    ) -> anyhow::Result<Self> {
        listen()?;
        let done = Arc::new(AtomicUsize::new(0));
        let told = Arc::clone(&done);
        let before = words().replace(Box::new(move || {
            printer.warn(&farewell(told.load(Ordering::Relaxed)));
        }));
        Ok(Self { done, before })
    }

    /// So many parts are done.
    pub(crate) fn done(&self, parts: usize) {
        self.done.store(parts, Ordering::Relaxed);
    }

    /// Where that is kept, for work on several threads.
    pub(crate) fn counter(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.done)
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        *words() = self.before.take();
    }
}

/// Asks work that stops between two steps to do so, in place of leaving, as long as it is there.
pub(crate) struct StopRequest {
    before: Option<Farewell>,
}

impl StopRequest {
    pub(crate) fn listening() -> anyhow::Result<Self> {
        listen()?;
        let before = words().take();
        Ok(Self { before })
    }

    /// Whether the user has pressed Ctrl-C.
    pub(crate) fn is_made(&self) -> bool {
        STOP.load(Ordering::Relaxed)
    }
}

impl Drop for StopRequest {
    fn drop(&mut self) {
        *words() = self.before.take();
    }
}

fn listen() -> anyhow::Result<()> {
    let installed = ctrlc::set_handler(|| {
        if let Some(farewell) = words().as_ref() {
            farewell();
            leave(1);
        }
        // A second Ctrl-C does not wait for the step to end.
        if STOP.swap(true, Ordering::Relaxed) {
            leave(130);
        }
    });
    match installed {
        // Of several runs in one program, the first has set it.
        Ok(()) | Err(ctrlc::Error::MultipleHandlers) => Ok(()),
        Err(error) => Err(error).context("cannot listen for Ctrl-C"),
    }
}

/// Ends the program at once, whatever other threads do. What would be tidied up by an ordinary exit is in use by them: libtorch,
/// whose parts they compute with, would crash.
fn leave(code: i32) -> ! {
    let _ = std::io::stdout().flush();
    #[cfg(unix)]
    #[expect(
        unsafe_code,
        reason = "no safe function ends a process without tidying up"
    )]
    // SAFETY: it takes a number, and does not return.
    unsafe {
        libc::_exit(code)
    }
    #[cfg(not(unix))]
    std::process::exit(code)
}

fn words() -> MutexGuard<'static, Option<Farewell>> {
    FAREWELL.lock().unwrap_or_else(PoisonError::into_inner)
}
