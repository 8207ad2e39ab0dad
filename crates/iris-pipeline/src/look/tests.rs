//! Which frames of a clip the model is asked to look at: real H.264 through the decoder and the gate.

use std::cell::RefCell;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use iris_analytics::SizeGate;
use iris_core::clock::ManualClock;
use iris_core::{CameraId, Epoch, Item, MediaTime};
use iris_decode::{FramePool, Limits};
use iris_infer::Model;
use iris_ingest::{CameraStream, Limits as IngestLimits, Output, Source, SourceUrl, Transport};

use super::*;
use crate::ladder::Rung;

/// Looks a second where nothing moves.
const NOW_AND_THEN: f32 = 1.0 / 3.9;

/// Ten frames a second with a key frame every second one: eight seconds of grey, across which a box walks from second 4.5 on.
fn walker() -> Vec<Packet> {
    clip("if(lt(t,4.45),-100,(t-4.5)*50)")
}

/// The same without the box.
fn nobody() -> Vec<Packet> {
    clip("-100")
}

fn clip(x: &str) -> Vec<Packet> {
    encoded(x, &["-profile:v", "baseline"])
}

fn encoded(x: &str, how: &[&str]) -> Vec<Packet> {
    encode(&format!("color=gray:s=320x180:r=10:d=8[a];color=white:s=40x80:r=10:d=8[b];[a][b]overlay=x='{x}':y=60"), how)
}

fn encode(scene: &str, how: &[&str]) -> Vec<Packet> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("clip.mp4");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-loglevel", "error", "-filter_complex", scene]);
    ffmpeg.args(["-c:v", "libx264", "-g", "20", "-sc_threshold", "0"]).args(how).arg(&path);
    assert!(ffmpeg.status().expect("these tests need ffmpeg: cargo xtask setup installs it").success());
    demux(&path)
}

fn demux(path: &Path) -> Vec<Packet> {
    let url = SourceUrl::parse(path.to_str().expect("text")).expect("a path");
    let source = Source { url, transport: Transport::Auto, limits: IngestLimits::default() };
    let camera = CameraId::new("c").expect("an id");
    let mut stream = CameraStream::new(camera, Epoch::first(1), source, Arc::new(ManualClock::default()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut packets = Vec::new();
        loop {
            match stream.next().await {
                Output::Item(Item::Data(packet)) => packets.push(packet),
                Output::Item(Item::End) => return packets,
                _ => {}
            }
        }
    })
}

/// Notes which frames come, by their tenths of a second, and what rates are asked for.
#[derive(Default)]
struct Sink {
    attention: Attention,
    looks: RefCell<Vec<u64>>,
    rates: RefCell<Vec<f32>>,
}

impl LookSink for Sink {
    fn wants(&self, _at: MediaTime) -> bool {
        true
    }

    fn attention(&self) -> &Attention {
        &self.attention
    }

    fn pace(&self, rate_hz: f32) {
        self.rates.borrow_mut().push(rate_hz);
    }

    fn take(&self, look: Look) {
        self.looks.borrow_mut().push((look.frame.at.media.since(MediaTime::ZERO).as_secs_f64() * 10.0).round() as u64);
    }
}

/// An eye over the project's own model, what it is told, and its books.
struct Watch {
    eye: Eye,
    sink: Sink,
    count: StageCount,
}

impl Watch {
    fn new(gate: Option<Gate>) -> Self {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/models/blobs");
        let manifest = Model::open(&model).expect("a model").manifest;
        let eye = Eye::new(
            Decoder::new(FramePool::new(), Limits::default()),
            Preprocessor::new(&manifest).expect("a detector"),
            gate,
        );
        Self { eye, sink: Sink::default(), count: StageCount::default() }
    }

    fn see(&mut self, packets: &[Packet]) {
        for packet in packets {
            self.count.receive();
            self.eye.see(packet, false, &self.count, &ManualClock::default(), &self.sink);
        }
    }

    fn looks(&self) -> Vec<u64> {
        self.sink.looks.borrow().clone()
    }
}

