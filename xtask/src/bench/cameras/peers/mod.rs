//! What people would use instead, on the same cameras: each is started alone, warmed up and measured as Iris is.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::Serialize;
use tokio::time::Instant;

use super::Bench;
use super::figures::Figures;
use crate::bench::procs::usage;
use crate::child::Child;
use crate::setup;
use crate::shell::{root, say};

/// How many frames a second each looks at: as many as Iris does where something moves.
const RATE: u32 = 5;
/// The size to which `ffmpeg` scales: that of the detector's input.
const SIZE: &str = "384:216";

/// The file in which a peer counts its results.
const COUNT: &str = "results";
/// How motion is set: it compares, and keeps and shows nothing.
const MOTION: &str = "daemon off\nsetup_mode off\nlog_level 4\nwebcontrol_port 0\nstream_port 0\npicture_output off\n\
                      movie_output off\nwidth 640\nheight 360\nframerate 5\nnetcam_params rtsp_transport=tcp\n";

/// Somebody to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Peer {
    /// A process a camera that decodes and scales into a pipe, as Frigate does it; without a detector.
    Ffmpeg,
    /// `OpenCV`, a thread a camera, with ONNX Runtime and the package trackers.
    Opencv,
    /// Debian's motion, which compares pixels.
    Motion,
}

/// What somebody took.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Outcome {
    Measured(Measured),
    NotRun { name: &'static str, not_run: String },
}

#[derive(Debug, Serialize)]
pub(super) struct Measured {
    pub(super) name: &'static str,
    pub(super) cameras: usize,
    pub(super) cores: f64,
    pub(super) memory_bytes: u64,
    /// Of all cameras; none where it does not tell.
    pub(super) results_a_second: Option<f64>,
}

/// Measures Iris's peers with as many cameras as it had; the first outcome is its own.
pub(super) async fn measure(bench: &Bench, peers: &[Peer], iris: &Figures) -> Result<Vec<Outcome>> {
    let mut outcomes = vec![Outcome::Measured(Measured {
        name: "iris",
        cameras: iris.cameras,
        cores: iris.cores,
        memory_bytes: iris.memory_bytes,
        results_a_second: Some(iris.results_a_second),
    })];
    for peer in peers {
        let outcome = peer.measure(bench, iris.cameras).await;
        outcomes.push(outcome.unwrap_or_else(|why| {
            say(&format!("not run: {}: {why:#}", peer.name()));
            Outcome::NotRun { name: peer.name(), not_run: format!("{why:#}") }
        }));
    }
    Ok(outcomes)
}

