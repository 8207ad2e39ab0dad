//! The command `iris`.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use iris_server::cli::{Cli, Command};
use iris_server::commands;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // A server's log is how it is followed; elsewhere progress and results are.
    let usual = if matches!(cli.command, Command::Serve { .. }) { "info" } else { "warn" };
    let filter = EnvFilter::try_from_env("IRIS_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
    match commands::execute(cli) {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "the last words of a command are for the person who typed it")]
fn complain(error: &anyhow::Error) {
    eprintln!("iris: {}", commands::explain(error));
}
