//! How many streams there may be: what lasts longer than a request takes a seat for as long.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::caller::Caller;
use super::problem::{Code, Problem};

/// Streams of one caller at once: a wall of cameras in a few windows.
const MOST_EACH: usize = 128;
/// Streams of all callers at once.
const MOST: usize = 1024;

/// The streams that there are, by the names of their callers.
#[derive(Clone, Default)]
pub(crate) struct Streams(Arc<Mutex<HashMap<String, usize>>>);

impl Streams {
    /// A seat for one more stream.
    pub(crate) fn enter(&self, caller: &Caller) -> Result<Seat, Problem> {
        self.enter_as(caller.name(), MOST_EACH)
    }

    /// A seat where a caller may have only `most`.
    pub(super) fn enter_as(&self, name: &str, most: usize) -> Result<Seat, Problem> {
        let mut taken = self.lock();
        let (own, all) = (taken.get(name).copied().unwrap_or(0), taken.values().sum::<usize>());
        if own >= most || all >= MOST {
            return Err(Problem::new(Code::TooManyRequests, "too many of these at once"));
        }
        *taken.entry(name.to_owned()).or_default() += 1;
        Ok(Seat { streams: self.clone(), name: name.to_owned() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream's seat, free again when this is dropped.
pub(crate) struct Seat {
    streams: Streams,
    name: String,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.streams.lock();
        if let Some(own) = taken.get_mut(&self.name) {
            *own -= 1;
        }
        taken.retain(|_, own| *own > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_counted_by_caller_and_come_free() {
        let streams = Streams::default();
        let seats: Vec<Seat> = (0..3).map(|_| streams.enter_as("ada", 3).expect("a seat")).collect();
        assert_eq!(streams.enter_as("ada", 3).err().map(|problem| problem.code), Some(Code::TooManyRequests));
        let other = streams.enter_as("bob", 3).expect("a seat");
        drop(seats);
        assert!(streams.enter_as("ada", 3).is_ok());
        drop(other);
        assert!(streams.lock().is_empty());
    }
}
