//! Deletes what is too old or too much: oldest first, whole events with their pictures and clips, and never what a sink has
//! yet to be told.
//!
//! Deleting cannot be undone and the wall clock can be wrong, so a clock that jumped is not believed for an hour.
//! What can be deleted at all is decided by the [`Store`].

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use iris_core::{Clock, MonoTime, WallTime};

use crate::config;
use crate::error::{Error, Result};
use crate::store::Store;

/// How far the wall clock may stray from the monotonic one between two passes.
const JUMP: Duration = Duration::from_hours(1);
/// How long nothing is deleted after a jump: time to notice, or for NTP to put it right.
const HOLD: Duration = Duration::from_hours(1);
/// Events forgotten in one transaction.
const BATCH: usize = 256;
/// Events forgotten at once to make space.
const STEP: usize = 16;
/// Later than anything.
const ANY_AGE: WallTime = WallTime { unix_micros: i64::MAX };

/// How long from pass to pass.
const INTERVAL: Duration = Duration::from_mins(5);

/// Decides what goes, and makes passes over a store. What [`Sweeper`] does every few minutes.
#[derive(Debug)]
pub struct Retention {
    max_age: Duration,
    max_bytes: Option<u64>,
    last: Option<(WallTime, MonoTime)>,
    held_until: Option<MonoTime>,
}

/// What a pass did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pass {
    /// It deleted what there was to delete.
    Done(Swept),
    /// It deleted nothing, because the wall clock jumped.
    Held,
}

/// What was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// How many events.
    pub events: usize,
    /// How many bytes of pictures and clips.
    pub bytes: u64,
}

impl Retention {
    /// With the limits of a configuration.
    pub fn new(store: &config::Store) -> Self {
        Self { max_age: store.max_age, max_bytes: store.max_bytes, last: None, held_until: None }
    }

    /// Makes a pass.
    pub fn pass(&mut self, store: &dyn Store, wall: WallTime, mono: MonoTime) -> Result<Pass> {
        let before = store.note_sweep(wall)?;
        let jumped = match self.last {
            Some((then, at)) => jump(then, wall).abs_diff(mono.since(at)) > JUMP,
            // Across a restart only the wall clock is known, and having been off looks like a jump.
            None => before.is_some_and(|then| jump(then, wall) > JUMP),
        };
        self.last = Some((wall, mono));
        if jumped {
            tracing::warn!("the wall clock jumped by more than an hour; nothing is deleted for an hour");
            self.held_until = Some(mono + HOLD);
        }
        if self.held_until.is_some_and(|until| mono < until) {
            return Ok(Pass::Held);
        }
        self.held_until = None;
        self.sweep(store, wall).map(Pass::Done)
    }

    fn sweep(&self, store: &dyn Store, wall: WallTime) -> Result<Swept> {
        let mut total = Swept::default();
        let cutoff = wall.unix_micros.saturating_sub(self.max_age.as_micros() as i64);
        let too_old = WallTime { unix_micros: cutoff };
        while forget(store, too_old, BATCH, &mut total)? == BATCH {}
        // What is too much may be of any age; in small steps, so as not to delete more than that.
        while self.is_over(store)? && forget(store, ANY_AGE, STEP, &mut total)? > 0 {}
        Ok(total)
    }

    fn is_over(&self, store: &dyn Store) -> Result<bool> {
        let Some(max) = self.max_bytes else { return Ok(false) };
        let usage = store.usage()?;
        Ok(usage.database + usage.media > max)
    }
}

/// How far apart two readings of the wall clock are; a step back counts like one forward.
fn jump(then: WallTime, now: WallTime) -> Duration {
    Duration::from_micros(now.unix_micros.abs_diff(then.unix_micros))
}

/// Forgets old events, then deletes their files: a crash in between leaves files that fsck finds, never rows without
/// files. Returns how many events there were.
fn forget(store: &dyn Store, before: WallTime, limit: usize, total: &mut Swept) -> Result<usize> {
    let removed = store.remove_oldest(before, limit)?;
    for file in &removed.files {
        store.media().remove(&file.path)?;
        total.bytes += file.bytes;
    }
    total.events += removed.events;
    Ok(removed.events)
}

/// The thread that makes a pass at the start and then every five minutes.
#[derive(Debug)]
pub struct Sweeper {
    /// Dropped to end the thread.
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Sweeper {
    /// Starts the thread.
    pub fn start(config: &config::Store, store: &Arc<dyn Store>, clock: &Arc<dyn Clock>) -> Result<Self> {
        let (stop, stopped) = mpsc::sync_channel(0);
        let (store, clock, mut retention) = (Arc::clone(store), Arc::clone(clock), Retention::new(config));
        let run = move || loop {
            match retention.pass(&*store, clock.wall(), clock.mono()) {
                Ok(Pass::Done(swept)) if swept.events > 0 => tracing::info!(?swept, "old events are deleted"),
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "old events cannot be deleted"),
            }
            if stopped.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        };
        let thread = std::thread::Builder::new().name("retention".into()).spawn(run);
        let thread = thread.map_err(|error| Error::Stopped { why: format!("no thread for retention: {error}") })?;
        Ok(Self { stop, thread })
    }

    /// Ends the thread after the transaction it is at.
    pub fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the thread that deletes old events had panicked");
        }
    }
}
