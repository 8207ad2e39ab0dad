//! Do database and files agree?
//!
//! For a store that nobody writes to. What a crash may leave behind, a file that no row names, is harmless and
//! repaired by deleting it; a row whose file is gone is repaired by forgetting the file, and the event stays.
//! Damage inside the database is only reported: a backup is the remedy.

use std::collections::HashSet;
use std::fmt;

use crate::error::Result;
use crate::store::{MediaFile, Store, is_unfinished};

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The database finds fault with itself.
    Database(String),
    /// A file that was never finished.
    UnfinishedFile(String),
    /// A file that no row names.
    StrayFile(String),
    /// A row whose file is missing or empty.
    MissingFile {
        /// The event.
        event: String,
        /// Its file.
        file: MediaFile,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(fault) => write!(f, "database: {fault}"),
            Self::UnfinishedFile(path) => write!(f, "{path}: was never finished"),
            Self::StrayFile(path) => write!(f, "{path}: belongs to no event"),
            Self::MissingFile { event, file } => write!(f, "{}: is missing or empty (event {event})", file.path),
        }
    }
}

/// All findings, and how many of them were repaired.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// What is or was wrong.
    pub findings: Vec<Finding>,
    /// How many of them are right now.
    pub repaired: usize,
}

impl Report {
    /// Whether nothing is wrong, or nothing any more.
    pub fn is_clean(&self) -> bool {
        self.findings.len() == self.repaired
    }
}

/// Compares a store with its files, and, if told to, repairs what can be.
pub fn fsck(store: &dyn Store, repair: bool) -> Result<Report> {
    let mut report = Report { findings: find(store)?, repaired: 0 };
    if repair {
        for finding in &report.findings {
            report.repaired += usize::from(mend(store, finding)?);
        }
    }
    Ok(report)
}

fn find(store: &dyn Store) -> Result<Vec<Finding>> {
    let mut findings: Vec<Finding> = store.verify()?.into_iter().map(Finding::Database).collect();
    let mut named = HashSet::new();
    store.files(&mut |event, file| {
        let there = store.media().size(&file.path).is_some_and(|bytes| bytes > 0);
        named.insert(file.path.clone());
        if !there {
            findings.push(Finding::MissingFile { event, file });
        }
    })?;
    let unnamed = store.media().files()?.into_iter().filter(|path| !named.contains(path));
    findings.extend(
        unnamed.map(|path| if is_unfinished(&path) { Finding::UnfinishedFile(path) } else { Finding::StrayFile(path) }),
    );
    Ok(findings)
}

/// Whether it could be repaired.
fn mend(store: &dyn Store, finding: &Finding) -> Result<bool> {
    match finding {
        Finding::Database(_) => return Ok(false),
        Finding::UnfinishedFile(path) | Finding::StrayFile(path) => store.media().remove(path)?,
        Finding::MissingFile { event, file } => {
            store.forget_file(event, file.kind)?;
            store.media().remove(&file.path)?;
        }
    }
    Ok(true)
}
