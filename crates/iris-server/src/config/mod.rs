//! The configuration: from TOML text to something that can be run, or to a list of all that is wrong with it.
//!
//! Two stages: `raw` is what is written, checked by `structure` against the generated schema; `resolve` gives
//! it meaning. What stands here is the outcome of both. Cameras and sinks stand in the file, or were made over the API
//! and lie in the store (`item`); both kinds pass the same two stages, together. It starts nothing, and it does not look
//! into models: whether a model knows a class is checked by whoever loads it.

mod changes;
mod edit;
mod item;
mod problem;
mod raw;
mod resolve;
mod schedule;
mod secret;
mod shape;
mod source;
mod structure;
mod text;
mod written;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use iris_analytics::schedule::Schedule;
use iris_analytics::zone;
use iris_core::{CameraId, Label};
use iris_infer::Sharing;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use changes::needs_restart;
pub use edit::{Edit, Refusal};
pub use item::{Item, ItemKind, Origin};
pub use problem::{Place, Problem};
pub use secret::Secret;
pub use text::{Import, Text, check, check_with, load, load_with};
pub use written::{Document, HIDDEN, camera_url, hidden, hide, restore, webhook_url};

/// The largest configuration that is read, in bytes.
pub const MAX_BYTES: usize = 4 << 20;

/// A configuration in which everything has a meaning and a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where the clock hangs by which schedules are read; UTC if no schedule needs one.
    pub time_zone: TimeZone,
    /// Where events and pictures are kept.
    pub store: Store,
    /// The address that is listened on.
    pub listen: SocketAddr,
    /// The certificate for it, if one is given.
    pub tls: Option<Tls>,
    /// How other programs use the models.
    pub serving: Serving,
    /// What runs the models; none means a CPU session on each core.
    pub devices: Vec<Device>,
    /// Whether a GPU that cannot be used is an error, and CPU sessions never stand in for it.
    pub require_gpu: bool,
    /// The NVIDIA GPU on which video is decoded.
    pub decode_gpu: Option<u32>,
    /// The models that cameras can name, in the order of their names.
    pub models: Vec<Model>,
    /// The cameras, those of the file first; those that are not enabled too.
    pub cameras: Vec<Camera>,
    /// Where events are delivered.
    pub sinks: Vec<Sink>,
}

/// A certificate with those that vouch for it, and its key, as PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The certificates.
    pub cert: PathBuf,
    /// The key, which only its owner can read.
    pub key: PathBuf,
}

/// Where events and pictures are kept, and for how long.
#[derive(Debug, Clone, PartialEq)]
pub struct Store {
    /// The folder.
    pub path: PathBuf,
    /// What is older is deleted.
    pub max_age: Duration,
    /// The oldest is deleted when there is more, in bytes.
    pub max_bytes: Option<u64>,
}

/// How other programs use the models.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Serving {
    /// The share of a device's time that their requests get at least, 0 to 1, and how many of them may wait for a model.
    pub sharing: Sharing,
    /// The largest body of a request, in bytes.
    pub max_body: usize,
}

/// What runs models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Device {
    /// The CPU.
    Cpu {
        /// Threads, each with sessions of its own; one a core if not given.
        threads: Option<usize>,
    },
    /// An NVIDIA GPU by CUDA.
    Cuda {
        /// Which of the machine's GPUs, from 0.
        index: u32,
        /// How many frames it takes at once, at most.
        batch: usize,
        /// How many threads run models on it, each with sessions of its own.
        instances: usize,
    },
    /// An NVIDIA GPU by TensorRT.
    TensorRt {
        /// Which of the machine's GPUs, from 0.
        index: u32,
        /// How many frames it takes at once, at most.
        batch: usize,
        /// How many threads run models on it, each with sessions of its own.
        instances: usize,
        /// Whether what is not quantised may be computed with 16 bits.
        fp16: bool,
    },
    /// Another server that speaks the Open Inference Protocol.
    Oip {
        /// Its address: `http`, `https`, `grpc` or `grpcs`.
        url: String,
        /// What the model is called there, if not by its own name.
        model: Option<String>,
        /// How many frames it takes at once, at most.
        batch: usize,
        /// How many requests it gets at once.
        in_flight: usize,
        /// What it is shown.
        token: Option<Secret>,
        /// A file with the certificates by which it is trusted.
        ca: Option<PathBuf>,
        /// Whether frames go as JPEG files though it says that it takes tensors.
        jpeg: bool,
    },
}

