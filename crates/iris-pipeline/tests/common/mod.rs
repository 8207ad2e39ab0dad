//! What the tests of the pipeline share: the project's own clip and model, and a pipeline to run them through.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use iris_analytics::TrackerKind;
use iris_analytics::rules::Rule;
use iris_analytics::schedule::{LocalTime, Minute, Weekday};
use iris_core::CameraId;
use iris_core::clock::SystemClock;
use iris_flow::blocking::Receiver;
use iris_infer::{Share, Sharing};
use iris_ingest::{Limits, Source, SourceUrl, Transport};
use iris_pipeline::{
    CameraSettings, Cores, DeviceSettings, Gating, LocalClock, ModelSettings, Pace, Pipeline, Report, Settings,
};
use tokio::runtime::Runtime;

pub(crate) const ONE_CORE: usize = 1;
pub(crate) const TWO_CORES: usize = 2;

pub(crate) fn testdata(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(path)
}

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}

pub(crate) fn start(cores: usize, runtime: &Runtime) -> (Pipeline, Receiver<Report>) {
    start_with(cores, &testdata("models/blobs"), runtime)
}

pub(crate) fn start_with(cores: usize, model: &Path, runtime: &Runtime) -> (Pipeline, Receiver<Report>) {
    let clock = Arc::new(SystemClock::new());
    Pipeline::start(&settings(cores, model), clock, &always(), runtime.handle().clone()).expect("the pipeline starts")
}

/// So many threads of each kind.
pub(crate) fn settings(cores: usize, model: &Path) -> Settings {
    Settings {
        run: 1,
        models: vec![ModelSettings::at(model.to_owned())],
        cores: Cores { decode: cores, analyse: cores },
        devices: DeviceSettings::cpus(cores),
        sharing: Sharing::default(),
        decoder: None,
    }
}

pub(crate) fn always() -> LocalClock {
    Arc::new(|_| LocalTime { weekday: Weekday::Monday, minute: Minute::MIDNIGHT })
}

pub(crate) fn camera(id: &str, url: &str, pace: Pace, rules: Vec<Rule>) -> CameraSettings {
    let url = SourceUrl::parse(url).expect("an address");
    CameraSettings {
        id: CameraId::new(id).expect("a valid id"),
        source: Source { url, transport: Transport::Tcp, limits: Limits::default() },
        pace,
        model: 0,
        share: Share::default(),
        gating: Gating::Off,
        tracker: TrackerKind::default(),
        rules,
        report_frames: true,
    }
}
