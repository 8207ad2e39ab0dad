//! Threads for what would hold up the sockets: the database, files, and the hashing of passwords.

use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use tokio::sync::oneshot;

use super::problem::{Code, Problem};

type Job = Box<dyn FnOnce() + Send>;

/// A few named threads and a bounded line before them. They end with the last handle.
#[derive(Clone)]
pub struct Workers(SyncSender<Job>);

impl Workers {
    /// Starts `threads` threads, for which at most `waiting` jobs may wait.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(name: &str, threads: usize, waiting: usize) -> Result<Self> {
        let (sender, jobs) = sync_channel::<Job>(waiting);
        let jobs = Arc::new(Mutex::new(jobs));
        for n in 0..threads {
            let jobs = Arc::clone(&jobs);
            let next = move || jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let work = move || {
                while let Ok(job) = next() {
                    job();
                }
            };
            std::thread::Builder::new().name(format!("{name}-{n}")).spawn(work).context("no thread for requests")?;
        }
        Ok(Self(sender))
    }

    /// Runs a job on one of the threads.
    ///
    /// # Errors
    /// [`Code::Unavailable`] if too many wait already.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let (reply, outcome) = oneshot::channel();
        let job = Box::new(move || {
            // One who does not wait any more does not want to know.
            reply.send(work()).ok();
        });
        match self.0.try_send(job) {
            Ok(()) => outcome.await.map_err(|_| Problem::new(Code::Internal, "this failed; the log says why")),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                Err(Problem::new(Code::Unavailable, "too much is being asked at once"))
            }
        }
    }
}