impl Peer {
    fn name(self) -> &'static str {
        match self {
            Self::Ffmpeg => "ffmpeg",
            Self::Opencv => "opencv",
            Self::Motion => "motion",
        }
    }

    async fn measure(self, bench: &Bench, cameras: usize) -> Result<Outcome> {
        let packages = self.install()?;
        bench
            .with_farm(self.name(), &bench.plan(cameras), async |farm, folder| {
                let urls: Vec<_> = (0..cameras).map(|camera| farm.url(camera)).collect();
                let script = folder.join("start.sh");
                let model = bench.settings.model.clone().unwrap_or_else(|| root().join("models/iris-n"));
                fs::write(&script, self.script(&urls, &packages, &model, folder)?)
                    .context("cannot write its script")?;
                let args = [script.display().to_string()];
                let mut child = Child::start(Path::new("/bin/sh"), &args, Some(&folder.join("log")))?;
                let outcome = self.watch(bench, &child, cameras, folder).await;
                child.stop().await?;
                outcome
            })
            .await
    }

    /// Installs what it needs; the folder of Python packages, where it has some.
    fn install(self) -> Result<PathBuf> {
        match self {
            Self::Ffmpeg => Ok(PathBuf::new()),
            Self::Opencv => setup::peers(),
            Self::Motion => setup::motion().map(|()| PathBuf::new()),
        }
    }

    /// What starts it in a shell.
    fn script(self, urls: &[String], packages: &Path, model: &Path, folder: &Path) -> Result<String> {
        match self {
            Self::Ffmpeg => Ok(urls.iter().map(|url| decoder(url)).collect::<String>() + "wait\n"),
            Self::Opencv => {
                let (urls, script) = (urls.join(" "), root().join("xtask/src/bench/cameras/peers/opencv.py"));
                let settings = "OPENCV_FFMPEG_CAPTURE_OPTIONS='rtsp_transport;tcp|threads;1'";
                let [packages, model, script, count] =
                    [packages, &model.join("model.onnx"), &script, &folder.join(COUNT)]
                        .map(|path| path.display().to_string());
                Ok(format!(
                    "{settings} PYTHONPATH='{packages}' exec {} '{script}' '{model}' {RATE} '{count}' {urls}\n",
                    setup::PYTHON
                ))
            }
            Self::Motion => {
                let mut main = MOTION.to_owned();
                for (i, url) in urls.iter().enumerate() {
                    let path = folder.join(format!("camera-{i}.conf"));
                    fs::write(&path, format!("camera_id {}\nnetcam_url {url}\n", i + 1))?;
                    writeln!(main, "camera {}", path.display())?;
                }
                let path = folder.join("motion.conf");
                fs::write(&path, main)?;
                Ok(format!("cd '{}' && exec motion -n -c '{}'\n", folder.display(), path.display()))
            }
        }
    }

    /// How many processes it is, with the shell that waits for them.
    fn processes(self, cameras: usize) -> usize {
        if self == Self::Ffmpeg { 2 * cameras + 1 } else { 1 }
    }

    /// Measures what runs.
    async fn watch(self, bench: &Bench, child: &Child, cameras: usize, folder: &Path) -> Result<Outcome> {
        let group = child.id().context("it has ended")?;
        bench.warm_up().await;
        let results = || fs::read_to_string(folder.join(COUNT)).ok()?.parse::<f64>().ok();
        let (start, before, had) = (Instant::now(), usage(group)?, results());
        tokio::time::sleep(bench.length).await;
        let (seconds, after, has) = (start.elapsed().as_secs_f64(), usage(group)?, results());
        let (runs, wanted) = (after.processes, self.processes(cameras));
        if runs < wanted {
            bail!("{runs} of {wanted} processes are left; what they said is in {}", folder.display());
        }
        Ok(Outcome::Measured(Measured {
            name: self.name(),
            cameras,
            cores: (after.cpu_seconds - before.cpu_seconds) / seconds,
            memory_bytes: after.memory_bytes,
            results_a_second: had.zip(has).map(|(had, has)| (has - had) / seconds),
        }))
    }
}

/// Decodes a camera, scales it and leaves the pictures to a process that reads them.
fn decoder(url: &str) -> String {
    format!(
        "ffmpeg -nostdin -loglevel error -threads 1 -rtsp_transport tcp -i {url} -an -vf fps={RATE},scale={SIZE} -threads 1 \
         -f rawvideo -pix_fmt yuv420p pipe:1 | cat >/dev/null &\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_started_for_every_camera() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let urls = ["rtsp://h/cam/0".to_owned(), "rtsp://h/cam/1".to_owned()];
        let script = |peer: Peer| peer.script(&urls, Path::new("packages"), Path::new("m"), folder.path());
        assert_eq!(script(Peer::Ffmpeg)?.matches("| cat >/dev/null &\n").count(), 2);
        let opencv = script(Peer::Opencv)?;
        assert!(opencv.contains("PYTHONPATH='packages' exec /usr/bin/python3 '"), "{opencv}");
        assert!(
            opencv.contains("'m/model.onnx' 5 '") && opencv.ends_with("rtsp://h/cam/0 rtsp://h/cam/1\n"),
            "{opencv}"
        );
        assert!(script(Peer::Motion)?.contains("exec motion -n -c"));
        let main = fs::read_to_string(folder.path().join("motion.conf"))?;
        assert_eq!(main.lines().filter(|line| line.starts_with("camera /")).count(), 2);
        assert_eq!(
            fs::read_to_string(folder.path().join("camera-1.conf"))?,
            "camera_id 2\nnetcam_url rtsp://h/cam/1\n"
        );
        Ok(())
    }
}
