//! Both trackers on scenes whose truth is known because they are made here.

#![expect(clippy::unwrap_used, reason = "what fails to be made fails the test")]

use std::collections::BTreeSet;

use iris_analytics::{ClassGroups, Profile, Tracker, TrackerKind};
use iris_core::{
    CameraId, ClassId, Detections, Epoch, FrameKey, Image, MediaTime, Moment, Rect, Size, Track, TrackState, Tracks,
};
use proptest::prelude::*;

const SIZE: Size = Size::new(1280, 720);
const PERSON: ClassId = ClassId(0);
const CAR: ClassId = ClassId(2);
const TRUCK: ClassId = ClassId(7);

type Seen = (Rect<Image>, f32, ClassId);

fn camera() -> CameraId {
    CameraId::new("yard").unwrap()
}

fn moment(seconds: f64) -> Moment {
    Moment { media: MediaTime::from_90khz((seconds * 90_000.0).round() as i64), wall: None }
}

fn frame(epoch: Epoch, seq: u64, seconds: f64, seen: &[Seen]) -> Detections {
    let key = FrameKey { camera: camera(), epoch, seq };
    let (boxes, rest): (Vec<_>, Vec<_>) = seen.iter().map(|s| (s.0, (s.1, s.2))).unzip();
    let (scores, classes) = rest.into_iter().unzip();
    Detections::new(key, moment(seconds), SIZE, boxes, scores, classes).unwrap()
}

/// A tracker and the count of its frames.
struct Stage {
    tracker: Box<dyn Tracker>,
    epoch: Epoch,
    seq: u64,
}

impl Stage {
    fn new(kind: TrackerKind) -> Self {
        let epoch = Epoch::first(1);
        Self { tracker: kind.build(camera(), epoch, Profile::default()), epoch, seq: 0 }
    }

    fn see(&mut self, seconds: f64, seen: &[Seen]) -> &Tracks {
        self.seq += 1;
        self.tracker.update(&frame(self.epoch, self.seq - 1, seconds, seen))
    }

    /// Shows objects at these times and returns the ids under which each was confirmed.
    fn film(&mut self, times: &[f64], objects: &[&dyn Fn(f64) -> Option<Seen>]) -> Vec<BTreeSet<u32>> {
        let mut ids = vec![BTreeSet::new(); objects.len()];
        for &t in times {
            let seen: Vec<_> = objects.iter().map(|object| object(t)).collect();
            let tracks = self.see(t, &seen.iter().copied().flatten().collect::<Vec<_>>());
            for track in confirmed(tracks) {
                let overlap = |o: usize| seen[o].map_or(0.0, |s| s.0.iou(&track.rect));
                let nearest = (0..objects.len()).max_by(|&a, &b| overlap(a).total_cmp(&overlap(b))).unwrap();
                ids[nearest].insert(track.id.n);
            }
        }
        ids
    }
}

fn confirmed(tracks: &Tracks) -> impl Iterator<Item = &Track> {
    tracks.live.iter().filter(|t| t.state == TrackState::Confirmed)
}

fn times(rate: f64, seconds: f64) -> Vec<f64> {
    (0..(rate * seconds) as u32).map(|i| f64::from(i) / rate).collect()
}

/// A person who walks at `speed` pixels a second from `x` at time 0, with the wobble of a detector.
fn walker(x: f64, y: f64, speed: f64) -> impl Fn(f64) -> Option<Seen> {
    move |t| {
        let wobble = ((t * 37.0 + x).sin() * 1.5) as f32;
        let centre = (x + speed * t) as f32 + wobble;
        Some((Rect::from_center(centre, y as f32 - wobble, 50.0 + wobble, 120.0), 0.9, PERSON))
    }
}

fn one(id: u32) -> BTreeSet<u32> {
    BTreeSet::from([id])
}

