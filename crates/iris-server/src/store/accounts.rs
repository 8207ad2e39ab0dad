//! Users, sessions and tokens as SQL.

use std::collections::BTreeSet;

use iris_core::{CameraId, WallTime};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Sqlite;
use crate::accounts::{Accounts, Cameras, Change, Digest, IDLE, LIFETIME, Role, Scope, Session, Token, User};
use crate::error::{Error, Result};

type Sql<T> = rusqlite::Result<T>;

/// How many sessions a user may have; the one that was not used for longest makes room.
const SESSIONS: u32 = 32;

const USER: &str = "users.name, users.role, users.cameras, users.created_us";
const TOKEN: &str = "id, name, scopes, cameras, created_us, used_us";

impl Accounts for Sqlite {
    fn users(&self) -> Result<Vec<User>> {
        self.ask("read users", |db| {
            let sql = format!("SELECT {USER} FROM users ORDER BY name");
            db.prepare_cached(&sql)?.query_map([], user)?.collect()
        })
    }

    fn user(&self, name: &str) -> Result<Option<(User, String)>> {
        self.ask("read a user", |db| {
            let sql = format!("SELECT {USER}, password FROM users WHERE name = ?1");
            db.prepare_cached(&sql)?.query_row([name], |row| Ok((user(row)?, row.get(4)?))).optional()
        })
    }

    fn add_user(&self, user: User, password: String) -> Result<Change> {
        self.change("add a user", move |db| add_user(db, &user, &password))
    }

    fn add_first_user(&self, user: User, password: String) -> Result<Change> {
        self.change("add a user", move |db| {
            let any = db.query_row("SELECT EXISTS (SELECT 1 FROM users)", [], |row| row.get(0))?;
            if any { Ok(Change::Exists) } else { add_user(db, &user, &password) }
        })
    }

    fn change_user(&self, name: &str, role: Role, cameras: Cameras) -> Result<Change> {
        let name = name.to_owned();
        self.change("change a user", move |db| {
            if role != Role::Admin && is_last_admin(db, &name)? {
                return Ok(Change::LastAdmin);
            }
            let sql = "UPDATE users SET role = ?2, cameras = ?3 WHERE name = ?1";
            db.execute(sql, params![name, super::rows::label(role), list(cameras.as_ref())]).map(if_there)
        })
    }

    fn change_password(&self, name: &str, password: String) -> Result<Change> {
        let name = name.to_owned();
        self.change("change a password", move |db| {
            db.execute("DELETE FROM sessions WHERE user = ?1", [&name])?;
            db.execute("UPDATE users SET password = ?2 WHERE name = ?1", params![name, password]).map(if_there)
        })
    }

    fn remove_user(&self, name: &str) -> Result<Change> {
        let name = name.to_owned();
        self.change("remove a user", move |db| {
            if is_last_admin(db, &name)? {
                return Ok(Change::LastAdmin);
            }
            db.execute("DELETE FROM users WHERE name = ?1", [&name]).map(if_there)
        })
    }

    fn begin_session(&self, key: Digest, user: &str, now: WallTime) -> Result<Change> {
        let user = user.to_owned();
        self.change("begin a session", move |db| begin_session(db, key, &user, now))
    }

    fn session(&self, key: Digest) -> Result<Option<Session>> {
        self.ask("read a session", |db| {
            let sql = format!(
                "SELECT {USER}, sessions.created_us, sessions.used_us
                 FROM sessions JOIN users ON users.name = sessions.user WHERE key = ?1"
            );
            let session = |row: &Row<'_>| Ok(Session { user: user(row)?, created: time(row, 4)?, used: time(row, 5)? });
            db.prepare_cached(&sql)?.query_row([key.0], session).optional()
        })
    }

    fn use_session(&self, key: Digest, now: WallTime) -> Result<()> {
        let sql = "UPDATE sessions SET used_us = ?2 WHERE key = ?1";
        self.note("note a session's use", move |db| db.execute(sql, params![key.0, now.unix_micros]))
    }

    fn end_session(&self, key: Digest) -> Result<Change> {
        self.change("end a session", move |db| db.execute("DELETE FROM sessions WHERE key = ?1", [key.0]).map(if_there))
    }

    fn tokens(&self) -> Result<Vec<Token>> {
        self.ask("read tokens", |db| {
            let sql = format!("SELECT {TOKEN} FROM tokens ORDER BY created_us, id");
            db.prepare_cached(&sql)?.query_map([], token)?.collect()
        })
    }

    fn token(&self, key: Digest) -> Result<Option<Token>> {
        self.ask("read a token", |db| {
            let sql = format!("SELECT {TOKEN} FROM tokens WHERE key = ?1");
            db.prepare_cached(&sql)?.query_row([key.0], token).optional()
        })
    }

    fn add_token(&self, token: Token, key: Digest) -> Result<Change> {
        self.change("add a token", move |db| {
            let sql = "INSERT OR IGNORE INTO tokens (id, key, name, scopes, cameras, created_us)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let Token { id, name, scopes, cameras, created, .. } = &token;
            let (scopes, cameras) = (json(scopes), list(cameras.as_ref()));
            db.execute(sql, params![id, key.0, name, scopes, cameras, created.unix_micros]).map(if_new)
        })
    }

