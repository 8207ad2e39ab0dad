//! Events as people work through them: what was said of each, in which order they changed, and pages of them.

use iris_core::WallTime;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Query, rows};
use crate::error::{Error, Result};
use crate::message::Message;

/// What a person says of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nobody has said anything yet.
    #[default]
    New,
    /// It happened and matters.
    Confirmed,
    /// It is of no concern.
    Dismissed,
}

/// What was said of an event, by whom, and when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Review {
    /// What.
    pub verdict: Verdict,
    /// The name of who said it; none while it is new.
    pub by: Option<String>,
    /// When.
    pub at: Option<WallTime>,
}

/// An event as the store has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The number of its last change. Each change of any event has a greater one than all before.
    pub change: u64,
    /// The event.
    pub message: Message,
    /// What was said of it.
    pub review: Review,
    /// Its clip, which is complete some seconds after it.
    pub clip: Option<Clip>,
}

/// The clip of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    /// Where it lies, relative to the folder of the files.
    pub path: String,
    /// When it begins, in seconds on the camera's timeline.
    pub start: f64,
}

/// A place in the list of events: that of the last one of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    at_us: i64,
    seq: i64,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.at_us, self.seq)
    }
}

impl std::str::FromStr for Cursor {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (at, seq) = text.split_once('.').unwrap_or((text, ""));
        Ok(Self { at_us: at.parse()?, seq: seq.parse()? })
    }
}

/// Some events, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The events.
    pub events: Vec<Stored>,
    /// Where the next page begins, if there is more.
    pub next: Option<Cursor>,
}

impl Page {
    /// The most events of one page.
    pub const MOST: u32 = 500;
}

const COLUMNS: &str = "at_us, seq, change, id, body, review, reviewed_by, reviewed_us,
    (SELECT path FROM media WHERE event = id AND kind = 'clip'),
    (SELECT start FROM media WHERE event = id AND kind = 'clip')";

/// The conditions of a query as SQL, with its values.
pub(super) struct Filter {
    pub(super) sql: &'static str,
    cameras: Option<String>,
    kind: Option<String>,
    class: Option<String>,
    verdict: Option<String>,
    since: i64,
    until: i64,
}

impl Filter {
    pub(super) fn new(query: &Query) -> Self {
        let names = |ids: &Vec<iris_core::CameraId>| {
            ids.iter().map(|id| id.as_str().to_owned()).collect::<serde_json::Value>().to_string()
        };
        Self {
            sql: "at_us >= ?1 AND at_us < ?2
                AND (?3 IS NULL OR camera IN (SELECT value FROM json_each(?3)))
                AND (?4 IS NULL OR kind = ?4) AND (?5 IS NULL OR class = ?5) AND (?6 IS NULL OR review = ?6)",
            cameras: query.cameras.as_ref().map(names),
            kind: query.kind.map(rows::label),
            class: query.class.clone(),
            verdict: query.verdict.map(rows::label),
            since: query.since.map_or(i64::MIN, |at| at.unix_micros),
            until: query.until.map_or(i64::MAX, |at| at.unix_micros),
        }
    }

    pub(super) fn values(&self) -> [&dyn ToSql; 6] {
        [&self.since, &self.until, &self.cameras, &self.kind, &self.class, &self.verdict]
    }
}

pub(super) fn page(db: &Connection, query: &Query, before: Option<Cursor>) -> rusqlite::Result<Result<Page>> {
    let filter = Filter::new(query);
    let limit = query.limit.unwrap_or(Page::MOST).clamp(1, Page::MOST);
    let sql = format!(
        "SELECT {COLUMNS} FROM events WHERE {} AND (at_us, seq) < (?7, ?8) ORDER BY at_us DESC, seq DESC LIMIT ?9",
        filter.sql
    );
    let before = before.unwrap_or(Cursor { at_us: i64::MAX, seq: i64::MAX });
    // One more than asked for tells whether there is a next page.
    let more = limit + 1;
    let values = [&filter.values()[..], &[&before.at_us, &before.seq, &more]].concat();
    let mut statement = db.prepare_cached(&sql)?;
    let mut found = statement
        .query_map(values.as_slice(), |row| Ok((Cursor { at_us: row.get(0)?, seq: row.get(1)? }, stored(row)?)))?;
    let mut page = Page { events: Vec::new(), next: None };
    let mut last = None;
    for row in found.by_ref() {
        let (cursor, event) = row?;
        if page.events.len() == limit as usize {
            page.next = last;
            break;
        }
        last = Some(cursor);
        match event {
            Ok(event) => page.events.push(event),
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(page))
}

pub(super) fn one(db: &Connection, id: &str) -> rusqlite::Result<Option<Result<Stored>>> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE id = ?1");
    db.prepare_cached(&sql)?.query_row([id], stored).optional()
}

pub(super) fn changes(db: &Connection, after: u64, limit: usize) -> rusqlite::Result<Result<Vec<Stored>>> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE change > ?1 ORDER BY change LIMIT ?2");
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let mut statement = db.prepare_cached(&sql)?;
    let found: Vec<_> = statement.query_map(params![after, limit as i64], stored)?.collect::<rusqlite::Result<_>>()?;
    Ok(found.into_iter().collect())
}

pub(super) fn newest_change(db: &Connection) -> rusqlite::Result<u64> {
    db.query_row("SELECT value FROM meta WHERE key = 'change'", [], |row| row.get::<_, i64>(0)).map(|n| n as u64)
}

/// The number of the change that is being written. Kept beside the events, so that it never falls when they are deleted.
pub(super) fn next_change(db: &Connection) -> rusqlite::Result<i64> {
    db.prepare_cached("UPDATE meta SET value = value + 1 WHERE key = 'change' RETURNING value")?
        .query_row([], |row| row.get(0))
}

pub(super) fn write(db: &Connection, id: &str, verdict: Verdict, by: &str, now: WallTime) -> Result<Option<Stored>> {
    // What nobody has said anything of was said by nobody.
    let (by, at) = if verdict == Verdict::New { (None, None) } else { (Some(by), Some(now.unix_micros)) };
    let write = || {
        let sql = "UPDATE events SET review = ?2, reviewed_by = ?3, reviewed_us = ?4, change = ?5 WHERE id = ?1";
        let changed = db.prepare_cached(sql)?.execute(params![id, rows::label(verdict), by, at, next_change(db)?])?;
        if changed == 0 { Ok(None) } else { one(db, id) }
    };
    write().map_err(Error::database("store a review"))?.transpose()
}

/// An event from a row of [`COLUMNS`].
fn stored(row: &Row<'_>) -> rusqlite::Result<Result<Stored>> {
    let label: String = row.get(5)?;
    let verdict = serde_json::from_value(label.into()).unwrap_or_default();
    let at = row.get::<_, Option<i64>>(7)?.map(|unix_micros| WallTime { unix_micros });
    let review = Review { verdict, by: row.get(6)?, at };
    let change = row.get::<_, i64>(2)? as u64;
    let message = rows::parse(row.get_ref(3)?.as_str()?, row.get_ref(4)?.as_str()?);
    let clip = row.get::<_, Option<String>>(8)?.zip(row.get(9)?).map(|(path, start)| Clip { path, start });
    Ok(message.map(|message| Stored { change, message, review, clip }))
}