#[test]
fn ids_hold_through_a_crossing() {
    for kind in TrackerKind::ALL {
        let (right, left) = (walker(200.0, 300.0, 100.0), walker(900.0, 310.0, -100.0));
        let (mut stage, when) = (Stage::new(kind), times(25.0, 6.0));
        // Where they cover each other, which of them is nearer is a matter of chance: the ends are compared.
        let parts = [&when[..50], &when[50..100], &when[100..]];
        let [start, _, end] = parts.map(|part| stage.film(part, &[&right, &left]));
        assert_eq!((&start, &end), (&vec![one(1), one(2)], &start), "{kind}");
    }
}

#[test]
fn an_id_holds_through_half_a_second_out_of_sight() {
    for kind in TrackerKind::ALL {
        let walk = walker(200.0, 300.0, 120.0);
        let hidden = |t: f64| (2.0..2.5).contains(&t);
        let mut stage = Stage::new(kind);
        for t in times(25.0, 5.0) {
            let truth = walk(t).unwrap();
            let tracks = stage.see(t, if hidden(t) { &[] } else { std::slice::from_ref(&truth) });
            let [track] = tracks.live[..] else { panic!("{kind} at {t}: {:?}", tracks.live) };
            assert_eq!(track.id.n, 1, "{kind} at {t}");
            assert_eq!(track.state == TrackState::Lost, hidden(t), "{kind} at {t}");
            assert!(track.rect.iou(&truth.0) > 0.6, "{kind} at {t}: {:?} for {:?}", track.rect, truth.0);
            assert_eq!(track.last == moment(t), !hidden(t));
        }
    }
}

#[test]
fn ids_hold_when_frames_are_missing() {
    for kind in TrackerKind::ALL {
        let mut dice = 7u32;
        let mut kept = times(25.0, 8.0);
        kept.retain(|_| {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            dice >> 24 > 100
        });
        assert!(kept.len() < 150, "{} of 200 frames are left", kept.len());
        let ids = Stage::new(kind).film(&kept, &[&walker(100.0, 200.0, 130.0), &walker(1200.0, 420.0, -130.0)]);
        assert_eq!(ids, [one(1), one(2)], "{kind}");
    }
}

#[test]
fn ids_hold_when_the_rate_changes() {
    for kind in TrackerKind::ALL {
        let mut when = times(25.0, 2.0);
        when.extend(times(5.0, 2.0).iter().map(|t| t + 2.0));
        when.extend(times(12.5, 2.0).iter().map(|t| t + 4.0));
        let ids = Stage::new(kind).film(&when, &[&walker(100.0, 200.0, 90.0), &walker(900.0, 420.0, -90.0)]);
        assert_eq!(ids, [one(1), one(2)], "{kind}");
    }
}

#[test]
fn a_camera_slower_than_the_limit_of_lost_tracks_has_tracks() {
    for kind in TrackerKind::ALL {
        let parked = |_| Some((Rect::new(100.0, 100.0, 300.0, 200.0), 0.8, CAR));
        assert_eq!(Stage::new(kind).film(&times(0.25, 60.0), &[&parked]), [one(1)], "{kind}");
    }
}

#[test]
fn a_person_before_a_car_is_not_the_car() {
    for kind in TrackerKind::ALL {
        let walk = |t: f64| Some((Rect::from_center(200.0 + 100.0 * t as f32, 300.0, 90.0, 120.0), 0.9, PERSON));
        // The car is about as large, and disappears when the person covers it.
        let car = |t: f64| (t < 2.0).then_some((Rect::from_center(400.0, 300.0, 100.0, 118.0), 0.9, CAR));
        let mut stage = Stage::new(kind);
        for t in times(25.0, 4.0) {
            let seen: Vec<_> = [walk(t), car(t)].into_iter().flatten().collect();
            for track in &stage.see(t, &seen).live {
                let expected = if track.id.n == 1 { PERSON } else { CAR };
                assert_eq!(track.class, expected, "{kind} at {t}");
                assert!(track.id.n <= 2, "{kind} at {t}");
            }
        }
    }
}

