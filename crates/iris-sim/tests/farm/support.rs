//! Clips, farms and clients for the tests.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::StreamExt as _;
use iris_sim::{Builder, Clip, Farm};
use retina::client::{Demuxed, PlayOptions, Session, SessionOptions, SetupOptions, Transport};
use retina::codec::{CodecItem, VideoFrame};
use url::Url;

/// How long any single thing may take. Only a failing test waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Clips made by the `ffmpeg` command, once a run of the tests.
pub(crate) struct Clips {
    dir: tempfile::TempDir,
}

impl Clips {
    pub(crate) fn get() -> &'static Self {
        static CLIPS: OnceLock<Clips> = OnceLock::new();
        CLIPS.get_or_init(|| Self { dir: tempfile::tempdir().expect("a temporary directory") })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Two seconds of 160×120 at 10 frames/s, two groups of ten pictures, from which nothing is reordered.
    pub(crate) fn h264(&self) -> PathBuf {
        self.make("h264.mp4", &["-c:v", "libx264", "-preset", "ultrafast"], "160x120")
    }

    /// The same in H.265.
    pub(crate) fn h265(&self) -> PathBuf {
        let quiet = "keyint=10:min-keyint=10:scenecut=0:open-gop=0:bframes=0:log-level=none";
        self.make("h265.mp4", &["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", quiet], "160x120")
    }

    /// H.264 in another size.
    pub(crate) fn larger(&self) -> PathBuf {
        self.make("larger.mp4", &["-c:v", "libx264", "-preset", "ultrafast"], "320x240")
    }

    fn make(&self, name: &str, encoder: &[&str], size: &str) -> PathBuf {
        let source = format!("testsrc2=size={size}:rate=10:duration=2");
        let shape = ["-pix_fmt", "yuv420p", "-g", "10", "-keyint_min", "10", "-sc_threshold", "0", "-bf", "0"];
        self.ffmpeg(name, &[&["-f", "lavfi", "-i", &source], encoder, &shape].concat())
    }

    /// Runs `ffmpeg ARGUMENTS NAME`, unless the file is there.
    pub(crate) fn ffmpeg(&self, name: &str, arguments: &[&str]) -> PathBuf {
        static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let _guard = ONE_AT_A_TIME.lock();
        let path = self.path(name);
        if !path.exists() {
            let mut command = Command::new("ffmpeg");
            command.args(["-nostdin", "-loglevel", "error", "-y"]).args(arguments).arg(&path);
            let output = command.output().expect("the ffmpeg command; `cargo xtask setup` installs it");
            assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        path
    }
}

pub(crate) fn open(path: PathBuf) -> Arc<Clip> {
    Arc::new(Clip::open(path).expect("a clip"))
}

pub(crate) async fn start(builder: Builder) -> Farm {
    builder.start().await.expect("a farm")
}

pub(crate) async fn one_camera(clip: PathBuf) -> Farm {
    start(Farm::builder().clip(clip)).await
}

/// Fails the test where something that must happen does not.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let poll = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        while !condition() {
            ticks.tick().await;
        }
    };
    soon(what, poll).await;
}

pub(crate) fn udp() -> Transport {
    Transport::Udp(retina::client::UdpTransportOptions::default())
}

pub(crate) type Playing = Session<retina::client::Playing>;

pub(crate) async fn play_with(
    url: &str,
    options: SessionOptions,
    transport: Transport,
) -> Result<Playing, retina::Error> {
    let mut session = Session::describe(Url::parse(url).expect("a URL"), options).await?;
    session.setup(0, SetupOptions::default().transport(transport)).await?;
    session.play(PlayOptions::default()).await
}

/// A retina session that takes RTP packets as they are.
pub(crate) async fn play(url: &str) -> Playing {
    soon("playing", play_with(url, SessionOptions::default(), Transport::default())).await.expect("a session")
}

/// A retina session that takes whole frames.
pub(crate) async fn frames(url: &str, transport: Transport) -> Demuxed {
    let session = soon("playing", play_with(url, SessionOptions::default(), transport)).await.expect("a session");
    session.demuxed().expect("a codec that retina knows")
}

/// The next frame, and whether retina's decoder parameters changed with it.
pub(crate) async fn next_frame(session: &mut Demuxed) -> Option<Result<VideoFrame, retina::Error>> {
    loop {
        match soon("a frame", session.next()).await? {
            Ok(CodecItem::VideoFrame(frame)) => return Some(Ok(frame)),
            Ok(_) => {}
            Err(error) => return Some(Err(error)),
        }
    }
}

pub(crate) async fn take(session: &mut Demuxed, n: usize) -> Vec<VideoFrame> {
    let mut frames = Vec::with_capacity(n);
    for _ in 0..n {
        frames.push(next_frame(session).await.expect("a session that goes on").expect("a sound frame"));
    }
    frames
}

/// How many packets were lost before the next frames, in all.
pub(crate) async fn losses(session: &mut Demuxed, frames: usize) -> u16 {
    take(session, frames).await.iter().map(VideoFrame::loss).sum()
}
