//! What the tests of real peers share: clips made by the `ffmpeg` command, servers on loopback that end with their
//! handle, and a reader that waits for what a test asks for and no longer.
#![allow(dead_code, clippy::allow_attributes, reason = "each test binary uses its part")]

pub(crate) mod gst;
pub(crate) mod http;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use iris_core::clock::SystemClock;
use iris_core::{CameraId, Epoch, Item, Packet};
use iris_ingest::{CameraStream, Limits, Output, Source, State, Transport};

/// Longer than anything a test waits for takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// A folder of clips, gone with the test.
pub(crate) struct Clips(tempfile::TempDir);

impl Clips {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A test picture of 320×180 at 25 frames/s for `seconds`, encoded and packed as `args` say.
    pub(crate) fn make(&self, name: &str, seconds: u32, args: &str) -> PathBuf {
        self.encode(name, &format!("testsrc2=size=320x180:rate=25:duration={seconds}"), args)
    }

    pub(crate) fn encode(&self, name: &str, picture: &str, args: &str) -> PathBuf {
        let path = self.path(name);
        let status = Command::new("ffmpeg")
            .args(["-hide_banner", "-loglevel", "error", "-y", "-threads", "1", "-f", "lavfi", "-i", picture])
            .args(args.split_whitespace())
            .arg(&path)
            .status()
            .expect("the ffmpeg command is missing; `cargo xtask setup` installs it");
        assert!(status.success(), "ffmpeg could not make {name}");
        path
    }
}

pub(crate) const H264: &str = "-pix_fmt yuv420p -c:v libx264 -preset ultrafast -g 25";
pub(crate) const H264_B: &str = "-pix_fmt yuv420p -c:v libx264 -preset veryfast -bf 2 -g 25";
pub(crate) const H265: &str = "-pix_fmt yuv420p -c:v libx265 -preset ultrafast -x265-params keyint=25:log-level=none";
pub(crate) const MJPEG: &str = "-pix_fmt yuvj420p -c:v mjpeg -q:v 8";

pub(crate) fn source(address: &str) -> Source {
    Source { url: address.parse().expect("a source"), transport: Transport::Auto, limits: Limits::default() }
}

/// The two ways in which RTP comes, and each through a reader of its own.
pub(crate) const TRANSPORTS: [Transport; 2] = [Transport::Tcp, Transport::Udp];

pub(crate) fn by(transport: Transport, source: Source) -> Source {
    Source { transport, ..source }
}

pub(crate) fn file(path: &Path) -> Source {
    source(path.to_str().unwrap())
}

/// Limits that make a test of a silent peer short.
pub(crate) fn impatient(address: &str) -> Source {
    let limits = Limits {
        open_timeout: Duration::from_millis(1500),
        stall_timeout: Duration::from_secs(1),
        ..Limits::default()
    };
    Source { limits, ..source(address) }
}

pub(crate) fn open(source: Source) -> CameraStream {
    CameraStream::new(CameraId::new("test").unwrap(), Epoch::first(7), source, Arc::new(SystemClock::new()))
}

/// Everything up to and including the first output for which `enough` holds.
pub(crate) async fn until(stream: &mut CameraStream, mut enough: impl FnMut(&Output) -> bool) -> Vec<Output> {
    let mut outputs = Vec::new();
    let reading = async {
        loop {
            outputs.push(stream.next().await);
            if outputs.last().is_some_and(&mut enough) {
                return;
            }
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, reading).await;
    assert!(in_time.is_ok(), "only got {:?}", states(&outputs));
    outputs
}

/// A recording to its last state.
pub(crate) async fn read_all(source: Source) -> Vec<Output> {
    until(&mut open(source), |o| matches!(o, Output::State(State::Ended | State::Failed { .. }))).await
}

/// The first `n` access units.
pub(crate) async fn first_packets(stream: &mut CameraStream, n: usize) -> Vec<Packet> {
    let mut seen = 0;
    let outputs = until(stream, |o| {
        seen += usize::from(is_packet(o));
        seen == n
    })
    .await;
    packets(outputs)
}

/// The first error that a source comes to, and its state.
pub(crate) async fn first_failure(stream: &mut CameraStream) -> State {
    let failed = |o: &Output| {
        matches!(o, Output::State(State::Offline { .. } | State::Failed { .. } | State::AuthFailed | State::Stalled))
    };
    match until(stream, failed).await.pop() {
        Some(Output::State(state)) => state,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn is_packet(output: &Output) -> bool {
    matches!(output, Output::Item(Item::Data(_)))
}

pub(crate) fn packets(outputs: Vec<Output>) -> Vec<Packet> {
    outputs
        .into_iter()
        .filter_map(|o| match o {
            Output::Item(Item::Data(packet)) => Some(packet),
            _ => None,
        })
        .collect()
}

pub(crate) fn states(outputs: &[Output]) -> Vec<&State> {
    outputs.iter().filter_map(|o| if let Output::State(state) = o { Some(state) } else { None }).collect()
}

/// What holds for the access units of any one connection.
pub(crate) fn assert_sane(packets: &[Packet]) {
    assert!(packets[0].is_key, "starts without a key frame");
    for (i, packet) in packets.iter().enumerate() {
        assert_eq!(packet.key.seq, i as u64);
        assert!(!packet.data.is_empty());
    }
    assert!(packets.windows(2).all(|w| w[0].dts < w[1].dts), "decoding times do not grow");
    assert!(packets.windows(2).all(|w| w[0].received <= w[1].received));
}
