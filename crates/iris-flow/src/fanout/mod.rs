//! Anything → viewers and recorders: one producer, any number of readers, and the last seconds kept.
//!
//! The producer never waits and knows nothing of its readers. What it sends is kept, whole groups that start at a key
//! unit, as long as [`Limits`] allow; readers clone units out of that, so units must be cheap to clone. A reader that
//! falls behind loses what it could not take up to the next key unit, and is told how many units that were:
//! [`Next::Missed`]. When that is depends on what the reader is for:
//!
//! - [`Fanout::follow`] is for people: it starts at the newest key unit, and would rather skip than be late.
//! - [`Fanout::record`] is for files: it holds what was kept when it was made, and loses only what is not kept any
//!   more.
//!
//! Readers are polled like futures. What a unit is belongs to the caller, as does counting what was missed.

mod kept;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::sync::{self, Arc, Mutex, MutexGuard};
use kept::Kept;

/// What the policy must know of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    /// Whether a reader can start at it.
    pub is_key: bool,
    /// Its position on the producer's timeline, which does not go back.
    pub at: Duration,
    /// What it takes of the memory.
    pub bytes: usize,
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// At least this much of the timeline, and what is missing to the key unit before it.
    pub span: Duration,
    /// But at most this many bytes, or one unit.
    pub bytes: usize,
}

/// What a reader gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next<T> {
    /// The next unit.
    Unit(T),
    /// So many units are missing before the next one, which is a key unit. More may be told before that one comes.
    Missed(u64),
}

/// The producer's end. Clones are the same fan-out.
pub struct Fanout<T> {
    shared: Arc<Mutex<State<T>>>,
}

struct State<T> {
    kept: Kept<T>,
    /// The readers that wait, each once.
    waiting: Vec<(u64, Waker)>,
    /// The name of the next reader.
    names: u64,
    closed: bool,
}

impl<T> Clone for Fanout<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T: Clone> Fanout<T> {
    /// A fan-out that keeps that much.
    pub fn new(limits: Limits) -> Self {
        let state = State { kept: Kept::new(limits), waiting: Vec::new(), names: 0, closed: false };
        Self { shared: Arc::new(Mutex::new(state)) }
    }

    /// Hands a unit to all readers. Never waits for one.
    pub fn send(&self, tag: Tag, unit: T) {
        let mut state = self.lock();
        state.kept.push(tag, unit);
        wake(state);
    }

    /// Says that nothing more comes; readers end when they have what there is.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        wake(state);
    }

    /// A reader that starts at the newest key unit. When what it takes next is more than `patience` older than the
    /// newest unit, it goes on at the newest key unit, if that is later.
    pub fn follow(&self, patience: Duration) -> Reader<T> {
        let mut state = self.lock();
        let next = state.kept.newest_key().unwrap_or(state.kept.end());
        self.reader(&mut state, VecDeque::new(), next, patience)
    }

    /// A reader of all from the last key unit at or before `since` on, or from the first that is kept. It holds what
    /// is kept now, so of that nothing can be missed.
    pub fn record(&self, since: Duration) -> Reader<T> {
        let mut state = self.lock();
        let next = state.kept.end();
        let first = state.kept.key_before(since).unwrap_or(next);
        let backlog = state.kept.from(first).cloned().collect();
        self.reader(&mut state, backlog, next, Duration::MAX)
    }

    /// The newest group: from the newest key unit on. Empty if none is kept.
    pub fn newest(&self) -> Vec<T> {
        let state = self.lock();
        state.kept.newest_key().map_or_else(Vec::new, |key| state.kept.from(key).cloned().collect())
    }

    /// How many bytes are kept.
    pub fn bytes(&self) -> usize {
        self.lock().kept.bytes()
    }

    fn reader(&self, state: &mut State<T>, backlog: VecDeque<T>, next: u64, patience: Duration) -> Reader<T> {
        let name = state.names;
        state.names += 1;
        let aligned = !backlog.is_empty();
        Reader { shared: Arc::clone(&self.shared), name, backlog, next, aligned, patience }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        sync::lock(&self.shared)
    }
}

/// Wakes all that wait, outside the lock.
fn wake<T>(mut state: MutexGuard<'_, State<T>>) {
    let waiting = std::mem::take(&mut state.waiting);
    drop(state);
    for (_, waker) in waiting {
        waker.wake();
    }
}

/// A reader of a fan-out. It may be dropped at any time.
pub struct Reader<T> {
    shared: Arc<Mutex<State<T>>>,
    name: u64,
    /// What was kept when it was made and is still to be read.
    backlog: VecDeque<T>,
    /// The number of the unit that it takes next.
    next: u64,
    /// It has what comes before that unit. If not, it must go on at a key unit.
    aligned: bool,
    patience: Duration,
}

impl<T: Clone> Reader<T> {
    /// What comes next, or nothing when the fan-out is closed and all is read. Cancel-safe.
    pub async fn next(&mut self) -> Option<Next<T>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// What comes next. Pending: the waker is called when there may be more.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Next<T>>> {
        if let Some(unit) = self.backlog.pop_front() {
            return Poll::Ready(Some(Next::Unit(unit)));
        }
        let shared = Arc::clone(&self.shared);
        let mut state = sync::lock(&shared);
        match self.take(&state.kept) {
            Some(next) => Poll::Ready(Some(next)),
            None if state.closed => Poll::Ready(None),
            None => {
                state.wait(self.name, context.waker());
                Poll::Pending
            }
        }
    }

    fn take(&mut self, kept: &Kept<T>) -> Option<Next<T>> {
        let at = self.resume(kept)?;
        let missed = at - self.next;
        (self.next, self.aligned) = (at, true);
        if missed > 0 {
            return Some(Next::Missed(missed));
        }
        let (_, unit) = kept.get(at)?;
        self.next += 1;
        Some(Next::Unit(unit.clone()))
    }

    /// The number of the unit to go on at. None as long as that is a key unit that has not come.
    fn resume(&mut self, kept: &Kept<T>) -> Option<u64> {
        self.aligned &= kept.get(self.next).is_some() || self.next == kept.end();
        let next = if self.aligned { self.next } else { kept.key_from(self.next)? };
        let late = kept.age(next) > self.patience;
        Some(if late { kept.newest_key().map_or(next, |key| key.max(next)) } else { next })
    }
}

impl<T> State<T> {
    fn wait(&mut self, name: u64, waker: &Waker) {
        match self.waiting.iter_mut().find(|(waits, _)| *waits == name) {
            Some((_, known)) => known.clone_from(waker),
            None => self.waiting.push((name, waker.clone())),
        }
    }
}

impl<T> Drop for Reader<T> {
    fn drop(&mut self) {
        let mut state = sync::lock(&self.shared);
        state.waiting.retain(|(name, _)| *name != self.name);
    }
}
