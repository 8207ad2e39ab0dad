//! A recorded clip through the whole pipeline, with the project's own model.

mod common;

use std::fmt::Write;
use std::path::Path;

use common::{ONE_CORE, TWO_CORES, camera, runtime, start, start_with, testdata};
use iris_core::{DropReason, Event};
use iris_flow::blocking::Receiver;
use iris_infer::Share;
use iris_ingest::State;
use iris_pipeline::{CameraSettings, Gating, Ledger, Pace, Pipeline, Report, Stages};
use tokio::runtime::Runtime;

fn clip() -> String {
    testdata("golden/blobs.mp4").display().to_string()
}

/// The reports up to the end of all of `cameras` replays.
fn until_finished(reports: &Receiver<Report>, mut cameras: usize) -> Vec<Report> {
    let mut all = Vec::new();
    while cameras > 0 {
        let report = reports.recv().expect("the pipeline runs");
        cameras -= usize::from(matches!(report, Report::Finished { .. }));
        all.push(report);
    }
    all
}

/// What came out, as text: every frame's tracks and every event.
fn log(reports: &[Report]) -> String {
    let mut log = String::new();
    for report in reports {
        match report {
            Report::Event { event, class, picture, .. } => {
                writeln!(log, "{event:?} {class} {:?}", picture.as_ref().map(|p| p.key))
            }
            Report::Frame { frame, tracks } => writeln!(log, "{} {:?}", frame.key, tracks.live),
            Report::Finished { camera } => writeln!(log, "{camera} finished"),
        }
        .expect("a string takes all");
    }
    log
}

fn replay(cores: usize) -> (Runtime, Pipeline, Vec<Report>) {
    replay_of(camera("yard", &clip(), Pace::Replay, Vec::new()), cores)
}

fn replay_of(camera: CameraSettings, cores: usize) -> (Runtime, Pipeline, Vec<Report>) {
    let runtime = runtime();
    let (mut pipeline, reports) = start(cores, &runtime);
    pipeline.apply(vec![camera]).expect("the camera is taken");
    let reports = until_finished(&reports, 1);
    (runtime, pipeline, reports)
}

fn events(reports: &[Report]) -> Vec<&Event> {
    reports.iter().filter_map(|r| if let Report::Event { event, .. } = r { Some(event) } else { None }).collect()
}

#[test]
fn every_frame_is_looked_at_and_each_disc_is_one_event() {
    let (_runtime, pipeline, reports) = replay(ONE_CORE);
    let frames = reports.iter().filter(|r| matches!(r, Report::Frame { .. })).count();
    assert_eq!(frames, 80);
    let ended = events(&reports).into_iter().filter(|e| e.ended.is_some()).count();
    assert_eq!(ended, 3, "{}", log(&reports));
    for report in &reports {
        if let Report::Event { event, picture, .. } = report {
            let picture = picture.as_ref().expect("every event has its picture");
            assert_eq!(picture.key, event.evidence.best.key);
        }
    }
    pipeline.view().cameras(|_, status, ledger, depth| {
        assert_eq!((status.state, depth), (State::Ended, 0));
        assert_nothing_lost(ledger, 80);
    });
    pipeline.shutdown();
}

fn assert_nothing_lost(ledger: &Ledger, frames: u64) {
    for (stage, count) in Stages::of(ledger) {
        assert_eq!((count.received(), count.emitted(), count.in_flight()), (frames, frames, 0), "{stage}");
        assert!(DropReason::ALL.iter().all(|r| count.dropped(*r) == 0), "{stage}");
    }
}

#[test]
fn the_same_clip_gives_the_same_log_again_and_on_more_cores() {
    let logs: Vec<String> = [ONE_CORE, ONE_CORE, TWO_CORES]
        .map(|cores| {
            let (_runtime, pipeline, reports) = replay(cores);
            pipeline.shutdown();
            log(&reports)
        })
        .into();
    assert_eq!(logs[0], logs[1], "twice on one core");
    assert_eq!(logs[0], logs[2], "on one core and on two");
}

#[test]
fn a_gated_replay_is_looked_at_as_often_as_what_moves_asks_for_whatever_the_cores() {
    let logs = [ONE_CORE, TWO_CORES].map(|cores| {
        // Half as many as the clip has.
        let share = Share { rate_hz: Some(5.0), ..Share::default() };
        let yard = camera("yard", &clip(), Pace::Replay, Vec::new());
        let (_runtime, pipeline, reports) = replay_of(CameraSettings { gating: Gating::Motion, share, ..yard }, cores);
        assert_eq!(events(&reports).into_iter().filter(|event| event.ended.is_some()).count(), 3, "{}", log(&reports));
        pipeline.view().cameras(|_, _, Ledger { decode, model, .. }, _| {
            let left_out = decode.dropped(DropReason::Still) + decode.dropped(DropReason::Skipped);
            assert!((35..60).contains(&left_out), "{left_out} of 80 frames were left out");
            assert_eq!((decode.emitted() + left_out, decode.in_flight(), model.dropped_total()), (80, 0, 0));
        });
        pipeline.shutdown();
        log(&reports)
    });
    assert_eq!(logs[0], logs[1]);
}

