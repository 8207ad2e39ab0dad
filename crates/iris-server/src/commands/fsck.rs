//! `iris fsck`: do the database and the pictures agree?

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::fsck::fsck as compare;
use crate::store::{Options, Sqlite};

pub(super) fn fsck(config: &Path, repair: bool) -> Result<ExitCode> {
    let config = super::load(config)?;
    let store = Sqlite::open(&Options { folder: config.store.path.clone(), ..Options::default() })?;
    let report = compare(&store, repair)?;
    let mut out = std::io::stdout().lock();
    for finding in &report.findings {
        writeln!(out, "{finding}")?;
    }
    writeln!(out, "{} found, {} repaired", report.findings.len(), report.repaired)?;
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
