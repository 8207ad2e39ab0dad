//! A rule's memory of each track: a sorted list, since a camera sees tens of tracks and not thousands.

use iris_core::{Track, TrackId, Tracks};

#[derive(Debug)]
pub(super) struct Table<S> {
    rows: Vec<(TrackId, S)>,
}

impl<S> Default for Table<S> {
    fn default() -> Self {
        Self { rows: Vec::new() }
    }
}

impl<S> Table<S> {
    fn find(&self, id: TrackId) -> Result<usize, usize> {
        self.rows.binary_search_by_key(&id, |row| row.0)
    }

    /// What is known about a track.
    pub(super) fn get(&mut self, id: TrackId) -> Option<&mut S> {
        self.find(id).ok().map(|i| &mut self.rows[i].1)
    }

    /// What is known about a track, made if it is new.
    pub(super) fn entry(&mut self, id: TrackId, new: impl FnOnce() -> S) -> &mut S {
        let at = self.find(id).unwrap_or_else(|at| {
            self.rows.insert(at, (id, new()));
            at
        });
        &mut self.rows[at].1
    }

    /// Forgets a track.
    pub(super) fn remove(&mut self, id: TrackId) -> Option<S> {
        self.find(id).ok().map(|at| self.rows.remove(at).1)
    }

    /// Forgets the tracks that are gone, in the order of their ids, and hands out what was known about each, with the
    /// track as it ended where the tracker says so.
    pub(super) fn sweep(&mut self, tracks: &Tracks, mut gone: impl FnMut(S, Option<&Track>)) {
        let lives = |row: &(TrackId, S)| tracks.live.binary_search_by_key(&row.0, |t| t.id).is_ok();
        for (id, state) in self.rows.extract_if(.., |row| !lives(row)) {
            gone(state, tracks.ended.iter().find(|t| t.id == id));
        }
    }

    /// Forgets everything.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = S> + '_ {
        self.rows.drain(..).map(|(_, state)| state)
    }
}
