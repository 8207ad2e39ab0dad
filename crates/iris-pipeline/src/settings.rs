//! What the pipeline is told at its start. Already checked: files, defaults and messages to people belong to the server.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;

use iris_analytics::TrackerKind;
use iris_analytics::rules::Rule;
use iris_core::CameraId;
use iris_decode::Gpu;
use iris_infer::{Provider, Share, Sharing};
use iris_ingest::Source;

/// How a camera's items pass the queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As they come: what is late is dropped and counted.
    Live,
    /// In lockstep: the next access unit enters when the one before is done with. Nothing is dropped, and the same
    /// file gives the same events.
    Replay,
}

/// What stands before a camera's model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Gating {
    /// The model looks where something moves, as often as what it follows asks for, and now and then where nothing does.
    #[default]
    Motion,
    /// The same; and once the sizes of access units have proved to tell of every motion, nothing but key frames is
    /// decoded until they do.
    Sizes,
    /// Nothing: the model looks as often as the camera's rate says.
    Off,
}

/// One camera.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraSettings {
    /// Its name.
    pub id: CameraId,
    /// Where its pictures come from.
    pub source: Source,
    /// Live, or a replay.
    pub pace: Pace,
    /// The number of the model that looks at it: its place in [`Settings::models`], or that of one that was loaded later.
    pub model: usize,
    /// Its claim on the devices: detections a second at most, and weight.
    pub share: Share,
    /// What stands before the model. A recording is looked at in whole where only its stream says that it is one.
    pub gating: Gating,
    /// Which tracker follows what the model sees.
    pub tracker: TrackerKind,
    /// What is reported. Empty: every confirmed track.
    pub rules: Vec<Rule>,
    /// Whether each analysed frame is reported, with its tracks, besides the events.
    pub report_frames: bool,
}

/// One version of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSettings {
    /// What it is called, in metrics and statistics.
    pub name: Arc<str>,
    /// Which of the versions of that name it is.
    pub version: u32,
    /// Its folder, or a bare `.onnx` file.
    pub path: PathBuf,
    /// Detections from this score on are believed, 0 to 1; if not given, a tenth above the
    /// manifest's threshold. Weaker ones only
    /// carry on the tracks that believed ones began.
    pub min_score: Option<f32>,
}

impl ModelSettings {
    /// The only version of the model at `path`, called after it.
    pub fn at(path: PathBuf) -> Self {
        let name = path.file_stem().map_or_else(|| "model".into(), |stem| stem.to_string_lossy());
        Self { name: name.into(), version: 1, path, min_score: None }
    }
}

/// One device: a thread that runs models, with a session of its own for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceSettings {
    /// Its name, such as `cuda-0`; no other device has it.
    pub name: String,
    /// What its sessions run on.
    pub provider: Provider,
    /// How many frames it takes at once, at most; 1 on a CPU.
    pub batch: usize,
    /// What it is there for.
    pub role: Role,
}

/// What a device is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It works as long as it can.
    Worker,
    /// It works, and a pipeline that cannot have it when it is added is an error.
    Required,
    /// It works only while a device that can be lost is.
    StandIn,
}

impl DeviceSettings {
    /// So many CPU sessions: `cpu-0` and so on.
    pub fn cpus(count: usize) -> Vec<Self> {
        (0..count).map(|n| Self::cpu(format!("cpu-{n}"), Role::Worker)).collect()
    }

    /// A CPU session.
    pub fn cpu(name: String, role: Role) -> Self {
        Self { name, provider: Provider::Cpu, batch: 1, role }
    }
}

/// How many threads each kind of work gets. Devices have their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cores {
    /// Threads that decode and prepare.
    pub decode: usize,
    /// Threads that track and judge.
    pub analyse: usize,
}

impl Cores {
    /// One decoder a core, and an analytics thread for every eight: tracking costs microseconds.
    pub fn of_this_machine() -> Self {
        let cores = cores();
        Self { decode: cores, analyse: cores.div_ceil(8) }
    }
}

/// The cores that this process may use.
pub fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// What a pipeline starts with.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The number of this run, from the store: the first half of every [`iris_core::Epoch`].
    pub run: u32,
    /// The first models; [`crate::Pipeline::load`] adds others.
    pub models: Vec<ModelSettings>,
    /// The threads.
    pub cores: Cores,
    /// The first devices; [`crate::Pipeline::set_devices`] changes them.
    pub devices: Vec<DeviceSettings>,
    /// How other programs' requests share the devices with cameras.
    pub sharing: Sharing,
    /// What decodes, if not the CPU.
    pub decoder: Option<Arc<Gpu>>,
}