#[test]
fn a_still_picture_is_looked_at_now_and_then() {
    let mut watch = Watch::new(Some(Gate::new(None)));
    watch.see(&nobody());
    assert_eq!(watch.looks(), [0, 40], "the first frame, and the key frame after four seconds");
    assert_eq!((watch.count.dropped(DropReason::Still), watch.count.in_flight()), (78, 0));
    assert_eq!(watch.sink.attention.rung(), Rung::Still);
    assert_eq!(
        *watch.sink.rates.borrow(),
        [NOW_AND_THEN; 2],
        "which is all that it asks the devices for, also before anything moved"
    );

    let mut watch = Watch::new(None);
    watch.see(&nobody());
    assert_eq!(watch.looks().len(), 80, "without a gate all are");
}

#[test]
fn what_walks_in_is_looked_at_from_its_first_frame_on() {
    let mut watch = Watch::new(Some(Gate::new(None)));
    watch.see(&walker());
    let walks = watch.looks().into_iter().find(|at| *at > 40).expect("a look");
    assert!((45..=47).contains(&walks), "{walks}");
    assert_eq!(watch.looks().len() as u64, 2 + 80 - walks, "and in every frame");
    assert_eq!(watch.sink.attention.rung(), Rung::Moving);
    assert_eq!(*watch.sink.rates.borrow(), [NOW_AND_THEN, NOW_AND_THEN, iris_analytics::demand::MOVING]);
}

#[test]
fn where_nothing_has_moved_for_long_pictures_are_not_deblocked_and_stay_still() {
    let still = "nullsrc=s=320x180:r=10:d=0.1,geq=lum='90+60*sin(X/9)*sin(Y/7)':cb=128:cr=128,loop=249:1:0";
    let noisy = format!("{still},noise=alls=16:allf=t:all_seed=7");
    let mut watch = Watch::new(Some(Gate::new(None)));
    let packets = encode(&noisy, &["-profile:v", "baseline", "-b:v", "60k", "-maxrate", "60k", "-bufsize", "60k"]);
    let deblocks = |watch: &Watch| watch.eye.gate.as_ref().is_some_and(Gate::wants_deblocking);
    watch.see(&packets[..100]);
    assert!(deblocks(&watch));
    watch.see(&packets[100..]);
    assert!(!deblocks(&watch));
    assert_eq!(watch.looks(), [0, 40, 80, 120, 160, 200, 240], "key frames that renew what had drifted do not move");
    // Whoever comes is seen as sharply as before.
    watch.see(&walker()[40..60]);
    assert!(deblocks(&watch));
}

#[test]
fn a_shed_camera_shows_key_frames_until_one_shows_motion_and_all_from_there_on() {
    let mut watch = Watch::new(Some(Gate::new(None)));
    watch.sink.attention.set_shed(Shed::WhileStill);
    watch.see(&walker());
    // The key frame of second six is the first that shows the box.
    let moving: Vec<u64> = (60..80).collect();
    assert_eq!(watch.looks(), [&[0], &*moving].concat());
    assert_eq!(watch.sink.attention.shed(), Shed::No, "another is shed instead");
    let (count, skipped) = (&watch.count, watch.count.dropped(DropReason::Skipped));
    assert_eq!((skipped, count.dropped(DropReason::Still), count.in_flight()), (57, 2, 0));
}

#[test]
fn a_camera_that_is_shed_no_more_gets_its_frames_back_at_a_key_frame() {
    let mut watch = Watch::new(Some(Gate::new(None)));
    let packets = nobody();
    watch.sink.attention.set_shed(Shed::WhileStill);
    watch.see(&packets[..30]);
    assert_eq!(watch.sink.attention.rung(), Rung::KeyFrames);
    watch.sink.attention.set_shed(Shed::No);
    watch.see(&packets[30..]);
    assert_eq!(watch.sink.attention.rung(), Rung::Still);
    let count = &watch.count;
    assert_eq!((count.dropped(DropReason::Skipped), count.dropped(DropReason::Still)), (38, 40));
    assert_eq!((count.dropped_total(), count.in_flight()), (78, 0));
    assert_eq!(watch.eye.decoder.counts().pushed, 80, "the group before the key frame is not decoded after all");
}

/// A gate whose sizes have passed their trial: something moved every two seconds for a minute.
fn trusting() -> Gate {
    let mut sizes = SizeGate::new(Duration::from_secs(50));
    for n in 0..600 {
        let (at, moves) = (MediaTime::from_millis(n * 100 - 60_000), n % 20 >= 15);
        sizes.note_size(if moves { 60 } else { 14 }, at);
        sizes.note_motion(moves, at);
    }
    assert!(sizes.is_trusted());
    Gate::new(Some(sizes))
}

