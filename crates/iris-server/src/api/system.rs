//! How the server fares, and what it is made of.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use iris_core::DropReason;
use iris_pipeline::{DeviceState, DeviceStatus, StageAge, Stages};
use serde::Serialize;
use utoipa::ToSchema;

use crate::door::{App, Problem, Status};
use crate::error::{Error, Result as StoreResult};
use crate::process::{Usage, disk};
use crate::store::Health;

/// How the server fares.
#[derive(Serialize, ToSchema)]
pub(crate) struct System {
    version: &'static str,
    uptime_seconds: u64,
    /// How often it was started on this store.
    run: u32,
    health: Status,
    /// What is not as it should be.
    problems: Vec<String>,
    /// Time on all processors since the start.
    cpu_seconds: f64,
    memory_bytes: u64,
    threads: u64,
    store: StoreBody,
    devices: Vec<DeviceBody>,
    stages: Vec<StageBody>,
}

/// How the store fares.
#[derive(Serialize, ToSchema)]
#[schema(as = SystemStore)]
struct StoreBody {
    events: u64,
    database_bytes: u64,
    /// Pictures and clips.
    media_bytes: u64,
    disk_free_bytes: u64,
    disk_total_bytes: u64,
    /// Writes that are not yet committed.
    waiting: usize,
    /// Why they cannot be now.
    stalled: Option<String>,
}

/// What runs models.
#[derive(Serialize, ToSchema)]
#[schema(as = Device)]
struct DeviceBody {
    name: String,
    /// `cpu`, `cuda`, `tensorrt` or `oip`.
    kind: &'static str,
    /// `running`, `lost`, or `standby`: it works only while a GPU or server is lost.
    state: &'static str,
    /// How long it has been lost; else, since it was added or came back.
    seconds: u64,
    /// Why it is lost.
    error: Option<String>,
    inferences: u64,
    /// How much of the last seconds it was busy, 0 to 1.
    busy_share: f64,
}

/// The books of a stage, over all cameras that are watched.
#[derive(Serialize, ToSchema)]
#[schema(as = Stage)]
struct StageBody {
    name: &'static str,
    received: u64,
    emitted: u64,
    /// What was dropped, by reason.
    dropped: BTreeMap<&'static str, u64>,
    in_flight: i64,
    /// How old frames are when they leave it, of the newest 256: the median.
    age_ms_p50: Option<f64>,
    /// And the 95th percentile.
    age_ms_p95: Option<f64>,
}

/// What the server is made of.
#[derive(Serialize, ToSchema)]
pub(crate) struct Topology {
    stages: Vec<Threads>,
    queues: Vec<Queue>,
}

/// A stage and its threads.
#[derive(Serialize, ToSchema)]
struct Threads {
    name: &'static str,
    /// 0 where it is made of tasks on the threads of the network.
    threads: usize,
}

/// A queue between two stages.
#[derive(Serialize, ToSchema)]
struct Queue {
    name: &'static str,
    capacity: usize,
    depth: usize,
    /// What happens when it is full.
    when_full: &'static str,
}

impl StoreBody {
    fn new(app: &App) -> StoreResult<Self> {
        let (usage, health) = (app.store.usage()?, app.store.health());
        let root = app.store.media().root();
        let (free, total) = disk(root).map_err(Error::file("measure the disk of", root))?;
        Ok(Self {
            events: usage.events,
            database_bytes: usage.database,
            media_bytes: usage.media,
            disk_free_bytes: free,
            disk_total_bytes: total,
            waiting: health.waiting,
            stalled: health.stalled.map(|kind| format!("{kind:?}").to_lowercase()),
        })
    }
}

/// How the server fares, in detail.
#[utoipa::path(get, path = "/api/v1/system", tag = "system", responses((status = 200, body = System)))]
pub(crate) async fn system(State(app): State<App>) -> Result<Json<System>, Problem> {
    let (store, problems) = app.blocking(|app| Ok::<_, Error>((StoreBody::new(app)?, problems(app)?))).await?;
    let usage = Usage::now();
    Ok(Json(System {
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: app.clock.mono().0.as_secs(),
        run: app.run,
        health: app.status(),
        problems,
        cpu_seconds: usage.cpu_seconds,
        memory_bytes: usage.memory_bytes,
        threads: usage.threads,
        store,
        devices: devices(&app),
        stages: stages(&app),
    }))
}

