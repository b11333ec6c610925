//! Interruption (Ctrl-C, `SIGTERM`) between two pieces of work instead of within one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Lets an interruption wait until a piece of work is finished. A second one does not wait.
#[derive(Debug, Default)]
pub(crate) struct Interruption(Arc<Mutex<()>>);

impl Interruption {
    /// From now on an interruption ends the process as it always does, but at no time at which
    /// `hold`'s answer exists.
    #[cfg(unix)]
    pub(crate) fn watch() -> std::io::Result<Self> {
        use signal_hook::consts::{SIGINT, SIGTERM};
        let again = Arc::new(std::sync::atomic::AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first one finds `again` unset, and sets it.
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&again))?;
            signal_hook::flag::register(signal, Arc::clone(&again))?;
        }
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
        let interruption = Self::default();
        let work = Arc::clone(&interruption.0);
        std::thread::spawn(move || {
            for signal in signals.forever() {
                let _none_at_work = work.lock().unwrap_or_else(PoisonError::into_inner);
                // It ends the process; were it refused, the next signal would be tried.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        });
        Ok(interruption)
    }

    /// Elsewhere a process ends at once.
    #[cfg(not(unix))]
    pub(crate) fn watch() -> std::io::Result<Self> {
        Ok(Self::default())
    }

    /// What lives while a piece of work is done.
    pub(crate) fn hold(&self) -> MutexGuard<'_, ()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
