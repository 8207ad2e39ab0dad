//! The sending end of an edge whose sender waits when it is full: says how long it waited, and raises its voice when
//! that was long.

use std::sync::Arc;
use std::time::Duration;

use iris_core::Clock;
use iris_flow::blocking::{Probe, Sender, TrySendError};

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

    pub(crate) fn probe(&self) -> Probe<T> {
        self.queue.probe()
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

#[cfg(test)]
mod tests {
    use super::*;
    use iris_core::clock::ManualClock;
    use iris_flow::blocking;

    #[test]
    fn everything_arrives_in_order_however_full_the_queue_was() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        let (sender, receiver) = blocking::channel(1);
        let sender = Waiting::new("test", sender, &clock);
        let other = sender.clone();
        let send = std::thread::Builder::new().name("sender".into());
        let send = send.spawn(move || (0..100).for_each(|n| sender.send(n))).expect("a thread");
        drop(other);
        let mut arrived = Vec::new();
        while let Some(n) = receiver.recv() {
            arrived.push(n);
        }
        send.join().expect("no panic");
        assert_eq!(arrived, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_receiver_that_is_gone_does_not_stop_the_sender() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        let (sender, receiver) = blocking::channel(1);
        drop(receiver);
        Waiting::new("test", sender, &clock).send(1);
    }
}
