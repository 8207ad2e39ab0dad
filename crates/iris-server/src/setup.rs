//! From the configuration to the pipeline: plain settings become the settings of stages. Checking them is
//! [`crate::config`]'s; what remains to be checked here needs the models' class names.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use iris_analytics::TrackerKind;
use iris_analytics::rules::{Crossing, Inside, Intrusion, Rule, RuleKind};
use iris_analytics::schedule::{LocalTime, Minute, Weekday};
use iris_core::{ClassId, WallTime};
use iris_decode::Gpu;
use iris_infer::{Manifest, Provider, Remote, Share};
use iris_ingest::{Limits, Source, SourceUrl, Transport};
use iris_pipeline::{CameraSettings, DeviceSettings, Gating, LocalClock, Pace, Role};
use jiff::tz::TimeZone;

use crate::config::{self, Config};
use crate::message::timestamp;
use crate::repository::{Entry, Repository};

/// Above this share of its box inside, something overlaps a zone.
const OVERLAP: f32 = 0.1;

/// What decodes video, if not the CPU.
///
/// # Errors
/// The GPU cannot, and GPUs are required.
pub fn decoder(config: &Config) -> Result<Option<Arc<Gpu>>> {
    let Some(index) = config.decode_gpu else { return Ok(None) };
    // So that it can say why not.
    iris_decode::install_log(iris_ingest::hear_ffmpeg);
    match Gpu::open(index) {
        Ok(gpu) => Ok(Some(gpu)),
        Err(error) if config.require_gpu => Err(error.into()),
        Err(error) => {
            tracing::error!(%error, "video is decoded on the CPU");
            Ok(None)
        }
    }
}

/// The devices of a configuration. Behind GPUs and servers that may be lost come CPU sessions that stand in for them, on the cores that
/// have none.
pub fn devices(config: &Config) -> Vec<DeviceSettings> {
    let cores = iris_pipeline::cores();
    if config.devices.is_empty() {
        return DeviceSettings::cpus(cores);
    }
    let role = if config.require_gpu { Role::Required } else { Role::Worker };
    // Each instance is a device of its own, with its own thread and sessions on the same GPU.
    let gpu = |index, batch, instances, provider: Provider| {
        (0..instances).map(move |n| {
            let instance = if n == 0 { String::new() } else { format!("-{n}") };
            let name = format!("{}-{index}{instance}", provider.kind());
            DeviceSettings { name, provider: provider.clone(), batch, role }
        })
    };
    let (mut devices, mut remotes) = (Vec::new(), 0);
    for device in &config.devices {
        match device.clone() {
            config::Device::Cpu { threads } => devices.extend(DeviceSettings::cpus(threads.unwrap_or(cores))),
            config::Device::Cuda { index, batch, instances } => {
                devices.extend(gpu(index, batch, instances, Provider::Cuda { index }));
            }
            config::Device::TensorRt { index, batch, instances, fp16 } => {
                let engines = config.store.path.join("engines");
                devices.extend(gpu(index, batch, instances, Provider::TensorRt { index, fp16, batch, engines }));
            }
            config::Device::Oip { url, model, batch, in_flight, token, ca, jpeg } => {
                let token = token.map(|token| token.expose().to_owned());
                let provider = Provider::Remote(Remote { url, model, token, ca, jpeg });
                for _ in 0..in_flight {
                    let (name, provider) = (format!("oip-{remotes}"), provider.clone());
                    devices.push(DeviceSettings { name, provider, batch, role: Role::Worker });
                    remotes += 1;
                }
            }
        }
    }
    let lossy = devices.iter().filter(|device| device.provider.can_be_lost()).count();
    let free = if lossy > 0 && !config.require_gpu { devices.len() - lossy..cores } else { 0..0 };
    devices.extend(free.map(|n| DeviceSettings::cpu(format!("cpu-{n}"), Role::StandIn)));
    devices
}

/// The settings of the enabled cameras, with the models that are loaded.
///
/// # Errors
/// A model that is not loaded or finds no boxes, or a rule with a class that its model does not know.
pub fn cameras(config: &Config, models: &Repository) -> Result<Vec<CameraSettings>> {
    config.cameras.iter().filter(|c| c.enabled).map(|c| camera(c, models)).collect()
}

