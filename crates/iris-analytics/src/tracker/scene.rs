//! What all trackers share: the targets of one camera, the life of a track, and the frame's unclaimed detections.
//! How detections and targets are matched is each tracker's own; what a target is stands in [`target`](super::target).

use iris_core::{CameraId, Detections, Epoch, FrameKey, MediaTime, Moment, Size, TrackId, TrackState, Tracks};

use super::profile::Profile;
use super::target::{Now, Seen, Target};
use crate::assignment::Assignment;
use crate::kalman::Shape;

/// A track is confirmed when it was seen in `CONFIRM.0` of its last `CONFIRM.1` frames, and dropped when it can no
/// longer be.
const CONFIRM: (u32, u32) = (2, 3);
/// How long a confirmed track that is not seen lives on, in seconds.
const LOST_LIMIT: f64 = 2.0;

/// Boxes of two classes of one group that overlap by more show one thing, which the detector cannot name. Those of one
/// class were suppressed already.
const SAME_THING: f32 = 0.7;

/// The targets and detections of one frame.
pub(super) struct Scene {
    source: (CameraId, Epoch),
    profile: Profile,
    /// In the order of their ids.
    targets: Vec<Target>,
    seen: Vec<Seen>,
    /// When the last frame was; none before the first one.
    last: Option<MediaTime>,
    /// This is the first frame: what it shows was there before, so it is believed at once.
    opening: bool,
    /// How many ids are used up.
    used: u32,
    matcher: Matcher,
    tracks: Tracks,
}

/// The buffers of one matching.
#[derive(Default)]
struct Matcher {
    targets: Vec<usize>,
    seen: Vec<usize>,
    costs: Vec<f32>,
    assignment: Assignment,
}

impl Scene {
    pub(super) fn new(camera: CameraId, epoch: Epoch, profile: Profile) -> Self {
        Self {
            source: (camera, epoch),
            profile,
            targets: Vec::new(),
            seen: Vec::new(),
            last: None,
            opening: true,
            used: 0,
            matcher: Matcher::default(),
            tracks: Tracks {
                key: FrameKey { camera, epoch, seq: 0 },
                at: Moment { media: MediaTime::ZERO, wall: None },
                size: Size::new(0, 0),
                live: Vec::new(),
                ended: Vec::new(),
            },
        }
    }

    /// Takes a frame: predicts where the targets are in it and lays out its detections.
    pub(super) fn begin(&mut self, detections: &Detections) {
        self.tracks.ended.clear();
        let key = detections.key();
        if self.source != (key.camera, key.epoch) {
            self.end_all();
            (self.source, self.used) = ((key.camera, key.epoch), 0);
        }
        let at = detections.at();
        let dt = self.last.map_or(0.0, |last| at.media.since(last).as_secs_f64());
        (self.opening, self.last) = (self.last.is_none(), Some(at.media));
        self.targets.iter_mut().for_each(|target| target.predict(dt, LOST_LIMIT));
        (self.tracks.key, self.tracks.at, self.tracks.size) = (key, at, detections.size());
        let groups = &self.profile.groups;
        self.seen.clear();
        self.seen.extend(detections.iter().filter(|(_, score, _)| *score >= Profile::LOW).map(
            |(rect, score, class)| Seen {
                rect,
                shape: Shape::new(rect),
                score,
                is_high: score >= self.profile.high,
                class,
                group: groups.of(class),
                taken: false,
            },
        ));
        self.name_once();
    }

    /// Leaves of detections that show one thing the strongest.
    fn name_once(&mut self) {
        let is_weaker = |one: &Seen, other: &Seen| {
            one.group == other.group
                && one.class != other.class
                && (one.score, other.class.0) < (other.score, one.class.0)
                && one.rect.iou(&other.rect) > SAME_THING
        };
        let mut i = 0;
        while let Some(one) = self.seen.get(i) {
            if self.seen.iter().any(|other| is_weaker(one, other)) {
                self.seen.remove(i);
            } else {
                i += 1;
            }
        }
    }

