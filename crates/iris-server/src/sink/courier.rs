//! Takes messages from the outbox to one sink and remembers how it went.
//!
//! After a failure the messages of that camera wait, so that they stay in order, while those of others go on. A sink
//! that cannot be reached is left alone as a whole. How a message is sent is the [`Sink`]'s to know.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use iris_core::{Clock, MonoTime, WallTime};

use super::{Failure, Sink, backoff};
use crate::error::Result;
use crate::store::{Outcome, Outgoing, Store};

/// Messages taken from the outbox at once: the most that can be told twice after a crash.
const WINDOW: usize = 64;
/// Outcomes are written at least this often while a window is worked off.
const SETTLE_EVERY: Duration = Duration::from_secs(1);
/// How long to wait for news from the store; next tries become due in the meantime.
const POLL: Duration = Duration::from_secs(1);
/// A message that is refused is given up after so many tries.
const MAX_REFUSALS: u32 = 10;
/// A message that fails for any other reason is given up when it is this old.
const MAX_AGE: Duration = Duration::from_hours(7 * 24);

/// What to do after a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// There may be more: make another round.
    Again,
    /// There is nothing to tell now.
    Idle,
    /// The sink is left alone until then.
    NotBefore(MonoTime),
}

/// Serves one sink.
pub struct Courier {
    name: String,
    sink: Box<dyn Sink>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    /// How often in a row the sink could not be reached, and until when it is left alone.
    unreachable: u32,
    resume: MonoTime,
}

impl Courier {
    /// For the sink that the store knows by `name`.
    pub fn new(name: &str, sink: Box<dyn Sink>, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { name: name.to_owned(), sink, store, clock, unreachable: 0, resume: MonoTime::default() }
    }

    /// Makes rounds until told to stop; ring the store's bell to be heard.
    pub fn run(mut self, stop: &AtomicBool) {
        let news = Arc::clone(self.store.news());
        while !stop.load(Ordering::SeqCst) {
            let heard = news.rings();
            let next = self.round(stop).unwrap_or_else(|error| {
                tracing::error!(sink = self.name, %error, "the outbox cannot be read or written");
                Next::Idle
            });
            // A stop that was called for before `heard` was read is seen here; a later one rings.
            if next != Next::Again && !stop.load(Ordering::SeqCst) {
                news.wait(heard, POLL);
            }
        }
    }

    /// Tells the sink what is due, at most one window of it.
    pub fn round(&mut self, stop: &AtomicBool) -> Result<Next> {
        if self.clock.mono() < self.resume {
            return Ok(Next::NotBefore(self.resume));
        }
        let due = self.store.due(&self.name, self.clock.wall(), WINDOW)?;
        if due.is_empty() {
            return Ok(Next::Idle);
        }
        self.work_off(&due, stop)?;
        Ok(if self.clock.mono() < self.resume { Next::NotBefore(self.resume) } else { Next::Again })
    }

    fn work_off(&mut self, due: &[Outgoing], stop: &AtomicBool) -> Result<()> {
        let mut rest: Vec<&Outgoing> = due.iter().collect();
        let mut outcomes = Vec::new();
        let mut settled = self.clock.mono();
        while !rest.is_empty() && !stop.load(Ordering::SeqCst) && self.clock.mono() >= self.resume {
            let tail = rest.split_off(rest.len().min(self.sink.batch()));
            let told = std::mem::replace(&mut rest, tail);
            let failed = self.tell(&told, &mut outcomes);
            rest.retain(|message| !failed.contains(&message.camera.as_str()));
            if self.clock.mono().since(settled) >= SETTLE_EVERY {
                self.store.settle(std::mem::take(&mut outcomes))?;
                settled = self.clock.mono();
            }
        }
        self.store.settle(outcomes)
    }

    /// Tells the sink some messages, notes the outcome, and returns the cameras that must wait now.
    fn tell<'m>(&mut self, messages: &[&'m Outgoing], outcomes: &mut Vec<(i64, Outcome)>) -> Vec<&'m str> {
        let Err(failure) = self.sink.tell(messages, self.clock.wall()) else {
            self.unreachable = 0;
            outcomes.extend(messages.iter().map(|message| (message.seq, Outcome::Delivered)));
            return Vec::new();
        };
        self.unreachable = if matches!(failure, Failure::Unreachable(_)) { self.unreachable + 1 } else { 0 };
        if self.unreachable > 0 {
            self.resume = self.clock.mono() + backoff::delay(self.unreachable);
        }
        let reason = failure.reason();
        tracing::warn!(sink = self.name, event = messages[0].event, reason, "a sink did not take an event");
        outcomes.extend(messages.iter().map(|message| (message.seq, self.after(&failure, message))));
        messages.iter().map(|message| message.camera.as_str()).collect()
    }

    /// What becomes of a message that was not taken.
    fn after(&self, failure: &Failure, message: &Outgoing) -> Outcome {
        let now = self.clock.wall();
        let tries = message.attempts + 1;
        let age = Duration::from_micros(now.unix_micros.saturating_sub(message.created.unix_micros).max(0) as u64);
        let hopeless = match failure {
            Failure::Refused(_) => tries >= MAX_REFUSALS,
            Failure::Later(_) | Failure::Unreachable(_) => age >= MAX_AGE,
        };
        let error = failure.reason().to_owned();
        if hopeless {
            tracing::error!(sink = self.name, event = message.event, error, "an event is given up");
            return Outcome::Dead { error };
        }
        let at = now.unix_micros.saturating_add(backoff::delay(tries).as_micros() as i64);
        Outcome::Retry { at: WallTime { unix_micros: at }, error }
    }
}
