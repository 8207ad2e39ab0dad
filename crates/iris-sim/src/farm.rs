//! A farm of cameras behind one port: how it is built, run, broken and ended. What is said on its connections is
//! `rtsp`'s business.

use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use iris_core::{Clock as _, WallTime, clock::SystemClock};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::camera::{Camera, Place};
use crate::fault::Fault;
use crate::rtsp::{Credentials, Gate, connection};
use crate::sockets::{UdpPair, listen};
use crate::stats::{Counters, Stats};
use crate::{Clip, Error};

/// How long to wait when connections cannot be accepted, as when files run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Seconds from 1900 to 1970, between the epochs of NTP and Unix (RFC 5905 §6).
const NTP_UNIX_OFFSET: u64 = 2_208_988_800;

/// What a farm is made of.
#[derive(Debug, Clone)]
pub struct Builder {
    paths: Vec<PathBuf>,
    clips: Vec<Arc<Clip>>,
    cameras: usize,
    credentials: Option<Credentials>,
    addr: SocketAddr,
    seed: u64,
    session_timeout: Duration,
}

impl Builder {
    /// Plays this file. Of several clips, camera i plays number i modulo their count.
    #[must_use]
    pub fn clip(mut self, path: impl Into<PathBuf>) -> Self {
        self.paths.push(path.into());
        self
    }

    /// Plays a clip that is open already; such clips come before those named by path.
    #[must_use]
    pub fn open_clip(mut self, clip: Arc<Clip>) -> Self {
        self.clips.push(clip);
        self
    }

    /// How many cameras there are; 1 unless said otherwise.
    #[must_use]
    pub fn cameras(self, cameras: usize) -> Self {
        Self { cameras, ..self }
    }

    /// Whom the cameras let in; anybody unless said otherwise.
    #[must_use]
    pub fn credentials(self, credentials: Credentials) -> Self {
        Self { credentials: Some(credentials), ..self }
    }

    /// Where to listen; any free port of 127.0.0.1 unless said otherwise.
    #[must_use]
    pub fn bind(self, addr: SocketAddr) -> Self {
        Self { addr, ..self }
    }

    /// What all random numbers come from. The same seed, clips and order of requests give the same packets.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// How long a client may be silent before its connection is closed; a minute unless said otherwise, in whole
    /// seconds.
    #[must_use]
    pub fn session_timeout(self, session_timeout: Duration) -> Self {
        Self { session_timeout, ..self }
    }

    /// Reads the clips, opens the ports and serves on the current tokio runtime until the farm is shut down or dropped.
    pub async fn start(mut self) -> Result<Farm, Error> {
        let mut clips = std::mem::take(&mut self.clips);
        clips.extend(open_all(std::mem::take(&mut self.paths)).await?);
        if clips.is_empty() {
            return Err(Error::NoClips);
        }
        let addr = self.addr;
        let refused = |source| Error::Listen { addr, source };
        let listener = listen(addr).map_err(refused)?;
        let shared = self.share(&clips, &listener).map_err(refused)?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(stop.clone().run_until_cancelled_owned(accept(
            listener,
            Arc::clone(&shared),
            stop.clone(),
            tasks.clone(),
        )));
        Ok(Farm { shared, tasks, stop: stop.drop_guard() })
    }

    fn share(self, clips: &[Arc<Clip>], listener: &TcpListener) -> io::Result<Arc<Shared>> {
        let addr = listener.local_addr()?;
        let mut rng = StdRng::seed_from_u64(self.seed);
        let camera = |i: usize| {
            let clip = Arc::clone(&clips[i % clips.len()]);
            Camera::new(clip, Place::of(i / clips.len()), self.seed ^ ((i as u64 + 1) << 32))
        };
        Ok(Arc::new(Shared {
            addr,
            cameras: (0..self.cameras).map(camera).collect(),
            gate: self.credentials.map(|c| Gate::new(c, rng.random())),
            udp: UdpPair::bind(addr)?,
            counters: Counters::default(),
            session_timeout: self.session_timeout,
            started: (Instant::now(), SystemClock::new().wall()),
        }))
    }
}

/// Cameras that run. They end when this is dropped.
#[derive(Debug)]
pub struct Farm {
    shared: Arc<Shared>,
    tasks: TaskTracker,
    stop: DropGuard,
}

