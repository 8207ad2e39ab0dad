//! The levels that the pipeline makes: tracks, and events as `iris run` writes them.

use std::sync::Arc;

use iris_analytics::mot;
use iris_core::clock::SystemClock;
use iris_core::{DropReason, Event};
use iris_flow::blocking::Receiver;
use iris_infer::Sharing;
use iris_pipeline::{CameraSettings, Cores, DeviceSettings, Pipeline, Report, Settings, Stages, View};
use iris_server::message::Message;
use iris_server::repository::Repository;
use iris_server::{config, setup};

use crate::text::testdata;

/// What came out.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) tracks: String,
    pub(crate) events: String,
    frames: u64,
}

/// The clip through the pipeline, with the rules of its configuration.
pub(crate) fn run(cores: usize) -> Outcome {
    let config = config::load(&testdata("golden/iris.toml")).expect("a configuration");
    let settings = Settings {
        run: 1,
        models: Vec::new(),
        cores: Cores { decode: cores, analyse: cores },
        devices: DeviceSettings::cpus(cores),
        sharing: Sharing::default(),
        decoder: None,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let clock = Arc::new(SystemClock::new());
    let local_clock = setup::local_clock(config.time_zone.clone());
    let (mut pipeline, reports) =
        Pipeline::start(&settings, clock, &local_clock, runtime.handle().clone()).expect("the pipeline starts");
    let view = pipeline.view();
    let models = Repository::default().following(&config, &pipeline);
    let cameras = setup::cameras(&config, &models).expect("settings of the camera");
    let cameras = cameras.into_iter().map(|camera| CameraSettings { report_frames: true, ..camera }).collect();
    pipeline.apply(cameras).expect("the camera is taken");
    let outcome = follow(&reports);
    assert_nothing_lost(&view, outcome.frames);
    pipeline.shutdown();
    outcome
}

fn follow(reports: &Receiver<Report>) -> Outcome {
    let mut outcome = Outcome::default();
    loop {
        match reports.recv().expect("the pipeline runs") {
            Report::Event { event, class, picture, .. } => {
                assert_eq!(picture.map(|picture| picture.key), Some(event.evidence.best.key));
                if event.ended.is_some() {
                    outcome.events.push_str(&line(&event, &class));
                }
            }
            Report::Frame { mut tracks, .. } => {
                // Frames are counted as they are shown.
                tracks.key.seq = outcome.frames;
                outcome.frames += 1;
                mot::write(&tracks, &mut outcome.tracks).expect("a string takes all");
            }
            Report::Finished { .. } => return outcome,
        }
    }
}

fn line(event: &Event, class: &str) -> String {
    let mut message = Message::new(event, class, &[]);
    // Its last bits depend on the processor.
    message.score = (message.score * 100.0).round() / 100.0;
    message.to_json() + "\n"
}

/// The law of conservation at the end of a replay: what entered a stage left it for the next, and nothing is inside.
fn assert_nothing_lost(view: &View, frames: u64) {
    view.cameras(|_, _, ledger, waiting| {
        assert_eq!(waiting, 0);
        for (stage, count) in Stages::of(ledger) {
            let dropped: u64 = DropReason::ALL.iter().map(|reason| count.dropped(*reason)).sum();
            assert_eq!((count.received(), count.emitted(), dropped), (frames, frames, 0), "{stage}");
            assert_eq!(count.in_flight(), 0, "{stage}");
        }
    });
}
