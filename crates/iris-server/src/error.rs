//! What can go wrong in the store and in delivery. Problems of a configuration are listed by [`crate::config`].

use std::io;
use std::path::{Path, PathBuf};

use iris_core::Recovery;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, with its context.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused.
    #[error("the database cannot {doing}: {source}")]
    Database {
        /// What was tried.
        doing: &'static str,
        /// Why not.
        source: rusqlite::Error,
    },
    /// A file or folder refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The database was written by a newer Iris.
    #[error("{} has schema {found}, this Iris knows {known}; start the newer Iris, or restore a backup", path.display())]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest schema known here.
        known: u32,
    },
    /// The database was written by an older Iris, and only a server that starts brings it up to date.
    #[error("{} has schema {found}, this Iris works with {known}; start `iris serve` once", path.display())]
    OlderSchema {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest schema known here.
        known: u32,
    },
    /// Another process writes to the store.
    #[error("{} is in use by another Iris", path.display())]
    InUse {
        /// The store's folder.
        path: PathBuf,
    },
    /// Database and pictures do not belong together.
    #[error("{} does not belong to its database: {why}; put back the one that is missing", path.display())]
    Mismatch {
        /// The folder of the pictures.
        path: PathBuf,
        /// How that was seen.
        why: String,
    },
    /// A record in the store is not one.
    #[error("the record of {what} is damaged: {source}")]
    Record {
        /// Which one.
        what: String,
        /// How that was seen.
        source: serde_json::Error,
    },
    /// The store has stopped, and with it what was asked for was not done.
    #[error("the store has stopped: {why}")]
    Stopped {
        /// Why it stopped.
        why: String,
    },
}

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Someone else holds it; it will be free again.
    Busy,
    /// There is no space left.
    Full,
    /// Reading or writing failed.
    Io,
    /// What is stored makes no sense.
    Corrupt,
    /// It is not the right one: newer, or another's.
    Mismatch,
    /// It was asked for something that it does not take.
    Invalid,
    /// It has stopped.
    Stopped,
}

impl Error {
    /// For `map_err` on what a file or folder refused.
    pub(crate) fn file<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::File { doing, path: path.to_owned(), source }
    }

    /// For `map_err` on what the database refused.
    pub(crate) fn database(doing: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Database { doing, source }
    }

    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Database { source, .. } => database_kind(source),
            Self::File { source, .. } if source.kind() == io::ErrorKind::StorageFull => ErrorKind::Full,
            Self::File { source, .. } if source.kind() == io::ErrorKind::QuotaExceeded => ErrorKind::Full,
            Self::File { .. } => ErrorKind::Io,
            Self::NewerSchema { .. } | Self::OlderSchema { .. } | Self::Mismatch { .. } => ErrorKind::Mismatch,
            Self::InUse { .. } => ErrorKind::Busy,
            Self::Record { .. } => ErrorKind::Corrupt,
            Self::Stopped { .. } => ErrorKind::Stopped,
        }
    }

    /// What to do next.
    pub fn recovery(&self) -> Recovery {
        match self.kind() {
            ErrorKind::Busy | ErrorKind::Full | ErrorKind::Invalid => Recovery::Retry,
            ErrorKind::Io | ErrorKind::Stopped => Recovery::Restart,
            ErrorKind::Corrupt | ErrorKind::Mismatch => Recovery::GiveUp,
        }
    }
}

fn database_kind(error: &rusqlite::Error) -> ErrorKind {
    use rusqlite::ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, FileLockingProtocolFailed, NotADatabase,
        OutOfMemory, PermissionDenied, ReadOnly, SystemIoFailure,
    };
    match error.sqlite_error_code() {
        Some(DatabaseBusy | DatabaseLocked | OutOfMemory | FileLockingProtocolFailed) => ErrorKind::Busy,
        Some(DiskFull) => ErrorKind::Full,
        Some(SystemIoFailure | CannotOpen | ReadOnly | PermissionDenied) => ErrorKind::Io,
        Some(DatabaseCorrupt | NotADatabase) => ErrorKind::Corrupt,
        _ => ErrorKind::Invalid,
    }
}
