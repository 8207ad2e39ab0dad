//! What is told in one frame, and the numbers of events.

use iris_core::{CameraId, Epoch, Event, EventId, EventKind, Evidence, Moment, Size, Track};

/// Gives events their ids and collects them until the next frame.
#[derive(Debug)]
pub(super) struct Log {
    camera: CameraId,
    epoch: Epoch,
    last: u32,
    events: Vec<Event>,
}

impl Log {
    pub(super) fn new(camera: CameraId) -> Self {
        Self { camera, epoch: Epoch::first(0), last: 0, events: Vec::new() }
    }

    /// Starts a frame. A new connection numbers its events from 1 again; a frame of an old one that comes late is
    /// told under the new one, because numbers are never used twice.
    pub(super) fn begin(&mut self, epoch: Epoch) {
        if epoch > self.epoch {
            self.epoch = epoch;
            self.last = 0;
        }
        self.clear();
    }

    pub(super) fn clear(&mut self) {
        self.events.clear();
    }

    pub(super) fn events(&self) -> &[Event] {
        &self.events
    }

    /// Tells that something started.
    pub(super) fn start(&mut self, kind: EventKind, started: Moment, evidence: Evidence) -> Story {
        self.last += 1;
        let id = EventId { camera: self.camera, epoch: self.epoch, n: self.last };
        let event = Event { id, kind, started, ended: None, evidence };
        self.events.push(event.clone());
        Story(event)
    }

    /// Tells of something without duration.
    pub(super) fn tell(&mut self, kind: EventKind, at: Moment, evidence: Evidence) {
        self.last += 1;
        let id = EventId { camera: self.camera, epoch: self.epoch, n: self.last };
        self.events.push(Event { id, kind, started: at, ended: Some(at), evidence });
    }
}

/// An event that has been told and has not ended.
#[derive(Debug)]
pub(super) struct Story(Event);

impl Story {
    /// Keeps the best evidence so far.
    pub(super) fn saw(&mut self, evidence: Evidence) {
        self.0.evidence = evidence;
    }

    /// Tells that it ended.
    pub(super) fn end(self, ended: Moment, log: &mut Log) {
        log.events.push(Event { ended: Some(ended), ..self.0 });
    }
}

/// What a track has to show for itself.
pub(super) fn evidence(track: &Track, size: Size) -> Evidence {
    Evidence { track: track.id, class: track.class, best: track.best, size }
}
