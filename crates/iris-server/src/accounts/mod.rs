//! Who may come in: users, their sessions, and tokens of programs. What they are and what a store of them must do.
//!
//! What each may do is decided in [`crate::door`]; SQL is [`crate::store`]'s.

mod key;
mod name;
mod password;
mod setup;

use std::collections::BTreeSet;
use std::time::Duration;

use iris_core::{CameraId, WallTime};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Result;

pub use key::{Digest, Key};
pub use password::{MAX_PASSWORD, MIN_PASSWORD, Refusal, check_password, hash_password, verify_password};
pub use setup::SetupToken;

/// A session that was not used for so long is over.
pub const IDLE: Duration = Duration::from_hours(8);
/// A session is over after so long in any case.
pub const LIFETIME: Duration = Duration::from_hours(7 * 24);

/// Which cameras someone may see; `None` means all.
pub type Cameras = Option<BTreeSet<CameraId>>;

/// What a user may do. Each role may do all that the ones before it may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Watches.
    Viewer,
    /// Handles alarms.
    Operator,
    /// Changes everything.
    Admin,
}

/// What a token may do. `admin` includes all others; `operate` includes `view`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// What a viewer may.
    View,
    /// What an operator may.
    Operate,
    /// What an admin may.
    Admin,
    /// Read the metrics, and nothing else.
    Metrics,
    /// Ask the models, and nothing else.
    Infer,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name, unique without regard to the case of its letters.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// Which cameras the user may see. An admin sees all.
    pub cameras: Cameras,
    /// When the user was added.
    pub created: WallTime,
}

impl User {
    /// Checks what makes a user.
    pub fn new(name: String, role: Role, cameras: Cameras, created: WallTime) -> Result<Self, Invalid> {
        name::check(&name)?;
        if role == Role::Admin && cameras.is_some() {
            return Err(Invalid { key: "cameras", message: "an admin sees all cameras".into() });
        }
        Ok(Self { name, role, cameras, created })
    }
}

/// Why something cannot be a user or a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct Invalid {
    /// What of it is wrong.
    pub key: &'static str,
    /// What is wrong and what would be right.
    pub message: String,
}

/// Someone who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub user: User,
    /// Since when.
    pub created: WallTime,
    /// When the session was last used, to the minute.
    pub used: WallTime,
}

impl Session {
    /// Whether it is over, because of its age or because nobody used it.
    pub fn is_over(&self, now: WallTime) -> bool {
        let older = |then: WallTime, age: Duration| now.unix_micros - then.unix_micros >= age.as_micros() as i64;
        older(self.used, IDLE) || older(self.created, LIFETIME)
    }
}

/// What a program shows instead of a password. It has no user and needs none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its public name for ever.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// Which cameras it may see. One with the scope `admin` or `metrics` sees all.
    pub cameras: Cameras,
    /// When it was made.
    pub created: WallTime,
    /// When it was last used, to the minute.
    pub used: Option<WallTime>,
}

impl Token {
    /// Checks what makes a token, and gives it its id.
    pub fn new(name: String, scopes: BTreeSet<Scope>, cameras: Cameras, created: WallTime) -> Result<Self, Invalid> {
        name::check(&name)?;
        if scopes.is_empty() {
            return Err(Invalid { key: "scopes", message: "a token without a scope may do nothing".into() });
        }
        if cameras.is_some() && (scopes.contains(&Scope::Admin) || scopes.contains(&Scope::Metrics)) {
            let message = "the scopes admin and metrics are about all cameras".into();
            return Err(Invalid { key: "cameras", message });
        }
        let id = Key::generate().text()[..16].to_owned();
        Ok(Self { id, name, scopes, cameras, created, used: None })
    }
}

/// What came of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Change {
    /// It is done.
    Done,
    /// There is no such user, session or token.
    Absent,
    /// There is one already.
    Exists,
    /// Nobody would be left who may change anything.
    LastAdmin,
}

/// A store of users, sessions and tokens. Keys are known to it by their digests alone, passwords by their hashes.
///
/// Methods that write return after the commit, except for those that only note a use.
pub trait Accounts: Send + Sync {
    /// All users, by name.
    fn users(&self) -> Result<Vec<User>>;

    /// A user with the hash of the password.
    fn user(&self, name: &str) -> Result<Option<(User, String)>>;

    /// Adds a user; [`Change::Exists`] if the name is taken.
    fn add_user(&self, user: User, password: String) -> Result<Change>;

    /// Adds a user if there is none yet; [`Change::Exists`] if there is.
    fn add_first_user(&self, user: User, password: String) -> Result<Change>;

    /// Changes what a user may do and see.
    fn change_user(&self, name: &str, role: Role, cameras: Cameras) -> Result<Change>;

    /// Changes the hash of a user's password and ends the user's sessions.
    fn change_password(&self, name: &str, password: String) -> Result<Change>;

    /// Removes a user with all sessions.
    fn remove_user(&self, name: &str) -> Result<Change>;

    /// Begins a session of a user. Sessions of anyone that are over by then are forgotten, and of the user's other ones
    /// only the newest are kept.
    fn begin_session(&self, key: Digest, user: &str, now: WallTime) -> Result<Change>;

    /// A session, even if it is over.
    fn session(&self, key: Digest) -> Result<Option<Session>>;

    /// Notes that a session was used. Does not wait.
    fn use_session(&self, key: Digest, now: WallTime) -> Result<()>;

    /// Ends a session.
    fn end_session(&self, key: Digest) -> Result<Change>;

    /// All tokens, oldest first.
    fn tokens(&self) -> Result<Vec<Token>>;

    /// A token.
    fn token(&self, key: Digest) -> Result<Option<Token>>;

    /// Adds a token.
    fn add_token(&self, token: Token, key: Digest) -> Result<Change>;

    /// Notes that a token was used. Does not wait.
    fn use_token(&self, id: &str, now: WallTime) -> Result<()>;

    /// Revokes a token.
    fn remove_token(&self, id: &str) -> Result<Change>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_it_is_old_or_unused() {
        let at = |hours: i64| WallTime { unix_micros: hours * 3_600_000_000 };
        let user = User { name: "ada".into(), role: Role::Viewer, cameras: None, created: at(0) };
        let session = |created, used| Session { user: user.clone(), created: at(created), used: at(used) };
        assert!(!session(0, 0).is_over(at(7)));
        assert!(session(0, 0).is_over(at(8)));
        assert!(!session(0, 160).is_over(at(167)));
        assert!(session(0, 167).is_over(at(168)));
    }
}
