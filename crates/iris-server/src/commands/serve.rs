//! `iris serve`: all cameras of a configuration, until stopped.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use iris_core::Clock;
use iris_core::clock::SystemClock;
use iris_pipeline::{Cores, Pipeline, Settings};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::accounts::{Key, SetupToken};
use crate::clips::Clips;
use crate::config::Config;
use crate::control::{Control, Owner};
use crate::door;
use crate::oip::remote::Devices;
use crate::retention::Sweeper;
use crate::sink::Sinks;
use crate::store::{Options, Sqlite, Store};
use crate::{archive, setup};

/// How long stopping may take before it is cut off.
const GRACE: Duration = Duration::from_secs(9);
/// How long of that pictures of the last events are still made; then events are stored with what they have.
const PICTURES: Duration = Duration::from_secs(3);
/// How long of that the store may take for what is not committed yet.
const COMMIT: Duration = Duration::from_secs(3);

pub(super) fn serve(path: &Path) -> Result<ExitCode> {
    let config = super::load(path)?;
    let runtime = super::runtime()?;
    let mut signals = runtime.block_on(async { Signals::new() })?;
    let server = Server::start(&config, path, &runtime)?;
    runtime.block_on(server.heed(&mut signals));
    server.stop(&runtime)
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
    store: Arc<dyn Store>,
    archive: JoinHandle<()>,
    clips: Clips,
    hurry: CancellationToken,
    sweeper: Sweeper,
    control: Control,
    owner: JoinHandle<Owner>,
    stopping: CancellationToken,
    door: CancellationToken,
}

impl Server {
    fn start(config: &Config, path: &Path, runtime: &Runtime) -> Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let store: Arc<dyn Store> =
            Arc::new(Sqlite::open(&Options { folder: config.store.path.clone(), ..Options::default() })?);
        let items = store.items()?;
        let (text, document) = super::load_with(path, &items)?;
        let names: Vec<String> = document.config.sinks.iter().map(|sink| sink.name.clone()).collect();
        store.tell(&names)?;
        let run = store.begin_run(clock.wall())?;
        if run.interrupted > 0 {
            tracing::warn!(
                events = run.interrupted,
                "the last run was cut off; its open events are closed as interrupted"
            );
        }
        let settings = Settings {
            run: run.number,
            models: Vec::new(),
            cores: Cores::of_this_machine(),
            devices: setup::devices(config),
            sharing: config.serving.sharing,
            decoder: setup::decoder(config)?,
        };
        let local_clock = setup::local_clock(config.time_zone.clone());
        let devices = Arc::new(Devices(runtime.handle().clone()));
        let (pipeline, reports) =
            Pipeline::start_on(devices, &settings, Arc::clone(&clock), &local_clock, runtime.handle().clone())?;
        let (view, inference) = (pipeline.view(), pipeline.inference());
        let hurry = CancellationToken::new();
        let clips = Clips::start(&store, &clock)?;
        let archive = archive::start(reports, Arc::clone(&store), Arc::clone(&clock), clips.teller(), hurry.clone())?;
        let sweeper = Sweeper::start(&config.store, &store, &clock)?;
        let (stopping, door) = (CancellationToken::new(), CancellationToken::new());
        let tls = door::acceptor(config.listen, config.tls.as_ref(), &config.store.path)?;
        let listener = runtime.block_on(door::listen(config.listen))?;
        let setup = SetupToken::prepare(&config.store.path, &*store)?;
        let sinks = Sinks::new(&store, &clock);
        let cameras = document.config.cameras.iter().filter(|c| c.enabled).count();
        let (control, owner) = Owner::new(path, (text, document), items, &store, pipeline, sinks).start()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let address = format!("{scheme}://{}", door::reachable(listener.local_addr()?));
        invite(setup.key().as_ref(), &address)?;
        let parts = door::Parts {
            view,
            inference,
            max_request: config.serving.max_body,
            store: Arc::clone(&store),
            metrics: door::record_metrics()?,
            clock,
            control: control.clone(),
            run: run.number,
            setup,
            secure: tls.is_some(),
            timeouts: door::Timeouts::default(),
            stopping: stopping.clone(),
        };
        runtime.block_on(async { door::App::new(parts).map(|app| app.serve(listener, tls, door.clone())) })?;
        tracing::info!(run = run.number, cameras, "watching; open {address}");
        Ok(Self { store, archive, clips, hurry, sweeper, control, owner, stopping, door })
    }

    /// Does what signals ask for, until one asks to stop.
    async fn heed(&self, signals: &mut Signals) {
        while let Wish::Reload = signals.next().await {
            if let Err(refusal) = self.control.reload().await {
                tracing::error!("the configuration was not taken over, nothing has changed:\n{refusal}");
            }
        }
    }

    /// Stops in the order of a frame's way, so that everything seen is told and everything told is stored.
    fn stop(self, runtime: &Runtime) -> Result<ExitCode> {
        tracing::info!("stopping");
        cut_off_after(GRACE)?;
        self.stopping.cancel();
        let hurry = self.hurry;
        runtime.spawn(async move {
            tokio::time::sleep(PICTURES).await;
            hurry.cancel();
        });
        runtime.block_on(self.control.stop());
        let owner = self.owner.join().map_err(|_| anyhow!("the thread that owns the pipeline had panicked"))?;
        owner.pipeline.shutdown();
        if self.archive.join().is_err() {
            tracing::error!("the thread that stores events had panicked");
        }
        self.clips.stop();
        self.sweeper.stop();
        owner.sinks.stop();
        self.store.close(COMMIT)?;
        self.door.cancel();
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    }
}

/// Tells whoever starts a server that nobody can sign in to yet how to set it up.
fn invite(key: Option<&Key>, address: &str) -> Result<()> {
    let Some(key) = key else { return Ok(()) };
    let mut out = std::io::stdout().lock();
    writeln!(out, "To set Iris up, open {address}/setup#token={}", key.text())?;
    Ok(out.flush()?)
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
