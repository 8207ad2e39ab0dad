//! The store in `SQLite`: one database and one folder of files that belong to each other.

use std::fs::{File, OpenOptions, TryLockError};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use iris_core::{EventId, WallTime};
use rusqlite::Connection;

use super::media::{MARK, make_folder, write_whole};
use super::writer::Writer;
use super::{
    Backlog, Bell, Cursor, Health, Media, MediaFile, MediaKind, Outcome, Outgoing, Page, Query, Reader, Receipt,
    Removed, Run, Store, Stored, Usage, Verdict, items, review, rows, schema,
};
use crate::config::Item;
use crate::error::{Error, Result};
use crate::message::{Entry, Message};

/// The database's file in the store's folder.
pub(super) const DATABASE: &str = "iris.db";
const LOCK: &str = "iris.lock";
const MEDIA: &str = "media";
/// How long a commit waits for another process before it counts as stalled.
const BUSY: Duration = Duration::from_secs(1);
/// How long dropping a store tries to commit what waits.
const DROP_PATIENCE: Duration = Duration::from_secs(5);

/// Where the store is, and whom it tells.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The folder of the database and the files; made when missing.
    pub folder: PathBuf,
    /// The names of the sinks that every event is told to.
    pub sinks: Vec<String>,
    /// The most pages of 4096 bytes that the database may have, if it is limited.
    pub max_pages: Option<u32>,
}

/// The store in `SQLite`. There is one a folder and machine; [`Reader`]s may be many.
pub struct Sqlite {
    pub(super) writer: Writer,
    pub(super) reader: Reader,
    media: Media,
    news: Arc<Bell>,
    sinks: RwLock<Arc<[String]>>,
    /// Held for as long as the store is, except beside a server.
    _lock: Option<File>,
}

impl Sqlite {
    /// Opens a store, or makes one where there is nothing. Refuses a database of a newer schema, a database without
    /// its pictures or pictures without their database, and a store that another process writes to.
    pub fn open(options: &Options) -> Result<Self> {
        make_folder(&options.folder)?;
        let lock = lock(&options.folder)?;
        Self::open_with(options, Some(lock))
    }

    /// Opens the store in a folder for a short change of accounts, also while a server writes to it.
    pub fn open_beside(folder: &Path) -> Result<Self> {
        let options = Options { folder: folder.to_owned(), ..Options::default() };
        match Self::open(&options) {
            Err(Error::InUse { .. }) => Self::open_with(&options, None),
            opened => opened,
        }
    }

    fn open_with(options: &Options, lock: Option<File>) -> Result<Self> {
        let folder = &options.folder;
        let media = Media::open(&folder.join(MEDIA))?;
        let path = folder.join(DATABASE);
        refuse_lost_database(&path, &media)?;
        let mut db = connect(&path, options.max_pages)?;
        match lock {
            Some(_) => schema::migrate(&mut db)?,
            // Another program's store is not changed under it.
            None if schema::version(&db)? != schema::NEWEST => return Err(Error::InUse { path: folder.clone() }),
            None => {}
        }
        check_marks(&db, &media)?;
        let news = Arc::new(Bell::default());
        let writer = Writer::start(db, Arc::clone(&news))?;
        let sinks = RwLock::new(options.sinks.iter().cloned().collect());
        Ok(Self { writer, reader: Reader::new(path), media, news, sinks, _lock: lock })
    }
}

impl Sqlite {
    fn sinks(&self) -> Arc<[String]> {
        Arc::clone(&self.sinks.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        if let Err(error) = self.writer.close(DROP_PATIENCE) {
            tracing::error!(%error, "the store was not closed cleanly");
        }
    }
}

fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK);
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(Error::file("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(Error::File { doing: "lock", path, source }),
    }
}

fn connect(path: &Path, max_pages: Option<u32>) -> Result<Connection> {
    // Made here so that nobody else can read it; SQLite gives its other files the same mode.
    let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    drop(made.map_err(Error::file("open", path))?);
    let open = || {
        let db = Connection::open(path)?;
        db.busy_timeout(BUSY)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "foreign_keys", true)?;
        if let Some(pages) = max_pages {
            db.pragma_update(None, "max_page_count", pages)?;
        }
        db.set_prepared_statement_cache_capacity(32);
        Ok(db)
    };
    open().map_err(Error::database("be opened"))
}

/// A new database beside old pictures would take them for nobody's.
fn refuse_lost_database(path: &Path, media: &Media) -> Result<()> {
    let there = std::fs::metadata(path).is_ok_and(|meta| meta.len() > 0);
    if there || !media.root().join(MARK).exists() {
        return Ok(());
    }
    Err(Error::Mismatch { path: media.root().to_owned(), why: format!("{} is not there", path.display()) })
}

