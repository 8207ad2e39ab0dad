//! The configuration as it is written: one field a key, nothing interpreted, nothing required by the type.
//!
//! The JSON schema is generated from these types, and [`super::structure`] checks a file against that schema, so
//! what an editor says and what `iris check` says cannot differ. Meaning belongs to [`super::resolve`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Anchor, Direction, Gate, Secret, Tracker, Transport};

/// The configuration of an Iris server.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Config")]
pub(super) struct Raw {
    /// The IANA time zone in which schedules are read, such as "Europe/Berlin". Needed as soon as
    /// there is a schedule.
    pub time_zone: Option<String>,
    /// Where events and pictures are kept, and for how long.
    pub store: RawStore,
    /// The server's door: the page and the API.
    pub server: RawServer,
    /// How other programs use the models.
    pub serving: RawServing,
    /// Whether a GPU that cannot be used is an error. Default: false, and CPU sessions stand in for it, loudly.
    pub require_gpu: Option<bool>,
    /// The NVIDIA GPU, from 0, on which H.264 and H.265 are decoded (NVDEC). Default: none, all is decoded on the CPU.
    #[schemars(range(min = 0, max = 63))]
    pub decode_gpu: Option<u32>,
    /// What runs the models: any number of devices, unequal if need be. Default: a CPU session on each core.
    #[schemars(length(max = 64))]
    pub devices: Vec<RawDevice>,
    /// The models that cameras can name: `[models.NAME]`. Default: the one that is part of Iris, as `iris-n`.
    pub models: BTreeMap<String, RawModel>,
    /// What holds for every camera that does not say otherwise.
    pub defaults: RawDefaults,
    /// The cameras.
    #[schemars(length(max = 2000))]
    pub cameras: Vec<RawCamera>,
    /// Where events are delivered.
    #[schemars(length(max = 32))]
    pub sinks: Vec<RawSink>,
}

/// Where events and pictures are kept, and for how long.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawStore {
    /// The folder of the database and the pictures, made when missing. Relative to this file. Default: "data".
    pub path: Option<String>,
    /// What is deleted, and when.
    pub retention: RawRetention,
}

/// What is deleted, and when. Events that a sink has not yet received are kept in any case.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawRetention {
    /// Events and pictures older than this many days are deleted. Default: 30.
    #[schemars(range(min = 1, max = 36500))]
    pub days: Option<u32>,
    /// The oldest events and pictures are deleted when the store holds more than this many gigabytes (10^9 bytes).
    /// Default: no limit.
    #[schemars(range(min = 0.001, max = 1_000_000.0))]
    pub max_gb: Option<f64>,
}

/// The server's door: the page and the API.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawServer {
    /// The address and port to listen on. Beyond loopback always by TLS. Default: "127.0.0.1:8080".
    pub listen: Option<String>,
    /// The certificate to show. Default: none on loopback, and beyond it one that Iris makes and signs itself.
    pub tls: Option<RawTls>,
}

/// A certificate.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["cert", "key"]))]
pub(super) struct RawTls {
    /// The certificate and those that vouch for it, as a PEM file relative to this file.
    pub cert: Option<String>,
    /// The certificate's key, as a PEM file relative to this file that only its owner can read.
    pub key: Option<String>,
}

/// How other programs use the models.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawServing {
    /// The share of each device's time that requests get at least while cameras need it all. Cameras get at least the rest.
    /// Default: 0.2.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub share: Option<f64>,
    /// How many requests may wait for a model; who comes then is refused at once. Default: 64.
    #[schemars(range(min = 1, max = 10_000))]
    pub queue: Option<usize>,
    /// The largest body of a request, in megabytes (10^6 bytes), also after it was decompressed. Default: 64.
    #[schemars(range(min = 1, max = 1024))]
    pub max_body_mb: Option<usize>,
}

/// A device that runs models.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["kind"]))]
pub(super) struct RawDevice {
    /// "cpu"; "cuda" or "tensorrt" for an NVIDIA GPU, which take a build of ONNX Runtime that has them; or "oip" for another
    /// server that speaks the Open Inference Protocol.
    pub kind: Option<DeviceKind>,
    /// How many threads of a "cpu" run models, each with sessions of its own. Default: one a core.
    #[schemars(range(min = 1, max = 1024))]
    pub threads: Option<usize>,
    /// Which GPU, from 0. Default: 0.
    #[schemars(range(min = 0, max = 63))]
    pub index: Option<u32>,
    /// How many frames a GPU or server takes at once, at most, each of another camera. Default: 8.
    #[schemars(range(min = 1, max = 64))]
    pub batch: Option<usize>,
    /// How many threads run models on a GPU, each with sessions of its own, so that one can work while another reads out
    /// boxes. Default: 1.
    #[schemars(range(min = 1, max = 8))]
    pub instances: Option<usize>,
    /// Whether "tensorrt" may compute with 16 bits what is not quantised. Default: false.
    pub fp16: Option<bool>,
    /// The address of an "oip" server: `http://`, `https://`, `grpc://` or `grpcs://`, host and port.
    pub url: Option<String>,
    /// What the model is called on an "oip" server. Default: the name that its `model.toml` says.
    pub model: Option<String>,
    /// How many requests an "oip" server gets at once. Default: 2.
    #[schemars(range(min = 1, max = 64))]
    pub in_flight: Option<usize>,
    /// The token that an "oip" server wants to see.
    pub token: Option<RawSecret>,
    /// A file with the certificates by which an "oip" server is trusted. Relative to this file. Default: those that browsers
    /// trust.
    pub ca: Option<String>,
    /// Whether an "oip" server gets frames as JPEG files though it says that it takes tensors. It gets files in any case if
    /// it says so. Default: false.
    pub jpeg: Option<bool>,
}