    /// Matches targets that were not found yet with detections that no target has claimed, of those that `targets`
    /// and `detections` let in, at the least total cost; pairs above `limit` and pairs of classes that are not one
    /// group are never made. `found` is told of each pair before the target takes its detection in.
    pub(super) fn associate(
        &mut self,
        targets: impl Fn(&Target) -> bool,
        detections: impl Fn(&Seen) -> bool,
        limit: f32,
        cost: impl Fn(&Target, &Seen) -> f32,
        found: impl Fn(&mut Target, &Seen),
    ) {
        let m = &mut self.matcher;
        let open = |(i, t): (usize, &Target)| (!t.found && targets(t)).then_some(i);
        let free = |(i, s): (usize, &Seen)| (!s.taken && detections(s)).then_some(i);
        refill(&mut m.targets, self.targets.iter().enumerate().filter_map(open));
        refill(&mut m.seen, self.seen.iter().enumerate().filter_map(free));
        m.costs.clear();
        for target in m.targets.iter().map(|&t| &self.targets[t]) {
            let to = |seen: &Seen| if seen.group == target.group { cost(target, seen) } else { f32::INFINITY };
            m.costs.extend(m.seen.iter().map(|&s| to(&self.seen[s])));
        }
        m.assignment.solve(&m.costs, m.targets.len(), m.seen.len(), limit);
        let now = Now { key: self.tracks.key, at: self.tracks.at, size: self.tracks.size };
        for (row, column) in m.assignment.pairs() {
            let (target, seen) = (&mut self.targets[m.targets[row]], &mut self.seen[m.seen[column]]);
            found(target, seen);
            target.observe(seen, &now);
            seen.taken = true;
        }
    }

    /// Closes the frame: promotes and ends targets, begins new ones, and says how all stand.
    pub(super) fn finish(&mut self) -> &Tracks {
        self.targets.iter_mut().for_each(grade);
        let ended = &mut self.tracks.ended;
        self.targets.retain(|target| {
            let stays = lives(target);
            if !stays && !target.is_tentative() {
                ended.push(target.track);
            }
            stays
        });
        self.begin_tracks();
        refill(&mut self.tracks.live, self.targets.iter().map(|target| target.track));
        &self.tracks
    }

    /// Ends all targets.
    pub(super) fn end(&mut self, at: Moment) -> &Tracks {
        self.tracks.ended.clear();
        self.end_all();
        self.tracks.at = at;
        self.tracks.live.clear();
        &self.tracks
    }

    fn end_all(&mut self) {
        let believed = self.targets.drain(..).filter(|target| !target.is_tentative());
        self.tracks.ended.extend(believed.map(|target| target.track));
        self.last = None;
    }

    fn begin_tracks(&mut self) {
        let (camera, epoch) = self.source;
        let now = Now { key: self.tracks.key, at: self.tracks.at, size: self.tracks.size };
        let state = if self.opening { TrackState::Confirmed } else { TrackState::Tentative };
        for seen in self.seen.iter().filter(|seen| !seen.taken && seen.is_high) {
            // Rather no new track than an id used twice.
            let Some(n) = self.used.checked_add(1) else { return };
            self.used = n;
            self.targets.push(Target::new(TrackId { camera, epoch, n }, state, seen, &now));
        }
    }
}

/// Gives a target its state after all matching.
fn grade(target: &mut Target) {
    target.track.state = match (target.track.state, target.found) {
        (TrackState::Tentative, _) if target.hits_of(CONFIRM.1) < CONFIRM.0 => TrackState::Tentative,
        (_, true) => TrackState::Confirmed,
        (TrackState::Tentative, false) => TrackState::Tentative,
        (_, false) => TrackState::Lost,
    };
}

/// Whether a target may still be seen again, or confirmed.
fn lives(target: &Target) -> bool {
    if target.is_tentative() {
        // One more hit must be enough.
        return target.found || target.hits_of(CONFIRM.1 - 1) + 1 >= CONFIRM.0;
    }
    // One frame is always given, however late it comes: a slow camera has tracks, too.
    target.missed <= 1 || target.unseen <= LOST_LIMIT
}

fn refill<T>(buffer: &mut Vec<T>, items: impl Iterator<Item = T>) {
    buffer.clear();
    buffer.extend(items);
}
