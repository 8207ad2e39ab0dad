//! Viewers and recordings beside a running pipeline: what they see, and that the camera does not notice.

mod common;

use std::task::{Context, Poll, Waker};

use common::{ONE_CORE, TWO_CORES, camera, runtime, start, testdata};
use iris_core::{CameraId, Clock, DropReason, MediaTime, Packet};
use iris_flow::fanout::Next;
use iris_ingest::State;
use iris_pipeline::{BEFORE, Live, Pace, Pipeline, Recording, Report, Sight, Stages, still};
use iris_sim::Farm;
use tokio::runtime::Runtime;

fn yard() -> CameraId {
    CameraId::new("yard").expect("a valid id")
}

/// A replay of the project's clip that has come to its end: 80 frames, 10 a second, a key frame every two seconds.
fn replayed(runtime: &Runtime) -> (Pipeline, Live, Vec<Report>) {
    let (mut pipeline, reports) = start(ONE_CORE, runtime);
    let clip = testdata("golden/blobs.mp4").display().to_string();
    pipeline.apply(vec![camera("yard", &clip, Pace::Replay, Vec::new())]).expect("the camera is taken");
    let live = pipeline.view().watch(yard()).expect("there is such a camera");
    let mut all = Vec::new();
    while !matches!(all.last(), Some(Report::Finished { .. })) {
        all.push(reports.recv().expect("the pipeline runs"));
    }
    (pipeline, live, all)
}

/// What a viewer could have now.
fn now(live: &mut Live) -> Option<Sight> {
    let next = std::pin::pin!(live.next());
    match next.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(sight) => sight,
        Poll::Pending => None,
    }
}

fn recorded(mut recording: Recording) -> Vec<Packet> {
    let mut packets = Vec::new();
    while let Poll::Ready(Some(next)) = recording.poll_next(&mut Context::from_waker(Waker::noop())) {
        match next {
            Next::Unit(packet) => packets.push(packet),
            Next::Missed(n) => panic!("{n} access units are missing"),
        }
    }
    packets
}

#[test]
fn a_viewer_that_slept_is_told_what_it_missed_and_the_camera_lost_nothing() {
    let runtime = runtime();
    let (pipeline, mut live, _) = replayed(&runtime);
    let (mut missed, mut seen, mut sightings) = (0, Vec::new(), 0);
    while let Some(sight) = now(&mut live) {
        match sight {
            Sight::State(state) => assert_eq!(state, State::Ended),
            Sight::Missed(n) => missed += n,
            Sight::Packet(packet) => seen.push((packet.key.seq, packet.is_key)),
            Sight::Tracks(_) => sightings += 1,
        }
    }
    assert_eq!(missed + seen.len() as u64, 80, "every frame is seen or told as missed");
    assert!(missed > 0 && seen[0].1, "{missed} missed, goes on at {:?}", seen[0]);
    assert_eq!(sightings, 32, "the newest of the tracks");
    pipeline.view().cameras(|_, _, ledger, _| {
        for (stage, count) in Stages::of(ledger) {
            assert_eq!(count.emitted(), 80, "{stage}");
            assert!(DropReason::ALL.iter().all(|reason| count.dropped(*reason) == 0), "{stage}");
        }
    });
    // It is told when the camera is removed, which its analytics thread may be the last to hear of.
    let mut pipeline = pipeline;
    pipeline.apply(Vec::new()).expect("nothing is wanted any more");
    assert!(runtime.block_on(live.next()).is_none());
    pipeline.shutdown();
}

#[test]
fn an_event_brings_what_was_sent_before_it() {
    let runtime = runtime();
    let (pipeline, _, reports) = replayed(&runtime);
    let mut recordings = 0;
    for report in reports {
        let Report::Event { event, recording, .. } = report else { continue };
        assert_eq!(recording.is_some(), event.ended.is_none(), "each event is recorded once");
        let Some(recording) = recording else { continue };
        let packets = recorded(recording);
        let since = event.started.media.since(MediaTime::ZERO).saturating_sub(BEFORE);
        assert!(packets[0].is_key && packets[0].dts <= MediaTime::ZERO + since, "{} starts late", event.id);
        assert!(packets.windows(2).all(|two| two[1].key.seq == two[0].key.seq + 1), "{} has a hole", event.id);
        assert_eq!(packets.last().map(|packet| packet.key.seq), Some(79));
        recordings += 1;
    }
    assert_eq!(recordings, 3);
    pipeline.shutdown();
}

#[test]
fn a_live_camera_is_seen_with_its_tracks_in_step_and_as_a_still() {
    let runtime = runtime();
    let farm = runtime.block_on(Farm::builder().clip(testdata("golden/blobs.mp4")).start()).expect("the farm starts");
    let (mut pipeline, _reports) = start(TWO_CORES, &runtime);
    let mut settings = camera("yard", &farm.url(0), Pace::Live, Vec::new());
    settings.report_frames = false;
    pipeline.apply(vec![settings]).expect("the camera is taken");
    let mut live = pipeline.view().watch(yard()).expect("there is such a camera");
    assert!(pipeline.view().watch(CameraId::new("gone").expect("a valid id")).is_none());
    let (mut packets, mut states): (Vec<Packet>, Vec<&str>) = Default::default();
    let tracks = loop {
        match runtime.block_on(live.next()).expect("the camera is there") {
            Sight::State(state) => states.push(state.label()),
            Sight::Packet(packet) => packets.push(packet),
            Sight::Missed(n) => panic!("{n} missed by a viewer that reads"),
            Sight::Tracks(tracks) if !tracks.live.is_empty() => break tracks,
            Sight::Tracks(_) => {}
        }
    };
    assert_eq!(states.last(), Some(&"live"));
    assert!(packets[0].is_key);
    assert!(packets.iter().any(|packet| packet.key == tracks.key && packet.at.media == tracks.at.media));
    assert_eq!(live.classes().len(), pipeline.view().models()[0].classes.len());
    let newest = pipeline.view().newest(yard()).expect("there is such a camera");
    let clock = iris_core::clock::SystemClock::new();
    let frame = still(&newest, clock.mono()).expect("a picture");
    assert_eq!(Some(frame.at.media), newest.iter().map(|packet| packet.at.media).max());
    pipeline.shutdown();
    runtime.block_on(farm.shutdown());
}