    fn use_token(&self, id: &str, now: WallTime) -> Result<()> {
        let id = id.to_owned();
        let sql = "UPDATE tokens SET used_us = ?2 WHERE id = ?1";
        self.note("note a token's use", move |db| db.execute(sql, params![id, now.unix_micros]))
    }

    fn remove_token(&self, id: &str) -> Result<Change> {
        let id = id.to_owned();
        self.change("revoke a token", move |db| db.execute("DELETE FROM tokens WHERE id = ?1", [&id]).map(if_there))
    }
}

impl Sqlite {
    fn ask<T>(&self, doing: &'static str, question: impl FnOnce(&Connection) -> Sql<T>) -> Result<T> {
        self.reader.ask(doing, question)
    }

    fn change<T: Send + 'static>(
        &self,
        doing: &'static str,
        mut work: impl FnMut(&Connection) -> Sql<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.write(move |db| work(db).map_err(Error::database(doing)))?.wait()
    }

    fn note(
        &self,
        doing: &'static str,
        mut work: impl FnMut(&Connection) -> Sql<usize> + Send + 'static,
    ) -> Result<()> {
        self.writer.write(move |db| work(db).map_err(Error::database(doing))).map(drop)
    }
}

fn add_user(db: &Connection, user: &User, password: &str) -> Sql<Change> {
    let sql = "INSERT OR IGNORE INTO users (name, role, cameras, password, created_us) VALUES (?1, ?2, ?3, ?4, ?5)";
    let User { name, role, cameras, created } = user;
    let (role, cameras) = (super::rows::label(role), list(cameras.as_ref()));
    db.execute(sql, params![name, role, cameras, password, created.unix_micros]).map(if_new)
}

fn is_last_admin(db: &Connection, name: &str) -> Sql<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND name = ?1)
               AND NOT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND name <> ?1)";
    db.query_row(sql, [name], |row| row.get(0))
}

fn begin_session(db: &Connection, key: Digest, user: &str, now: WallTime) -> Sql<Change> {
    let now = now.unix_micros;
    let over = "DELETE FROM sessions WHERE used_us <= ?1 OR created_us <= ?2";
    db.execute(over, params![now - IDLE.as_micros() as i64, now - LIFETIME.as_micros() as i64])?;
    let surplus = "DELETE FROM sessions WHERE user = ?1 AND key NOT IN (
                   SELECT key FROM sessions WHERE user = ?1 ORDER BY used_us DESC LIMIT ?2)";
    db.execute(surplus, params![user, SESSIONS - 1])?;
    let sql =
        "INSERT INTO sessions (key, user, created_us, used_us) SELECT ?1, name, ?3, ?3 FROM users WHERE name = ?2";
    db.execute(sql, params![key.0, user, now]).map(if_there)
}

fn if_there(rows: usize) -> Change {
    if rows == 0 { Change::Absent } else { Change::Done }
}

fn if_new(rows: usize) -> Change {
    if rows == 0 { Change::Exists } else { Change::Done }
}

/// A user from the columns [`USER`], which come first.
fn user(row: &Row<'_>) -> Sql<User> {
    Ok(User { name: row.get(0)?, role: word(row, 1)?, cameras: cameras(row, 2)?, created: time(row, 3)? })
}

/// A token from the columns [`TOKEN`].
fn token(row: &Row<'_>) -> Sql<Token> {
    let scopes: BTreeSet<Scope> = parse(&row.get::<_, String>(2)?, 2)?;
    let used: Option<i64> = row.get(5)?;
    Ok(Token {
        id: row.get(0)?,
        name: row.get(1)?,
        scopes,
        cameras: cameras(row, 3)?,
        created: time(row, 4)?,
        used: used.map(|unix_micros| WallTime { unix_micros }),
    })
}

fn time(row: &Row<'_>, column: usize) -> Sql<WallTime> {
    row.get(column).map(|unix_micros| WallTime { unix_micros })
}

fn cameras(row: &Row<'_>, column: usize) -> Sql<Cameras> {
    let Some(text) = row.get::<_, Option<String>>(column)? else { return Ok(None) };
    let names: Vec<String> = parse(&text, column)?;
    let ids = names.iter().map(|name| CameraId::new(name).map_err(|error| damaged(column, error)));
    ids.collect::<Sql<BTreeSet<_>>>().map(Some)
}

fn list(cameras: Option<&BTreeSet<CameraId>>) -> Option<String> {
    cameras.map(|cameras| json(&cameras.iter().map(CameraId::as_str).collect::<Vec<_>>()))
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn word<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Sql<T> {
    serde_json::from_value(row.get::<_, String>(column)?.into()).map_err(|error| damaged(column, error))
}

fn parse<T: DeserializeOwned>(text: &str, column: usize) -> Sql<T> {
    serde_json::from_str(text).map_err(|error| damaged(column, error))
}

fn damaged(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}