#[test]
fn replays_side_by_side_do_not_disturb_each_other() {
    let runtime = runtime();
    let (mut pipeline, reports) = start(TWO_CORES, &runtime);
    let ids = ["a", "b", "c", "d", "e"];
    let cameras = ids.map(|id| camera(id, &clip(), Pace::Replay, Vec::new())).into();
    pipeline.apply(cameras).expect("the cameras are taken");
    let reports = until_finished(&reports, ids.len());
    for id in ids {
        let ended = events(&reports).into_iter().filter(|e| e.id.camera.as_str() == id && e.ended.is_some()).count();
        assert_eq!(ended, 3, "camera {id}");
    }
    pipeline.view().cameras(|_, _, ledger, _| assert_nothing_lost(ledger, 80));
    pipeline.shutdown();
}

#[test]
fn a_replay_can_be_removed_in_the_middle_and_comes_back_under_new_ids() {
    let runtime = runtime();
    let (mut pipeline, reports) = start(TWO_CORES, &runtime);
    let yard = camera("yard", &clip(), Pace::Replay, Vec::new());
    let next_frame = || loop {
        if let Report::Frame { frame, .. } = reports.recv().expect("the pipeline runs") {
            return frame.key;
        }
    };
    for connection in 0..5 {
        pipeline.apply(vec![yard.clone()]).expect("the camera is taken");
        while next_frame().epoch.connection < connection {}
        pipeline.apply(Vec::new()).expect("the camera is removed");
    }
    pipeline.shutdown();
}

#[test]
fn a_file_that_is_not_there_finishes_at_once_and_says_why() {
    let runtime = runtime();
    let (mut pipeline, reports) = start(ONE_CORE, &runtime);
    let missing = camera("gone", "/nowhere/clip.mp4", Pace::Replay, Vec::new());
    pipeline.apply(vec![missing]).expect("the camera is taken");
    assert_eq!(until_finished(&reports, 1).len(), 1);
    pipeline.view().cameras(|_, status, _, _| {
        assert_eq!(status.state.label(), "failed");
        let error = status.error().expect("a reason");
        assert!(error.contains("/nowhere/clip.mp4"), "{error}");
    });
    pipeline.shutdown();
}

#[test]
fn a_model_that_returns_nan_costs_frames_and_not_the_camera() {
    let runtime = runtime();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(testdata("models/blobs/model.onnx"), folder.path().join("model.onnx")).expect("a copy");
    // Pixels divided by next to nothing are infinite, and what the model makes of them is not a number.
    let manifest = std::fs::read_to_string(testdata("models/blobs/model.toml")).expect("a manifest");
    let manifest = manifest.replace("pad = 0", "pad = 0\nstd = [1e-38, 1e-38, 1e-38]\nmean = [-1.0, -1.0, -1.0]");
    std::fs::write(folder.path().join("model.toml"), manifest).expect("a manifest");
    let (mut pipeline, reports) = start_with(ONE_CORE, folder.path(), &runtime);
    pipeline.apply(vec![camera("yard", &clip(), Pace::Replay, Vec::new())]).expect("the camera is taken");
    let reports = until_finished(&reports, 1);
    assert!(events(&reports).is_empty());
    pipeline.view().cameras(|_, status, ledger, _| {
        assert_eq!(status.state.label(), "ended");
        assert_eq!(ledger.model.dropped(DropReason::ModelFailed), 80);
        assert_eq!(ledger.model.in_flight(), 0);
    });
    pipeline.shutdown();
}

#[test]
fn a_model_that_cannot_be_loaded_is_named() {
    let runtime = runtime();
    let settings = common::settings(ONE_CORE, Path::new("/nowhere/model"));
    let clock = std::sync::Arc::new(iris_core::clock::SystemClock::new());
    let local: iris_pipeline::LocalClock = std::sync::Arc::new(|_| unreachable!("no frame is ever seen"));
    let error = Pipeline::start(&settings, clock, &local, runtime.handle().clone()).err().expect("it cannot start");
    assert!(error.to_string().contains("/nowhere/model"), "{error}");
}

#[test]
fn who_watches_sees_ages_devices_and_queues() {
    let (_runtime, pipeline, _) = replay(TWO_CORES);
    let view = pipeline.view();
    let [decode, model, analytics] = view.ages().map(|age| age.expect("frames have passed"));
    assert!(decode.p50 <= model.p50 && model.p50 <= analytics.p50, "{decode:?} {model:?} {analytics:?}");
    assert!(analytics.p95 >= analytics.p50);
    let devices = view.devices();
    assert_eq!(devices.iter().map(|device| device.inferences).sum::<u64>(), 80);
    assert!(devices.iter().all(|device| (0.0..=1.0).contains(&device.busy_share)), "{devices:?}");
    let queues = view.queues().map(|queue| (queue.name, queue.capacity, queue.depth));
    assert_eq!(
        queues,
        [("packets", 50, 0), ("slots", 1, 0), ("requests", 64, 0), ("analytics", 128, 0), ("reports", 64, 0)]
    );
    let stages = view.stages().map(|stage| (stage.name, stage.threads));
    assert_eq!(stages, [("ingest", 0), ("decode", 2), ("model", 2), ("analytics", 2)]);
    pipeline.shutdown();
}
