//! The rule where none is configured: each confirmed track is one event.

use iris_core::{EventKind, Moment, TrackState, Tracks};

use super::log::{Log, Story, evidence};
use super::table::Table;

#[derive(Debug, Default)]
pub(super) struct Watch {
    seen: Table<Seen>,
}

#[derive(Debug)]
struct Seen {
    story: Story,
    last: Moment,
}

impl Watch {
    pub(super) fn update(&mut self, tracks: &Tracks, log: &mut Log) {
        for track in tracks.live.iter().filter(|t| t.state == TrackState::Confirmed) {
            let evidence = evidence(track, tracks.size);
            let new = || Seen { story: log.start(EventKind::Track, track.first, evidence), last: track.last };
            let seen = self.seen.entry(track.id, new);
            seen.story.saw(evidence);
            seen.last = track.last;
        }
        self.seen.sweep(tracks, |mut seen, ended| {
            if let Some(track) = ended {
                seen.story.saw(evidence(track, tracks.size));
                seen.last = track.last;
            }
            seen.story.end(seen.last, log);
        });
    }

    pub(super) fn end(&mut self, log: &mut Log) {
        for seen in self.seen.drain() {
            seen.story.end(seen.last, log);
        }
    }
}
