//! Measures, compiled for release: the divan benches of the workspace, and the whole path of a frame on one core.

use anyhow::Result;

use crate::shell::{all, cargo, run as run_command};

/// The bench of the whole path; it is a program of its own, not one of divan's.
const PATH: &str = "path";

/// Runs the path with arguments of its own, the divan benches whose name contains `name`, or everything.
pub(crate) fn run(name: Option<&str>, args: &[String]) -> Result<()> {
    match name {
        Some(PATH) => path(args),
        Some(_) => divan(name, args),
        None => all(&[("benches", &|| divan(None, args)), ("the path of a frame", &|| path(&[]))]),
    }
}

fn divan(name: Option<&str>, args: &[String]) -> Result<()> {
    // A pattern, so that bench targets run and unit tests do not.
    let mut bench = cargo(["bench", "--workspace", "--exclude", "iris-server", "--bench", "*", "--"]);
    run_command(bench.args(name).args(args))
}

fn path(args: &[String]) -> Result<()> {
    run_command(cargo(["bench", "--package", "iris-server", "--bench", PATH, "--"]).args(args))
}