fn devices(app: &App) -> Vec<DeviceBody> {
    let body = |device: DeviceStatus| DeviceBody {
        name: device.name,
        kind: device.kind,
        state: device.state.label(),
        seconds: device.since.as_secs(),
        error: device.error,
        inferences: device.inferences,
        busy_share: (device.busy_share * 1000.0).round() / 1000.0,
    };
    app.view.devices().into_iter().map(body).collect()
}

fn stages(app: &App) -> Vec<StageBody> {
    let mut all: Vec<StageBody> = Vec::new();
    let ages = app.view.ages();
    let empty = Stages::of(&iris_pipeline::Ledger::default()).map(|(name, _)| name);
    for (name, age) in empty.into_iter().zip(ages) {
        let millis = |age: Duration| (age.as_secs_f64() * 10_000.0).round() / 10.0;
        let (p50, p95) = age.map(|StageAge { p50, p95 }| (millis(p50), millis(p95))).unzip();
        let dropped = BTreeMap::new();
        all.push(StageBody { name, received: 0, emitted: 0, dropped, in_flight: 0, age_ms_p50: p50, age_ms_p95: p95 });
    }
    app.view.cameras(|_, _, ledger, _| {
        for (stage, (_, count)) in all.iter_mut().zip(Stages::of(ledger)) {
            stage.received += count.received();
            stage.emitted += count.emitted();
            stage.in_flight += count.in_flight();
            for reason in DropReason::ALL.iter().filter(|reason| count.dropped(**reason) > 0) {
                *stage.dropped.entry(reason.label()).or_default() += count.dropped(*reason);
            }
        }
    });
    all
}

/// What is not as it should be, in words.
fn problems(app: &App) -> StoreResult<Vec<String>> {
    let mut found = Vec::new();
    let Health { stalled, failed, .. } = app.store.health();
    found.extend(failed.map(|why| format!("events are not stored any more: {why}")));
    found.extend(stalled.map(|why| format!("the store cannot write now: {}", format!("{why:?}").to_lowercase())));
    app.view.cameras(|id, status, _, _| {
        if !status.is_well() {
            let why = status.error().unwrap_or_else(|| status.state.label().to_owned());
            found.push(format!("camera {id}: {why}"));
        }
    });
    let devices = app.view.devices();
    let stand_ins = devices.iter().filter(|device| device.stand_in && device.state == DeviceState::Running).count();
    for device in devices.iter().filter(|device| device.state == DeviceState::Lost) {
        let why = device.error.as_deref().unwrap_or("lost");
        let instead = if stand_ins > 0 { format!("; {stand_ins} CPU sessions stand in for it") } else { String::new() };
        found.push(format!("device {}: {why}{instead}", device.name));
    }
    let effect = app.control.effect();
    for entry in effect.models.entries() {
        let version = |number: Option<u32>| number.map(|number| format!(" version {number}")).unwrap_or_default();
        let wrong = entry.problems().map(|(number, why)| (if entry.versions.len() > 1 { number } else { None }, why));
        found.extend(wrong.map(|(number, why)| format!("model {}{}: {why}", entry.model.name, version(number))));
    }
    for sink in &effect.document.config.sinks {
        let dead = app.store.backlog(&sink.name)?.dead;
        if dead > 0 {
            found.push(format!("sink {}: {dead} messages were given up", sink.name));
        }
    }
    Ok(found)
}

/// Every stage with its threads, and every queue with what waits in it, in the order of a frame's way.
#[utoipa::path(get, path = "/api/v1/system/topology", tag = "system", responses((status = 200, body = Topology)))]
pub(crate) async fn topology(State(app): State<App>) -> Json<Topology> {
    let effect = app.control.effect();
    let (sinks, store) = (effect.document.config.sinks.len(), app.store.health());
    let stages = app.view.stages().map(|stage| (stage.name, stage.threads));
    let queues = app.view.queues().map(|queue| (queue.name, queue.capacity, queue.depth, queue.when_full));
    let writes = ("store", crate::store::QUEUE, store.waiting, "who reports waits");
    Json(Topology {
        stages: stages
            .into_iter()
            .chain([("store", 1), ("sinks", sinks)])
            .map(|(name, threads)| Threads { name, threads })
            .collect(),
        queues: queues
            .into_iter()
            .chain([writes])
            .map(|(name, capacity, depth, when_full)| Queue { name, capacity, depth, when_full })
            .collect(),
    })
}
