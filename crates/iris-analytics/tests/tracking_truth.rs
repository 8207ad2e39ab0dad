//! Both trackers against true tracks: three sequences of MOTChallenge 2015 with two detectors each.

#![expect(clippy::unwrap_used, reason = "what fails to be made fails the test")]
#[path = "tracking_truth/metrics.rs"]
mod metrics;

use std::path::{Path, PathBuf};

use iris_analytics::mot::{Row, Scores, Sequence, parse, write};
use iris_analytics::{Profile, TrackerKind};
use iris_core::{CameraId, Epoch, Image, Rect};
use metrics::{Boxes, hota, idf1, mota};

/// Sequence, detector, and what each tracker must reach at least.
struct Floor {
    sequence: &'static str,
    detector: &'static str,
    /// MOTA, IDF1 and HOTA of ByteTrack, in percent.
    byte: [f64; 3],
    /// The same of OC-SORT.
    oc: [f64; 3],
}

/// What motmetrics 1.4.0 (MOTA, IDF1) and TrackEval 1.3.0 (HOTA) said of the tracks of `iris track`; the scores of
/// this test agreed with them to the last digit. `benches/mot/compare.py` repeats it, beside other trackers.
const FLOORS: [Floor; 6] = [
    Floor { sequence: "KITTI-17", detector: "acf", byte: [52.9, 70.4, 43.2], oc: [53.3, 70.7, 43.1] },
    Floor { sequence: "KITTI-17", detector: "frcnn", byte: [65.0, 75.7, 48.4], oc: [65.4, 76.1, 48.6] },
    Floor { sequence: "TUD-Campus", detector: "acf", byte: [51.5, 63.5, 40.9], oc: [52.4, 62.1, 41.1] },
    Floor { sequence: "TUD-Campus", detector: "frcnn", byte: [63.8, 76.0, 54.8], oc: [63.8, 76.2, 55.2] },
    Floor { sequence: "TUD-Stadtmitte", detector: "acf", byte: [63.1, 61.8, 38.9], oc: [62.2, 61.3, 39.8] },
    Floor { sequence: "TUD-Stadtmitte", detector: "frcnn", byte: [73.9, 80.3, 55.6], oc: [73.9, 80.0, 55.6] },
];

/// The data that tests may use but must not need.
fn shared() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let mot = std::env::var_os("IRIS_SHARED").map_or_else(beside, PathBuf::from).join("data/mot");
    mot.is_dir().then_some(mot)
}

fn read(folder: &Path, file: &str) -> String {
    std::fs::read_to_string(folder.join(file)).unwrap()
}

fn boxes(rows: impl IntoIterator<Item = Row>) -> Boxes {
    let mut boxes = Boxes::new();
    for row in rows {
        boxes.entry(row.frame).or_default().push((row.id as u32, row.rect));
    }
    boxes
}

/// Runs a tracker over a detector's file, through text and back.
fn track(folder: &Path, detector: &str, kind: TrackerKind) -> Boxes {
    let (camera, epoch) = (CameraId::new("mot").unwrap(), Epoch::first(1));
    let sequence = Sequence::parse(&read(folder, "seqinfo.ini")).unwrap();
    let rows = parse(&read(folder, &format!("det_{detector}.txt"))).unwrap();
    let scores = if detector == "acf" { Scores::ACF } else { Scores::Probability };
    let (mut tracker, mut text) = (kind.build(camera, epoch, Profile::default()), String::new());
    for frame in sequence.detections(rows, scores, camera, epoch) {
        write(tracker.update(&frame.unwrap()), &mut text).unwrap();
    }
    boxes(parse(&text).unwrap())
}

#[test]
fn the_trackers_reach_what_is_documented() {
    let Some(mot) = shared() else {
        println!("not run: the_trackers_reach_what_is_documented: no folder shared/data/mot");
        return;
    };
    for floor in FLOORS {
        let folder = mot.join(floor.sequence);
        let truth = boxes(parse(&read(&folder, "gt.txt")).unwrap().into_iter().filter(|row| row.score > 0.0));
        for (kind, floors) in [(TrackerKind::ByteTrack, floor.byte), (TrackerKind::OcSort, floor.oc)] {
            let found = track(&folder, floor.detector, kind);
            let scores = [mota(&truth, &found), idf1(&truth, &found), hota(&truth, &found)].map(|s| 100.0 * s);
            println!("{} {} {kind}: {scores:.1?}", floor.sequence, floor.detector);
            for (score, least) in scores.into_iter().zip(floors) {
                assert!(
                    score >= least - 0.05,
                    "{} {} {kind}: {scores:.1?}, not {floors:?}",
                    floor.sequence,
                    floor.detector
                );
            }
        }
    }
}

fn at(x: f32) -> Rect<Image> {
    Rect::new(x, 0.0, x + 10.0, 20.0)
}

/// One object that goes on for ten frames, found as these identities; 0 for not found.
fn scores_of(ids: [u32; 10]) -> [f64; 3] {
    let truth: Boxes = (1..=10).map(|f| (f, vec![(1, at(f as f32))])).collect();
    let found = (1..=10).zip(ids).filter(|(_, id)| *id > 0).map(|(f, id)| (f, vec![(id, at(f as f32))])).collect();
    [mota(&truth, &found), idf1(&truth, &found), hota(&truth, &found)]
}

#[test]
fn the_scores_are_what_can_be_worked_out_by_hand() {
    let near = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
    assert!(near(scores_of([1; 10]), [1.0; 3]));
    assert!(near(scores_of([0; 10]), [0.0; 3]));
    // Half is missed: recall 1/2, and association of what is found 1/2.
    assert!(near(scores_of([1, 1, 1, 1, 1, 0, 0, 0, 0, 0]), [0.5, 2.0 / 3.0, 0.5]));
    // One change of identity in the middle: all found, each half associated with half.
    assert!(near(scores_of([1, 1, 1, 1, 1, 2, 2, 2, 2, 2]), [0.9, 0.5, 0.5f64.sqrt()]));
}

#[test]
fn a_box_that_overlaps_by_a_third_is_both_missed_and_false() {
    let truth: Boxes = [(1, vec![(1, at(0.0))])].into();
    let found: Boxes = [(1, vec![(1, at(5.0))])].into();
    assert_eq!((mota(&truth, &found), idf1(&truth, &found)), (-1.0, 0.0));
    // HOTA still counts it at the overlaps 0.05 to 0.3, six of nineteen.
    assert!((hota(&truth, &found) - 6.0 / 19.0).abs() < 1e-6);
}
