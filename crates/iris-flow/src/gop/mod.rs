//! Packet → decode: one bounded queue a camera, shared by a pool of workers.
//!
//! The sender never waits. Encoded frames depend on those before them, so a full queue loses a whole run: what comes
//! is dropped up to the next key unit, and a key unit that finds the queue full takes the place of all that waits.
//! The worker finds a [`Work::Gap`] where the run is missing.
//!
//! A camera that has work stands in one ready list; a worker takes it from the front, has it for itself for a
//! [`Turn`] of a few items, and puts it back at the end. So no camera starves, and a camera's units stay in order.
//! Units that are not urgent can be held back until some have gathered: a run of them costs a worker less than one
//! after the other between those of other cameras.
//! What decoding is, and which losses are counted where, belongs to the pipeline.

mod line;

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use crate::sync::{self, Condvar, Mutex, MutexGuard};
use line::Line;

/// The most items that a camera is served in one turn before the others have theirs.
pub const BURST: usize = 4;

/// What is queued: an encoded access unit.
pub trait Unit {
    /// Whether decoding can start at it.
    fn is_key(&self) -> bool;
}

/// One item of a camera's queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work<T> {
    /// The next unit.
    Unit(T),
    /// Something was dropped right before what follows.
    Gap,
    /// The stream has ended.
    End,
}

/// The queues of all cameras. Shared by reference or behind an `Arc`.
///
/// Dropped units are dropped under the lock: their `Drop` must be short and must not call back.
pub struct Queues<K, T> {
    capacity: usize,
    state: Mutex<State<K, T>>,
    /// A camera became ready, or all is over.
    changed: Condvar,
}

struct State<K, T> {
    cameras: HashMap<K, Camera<T>>,
    /// The cameras in [`Hold::Ready`], the longest waiting first.
    ready: VecDeque<K>,
    shutdown: bool,
}

struct Camera<T> {
    line: Line<T>,
    hold: Hold,
    /// Not retired. A retired camera is kept only until its worker lets go of it.
    open: bool,
}

/// Whose turn it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// Nothing waits.
    Idle,
    /// In the ready list.
    Ready,
    /// A worker's.
    Held,
    /// Still a worker's, but retired since: it finishes its item and gets no more.
    Revoked,
}

