//! A tracker that is warm allocates nothing.

#![expect(clippy::unwrap_used, reason = "what fails to be made fails the test")]

use allocation_counter::measure;
use iris_analytics::{Profile, TrackerKind};
use iris_core::{CameraId, ClassId, Detections, Epoch, FrameKey, MediaTime, Moment, Rect, Size};

/// People who walk to and fro, one of whom is hidden every now and then and one of whom comes and goes.
fn film(camera: CameraId, epoch: Epoch) -> Vec<Detections> {
    let frame = |i: u64| {
        let visible = |person: u64| match person {
            0 => i % 40 > 6,
            1 => i % 120 < 50,
            _ => true,
        };
        let people = (0..12u64).filter(|&p| visible(p));
        let x = |p: u64| 100.0 + 90.0 * p as f32 + 40.0 * ((i + p) as f32 / 15.0).sin();
        let boxes: Vec<_> = people.clone().map(|p| Rect::from_center(x(p), 300.0, 50.0, 120.0)).collect();
        let scores = people.map(|p| if (i + p).is_multiple_of(5) { 0.4 } else { 0.9 }).collect();
        let classes = vec![ClassId(0); boxes.len()];
        let at = Moment { media: MediaTime::from_millis(i as i64 * 40), wall: None };
        Detections::new(FrameKey { camera, epoch, seq: i }, at, Size::new(1280, 720), boxes, scores, classes).unwrap()
    };
    (0..600).map(frame).collect()
}

#[test]
fn nothing_is_allocated_once_warm() {
    let (camera, epoch) = (CameraId::new("yard").unwrap(), Epoch::first(1));
    let film = film(camera, epoch);
    let (warm_up, rest) = film.split_at(240);
    for kind in TrackerKind::ALL {
        let mut tracker = kind.build(camera, epoch, Profile::default());
        let cold = measure(|| assert!(tracker.update(&warm_up[0]).ended.is_empty()));
        assert!(cold.count_total > 0, "the counter counts");
        for frame in &warm_up[1..] {
            tracker.update(frame);
        }
        let mut ended = 0;
        let warm = measure(|| ended = rest.iter().map(|frame| tracker.update(frame).ended.len()).sum());
        assert_eq!(warm.count_total, 0, "{kind}");
        assert!(ended > 0, "{kind}: tracks begin and end in the film");
    }
}
