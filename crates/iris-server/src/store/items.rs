//! What was made over the API, as SQL. What the items mean is [`crate::config`]'s to know.

use rusqlite::{Connection, params};

use crate::config::{Item, ItemKind, Secret};
use crate::error::{Error, Result};

pub(super) fn read(db: &Connection) -> rusqlite::Result<Vec<Item>> {
    let mut query = db.prepare_cached("SELECT kind, name, body FROM items ORDER BY seq")?;
    let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get::<_, String>(2)?)))?;
    let item = |(label, name, body): (String, String, String)| {
        let kind = ItemKind::ALL.into_iter().find(|kind| kind.label() == label)?;
        Some(Item { kind, name, body: Secret::new(body) })
    };
    rows.filter_map(|row| row.map(item).transpose()).collect()
}

/// Writes only what differs, so that what stays keeps its place.
pub(super) fn write(db: &Connection, items: &[Item]) -> Result<()> {
    let write = || {
        for old in read(db)? {
            if !items.iter().any(|item| (item.kind, &item.name) == (old.kind, &old.name)) {
                db.execute("DELETE FROM items WHERE kind = ?1 AND name = ?2", [old.kind.label(), &old.name])?;
            }
        }
        for Item { kind, name, body } in items {
            db.prepare_cached(
                "INSERT INTO items (kind, name, body) VALUES (?1, ?2, ?3)
                 ON CONFLICT (kind, name) DO UPDATE SET body = excluded.body WHERE body <> excluded.body",
            )?
            .execute(params![kind.label(), name, body.expose()])?;
        }
        Ok(())
    };
    write().map_err(Error::database("store cameras and sinks"))
}
