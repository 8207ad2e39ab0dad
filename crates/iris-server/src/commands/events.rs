//! `iris events`: what the store holds.

use std::io::Write;
use std::ops::ControlFlow;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use iris_core::{CameraId, WallTime};
use jiff::{Span, Timestamp, Zoned};

use crate::cli::EventsArgs;
use crate::message::{Kind, Message, State};
use crate::store::{Query, Reader};

pub(super) fn events(args: &EventsArgs) -> Result<ExitCode> {
    let config = super::load(&args.config.config)?;
    let now = Zoned::now();
    let query = Query {
        since: args.since.as_deref().map(|text| since(text, &now)).transpose()?,
        cameras: args.camera.as_deref().map(|id| CameraId::new(id).map(|id| vec![id])).transpose()?,
        limit: Some(args.limit),
        ..Query::default()
    };
    let mut out = std::io::stdout().lock();
    let mut failed = None;
    Reader::open(&config.store.path)?.events(&query, &mut |message| {
        let line = if args.json { message.to_json() } else { row(&message, &now) };
        match writeln!(out, "{line}") {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    match failed {
        Some(error) => Err(error).context("cannot write the list"),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// A time such as `2026-03-01T18:00:00+01:00`, or how long ago, such as `2h`.
fn since(text: &str, now: &Zoned) -> Result<WallTime> {
    let at = match (text.parse::<Timestamp>(), text.parse::<Span>()) {
        (Ok(at), _) => at,
        (_, Ok(ago)) => now.saturating_sub(ago).timestamp(),
        _ => bail!("--since {text:?}: write a time such as 2026-03-01T18:00:00+01:00, or an age such as 2h or 7d"),
    };
    Ok(WallTime { unix_micros: at.as_microsecond() })
}

fn row(message: &Message, now: &Zoned) -> String {
    let when = match message.start {
        Some(start) => start.to_zoned(now.time_zone().clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        None => format!("{:.1}s", message.media_start),
    };
    let lasted = match (message.state, message.media_end) {
        (State::Ended, Some(end)) => format!("{:.1}s", end - message.media_start),
        (State::Interrupted, _) => "cut off".into(),
        _ => "goes on".into(),
    };
    let kind = match message.kind {
        Kind::Track => "track",
        Kind::Intrusion => "intrusion",
        Kind::LineCrossing => "line crossing",
    };
    let rule = message.rule.as_deref().unwrap_or("-");
    let picture = message.picture.as_deref().unwrap_or("-");
    format!("{when:19}  {:16}  {kind:13}  {rule:16}  {:12}  {lasted:>8}  {picture}", message.camera, message.class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_ages_are_understood() {
        let now: Zoned = "2026-03-02T12:00:00+00:00[UTC]".parse().expect("a time");
        let at = |text: &str| since(text, &now).map(|wall| wall.unix_micros / 1_000_000).ok();
        let noon = now.timestamp().as_second();
        assert_eq!(at("2026-03-02T12:00:00Z"), Some(noon));
        assert_eq!(at("2h"), Some(noon - 7200));
        assert_eq!(at("7d"), Some(noon - 7 * 86_400));
        assert_eq!(at("yesterday"), None);
    }
}
