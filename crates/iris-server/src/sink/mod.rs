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
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    running: Vec<Running>,
}

struct Running {
    sink: config::Sink,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Sinks {
    /// None yet.
    pub fn new(store: &Arc<dyn Store>, clock: &Arc<dyn Clock>) -> Self {
        Self { store: Arc::clone(store), clock: Arc::clone(clock), running: Vec::new() }
    }

    /// Makes `wanted` the sinks that are told, here and in the store. Those that are as before are not touched; one that
    /// changed goes on with what waits for it.
    pub fn apply(&mut self, wanted: &[config::Sink]) -> Result<()> {
        self.stop_where(|sink| !wanted.contains(sink));
        let names: Vec<String> = wanted.iter().map(|sink| sink.name.clone()).collect();
        self.store.tell(&names)?;
        for sink in wanted {
            if !self.running.iter().any(|running| running.sink == *sink) {
                let running = self.start(sink)?;
                self.running.push(running);
            }
        }
        Ok(())
    }

    fn start(&self, sink: &config::Sink) -> Result<Running> {
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        let courier = Courier::new(&sink.name, open(&sink.target), store, clock);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name(format!("sink-{}", sink.name));
        let failed = |error: std::io::Error| Error::Stopped { why: format!("no thread for a sink: {error}") };
        let thread = thread.spawn(move || courier.run(&stopped)).map_err(failed)?;
        Ok(Running { sink: sink.clone(), stop, thread })
    }

    /// Lets each sink finish the message it is at, and ends the threads. What waits is kept in the store.
    pub fn stop(self) {
        drop(self);
    }

    /// Tells all that are to stop, then waits for them: each may be in the middle of a request.
    fn stop_where(&mut self, is_over: impl Fn(&config::Sink) -> bool) {
        let over: Vec<Running> = self.running.extract_if(.., |running| is_over(&running.sink)).collect();
        for running in &over {
            running.stop.store(true, Ordering::SeqCst);
        }
        self.store.news().ring();
        for running in over {
            if running.thread.join().is_err() {
                tracing::error!(sink = running.sink.name, "a sink's thread panicked");
            }
        }
    }
}

impl Drop for Sinks {
    fn drop(&mut self) {
        self.stop_where(|_| true);
    }
}

fn open(target: &Target) -> Box<dyn Sink> {
    match target {
        Target::File { path } => Box::new(JsonLines::new(path.clone())),
        Target::Webhook { url, secret } => Box::new(Webhook::new(url.clone(), secret.clone())),
    }
}
