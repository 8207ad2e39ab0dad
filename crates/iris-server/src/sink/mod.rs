//! Telling others: each sink has a [`Courier`] on a thread of its own, which takes from the store's outbox and from
//! nowhere else. So every event is told at least once, under a stable id, in order per camera, and a sink that is
//! slow or down delays nobody but itself.

mod backoff;
mod courier;
mod file;
mod webhook;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use iris_core::{Clock, WallTime};

use crate::config::{self, Target};
use crate::error::{Error, Result};
use crate::store::{Outgoing, Store};

pub use courier::{Courier, Next};
pub use file::JsonLines;
pub use webhook::{Webhook, signature};

/// Something that can be told about events.
pub trait Sink: Send {
    /// How many messages it takes at once.
    fn batch(&self) -> usize;

    /// Tells it at most [`Self::batch`] messages, all of them or none.
    fn tell(&mut self, messages: &[&Outgoing], now: WallTime) -> Result<(), Failure>;
}

/// Why a sink did not take messages. The text holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It does not want these messages: given up after ten tries.
    Refused(String),
    /// It took them but could not process them: these messages are tried again for a week.
    Later(String),
    /// It cannot be reached: nothing is sent until it should have recovered.
    Unreachable(String),
}

impl Failure {
    /// Why.
    pub fn reason(&self) -> &str {
        match self {
            Self::Refused(why) | Self::Later(why) | Self::Unreachable(why) => why,
        }
    }
}

/// All sinks of a configuration, each on its thread.
pub struct Sinks {
    stop: Arc<AtomicBool>,
    store: Arc<dyn Store>,
    threads: Vec<JoinHandle<()>>,
}

impl Sinks {
    /// Starts a thread for each sink. The store must have been opened with the sinks' names.
    pub fn start(sinks: &[config::Sink], store: &Arc<dyn Store>, clock: &Arc<dyn Clock>) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut this = Self { stop: Arc::clone(&stop), store: Arc::clone(store), threads: Vec::new() };
        for sink in sinks {
            let courier = Courier::new(&sink.name, open(&sink.target), Arc::clone(store), Arc::clone(clock));
            let stop = Arc::clone(&stop);
            let thread = std::thread::Builder::new().name(format!("sink-{}", sink.name));
            let thread = thread.spawn(move || courier.run(&stop));
            let failed = |error: std::io::Error| Error::Stopped { why: format!("no thread for a sink: {error}") };
            this.threads.push(thread.map_err(failed)?);
        }
        Ok(this)
    }

    /// Lets each sink finish the message it is at, and ends the threads. What waits is kept in the store.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Sinks {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.store.news().ring();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a sink's thread panicked");
            }
        }
    }
}

fn open(target: &Target) -> Box<dyn Sink> {
    match target {
        Target::File { path } => Box::new(JsonLines::new(path.clone())),
        Target::Webhook { url, secret } => Box::new(Webhook::new(url.clone(), secret.clone())),
    }
}
