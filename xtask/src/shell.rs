//! Runs other programs and tells the user. No knowledge of what they do.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// How many of its last lines are shown of a program that failed.
const LAST: usize = 30;

/// Prints one line.
#[expect(clippy::print_stderr, reason = "the one place where this program talks")]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in a folder of the repository")
}

/// Where `setup` puts what it installs; git ignores it, and `cargo clean` leaves it alone.
pub(crate) fn tools() -> PathBuf {
    root().join(".tools")
}

/// A program that will run in the root of the repository, as if the user had called it: the variables that `cargo run`
/// set for this program are taken away, because build scripts that watch them (ring's does) would run anew at each
/// change between the two ways of calling.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    const SET_BY_RUN: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_NAME", "CARGO_CRATE_NAME"];
    let mut command = Command::new(name);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| SET_BY_RUN.iter().any(|prefix| name.starts_with(prefix))) {
            command.env_remove(name);
        }
    }
    command.current_dir(root());
    command
}

/// A program of the project, built for release.
pub(crate) fn release(name: &str) -> PathBuf {
    root().join("target/release").join(name)
}

/// Cargo with these arguments.
pub(crate) fn cargo<'a>(args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = program("cargo");
    command.args(args);
    command
}

/// Says what is run, runs it and fails unless it succeeds.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    say(&format!("$ {line}"));
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// The same with all that it prints in a file, of which the end is shown if it fails: for what talks more than people read.
pub(crate) fn run_quietly(command: &mut Command, log: &Path) -> Result<()> {
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let result = run(command.stdout(file.try_clone()?).stderr(file));
    if result.is_err() {
        let text = fs::read(log)?;
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        say(&lines[lines.len().saturating_sub(LAST)..].join("\n"));
    }
    result
}

/// Runs a program quietly; its standard output, or `None` if it failed or does not exist.
pub(crate) fn ask(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs all steps, the later ones also after a failure, and fails at the end with the names of those that failed.
pub(crate) fn all(steps: &[(&str, &dyn Fn() -> Result<()>)]) -> Result<()> {
    let mut failed = Vec::new();
    for (name, step) in steps {
        say(&format!("\n== {name}"));
        if let Err(error) = step() {
            say(&format!("error: {error:#}"));
            failed.push(*name);
        }
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_failed_command_is_named() {
        let error = run(program("sh").args(["-c", "exit 3"])).expect_err("it exits with 3");
        assert_eq!(error.to_string(), "`sh -c exit 3` failed (exit status: 3)");
        assert!(run(&mut program("/no/such/program")).is_err());
    }

    #[test]
    fn what_is_run_quietly_leaves_a_log() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let log = folder.path().join("log");
        run_quietly(program("sh").args(["-c", "echo out; echo err >&2"]), &log)?;
        assert_eq!(fs::read_to_string(&log)?, "out\nerr\n");
        assert!(run_quietly(&mut program("false"), &log).is_err());
        Ok(())
    }

    #[test]
    fn asking_gives_the_output_of_what_succeeds() {
        assert_eq!(ask(program("echo").arg("yes")).as_deref(), Some("yes\n"));
        assert_eq!(ask(&mut program("false")), None);
        assert_eq!(ask(&mut program("/no/such/program")), None);
    }

    #[test]
    fn all_steps_run_and_the_failed_ones_are_named() {
        let ran = Cell::new(0);
        let fail = || -> Result<()> {
            ran.set(ran.get() + 1);
            bail!("no")
        };
        let pass = || {
            ran.set(ran.get() + 1);
            Ok(())
        };
        let error = all(&[("a", &fail), ("b", &pass), ("c", &fail)]).expect_err("two fail");
        assert_eq!((ran.get(), error.to_string().as_str()), (3, "failed: a, c"));
        assert!(all(&[("b", &pass)]).is_ok());
    }

    #[test]
    fn programs_do_not_inherit_what_cargo_run_set() {
        let command = program("true");
        let removed = command.get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name);
        let removed: Vec<_> = removed.filter_map(OsStr::to_str).collect();
        assert!(removed.contains(&"CARGO_MANIFEST_DIR") && !removed.contains(&"CARGO_TARGET_DIR"), "{removed:?}");
    }
}
