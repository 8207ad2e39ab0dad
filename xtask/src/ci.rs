//! What a change must pass, the quick checks first. `.ci/run` calls this and nothing else.

use anyhow::Result;

use crate::shell::{all, ask, cargo, program, run as run_command, say};
use crate::{codegen, setup, test, training, ui};

pub(crate) fn run() -> Result<()> {
    setup::linters()?;
    setup::kserve()?;
    all(&[
        ("format", &|| run_command(&mut cargo(["fmt", "--all", "--check"]))),
        ("spelling", &|| run_command(&mut program(setup::path_of("typos")))),
        ("dependencies", &deny),
        ("lints", &clippy),
        ("documentation", &doc),
        ("the page", &ui::check),
        ("training", &training::check),
        ("generated files", &|| codegen::run(true)),
        ("tests", &test::run),
    ])
}

/// Licences, sources and duplicates always; known vulnerabilities where their database can be fetched.
fn deny() -> Result<()> {
    let deny = || program(setup::path_of("cargo-deny"));
    run_command(deny().args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]))?;
    if ask(deny().args(["fetch", "db"])).is_none() {
        say("not run: cargo deny check advisories: the database of advisories cannot be fetched");
        return Ok(());
    }
    run_command(deny().args(["check", "advisories"]))
}

fn clippy() -> Result<()> {
    run_command(&mut cargo(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]))
}

fn doc() -> Result<()> {
    run_command(cargo(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "--deny warnings"))
}
