//! Wakes whoever waits for news from the store: threads by a condition, tasks by a channel that holds the last count.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// Counts rings; a waiter that was busy while it rang does not miss it.
#[derive(Debug)]
pub struct Bell {
    rings: Mutex<u64>,
    rung: Condvar,
    tasks: watch::Sender<u64>,
}

impl Default for Bell {
    fn default() -> Self {
        Self { rings: Mutex::default(), rung: Condvar::new(), tasks: watch::Sender::new(0) }
    }
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
        self.tasks.send_modify(|rings| *rings += 1);
    }

    /// Waits until it has rung more than `heard` times, or until `patience` is over.
    pub fn wait(&self, heard: u64, patience: Duration) {
        let rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.rung.wait_timeout_while(rings, patience, |rings| *rings <= heard));
    }

    /// For tasks: changes with every ring.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.tasks.subscribe()
    }
}
