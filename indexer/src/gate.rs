//! Lets the words lane go before the vectors lane.

use std::{
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::progress::Cancel;

/// How often a waiting lane looks whether it is cancelled.
const LOOK: Duration = Duration::from_millis(100);

/// Shared by both lanes.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    words_at_work: Mutex<u32>,
    changed: Condvar,
    arrivals: AtomicU64,
}

/// While it lives, the vectors lane waits.
pub(crate) struct WordsAtWork<'g>(&'g Gate);

impl Gate {
    /// The words lane begins.
    pub(crate) fn enter(&self) -> WordsAtWork<'_> {
        *self.lock() += 1;
        WordsAtWork(self)
    }

    /// New passages were published: the newest come first from now on.
    pub(crate) fn words_arrived(&self) {
        self.arrivals.fetch_add(1, Ordering::SeqCst);
    }

    /// A number that changes when new passages are published.
    pub(crate) fn arrivals(&self) -> u64 {
        self.arrivals.load(Ordering::SeqCst)
    }

    /// Waits until the words lane rests.
    pub(crate) fn wait_for_words(&self, cancel: &Cancel) {
        let mut at_work = self.lock();
        while *at_work > 0 && !cancel.is_cancelled() {
            at_work = self.changed.wait_timeout(at_work, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, u32> {
        self.words_at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for WordsAtWork<'_> {
    fn drop(&mut self) {
        *self.0.lock() -= 1;
        self.0.changed.notify_all();
    }
}
