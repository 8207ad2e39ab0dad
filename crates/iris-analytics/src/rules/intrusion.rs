//! Something is in a zone where it should not be.

use std::time::Duration;

use iris_core::{EventKind, Label, MediaTime, Moment, Rect, Track, TrackState, Tracks, Unit};

use super::Filter;
use super::log::{Log, Story, evidence};
use super::table::Table;
use crate::zone::{Scratch, Zone};

/// Something stays in a zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Intrusion {
    /// Where.
    pub zone: Zone,
    /// What counts as being in it.
    pub inside: Inside,
    /// It must have been inside for at least this long.
    pub min_stay: Duration,
    /// Being outside for less than this does not end a stay: boxes jitter, and people step on the border.
    pub leave_after: Duration,
}

/// What counts as being in a zone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Inside {
    /// The middle of the box's lower edge: where it stands, for zones on the ground.
    Foot,
    /// At least this share of the box, above 0 to 1: for zones on walls and seen from above.
    Overlap(f32),
}

impl Intrusion {
    /// A zone that is told of after a second inside it, and left after two seconds outside.
    pub fn new(zone: Zone) -> Self {
        Self { zone, inside: Inside::Foot, min_stay: Duration::from_secs(1), leave_after: Duration::from_secs(2) }
    }

    fn holds(&self, rect: Rect<Unit>, scratch: &mut Scratch) -> bool {
        match self.inside {
            Inside::Foot => self.zone.contains(rect.foot()),
            Inside::Overlap(least) => {
                let share = self.zone.share_of(rect, scratch);
                share > 0.0 && share >= least
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct Watch {
    rule: Intrusion,
    kind: EventKind,
    stays: Table<Stay>,
    scratch: Scratch,
}

/// A track that is inside, or has been until a moment ago.
#[derive(Debug)]
struct Stay {
    entered: Moment,
    last_inside: Moment,
    /// Since when it has been seen outside. Times without a sighting count neither as inside nor as outside, so that
    /// a low rate of detection does not end a stay.
    outside_since: Option<MediaTime>,
    /// Once it has been told.
    story: Option<Story>,
}

impl Stay {
    fn new(at: Moment) -> Self {
        Self { entered: at, last_inside: at, outside_since: None, story: None }
    }

    fn end(self, log: &mut Log) {
        if let Some(story) = self.story {
            story.end(self.last_inside, log);
        }
    }
}

impl Watch {
    pub(super) fn new(name: Label, rule: Intrusion) -> Self {
        let kind = EventKind::Intrusion { zone: name };
        Self { rule, kind, stays: Table::default(), scratch: Scratch::default() }
    }

    pub(super) fn update(&mut self, tracks: &Tracks, filter: &Filter<'_>, log: &mut Log) {
        for track in tracks.live.iter().filter(|t| t.state == TrackState::Confirmed) {
            let rect = track.rect.clamp_to(tracks.size).to_unit(tracks.size);
            if self.rule.holds(rect, &mut self.scratch) {
                self.inside(track, tracks, filter, log);
            } else {
                self.outside(track, tracks.at, log);
            }
        }
        self.stays.sweep(tracks, |mut stay, ended| {
            if let (Some(story), Some(track)) = (&mut stay.story, ended) {
                story.saw(evidence(track, tracks.size));
            }
            stay.end(log);
        });
    }

    fn inside(&mut self, track: &Track, tracks: &Tracks, filter: &Filter<'_>, log: &mut Log) {
        let told = self.stays.get(track.id).is_some_and(|stay| stay.story.is_some());
        if !told && !filter.passes(track.class) {
            self.stays.remove(track.id);
            return;
        }
        let stay = self.stays.entry(track.id, || Stay::new(tracks.at));
        stay.last_inside = tracks.at;
        stay.outside_since = None;
        let evidence = evidence(track, tracks.size);
        match &mut stay.story {
            Some(story) => story.saw(evidence),
            None if tracks.at.media.since(stay.entered.media) >= self.rule.min_stay => {
                stay.story = Some(log.start(self.kind.clone(), stay.entered, evidence));
            }
            None => {}
        }
    }

    fn outside(&mut self, track: &Track, at: Moment, log: &mut Log) {
        let Some(stay) = self.stays.get(track.id) else { return };
        let since = *stay.outside_since.get_or_insert(at.media);
        if at.media.since(since) < self.rule.leave_after {
            return;
        }
        if let Some(stay) = self.stays.remove(track.id) {
            stay.end(log);
        }
    }

    pub(super) fn end(&mut self, log: &mut Log) {
        for stay in self.stays.drain() {
            stay.end(log);
        }
    }
}
