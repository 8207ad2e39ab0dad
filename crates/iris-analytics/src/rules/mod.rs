//! From tracks to events: what happened that a person should know.
//!
//! Each rule is a small state machine over the tracks of one camera, in a file of its own. Pure: times come with the
//! tracks, and nothing here sends, stores or verifies an event.

mod crossing;
mod intrusion;
mod log;
mod presence;
mod table;

use iris_core::{CameraId, ClassId, Event, Label, Tracks};

use crate::schedule::{LocalTime, Schedule};
pub use crossing::{Crossing, Crossings};
pub use intrusion::{Inside, Intrusion};
use log::Log;

/// What to watch for.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The name of its zone or line, as events carry it.
    pub name: Label,
    /// What it applies to; empty: everything.
    pub classes: Vec<ClassId>,
    /// When it is on.
    pub schedule: Schedule,
    /// What happens.
    pub kind: RuleKind,
}

/// The kinds of rules.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleKind {
    /// Something is in a zone.
    Intrusion(Intrusion),
    /// Something crosses a line.
    Crossing(Crossing),
}

/// The rules of one camera, and what they remember.
#[derive(Debug)]
pub struct Rules {
    watches: Vec<Watch>,
    log: Log,
}

#[derive(Debug)]
struct Watch {
    name: Label,
    classes: Vec<ClassId>,
    schedule: Schedule,
    state: State,
}

#[derive(Debug)]
enum State {
    Presence(presence::Watch),
    Intrusion(intrusion::Watch),
    Crossing(crossing::Watch),
}

/// Which tracks may begin a story now.
struct Filter<'a> {
    on: bool,
    classes: &'a [ClassId],
}

impl Filter<'_> {
    fn passes(&self, class: ClassId) -> bool {
        self.on && (self.classes.is_empty() || self.classes.contains(&class))
    }
}

impl Rules {
    /// Rules of a camera. With none, each confirmed track is one event.
    pub fn new(camera: CameraId, rules: Vec<Rule>) -> Self {
        let watches =
            if rules.is_empty() { vec![Watch::presence()] } else { rules.into_iter().map(Watch::new).collect() };
        Self { watches, log: Log::new(camera) }
    }

    /// Takes in one frame's tracks and returns what is to be told now: what started, and what ended.
    ///
    /// `local` is the wall time at the camera for schedules; without it every rule is on. Tentative tracks are not
    /// heeded; lost ones, whose boxes are guesses, keep open what they began. A track that is no longer there ends
    /// what it began, whether or not it stands under [`Tracks::ended`].
    pub fn update(&mut self, tracks: &Tracks, local: Option<LocalTime>) -> &[Event] {
        self.log.begin(tracks.key.epoch);
        for watch in &mut self.watches {
            watch.update(tracks, local, &mut self.log);
        }
        self.log.events()
    }

    /// Ends everything: the camera is removed, or its rules are replaced.
    pub fn end(&mut self) -> &[Event] {
        self.log.clear();
        for watch in &mut self.watches {
            watch.end(&mut self.log);
        }
        self.log.events()
    }

    /// How often each line was crossed, in the order of the rules.
    pub fn crossings(&self) -> impl Iterator<Item = (&Label, Crossings)> {
        self.watches.iter().filter_map(|watch| match &watch.state {
            State::Crossing(state) => Some((&watch.name, state.crossings())),
            State::Presence(_) | State::Intrusion(_) => None,
        })
    }
}

impl Watch {
    fn new(rule: Rule) -> Self {
        let Rule { name, classes, schedule, kind } = rule;
        let state = match kind {
            RuleKind::Intrusion(rule) => State::Intrusion(intrusion::Watch::new(name.clone(), rule)),
            RuleKind::Crossing(rule) => State::Crossing(crossing::Watch::new(name.clone(), rule)),
        };
        Self { name, classes, schedule, state }
    }

    fn presence() -> Self {
        let state = State::Presence(presence::Watch::default());
        Self { name: Label::from(""), classes: Vec::new(), schedule: Schedule::Always, state }
    }

    fn update(&mut self, tracks: &Tracks, local: Option<LocalTime>, log: &mut Log) {
        let filter = Filter { on: self.schedule.is_on(local), classes: &self.classes };
        match &mut self.state {
            State::Presence(state) => state.update(tracks, log),
            State::Intrusion(state) => state.update(tracks, &filter, log),
            State::Crossing(state) => state.update(tracks, &filter, log),
        }
    }

    fn end(&mut self, log: &mut Log) {
        match &mut self.state {
            State::Presence(state) => state.end(log),
            State::Intrusion(state) => state.end(log),
            State::Crossing(state) => state.end(),
        }
    }
}
