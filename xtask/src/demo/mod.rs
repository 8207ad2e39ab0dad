//! The demo: simulated cameras, a server that watches them, and the alarms as they come. All files lie in
//! `target/demo`, are made anew each time, and everything ends with Ctrl-C.

mod alarms;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};

use crate::child::Child;
use crate::detector;
use crate::shell::{cargo, program, release, root, run as run_command, say};

/// Where the page is served, unless something else is there already.
const ADDRESS: &str = "127.0.0.1:8080";

/// What the simulated cameras show, in turn.
const SCENES: [&str; 8] =
    ["street", "yard", "corridor", "workshop", "street+dusk", "yard+night", "street+rain", "yard+snow"];

/// What the demo watches, and with what.
#[derive(clap::Args)]
pub(crate) struct Demo {
    /// How many simulated cameras
    #[arg(long, value_name = "N", default_value_t = 8)]
    cameras: u32,
    /// A video file to play as a camera, in place of the simulated scenes; may be given again
    #[arg(long = "clip", value_name = "FILE")]
    clips: Vec<PathBuf>,
    /// A camera of yours, such as `rtsp://user:password@10.0.0.11/stream2`, in place of the scenes; may be given again
    #[arg(long = "camera", value_name = "URL")]
    urls: Vec<String>,
    /// The detector: a model's folder or a bare .onnx; without it, the one that the project ships
    #[arg(long, value_name = "PATH")]
    model: Option<PathBuf>,
}

pub(crate) fn run(demo: &Demo) -> Result<()> {
    let detector = detector::choose(demo.model.as_deref())?;
    run_command(&mut cargo(["build", "--release", "--package", "iris-server", "--package", "iris-sim"]))?;
    let folder = root().join("target/demo");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot clear {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(demo.show(&folder, &detector))
}

impl Demo {
    /// Starts everything, tells of alarms until Ctrl-C or until a part of it ends, and stops everything.
    async fn show(&self, folder: &Path, detector: &Path) -> Result<()> {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let mut children = Vec::new();
        let result = tokio::select! {
            result = self.watch(folder, detector, &mut children) => result,
            _ = interrupt.recv() => Ok(()),
            _ = terminate.recv() => Ok(()),
        };
        say("\nstopping");
        for child in children.iter_mut().rev() {
            child.stop().await?;
        }
        result
    }

    async fn watch(&self, folder: &Path, detector: &Path, children: &mut Vec<Child>) -> Result<()> {
        let cameras = folder.join("cameras.toml");
        if self.urls.is_empty() || !self.clips.is_empty() {
            say("\nstarting simulated cameras");
            let mut simulator = Child::start(&release("iris-sim"), &self.simulator(&cameras)?, None)?;
            // It lists its cameras when they can be asked for video.
            simulator.find("rtsp://").await?;
            children.push(simulator);
        }
        append(&cameras, &own_cameras(&self.urls))?;
        let config = folder.join("iris.toml");
        append(&config, &configuration(detector))?;
        let (config, cameras) = (config.display().to_string(), cameras.display().to_string());
        run_command(program(release("iris")).args(["config", "import", "-c", &config, &cameras]))?;
        let args = ["serve".to_owned(), "-c".to_owned(), config];
        let mut server = Child::start(&release("iris"), &args, Some(&folder.join("iris.log")))?;
        let sign_in = server.find("/setup#token=").await?;
        children.push(server);
        let address = sign_in.split("/setup").next().unwrap_or_default();
        say(&format!("\ndetector: {}\nlog: target/demo/iris.log\n", detector.display()));
        say(&format!("  open   {sign_in}\n  stop   Ctrl-C\n\nalarms:"));
        let alarms = folder.join("alarms.jsonl");
        let ends = futures::future::select_all(children.iter_mut().map(|child| Box::pin(child.ended())));
        tokio::select! {
            result = alarms::tell(&alarms, address) => result,
            (result, ..) = ends => result,
        }
    }

    /// What the simulator is told. It writes down its cameras, with their zones and lines, as Iris reads them.
    fn simulator(&self, cameras: &Path) -> Result<Vec<String>> {
        let mut args = vec!["serve".to_owned(), "--listen=127.0.0.1:0".to_owned()];
        args.push(format!("--config={}", cameras.display()));
        if self.clips.is_empty() {
            args.extend([format!("--cameras={}", self.cameras), "--scene".to_owned()]);
            args.extend(SCENES.map(str::to_owned));
        } else {
            args.push(format!("--cameras={}", self.clips.len()));
            for clip in &self.clips {
                args.push(format!("--clip={}", std::path::absolute(clip)?.display()));
            }
        }
        Ok(args)
    }
}

/// The user's own cameras as the configuration names them.
fn own_cameras(urls: &[String]) -> String {
    let mut text = String::new();
    for (n, url) in urls.iter().enumerate() {
        // A string of TOML's basic kind is one of JSON.
        let url = serde_json::Value::from(url.as_str());
        writeln!(text, "[[cameras]]\nid = \"own-{}\"\nurl = {url}\n", n + 1).expect("a string takes all");
    }
    text
}

/// What the server needs beside its cameras.
fn configuration(model: &Path) -> String {
    let listen = if TcpListener::bind(ADDRESS).is_ok() { ADDRESS } else { "127.0.0.1:0" };
    let model = serde_json::Value::from(model.to_string_lossy());
    format!(
        "[store]\npath = \"data\"\n\n[server]\nlisten = \"{listen}\"\n\n[models.demo]\npath = {model}\n\n\
         [[sinks]]\nname = \"demo\"\nkind = \"file\"\npath = \"alarms.jsonl\"\n"
    )
}

/// Appends to a file that only its owner can read: addresses of cameras hold passwords.
fn append(path: &Path, text: &str) -> Result<()> {
    let file = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_quoted() {
        let text = own_cameras(&["rtsp://u:p\"q@h/1".into(), "http://h/2".into()]);
        assert_eq!(
            text,
            "[[cameras]]\nid = \"own-1\"\nurl = \"rtsp://u:p\\\"q@h/1\"\n\n\
             [[cameras]]\nid = \"own-2\"\nurl = \"http://h/2\"\n\n"
        );
    }

    #[test]
    fn what_holds_passwords_is_for_its_owner_alone() -> Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("cameras.toml");
        append(&path, "a")?;
        append(&path, "b")?;
        assert_eq!(fs::read_to_string(&path)?, "ab");
        assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
        Ok(())
    }
}
