//! The command `iris`.

use std::io::{self, IsTerminal};
use std::os::unix::process::CommandExt;
use std::process::{Command as Program, ExitCode};

use clap::Parser;
use iris_server::cli::{Cli, Command};
use iris_server::commands;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = keep_quiet() {
        complain(&anyhow::anyhow!("cannot start anew with {QUIET} set ({error}); set it yourself"));
        return ExitCode::FAILURE;
    }
    // A server's log is how it is followed; elsewhere progress and results are.
    let usual = if matches!(cli.command, Command::Serve { .. }) { "info" } else { "warn" };
    let filter = EnvFilter::try_from_env("IRIS_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(io::stderr).init();
    match commands::execute(cli) {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// ONNX Runtime's builds for Linux collect what they are used for and send it to their maker, unless this is set when they
/// are loaded; to ask them later comes too late.
const QUIET: &str = "ORT_DISABLE_TELEMETRY";

/// Starts this program anew in its own place with the variable set: a program that runs cannot safely change its environment.
fn keep_quiet() -> io::Result<()> {
    if std::env::var_os(QUIET).is_some() {
        return Ok(());
    }
    let mut words = std::env::args_os();
    let mut again = Program::new("/proc/self/exe");
    again.arg0(words.next().unwrap_or_default()).args(words).env(QUIET, "1");
    Err(again.exec())
}

#[expect(clippy::print_stderr, reason = "the last words of a command are for the person who typed it")]
fn complain(error: &anyhow::Error) {
    eprintln!("iris: {}", commands::explain(error));
}
