//! The program as a child process that ends with its handle, and whose words can be waited for.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use iris_core::{Clock, clock::SystemClock};
use rustix::process::{Pid, Signal, kill_process};

/// How long any single thing may take. Only a failing test waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How often a condition that no word of the program tells of is looked at: less often than the API allows.
const LOOK: Duration = Duration::from_millis(50);

/// `iris` with its arguments, which looks for ONNX Runtime where the tests of all crates do. `IRIS_PROGRAM` names another than
/// the one that was compiled with the tests, for those that measure.
pub(crate) fn iris(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("IRIS_PROGRAM").unwrap_or(env!("CARGO_BIN_EXE_iris").into()));
    command.args(words).current_dir(env!("CARGO_MANIFEST_DIR"));
    for name in ["IRIS_LOG", "IRIS_MODEL", "RUST_LOG", "NO_COLOR", "COLUMNS"] {
        command.env_remove(name);
    }
    command
}

/// The same under limits that the shell sets first.
pub(crate) fn limited(limits: &str, words: &[&str]) -> Command {
    let iris = iris(words);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limits}; exec \"$0\" \"$@\"")]).arg(iris.get_program()).args(iris.get_args());
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// What a program has said.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Finished {
    /// What it printed, of a program that succeeded.
    pub(crate) fn good(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.err);
        self.out
    }

    /// What it complained of, of a program that failed in good order.
    pub(crate) fn bad(self) -> String {
        assert_eq!(self.code, Some(1), "{}{}", self.out, self.err);
        self.err
    }
}

/// Runs a program to its end.
pub(crate) fn run(command: Command) -> Finished {
    Process::start(command).finish()
}

/// Runs `iris WORDS…` to its end.
pub(crate) fn run_iris(words: &[&str]) -> Finished {
    run(iris(words))
}

/// What came out of a pipe so far, and a bell for more.
struct Output {
    text: Mutex<(String, bool)>,
    grown: Condvar,
}

impl Output {
    fn read(mut pipe: impl Read + Send + 'static, name: &str) -> Arc<Self> {
        let this = Arc::new(Self { text: Mutex::default(), grown: Condvar::new() });
        let output = Arc::clone(&this);
        let read = move || {
            let mut part = [0; 4096];
            while let Ok(n @ 1..) = pipe.read(&mut part) {
                output.text.lock().expect("no panic").0.push_str(&String::from_utf8_lossy(&part[..n]));
                output.grown.notify_all();
            }
            output.text.lock().expect("no panic").1 = true;
            output.grown.notify_all();
        };
        std::thread::Builder::new().name(name.into()).spawn(read).expect("a thread");
        this
    }

    fn text(&self) -> String {
        self.text.lock().expect("no panic").0.clone()
    }

    /// All of it, once the pipe is closed.
    fn all(&self) -> String {
        let text = self.text.lock().expect("no panic");
        let (text, late) = self.grown.wait_timeout_while(text, PATIENCE, |(_, over)| !*over).expect("no panic");
        assert!(!late.timed_out(), "the program does not end; it said:\n{}", text.0);
        text.0.clone()
    }

    fn wait(&self, patience: Duration) {
        drop(self.grown.wait_timeout(self.text.lock().expect("no panic"), patience));
    }
}

/// A running program. It is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    out: Arc<Output>,
    err: Arc<Output>,
    clock: SystemClock,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let out = Output::read(child.stdout.take().expect("piped"), "child-out");
        let err = Output::read(child.stderr.take().expect("piped"), "child-err");
        Self { child, out, err, clock: SystemClock::new() }
    }

    pub(crate) fn out(&self) -> String {
        self.out.text()
    }

    pub(crate) fn err(&self) -> String {
        self.err.text()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Waits until `look` finds something.
    pub(crate) fn until<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let deadline = self.clock.mono() + PATIENCE;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            assert!(self.clock.mono() < deadline, "waited in vain until {what}; it said:\n{}", tail(&self.err()));
            self.err.wait(LOOK);
        }
    }

    /// Waits until its log says `words`.
    pub(crate) fn until_said(&self, words: &str) {
        self.until(&format!("it says {words:?}"), |this| this.err().contains(words).then_some(()));
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Finished {
        let (out, err) = (self.out.all(), self.err.all());
        let status: ExitStatus = self.child.wait().expect("it is a child");
        Finished { code: status.code(), out, err }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that is over cannot be killed, and need not.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
