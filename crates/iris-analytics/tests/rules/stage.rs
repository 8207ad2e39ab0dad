//! A camera, and tracks that do as they are told.

use iris_analytics::rules::{Crossing, Intrusion, Rule, RuleKind, Rules};
use iris_analytics::schedule::{LocalTime, Schedule};
use iris_analytics::zone::{Line, Zone};
use iris_core::{
    Best, CameraId, ClassId, Epoch, Event, FrameKey, MediaTime, Moment, Point, Rect, Size, Track, TrackId, TrackState,
    Tracks,
};

pub(crate) const SIZE: Size = Size::new(1000, 1000);
pub(crate) const PERSON: ClassId = ClassId(0);

/// One look at one track: its number, how it stands, and where its feet are, in fractions of the picture.
pub(crate) type Look = (u32, TrackState, f32, f32);

pub(crate) struct Stage {
    pub(crate) rules: Rules,
    pub(crate) epoch: Epoch,
    pub(crate) local: Option<LocalTime>,
    pub(crate) class: ClassId,
    seq: u64,
    before: Vec<Track>,
}

impl Stage {
    pub(crate) fn new(rules: Vec<Rule>) -> Self {
        let rules = Rules::new(camera(), rules);
        Self { rules, epoch: Epoch::first(1), local: None, class: PERSON, seq: 0, before: Vec::new() }
    }

    /// Shows one frame, taken at `ms`; tracks that were there before and are not any more have ended.
    pub(crate) fn frame(&mut self, ms: i64, looks: &[Look]) -> Vec<Event> {
        let tracks = self.tracks(ms, looks);
        self.rules.update(&tracks, self.local).to_vec()
    }

    /// Shows one frame in which the tracker forgot to say what ended.
    pub(crate) fn frame_without_ended(&mut self, ms: i64, looks: &[Look]) -> Vec<Event> {
        let tracks = Tracks { ended: Vec::new(), ..self.tracks(ms, looks) };
        self.rules.update(&tracks, self.local).to_vec()
    }

    fn tracks(&mut self, ms: i64, looks: &[Look]) -> Tracks {
        let key = FrameKey { camera: camera(), epoch: self.epoch, seq: self.seq };
        let at = moment(ms);
        self.seq += 1;
        let live: Vec<_> = looks.iter().map(|look| self.track(key, at, look)).collect();
        let gone = |t: &Track| t.state != TrackState::Tentative && live.iter().all(|l| l.id != t.id);
        let ended = self.before.iter().copied().filter(gone).collect();
        self.before.clone_from(&live);
        Tracks { key, at, size: SIZE, live, ended }
    }

    fn track(&self, key: FrameKey, at: Moment, &(n, state, x, y): &Look) -> Track {
        let id = TrackId { camera: key.camera, epoch: key.epoch, n };
        let (w, h) = (SIZE.width as f32, SIZE.height as f32);
        let rect = Rect::new(x * w - 20.0, y * h - 100.0, x * w + 20.0, y * h);
        let known = self.before.iter().find(|t| t.id == id);
        let last = if state == TrackState::Lost { known.map_or(at, |t| t.last) } else { at };
        let best = Best { key, at, rect, score: 0.9 };
        Track {
            id,
            class: self.class,
            rect,
            velocity: [0.0; 2],
            score: 0.9,
            state,
            first: known.map_or(at, |t| t.first),
            last,
            best,
        }
    }
}

pub(crate) fn camera() -> CameraId {
    CameraId::new("gate").expect("a valid id")
}

pub(crate) fn moment(ms: i64) -> Moment {
    Moment { media: MediaTime::from_millis(ms), wall: None }
}

pub(crate) fn points<const N: usize>(points: [(f32, f32); N]) -> Vec<Point<iris_core::Unit>> {
    points.into_iter().map(|(x, y)| Point::new(x, y)).collect()
}

/// The right-hand half of the picture: told after a second, left after two.
pub(crate) fn right_half() -> Intrusion {
    Intrusion::new(Zone::new(points([(0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)])).expect("a zone"))
}

/// Up the middle of the picture; with boxes a tenth of the picture high, clear from a hundredth beside it.
pub(crate) fn middle() -> Crossing {
    Crossing::new(Line::new(points([(0.5, 1.0), (0.5, 0.0)])).expect("a line"))
}

pub(crate) fn intrusion(rule: Intrusion) -> Rule {
    Rule { name: "yard".into(), classes: Vec::new(), schedule: Schedule::Always, kind: RuleKind::Intrusion(rule) }
}

pub(crate) fn crossing(rule: Crossing) -> Rule {
    Rule { name: "door".into(), classes: Vec::new(), schedule: Schedule::Always, kind: RuleKind::Crossing(rule) }
}
