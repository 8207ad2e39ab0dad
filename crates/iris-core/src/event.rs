//! What a person should know.

use std::fmt;
use std::sync::Arc;

use crate::{Best, CameraId, ClassId, Epoch, Moment, Size, TrackId};

/// A name from the configuration, shared by all that mention it.
pub type Label = Arc<str>;

/// Names one event, for ever, and the same in every message about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// The camera.
    pub camera: CameraId,
    /// The connection during which it began.
    pub epoch: Epoch,
    /// Its number within the connection, from 1.
    pub n: u32,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.camera, self.epoch, self.n)
    }
}

/// The way in which a line was crossed, seen from its first point towards its second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the left-hand side to the right-hand side.
    LeftToRight,
    /// From the right-hand side to the left-hand side.
    RightToLeft,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// A confirmed track; what is reported where no rule is configured.
    Track,
    /// Something was in a zone where it should not be.
    Intrusion {
        /// The zone.
        zone: Label,
    },
    /// Something crossed a line.
    LineCrossing {
        /// The line.
        line: Label,
        /// Which way.
        direction: Direction,
    },
}

/// What supports an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// The track.
    pub track: TrackId,
    /// What it is.
    pub class: ClassId,
    /// The best picture of it so far.
    pub best: Best,
    /// The size of the camera's picture.
    pub size: Size,
}

/// Something that a person should know: a story with a start and an end. It is told when it starts and again, under
/// the same id, when it ends; what has no duration is told once.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its name.
    pub id: EventId,
    /// What happened.
    pub kind: EventKind,
    /// When it began.
    pub started: Moment,
    /// When it ended, if it has.
    pub ended: Option<Moment>,
    /// What supports it.
    pub evidence: Evidence,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_safe_as_file_names_and_say_where_they_come_from() {
        let camera = CameraId::new("yard").expect("a valid id");
        let id = EventId { camera, epoch: Epoch::first(3).next(), n: 12 };
        assert_eq!(id.to_string(), "yard-3.1-12");
        let track = TrackId { camera, epoch: Epoch::first(3), n: 4 };
        assert_eq!(track.to_string(), "yard/3.0/4");
    }
}
