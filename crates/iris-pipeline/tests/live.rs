//! Simulated cameras over real RTSP through the whole pipeline: they come and go, and the others do not notice.

mod common;

use std::collections::HashMap;
use std::process::Command;

use common::{ONE_CORE, TWO_CORES, camera, runtime, start, testdata};
use iris_core::{CameraId, DropReason, FrameKey};
use iris_flow::blocking::Receiver;
use iris_infer::Share;
use iris_ingest::Transport;
use iris_pipeline::{CameraSettings, Gating, Pace, Report, Rung, Stages};
use iris_sim::{Farm, Fault};
use tokio::runtime::Runtime;

fn farm(runtime: &Runtime, cameras: usize) -> Farm {
    let builder = Farm::builder().clip(testdata("golden/blobs.mp4")).cameras(cameras);
    runtime.block_on(builder.start()).expect("the farm starts")
}

fn id(n: usize) -> CameraId {
    CameraId::new(&format!("cam-{n}")).expect("a valid id")
}

/// Half of the cameras send over TCP, half over UDP.
fn settings(farm: &Farm) -> Vec<CameraSettings> {
    let of = |n: usize| {
        let mut settings = camera(id(n).as_str(), &farm.url(n), Pace::Live, Vec::new());
        settings.source.transport = if n.is_multiple_of(2) { Transport::Tcp } else { Transport::Udp };
        settings
    };
    (0..farm.cameras()).map(of).collect()
}

/// Reads analysed frames until `enough` says so of the newest frame of each camera.
fn watch(reports: &Receiver<Report>, mut enough: impl FnMut(&HashMap<CameraId, FrameKey>) -> bool) {
    let mut newest = HashMap::new();
    while !enough(&newest) {
        if let Report::Frame { frame, .. } = reports.recv().expect("the pipeline runs") {
            newest.insert(frame.key.camera, frame.key);
        }
    }
}

#[test]
fn a_camera_that_dies_comes_back_and_the_others_do_not_notice() {
    let runtime = runtime();
    let farm = farm(&runtime, 4);
    let (mut pipeline, reports) = start(TWO_CORES, &runtime);
    pipeline.apply(settings(&farm)).expect("the cameras are taken");
    watch(&reports, |newest| newest.len() == 4);

    farm.set(1, Fault::Kill).expect("there is a camera 1");
    watch(&reports, |newest| (0..4).filter(|n| *n != 1).all(|n| newest.get(&id(n)).is_some_and(|k| k.seq > 10)));
    farm.set(1, Fault::None).expect("there is a camera 1");
    watch(&reports, |newest| newest.get(&id(1)).is_some_and(|key| key.epoch.connection > 0));

    pipeline.view().cameras(|camera, status, ledger, _| {
        if camera != id(1) {
            assert_eq!(status.connections, 1, "{camera} was disturbed");
            assert_eq!(ledger.decode.dropped(DropReason::QueueFull), 0, "{camera} lost packets");
        }
    });
    let view = pipeline.view();
    pipeline.shutdown();
    view.cameras(|camera, _, ledger, _| {
        for (stage, count) in Stages::of(ledger) {
            assert!(count.received() > 0 && count.emitted() > 0, "{camera} {stage}");
            assert_eq!(count.in_flight(), 0, "{camera} {stage}");
        }
    });
    runtime.block_on(farm.shutdown());
}

#[test]
fn a_change_touches_only_the_cameras_that_changed() {
    let runtime = runtime();
    let farm = farm(&runtime, 3);
    let (mut pipeline, reports) = start(ONE_CORE, &runtime);
    let mut wanted = settings(&farm);
    pipeline.apply(wanted.clone()).expect("the cameras are taken");
    watch(&reports, |newest| newest.len() == 3);

    wanted[1].share = Share { rate_hz: Some(5.0), ..Share::default() };
    wanted.remove(2);
    let changes = pipeline.apply(wanted.clone()).expect("the change is taken");
    assert_eq!((changes.added, changes.changed, changes.removed), (vec![], vec![id(1)], vec![id(2)]));
    // Ids of the camera that started anew go on where they were, so that none is used twice.
    watch(&reports, |newest| {
        newest.contains_key(&id(0)) && newest.get(&id(1)).is_some_and(|key| key.epoch.connection > 0)
    });
    pipeline.view().cameras(|camera, status, _, _| match camera {
        camera if camera == id(0) => assert_eq!(status.connections, 1),
        camera => assert_eq!(camera, id(1)),
    });
    wanted[0].model = 7;
    let refused = pipeline.apply(wanted).expect_err("there is no model 7").to_string();
    assert_eq!(refused, "camera cam-0 wants model number 7, which is not there");
    pipeline.shutdown();
    runtime.block_on(farm.shutdown());
}

#[test]
fn a_source_that_is_stopped_ends_its_tracks() {
    let runtime = runtime();
    let farm = farm(&runtime, 1);
    let (mut pipeline, reports) = start(ONE_CORE, &runtime);
    pipeline.apply(settings(&farm)).expect("the camera is taken");
    let mut open = 0i64;
    let view = pipeline.view();
    loop {
        match reports.recv().expect("the pipeline runs") {
            Report::Event { event, .. } if event.ended.is_none() => {
                open += 1;
                view.stop();
            }
            Report::Event { .. } => open -= 1,
            Report::Frame { .. } => {}
            Report::Finished { .. } => break,
        }
    }
    assert_eq!(open, 0, "every event that was begun is ended");
    pipeline.shutdown();
    runtime.block_on(farm.shutdown());
}

#[test]
fn where_nothing_moves_access_units_gather_and_none_is_forgotten() {
    let (runtime, folder) = (runtime(), tempfile::tempdir().expect("a folder"));
    let clip = folder.path().join("nobody.mp4");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "color=gray:s=320x180:r=10:d=4"]);
    ffmpeg.args(["-c:v", "libx264", "-profile:v", "baseline", "-g", "20"]).arg(&clip);
    assert!(ffmpeg.status().expect("these tests need ffmpeg: cargo xtask setup installs it").success());
    let builder = Farm::builder().clip(clip).cameras(1);
    let farm = runtime.block_on(builder.start()).expect("the farm starts");

    let (mut pipeline, _reports) = start(ONE_CORE, &runtime);
    let settings = settings(&farm).into_iter().map(|camera| CameraSettings { gating: Gating::Motion, ..camera });
    pipeline.apply(settings.collect()).expect("the camera is taken");
    let view = pipeline.view();
    let (mut most, mut seen) = (0, 0);
    while most < 2 || seen < 20 {
        std::thread::yield_now();
        view.cameras(|_, status, ledger, depth| {
            most = if status.rung == Rung::Still { depth.max(most) } else { most };
            seen = ledger.decode.dropped(DropReason::Still);
        });
    }
    pipeline.shutdown();
    view.cameras(|_, _, ledger, _| {
        assert_eq!((ledger.decode.in_flight(), ledger.decode.dropped(DropReason::QueueFull)), (0, 0));
    });
    runtime.block_on(farm.shutdown());
}