#[test]
fn a_truck_that_is_sometimes_a_car_is_one_track() {
    let names = ["person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck"];
    for kind in TrackerKind::ALL {
        let drive = |i: u64| {
            let (score, class) = if i % 3 == 1 { (0.7, CAR) } else { (0.8, TRUCK) };
            [(Rect::from_center(100.0 + 6.0 * i as f32, 300.0, 160.0, 90.0), score, class)]
        };
        let epoch = Epoch::first(1);
        let mut tracker =
            kind.build(camera(), epoch, Profile { groups: ClassGroups::by_name(names), ..Profile::default() });
        for i in 0..60 {
            let tracks = tracker.update(&frame(epoch, i, i as f64 / 25.0, &drive(i)));
            assert_eq!(tracks.live.len(), 1, "{kind}: {:?}", tracks.live);
            assert_eq!((tracks.live[0].id.n, tracks.live[0].class), (1, TRUCK), "{kind}");
        }
        let mut apart = kind.build(camera(), epoch, Profile::default());
        let most = (0..60).map(|i| apart.update(&frame(epoch, i, i as f64 / 25.0, &drive(i))).live.len()).max();
        assert!(most > Some(1), "{kind} joined classes that nobody called alike");
    }
}

#[test]
fn one_thing_that_the_detector_names_twice_is_one_track() {
    let names = ["person", "bicycle", "car", "motorcycle", "plane", "bus", "train", "truck"];
    let twice = |x: f32| {
        let (car, truck) = (Rect::new(x, 100.0, x + 100.0, 200.0), Rect::new(x + 5.0, 98.0, x + 105.0, 200.0));
        // A driver is not what he drives, and a car beside is another.
        let (driver, beside) = (Rect::new(x, 100.0, x + 98.0, 200.0), Rect::new(x + 60.0, 100.0, x + 160.0, 200.0));
        [(truck, 0.7, TRUCK), (car, 0.8, CAR), (driver, 0.9, PERSON), (beside, 0.7, CAR)]
    };
    for kind in TrackerKind::ALL {
        let epoch = Epoch::first(1);
        let mut tracker =
            kind.build(camera(), epoch, Profile { groups: ClassGroups::by_name(names), ..Profile::default() });
        for i in 0..5 {
            let tracks = tracker.update(&frame(epoch, i, i as f64 / 10.0, &twice(200.0 + 3.0 * i as f32)));
            let classes: Vec<_> = tracks.live.iter().map(|track| track.class).collect();
            assert_eq!(classes, [CAR, PERSON, CAR], "{kind}");
        }
    }
}

#[test]
fn the_life_of_a_track() {
    use TrackState::{Confirmed, Lost, Tentative};
    for kind in TrackerKind::ALL {
        let mut stage = Stage::new(kind);
        let here = [(Rect::new(100.0, 100.0, 150.0, 220.0), 0.9, PERSON)];
        let state = |tracks: &Tracks| tracks.live.first().map(|t| t.state);
        assert_eq!(state(stage.see(0.0, &[])), None);
        assert_eq!(state(stage.see(0.1, &here)), Some(Tentative));
        assert_eq!(state(stage.see(0.2, &[])), Some(Tentative));
        assert_eq!(state(stage.see(0.3, &here)), Some(Confirmed), "{kind}: two of three");
        assert_eq!(state(stage.see(0.4, &[])), Some(Lost));
        assert_eq!(state(stage.see(2.3, &[])), Some(Lost));
        let tracks = stage.see(2.4, &[]);
        assert_eq!((tracks.live.len(), tracks.ended.len()), (0, 1), "{kind}");
        let ended = tracks.ended[0];
        assert_eq!((ended.id.n, ended.first, ended.last), (1, moment(0.1), moment(0.3)));
        assert_eq!(stage.see(2.5, &[]).ended, [], "it is told once");
        assert_eq!(stage.see(2.6, &here).live[0].id.n, 2, "{kind} used an id twice");
    }
}

