//! The configuration: from TOML text to something that can be run, or to a list of all that is wrong with it.
//!
//! Two stages: `raw` is what is written, checked by `structure` against the generated schema; `resolve` gives
//! it meaning. What stands here is the outcome of both. It starts nothing, and it does not look into models: whether
//! a model knows a class is checked by whoever loads it.

mod changes;
mod problem;
mod raw;
mod resolve;
mod schedule;
mod secret;
mod shape;
mod source;
mod structure;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use iris_analytics::schedule::Schedule;
use iris_analytics::zone;
use iris_core::{CameraId, Label};
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;

pub use changes::needs_restart;
pub use problem::Problem;
pub use secret::Secret;

use problem::Problems;

/// The largest configuration that is read, in bytes.
pub const MAX_BYTES: usize = 4 << 20;

/// A configuration in which everything has a meaning and a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where the clock hangs by which schedules are read; UTC if no schedule needs one.
    pub time_zone: TimeZone,
    /// Where events and pictures are kept.
    pub store: Store,
    /// Where health and metrics are served; a loopback address.
    pub listen: SocketAddr,
    /// The cameras, in the order of the file; those that are not enabled too.
    pub cameras: Vec<Camera>,
    /// Where events are delivered.
    pub sinks: Vec<Sink>,
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

/// A camera with all defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Camera {
    /// Its name for ever.
    pub id: CameraId,
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
    /// Its folder, or a bare `.onnx` file.
    pub path: PathBuf,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Interleaved in the RTSP connection.
    #[default]
    Tcp,
    /// RTP over UDP.
    Udp,
}

/// How objects are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tracker {
    /// ByteTrack.
    ByteTrack,
    /// OC-SORT.
    #[default]
    OcSort,
}

/// What of an object must be inside a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Anchor {
    /// The middle of its box's lower edge.
    #[default]
    Foot,
    /// Any part of its box.
    Overlap,
}

/// Which crossings of a line count, seen from its first point towards its second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
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

/// Reads a configuration from text. `file` is its name in problems, relative paths in it are relative to `base`.
/// Environment variables and secret files that it mentions are read; nothing else is.
///
/// Returns every problem, in the order of the text.
pub fn check(text: &str, file: &str, base: &Path) -> Result<Config, Vec<Problem>> {
    check_with(text, file, base, &|name| std::env::var(name).ok())
}

/// [`check`] with environment variables from `env`.
pub fn check_with(
    text: &str,
    file: &str,
    base: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Vec<Problem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut problems = Problems::new(file, text);
    let config = read(text, base, env, &mut problems);
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(problems.into_sorted()),
    }
}

fn read(text: &str, base: &Path, env: &dyn Fn(&str) -> Option<String>, problems: &mut Problems<'_>) -> Option<Config> {
    if text.len() > MAX_BYTES {
        problems.add("", format!("the file has {} bytes; at most {MAX_BYTES} are read", text.len()));
        return None;
    }
    let (table, errors) = toml::de::DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // Only the parser's words: its `Display` shows the line, and with it a password. What follows a syntax
        // error is guesswork, so meaning is checked once the file is TOML.
        for error in errors.iter().take(20) {
            problems.add_at(error.span().map_or(0, |span| span.start), "", format!("not TOML: {}", error.message()));
        }
        return None;
    }
    let fitting = structure::take(schema_value(), table.get_ref(), problems);
    match serde_json::from_value(fitting) {
        Ok(raw) => Some(resolve::resolve(raw, base, env, problems)),
        Err(error) => {
            problems.add("", format!("cannot be read: {error}"));
            None
        }
    }
}

/// Reads and checks a file. A file that does not exist or is not text is a problem like any other; so is one that
/// holds a password and can be read by everyone.
pub fn load(path: &Path) -> Result<Config, Vec<Problem>> {
    let file = path.display().to_string();
    let fail = |message: String| vec![Problem { file: file.clone(), line: 1, column: 1, path: String::new(), message }];
    let bytes = source::read_limited(path, MAX_BYTES).map_err(|error| fail(format!("cannot be read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        fail(format!("is not UTF-8 text (byte {at})"))
    })?;
    let base = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let config = check(&text, &file, base)?;
    match source::exposed_secret(&config, path) {
        Some(message) => Err(fail(message)),
        None => Ok(config),
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
