//! `iris config`: what was made over the API, as a configuration, out of the store and into it.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};

use crate::config::{Edit, Import, Text};
use crate::store::{Options, Reader, Sqlite, Store};

use super::check::list;

pub(super) fn export(path: &Path, secrets: bool) -> Result<ExitCode> {
    let config = super::load(path)?;
    let items = Reader::open(&config.store.path)?.items()?;
    let (_, document) = super::load_with(path, &items)?;
    std::io::stdout().lock().write_all(document.to_toml(secrets)?.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn import(path: &Path, file: &Path) -> Result<ExitCode> {
    let config = super::load(path)?;
    let store = Sqlite::open(&Options { folder: config.store.path, ..Options::default() })
        .context("a server that runs imports over its API")?;
    let (text, now) = super::load_with(path, &store.items()?)?;
    let listed = |problems: Vec<_>| anyhow!("nothing was imported:\n{}", list(&problems));
    let import = Import { text: Text::read(file).map_err(listed)?, trusted: true };
    let items = Edit::Import(import.clone()).apply(&store.items()?, &now).context("nothing was imported")?;
    text.resolve(&items).map_err(|problems| listed(import.in_place(problems)))?;
    let count = items.len();
    store.set_items(items)?;
    writeln!(std::io::stdout().lock(), "{count} cameras and sinks are in the store now")?;
    Ok(ExitCode::SUCCESS)
}