impl Farm {
    /// A farm to be described: one camera, no sign-in, any free port of 127.0.0.1, seed 0.
    pub fn builder() -> Builder {
        Builder {
            paths: Vec::new(),
            clips: Vec::new(),
            cameras: 1,
            credentials: None,
            addr: (Ipv4Addr::LOCALHOST, 0).into(),
            seed: 0,
            session_timeout: Duration::from_mins(1),
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.shared.addr
    }

    /// How many cameras there are.
    pub fn cameras(&self) -> usize {
        self.shared.cameras.len()
    }

    /// The URL of a camera, without user and password.
    pub fn url(&self, camera: usize) -> String {
        let mut url = format!("rtsp://{}/cam/", self.shared.addr);
        // A string takes whatever is written to it.
        write!(url, "{camera}").unwrap_or_default();
        url
    }

    /// Breaks a camera, or mends it with [`Fault::None`]. Sessions see it at once, at the latest with their next unit.
    pub fn set(&self, camera: usize, fault: Fault) -> Result<(), Error> {
        let cameras = self.cameras();
        let camera = self.shared.cameras.get(camera).ok_or(Error::NoSuchCamera { camera, cameras })?;
        camera.control.send_modify(|control| control.apply(fault));
        Ok(())
    }

    /// What it has done so far.
    pub fn stats(&self) -> Stats {
        self.shared.counters.read()
    }

    /// Closes the port and all connections, and waits until that is done.
    pub async fn shutdown(self) {
        self.tasks.close();
        drop(self.stop);
        self.tasks.wait().await;
    }
}

/// What all connections of a farm share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) addr: SocketAddr,
    pub(crate) cameras: Vec<Camera>,
    pub(crate) gate: Option<Gate>,
    pub(crate) udp: UdpPair,
    pub(crate) counters: Counters,
    pub(crate) session_timeout: Duration,
    /// The same moment by both clocks.
    started: (Instant, WallTime),
}

impl Shared {
    /// An instant as an NTP timestamp: seconds since 1900, 32.32 fixed point.
    pub(crate) fn ntp(&self, instant: Instant) -> u64 {
        let (origin, wall) = self.started;
        let micros = wall.unix_micros.max(0) as u64 + instant.saturating_duration_since(origin).as_micros() as u64;
        let (seconds, rest) = (micros / 1_000_000 + NTP_UNIX_OFFSET, micros % 1_000_000);
        (seconds << 32) | ((rest << 32) / 1_000_000)
    }
}

/// Reads all clips on a thread of their own, as that blocks.
async fn open_all(paths: Vec<PathBuf>) -> Result<Vec<Arc<Clip>>, Error> {
    let (done, opened) = oneshot::channel();
    let open = move || {
        let clips = paths.into_iter().map(|path| Clip::open(path).map(Arc::new)).collect();
        // Nobody waits any more where this cannot be sent.
        drop(done.send(clips));
    };
    let start = std::thread::Builder::new().name("sim-demux".into()).spawn(open);
    let failed = |source| Error::Read { path: "<clips>".into(), source };
    start.map_err(failed)?;
    opened.await.unwrap_or_else(|_| Err(failed(io::Error::other("the thread that reads them died"))))
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken, tasks: TaskTracker) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let (shared, stop) = (Arc::clone(&shared), stop.clone());
                tasks.spawn(async move {
                    // Units are written whole; waiting to fill a segment would only delay them.
                    if stream.set_nodelay(true).is_ok() {
                        stop.run_until_cancelled(connection::serve(stream, peer, &shared)).await;
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::tests::clip;

    #[tokio::test]
    async fn instants_are_told_as_seconds_since_1900() {
        let builder = Farm::builder();
        let listener = listen(builder.addr).expect("a port");
        let clip = Arc::new(clip(&[(0, 0, true)], 1).expect("a key"));
        let mut shared =
            Arc::into_inner(builder.share(&[clip], &listener).expect("ports")).expect("nobody else has it");
        let origin = Instant::now();
        shared.started = (origin, WallTime { unix_micros: 1_500_000 });
        let half = 1 << 31;
        assert_eq!(shared.ntp(origin), ((NTP_UNIX_OFFSET + 1) << 32) | half);
        assert_eq!(shared.ntp(origin + Duration::from_millis(750)), ((NTP_UNIX_OFFSET + 2) << 32) | (half / 2));
    }
}
