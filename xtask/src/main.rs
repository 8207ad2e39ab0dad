//! The project's own commands. Each is one module; each sets the machine up first, so that a clean clone needs no
//! other instruction.
//!
//! Nothing that the server needs at run time belongs here.

mod bench;
mod child;
mod ci;
mod codegen;
mod demo;
mod detector;
mod fuzz_api;
mod golden;
mod setup;
mod shell;
mod test;
mod training;
mod ui;

use std::process::ExitCode;

use clap::Parser;

use crate::shell::say;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Sets up, tests, checks and measures Iris", disable_help_subcommand = true)]
enum Command {
    /// Install what is missing (Debian packages, ONNX Runtime, cargo-nextest, the page's packages) and build the page
    Setup,
    /// Show Iris at work: simulated cameras, the server, its page, and alarms as they come
    Demo(demo::Demo),
    /// Run every test, and list what could not be run on this machine
    Test,
    /// Run what a change must pass: format, spelling, licences, lints, docs, generated files, tests
    Ci,
    /// Measure: the divan benches, what a frame costs on one core, alarms against the truth of simulated scenes,
    /// many cameras, pictures of other programs
    Bench {
        /// Only benches whose name contains this; `path` is the whole way of a frame, stage by stage, `alarms` the scenes,
        /// `cameras` what many of them take and get, `serving` what other programs get beside Flask and Gunicorn
        name: Option<String>,
        /// For the benches themselves; for `path` a clip, a model, --json; for `alarms`, `cameras` and `serving` --help says
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Ask a running server's API for all that its description allows and forbids, by schemathesis
    FuzzApi {
        /// For schemathesis itself, such as --max-examples 500
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Compare the golden runs, level by level
    Golden {
        /// Take the present output as right, and show what changed
        #[arg(long)]
        bless: bool,
    },
    /// Write the generated files: the schema of the configuration, the API and its types, the model of the tests
    Codegen {
        /// Write nothing, fail if a file is not what would be written
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    match run(Command::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    setup::run()?;
    match command {
        Command::Setup => Ok(()),
        Command::Demo(demo) => demo::run(&demo),
        Command::Test => test::run(),
        Command::Ci => ci::run(),
        Command::Bench { name, args } => bench::run(name.as_deref(), &args),
        Command::FuzzApi { args } => fuzz_api::run(&args),
        Command::Golden { bless } => golden::run(bless),
        Command::Codegen { check } => codegen::run(check),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Command::command().debug_assert();
    }
}