#[test]
fn what_flashes_up_once_is_never_believed() {
    for kind in TrackerKind::ALL {
        let mut stage = Stage::new(kind);
        stage.see(0.0, &[]);
        let flash = [(Rect::new(100.0, 100.0, 150.0, 220.0), 0.9, PERSON)];
        assert_eq!(stage.see(0.04, &flash).live[0].state, TrackState::Tentative);
        let told: Vec<_> = times(25.0, 4.0).iter().flat_map(|t| stage.see(0.08 + t, &[]).ended.clone()).collect();
        assert_eq!(told, []);
        assert_eq!(stage.see(5.0, &[]).live, []);
    }
}

#[test]
fn what_the_first_frame_shows_is_believed_at_once() {
    for kind in TrackerKind::ALL {
        let mut stage = Stage::new(kind);
        let here = [(Rect::new(100.0, 100.0, 150.0, 220.0), 0.9, PERSON)];
        assert_eq!(stage.see(3.0, &here).live[0].state, TrackState::Confirmed, "{kind}");
    }
}

#[test]
fn boxes_of_low_score_carry_a_track_and_begin_none() {
    for kind in TrackerKind::ALL {
        let weak = |t| walker(200.0, 300.0, 60.0)(t).map(|s| (s.0, if t < 1.0 { 0.9 } else { 0.3 }, s.2));
        let ghost = |t| walker(200.0, 600.0, 60.0)(t).map(|s| (s.0, 0.3, s.2));
        let ids = Stage::new(kind).film(&times(25.0, 4.0), &[&weak, &ghost]);
        assert_eq!(ids, [one(1), BTreeSet::new()], "{kind}");
    }
}

#[test]
fn an_end_lists_the_confirmed_tracks_and_a_new_connection_does_it_by_itself() {
    for kind in TrackerKind::ALL {
        let mut stage = Stage::new(kind);
        let person = |x| (Rect::from_center(x, 300.0, 50.0, 120.0), 0.9, PERSON);
        stage.see(0.0, &[person(100.0), person(300.0)]);
        stage.see(0.1, &[person(100.0), person(300.0), person(500.0)]);
        let tracks = stage.tracker.end(moment(0.2));
        let ids = |tracks: &[Track]| tracks.iter().map(|t| t.id.n).collect::<Vec<_>>();
        assert_eq!((ids(&tracks.ended), tracks.at, tracks.live.len()), (vec![1, 2], moment(0.2), 0), "{kind}");
        assert_eq!(stage.tracker.end(moment(0.3)).ended, [], "{kind} ended them twice");
        assert_eq!(ids(&stage.see(0.4, &[person(100.0)]).live), [4], "{kind} used an id twice");

        (stage.epoch, stage.seq) = (stage.epoch.next(), 0);
        let tracks = stage.see(0.5, &[person(100.0)]);
        assert_eq!((ids(&tracks.ended), ids(&tracks.live)), (vec![4], vec![1]), "{kind}");
        assert_eq!(tracks.live[0].id.epoch, Epoch::first(1).next());
        assert_eq!(tracks.ended[0].id.epoch, Epoch::first(1));
    }
}

#[test]
fn the_best_picture_is_large_sure_and_whole() {
    for kind in TrackerKind::ALL {
        let mut stage = Stage::new(kind);
        let mut best_after = |seconds, x0, width: f32, score| {
            let rect = Rect::new(x0, 300.0, x0 + width, 420.0);
            stage.see(seconds, &[(rect, score, PERSON)]).live[0].best.at
        };
        assert_eq!(best_after(0.0, 0.0, 60.0, 0.9), moment(0.0));
        assert_eq!(best_after(0.1, 20.0, 60.0, 0.7), moment(0.1), "smaller score, but not cut off by the border");
        assert_eq!(best_after(0.2, 25.0, 60.0, 0.72), moment(0.1), "hardly better");
        assert_eq!(best_after(0.3, 28.0, 60.0, 0.95), moment(0.3));
        assert_eq!(best_after(0.4, 30.0, 80.0, 0.95), moment(0.4), "larger");
        assert_eq!(best_after(0.5, 30.0, 85.0, 0.6), moment(0.4));
    }
}

