//! The tables, and the way from older ones. Every step is one transaction; a step once released is never edited.

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{Error, Result};

/// `STEPS[n]` leads from schema n to schema n + 1; `user_version` tells where a database stands.
const STEPS: &[&str] = &[
    "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO meta VALUES ('uuid', lower(hex(randomblob(16))));

    CREATE TABLE runs (run INTEGER PRIMARY KEY AUTOINCREMENT, began_us INTEGER NOT NULL) STRICT;

    -- `at_us` is when an event began by the wall clock, or, for recordings, when it was first stored.
    CREATE TABLE events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        camera TEXT NOT NULL,
        kind TEXT NOT NULL,
        run INTEGER NOT NULL,
        at_us INTEGER NOT NULL,
        open INTEGER NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX events_at ON events (at_us, seq);
    CREATE INDEX events_camera ON events (camera, at_us, seq);
    CREATE INDEX events_open ON events (run) WHERE open;

    CREATE TABLE pictures (
        event TEXT NOT NULL REFERENCES events (id) ON DELETE CASCADE,
        kind TEXT NOT NULL,
        path TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        PRIMARY KEY (event, kind)
    ) STRICT, WITHOUT ROWID;

    -- `tells` is the state of the event that the message tells; each is told once. `next_us` is when to try again.
    CREATE TABLE outbox (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        event TEXT NOT NULL REFERENCES events (id) ON DELETE CASCADE,
        sink TEXT NOT NULL,
        tells TEXT NOT NULL,
        camera TEXT NOT NULL,
        body TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'dead')),
        attempts INTEGER NOT NULL DEFAULT 0,
        next_us INTEGER NOT NULL DEFAULT 0,
        error TEXT,
        UNIQUE (event, sink, tells)
    ) STRICT;
    CREATE INDEX outbox_pending ON outbox (sink, seq) WHERE state = 'pending';
    CREATE INDEX outbox_waiting ON outbox (sink, next_us) WHERE state = 'pending' AND next_us > 0;
",
    "
    -- `change` numbers the changes of all events in the order of their commits; `meta` holds the last one.
    ALTER TABLE events ADD COLUMN change INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE events ADD COLUMN class TEXT NOT NULL DEFAULT '';
    ALTER TABLE events ADD COLUMN review TEXT NOT NULL DEFAULT 'new';
    ALTER TABLE events ADD COLUMN reviewed_by TEXT;
    ALTER TABLE events ADD COLUMN reviewed_us INTEGER;
    UPDATE events SET change = seq, class = coalesce(json_extract(body, '$.class'), '');
    CREATE UNIQUE INDEX events_change ON events (change);
    INSERT INTO meta SELECT 'change', coalesce(max(seq), 0) FROM events;

    -- Cameras and sinks that were made over the API, each as its table in a configuration, in JSON.
    CREATE TABLE items (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        body TEXT NOT NULL,
        UNIQUE (kind, name)
    ) STRICT;
",
    "
    -- Clips lie beside pictures; `start` is when one begins, in seconds on the camera's timeline.
    ALTER TABLE pictures RENAME TO media;
    ALTER TABLE media ADD COLUMN start REAL;
",
    "
    -- `cameras` is a JSON array of the cameras that may be seen, NULL for all; `password` a PHC string.
    CREATE TABLE users (
        name TEXT PRIMARY KEY COLLATE NOCASE,
        role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
        cameras TEXT,
        password TEXT NOT NULL,
        created_us INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- `key` is the SHA-256 of what the owner has.
    CREATE TABLE sessions (
        key BLOB PRIMARY KEY,
        user TEXT NOT NULL COLLATE NOCASE REFERENCES users (name) ON DELETE CASCADE,
        created_us INTEGER NOT NULL,
        used_us INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX sessions_user ON sessions (user, used_us);

    -- `scopes` is a JSON array.
    CREATE TABLE tokens (
        id TEXT PRIMARY KEY,
        key BLOB NOT NULL UNIQUE,
        name TEXT NOT NULL,
        scopes TEXT NOT NULL,
        cameras TEXT,
        created_us INTEGER NOT NULL,
        used_us INTEGER
    ) STRICT, WITHOUT ROWID;
",
];

/// The newest schema.
pub(super) const NEWEST: u32 = STEPS.len() as u32;

/// Brings a database to the newest schema. Refuses one that is newer than that.
pub(super) fn migrate(db: &mut Connection) -> Result<()> {
    loop {
        let tx = db
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(Error::database("be brought up to date"))?;
        let found = version(&tx)?;
        if found > NEWEST {
            let path = tx.path().unwrap_or_default().into();
            return Err(Error::NewerSchema { path, found, known: NEWEST });
        }
        let Some(step) = STEPS.get(found as usize) else { return Ok(()) };
        tx.execute_batch(step)
            .and_then(|()| tx.pragma_update(None, "user_version", found + 1))
            .and_then(|()| tx.commit())
            .map_err(Error::database("be brought up to date"))?;
    }
}

/// Where a database stands.
pub(super) fn version(db: &Connection) -> Result<u32> {
    db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(Error::database("tell its schema"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_the_first_schema_are_numbered_and_known_by_class() {
        let mut db = Connection::open_in_memory().expect("a database");
        db.execute_batch(STEPS[0]).expect("the first schema");
        db.pragma_update(None, "user_version", 1).expect("said so");
        for (id, body) in [("a", r#"{"class":"person"}"#), ("b", r#"{"class":"car"}"#)] {
            let sql = "INSERT INTO events (id, camera, kind, run, at_us, open, body) VALUES (?1, 'gate', 'track', 1, 0, 0, ?2)";
            db.execute(sql, [id, body]).expect("stored");
        }
        migrate(&mut db).expect("brought up to date");
        assert_eq!(version(&db).expect("a version"), NEWEST);
        let mut query = db.prepare("SELECT id, class, change, review FROM events ORDER BY change").expect("SQL");
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let found: Vec<(String, String, i64, String)> =
            query.query_map([], row).expect("rows").collect::<Result<_, _>>().expect("rows");
        let expected = [("a", "person", 1), ("b", "car", 2)];
        assert_eq!(found, expected.map(|(id, class, change)| (id.into(), class.into(), change, "new".into())));
        let next = db.query_row("SELECT value FROM meta WHERE key = 'change'", [], |row| row.get::<_, i64>(0));
        assert_eq!(next.expect("a number"), 2);
    }
}
