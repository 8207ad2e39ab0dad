//! A farm of cameras behind one port: how it is built, run, broken and ended. What is said on its connections is
//! `rtsp`'s business.

use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use iris_core::{Clock as _, WallTime, clock::SystemClock};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::net::{TcpListener, TcpSocket, UdpSocket};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::clip::CLOCK_RATE;
use crate::fault::{Control, Fault};
use crate::rtsp::{Credentials, Gate, connection};
use crate::stats::{Counters, Stats};
use crate::{Clip, Error};

/// How many connections wait to be accepted.
const LISTEN_BACKLOG: u32 = 1024;
/// What the kernel holds for a client that does not read, in bytes (it doubles the number).
const SEND_BUFFER: u32 = 128 * 1024;
/// How often a pair of UDP ports is tried for.
const PORT_ATTEMPTS: usize = 100;
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
        let camera = |i: usize| Camera {
            control: watch::Sender::new(Control::new(Arc::clone(&clips[i % clips.len()]))),
            place: Place::of(i / clips.len()),
            seed: self.seed ^ ((i as u64 + 1) << 32),
            sessions: AtomicU64::new(0),
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

#[derive(Debug)]
pub(crate) struct Camera {
    pub(crate) control: watch::Sender<Control>,
    pub(crate) place: Place,
    seed: u64,
    sessions: AtomicU64,
}

impl Camera {
    /// The random numbers of this camera's next session.
    pub(crate) fn next_session(&self) -> StdRng {
        StdRng::seed_from_u64(self.seed ^ self.sessions.fetch_add(1, Ordering::Relaxed))
    }
}

/// Where in its clip a camera begins, and how long after being asked, as a fraction of what there is: 0 for the first
/// camera of a clip, spread evenly over the others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place(f64);

impl Place {
    /// The place of a clip's n-th camera. Multiples of the golden ratio's fraction never crowd, however many there are
    /// (Knuth, The Art of Computer Programming, vol. 3, §6.4).
    fn of(n: usize) -> Self {
        Self((n as f64 * 0.618_033_988_749_895).fract())
    }

    /// The number of the start to begin at.
    pub(crate) fn start(self, clip: &Clip) -> usize {
        (self.0 * clip.starts().len() as f64) as usize
    }

    /// How long the first unit waits: less than the time between two key frames, and less than a second.
    pub(crate) fn delay(self, clip: &Clip) -> Duration {
        let between = clip.duration() as f64 / clip.starts().len() as f64 / CLOCK_RATE as f64;
        Duration::from_secs_f64(self.0 * between.min(1.0))
    }
}

/// The sockets from which all packets by UDP are sent; RTP's port is even and RTCP's is the next (RFC 3550 §11).
#[derive(Debug)]
pub(crate) struct UdpPair {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
}

impl UdpPair {
    fn bind(addr: SocketAddr) -> io::Result<Self> {
        let open = |port| {
            let socket = std::net::UdpSocket::bind((addr.ip(), port))?;
            socket.set_nonblocking(true)?;
            UdpSocket::from_std(socket)
        };
        for _ in 0..PORT_ATTEMPTS {
            let first = open(0)?;
            let port = first.local_addr()?.port();
            // The other of an even port and the one after it.
            if let Ok(second) = open(port ^ 1) {
                let (rtp, rtcp) = if port % 2 == 0 { (first, second) } else { (second, first) };
                return Ok(Self { rtp, rtcp });
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "found no two neighbouring UDP ports free"))
    }

    pub(crate) fn ports(&self) -> (u16, u16) {
        let port = |socket: &UdpSocket| socket.local_addr().map_or(0, |a| a.port());
        (port(&self.rtp), port(&self.rtcp))
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

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(addr)?;
    socket.listen(LISTEN_BACKLOG)
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

    #[test]
    fn cameras_of_one_clip_begin_at_different_places_and_moments() {
        let units: Vec<_> = (0..500).map(|i| (i * 9000, i * 9000, i % 10 == 0)).collect();
        let clip = clip(&units, 9000).expect("key frames");
        assert_eq!((Place::of(0).start(&clip), Place::of(0).delay(&clip)), (0, Duration::ZERO));
        let mut starts: Vec<_> = (0..30).map(|n| Place::of(n).start(&clip)).collect();
        let mut delays: Vec<_> = (0..30).map(|n| Place::of(n).delay(&clip)).collect();
        starts.sort_unstable();
        starts.dedup();
        delays.sort_unstable();
        assert_eq!(starts.len(), 30);
        assert!(starts.iter().all(|s| *s < clip.starts().len()));
        assert!(delays.windows(2).all(|d| d[1] > d[0] + Duration::from_millis(10)), "{delays:?}");
        assert!(delays.iter().all(|d| *d < Duration::from_secs(1)));
    }

    #[tokio::test]
    async fn ports_for_udp_are_neighbours_and_the_first_is_even() {
        let pair = UdpPair::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("ports");
        let (rtp, rtcp) = pair.ports();
        assert_eq!((rtp % 2, rtcp), (0, rtp + 1));
    }

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
