//! What a tracker costs a frame, by how many objects there are. One core; the time of a whole film over its frames.

use divan::Bencher;
use divan::counter::ItemsCount;
use iris_analytics::{Profile, TrackerKind};
use iris_core::{CameraId, ClassId, Detections, Epoch, FrameKey, MediaTime, Moment, Rect, Size};

/// Frames of a film, at 25 a second.
const FRAMES: u64 = 250;

fn main() {
    divan::main();
}

/// Objects that cross each other's ways, each missed in one frame of ten and half seen in another one.
fn film(camera: CameraId, epoch: Epoch, objects: u64) -> Vec<Detections> {
    let frame = |i: u64| {
        let there = (0..objects).filter(|o| !(i + 3 * o).is_multiple_of(10));
        let place = |o: u64| {
            let phase = i as f32 / 40.0 + o as f32;
            Rect::from_center(640.0 + 500.0 * phase.sin(), 100.0 + (o * 53 % 500) as f32, 50.0, 120.0)
        };
        let boxes: Vec<_> = there.clone().map(place).collect();
        let scores = there.map(|o| if (i + o) % 10 == 5 { 0.4 } else { 0.9 }).collect();
        let classes = vec![ClassId(0); boxes.len()];
        let at = Moment { media: MediaTime::from_millis(i as i64 * 40), wall: None };
        Detections::new(FrameKey { camera, epoch, seq: i }, at, Size::new(1280, 720), boxes, scores, classes)
    };
    (0..FRAMES).map(|i| frame(i).expect("the film's boxes are in order")).collect()
}

fn run(bencher: Bencher, kind: TrackerKind, objects: u64) {
    let (camera, epoch) = (CameraId::new("bench").expect("a good name"), Epoch::first(1));
    let film = film(camera, epoch, objects);
    bencher
        .counter(ItemsCount::new(FRAMES))
        .with_inputs(|| kind.build(camera, epoch, Profile::default()))
        .bench_local_values(|mut tracker| film.iter().map(|frame| tracker.update(frame).live.len()).sum::<usize>());
}

/// 250 frames with ByteTrack.
#[divan::bench(args = [1, 10, 100, 500], sample_count = 20)]
fn bytetrack(bencher: Bencher, objects: u64) {
    run(bencher, TrackerKind::ByteTrack, objects);
}

/// 250 frames with OC-SORT.
#[divan::bench(args = [1, 10, 100, 500], sample_count = 20)]
fn ocsort(bencher: Bencher, objects: u64) {
    run(bencher, TrackerKind::OcSort, objects);
}
