//! `iris serve`: all cameras of a configuration, until stopped.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use iris_core::Clock;
use iris_core::clock::SystemClock;
use iris_infer::Manifest;
use iris_pipeline::{Cores, ModelSettings, Pipeline, Settings};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::{self, Config};
use crate::door::Door;
use crate::retention::Sweeper;
use crate::sink::Sinks;
use crate::store::{Options, Sqlite, Store};
use crate::{archive, setup};

/// How long stopping may take before it is cut off.
const GRACE: Duration = Duration::from_secs(9);
/// How long of that the store may take for what is not committed yet.
const COMMIT: Duration = Duration::from_secs(3);

pub(super) fn serve(path: &Path) -> Result<ExitCode> {
    let config = super::load(path)?;
    let runtime = super::runtime()?;
    let mut signals = runtime.block_on(async { Signals::new() })?;
    let mut server = Server::start(config, &runtime)?;
    while let Wish::Reload = runtime.block_on(signals.next()) {
        server.reload(path);
    }
    server.stop()
}

/// What the one who runs the server wants.
enum Wish {
    Reload,
    Stop,
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        let on = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            hangup: on(SignalKind::hangup())?,
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.hangup.recv() => Wish::Reload,
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.interrupt.recv() => Wish::Stop,
        }
    }
}

/// All that runs, in the order of its start.
struct Server {
    config: Config,
    models: Vec<ModelSettings>,
    store: Arc<dyn Store>,
    pipeline: Pipeline,
    archive: JoinHandle<()>,
    hurry: CancellationToken,
    sinks: Sinks,
    sweeper: Sweeper,
    door: CancellationToken,
}

impl Server {
    fn start(config: Config, runtime: &Runtime) -> Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let names = config.sinks.iter().map(|sink| sink.name.clone()).collect();
        let options = Options { folder: config.store.path.clone(), sinks: names, ..Options::default() };
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&options)?);
        let run = store.begin_run(clock.wall())?;
        if run.interrupted > 0 {
            tracing::warn!(
                events = run.interrupted,
                "the last run was cut off; its open events are closed as interrupted"
            );
        }
        let models = setup::models(&config);
        let settings = Settings { run: run.number, models: models.clone(), cores: Cores::of_this_machine() };
        let local_clock = setup::local_clock(config.time_zone.clone());
        let (pipeline, reports) =
            Pipeline::start(&settings, Arc::clone(&clock), &local_clock, runtime.handle().clone())?;
        let hurry = CancellationToken::new();
        let archive = archive::start(reports, Arc::clone(&store), Arc::clone(&clock), hurry.clone())?;
        let sinks = Sinks::start(&config.sinks, &store, &clock)?;
        let sweeper = Sweeper::start(&config.store, &store, &clock)?;
        let door = CancellationToken::new();
        let opened = Door::new(pipeline.view(), Arc::clone(&store))?.open(config.listen, door.clone());
        let address = runtime.block_on(opened)?;
        let mut this = Self { config, models, store, pipeline, archive, hurry, sinks, sweeper, door };
        this.apply(&this.config.clone())?;
        let cameras = this.config.cameras.iter().filter(|c| c.enabled).count();
        tracing::info!(run = run.number, cameras, "watching; health and metrics on http://{address}");
        Ok(this)
    }

    fn apply(&mut self, config: &Config) -> Result<iris_pipeline::Changes> {
        let view = self.pipeline.view();
        let manifests: Vec<&Manifest> = view.models().collect();
        let cameras = setup::cameras(config, &self.models, &manifests)?;
        Ok(self.pipeline.apply(cameras)?)
    }

    /// Takes over a changed file. Only cameras that changed are touched; a bad file changes nothing.
    fn reload(&mut self, path: &Path) {
        let outcome = super::load(path).and_then(|config| {
            let changes = self.apply(&config)?;
            Ok((config, changes))
        });
        match outcome {
            Ok((config, changes)) => {
                let later = config::needs_restart(&self.config, &config);
                if !later.is_empty() {
                    tracing::warn!("takes effect at the next start: {}", later.join(", "));
                }
                tracing::info!(?changes.added, ?changes.changed, ?changes.removed, "configuration taken over");
                self.config = config;
            }
            Err(error) => tracing::error!(
                "the configuration was not taken over, nothing has changed:\n{}",
                super::explain(&error)
            ),
        }
    }

    /// Stops in the order of a frame's way, so that everything seen is told and everything told is stored.
    fn stop(self) -> Result<ExitCode> {
        tracing::info!("stopping");
        cut_off_after(GRACE)?;
        self.hurry.cancel();
        self.pipeline.shutdown();
        if self.archive.join().is_err() {
            tracing::error!("the thread that stores events had panicked");
        }
        self.sweeper.stop();
        self.sinks.stop();
        self.store.close(COMMIT)?;
        self.door.cancel();
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    }
}

/// Ends the process if stopping takes longer than that: a supervisor would kill it without a word.
#[expect(clippy::disallowed_methods, reason = "what still runs is stuck, and nothing can be flushed through it")]
fn cut_off_after(grace: Duration) -> Result<()> {
    let (never, ended) = std::sync::mpsc::sync_channel::<()>(0);
    let wait = move || {
        if ended.recv_timeout(grace).is_err() {
            tracing::error!("not everything could be stopped in time; events that were not stored are lost");
            std::process::exit(1);
        }
        drop(never);
    };
    std::thread::Builder::new().name("cut-off".into()).spawn(wait)?;
    Ok(())
}
