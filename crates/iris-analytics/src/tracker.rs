//! From detections to tracks: who is who from frame to frame.
//!
//! A tracker is a plain object: a frame's detections in, the tracks as they stand in it out. It reads the time off the
//! frames, so frames may be missing and rates may vary. It allocates nothing per frame once its buffers have grown.
//! What the tracks mean is for the rules; pictures and files are not its business.
//!
//! - `scene`: the targets of a camera and the life of a track, the same for all trackers,
//! - `target`: one followed object,
//! - `byte` and `ocsort`: how targets and detections are matched,
//! - `profile` and `classes`: what is to be known of the detector.

mod byte;
mod classes;
mod ocsort;
mod profile;
mod scene;
mod target;

use iris_core::{CameraId, Detections, Epoch, Moment, Tracks};

pub use classes::ClassGroups;
pub use profile::Profile;

/// Follows what a detector sees through the frames of one camera.
pub trait Tracker: Send {
    /// Takes in the next frame and says how the tracks stand in it: confirmed ones where they were just seen, lost ones
    /// where they are predicted, tentative ones that may become something. A frame of another connection ends all
    /// tracks of the one before.
    fn update(&mut self, detections: &Detections) -> &Tracks;

    /// Ends all tracks, because the connection or the stream has ended, and lists the confirmed ones.
    fn end(&mut self, at: Moment) -> &Tracks;
}

/// The trackers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TrackerKind {
    /// Matches by overlap, boxes of high score first and those of low score after.
    ByteTrack,
    /// The same, and by direction, by the last place seen, and with a filter that is corrected after an occlusion.
    #[default]
    OcSort,
}

impl TrackerKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::ByteTrack, Self::OcSort];

    /// Makes one for a camera and the detector that looks at it.
    pub fn build(self, camera: CameraId, epoch: Epoch, profile: Profile) -> Box<dyn Tracker> {
        match self {
            Self::ByteTrack => Box::new(byte::ByteTrack::new(camera, epoch, profile)),
            Self::OcSort => Box::new(ocsort::OcSort::new(camera, epoch, profile)),
        }
    }
}

impl std::fmt::Display for TrackerKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::ByteTrack => "bytetrack",
            Self::OcSort => "ocsort",
        })
    }
}
