//! Every test of the project, and the list of those that this machine could not run.
//!
//! A test that lacks something (data, a device) prints `not run: <name>: <why>` and returns. cargo-nextest keeps the
//! output of tests that pass in its `JUnit` report (see `.config/nextest.toml`); from there the lines are collected.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;

use anyhow::{Context, Result};

use crate::shell::{all, cargo, program, root, run as run_command, say};
use crate::{setup, training, ui};

/// Where `.config/nextest.toml` lets the report be written, seen from the root of the repository.
const REPORT: &str = "target/nextest/default/junit.xml";

pub(crate) fn run() -> Result<()> {
    remove_report()?;
    let result = all(&[
        ("loom", &loom),
        ("documentation tests", &doc),
        ("tests", &nextest),
        ("tests of the page", &ui::test),
        ("the page in a browser", &ui::browser),
        ("tests of training", &training::test),
    ]);
    for line in not_run(&fs::read_to_string(root().join(REPORT)).unwrap_or_default()) {
        say(&line);
    }
    result
}

/// Explores the interleavings of the queues. In a target folder of its own, because the flag changes every crate.
fn loom() -> Result<()> {
    let mut test =
        cargo(["test", "--quiet", "--package", "iris-flow", "--test", "loom", "--target-dir", "target/loom"]);
    run_command(test.env("RUSTFLAGS", "--cfg loom"))
}

fn doc() -> Result<()> {
    run_command(&mut cargo(["test", "--quiet", "--workspace", "--doc"]))
}

fn nextest() -> Result<()> {
    setup::tritonclient()?;
    run_command(program(setup::path_of("cargo-nextest")).args(["nextest", "run", "--workspace"]))
}

/// So that the report of an earlier run is not taken for that of this one.
fn remove_report() -> Result<()> {
    match fs::remove_file(root().join(REPORT)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).context(format!("cannot remove {REPORT}")),
        _ => Ok(()),
    }
}

/// The lines of a `JUnit` report that say what did not run, sorted, each once.
fn not_run(report: &str) -> BTreeSet<String> {
    let lines = report.lines().filter_map(|line| line.find("not run: ").map(|at| &line[at..]));
    // The last line of an output is followed by the closing tag.
    lines.map(|line| unescape(line.split('<').next().unwrap_or(line))).collect()
}

fn unescape(text: &str) -> String {
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, char)| text.replace(entity, char))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_run_is_found_in_the_report() {
        let report = "<testcase name=\"a\"><system-out>\nrunning 1 test\nnot run: b: no &quot;gpu&quot; &amp; no net\n\
                      test a ... ok</system-out>\n<system-out>not run: a: no data</system-out>\n\
                      <system-err>not run: a: no data\n</system-err>";
        let found: Vec<_> = not_run(report).into_iter().collect();
        assert_eq!(found, ["not run: a: no data", "not run: b: no \"gpu\" & no net"]);
        assert!(not_run("").is_empty());
    }

    #[test]
    fn an_escaped_entity_is_unescaped_once() {
        assert_eq!(unescape("&amp;lt; &lt;b&gt;"), "&lt; <b>");
    }
}
