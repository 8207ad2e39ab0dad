//! A camera as JSON.

use std::collections::BTreeMap;

use iris_core::{CameraId, DropReason};
use iris_ingest::State;
use iris_pipeline::{CameraStatus, Ledger, Stages};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::rates::Rate;
use crate::config::{self, Anchor, Direction, Gate, ItemKind, Origin, Tracker, Transport};
use crate::control::Effect;

/// A camera.
#[derive(Serialize, ToSchema)]
#[schema(as = Camera)]
pub(crate) struct CameraBody {
    id: String,
    /// What people call it.
    name: String,
    /// Where its video comes from. Passwords are shown as `***`; who sends that back changes nothing.
    url: String,
    transport: Transport,
    /// A model's name.
    model: String,
    tracker: Tracker,
    /// Detections a second, at most.
    rate: f32,
    gate: Gate,
    /// Whether it is watched.
    enabled: bool,
    zones: Vec<Zone>,
    lines: Vec<Line>,
    origin: Origin,
    status: StatusBody,
}

/// All cameras that the caller may see.
#[derive(Serialize, ToSchema)]
pub(crate) struct Cameras {
    pub(super) items: Vec<CameraBody>,
}

/// An area in which something should not be.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Zone {
    /// Its name in events; each zone of a camera has its own.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// Its corners in order, as fractions of the picture from the top left.
    #[schema(min_items = 3, max_items = 256)]
    polygon: Vec<[f64; 2]>,
    /// The model's classes that count; empty for all.
    #[serde(default)]
    #[schema(max_items = 256)]
    classes: Vec<String>,
    /// What of an object must be inside.
    #[serde(default)]
    anchor: Anchor,
    /// How long it must stay before it is an event, such as "2s".
    #[serde(default = "at_once")]
    min_stay: String,
    /// How long it must be gone before the event ends.
    #[serde(default = "one_second")]
    leave_after: String,
    /// When it is watched, such as "Mon-Fri 18:00-06:00, Sat-Sun"; null for always.
    #[serde(default)]
    schedule: Option<String>,
}

/// A line that should not be crossed.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line {
    /// Its name in events; each line of a camera has its own.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// Its points in order, as fractions of the picture from the top left.
    #[schema(min_items = 2, max_items = 256)]
    points: Vec<[f64; 2]>,
    /// Which crossings count, seen from the first point towards the last.
    #[serde(default)]
    direction: Direction,
    /// The model's classes that count; empty for all.
    #[serde(default)]
    #[schema(max_items = 256)]
    classes: Vec<String>,
    /// When it is watched, such as "Mon-Fri 18:00-06:00, Sat-Sun"; null for always.
    #[serde(default)]
    schedule: Option<String>,
}

fn at_once() -> String {
    "0s".into()
}

fn one_second() -> String {
    "1s".into()
}

/// A camera as it is asked for. What is absent stays as it is, or is the default; what is null is the default.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CameraInput, example = json!({
    "id": "gate", "name": "Main gate", "url": "rtsp://user:password@10.0.0.11/stream2",
}))]
#[expect(dead_code, reason = "it describes; what comes is read by the configuration's own two stages")]
pub(crate) struct CameraInput {
    /// Its name for ever.
    #[schema(pattern = "^[a-z0-9][a-z0-9_-]{0,31}$")]
    id: String,
    /// What people call it.
    #[schema(min_length = 1, max_length = 64)]
    name: Option<String>,
    /// An rtsp://, rtsps://, http:// or https:// address.
    #[schema(pattern = "^(rtsp|rtsps|http|https)://.+", max_length = 2048)]
    url: String,
    transport: Option<Transport>,
    model: Option<String>,
    tracker: Option<Tracker>,
    #[schema(minimum = 0.01, maximum = 120)]
    rate: Option<f32>,
    gate: Option<Gate>,
    enabled: Option<bool>,
    #[schema(max_items = 64)]
    zones: Option<Vec<Zone>>,
    #[schema(max_items = 64)]
    lines: Option<Vec<Line>>,
}

/// What shall be otherwise with a camera: any part of it. What is absent stays, what is null becomes the default.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CameraPatch, example = json!({"name": "Main gate"}))]
#[expect(dead_code, reason = "it describes; what comes is read by the configuration's own two stages")]
pub(crate) struct CameraPatch {
    #[schema(min_length = 1, max_length = 64)]
    name: Option<String>,
    #[schema(pattern = "^(rtsp|rtsps|http|https)://.+", max_length = 2048)]
    url: Option<String>,
    transport: Option<Transport>,
    model: Option<String>,
    tracker: Option<Tracker>,
    #[schema(minimum = 0.01, maximum = 120)]
    rate: Option<f32>,
    gate: Option<Gate>,
    enabled: Option<bool>,
    #[schema(max_items = 64)]
    zones: Option<Vec<Zone>>,
    #[schema(max_items = 64)]
    lines: Option<Vec<Line>>,
}

