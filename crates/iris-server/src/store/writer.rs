//! The one thread that writes, and group commit: everything that waits goes into one transaction, and each caller
//! hears of it after the commit.
//!
//! A database that is locked or full stops nobody at first: the thread holds what it has, tries again, and the
//! queue behind it fills up to its bound; then senders wait. A database that fails to read or write stops the thread
//! for good, because a commit after a failed sync proves nothing. What is written is not known here.

use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use iris_flow::blocking::{self, Receiver, Sender};
use rusqlite::{Connection, TransactionBehavior};

use super::{Bell, Health};
use crate::error::{Error, ErrorKind, Result};

/// How many writes may wait. With a full disk this is how many events are held in memory before senders wait.
pub(crate) const QUEUE: usize = 10_000;
/// How many writes one transaction takes.
const BATCH: usize = 512;
/// How long to wait before trying a locked or full database again.
const PAUSE: Duration = Duration::from_millis(200);

/// A write, whatever it returns. It may run more than once: what an attempt did is undone before the next.
trait Job: Send {
    fn run(&mut self, db: &Connection) -> Result<()>;
    fn finish(self: Box<Self>, outcome: Result<()>);
}

struct Task<W, T> {
    work: W,
    value: Option<T>,
    reply: SyncSender<Result<T>>,
}

impl<W: FnMut(&Connection) -> Result<T> + Send, T: Send> Job for Task<W, T> {
    fn run(&mut self, db: &Connection) -> Result<()> {
        self.value = Some((self.work)(db)?);
        Ok(())
    }

    fn finish(self: Box<Self>, outcome: Result<()>) {
        let value = self.value;
        let outcome = outcome.and_then(|()| value.ok_or_else(|| stopped("the write was never tried")));
        // A caller that did not wait for its receipt does not want to know.
        self.reply.send(outcome).ok();
    }
}

/// A write on its way. Dropping it does not recall the write.
#[derive(Debug)]
pub struct Receipt<T>(mpsc::Receiver<Result<T>>);

impl<T> Receipt<T> {
    /// Waits until the write is committed, and survives a loss of power from then on.
    pub fn wait(self) -> Result<T> {
        self.0.recv().unwrap_or_else(|_| Err(stopped("the writer ended")))
    }
}

/// The writing thread.
pub(super) struct Writer {
    queue: Mutex<Option<Sender<Box<dyn Job>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    shared: Arc<Shared>,
}

/// What the thread and those outside both see.
struct Shared {
    status: Mutex<Status>,
    changed: Condvar,
    news: Arc<Bell>,
}

#[derive(Default)]
struct Status {
    /// Taken from the queue and not yet committed.
    held: usize,
    stalled: Option<ErrorKind>,
    failed: Option<String>,
    /// Closing, and how many more times a stalled commit is tried.
    tries_left: Option<u32>,
}

impl Shared {
    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    /// Starts the thread on a connection. `news` rings after each commit.
    pub(super) fn start(db: Connection, news: Arc<Bell>) -> Result<Self> {
        let (queue, jobs) = blocking::channel(QUEUE);
        let shared = Arc::new(Shared { status: Mutex::default(), changed: Condvar::new(), news });
        let worker = Worker { db, jobs, shared: Arc::clone(&shared) };
        let thread = std::thread::Builder::new().name("store".into()).spawn(move || worker.run());
        let thread = thread.map_err(|error| stopped(&format!("no thread for it: {error}")))?;
        Ok(Self { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)), shared })
    }

    /// Queues a write; waits while the queue is full. Writes are committed in the order of their calls.
    pub(super) fn write<T, W>(&self, work: W) -> Result<Receipt<T>>
    where
        T: Send + 'static,
        W: FnMut(&Connection) -> Result<T> + Send + 'static,
    {
        let (reply, receipt) = mpsc::sync_channel(1);
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let sent = queue.map(|queue| queue.send(Box::new(Task { work, value: None, reply })));
        match sent {
            Some(Ok(())) => Ok(Receipt(receipt)),
            _ => Err(stopped(self.shared.status().failed.as_deref().unwrap_or("it was closed"))),
        }
    }

    pub(super) fn health(&self) -> Health {
        let queued = self.queue.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, Sender::depth);
        let status = self.shared.status();
        Health { waiting: queued + status.held, stalled: status.stalled, failed: status.failed.clone() }
    }

    /// Commits what waits and ends the thread. A stalled commit is tried until `patience` is over.
    pub(super) fn close(&self, patience: Duration) -> Result<()> {
        let tries = patience.as_millis() / PAUSE.as_millis();
        self.shared.status().tries_left = Some(u32::try_from(tries).unwrap_or(u32::MAX));
        self.shared.changed.notify_all();
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            thread.join().map_err(|_| stopped("its thread panicked"))?;
        }
        match &self.shared.status().failed {
            Some(why) => Err(stopped(why)),
            None => Ok(()),
        }
    }
}