#[test]
fn five_hundred_and_none() {
    for kind in TrackerKind::ALL {
        let crowd = |t: f64| -> Vec<Seen> {
            let place = |i: u32| ((i % 25) as f32 * 50.0 + 25.0 + 20.0 * t as f32, (i / 25) as f32 * 35.0 + 20.0);
            (0..500).map(|i| (Rect::from_center(place(i).0, place(i).1, 20.0, 30.0), 0.9, PERSON)).collect()
        };
        let mut stage = Stage::new(kind);
        assert_eq!(stage.see(0.0, &[]).live, []);
        for t in times(10.0, 0.4) {
            stage.see(0.1 + t, &crowd(t));
        }
        let tracks = stage.see(0.5, &crowd(0.4));
        let ids: Vec<_> = confirmed(tracks).map(|t| t.id.n).collect();
        assert_eq!(ids, (1..=500).collect::<Vec<_>>(), "{kind}");
        assert!(stage.see(0.6, &[]).live.iter().all(|t| t.state == TrackState::Lost));
        assert_eq!(stage.see(60.0, &[]).ended.len(), 500);
    }
}

/// Numbers of every size, the largest included.
fn any_edge() -> impl Strategy<Value = f32> {
    prop_oneof![
        4 => 0.0f32..1280.0,
        1 => any::<f32>().prop_filter("a box is finite", |v| v.is_finite()),
        1 => prop_oneof![Just(f32::MAX), Just(f32::MIN), Just(0.0), Just(f32::MIN_POSITIVE)],
    ]
}

fn any_seen() -> impl Strategy<Value = Seen> {
    (any_edge(), any_edge(), any_edge(), any_edge(), 0.0f32..=1.0, 0u16..3).prop_map(|(a, b, c, d, score, class)| {
        (Rect::new(a.min(b), c.min(d), a.max(b), c.max(d)), score, ClassId(class))
    })
}

fn any_film() -> impl Strategy<Value = Vec<(i64, u8, Vec<Seen>)>> {
    let ticks = prop_oneof![8 => 0i64..20_000, 1 => Just(0i64), 1 => 0..i64::MAX / 64];
    prop::collection::vec((ticks, 0u8..20, prop::collection::vec(any_seen(), 0..8)), 1..30)
}

proptest! {
    #[test]
    fn whatever_comes_the_tracks_are_in_order(film in any_film()) {
        for kind in TrackerKind::ALL {
            let (mut epoch, mut ticks) = (Epoch::first(1), 0i64);
            let mut tracker = kind.build(camera(), epoch, Profile::default());
            let (mut gone, mut youngest) = (BTreeSet::new(), None);
            for (seq, (step, dice, seen)) in film.iter().enumerate() {
                ticks += step;
                epoch = if *dice == 0 { epoch.next() } else { epoch };
                let mut detections = frame(epoch, seq as u64, 0.0, seen);
                let at = Moment { media: MediaTime::from_90khz(ticks), wall: None };
                let (boxes, scores, classes) =
                    (detections.boxes().to_vec(), detections.scores().to_vec(), detections.classes().to_vec());
                detections = Detections::new(detections.key(), at, SIZE, boxes, scores, classes).unwrap();
                let tracks = tracker.update(&detections);
                for track in tracks.live.iter().chain(&tracks.ended) {
                    prop_assert!(track.rect.is_valid() && track.rect.width().is_finite(), "{kind}: {:?}", track.rect);
                    prop_assert!((0.0..=1.0).contains(&track.score));
                    prop_assert!(track.first.media <= track.last.media && track.last.media <= at.media);
                }
                prop_assert!(tracks.live.is_sorted_by(|a, b| a.id < b.id), "{kind}");
                for track in &tracks.live {
                    prop_assert!(!gone.contains(&track.id) && track.id.epoch == epoch, "{kind}");
                    youngest = youngest.max(Some(track.id));
                }
                for track in &tracks.ended {
                    prop_assert!(track.state != TrackState::Tentative);
                    prop_assert!(Some(track.id) <= youngest && gone.insert(track.id), "{kind} ended it twice");
                }
            }
        }
    }
}