#[test]
fn where_sizes_tell_only_key_frames_are_decoded_until_they_do() {
    let mut watch = Watch::new(Some(trusting()));
    watch.see(&walker());
    let walks = watch.looks().into_iter().find(|at| *at > 40).expect("a look");
    assert!((45..=47).contains(&walks), "with the group of pictures decoded that it came in: {:?}", watch.looks());
    assert_eq!(watch.looks().len() as u64, 2 + 80 - walks);
    let (count, skipped) = (&watch.count, watch.count.dropped(DropReason::Skipped));
    assert!(skipped >= 20, "{skipped}");
    assert_eq!((count.received(), count.in_flight()), (80, 0));
}

#[test]
fn everything_is_shed_where_that_is_not_enough() {
    let mut watch = Watch::new(Some(Gate::new(None)));
    watch.sink.attention.set_shed(Shed::Part(0));
    watch.see(&walker());
    assert_eq!(watch.looks(), [0, 60], "key frames, of which those with something to see are looked at");
    assert_eq!(watch.sink.attention.shed(), Shed::Part(0));
}

#[test]
fn of_cameras_that_move_the_beginning_of_each_group_is_decoded() {
    let mut watch = Watch::new(None);
    watch.sink.attention.set_shed(Shed::Part(128));
    watch.see(&walker());
    // How long a group is shows the first one, of twenty.
    let groups = [0..20, 20..30, 40..50, 60..70].map(Iterator::collect::<Vec<u64>>);
    assert_eq!(watch.looks(), groups.concat());
    assert_eq!((watch.count.dropped(DropReason::Skipped), watch.count.in_flight()), (30, 0));
}

#[test]
fn what_comes_too_late_is_left_out_up_to_the_next_key_frame() {
    let mut watch = Watch::new(None);
    for (n, packet) in (0..).zip(&walker()) {
        watch.count.receive();
        // Also a key frame, which the next ones need.
        let is_late = [25, 40].contains(&n);
        watch.eye.see(packet, is_late, &watch.count, &ManualClock::default(), &watch.sink);
    }
    assert_eq!(watch.looks(), (0..25).chain(40..80).collect::<Vec<u64>>());
    assert_eq!((watch.count.dropped(DropReason::Skipped), watch.count.in_flight()), (15, 0));
}

#[test]
fn what_a_decoder_holds_back_when_it_catches_up_is_booked_once() {
    let mut watch = Watch::new(Some(trusting()));
    // In decode order the first that shows the box comes three before its time.
    let packets = encoded("if(lt(t,4.45),-100,(t-4.5)*50)", &["-bf", "3", "-b_strategy", "0"]);
    for (seen, packet) in (0u64..).zip(&packets) {
        watch.see(std::slice::from_ref(packet));
        let Watch { count, .. } = &watch;
        assert!(count.emitted() + count.dropped_total() <= seen + 1, "after access unit {seen}");
    }
    watch.eye.end(&watch.count, &ManualClock::default(), &watch.sink);
    assert_eq!((watch.count.received(), watch.count.in_flight()), (80, 0));
    assert_eq!(watch.count.emitted(), watch.looks().len() as u64);
    assert!(watch.count.dropped(DropReason::Skipped) >= 20, "only key frames were decoded");
    let walks = watch.looks().into_iter().find(|at| *at > 40).expect("a look");
    assert!(walks < 55, "in the middle of a group: {:?}", watch.looks());
}

#[test]
fn a_frame_costs_no_allocation_once_warm() {
    let (still, moving) = (nobody(), walker());
    let mut watch = Watch::new(Some(Gate::new(None)));
    watch.sink.looks.borrow_mut().reserve(200);
    let cold = allocation_counter::measure(|| watch.see(&still[..20]));
    assert!(cold.count_total > 0, "the counter counts");
    let warm = allocation_counter::measure(|| watch.see(&still[20..39]));
    assert_eq!(warm.count_total, 0, "where nothing moves");
    // What moves is prepared for the model; the first times make the tensors.
    watch.see(&still[39..]);
    watch.see(&moving[..60]);
    let looks = watch.looks().len();
    let warm = allocation_counter::measure(|| watch.see(&moving[60..]));
    assert_eq!((warm.count_total, watch.looks().len()), (0, looks + 20), "where something moves");
}
