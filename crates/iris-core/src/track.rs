//! Who is who from frame to frame.

use std::fmt;

use crate::{CameraId, ClassId, Epoch, FrameKey, Image, Moment, Rect, Size};

/// Names one track, for ever: an id is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId {
    /// The camera.
    pub camera: CameraId,
    /// The connection during which the track began.
    pub epoch: Epoch,
    /// Its number within the connection, from 1.
    pub n: u32,
}

impl fmt::Display for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.camera, self.epoch, self.n)
    }
}

/// How sure the tracker is that a track is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrackState {
    /// Seen too few times to believe.
    Tentative,
    /// Believed, and seen in this frame.
    Confirmed,
    /// Believed, but not seen in this frame; its box is a prediction.
    Lost,
}

/// The frame that shows a track best so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Best {
    /// The frame.
    pub key: FrameKey,
    /// When it was taken.
    pub at: Moment,
    /// Where the track was in it.
    pub rect: Rect<Image>,
    /// The detector's score there, 0 to 1.
    pub score: f32,
}

/// One object as it stands in one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Track {
    /// Its name.
    pub id: TrackId,
    /// What it is, by the scores of all its detections so far.
    pub class: ClassId,
    /// Where it is.
    pub rect: Rect<Image>,
    /// Where its centre is going: pixels a second to the right and down.
    pub velocity: [f32; 2],
    /// The score of its latest detection, 0 to 1.
    pub score: f32,
    /// How sure the tracker is.
    pub state: TrackState,
    /// When it was first seen.
    pub first: Moment,
    /// When it was last seen.
    pub last: Moment,
    /// Its best picture so far. Equal to this frame's key: this is it.
    pub best: Best,
}

/// All tracks of a camera after one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracks {
    /// The frame.
    pub key: FrameKey,
    /// When it was taken.
    pub at: Moment,
    /// The picture's size.
    pub size: Size,
    /// The tracks that live, in the order of their ids.
    pub live: Vec<Track>,
    /// The confirmed tracks that ended with this frame, as they last stood.
    pub ended: Vec<Track>,
}