fn camera(camera: &config::Camera, models: &Repository) -> Result<CameraSettings> {
    let config::Model { name, path, .. } = &camera.model;
    let Some((_, model)) = models.find(name).and_then(Entry::newest) else {
        let why = models.find(name).map_or_else(|| "it is not there".into(), Entry::why_not);
        bail!("model {}: {why}", path.display());
    };
    model.manifest().detector().with_context(|| format!("camera {}", camera.id))?;
    let url = SourceUrl::parse(camera.url.expose())?;
    // A file is looked at in whole.
    let (pace, gating) = match url.path() {
        Some(_) => (Pace::Replay, Gating::Off),
        None => (Pace::Live, gating(camera.gate)),
    };
    Ok(CameraSettings {
        id: camera.id,
        pace,
        source: Source { url, transport: transport(camera.transport), limits: Limits::default() },
        model: model.number(),
        share: Share { rate_hz: Some(camera.rate), ..Share::default() },
        gating,
        tracker: tracker(camera.tracker),
        rules: rules(camera, model.manifest())?,
        report_frames: false,
    })
}

/// The rules of a camera, with class names as the model numbers them.
///
/// # Errors
/// A class that the model does not know.
pub fn rules(camera: &config::Camera, manifest: &Manifest) -> Result<Vec<Rule>> {
    let zones = camera.zones.iter().map(|zone| {
        let inside = match zone.anchor {
            config::Anchor::Foot => Inside::Foot,
            config::Anchor::Overlap => Inside::Overlap(OVERLAP),
        };
        let (min_stay, leave_after) = (zone.min_stay, zone.leave_after);
        let kind = RuleKind::Intrusion(Intrusion { zone: zone.area.clone(), inside, min_stay, leave_after });
        (&zone.name, &zone.classes, zone.schedule.clone(), kind)
    });
    let lines = camera.lines.iter().map(|line| {
        let crossing = Crossing { direction: line.direction.into(), ..Crossing::new(line.line.clone()) };
        (&line.name, &line.classes, line.schedule.clone(), RuleKind::Crossing(crossing))
    });
    zones
        .chain(lines)
        .map(|(name, names, schedule, kind)| {
            let classes = classes(names, manifest).map_err(|e| e.context(format!("camera {}, {name}", camera.id)))?;
            Ok(Rule { name: name.clone(), classes, schedule, kind })
        })
        .collect()
}

fn classes(names: &[String], manifest: &Manifest) -> Result<Vec<ClassId>> {
    let find = |name: &String| match manifest.classes.iter().position(|c| c == name) {
        Some(at) => Ok(ClassId(at as u16)),
        None => bail!("model {} has no class {name:?}; it has {}", manifest.name, manifest.classes.join(", ")),
    };
    names.iter().map(find).collect()
}

/// Weekday and minute in a time zone, for schedules.
pub fn local_clock(zone: TimeZone) -> LocalClock {
    Arc::new(move |wall: WallTime| {
        let local = timestamp(wall).to_zoned(zone.clone());
        let weekday = Weekday::ALL[local.weekday().to_monday_zero_offset() as usize];
        let minute = Minute::new(local.hour() as u16, local.minute() as u16).unwrap_or(Minute::MIDNIGHT);
        LocalTime { weekday, minute }
    })
}

/// The configuration's word for a transport as ingest knows it.
pub fn transport(transport: config::Transport) -> Transport {
    match transport {
        config::Transport::Tcp => Transport::Tcp,
        config::Transport::Udp => Transport::Udp,
    }
}

/// The configuration's word for a gate as the pipeline knows it.
fn gating(gate: config::Gate) -> Gating {
    match gate {
        config::Gate::Motion => Gating::Motion,
        config::Gate::Sizes => Gating::Sizes,
        config::Gate::Off => Gating::Off,
    }
}

/// The configuration's word for a tracker as analytics knows it.
pub fn tracker(tracker: config::Tracker) -> TrackerKind {
    match tracker {
        config::Tracker::ByteTrack => TrackerKind::ByteTrack,
        config::Tracker::OcSort => TrackerKind::OcSort,
    }
}
