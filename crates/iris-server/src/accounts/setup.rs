//! The one-time token with which the first admin is added. There is no account without it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{Accounts, Key};
use crate::error::{Error, Result};
use crate::store::write_whole;

/// The token's file in the store's folder, readable for its owner alone.
const FILE: &str = "setup-token";

/// The token, until it was used.
#[derive(Debug)]
pub struct SetupToken {
    path: PathBuf,
    key: Mutex<Option<Key>>,
}

impl SetupToken {
    /// The token of a store that has no user yet: the one of an earlier start, or a new one. For a store with users
    /// there is none, and the file goes.
    pub fn prepare(folder: &Path, accounts: &dyn Accounts) -> Result<Self> {
        let this = Self { path: folder.join(FILE), key: Mutex::default() };
        if !accounts.users()?.is_empty() {
            this.done();
            return Ok(this);
        }
        let kept = match fs::read_to_string(&this.path) {
            Ok(text) => Key::parse(text.trim()),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(Error::file("read", &this.path)(error)),
        };
        let key = kept.clone().unwrap_or_else(Key::generate);
        if kept.is_none() {
            write_whole(folder, FILE, key.text().as_bytes())?;
        }
        *this.key.lock().unwrap_or_else(PoisonError::into_inner) = Some(key);
        Ok(this)
    }

    /// The token, to be shown to whoever starts the server.
    pub fn key(&self) -> Option<Key> {
        self.key.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether this is the token and it was not used.
    pub fn accepts(&self, shown: &Key) -> bool {
        self.key().is_some_and(|key| key.equals(shown))
    }

    /// The token was used.
    pub fn done(&self) {
        self.key.lock().unwrap_or_else(PoisonError::into_inner).take();
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!(%error, path = %self.path.display(), "the used set-up token could not be deleted");
            }
            _ => {}
        }
    }
}
