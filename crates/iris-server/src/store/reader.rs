//! What is read, each time on a connection that can only read, so that no question ever waits for a write.

use std::cmp::Ordering;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use iris_core::WallTime;
use rusqlite::{Connection, OpenFlags, params};

use super::review::{self, Cursor, Filter, Page, Stored};
use super::{Backlog, MediaFile, Outgoing, Query, Usage, items, rows, schema};
use crate::config::Item;
use crate::error::{Error, Result};
use crate::message::Message;

/// Connections that are kept for the next question.
const KEPT: usize = 4;
/// A next try that lies further ahead than any back-off was set before the wall clock was put back; it is due.
const BELIEVABLE_US: i64 = 3_600_000_000;

/// Asks a store questions; works beside a running server.
#[derive(Debug)]
pub struct Reader {
    database: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Reader {
    /// For the store in a folder. Refuses a folder without a database, and one of another schema.
    pub fn open(folder: &Path) -> Result<Self> {
        let reader = Self::new(folder.join(super::sqlite::DATABASE));
        let found = reader.ask("be opened", |db| Ok(schema::version(db)))??;
        let (path, known) = (reader.database.clone(), schema::NEWEST);
        match found.cmp(&known) {
            Ordering::Equal => Ok(reader),
            Ordering::Less => Err(Error::OlderSchema { path, found, known }),
            Ordering::Greater => Err(Error::NewerSchema { path, found, known }),
        }
    }

    pub(super) fn new(database: PathBuf) -> Self {
        Self { database, idle: Mutex::default() }
    }

    /// Hands out events one by one, newest last, until told to break.
    pub fn events(&self, query: &Query, each: &mut dyn FnMut(Message) -> ControlFlow<()>) -> Result<()> {
        let filter = Filter::new(query);
        let newest = format!("SELECT seq, at_us, id, body FROM events WHERE {}", filter.sql);
        // The newest so many can only be found from the end; without a limit rows come as they lie, none is held.
        let sql = match query.limit {
            Some(limit) => format!(
                "SELECT id, body FROM ({newest} ORDER BY at_us DESC, seq DESC LIMIT {limit}) ORDER BY at_us, seq"
            ),
            None => format!("SELECT id, body FROM ({newest}) ORDER BY at_us, seq"),
        };
        self.ask("read events", |db| {
            let mut statement = db.prepare_cached(&sql)?;
            let mut found = statement.query(filter.values().as_slice())?;
            while let Some(row) = found.next()? {
                let message = rows::parse(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
                match message.map(&mut *each) {
                    Ok(ControlFlow::Continue(())) => {}
                    Ok(ControlFlow::Break(())) => break,
                    Err(error) => return Ok(Err(error)),
                }
            }
            Ok(Ok(()))
        })?
    }

    pub(super) fn page(&self, query: &Query, before: Option<Cursor>) -> Result<Page> {
        self.ask("read events", |db| review::page(db, query, before))?
    }

    pub(super) fn event(&self, id: &str) -> Result<Option<Stored>> {
        self.ask("read an event", |db| review::one(db, id))?.transpose()
    }

    pub(super) fn changes(&self, after: u64, limit: usize) -> Result<Vec<Stored>> {
        self.ask("read changes", |db| review::changes(db, after, limit))?
    }

    pub(super) fn newest_change(&self) -> Result<u64> {
        self.ask("number the changes", review::newest_change)
    }

    /// The cameras and sinks that were made over the API, in the order in which they were made.
    pub fn items(&self) -> Result<Vec<Item>> {
        self.ask("read cameras and sinks", items::read)
    }

    pub(super) fn due(&self, sink: &str, now: WallTime, limit: usize) -> Result<Vec<Outgoing>> {
        self.ask("read the outbox", |db| {
            let mut statement = db.prepare_cached(
                "SELECT seq, event, camera, body, attempts, created_us FROM outbox
                 WHERE sink = ?1 AND state = 'pending' AND camera NOT IN (
                    SELECT camera FROM outbox
                    WHERE sink = ?1 AND state = 'pending' AND next_us > 0 AND next_us > ?2 AND next_us < ?3)
                 ORDER BY seq LIMIT ?4",
            )?;
            let now = now.unix_micros;
            let found =
                statement.query_map(params![sink, now, now.saturating_add(BELIEVABLE_US), limit as i64], |row| {
                    Ok(Outgoing {
                        seq: row.get(0)?,
                        event: row.get(1)?,
                        camera: row.get(2)?,
                        body: row.get(3)?,
                        attempts: row.get(4)?,
                        created: WallTime { unix_micros: row.get(5)? },
                    })
                })?;
            found.collect()
        })
    }

    /// How much waits for a sink.
    pub fn backlog(&self, sink: &str) -> Result<Backlog> {
        self.ask("count the outbox", |db| {
            let count = |sql: &str| db.prepare_cached(sql)?.query_row([sink], |row| row.get::<_, Option<i64>>(0));
            let pending = count("SELECT count(*) FROM outbox WHERE sink = ?1 AND state = 'pending'")?;
            let dead = count("SELECT count(*) FROM outbox WHERE sink = ?1 AND state = 'dead'")?;
            let oldest = count("SELECT min(created_us) FROM outbox WHERE sink = ?1 AND state = 'pending'")?;
            Ok(Backlog {
                pending: pending.unwrap_or(0) as u64,
                dead: dead.unwrap_or(0) as u64,
                oldest: oldest.map(|unix_micros| WallTime { unix_micros }),
            })
        })
    }

    /// How much is stored.
    pub fn usage(&self) -> Result<Usage> {
        self.ask("measure the store", |db| {
            let number = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|n| n as u64);
            let pages = number("PRAGMA page_count")?.saturating_sub(number("PRAGMA freelist_count")?);
            Ok(Usage {
                events: number("SELECT count(*) FROM events")?,
                database: pages * number("PRAGMA page_size")?,
                media: number("SELECT coalesce(sum(bytes), 0) FROM media")?,
            })
        })
    }

    pub(super) fn files(&self, each: &mut dyn FnMut(String, MediaFile)) -> Result<()> {
        self.ask("read files", |db| {
            let mut statement = db.prepare("SELECT event, kind, path, bytes FROM media ORDER BY event, kind")?;
            let mut found = statement.query([])?;
            while let Some(row) = found.next()? {
                each(row.get(0)?, rows::file(row, 1)?);
            }
            Ok(())
        })
    }

    pub(super) fn verify(&self) -> Result<Vec<String>> {
        self.ask("check itself", |db| {
            let mut integrity = db.prepare("PRAGMA integrity_check(100)")?;
            let mut found: Vec<String> = integrity.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            found.retain(|line| line != "ok");
            let mut orphans = db.prepare("SELECT 'table ' || \"table\" || ' row ' || coalesce(rowid, '?') || ' has no event' FROM pragma_foreign_key_check")?;
            for line in orphans.query_map([], |row| row.get(0))? {
                found.push(line?);
            }
            Ok(found)
        })
    }

    pub(super) fn ask<T>(
        &self,
        doing: &'static str,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let kept = self.idle().pop();
        let db = kept.map_or_else(|| self.connect(), Ok).map_err(Error::database("be opened"))?;
        let answer = question(&db).map_err(Error::database(doing));
        let mut idle = self.idle();
        if answer.is_ok() && idle.len() < KEPT {
            idle.push(db);
        }
        answer
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let db = Connection::open_with_flags(
            &self.database,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        db.busy_timeout(Duration::from_secs(1))?;
        db.pragma_update(None, "query_only", true)?;
        Ok(db)
    }
}
