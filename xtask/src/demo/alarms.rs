//! Alarms as lines for people, from the file into which the server delivers them.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use crate::shell::say;

/// How often the file is looked at.
const PERIOD: Duration = Duration::from_millis(250);

/// Prints each alarm once, as it begins, with the address of its picture below `address`. Goes on for ever.
pub(super) async fn tell(path: &Path, address: &str) -> Result<()> {
    let mut known = HashSet::new();
    let mut rest = Vec::new();
    let mut file = None;
    let mut ticks = tokio::time::interval(PERIOD);
    loop {
        ticks.tick().await;
        if file.is_none() {
            // The server makes it with its first event.
            file = tokio::fs::File::open(path).await.ok();
        }
        let Some(file) = &mut file else { continue };
        file.read_to_end(&mut rest).await?;
        let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        for line in rest.drain(..whole).collect::<Vec<_>>().split(|byte| *byte == b'\n') {
            let Ok(event) = serde_json::from_slice::<Value>(line) else { continue };
            if known.insert(event["id"].to_string()) {
                say(&describe(&event, address));
            }
        }
    }
}

/// One line: when, where, what, and where its picture is.
fn describe(event: &Value, address: &str) -> String {
    let text = |key: &str| event[key].as_str().unwrap_or("?");
    // Of a timestamp such as 2026-05-01T12:34:56.7Z, the time of day.
    let time = text("start").split_once('T').map_or("", |(_, time)| time.get(..8).unwrap_or(time));
    let rule = event["rule"].as_str().map_or(String::new(), |rule| format!(" {rule}"));
    format!(
        "  {time}  {:<12} {}{rule}: {} ({:.2})  {address}/events/{}",
        text("camera"),
        text("kind").replace('_', " "),
        text("class"),
        event["score"].as_f64().unwrap_or_default(),
        text("id"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_alarm_is_one_line() {
        let event = json!({
            "id": "yard-1.0-4", "camera": "yard", "kind": "line_crossing", "rule": "fence", "class": "person",
            "score": 0.812, "start": "2026-05-01T12:34:56.789Z",
        });
        assert_eq!(
            describe(&event, "http://h:1"),
            "  12:34:56  yard         line crossing fence: person (0.81)  http://h:1/events/yard-1.0-4"
        );
        assert_eq!(describe(&json!({}), "x"), "    ?            ?: ? (0.00)  x/events/?");
    }
}
