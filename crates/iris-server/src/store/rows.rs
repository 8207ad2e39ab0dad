//! What is written, as SQL. Every function is part of a transaction that the caller began.

use iris_core::WallTime;
use rusqlite::{Connection, OptionalExtension, params};

use super::review::next_change;
use super::{MediaFile, MediaKind, Outcome, Removed, Run};
use crate::error::{Error, Result};
use crate::message::{Entry, Message, State};

type Sql<T> = rusqlite::Result<T>;

/// Stores or replaces an event and puts its message in line for every sink.
pub(super) fn put(db: &Connection, entry: &Entry, sinks: &[String]) -> Result<()> {
    put_rows(db, entry, sinks).map_err(Error::database("store an event"))
}

fn put_rows(db: &Connection, entry: &Entry, sinks: &[String]) -> Sql<()> {
    let message = &entry.message;
    let at = message.start.map_or(entry.stored.unix_micros, jiff::Timestamp::as_microsecond);
    let open = message.state == State::Started;
    let body = message.to_json();
    let changed = db
        .prepare_cached(
            "INSERT INTO events (id, camera, kind, run, at_us, open, body, class, change)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (id) DO UPDATE SET open = excluded.open, body = excluded.body, change = excluded.change
             WHERE open",
        )?
        .execute(params![
            message.id,
            message.camera,
            label(message.kind),
            entry.id.epoch.run,
            at,
            open,
            body,
            message.class,
            next_change(db)?
        ])?;
    if changed == 0 {
        return Ok(());
    }
    for picture in &entry.pictures {
        put_file(db, &message.id, picture, None)?;
    }
    tell(db, message, &body, sinks, entry.stored)
}

fn tell(db: &Connection, message: &Message, body: &str, sinks: &[String], now: WallTime) -> Sql<()> {
    let mut insert = db.prepare_cached(
        "INSERT OR IGNORE INTO outbox (event, sink, tells, camera, body, created_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for sink in sinks {
        insert.execute(params![message.id, sink, label(message.state), message.camera, body, now.unix_micros])?;
    }
    Ok(())
}

