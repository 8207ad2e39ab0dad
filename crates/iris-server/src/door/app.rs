//! What the handlers of all routes share.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use iris_core::Clock;
use iris_pipeline::{Inference, Name, View, describe};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::ROOM;
use super::caller::Caller;
use super::limits::Limits;
use super::problem::Problem;
use super::server::Timeouts;
use super::streams::Streams;
use super::workers::Workers;
use crate::accounts::SetupToken;
use crate::api::Rates;
use crate::control::Control;
use crate::store::Store;
use crate::videos::Videos;

/// How long the metrics of a camera that is gone are still shown.
const STALE: Duration = Duration::from_mins(5);
/// The bounds of age histograms, in seconds.
const AGES: [f64; 11] = [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0];
/// The bounds of the histogram of batches, in images.
const BATCHES: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];
/// How many threads read and write for requests, and how many requests wait for one at most.
const READERS: (usize, usize) = (4, 256);
/// How many passwords are hashed at once, and how many wait for that at most: each takes 19 MiB and a core.
const HASHERS: (usize, usize) = (2, 64);
/// How many pictures are decoded at once for requests, and how many requests wait for that at most.
const STILLS: (usize, usize) = (1, 64);
/// How many requests to models are read, or answers written, at once, and how many wait for that at most.
const CODECS: (usize, usize) = (2, 256);
/// How many of the largest bodies of requests to models there is room for at once.
const BODIES: usize = 4;
/// How often it is asked whether someone who watches a stream may still do so.
const RECHECK: Duration = Duration::from_secs(2);

/// What the handlers of all routes share. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// What the pipeline is doing.
    pub view: View,
    /// The way to the models.
    pub inference: Inference,
    /// The largest body of a request to a model, in bytes.
    pub max_request: usize,
    /// Events, pictures and accounts. It blocks: use it within [`Self::blocking`].
    pub store: Arc<dyn Store>,
    /// The process's metrics.
    pub metrics: PrometheusHandle,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The way to what changes cameras and sinks.
    pub control: Control,
    /// The number of this run.
    pub run: u32,
    /// How many frames a second each camera has.
    pub(crate) rates: Rates,
    /// The token that sets Iris up.
    pub(super) setup: Arc<SetupToken>,
    /// Whether browsers reach Iris by TLS.
    pub(super) secure: bool,
    /// How long a client may take.
    pub(crate) timeouts: Timeouts,
    /// How often a client may ask.
    pub(super) limits: Arc<Limits>,
    /// Who watches a stream.
    pub(crate) streams: Streams,
    /// Who tries an address.
    pub(super) probes: Streams,
    /// Where pictures are decoded for requests.
    pub(super) stills: Workers,
    /// Room for the bodies of requests to models, in units of [`super::ROOM`].
    pub(super) rooms: Arc<Semaphore>,
    /// Where requests to models are read and answers to them written.
    pub(crate) codecs: Workers,
    /// Videos that are looked at for requests.
    pub(crate) videos: Videos,
    readers: Workers,
    hashers: Workers,
}

/// What an [`App`] is made of.
pub struct Parts {
    /// What the pipeline is doing.
    pub view: View,
    /// The way to the models.
    pub inference: Inference,
    /// The largest body of a request to a model, in bytes.
    pub max_request: usize,
    /// Events, pictures and accounts.
    pub store: Arc<dyn Store>,
    /// The process's metrics.
    pub metrics: PrometheusHandle,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The way to what changes cameras and sinks.
    pub control: Control,
    /// The number of this run.
    pub run: u32,
    /// The token that sets Iris up.
    pub setup: SetupToken,
    /// Whether browsers reach Iris by TLS.
    pub secure: bool,
    /// How long a client may take.
    pub timeouts: Timeouts,
    /// Ends what goes on for long without anybody waiting for it.
    pub stopping: CancellationToken,
}

impl App {
    /// Starts the threads for requests, and a task on the runtime in which it is called.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(parts: Parts) -> Result<Self> {
        let Parts {
            view,
            inference,
            max_request,
            store,
            metrics,
            clock,
            control,
            run,
            setup,
            secure,
            timeouts,
            stopping,
        } = parts;
        let readers = Workers::start("door", READERS.0, READERS.1)?;
        let hashers = Workers::start("password", HASHERS.0, HASHERS.1)?;
        let stills = Workers::start("still", STILLS.0, STILLS.1)?;
        let codecs = Workers::start("codec", CODECS.0, CODECS.1)?;
        let videos = Videos::start(Arc::clone(&clock), stopping)?;
        let rates = Rates::start(view.clone(), Arc::clone(&clock));
        Ok(Self {
            view,
            inference,
            max_request,
            store,
            metrics,
            clock,
            control,
            run,
            rates,
            setup: setup.into(),
            secure,
            timeouts,
            limits: Limits::new().into(),
            streams: Streams::default(),
            probes: Streams::default(),
            stills,
            rooms: Semaphore::new(BODIES * max_request.div_ceil(ROOM)).into(),
            codecs,
            videos,
            readers,
            hashers,
        })
    }

    /// Runs what may wait for a disk on a thread for that, and not on one that moves packets.
    ///
    /// # Errors
    /// What the work returns, or that too much waits already.
    pub async fn blocking<T, E>(&self, work: impl FnOnce(&Self) -> Result<T, E> + Send + 'static) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: Into<Problem> + Send + 'static,
    {
        let this = self.clone();
        self.readers.run(move || work(&this)).await?.map_err(Into::into)
    }

    /// Runs the hashing of a password on a thread for that.
    pub(super) async fn hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        self.hashers.run(work).await
    }

    /// Counts a request to a model that is not a request to a route.
    pub(crate) fn count_inference(&self, caller: &Caller) -> Result<(), Problem> {
        self.limits.inference(caller.digest(), self.clock.mono())
    }

    /// Returns when a caller may not do any more what they may do now: signed out, over, changed or removed. For
    /// streams, which end with it.
    pub async fn revoked(&self, caller: &Caller) {
        let mut tick = tokio::time::interval(RECHECK);
        loop {
            tick.tick().await;
            let caller = caller.clone();
            if !self.blocking(move |app| app.still_is(&caller)).await.unwrap_or(true) {
                return;
            }
        }
    }
}

/// Installs the recorder of the process's metrics; there can be one.
///
/// # Errors
/// There is one already.
pub fn record_metrics() -> Result<PrometheusHandle> {
    let batches = Matcher::Full(Name::RequestsBatch.as_str().into());
    let builder = PrometheusBuilder::new().set_buckets(&AGES)?.set_buckets_for_metric(batches, &BATCHES)?;
    let builder = builder.idle_timeout(MetricKindMask::ALL, Some(STALE));
    let metrics = builder.install_recorder().context("metrics are already being recorded")?;
    describe();
    Ok(metrics)
}
