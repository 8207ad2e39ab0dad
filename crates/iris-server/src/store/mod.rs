//! What is remembered: events, their pictures and clips, what people said of them, what each sink has yet to be told, the
//! cameras and sinks that were made over the API, and who may come in.
//!
//! [`Store`] says what any database must do, and one suite in `tests/store.rs` holds every backend to it; [`Sqlite`]
//! is the one there is. Files are [`Media`]'s, JSON is [`crate::message`]'s, and when something is deleted is decided
//! by [`crate::retention`].

mod accounts;
mod bell;
mod items;
mod media;
mod reader;
mod review;
mod rows;
mod schema;
mod sqlite;
mod writer;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use iris_core::{CameraId, EventId, WallTime};

use crate::accounts::Accounts;
use crate::config::Item;
use crate::error::{ErrorKind, Result};
use crate::message::{Entry, Kind, Message};

pub use bell::Bell;
pub use media::{Media, Unfinished};
pub(crate) use media::{is_unfinished, write_whole};
pub use reader::Reader;
pub use review::{Clip, Cursor, Page, Review, Stored, Verdict};
pub use sqlite::{Options, Sqlite};
pub(crate) use writer::QUEUE;
pub use writer::Receipt;

/// A database of events with an outbox for each sink, and of accounts.
///
/// Times are arguments; the store has no clock. All methods may be called from any thread.
pub trait Store: Accounts {
    /// Numbers a run of the program, from 1, for [`iris_core::Epoch`]. Events that earlier runs left open are closed
    /// as interrupted, and told so to every sink; what waits for sinks that are gone from the configuration is given
    /// up.
    fn begin_run(&self, now: WallTime) -> Result<Run>;

    /// Stores an event, or, if it is stored already and goes on, replaces it, together with a message for every sink,
    /// all or nothing. An event that is over does not change any more. Waits while too much is waiting.
    fn put(&self, entry: Entry) -> Result<Receipt<()>>;

    /// From now on events are told to these sinks. What waits for others is given up.
    fn tell(&self, sinks: &[String]) -> Result<()>;

    /// Hands out events one by one, newest last, until told to break.
    fn events(&self, query: &Query, each: &mut dyn FnMut(Message) -> ControlFlow<()>) -> Result<()>;

    /// The newest events before a cursor, newest first, at most [`Query::limit`], or [`Page::MOST`]. Pages that follow
    /// each other neither repeat nor leave out an event that was there at the first, whatever comes in meanwhile.
    fn page(&self, query: &Query, before: Option<Cursor>) -> Result<Page>;

    /// One event.
    fn event(&self, id: &str) -> Result<Option<Stored>>;

    /// Remembers what a person says of an event. Returns after the commit; `None` if there is no such event.
    fn review(&self, id: &str, verdict: Verdict, by: &str, now: WallTime) -> Result<Option<Stored>>;

    /// The events that changed after change number `after`, as they are now, in the order of their last change, at most
    /// `limit`.
    fn changes(&self, after: u64, limit: usize) -> Result<Vec<Stored>>;

    /// The number of the newest change; 0 if there was none.
    fn newest_change(&self) -> Result<u64>;

    /// The cameras and sinks that were made over the API, in the order in which they were made.
    fn items(&self) -> Result<Vec<Item>>;

    /// Makes these the cameras and sinks that were made over the API, all or nothing. Returns after the commit.
    fn set_items(&self, items: Vec<Item>) -> Result<()>;

    /// What a sink is to be told now, oldest first, at most `limit` messages: of each camera in order, and nothing of
    /// a camera whose oldest message waits for its next try.
    fn due(&self, sink: &str, now: WallTime, limit: usize) -> Result<Vec<Outgoing>>;

    /// Remembers how telling a sink went. Returns after the commit.
    fn settle(&self, outcomes: Vec<(i64, Outcome)>) -> Result<()>;

    /// How much waits for a sink.
    fn backlog(&self, sink: &str) -> Result<Backlog>;

    /// Puts a sink's dead messages back in line, and says how many.
    fn revive(&self, sink: &str) -> Result<usize>;

