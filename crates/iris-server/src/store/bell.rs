//! Wakes whoever waits for news from the store.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Counts rings; a waiter that was busy while it rang does not miss it.
#[derive(Debug, Default)]
pub struct Bell {
    rings: Mutex<u64>,
    rung: Condvar,
}

impl Bell {
    /// How often it has rung.
    pub fn rings(&self) -> u64 {
        *self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes everyone.
    pub fn ring(&self) {
        *self.rings.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.rung.notify_all();
    }

    /// Waits until it has rung more than `heard` times, or until `patience` is over.
    pub fn wait(&self, heard: u64, patience: Duration) {
        let rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.rung.wait_timeout_while(rings, patience, |rings| *rings <= heard));
    }
}
