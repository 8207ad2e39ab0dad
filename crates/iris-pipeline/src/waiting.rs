//! The sending end of an edge whose sender waits when it is full: says how long it waited, and raises its voice when
//! that was long.

use std::sync::Arc;
use std::time::Duration;

use iris_core::Clock;
use iris_flow::blocking::{Sender, TrySendError};

use crate::metrics::count_blocked;

/// Waiting longer than this means that someone downstream is stuck.
const LONG: Duration = Duration::from_secs(1);

/// A sender that waits, and knows its edge.
pub(crate) struct Waiting<T> {
    edge: &'static str,
    queue: Sender<T>,
    clock: Arc<dyn Clock>,
}

impl<T> Clone for Waiting<T> {
    fn clone(&self) -> Self {
        Self { edge: self.edge, queue: self.queue.clone(), clock: Arc::clone(&self.clock) }
    }
}

impl<T> Waiting<T> {
    pub(crate) fn new(edge: &'static str, queue: Sender<T>, clock: &Arc<dyn Clock>) -> Self {
        Self { edge, queue, clock: Arc::clone(clock) }
    }

    /// Queues an item, waiting for room. An item that nobody will ever receive is dropped with a loud word.
    pub(crate) fn send(&self, item: T) {
        match self.queue.try_send(item) {
            Ok(()) => {}
            Err(TrySendError::Full(item)) => self.wait(item),
            Err(TrySendError::Closed(_)) => self.complain(),
        }
    }

    fn wait(&self, item: T) {
        let since = self.clock.mono();
        let sent = self.queue.send(item);
        let waited = self.clock.mono().since(since);
        count_blocked(self.edge, waited);
        if sent.is_err() {
            self.complain();
        } else if waited > LONG {
            tracing::error!(edge = self.edge, seconds = waited.as_secs(), "what follows is slow; the pipeline waited");
        }
    }

    fn complain(&self) {
        tracing::error!(edge = self.edge, "nobody receives any more");
    }
}
