//! One followed object: its filter, its latest observations and what is said of it. Decides nothing: who is matched
//! with what, and who ends, is the [scene](super::scene)'s business.

use iris_core::{Best, ClassId, FrameKey, Image, Moment, Rect, Size, Track, TrackId, TrackState};

use super::classes::Votes;
use crate::kalman::{BoxFilter, Shape};

/// How many observations are kept: the latest, and the one that is [`Target::SPAN`] before it.
const KEPT: usize = Target::SPAN + 1;
/// The most virtual observations of one re-update, so that its cost is bounded.
const MAX_VIRTUAL: u32 = 32;
/// A picture takes the place of the best one so far only if it is better by this factor, so that something coming
/// nearer does not cost a new picture in every frame.
const BETTER: f32 = 1.1;
/// What is left of a picture's worth if the object touches the border, and so is partly out of sight.
const AT_BORDER: f32 = 0.5;
/// How near to the border is touching it, in pixels.
const BORDER: f32 = 1.0;

/// The frame that is being worked on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) key: FrameKey,
    pub(super) at: Moment,
    pub(super) size: Size,
}

/// A detection of this frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) rect: Rect<Image>,
    pub(super) shape: Shape,
    pub(super) score: f32,
    /// It is believed; see [`Profile::high`](super::Profile::high).
    pub(super) is_high: bool,
    pub(super) class: ClassId,
    pub(super) group: u16,
    /// A target has claimed it.
    pub(super) taken: bool,
}

/// A followed object.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) track: Track,
    pub(super) group: u16,
    /// Found in this frame.
    pub(super) found: bool,
    /// Seconds since it was last seen.
    pub(super) unseen: f64,
    /// Frames since it was last seen.
    pub(super) missed: u32,
    /// In which of the latest frames it was seen, the latest in the lowest bit.
    hits: u32,
    filter: BoxFilter,
    /// The filter as it stood when the target was last seen.
    anchor: BoxFilter,
    /// The latest observations, a ring; `count` were made in all.
    observed: [Shape; KEPT],
    count: usize,
    votes: Votes,
}

impl Target {
    /// Over how many observations a direction is measured (Δt of OC-SORT §4.2).
    const SPAN: usize = 3;

    pub(super) fn new(id: TrackId, state: TrackState, seen: &Seen, now: &Now) -> Self {
        let best = Best { key: now.key, at: now.at, rect: seen.rect, score: seen.score };
        let filter = BoxFilter::new(&seen.shape);
        Self {
            track: Track {
                id,
                class: seen.class,
                rect: filter.shape().rect(),
                velocity: [0.0; 2],
                score: seen.score,
                state,
                first: now.at,
                last: now.at,
                best,
            },
            group: seen.group,
            found: true,
            unseen: 0.0,
            missed: 0,
            hits: 1,
            filter,
            anchor: filter,
            observed: [seen.shape; KEPT],
            count: 1,
            votes: Votes::new(seen.class, seen.score),
        }
    }

    /// Moves on to the next frame, `dt` seconds later. The prediction stops at `limit` seconds: a longer gap says
    /// nothing more about where something went.
    pub(super) fn predict(&mut self, dt: f64, limit: f64) {
        self.found = false;
        self.hits <<= 1;
        self.missed = self.missed.saturating_add(1);
        self.unseen += dt;
        self.filter.predict(dt.min(limit));
        self.track.rect = self.filter.shape().rect();
    }

    /// Takes in the detection that shows it in this frame.
    pub(super) fn observe(&mut self, seen: &Seen, now: &Now) {
        self.filter.update(&seen.shape, seen.score);
        self.found = true;
        self.hits |= 1;
        (self.missed, self.unseen) = (0, 0.0);
        self.anchor = self.filter;
        self.observed[self.count % KEPT] = seen.shape;
        self.count += 1;
        self.describe(seen, now);
    }

    /// Observation-centric re-update (OC-SORT §4.1): before a target that was out of sight is observed again, its
    /// filter is taken back to where it was lost and led along the straight way from there to here, so that what it
    /// made up meanwhile does not stay in its speed.
    pub(super) fn re_update(&mut self, seen: &Seen) {
        let steps = self.missed.min(MAX_VIRTUAL);
        if steps < 2 {
            return;
        }
        let (lost, dt) = (*self.last_seen(), self.unseen / f64::from(steps));
        self.filter = self.anchor;
        for step in 1..=steps {
            self.filter.predict(dt);
            // The last one is the detection itself, which `observe` takes in.
            if step < steps {
                let part = f64::from(step) / f64::from(steps);
                self.filter.update(&lost.towards(&seen.shape, part), seen.score);
            }
        }
    }

    fn describe(&mut self, seen: &Seen, now: &Now) {
        self.track.rect = self.filter.shape().rect();
        self.track.velocity = self.filter.velocity().map(|speed| speed as f32);
        self.track.score = seen.score;
        self.track.last = now.at;
        self.track.class = self.votes.add(seen.class, seen.score);
        let best = &self.track.best;
        if worth(seen.rect, seen.score, now.size) > BETTER * worth(best.rect, best.score, now.size) {
            self.track.best = Best { key: now.key, at: now.at, rect: seen.rect, score: seen.score };
        }
    }

    /// Where it is predicted, or was just seen.
    pub(super) fn shape(&self) -> Shape {
        self.filter.shape()
    }

    /// The latest detection.
    pub(super) fn last_seen(&self) -> &Shape {
        &self.observed[(self.count - 1) % KEPT]
    }

    /// Its latest way in pixels, from the detection [`SPAN`](Self::SPAN) before the last, or from the first, to the
    /// last.
    pub(super) fn heading(&self) -> [f64; 2] {
        let before = &self.observed[(self.count - 1).saturating_sub(Self::SPAN) % KEPT];
        way(before, self.last_seen())
    }

    /// In how many of the last `frames` frames it was seen.
    pub(super) fn hits_of(&self, frames: u32) -> u32 {
        (self.hits & ((1 << frames) - 1)).count_ones()
    }

    pub(super) fn is_tentative(&self) -> bool {
        self.track.state == TrackState::Tentative
    }
}

/// The way from one centre to another.
pub(super) fn way(from: &Shape, to: &Shape) -> [f64; 2] {
    [to.values[0] - from.values[0], to.values[1] - from.values[1]]
}

/// How good a picture is: score by visible area, and what touches the border counts half.
fn worth(rect: Rect<Image>, score: f32, size: Size) -> f32 {
    let (right, bottom) = (size.width as f32 - BORDER, size.height as f32 - BORDER);
    let cut = rect.x0 <= BORDER || rect.y0 <= BORDER || rect.x1 >= right || rect.y1 >= bottom;
    score * rect.clamp_to(size).area() * if cut { AT_BORDER } else { 1.0 }
}
