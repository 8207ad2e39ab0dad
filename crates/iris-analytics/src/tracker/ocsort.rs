//! OC-SORT: what was observed counts for more than what was predicted.

use iris_core::{CameraId, Detections, Epoch, Moment, Tracks};

use super::Tracker;
use super::profile::Profile;
use super::scene::Scene;
use super::target::{Seen, Target, way};

/// Overlaps below these make no pair: of a followed target with a box of high score, and of low score, of its last
/// observation with a box, and of a target that is not confirmed.
const MIN_IOU: f32 = 0.25;
const MIN_IOU_LOW: f32 = 0.5;
const MIN_IOU_LAST: f32 = 0.5;
const MIN_IOU_NEW: f32 = 0.3;
/// What a consistent direction counts beside overlap (λ of OC-SORT §5.1).
const DIRECTION: f32 = 0.2;
/// Above any cost of an allowed pair: any pair is better than none.
const ANY: f32 = 2.0;

/// OC-SORT (Cao et al., "Observation-Centric SORT: Rethinking SORT for Robust Multi-Object Tracking", CVPR 2023) with
/// its observation-centric momentum, recovery and re-update, and with ByteTrack's second stage for boxes of low score.
pub(super) struct OcSort {
    scene: Scene,
}

impl OcSort {
    pub(super) fn new(camera: CameraId, epoch: Epoch, profile: Profile) -> Self {
        Self { scene: Scene::new(camera, epoch, profile) }
    }
}

impl Tracker for OcSort {
    fn update(&mut self, detections: &Detections) -> &Tracks {
        let scene = &mut self.scene;
        scene.begin(detections);
        scene.associate(|t| !t.is_tentative(), is_high, ANY, with_momentum, Target::re_update);
        scene.associate(|t| !t.is_tentative(), |s| !is_high(s), 1.0 - MIN_IOU_LOW, distance, Target::re_update);
        // Observation-centric recovery: what stood still or was hidden for a moment is where it was last seen.
        scene.associate(|t| !t.is_tentative(), is_high, 1.0 - MIN_IOU_LAST, from_last_seen, Target::re_update);
        scene.associate(Target::is_tentative, is_high, 1.0 - MIN_IOU_NEW, distance, |_, _| ());
        scene.finish()
    }

    fn end(&mut self, at: Moment) -> &Tracks {
        self.scene.end(at)
    }
}

fn is_high(seen: &Seen) -> bool {
    seen.is_high
}

fn distance(target: &Target, seen: &Seen) -> f32 {
    1.0 - target.shape().iou(&seen.shape) as f32
}

fn from_last_seen(target: &Target, seen: &Seen) -> f32 {
    1.0 - target.last_seen().iou(&seen.shape) as f32
}

fn with_momentum(target: &Target, seen: &Seen) -> f32 {
    let distance = distance(target, seen);
    if distance > 1.0 - MIN_IOU { f32::INFINITY } else { distance - DIRECTION * seen.score * consistency(target, seen) }
}

/// Observation-centric momentum (OC-SORT §4.2): how well the way to a detection agrees with the way so far; from 0.5,
/// the same direction, to -0.5, the opposite one.
fn consistency(target: &Target, seen: &Seen) -> f32 {
    let (so_far, next) = (target.heading(), way(target.last_seen(), &seen.shape));
    let lengths = so_far[0].hypot(so_far[1]) * next[0].hypot(next[1]);
    if lengths <= 0.0 {
        return 0.0;
    }
    let cosine = ((so_far[0] * next[0] + so_far[1] * next[1]) / lengths).clamp(-1.0, 1.0);
    (0.5 - cosine.acos() / std::f64::consts::PI) as f32
}
