//! Something crosses a line.

use iris_core::{Direction, EventKind, Label, Moment, Point, Track, TrackState, Tracks, Unit};

use super::Filter;
use super::log::{Log, evidence};
use super::table::Table;
use crate::zone::{Line, direction};

/// Something crosses a line with its foot point.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossing {
    /// Where.
    pub line: Line,
    /// Which way is told; `None`: both. Both are counted in any case.
    pub direction: Option<Direction>,
    /// How far from the line it must be to count as being clearly on the other side, as a share of its box's height.
    /// What sways on the line and never gets that far has not crossed it.
    pub margin: f32,
}

impl Crossing {
    /// A line that is told of both ways, with a margin of a tenth: for a person, a hand's breadth or two.
    pub fn new(line: Line) -> Self {
        Self { line, direction: None, margin: 0.1 }
    }
}

/// How often a line was crossed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Crossings {
    /// From left to right, seen from the line's first point.
    pub left_to_right: u64,
    /// From right to left.
    pub right_to_left: u64,
}

#[derive(Debug)]
pub(super) struct Watch {
    name: Label,
    rule: Crossing,
    walks: Table<Walk>,
    crossings: Crossings,
}

/// A track's way since it was last clear of the line.
#[derive(Debug)]
struct Walk {
    at: Point<Unit>,
    /// The sum of its crossings, left to right as +1.
    net: i32,
    /// When it last crossed.
    crossed: Moment,
}

impl Watch {
    pub(super) fn new(name: Label, rule: Crossing) -> Self {
        Self { name, rule, walks: Table::default(), crossings: Crossings::default() }
    }

    pub(super) fn crossings(&self) -> Crossings {
        self.crossings
    }

    pub(super) fn update(&mut self, tracks: &Tracks, filter: &Filter<'_>, log: &mut Log) {
        for track in tracks.live.iter().filter(|t| t.state == TrackState::Confirmed) {
            if filter.passes(track.class) {
                self.step(track, tracks, log);
            } else {
                self.walks.remove(track.id);
            }
        }
        self.walks.sweep(tracks, |_, _| ());
    }

    fn step(&mut self, track: &Track, tracks: &Tracks, log: &mut Log) {
        let rect = track.rect.clamp_to(tracks.size);
        let foot = tracks.size.to_unit(rect.foot());
        let walk = self.walks.entry(track.id, || Walk { at: foot, net: 0, crossed: tracks.at });
        let crossings = self.rule.line.crossings(walk.at, foot);
        walk.at = foot;
        if crossings != 0 {
            walk.net += crossings;
            walk.crossed = tracks.at;
        }
        if walk.net == 0 || self.rule.line.distance(foot, tracks.size) < self.rule.margin * rect.height() {
            return;
        }
        let (net, at) = (std::mem::take(&mut walk.net), walk.crossed);
        if let Some(direction) = direction(net) {
            self.crossed(direction, at, track, tracks, log);
        }
    }

    fn crossed(&mut self, direction: Direction, at: Moment, track: &Track, tracks: &Tracks, log: &mut Log) {
        match direction {
            Direction::LeftToRight => self.crossings.left_to_right += 1,
            Direction::RightToLeft => self.crossings.right_to_left += 1,
        }
        if self.rule.direction.is_none_or(|wanted| wanted == direction) {
            let kind = EventKind::LineCrossing { line: self.name.clone(), direction };
            log.tell(kind, at, evidence(track, tracks.size));
        }
    }

    pub(super) fn end(&mut self) {
        self.walks = Table::default();
    }
}
