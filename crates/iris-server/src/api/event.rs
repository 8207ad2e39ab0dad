//! An event as JSON.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::message::{Kind, State, Way, timestamp};
use crate::store::{Stored, Verdict};

/// An event, and what was said of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventBody {
    /// The number of its last change; each change of any event has a greater one than all before.
    seq: u64,
    id: String,
    camera: String,
    state: State,
    kind: Kind,
    /// The zone or line.
    rule: Option<String>,
    direction: Option<Way>,
    /// What it is, by the model's name for it.
    class: String,
    /// The detector's score of the best picture, 0 to 1.
    score: f32,
    track: String,
    /// When it began; null for recordings.
    #[schema(value_type = Option<String>, format = DateTime)]
    start: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    end: Option<Timestamp>,
    /// When it began, in seconds on the camera's timeline.
    media_start: f64,
    media_end: Option<f64>,
    /// Width and height of the camera's picture in pixels.
    size: [u32; 2],
    /// Left, top, right, bottom in the best picture, in pixels.
    #[serde(rename = "box")]
    rect: [f32; 4],
    /// The same in fractions of the picture.
    box_unit: [f32; 4],
    /// Whether there is a picture.
    picture: bool,
    /// Whether there is one with boxes drawn.
    picture_boxes: bool,
    /// Whether its clip is complete.
    clip: bool,
    review: Verdict,
    /// Who said so.
    reviewed_by: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    reviewed_at: Option<Timestamp>,
}

impl From<Stored> for EventBody {
    fn from(stored: Stored) -> Self {
        let Stored { change, message, review, clip } = stored;
        Self {
            seq: change,
            id: message.id,
            camera: message.camera,
            state: message.state,
            kind: message.kind,
            rule: message.rule,
            direction: message.direction,
            class: message.class,
            score: message.score,
            track: message.track,
            start: message.start,
            end: message.end,
            media_start: message.media_start,
            media_end: message.media_end,
            size: message.size,
            rect: message.rect,
            box_unit: message.box_unit,
            picture: message.picture.is_some(),
            picture_boxes: message.picture_boxes.is_some(),
            clip: clip.is_some(),
            review: review.verdict,
            reviewed_by: review.by,
            reviewed_at: review.at.map(timestamp),
        }
    }
}

/// Some events, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Events {
    pub(super) items: Vec<EventBody>,
    /// Where the next page begins; null if there is no more.
    pub(super) next: Option<String>,
}
