//! Trying a model in a process of its own before this one loads it: `iris models check-load`, which is this program started
//! once more. It has no secrets, can write no file, and is killed when it takes too long or too much; what becomes of it is
//! this model's fate and nobody else's.

use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use iris_infer::onnx::MAX_FILE;
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getrlimit, kill_process, set_parent_process_death_signal, setrlimit,
};

/// How long a trial may take, by the clock and of a processor.
const PATIENCE: Duration = Duration::from_mins(1);
/// The address space of a trial, in bytes: so much, and so many times the file.
const SPACE: u64 = 4 << 30;
const SPACE_A_BYTE: u64 = 8;
/// The longest explanation that is taken from a trial, in bytes; less than a pipe holds.
const MAX_WORDS: u64 = 4096;
/// What a trial says last if all went well.
const PASSED: &str = "passed";

/// From now on models are tried in a process of their own before this one loads them.
pub(crate) fn install() {
    iris_infer::trial::before_loading(Box::new(attempt));
}

fn attempt(onnx: &[u8]) -> Result<(), String> {
    let child = start().map_err(|error| failed(&error))?;
    outcome(child, onnx, PATIENCE)
}

fn failed(error: &io::Error) -> String {
    format!("no process could be started to try it: {error}")
}

fn start() -> io::Result<Child> {
    let mut command = Command::new("/proc/self/exe");
    command.args(["models", "check-load"]).env_clear();
    for name in ["ORT_DYLIB_PATH", "ORT_DISABLE_TELEMETRY", "LD_LIBRARY_PATH"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()
}

/// What becomes of a trial. It is given the bytes and no path, so that what is tried is what is loaded, whatever becomes of a
/// file meanwhile.
fn outcome(child: Child, onnx: &[u8], patience: Duration) -> Result<(), String> {
    let pid = Pid::from_child(&child);
    let (tell, told) = sync_channel(1);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("trial".into());
        thread.spawn_scoped(scope, move || converse(child, onnx, &tell)).map_err(|error| failed(&error))?;
        if let Ok((words, status)) = told.recv_timeout(patience) {
            return verdict(&words, status.map_err(|error| failed(&error))?);
        }
        // It is gone already if it ended just now.
        kill_process(pid, Signal::KILL).ok();
        Err(format!("its trial was not over after {} s", patience.as_secs()))
    })
}

/// Hands the model over, and waits for what is said of it and for the end.
fn converse(mut child: Child, onnx: &[u8], tell: &SyncSender<(String, io::Result<ExitStatus>)>) {
    // One that ends before it has read all says why by how it ends.
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(onnx).ok();
    }
    let mut words = Vec::new();
    if let Some(pipe) = child.stdout.take() {
        // Words that cannot be read are missing, which is a verdict too.
        pipe.take(MAX_WORDS).read_to_end(&mut words).ok();
    }
    let status = child.wait();
    // Nobody listens if it took too long.
    tell.send((String::from_utf8_lossy(&words).into_owned(), status)).ok();
}

fn verdict(words: &str, status: ExitStatus) -> Result<(), String> {
    match (status.code(), words.trim()) {
        (Some(0), PASSED) => Ok(()),
        (Some(_), "" | PASSED) => Err(format!("its trial did not end well: {status}")),
        (Some(_), words) => Err(words.to_owned()),
        (None, _) => {
            let signal = status.signal().and_then(Signal::from_named_raw);
            let why = match signal {
                Some(Signal::XCPU | Signal::KILL) => "it takes too long or too much memory",
                _ => "ONNX Runtime crashes on it",
            };
            Err(format!("{why}: its trial ended by {status}"))
        }
    }
}

/// The trial, in its process: reads a model from standard input.
pub(crate) fn child() -> anyhow::Result<ExitCode> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    limit(Resource::Core, 0)?;
    limit(Resource::Fsize, 0)?;
    limit(Resource::Cpu, PATIENCE.as_secs())?;
    // Should memory run out, this is the process to end.
    std::fs::write("/proc/self/oom_score_adj", "1000").ok();
    let mut onnx = Vec::new();
    io::stdin().lock().take(MAX_FILE + 1).read_to_end(&mut onnx)?;
    limit(Resource::As, SPACE + SPACE_A_BYTE * onnx.len() as u64)?;
    let mut out = io::stdout().lock();
    match iris_infer::trial::run(&onnx) {
        Ok(()) => {
            writeln!(out, "{PASSED}")?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            writeln!(out, "{error}")?;
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Lowers a limit of this process; one that is lower already stays.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let most = Some(getrlimit(resource).maximum.map_or(most, |maximum| maximum.min(most)));
    Ok(setrlimit(resource, Rlimit { current: most, maximum: most })?)
}

#[cfg(test)]
mod tests {
    use rustix::process::test_kill_process;

    use super::*;

    fn shell(script: &str) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.spawn().expect("there is a shell")
    }

    #[test]
    fn only_one_that_says_so_and_ends_well_has_passed() {
        for (script, says) in [
            ("echo passed; exit 1", "did not end well"),
            ("exit 0", "did not end well"),
            ("echo 'ONNX Runtime, loading the model: no'; exit 1", "loading the model: no"),
            ("echo passed; kill -SEGV $$", "crashes on it"),
            ("kill -ABRT $$", "crashes on it"),
            ("kill -XCPU $$", "too long"),
            ("yes", "y\ny"),
        ] {
            let why = outcome(shell(script), b"model", PATIENCE).expect_err(says);
            assert!(why.contains(says), "{script}: {why}");
        }
        assert_eq!(outcome(shell("cat >/dev/null; echo passed"), &vec![0; 1 << 20], PATIENCE), Ok(()));
    }

    #[test]
    fn one_that_does_not_end_is_killed() {
        let child = shell("exec 1>&-; exec sleep 1000");
        let pid = Pid::from_child(&child);
        let why = outcome(child, &vec![0; 1 << 20], Duration::ZERO).expect_err("it goes on");
        assert!(why.contains("not over after 0 s"), "{why}");
        assert!(test_kill_process(pid).is_err(), "it is gone");
    }
}
