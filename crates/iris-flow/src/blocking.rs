//! Model → analytics, event → store: a bounded queue whose sender waits when it is full. Small things that were
//! already paid for go here; what may be dropped does not.

use std::collections::VecDeque;
use std::fmt;

use crate::sync::{self, Arc, Condvar, Mutex, MutexGuard};

/// A queue of at most `capacity` items, at least one, with its two ends.
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let capacity = capacity.max(1);
    let state = State { items: VecDeque::with_capacity(capacity), senders: 1, open: true };
    let shared =
        Arc::new(Shared { capacity, state: Mutex::new(state), not_full: Condvar::new(), not_empty: Condvar::new() });
    (Sender { shared: Arc::clone(&shared) }, Receiver { shared })
}

struct Shared<T> {
    capacity: usize,
    state: Mutex<State<T>>,
    /// There is room, or the receiver is gone.
    not_full: Condvar,
    /// There is an item, or all senders are gone.
    not_empty: Condvar,
}

struct State<T> {
    items: VecDeque<T>,
    senders: usize,
    /// The receiver is there.
    open: bool,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        sync::lock(&self.state)
    }

    fn push(&self, mut state: MutexGuard<'_, State<T>>, item: T) {
        state.items.push_back(item);
        drop(state);
        self.not_empty.notify_one();
    }

    fn pop(&self, state: &mut MutexGuard<'_, State<T>>) -> Option<T> {
        let item = state.items.pop_front()?;
        self.not_full.notify_one();
        Some(item)
    }
}

/// The receiver is gone; the item comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Closed<T>(pub T);

/// Why [`Sender::try_send`] did not take an item; it comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// The queue is full.
    Full(T),
    /// The receiver is gone.
    Closed(T),
}

impl<T> fmt::Debug for Closed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Closed")
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full",
            Self::Closed(_) => "Closed",
        })
    }
}

/// Where items go in. Clones feed the same queue.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Queues an item, waiting for room.
    pub fn send(&self, item: T) -> Result<(), Closed<T>> {
        let mut state = self.shared.lock();
        while state.open && state.items.len() == self.shared.capacity {
            state = sync::wait(&self.shared.not_full, state);
        }
        if !state.open {
            return Err(Closed(item));
        }
        self.shared.push(state, item);
        Ok(())
    }

    /// Queues an item if there is room now.
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        let state = self.shared.lock();
        if !state.open {
            return Err(TrySendError::Closed(item));
        }
        if state.items.len() == self.shared.capacity {
            return Err(TrySendError::Full(item));
        }
        self.shared.push(state, item);
        Ok(())
    }

    /// How many items wait.
    pub fn depth(&self) -> usize {
        self.shared.lock().items.len()
    }
}

impl<T> Sender<T> {
    /// Sees the queue without being one of its ends.
    pub fn probe(&self) -> Probe<T> {
        Probe { shared: Arc::clone(&self.shared) }
    }
}

/// Sees how full a queue is; it neither keeps it open nor closes it.
pub struct Probe<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Probe<T> {
    /// How many items wait.
    pub fn depth(&self) -> usize {
        self.shared.lock().items.len()
    }

    /// How many items it holds at most.
    pub fn capacity(&self) -> usize {
        self.shared.capacity
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.lock().senders += 1;
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.senders -= 1;
        let last = state.senders == 0;
        drop(state);
        if last {
            self.shared.not_empty.notify_one();
        }
    }
}

/// Where items come out, in the order in which they went in. Dropping it discards what waits and fails all sends.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Receiver<T> {
    /// The next item, waiting for one. None when all senders are gone and nothing waits.
    pub fn recv(&self) -> Option<T> {
        let mut state = self.shared.lock();
        while state.items.is_empty() && state.senders > 0 {
            state = sync::wait(&self.shared.not_empty, state);
        }
        self.shared.pop(&mut state)
    }

    /// The next item if one waits now.
    pub fn try_recv(&self) -> Option<T> {
        self.shared.pop(&mut self.shared.lock())
    }

    /// How many items wait.
    pub fn depth(&self) -> usize {
        self.shared.lock().items.len()
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.open = false;
        let discarded = std::mem::take(&mut state.items);
        drop(state);
        self.shared.not_full.notify_all();
        drop(discarded);
    }
}