/// What a device is.
#[derive(Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum DeviceKind {
    Cpu,
    Cuda,
    TensorRt,
    Oip,
}

/// A model.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["path"]))]
pub(super) struct RawModel {
    /// A folder with `model.toml` and `model.onnx`, or with one such folder a version, called `1`, `2` and so on; or a bare
    /// `.onnx` file. Relative to this file. Or `built-in:iris-n`.
    pub path: Option<String>,
    /// The versions that are served; cameras, and programs that name none, get the highest. Default: all.
    #[schemars(length(max = 64), inner(range(min = 1)))]
    pub versions: Vec<u32>,
}

/// What holds for every camera that does not say otherwise.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawDefaults {
    /// How RTSP cameras send. Default: "tcp".
    pub transport: Option<Transport>,
    /// A name from `[models]`. Default: the only model there is.
    pub model: Option<String>,
    /// How objects are followed. Default: "ocsort".
    pub tracker: Option<Tracker>,
    /// Detections a second and camera, at most. Default: 10.
    #[schemars(range(min = 0.01, max = 120.0))]
    pub rate: Option<f32>,
    /// What stands before the model. Default: "motion".
    pub gate: Option<Gate>,
}

/// A camera.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["id", "url"]))]
pub(super) struct RawCamera {
    /// Its name in events, files and metrics, for ever: 1 to 32 of a-z, 0-9, '_' and '-'.
    pub id: Option<String>,
    /// What people call it. Default: its id.
    pub name: Option<String>,
    /// rtsp://, rtsps://, http:// or https://, or the path of a video file relative to this file.
    pub url: Option<RawSecret>,
    /// How it sends, if it speaks RTSP.
    pub transport: Option<Transport>,
    /// A name from `[models]`.
    pub model: Option<String>,
    /// How objects are followed.
    pub tracker: Option<Tracker>,
    /// Detections a second, at most.
    #[schemars(range(min = 0.01, max = 120.0))]
    pub rate: Option<f32>,
    /// What stands before the model.
    pub gate: Option<Gate>,
    /// Whether it is watched. Default: true.
    pub enabled: Option<bool>,
    /// Areas in which something should not be. Without zones and lines every confirmed track is an event.
    #[schemars(length(max = 64))]
    pub zones: Vec<RawZone>,
    /// Lines that should not be crossed.
    #[schemars(length(max = 64))]
    pub lines: Vec<RawLine>,
}

/// An area in which something should not be.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "polygon"]))]
pub(super) struct RawZone {
    /// Its name in events; each zone of a camera has its own.
    pub name: Option<String>,
    /// Its corners in order, as fractions of the picture from the top left: [[x, y], ...].
    #[schemars(length(min = 3, max = 256))]
    pub polygon: Vec<[Fraction; 2]>,
    /// The model's classes that count. Default: all.
    #[schemars(length(max = 256))]
    pub classes: Vec<String>,
    /// What of an object must be inside: its "foot" point, or any "overlap" of its box. Default: "foot".
    pub anchor: Option<Anchor>,
    /// How long it must stay before it is an event, such as "2s". Default: "0s".
    pub min_stay: Option<String>,
    /// How long it must be gone before the event ends. Default: "1s".
    pub leave_after: Option<String>,
    /// When the zone is watched, such as "Mon-Fri 18:00-06:00, Sat-Sun". Default: always.
    pub schedule: Option<String>,
}

/// A line that should not be crossed.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "points"]))]
pub(super) struct RawLine {
    /// Its name in events; each line of a camera has its own.
    pub name: Option<String>,
    /// Its points in order, as fractions of the picture from the top left: [[x, y], [x, y], ...].
    #[schemars(length(min = 2, max = 256))]
    pub points: Vec<[Fraction; 2]>,
    /// Which crossings count, seen from the first point towards the last. Default: "both".
    pub direction: Option<Direction>,
    /// The model's classes that count. Default: all.
    #[schemars(length(max = 256))]
    pub classes: Vec<String>,
    /// When the line is watched, such as "Mon-Fri 18:00-06:00, Sat-Sun". Default: always.
    pub schedule: Option<String>,
}

/// Where events are delivered.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "kind"]))]
pub(super) struct RawSink {
    /// Its name; what waits for it is kept under this name. 1 to 32 of a-z, 0-9, '_' and '-'.
    pub name: Option<String>,
    /// "file" for JSON lines, or "webhook" for HTTP POST.
    pub kind: Option<SinkKind>,
    /// The file of a "file" sink, relative to this file.
    pub path: Option<String>,
    /// The http:// or https:// address of a "webhook" sink.
    pub url: Option<RawSecret>,
    /// The key with which a "webhook" sink signs, at least 16 bytes.
    pub secret: Option<RawSecret>,
}

/// What a sink is.
#[derive(Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum SinkKind {
    File,
    Webhook,
}

/// A fraction of the picture.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct Fraction(#[schemars(range(min = 0.0, max = 1.0))] pub f32);

/// A text that may be a secret: as it is, or `{ env = "NAME" }` for an environment variable, or
/// `{ file = "PATH" }` for the first line of a file that others cannot read.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawSecret {
    Text(#[schemars(with = "String")] Secret),
    Elsewhere(RawElsewhere),
}

/// Where a secret is kept.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(super) struct RawElsewhere {
    /// An environment variable.
    pub env: Option<String>,
    /// A file that others cannot read; its first line counts. Relative to this file.
    pub file: Option<String>,
}