/// A camera with all defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Camera {
    /// Its name for ever.
    pub id: CameraId,
    /// Where it was made.
    pub origin: Origin,
    /// What people call it.
    pub name: String,
    /// Where its video comes from: an address with one of the schemes `rtsp`, `rtsps`, `http`, `https`, or the
    /// path of a file, absolute or relative to the working directory.
    pub url: Secret,
    /// How it sends, if it speaks RTSP.
    pub transport: Transport,
    /// The model that looks at it.
    pub model: Model,
    /// How objects are followed.
    pub tracker: Tracker,
    /// Detections a second, at most.
    pub rate: f32,
    /// What stands before the model.
    pub gate: Gate,
    /// Whether it is watched.
    pub enabled: bool,
    /// Areas in which something should not be.
    pub zones: Vec<Zone>,
    /// Lines that should not be crossed.
    pub lines: Vec<Line>,
}

/// A model by its name in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Its name.
    pub name: Label,
    /// Its folder, which may hold one folder a version, or a bare `.onnx` file.
    pub path: PathBuf,
    /// The versions that are served; empty for all.
    pub versions: Vec<u32>,
}

/// An area in which something should not be.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    /// Its name in events; no other zone of the camera has it.
    pub name: Label,
    /// Where it is.
    pub area: zone::Zone,
    /// The names of the classes that count; empty for all.
    pub classes: Vec<String>,
    /// What of an object must be inside.
    pub anchor: Anchor,
    /// How long it must stay before it is an event.
    pub min_stay: Duration,
    /// How long it must be gone before the event ends.
    pub leave_after: Duration,
    /// When it is watched.
    pub schedule: Schedule,
}

/// A line that should not be crossed.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its name in events; no other line of the camera has it.
    pub name: Label,
    /// Where it is.
    pub line: zone::Line,
    /// Which crossings count.
    pub direction: Direction,
    /// The names of the classes that count; empty for all.
    pub classes: Vec<String>,
    /// When it is watched.
    pub schedule: Schedule,
}

/// Where events are delivered.
#[derive(Debug, Clone, PartialEq)]
pub struct Sink {
    /// Its name, under which the store keeps what waits for it.
    pub name: String,
    /// Where it was made.
    pub origin: Origin,
    /// What it is.
    pub target: Target,
}

/// What a sink is.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// JSON lines, appended to a file.
    File {
        /// The file.
        path: PathBuf,
    },
    /// HTTP POST.
    Webhook {
        /// An http or https address.
        url: Secret,
        /// The key of the signature.
        secret: Secret,
    },
}

/// How an RTSP camera sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Interleaved in the RTSP connection.
    #[default]
    Tcp,
    /// RTP over UDP, on a thread a camera.
    Udp,
}

/// What stands before a camera's model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Gate {
    /// The model looks where something moves, as often as what it follows asks for, and every few seconds where nothing
    /// does.
    #[default]
    Motion,
    /// The same; and once the sizes of what the camera sends have told of every motion for two days, only key frames are
    /// decoded until they do.
    Sizes,
    /// Nothing: the model looks as often as the rate says, whatever happens.
    Off,
}

/// How objects are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tracker {
    /// ByteTrack.
    ByteTrack,
    /// OC-SORT.
    #[default]
    OcSort,
}

/// What of an object must be inside a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Anchor {
    /// The middle of its box's lower edge.
    #[default]
    Foot,
    /// Any part of its box.
    Overlap,
}

/// Which crossings of a line count, seen from its first point towards its second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// All.
    #[default]
    Both,
    /// From the left-hand side to the right-hand side.
    LeftToRight,
    /// From the right-hand side to the left-hand side.
    RightToLeft,
}

impl From<Direction> for Option<iris_core::Direction> {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Both => None,
            Direction::LeftToRight => Some(iris_core::Direction::LeftToRight),
            Direction::RightToLeft => Some(iris_core::Direction::RightToLeft),
        }
    }
}

/// The JSON schema of the file, for editors, as text.
pub fn schema() -> String {
    format!("{:#}\n", schema_value())
}

fn schema_value() -> &'static serde_json::Value {
    static SCHEMA: std::sync::OnceLock<serde_json::Value> = std::sync::OnceLock::new();
    SCHEMA.get_or_init(shape::generate)
}