impl<K: Copy + Eq + Hash, T> Queues<K, T> {
    /// Queues of `capacity` units each, at least one.
    pub fn new(capacity: usize) -> Self {
        let state = State { cameras: HashMap::new(), ready: VecDeque::new(), shutdown: false };
        Self { capacity: capacity.max(1), state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Adds a camera, or does nothing if it is there.
    pub fn open(&self, key: K) {
        let mut state = self.lock();
        let fresh = || Camera { line: Line::new(self.capacity), hold: Hold::Idle, open: true };
        let camera = state.cameras.entry(key).or_insert_with(fresh);
        if !camera.open {
            camera.line = Line::new(self.capacity);
            camera.open = true;
        }
        let (cameras, waiting) = (state.cameras.len(), state.ready.len());
        state.ready.reserve(cameras - waiting);
    }

    /// Removes a camera and returns how many units were discarded. A worker that holds it finishes its item, and
    /// until then no other worker gets the camera even if it is opened again.
    pub fn retire(&self, key: K) -> usize {
        let mut state = self.lock();
        let Some(camera) = state.cameras.get_mut(&key) else { return 0 };
        let discarded = camera.line.drop_units();
        camera.open = false;
        match camera.hold {
            Hold::Held | Hold::Revoked => camera.hold = Hold::Revoked,
            Hold::Idle | Hold::Ready => {
                state.cameras.remove(&key);
                state.ready.retain(|other| *other != key);
            }
        }
        discarded
    }

    /// Makes a camera ready of which units are [held](Self::hold).
    pub fn release(&self, key: K) {
        self.add(key, |_| ());
    }

    /// Says that something is missing before what is sent next.
    pub fn send_gap(&self, key: K) {
        self.add(key, Line::mark_gap);
    }

    /// Says that the stream has ended. Swallows a gap right before it, which would speak of nothing.
    pub fn send_end(&self, key: K) {
        self.add(key, Line::mark_end);
    }

    /// Waits until a camera has work and takes the one that has waited longest. None after
    /// [`shutdown`](Self::shutdown).
    pub fn take(&self) -> Option<Turn<'_, K, T>> {
        let mut state = self.lock();
        loop {
            if state.shutdown {
                return None;
            }
            if let Some(key) = state.ready.pop_front() {
                if let Some(camera) = state.cameras.get_mut(&key) {
                    camera.hold = Hold::Held;
                }
                return Some(Turn { queues: self, key, left: BURST });
            }
            state = sync::wait(&self.changed, state);
        }
    }

    /// How many units of a camera wait; 0 for one that is not open.
    pub fn depth(&self, key: K) -> usize {
        self.lock().cameras.get(&key).map_or(0, |camera| camera.line.units())
    }

    /// Ends [`take`](Self::take) for all workers, now and from now on. What waits stays, to be counted by
    /// [`retire`](Self::retire).
    pub fn shutdown(&self) {
        self.lock().shutdown = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<K, T>> {
        sync::lock(&self.state)
    }

    /// Adds to the line of an open camera and makes the camera ready. None if there is no such camera.
    fn add<R>(&self, key: K, add: impl FnOnce(&mut Line<T>) -> R) -> Option<R> {
        let mut state = self.lock();
        let camera = state.cameras.get_mut(&key).filter(|camera| camera.open)?;
        let added = add(&mut camera.line);
        let woken = camera.hold == Hold::Idle && !camera.line.is_empty();
        if woken {
            camera.hold = Hold::Ready;
            state.ready.push_back(key);
        }
        drop(state);
        if woken {
            self.changed.notify_one();
        }
        Some(added)
    }

    fn next_of(&self, key: K) -> Option<Work<T>> {
        let mut state = self.lock();
        state.cameras.get_mut(&key).filter(|camera| camera.hold == Hold::Held)?.line.pop()
    }

    fn let_go(&self, key: K) {
        let mut state = self.lock();
        let Some(camera) = state.cameras.get_mut(&key) else { return };
        if !camera.open {
            state.cameras.remove(&key);
        } else if camera.line.is_empty() {
            camera.hold = Hold::Idle;
        } else {
            camera.hold = Hold::Ready;
            state.ready.push_back(key);
            drop(state);
            self.changed.notify_one();
        }
    }
}

impl<K: Copy + Eq + Hash, T: Unit> Queues<K, T> {
    /// Queues a unit and never waits. Returns how many units were dropped for it: this one and, one by one, all up
    /// to the next key unit if the queue is full; all that waited if it is full and this is a key unit; this one if
    /// the camera is not open.
    pub fn send(&self, key: K, unit: T) -> usize {
        self.add(key, |line| line.send(unit)).unwrap_or(1)
    }

    /// Queues a unit like [`send`](Self::send), but does not make the camera ready: it waits for what is sent later, or
    /// for [`release`](Self::release).
    pub fn hold(&self, key: K, unit: T) -> usize {
        let mut state = self.lock();
        let camera = state.cameras.get_mut(&key).filter(|camera| camera.open);
        camera.map_or(1, |camera| camera.line.send(unit))
    }
}

/// A worker's turn at one camera, which no other worker has meanwhile. An iterator over at most [`BURST`] of its
/// items; it ends, without waiting, where nothing more is queued. Dropping it passes the camera on.
pub struct Turn<'a, K: Copy + Eq + Hash, T> {
    queues: &'a Queues<K, T>,
    key: K,
    left: usize,
}

impl<K: Copy + Eq + Hash, T> Turn<'_, K, T> {
    /// The camera.
    pub fn key(&self) -> K {
        self.key
    }
}

impl<K: Copy + Eq + Hash, T> Iterator for Turn<'_, K, T> {
    type Item = Work<T>;

    fn next(&mut self) -> Option<Work<T>> {
        self.left = self.left.checked_sub(1)?;
        self.queues.next_of(self.key)
    }
}

impl<K: Copy + Eq + Hash, T> Drop for Turn<'_, K, T> {
    fn drop(&mut self) {
        self.queues.let_go(self.key);
    }
}
