//! The message is what `docs/spec/events.md` says it is.

use crate::kit::event;
use iris_core::{Direction, EventKind};
use iris_server::message::{Message, State};
use iris_server::store::{MediaFile, MediaKind};
use serde_json::Value;

const SPEC: &str = include_str!("../../../../docs/spec/events.md");

/// The event of the document's example.
fn example() -> Message {
    let path = |suffix: &str| format!("gate/2026-01-05/gate-3.0-17{suffix}.jpg");
    let pictures = [
        MediaFile { kind: MediaKind::Plain, path: path(""), bytes: 1 },
        MediaFile { kind: MediaKind::Boxes, path: path("-boxes"), bytes: 1 },
    ];
    Message::new(&event("gate", 3, 17, 12, Some(19)), "person", &pictures)
}

fn fenced(language: &str) -> &'static str {
    let start = SPEC.split_once(&format!("```{language}\n")).expect("an example").1;
    start.split_once("```").expect("its end").0
}

#[test]
fn the_example_in_the_document_is_what_is_written() {
    let documented: Value = serde_json::from_str(fenced("json")).expect("JSON");
    let written: Value = serde_json::from_str(&example().to_json()).expect("JSON");
    assert_eq!(documented, written);
}

#[test]
fn the_table_names_every_field_and_no_other() {
    let mut documented: Vec<&str> =
        SPEC.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let written: Value = serde_json::from_str(&example().to_json()).expect("JSON");
    let mut fields: Vec<&str> = written.as_object().expect("an object").keys().map(String::as_str).collect();
    documented.sort_unstable();
    fields.sort_unstable();
    assert_eq!(documented, fields);
}

#[test]
fn the_document_names_every_state_kind_and_direction() {
    for word in
        ["started", "ended", "interrupted", "track", "intrusion", "line_crossing", "left_to_right", "right_to_left"]
    {
        assert!(SPEC.contains(&format!("`\"{word}\"`")), "{word}");
    }
}

#[test]
fn recordings_have_no_wall_clock_and_open_events_no_end() {
    let mut open = event("gate", 3, 17, 12, None);
    open.started.wall = None;
    let message = Message::new(&open, "person", &[]);
    assert_eq!((message.state, message.start, message.end), (State::Started, None, None));
    assert_eq!((message.media_start, message.media_end, message.picture), (12.0, None, None));
}

#[test]
fn a_message_read_back_is_the_same_and_one_line() {
    let mut crossing = event("gate", 3, 17, 12, None);
    crossing.kind = EventKind::LineCrossing { line: "a\nb \"c\" \u{2028}".into(), direction: Direction::LeftToRight };
    for message in [example(), Message::new(&crossing, "person", &[])] {
        let json = message.to_json();
        assert!(!json.contains('\n'));
        assert_eq!(serde_json::from_str::<Message>(&json).expect("JSON"), message);
    }
}
