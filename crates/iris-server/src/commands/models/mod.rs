//! `iris models`: where models come from, what they are and what they cost.

mod add;
mod bench;
mod inspect;
mod list;
mod pull;

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::ModelsCommand;
use crate::trial;

pub(super) fn models(command: ModelsCommand) -> Result<ExitCode> {
    match command {
        ModelsCommand::List { folder, catalogue } => list::list(&folder.folder, catalogue.catalogue.as_deref()),
        ModelsCommand::Pull { name, folder, catalogue, unverified } => {
            pull::pull(&name, &folder.folder, catalogue.catalogue.as_deref(), unverified)
        }
        ModelsCommand::Add { name, source, sha256, manifest, folder } => {
            add::add(&name, &source, sha256.as_deref(), manifest.as_deref(), &folder.folder)
        }
        ModelsCommand::Inspect { path } => inspect::inspect(&path),
        ModelsCommand::Bench { models, seconds } => bench::bench(models, seconds),
        ModelsCommand::CheckLoad => trial::child(),
    }
}