struct Worker {
    db: Connection,
    jobs: Receiver<Box<dyn Job>>,
    shared: Arc<Shared>,
}

type Batch = Vec<(Box<dyn Job>, Result<()>)>;

impl Worker {
    fn run(mut self) {
        while let Some(first) = self.jobs.recv() {
            let rest = std::iter::from_fn(|| self.jobs.try_recv());
            let mut batch: Batch = std::iter::once(first).chain(rest).take(BATCH).map(|job| (job, Ok(()))).collect();
            self.shared.status().held = batch.len();
            let outcome = self.commit_patiently(&mut batch);
            self.finish(batch, outcome);
            if self.shared.status().failed.is_some() {
                break;
            }
        }
        self.refuse_the_rest();
    }

    fn finish(&self, batch: Batch, outcome: Result<()>) {
        let failure = outcome.err().map(|error| error.to_string());
        let mut status = self.shared.status();
        status.held = 0;
        status.stalled = None;
        status.failed.clone_from(&failure);
        drop(status);
        for (job, done) in batch {
            job.finish(failure.as_deref().map_or(done, |why| Err(stopped(why))));
        }
        self.shared.news.ring();
    }

    fn refuse_the_rest(&self) {
        let why = self.shared.status().failed.clone();
        while let Some(job) = self.jobs.try_recv() {
            job.finish(Err(stopped(why.as_deref().unwrap_or("it was closed"))));
        }
    }

    /// Commits the batch however long the database is locked or full.
    fn commit_patiently(&mut self, batch: &mut Batch) -> Result<()> {
        loop {
            let error = match commit(&mut self.db, batch) {
                Ok(()) => return Ok(()),
                Err(source) => Error::Database { doing: "commit", source },
            };
            let kind = error.kind();
            if !is_passing(kind) || !self.pause(kind) {
                tracing::error!(%error, "the store has stopped");
                return Err(error);
            }
        }
    }

    /// Waits before the next try; false if there shall be none.
    fn pause(&self, why: ErrorKind) -> bool {
        let mut status = self.shared.status();
        if status.stalled.replace(why).is_none() {
            tracing::warn!(?why, "the database cannot be written to; events wait");
        }
        match &mut status.tries_left {
            Some(0) => return false,
            Some(left) => *left -= 1,
            None => {}
        }
        drop(self.shared.changed.wait_timeout(status, PAUSE));
        true
    }
}

/// Runs the batch in one transaction. A write that fails by itself is undone alone and keeps its error; what befalls
/// the database is returned, and then nothing was written.
fn commit(db: &mut Connection, batch: &mut Batch) -> rusqlite::Result<()> {
    let mut tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (job, done) in batch {
        let part = tx.savepoint()?;
        *done = match job.run(&part) {
            Ok(()) => part.commit().map(Ok)?,
            Err(Error::Database { source, .. }) if befalls_all(&source) => return Err(source),
            Err(error) => Err(error),
        };
    }
    tx.commit()
}

fn befalls_all(source: &rusqlite::Error) -> bool {
    source.sqlite_error_code().is_some_and(|code| {
        use rusqlite::ErrorCode::{ApiMisuse, ConstraintViolation, TooBig, TypeMismatch, Unknown};
        !matches!(code, ConstraintViolation | TooBig | TypeMismatch | ApiMisuse | Unknown)
    })
}

fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Busy | ErrorKind::Full)
}

fn stopped(why: &str) -> Error {
    Error::Stopped { why: why.to_owned() }
}
