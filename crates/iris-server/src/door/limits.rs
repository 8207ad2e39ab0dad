//! How often something may be asked: a bounded set of counters, each by the generic cell rate algorithm (ITU-T I.371),
//! which needs one time a counter. They are kept in memory; a restart forgets them.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use iris_core::MonoTime;

use super::problem::{Code, Problem};
use crate::accounts::Digest;

/// The most counters of one kind. Beyond it, those that used least make room.
const COUNTERS: usize = 10_000;
/// The most pairs of an account and an address from which it signed in that are remembered.
const KNOWN: usize = 1024;
/// The longest part of a name that tells accounts apart, in characters; no account has a longer one.
const NAME: usize = 64;

/// The server's limits.
pub(super) struct Limits {
    /// Passwords tried for an account. From an address where it signed in before, others' tries do not count, so that
    /// whoever guesses cannot lock its owner out.
    accounts: Limit<(String, Option<IpAddr>)>,
    /// Passwords and set-up tokens tried by an address.
    peers: Limit<IpAddr>,
    /// Requests of a session or token.
    callers: Limit<Digest>,
    /// The same to models, whose queues refuse earlier what they cannot answer.
    inferences: Limit<Digest>,
    known: Mutex<HashSet<(String, IpAddr)>>,
}

impl Limits {
    pub(super) fn new() -> Self {
        Self {
            accounts: Limit::new(5, Duration::from_mins(1), 5),
            peers: Limit::new(20, Duration::from_mins(1), 20),
            callers: Limit::new(50, Duration::from_secs(1), 100),
            inferences: Limit::new(2000, Duration::from_secs(1), 2000),
            known: Mutex::default(),
        }
    }

    /// Counts a try to sign in.
    pub(super) fn sign_in(&self, name: &str, peer: IpAddr, now: MonoTime) -> Result<(), Problem> {
        self.peer(peer, now)?;
        let account = account(name);
        let is_known = held(&self.known).contains(&(account.clone(), peer));
        self.accounts.take((account, is_known.then_some(peer)), now).map_err(too_many)
    }

    /// Counts a try to show that one may come in.
    pub(super) fn peer(&self, peer: IpAddr, now: MonoTime) -> Result<(), Problem> {
        self.peers.take(peer, now).map_err(too_many)
    }

    /// Remembers that an account signed in from an address.
    pub(super) fn signed_in(&self, name: &str, peer: IpAddr) {
        let mut known = held(&self.known);
        if known.len() >= KNOWN {
            known.clear();
        }
        known.insert((account(name), peer));
    }

    /// Counts a request to a model.
    pub(super) fn inference(&self, caller: Digest, now: MonoTime) -> Result<(), Problem> {
        self.inferences.take(caller, now).map_err(too_many)
    }

    /// Counts a request of someone who came in.
    pub(super) fn request(&self, caller: Digest, now: MonoTime) -> Result<(), Problem> {
        self.callers.take(caller, now).map_err(too_many)
    }
}

fn account(name: &str) -> String {
    name.chars().take(NAME).collect::<String>().to_lowercase()
}

fn too_many(wait: Duration) -> Problem {
    Problem { retry_after: Some(wait), ..Problem::new(Code::TooManyRequests, "too often; wait and try again") }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A limit for each of many.
struct Limit<K> {
    /// The time between two of a steady stream.
    period: Duration,
    /// By how much a burst may be ahead of that.
    slack: Duration,
    /// When the next of a steady stream would be due.
    due: Mutex<HashMap<K, MonoTime>>,
}

impl<K: Hash + Eq> Limit<K> {
    /// `count` in `time`, and at once at most `burst`.
    fn new(count: u32, time: Duration, burst: u32) -> Self {
        let period = time / count;
        Self { period, slack: period * burst.saturating_sub(1), due: Mutex::default() }
    }

    /// Counts one, or says how long to wait until one will be allowed.
    fn take(&self, key: K, now: MonoTime) -> Result<(), Duration> {
        let mut due = held(&self.due);
        let next = due.get(&key).copied().filter(|next| *next > now).unwrap_or(now);
        let ahead = next.since(now);
        if ahead > self.slack {
            return Err(ahead.saturating_sub(self.slack));
        }
        if due.len() >= COUNTERS && !due.contains_key(&key) {
            make_room(&mut due, now);
        }
        due.insert(key, MonoTime(next.0 + self.period));
        Ok(())
    }
}

/// Forgets those that are not in use, and if that is not enough, half of the others: those that used least.
fn make_room<K: Hash + Eq>(due: &mut HashMap<K, MonoTime>, now: MonoTime) {
    due.retain(|_, next| *next > now);
    if due.len() >= COUNTERS {
        let mut times: Vec<MonoTime> = due.values().copied().collect();
        let (_, median, _) = times.select_nth_unstable(COUNTERS / 2);
        let median = *median;
        due.retain(|_, next| *next > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> MonoTime {
        MonoTime(Duration::from_secs(seconds))
    }

    #[test]
    fn a_burst_passes_and_then_a_steady_stream() {
        let limit = Limit::new(5, Duration::from_mins(1), 5);
        for _ in 0..5 {
            assert_eq!(limit.take("ada", at(0)), Ok(()));
        }
        assert_eq!(limit.take("ada", at(0)), Err(Duration::from_secs(12)));
        assert_eq!(limit.take("ada", at(11)), Err(Duration::from_secs(1)));
        assert_eq!(limit.take("ada", at(12)), Ok(()));
        assert_eq!(limit.take("ada", at(12)), Err(Duration::from_secs(12)));
        assert_eq!(limit.take("bob", at(12)), Ok(()), "each for itself");
        assert!((0..5).all(|_| limit.take("ada", at(100)).is_ok()), "a pause gives the whole burst back");
    }

    #[test]
    fn counters_are_bounded_and_those_in_use_stay() {
        let limit = Limit::new(1, Duration::from_secs(100), 2);
        assert!(limit.take(0, at(1)).is_ok() && limit.take(0, at(1)).is_ok());
        for key in 1..=2 * COUNTERS {
            assert!(limit.take(key, at(1)).is_ok());
            assert!(held(&limit.due).len() <= COUNTERS);
        }
        assert!(limit.take(0, at(2)).is_err(), "what used most stays");
        for key in 0..COUNTERS {
            limit.take(key, at(1)).ok();
        }
        assert!(limit.take(2 * COUNTERS, at(1000)).is_ok());
        assert!(held(&limit.due).len() < COUNTERS, "what is not in use goes");
    }

    #[test]
    fn who_guesses_does_not_lock_the_owner_out() {
        let limits = Limits::new();
        let (home, evil) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        limits.signed_in("Ada", home);
        for n in 0..10 {
            assert_eq!(limits.sign_in("ada", evil, at(0)).is_ok(), n < 5);
        }
        assert!(limits.sign_in("ADA", home, at(0)).is_ok());
        assert!(limits.sign_in("ada", [192, 0, 2, 3].into(), at(0)).is_err(), "an address that is not known");
    }

    #[test]
    fn one_address_cannot_try_many_accounts() {
        let limits = Limits::new();
        let evil = [192, 0, 2, 2].into();
        let taken = (0..100).filter(|n| limits.sign_in(&format!("user{n}"), evil, at(0)).is_ok()).count();
        assert_eq!(taken, 20);
    }
}
