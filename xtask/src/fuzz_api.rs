//! Asks the server's API for all that its description allows and forbids, by schemathesis: no answer may be a server error or
//! other than described.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use anyhow::{Context, Result, bail};

use crate::setup;
use crate::shell::{ask, cargo, program, root, run as run_command, say};

/// What is checked of each answer. Whether a request that the description allows makes sense is more than it can say, so
/// that is not checked; who may ask what is tested with the routes.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,missing_required_header";
/// How many requests are made up for each route, besides those that each of its parameters calls for.
const EXAMPLES: &str = "40";
/// Fewer than a token may ask: what is refused for coming too often says nothing else.
const RATE: &str = "40/s";
/// Streams, which are no requests with an answer, and what would take away the token that asks.
const LEFT_OUT: [&str; 4] = ["--exclude-path-regex", "/events/stream|/live", "--exclude-operation-id", "revoke_token"];

pub(crate) fn run(args: &[String]) -> Result<()> {
    let python = setup::schemathesis()?;
    run_command(&mut cargo(["build", "--package", "iris-server", "--bin", "iris"]))?;
    let scratch = root().join("target/tmp/fuzz-api");
    prepare(&scratch)?;
    let iris = root().join("target/debug/iris");
    let words = ["token", "create", "--name", "fuzz", "--scope", "admin", "--scope", "metrics", "--config"];
    let token = ask(program(&iris).args(words).arg(scratch.join("iris.toml"))).context("no token was made")?;
    let server = Server::start(program(&iris).args(["serve", "--config"]).arg(scratch.join("iris.toml")))?;
    let result = run_command(
        schemathesis(&python)
            // It leaves a folder where it runs.
            .current_dir(&scratch)
            // One worker: Debian's Python 3.11.2 fails now and then when two threads compile at once.
            .args(["run", "--checks", CHECKS, "--max-examples", EXAMPLES, "--seed", "1", "--workers", "1"])
            .args(["--no-color", "--continue-on-failure", "--rate-limit", RATE])
            .args(LEFT_OUT)
            .args(["--url", &server.address, "--header"])
            .arg(format!("Authorization: Bearer {}", token.trim()))
            .args(args)
            .arg(root().join("api/openapi.json")),
    );
    server.end()?;
    result
}

/// A store without anything, and a configuration with a camera that plays the project's clip, so that there are events.
fn prepare(scratch: &Path) -> Result<()> {
    if scratch.exists() {
        fs::remove_dir_all(scratch).with_context(|| format!("cannot empty {}", scratch.display()))?;
    }
    fs::create_dir_all(scratch)?;
    let testdata = root().join("testdata");
    let text = format!(
        "[server]\nlisten = '127.0.0.1:0'\n[models.blobs]\npath = '{model}'\n[[cameras]]\nid = 'clip'\nurl = '{clip}'\n",
        model = testdata.join("models/blobs").display(),
        clip = testdata.join("golden/blobs.mp4").display()
    );
    Ok(fs::write(scratch.join("iris.toml"), text)?)
}

fn schemathesis(packages: &Path) -> Command {
    let mut command = program(setup::PYTHON);
    command.args(["-m", "schemathesis.cli"]).env("PYTHONPATH", packages);
    command.env("SCHEMATHESIS_HOOKS", root().join("xtask/src/schemathesis_hooks.py"));
    command
}

/// The server that is asked. It is killed when this is dropped.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().context("the server does not start")?;
        let log = BufReader::new(child.stderr.take().context("its log is not piped")?);
        let (found, address) = mpsc::sync_channel(1);
        // Its log is read to the end, or it would wait for its reader.
        std::thread::Builder::new().name("log".into()).spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                match address_in(&line) {
                    Some(address) => drop(found.try_send(address)),
                    None if line.contains("ERROR") || line.contains("panicked") => say(&line),
                    None => {}
                }
            }
        })?;
        match address.recv() {
            Ok(address) => Ok(Self { child, address }),
            Err(_) => bail!("the server ended before it said where it listens"),
        }
    }

    /// Ends it, and fails if it had ended before.
    fn end(mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("the server ended by itself ({status})"),
            None => Ok(()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that is over cannot be killed, and need not.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn address_in(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("open http://")?;
    Some(format!("http://{}", rest.split_whitespace().next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_the_log() {
        let line = "2026-01-05T10:00:00Z  INFO iris_server: watching; open http://127.0.0.1:40123 run=1 cameras=1";
        assert_eq!(address_in(line).as_deref(), Some("http://127.0.0.1:40123"));
        assert_eq!(address_in("INFO iris_server: stopping"), None);
    }
}