/// A variant's name in JSON.
pub(super) fn label(variant: impl serde::Serialize) -> String {
    serde_json::to_value(variant).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

pub(super) fn begin_run(db: &Connection, sinks: &[String], now: WallTime) -> Result<Run> {
    let number = number_run(db, now).map_err(Error::database("number a run"))?;
    let interrupted = interrupt(db, sinks, now)?;
    give_up_on_others(db, sinks).map_err(Error::database("clear the outbox"))?;
    Ok(Run { number, interrupted })
}

fn number_run(db: &Connection, now: WallTime) -> Sql<u32> {
    db.execute("INSERT INTO runs (began_us) VALUES (?1)", [now.unix_micros])?;
    Ok(db.last_insert_rowid() as u32)
}

/// Closes what earlier runs left open.
fn interrupt(db: &Connection, sinks: &[String], now: WallTime) -> Result<usize> {
    let open = read_open(db).map_err(Error::database("read open events"))?;
    for (id, body) in &open {
        let mut message = parse(id, body)?;
        message.state = State::Interrupted;
        let body = message.to_json();
        next_change(db)
            .and_then(|change| {
                let sql = "UPDATE events SET open = 0, body = ?2, change = ?3 WHERE id = ?1";
                db.execute(sql, params![id, body, change])
            })
            .and_then(|_| tell(db, &message, &body, sinks, now))
            .map_err(Error::database("close an event"))?;
    }
    Ok(open.len())
}

fn read_open(db: &Connection) -> Sql<Vec<(String, String)>> {
    let mut query = db.prepare("SELECT id, body FROM events WHERE open ORDER BY seq")?;
    query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

pub(super) fn parse(id: &str, body: &str) -> Result<Message> {
    serde_json::from_str(body).map_err(|source| Error::Record { what: id.to_owned(), source })
}

/// A sink that is not configured any more would hold its events back from deletion for ever.
pub(super) fn give_up_on_others(db: &Connection, sinks: &[String]) -> Sql<()> {
    let mut query = db.prepare("SELECT DISTINCT sink FROM outbox WHERE state = 'pending'")?;
    let waiting: Vec<String> = query.query_map([], |row| row.get(0))?.collect::<Sql<_>>()?;
    for sink in waiting.iter().filter(|sink| !sinks.contains(sink)) {
        let gone = "the sink is not configured any more";
        db.execute("UPDATE outbox SET state = 'dead', error = ?2 WHERE sink = ?1 AND state = 'pending'", [sink, gone])?;
    }
    Ok(())
}

pub(super) fn settle(db: &Connection, outcomes: &[(i64, Outcome)]) -> Result<()> {
    let settle = |(seq, outcome): &(i64, Outcome)| {
        let (state, next, error) = match outcome {
            Outcome::Delivered => ("done", 0, None),
            Outcome::Retry { at, error } => ("pending", at.unix_micros, Some(error)),
            Outcome::Dead { error } => ("dead", 0, Some(error)),
        };
        db.prepare_cached(
            "UPDATE outbox SET state = ?2, next_us = ?3, error = ?4, attempts = attempts + 1 WHERE seq = ?1",
        )?
        .execute(params![seq, state, next, error])
        .map(drop)
    };
    outcomes.iter().try_for_each(settle).map_err(Error::database("settle messages"))
}

pub(super) fn revive(db: &Connection, sink: &str) -> Result<usize> {
    db.execute(
        "UPDATE outbox SET state = 'pending', attempts = 0, next_us = 0 WHERE sink = ?1 AND state = 'dead'",
        [sink],
    )
    .map_err(Error::database("revive messages"))
}

pub(super) fn remove_oldest(db: &Connection, before: WallTime, limit: usize) -> Result<Removed> {
    remove_rows(db, before, limit).map_err(Error::database("delete old events"))
}

fn remove_rows(db: &Connection, before: WallTime, limit: usize) -> Sql<Removed> {
    let mut old = db.prepare_cached(
        "SELECT id FROM events WHERE at_us < ?1 AND NOT open
            AND NOT EXISTS (SELECT 1 FROM outbox WHERE event = id AND state = 'pending')
         ORDER BY at_us, seq LIMIT ?2",
    )?;
    let ids: Vec<String> =
        old.query_map(params![before.unix_micros, limit as i64], |row| row.get(0))?.collect::<Sql<_>>()?;
    let mut removed = Removed { events: ids.len(), files: Vec::new() };
    for id in &ids {
        let mut query = db.prepare_cached("SELECT kind, path, bytes FROM media WHERE event = ?1")?;
        for file in query.query_map([id], |row| file(row, 0))? {
            removed.files.push(file?);
        }
        db.prepare_cached("DELETE FROM events WHERE id = ?1")?.execute([id])?;
    }
    Ok(removed)
}

/// A file from three columns that start at `first`.
pub(super) fn file(row: &rusqlite::Row<'_>, first: usize) -> Sql<MediaFile> {
    let label: String = row.get(first)?;
    let kind = MediaKind::ALL.into_iter().find(|kind| kind.label() == label).unwrap_or(MediaKind::Plain);
    Ok(MediaFile { kind, path: row.get(first + 1)?, bytes: row.get::<_, i64>(first + 2)? as u64 })
}

pub(super) fn note_sweep(db: &Connection, now: WallTime) -> Result<Option<WallTime>> {
    let note = || {
        let last = db
            .query_row("SELECT value FROM meta WHERE key = 'sweep_us'", [], |row| row.get(0))
            .optional()?
            .map(|unix_micros| WallTime { unix_micros });
        db.execute("INSERT OR REPLACE INTO meta VALUES ('sweep_us', ?1)", [now.unix_micros])?;
        Ok(last)
    };
    note().map_err(Error::database("note a sweep"))
}

pub(super) fn forget_file(db: &Connection, event: &str, kind: MediaKind) -> Result<()> {
    let doing = "forget a file";
    let body: Option<String> = db
        .query_row("SELECT body FROM events WHERE id = ?1", [event], |row| row.get(0))
        .optional()
        .map_err(Error::database(doing))?;
    let Some(body) = body else { return Ok(()) };
    let mut message = parse(event, &body)?;
    match kind {
        MediaKind::Plain => message.picture = None,
        MediaKind::Boxes => message.picture_boxes = None,
        MediaKind::Clip => {}
    }
    db.execute("DELETE FROM media WHERE event = ?1 AND kind = ?2", [event, kind.label()])
        .and_then(|_| db.execute("UPDATE events SET body = ?2 WHERE id = ?1", [event, &message.to_json()]))
        .map(drop)
        .map_err(Error::database(doing))
}

/// Adds a clip to an event, and says whether there is such an event.
pub(super) fn attach(db: &Connection, event: &str, clip: &MediaFile, start: f64) -> Result<bool> {
    let attach = || {
        let sql = "UPDATE events SET change = ?2 WHERE id = ?1";
        if db.execute(sql, params![event, next_change(db)?])? == 0 {
            return Ok(false);
        }
        put_file(db, event, clip, Some(start)).map(|()| true)
    };
    attach().map_err(Error::database("store a clip"))
}

fn put_file(db: &Connection, event: &str, file: &MediaFile, start: Option<f64>) -> Sql<()> {
    let sql = "INSERT OR REPLACE INTO media (event, kind, path, bytes, start) VALUES (?1, ?2, ?3, ?4, ?5)";
    let values = params![event, file.kind.label(), file.path, file.bytes as i64, start];
    db.prepare_cached(sql)?.execute(values).map(drop)
}
