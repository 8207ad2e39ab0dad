//! Measures, compiled for release: the divan benches of the workspace, the whole path of a frame on one core, alarms
//! against the truth of simulated scenes, many cameras at once, and pictures of other programs.

mod alarms;
mod cameras;
mod procs;
mod serving;
mod truth;

use std::ffi::OsString;
use std::path::Path;

use anyhow::Result;

use crate::shell::{all, cargo, run as run_command};

/// The bench of the whole path; it is a program of its own, not one of divan's.
const PATH: &str = "path";
/// What Iris raises on simulated scenes.
const ALARMS: &str = "alarms";
/// What Iris takes for many cameras.
const CAMERAS: &str = "cameras";
/// What Iris does for other programs.
const SERVING: &str = "serving";

/// Runs the path, the alarms, the cameras or the serving with arguments of their own, the divan benches whose name contains `name`, or everything.
pub(crate) fn run(name: Option<&str>, args: &[String]) -> Result<()> {
    match name {
        Some(PATH) => path(args),
        Some(ALARMS) => alarms::run(args),
        Some(CAMERAS) => cameras::run(args),
        Some(SERVING) => serving::run(args),
        Some(_) => divan(name, args),
        None => all(&[("benches", &|| divan(None, args)), ("the path of a frame", &|| path(&[]))]),
    }
}

#[expect(clippy::print_stdout, reason = "the result, which may be piped")]
fn print(text: &str) {
    println!("{text}");
}

fn divan(name: Option<&str>, args: &[String]) -> Result<()> {
    // A pattern, so that bench targets run and unit tests do not.
    let mut bench = cargo(["bench", "--workspace", "--exclude", "iris-server", "--bench", "*", "--"]);
    run_command(bench.args(name).args(args))
}

fn path(args: &[String]) -> Result<()> {
    let args = args.iter().map(|arg| resolve(arg)).collect::<std::io::Result<Vec<_>>>()?;
    run_command(cargo(["run", "--release", "--package", "iris-server", "--example", PATH, "--"]).args(args))
}

/// Files are named from where the user is; cargo runs programs elsewhere.
fn resolve(arg: &str) -> std::io::Result<OsString> {
    if Path::new(arg).exists() { Ok(std::path::absolute(arg)?.into()) } else { Ok(arg.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_from_where_the_user_is() -> std::io::Result<()> {
        let here = std::env::current_dir()?;
        assert_eq!(resolve("Cargo.toml")?, here.join("Cargo.toml"));
        assert_eq!(resolve("--json")?, "--json");
        Ok(())
    }
}