/// Compares the database's uuid with the one written beside the pictures.
fn check_marks(db: &Connection, media: &Media) -> Result<()> {
    let ask = Error::database("tell its uuid");
    let uuid: String = db.query_row("SELECT value FROM meta WHERE key = 'uuid'", [], |row| row.get(0)).map_err(ask)?;
    let path = media.root().join(MARK);
    let refuse = |why: &str| Err(Error::Mismatch { path: media.root().to_owned(), why: why.to_owned() });
    match std::fs::read_to_string(&path) {
        Ok(mark) if mark.trim() == uuid => Ok(()),
        Ok(_) => refuse("it is marked as another's"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let count = db.query_row("SELECT count(*) FROM media", [], |row| row.get::<_, i64>(0));
            match count.map_err(Error::database("count files"))? {
                0 => write_whole(media.root(), MARK, uuid.as_bytes()),
                _ => refuse("its mark is missing"),
            }
        }
        Err(error) => Err(Error::file("read", &path)(error)),
    }
}

impl Store for Sqlite {
    fn begin_run(&self, now: WallTime) -> Result<Run> {
        let sinks = self.sinks();
        self.writer.write(move |db| rows::begin_run(db, &sinks, now))?.wait()
    }

    fn put(&self, entry: Entry) -> Result<Receipt<()>> {
        let sinks = self.sinks();
        self.writer.write(move |db| rows::put(db, &entry, &sinks))
    }

    fn tell(&self, sinks: &[String]) -> Result<()> {
        let sinks: Arc<[String]> = sinks.into();
        *self.sinks.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&sinks);
        let give_up =
            move |db: &Connection| rows::give_up_on_others(db, &sinks).map_err(Error::database("clear the outbox"));
        self.writer.write(give_up)?.wait()
    }

    fn page(&self, query: &Query, before: Option<Cursor>) -> Result<Page> {
        self.reader.page(query, before)
    }

    fn event(&self, id: &str) -> Result<Option<Stored>> {
        self.reader.event(id)
    }

    fn review(&self, id: &str, verdict: Verdict, by: &str, now: WallTime) -> Result<Option<Stored>> {
        let (id, by) = (id.to_owned(), by.to_owned());
        self.writer.write(move |db| review::write(db, &id, verdict, &by, now))?.wait()
    }

    fn changes(&self, after: u64, limit: usize) -> Result<Vec<Stored>> {
        self.reader.changes(after, limit)
    }

    fn newest_change(&self) -> Result<u64> {
        self.reader.newest_change()
    }

    fn items(&self) -> Result<Vec<Item>> {
        self.reader.items()
    }

    fn set_items(&self, items: Vec<Item>) -> Result<()> {
        self.writer.write(move |db| items::write(db, &items))?.wait()
    }

    fn events(&self, query: &Query, each: &mut dyn FnMut(Message) -> ControlFlow<()>) -> Result<()> {
        self.reader.events(query, each)
    }

    fn due(&self, sink: &str, now: WallTime, limit: usize) -> Result<Vec<Outgoing>> {
        self.reader.due(sink, now, limit)
    }

    fn settle(&self, outcomes: Vec<(i64, Outcome)>) -> Result<()> {
        self.writer.write(move |db| rows::settle(db, &outcomes))?.wait()
    }

    fn backlog(&self, sink: &str) -> Result<Backlog> {
        self.reader.backlog(sink)
    }

    fn revive(&self, sink: &str) -> Result<usize> {
        let sink = sink.to_owned();
        self.writer.write(move |db| rows::revive(db, &sink))?.wait()
    }

    fn usage(&self) -> Result<Usage> {
        self.reader.usage()
    }

    fn remove_oldest(&self, before: WallTime, limit: usize) -> Result<Removed> {
        self.writer.write(move |db| rows::remove_oldest(db, before, limit))?.wait()
    }

    fn note_sweep(&self, now: WallTime) -> Result<Option<WallTime>> {
        self.writer.write(move |db| rows::note_sweep(db, now))?.wait()
    }

    fn attach(&self, event: EventId, clip: MediaFile, start: f64) -> Result<bool> {
        self.writer.write(move |db| rows::attach(db, &event.to_string(), &clip, start))?.wait()
    }

    fn files(&self, each: &mut dyn FnMut(String, MediaFile)) -> Result<()> {
        self.reader.files(each)
    }

    fn forget_file(&self, event: &str, kind: MediaKind) -> Result<()> {
        let event = event.to_owned();
        self.writer.write(move |db| rows::forget_file(db, &event, kind))?.wait()
    }

    fn verify(&self) -> Result<Vec<String>> {
        self.reader.verify()
    }

    fn media(&self) -> &Media {
        &self.media
    }

    fn news(&self) -> &Arc<Bell> {
        &self.news
    }

    fn health(&self) -> Health {
        self.writer.health()
    }

    fn close(&self, patience: Duration) -> Result<()> {
        self.writer.close(patience)
    }
}
