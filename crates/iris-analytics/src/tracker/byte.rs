//! ByteTrack: boxes of low score are matched, too, after those of high score.

use iris_core::{CameraId, Detections, Epoch, Moment, Tracks};

use super::Tracker;
use super::profile::Profile;
use super::scene::Scene;
use super::target::{Seen, Target};

/// Overlaps below these make no pair: of a followed target with a box of high score (ByteTrack §4.1) and of low score,
/// and of a target that is not confirmed.
const MIN_IOU: f32 = 0.2;
const MIN_IOU_LOW: f32 = 0.5;
const MIN_IOU_NEW: f32 = 0.3;

/// ByteTrack (Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box", ECCV 2022,
/// algorithm 1), by overlap alone.
pub(super) struct ByteTrack {
    scene: Scene,
}

impl ByteTrack {
    pub(super) fn new(camera: CameraId, epoch: Epoch, profile: Profile) -> Self {
        Self { scene: Scene::new(camera, epoch, profile) }
    }
}

impl Tracker for ByteTrack {
    fn update(&mut self, detections: &Detections) -> &Tracks {
        let scene = &mut self.scene;
        scene.begin(detections);
        scene.associate(|t| !t.is_tentative(), is_high, 1.0 - MIN_IOU, distance, |_, _| ());
        scene.associate(|t| !t.is_tentative(), |s| !is_high(s), 1.0 - MIN_IOU_LOW, distance, |_, _| ());
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