/// How a camera fares.
#[derive(Serialize, ToSchema)]
#[schema(as = CameraStatus)]
pub(crate) struct StatusBody {
    /// `connecting`, `live`, `stalled`, `offline`, `auth_failed`, `failed`, `ended`, or `disabled`.
    state: &'static str,
    /// Why there is no video.
    error: Option<String>,
    /// For how long it has been in this state.
    seconds: u64,
    /// How often it connected since the server started.
    connections: u32,
    /// How old the newest result was when the model returned it.
    age_ms: Option<u64>,
    codec: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    /// How many frames were looked at, of the last ten seconds.
    detections_per_second: f64,
    /// How many frames came, of the last ten seconds.
    frames_per_second: f64,
    /// Frames that were not looked at, by reason.
    drops: BTreeMap<&'static str, u64>,
    /// How far the work is cut down to what the scene needs.
    rung: Rung,
    rung_reason: &'static str,
}

/// How far the work is cut down to what the scene needs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Rung {
    /// Every frame is decoded, and looked at as often as the camera's rate says.
    EveryFrame,
    /// Something moves: every frame is decoded, and looked at as often as what is followed asks for.
    Moving,
    /// Nothing moves: every frame is decoded, and one is looked at every few seconds.
    Still,
    /// Only key frames are decoded, because the sizes of the others say that nothing moves.
    Quiet,
    /// Only key frames are decoded, because the machine is too small for all cameras.
    KeyFrames,
}

impl From<iris_pipeline::Rung> for Rung {
    fn from(rung: iris_pipeline::Rung) -> Self {
        match rung {
            iris_pipeline::Rung::EveryFrame => Self::EveryFrame,
            iris_pipeline::Rung::Moving => Self::Moving,
            iris_pipeline::Rung::Still => Self::Still,
            iris_pipeline::Rung::Quiet => Self::Quiet,
            iris_pipeline::Rung::KeyFrames => Self::KeyFrames,
        }
    }
}

/// How all cameras fare at one moment.
pub(super) type Statuses = BTreeMap<CameraId, StatusBody>;

impl StatusBody {
    pub(super) fn new(status: &CameraStatus, ledger: &Ledger, rate: Rate) -> Self {
        let (codec, size) = match &status.state {
            State::Live { codec, size, .. } => (Some(codec.to_string()), *size),
            _ => (None, None),
        };
        Self {
            state: status.state.label(),
            error: status.error(),
            seconds: status.since.as_secs(),
            connections: status.connections,
            age_ms: status.age.map(|age| age.as_millis() as u64),
            codec,
            width: size.map(|size| size.width),
            height: size.map(|size| size.height),
            detections_per_second: round(rate.detections),
            frames_per_second: round(rate.frames),
            drops: drops(ledger),
            rung: status.rung.into(),
            rung_reason: status.rung.reason(),
        }
    }

    /// Of a camera that is not watched.
    fn disabled() -> Self {
        Self {
            state: "disabled",
            error: None,
            seconds: 0,
            connections: 0,
            age_ms: None,
            codec: None,
            width: None,
            height: None,
            detections_per_second: 0.0,
            frames_per_second: 0.0,
            drops: BTreeMap::new(),
            rung: Rung::EveryFrame,
            rung_reason: "it is not watched",
        }
    }
}

fn drops(ledger: &Ledger) -> BTreeMap<&'static str, u64> {
    let count = |reason: DropReason| Stages::of(ledger).iter().map(|(_, count)| count.dropped(reason)).sum();
    let counts = DropReason::ALL.iter().map(|reason| (reason.label(), count(*reason)));
    counts.filter(|(_, count)| *count > 0).collect()
}

fn round(rate: f64) -> f64 {
    (rate * 100.0).round() / 100.0
}

impl CameraBody {
    /// A camera of the configuration in effect.
    pub(super) fn new(camera: &config::Camera, effect: &Effect, statuses: &mut Statuses) -> Self {
        let table = effect.document.table(ItemKind::Camera, camera.id.as_str());
        Self {
            id: camera.id.to_string(),
            name: camera.name.clone(),
            url: config::camera_url(camera.url.expose()),
            transport: camera.transport,
            model: camera.model.name.to_string(),
            tracker: camera.tracker,
            rate: camera.rate,
            gate: camera.gate,
            enabled: camera.enabled,
            zones: list(table, "zones"),
            lines: list(table, "lines"),
            origin: camera.origin,
            status: statuses.remove(&camera.id).unwrap_or_else(StatusBody::disabled),
        }
    }
}

/// Zones or lines as they were written, which the configuration's stages have found good.
fn list<T: for<'de> Deserialize<'de>>(table: Option<&Map<String, Value>>, key: &str) -> Vec<T> {
    let written = table.and_then(|table| table.get(key)).cloned();
    written.and_then(|list| serde_json::from_value(list).ok()).unwrap_or_default()
}
