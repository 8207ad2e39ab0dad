//! What each command does. Reading the command line is in [`crate::cli`]; here a command is put together from the parts
//! of Iris and its results are written.

mod accounts;
mod capacity;
mod check;
mod configure;
mod detect;
mod events;
mod fsck;
mod models;
mod progress;
mod run;
mod serve;
mod track;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use tokio::runtime::Runtime;

use crate::cli::{Cli, Command, ConfigCommand, ModelArg, ModelsCommand};
use crate::config::{self, Config, Document, Item, Text};
use crate::{door, trial};

/// Runs a command. What it has to say goes to standard output; how it goes, to standard error.
///
/// # Errors
/// Whatever stopped the command, with its context.
pub fn execute(cli: Cli) -> Result<ExitCode> {
    if !matches!(cli.command, Command::Models { command: ModelsCommand::CheckLoad }) {
        trial::install();
    }
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Detect(args) => detect::detect(&args),
        Command::Track(args) => track::track(&args),
        Command::Serve { config } => serve::serve(&config.config),
        Command::Check { config } => check::check(&config.config),
        Command::Config { command: ConfigCommand::Export { config, secrets } } => {
            configure::export(&config.config, secrets)
        }
        Command::Config { command: ConfigCommand::Import { config, file } } => configure::import(&config.config, &file),
        Command::Events(args) => events::events(&args),
        Command::Fsck { config, repair } => fsck::fsck(&config.config, repair),
        Command::Capacity(args) => capacity::capacity(&args),
        Command::Models { command } => models::models(command),
        Command::User { command } => accounts::user(command),
        Command::Token { command } => accounts::token(command),
        Command::Schema => print(&config::schema()),
        Command::Openapi => print(door::document()),
    }
}

fn print(text: &str) -> Result<ExitCode> {
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// An error and its causes in one line. Most of our errors tell their cause themselves; it is not told twice.
pub fn explain(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for part in error.chain().map(ToString::to_string).filter(|part| !part.is_empty()) {
        match (line.is_empty(), line.ends_with(&part)) {
            (true, _) => line = part,
            (false, true) => {}
            (false, false) => line = format!("{line}: {part}"),
        }
    }
    line
}

/// The model that a command was given, or the built-in one.
fn model_path(arg: &ModelArg) -> PathBuf {
    arg.model.clone().unwrap_or_else(|| iris_infer::Model::BUILT_IN.into())
}

/// Reads a configuration file alone; all its problems are the error.
fn load(path: &Path) -> Result<Config> {
    Ok(load_with(path, &[])?.1.config)
}

/// Reads a configuration file together with what was made over the API.
fn load_with(path: &Path, items: &[Item]) -> Result<(Text, Document)> {
    config::load_with(path, items).map_err(|problems| anyhow!("{}", check::list(&problems)))
}

/// Two workers move packets from hundreds of sockets; pixels are the pipeline's threads' work.
fn runtime() -> Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).thread_name("net").enable_all().build().context("cannot start the network threads")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let cause = std::io::Error::other("the disk is full");
        let error = anyhow!(cause).context("cannot write a.jpg: the disk is full").context("camera gate");
        assert_eq!(explain(&error), "camera gate: cannot write a.jpg: the disk is full");
        assert_eq!(explain(&anyhow!("alone")), "alone");
    }
}
