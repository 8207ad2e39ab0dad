//! What tests of the store and of sinks share: events made up, and times.

use std::ops::ControlFlow;
use std::path::Path;

use iris_core::{
    Best, CameraId, ClassId, Epoch, Event, EventId, EventKind, Evidence, FrameKey, MediaTime, Moment, Rect, Size,
    TrackId, WallTime,
};
use iris_server::message::{Entry, Message};
use iris_server::store::{Options, Query, Sqlite, Store};

/// 2026-01-05T10:00:00Z.
pub(crate) const START: WallTime = WallTime { unix_micros: 1_767_607_200_000_000 };

pub(crate) fn after(seconds: i64) -> WallTime {
    WallTime { unix_micros: START.unix_micros + seconds * 1_000_000 }
}

pub(crate) fn camera(name: &str) -> CameraId {
    CameraId::new(name).expect("a camera's name")
}

pub(crate) fn event(name: &str, run: u32, n: u32, started: i64, ended: Option<i64>) -> Event {
    let (camera, epoch) = (camera(name), Epoch::first(run));
    let at = |second: i64| Moment { media: MediaTime::from_millis(second * 1000), wall: Some(after(second)) };
    let key = FrameKey { camera, epoch, seq: 42 };
    let best = Best { key, at: at(started), rect: Rect::new(64.0, 36.0, 128.0, 180.0), score: 0.87 };
    let track = TrackId { camera, epoch, n };
    Event {
        id: EventId { camera, epoch, n },
        kind: EventKind::Intrusion { zone: "yard".into() },
        started: at(started),
        ended: ended.map(at),
        evidence: Evidence { track, class: ClassId(0), best, size: Size::new(640, 360) },
    }
}

/// An event that is over, stored when it ended.
pub(crate) fn over(name: &str, run: u32, n: u32, second: i64) -> Entry {
    Entry::new(&event(name, run, n, second, Some(second + 1)), "person", Vec::new(), after(second + 1))
}

pub(crate) fn sqlite(folder: &Path, sinks: &[&str]) -> Box<dyn Store> {
    let options = Options {
        folder: folder.to_owned(),
        sinks: sinks.iter().map(ToString::to_string).collect(),
        ..Options::default()
    };
    Box::new(Sqlite::open(&options).expect("a store"))
}

pub(crate) fn put(store: &dyn Store, entry: Entry) {
    store.put(entry).expect("taken").wait().expect("committed");
}

pub(crate) fn events(store: &dyn Store, query: &Query) -> Vec<Message> {
    let mut found = Vec::new();
    let each = &mut |message| {
        found.push(message);
        ControlFlow::Continue(())
    };
    store.events(query, each).expect("events");
    found
}

pub(crate) fn ids(store: &dyn Store, query: &Query) -> Vec<String> {
    events(store, query).into_iter().map(|message| message.id).collect()
}
