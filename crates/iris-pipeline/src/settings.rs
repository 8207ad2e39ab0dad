//! What the pipeline is told at its start. Already checked: files, defaults and messages to people belong to the server.

use std::path::PathBuf;
use std::thread::available_parallelism;

use iris_analytics::TrackerKind;
use iris_analytics::rules::Rule;
use iris_core::CameraId;
use iris_infer::Share;
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

/// One camera.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraSettings {
    /// Its name.
    pub id: CameraId,
    /// Where its pictures come from.
    pub source: Source,
    /// Live, or a replay.
    pub pace: Pace,
    /// The number of the model that looks at it: its place in [`Settings::models`], or from
    /// [`crate::Pipeline::load`].
    pub model: usize,
    /// Its claim on the devices: detections a second at most, and weight.
    pub share: Share,
    /// Whether the model looks only where something moves, as often as what it follows asks for, and now and then where
    /// nothing does. A replay is looked at in whole.
    pub gated: bool,
    /// Which tracker follows what the model sees.
    pub tracker: TrackerKind,
    /// What is reported. Empty: every confirmed track.
    pub rules: Vec<Rule>,
    /// Whether each analysed frame is reported, with its tracks, besides the events.
    pub report_frames: bool,
}

/// One model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSettings {
    /// Its folder, or a bare `.onnx` file.
    pub path: PathBuf,
    /// Detections from this score on are believed, 0 to 1; if not given, a tenth above the
    /// manifest's threshold. Weaker ones only
    /// carry on the tracks that believed ones began.
    pub min_score: Option<f32>,
}

/// How many threads each kind of work gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cores {
    /// Threads that decode and prepare.
    pub decode: usize,
    /// Threads that run models, each with its own single-threaded session.
    pub infer: usize,
    /// Threads that track and judge.
    pub analyse: usize,
}

impl Cores {
    /// One decoder and one model thread a core, and an analytics thread for every eight: tracking costs microseconds.
    pub fn of_this_machine() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self { decode: cores, infer: cores, analyse: cores.div_ceil(8) }
    }
}

/// What does not change while the pipeline runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The number of this run, from the store: the first half of every [`iris_core::Epoch`].
    pub run: u32,
    /// The first models; [`crate::Pipeline::load`] adds others.
    pub models: Vec<ModelSettings>,
    /// The threads.
    pub cores: Cores,
}
