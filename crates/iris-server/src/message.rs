//! The one place where events become JSON. `docs/spec/events.md` describes the message; the names there are kept.

use iris_core::{Direction, Event, EventId, EventKind, Moment, WallTime};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::store::{MediaFile, MediaKind};

/// What is told about an event: to the store, to sinks, on standard output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The event's name, the same in every message about it.
    pub id: String,
    /// The camera's name.
    pub camera: String,
    /// How far the event is.
    pub state: State,
    /// What happened.
    pub kind: Kind,
    /// The zone or line, if a rule saw it.
    pub rule: Option<String>,
    /// Which way a line was crossed.
    pub direction: Option<Way>,
    /// The class of what was seen, by the model's name for it.
    pub class: String,
    /// The detector's score of the best picture, 0 to 1.
    pub score: f32,
    /// The track.
    pub track: String,
    /// When it began, for live cameras.
    pub start: Option<Timestamp>,
    /// When it ended, for live cameras.
    pub end: Option<Timestamp>,
    /// When it began, in seconds on the camera's timeline.
    pub media_start: f64,
    /// When it ended, in seconds on the camera's timeline.
    pub media_end: Option<f64>,
    /// Width and height of the camera's picture in pixels.
    pub size: [u32; 2],
    /// Left, top, right, bottom in the best picture, in pixels.
    #[serde(rename = "box")]
    pub rect: [f32; 4],
    /// The same in fractions of the picture.
    pub box_unit: [f32; 4],
    /// The best picture, relative to the store's folder of pictures.
    pub picture: Option<String>,
    /// The same with boxes drawn.
    pub picture_boxes: Option<String>,
}

/// How far an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = EventState)]
pub enum State {
    /// It has begun and goes on.
    Started,
    /// It is over.
    Ended,
    /// The server stopped while it went on; when it ended is not known.
    Interrupted,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = EventKind)]
pub enum Kind {
    /// A confirmed track; what is told where no rule is configured.
    Track,
    /// Something was in a zone where it should not be.
    Intrusion,
    /// Something crossed a line.
    LineCrossing,
}

/// Which way a line was crossed, seen from its first point towards its second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CrossingDirection)]
pub enum Way {
    /// From the left-hand side to the right-hand side.
    LeftToRight,
    /// From the right-hand side to the left-hand side.
    RightToLeft,
}

impl Message {
    /// What there is to tell about an event. `class` is the model's name for its class.
    pub fn new(event: &Event, class: &str, pictures: &[MediaFile]) -> Self {
        let (kind, rule, direction) = match &event.kind {
            EventKind::Track => (Kind::Track, None, None),
            EventKind::Intrusion { zone } => (Kind::Intrusion, Some(zone.to_string()), None),
            EventKind::LineCrossing { line, direction } => {
                (Kind::LineCrossing, Some(line.to_string()), Some((*direction).into()))
            }
        };
        let path = |kind| pictures.iter().find(|picture| picture.kind == kind).map(|picture| picture.path.clone());
        let evidence = &event.evidence;
        let (rect, unit) = (evidence.best.rect, evidence.best.rect.to_unit(evidence.size));
        Self {
            id: event.id.to_string(),
            camera: event.id.camera.to_string(),
            state: if event.ended.is_some() { State::Ended } else { State::Started },
            kind,
            rule,
            direction,
            class: class.to_owned(),
            score: round(evidence.best.score, 1000.0),
            track: evidence.track.to_string(),
            start: wall(event.started),
            end: event.ended.and_then(wall),
            media_start: seconds(event.started),
            media_end: event.ended.map(seconds),
            size: [evidence.size.width, evidence.size.height],
            rect: [rect.x0, rect.y0, rect.x1, rect.y1].map(|v| round(v, 10.0)),
            box_unit: [unit.x0, unit.y0, unit.x1, unit.y1].map(|v| round(v, 10_000.0)),
            picture: path(MediaKind::Plain),
            picture_boxes: path(MediaKind::Boxes),
        }
    }

    /// One line of JSON, without the line's end.
    pub fn to_json(&self) -> String {
        // Texts, numbers and enums cannot fail to serialise; numbers that JSON lacks become null.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// An event on its way into the store: its message, and what the store must know beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The event's name.
    pub id: EventId,
    /// What is told about it.
    pub message: Message,
    /// Its pictures, whose files are written.
    pub pictures: Vec<MediaFile>,
    /// The wall clock now.
    pub stored: WallTime,
}

impl Entry {
    /// An event as it stands now.
    pub fn new(event: &Event, class: &str, pictures: Vec<MediaFile>, stored: WallTime) -> Self {
        Self { id: event.id, message: Message::new(event, class, &pictures), pictures, stored }
    }
}

impl From<Direction> for Way {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::LeftToRight => Self::LeftToRight,
            Direction::RightToLeft => Self::RightToLeft,
        }
    }
}

/// A wall clock's reading as a timestamp; readings that no calendar has are cut to the nearest one that it has.
pub(crate) fn timestamp(wall: WallTime) -> Timestamp {
    let nearest = if wall.unix_micros < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_microsecond(wall.unix_micros).unwrap_or(nearest)
}

fn wall(moment: Moment) -> Option<Timestamp> {
    moment.wall.map(timestamp)
}

/// To the millisecond: cameras do not know better, and people read it.
fn seconds(moment: Moment) -> f64 {
    (moment.media.as_secs_f64() * 1000.0).round() / 1000.0
}

fn round(value: f32, steps: f32) -> f32 {
    (value * steps).round() / steps
}