    /// How much is stored.
    fn usage(&self) -> Result<Usage>;

    /// Forgets the oldest events that are over and wait for no sink, at most `limit`, and only those that began before
    /// `before`. Their files are the caller's to delete.
    fn remove_oldest(&self, before: WallTime, limit: usize) -> Result<Removed>;

    /// When a sweep last ran by the wall clock, and a note that one runs now.
    fn note_sweep(&self, now: WallTime) -> Result<Option<WallTime>>;

    /// Says that an event has a clip, whose file is written. Returns after the commit; false if there is no such event.
    fn attach(&self, event: EventId, clip: MediaFile, start: f64) -> Result<bool>;

    /// Hands out all files with their events.
    fn files(&self, each: &mut dyn FnMut(String, MediaFile)) -> Result<()>;

    /// Forgets that an event has a file.
    fn forget_file(&self, event: &str, kind: MediaKind) -> Result<()>;

    /// What the database itself finds wrong with its contents.
    fn verify(&self) -> Result<Vec<String>>;

    /// The folder of the files that belong to this database.
    fn media(&self) -> &Media;

    /// Rings after every commit.
    fn news(&self) -> &Arc<Bell>;

    /// How the writing goes.
    fn health(&self) -> Health;

    /// Commits what waits and stops. While the database is locked or full, it is tried until `patience` is over; the
    /// error then says that something was not stored.
    fn close(&self, patience: Duration) -> Result<()>;
}

/// A run of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Its number, from 1.
    pub number: u32,
    /// How many events of earlier runs were closed as interrupted.
    pub interrupted: usize,
}

/// Which events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// Those that began then or later.
    pub since: Option<WallTime>,
    /// Those that began before.
    pub until: Option<WallTime>,
    /// Those of these cameras.
    pub cameras: Option<Vec<CameraId>>,
    /// Those of one kind.
    pub kind: Option<Kind>,
    /// Those of one class, by its name.
    pub class: Option<String>,
    /// Those of which this was said.
    pub verdict: Option<Verdict>,
    /// The newest so many of them.
    pub limit: Option<u32>,
}

/// A picture or clip of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaFile {
    /// What it shows.
    pub kind: MediaKind,
    /// Where it lies, relative to the folder.
    pub path: String,
    /// The file's size.
    pub bytes: u64,
}

/// What a file of an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// What the camera saw at its best, as JPEG.
    Plain,
    /// The same with boxes drawn.
    Boxes,
    /// What the camera sent from before the event until after it, as MP4.
    Clip,
}

impl MediaKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Boxes, Self::Clip];

    /// Its name in the database.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Boxes => "boxes",
            Self::Clip => "clip",
        }
    }
}

/// A message on its way to a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its place in line.
    pub seq: i64,
    /// The event's name.
    pub event: String,
    /// The event's camera.
    pub camera: String,
    /// The JSON.
    pub body: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Since when it waits.
    pub created: WallTime,
}

/// How telling a sink went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The sink has it.
    Delivered,
    /// Not yet; try again later.
    Retry {
        /// When.
        at: WallTime,
        /// Why it failed.
        error: String,
    },
    /// Given up. It is kept, with its error, until its event is deleted.
    Dead {
        /// Why.
        error: String,
    },
}

/// How much waits for a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Messages to tell.
    pub pending: u64,
    /// Messages given up.
    pub dead: u64,
    /// Since when the oldest of the pending ones waits.
    pub oldest: Option<WallTime>,
}

/// How much is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Events.
    pub events: u64,
    /// Bytes of the database in use.
    pub database: u64,
    /// Bytes of all pictures and clips.
    pub media: u64,
}

/// What was forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Removed {
    /// How many events.
    pub events: usize,
    /// Their files, which nothing names any more.
    pub files: Vec<MediaFile>,
}

/// How the writing goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// Writes that are not yet committed.
    pub waiting: usize,
    /// Why they cannot be now, if they cannot: [`ErrorKind::Busy`] or [`ErrorKind::Full`].
    pub stalled: Option<ErrorKind>,
    /// Why nothing will be written any more, if the store has failed.
    pub failed: Option<String>,
}
