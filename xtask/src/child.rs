//! A program that runs beside this one, and is ended by its handle.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;

use crate::shell::program;

/// How long a program may take to stop before it is killed.
const GRACE: Duration = Duration::from_secs(12);
/// Lines that wait to be searched; what comes on top is in the log alone.
const LINES: usize = 256;

/// A running program. It dies with this value.
pub(crate) struct Child {
    name: String,
    process: tokio::process::Child,
    lines: mpsc::Receiver<String>,
}

impl Child {
    /// Starts a program whose standard output is read here and whose standard error goes to `log`, or, without one, to
    /// where ours goes, and is short then.
    pub(crate) fn start(path: &Path, args: &[String], log: Option<&Path>) -> Result<Self> {
        let name = path.display().to_string();
        let mut command = Command::from(program(path));
        // A group of its own: Ctrl-C reaches us alone, who stop the programs in their order.
        command.args(args).process_group(0).kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::piped());
        match log {
            Some(_) => command.stderr(Stdio::piped()),
            None => command.env("RUST_LOG", "warn"),
        };
        let mut process = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let (sender, lines) = mpsc::channel(LINES);
        if let (Some(log), Some(output)) = (log, process.stderr.take()) {
            let log = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
            tokio::spawn(follow(output, Some(log.into()), sender.clone()));
        }
        if let Some(output) = process.stdout.take() {
            tokio::spawn(follow(output, None, sender));
        }
        Ok(Self { name, process, lines })
    }

    /// Its number, which is that of its process group too; `None` when it has ended.
    pub(crate) fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Waits for a line with `text` in it; the word of that line that has it.
    pub(crate) async fn find(&mut self, text: &str) -> Result<String> {
        while let Some(line) = self.lines.recv().await {
            if let Some(word) = line.split_whitespace().find(|word| word.contains(text)) {
                return Ok(word.to_owned());
            }
        }
        let status = self.process.wait().await?;
        bail!("{} ended too early ({status})", self.name)
    }

    /// Waits for its end, which is an error as long as nobody asked for it.
    pub(crate) async fn ended(&mut self) -> Result<()> {
        let status = self.process.wait().await?;
        bail!("{} ended ({status})", self.name)
    }

    /// Asks it, and what it has started, to stop, and kills it if it does not.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        let Some(pid) = self.process.id() else { return Ok(()) };
        Command::from(program("kill")).args(["--", &format!("-{pid}")]).status().await?;
        if tokio::time::timeout(GRACE, self.process.wait()).await.is_err() {
            self.process.kill().await?;
        }
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(pid) = self.process.id() {
            // Those that it started, too; whoever is gone already need not be killed.
            program("kill").args(["-KILL", "--", &format!("-{pid}")]).status().ok();
        }
    }
}

/// Copies lines to the log, and to whoever searches them.
async fn follow(output: impl AsyncRead + Unpin, mut log: Option<tokio::fs::File>, sender: mpsc::Sender<String>) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(file) = &mut log
            && file.write_all(format!("{line}\n").as_bytes()).await.is_err()
        {
            log = None;
        }
        // Nobody may be searching any more.
        drop(sender.try_send(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Child {
        Child::start(Path::new("/bin/sh"), &["-c".to_owned(), script.to_owned()], None).expect("a shell")
    }

    #[tokio::test]
    async fn a_line_is_waited_for() -> Result<()> {
        let mut child = shell("echo one; echo see http://h/x now; exec cat /dev/zero");
        assert_eq!(child.find("http://").await?, "http://h/x");
        child.stop().await?;
        assert_eq!(child.process.id(), None, "it is gone");
        Ok(())
    }

    #[tokio::test]
    async fn what_it_has_started_dies_with_it() -> Result<()> {
        let mut child = shell("sh -c 'echo see $$; exec cat /dev/zero >/dev/null' & echo see; wait");
        let mut inner = String::new();
        while inner.parse::<u32>().is_err() {
            inner =
                child.lines.recv().await.context("a line")?.split_whitespace().last().unwrap_or_default().to_owned();
        }
        let state = || std::fs::read_to_string(format!("/proc/{inner}/stat")).unwrap_or_default();
        assert!(!state().is_empty());
        drop(child);
        // It may be a zombie for a while, where nobody waits for orphans.
        while !state().is_empty() && !state().contains(") Z ") {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    #[tokio::test]
    async fn an_end_without_the_line_is_an_error() {
        let error = shell("echo one; exit 3").find("two").await.expect_err("there is no such line").to_string();
        assert!(error.contains("exit status: 3"), "{error}");
        let error = shell("exit 4").ended().await.expect_err("it ended").to_string();
        assert!(error.contains("exit status: 4"), "{error}");
    }

    #[tokio::test]
    async fn the_log_has_what_the_program_says() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let log = folder.path().join("log");
        let args = ["-c".to_owned(), "echo first >&2; echo second >&2".to_owned()];
        let mut child = Child::start(Path::new("/bin/sh"), &args, Some(&log))?;
        child.find("second").await?;
        assert!(std::fs::read_to_string(&log)?.starts_with("first\n"));
        Ok(())
    }
}
