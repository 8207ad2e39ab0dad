//! Who watches a camera: viewers of its live picture and recorders of its events. What they see, and what it costs the
//! camera: an access unit is kept by a count of references, and nothing here ever waits for who watches.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use iris_core::{CameraId, MediaTime, Moment, MonoTime, Packet, Tracks};
use iris_flow::fanout::{Fanout, Limits, Next, Reader, Tag};
use iris_ingest::State;
use tokio::sync::{broadcast, watch};

use crate::metrics::count_missed;

/// What is kept of each camera: ten seconds, and at most 8 MiB. That holds ten seconds up to 6.7 Mbit/s.
pub const RECENT: Limits = Limits { span: Duration::from_secs(10), bytes: 8 << 20 };
/// How much before an event its recording begins, or a little more: it begins at a key frame.
pub const BEFORE: Duration = Duration::from_secs(5);
/// How late a viewer may be before it skips to the newest key frame.
const PATIENCE: Duration = Duration::from_secs(2);
/// Updates of tracks that wait for one viewer; the oldest make room. Three seconds at 10 a second.
const SIGHTINGS: usize = 32;

/// A recording of what a camera sends, from before an event on.
pub struct Recording {
    camera: CameraId,
    reader: Reader<Packet>,
}

impl Recording {
    /// What comes next; the number of access units where some are missing. Nothing when the camera is gone.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Next<Packet>>> {
        let next = self.reader.poll_next(context);
        if let Poll::Ready(Some(Next::Missed(n))) = next {
            count_missed(self.camera, "recording", n);
        }
        next
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recording of {}", self.camera)
    }
}

/// One camera's audience. Clones are the same.
#[derive(Clone)]
pub(crate) struct Audience {
    packets: Fanout<Packet>,
    tracks: broadcast::Sender<Arc<Tracks>>,
}

impl Audience {
    pub(crate) fn new() -> Self {
        Self { packets: Fanout::new(RECENT), tracks: broadcast::Sender::new(SIGHTINGS) }
    }

    pub(crate) fn show(&self, packet: &Packet) {
        let bytes = packet.data.len() + size_of::<Packet>();
        self.packets.send(Tag { is_key: packet.is_key, at: since_start(packet.dts), bytes }, packet.clone());
    }

    pub(crate) fn tell(&self, tracks: &Tracks) {
        if self.tracks.receiver_count() > 0 {
            // An error says that the last viewer has just left.
            self.tracks.send(Arc::new(tracks.clone())).ok();
        }
    }

    pub(crate) fn record(&self, camera: CameraId, event: Moment) -> Recording {
        Recording { camera, reader: self.packets.record(since_start(event.media).saturating_sub(BEFORE)) }
    }

    pub(crate) fn newest(&self) -> Vec<Packet> {
        self.packets.newest()
    }

    pub(crate) fn watch(
        &self,
        camera: CameraId,
        classes: Arc<[Arc<str>]>,
        mut state: watch::Receiver<(State, MonoTime)>,
    ) -> Live {
        state.mark_changed();
        let (packets, tracks) = (self.packets.follow(PATIENCE), self.tracks.subscribe());
        Live { camera, classes, packets, tracks, state }
    }

    /// The camera is gone.
    pub(crate) fn close(&self) {
        self.packets.close();
    }
}

fn since_start(at: MediaTime) -> Duration {
    at.since(MediaTime::ZERO)
}

/// What a viewer sees next.
#[derive(Debug)]
pub enum Sight {
    /// The next access unit. The first is a key frame, and so is the first after some were missed.
    Packet(Packet),
    /// So many access units are missing before the next one: the viewer was too slow, or joined before a key frame.
    Missed(u64),
    /// What is followed in a picture, told when the picture has been analysed.
    Tracks(Arc<Tracks>),
    /// The camera's state, at first and whenever it changes.
    State(State),
}

/// A viewer of one camera.
pub struct Live {
    camera: CameraId,
    classes: Arc<[Arc<str>]>,
    packets: Reader<Packet>,
    tracks: broadcast::Receiver<Arc<Tracks>>,
    state: watch::Receiver<(State, MonoTime)>,
}

impl Live {
    /// The names of the classes of its tracks.
    pub fn classes(&self) -> &[Arc<str>] {
        &self.classes
    }

    /// What comes next, or nothing when the camera was removed or its settings changed. A recording that is over is
    /// neither: it has nothing more to show. Cancel-safe.
    pub async fn next(&mut self) -> Option<Sight> {
        tokio::select! {
            biased;
            changed = self.state.changed() => {
                changed.ok()?;
                Some(Sight::State(self.state.borrow_and_update().0.clone()))
            }
            tracks = newest(&mut self.tracks) => Some(Sight::Tracks(tracks)),
            sight = packet(self.camera, &mut self.packets) => Some(sight),
        }
    }
}

/// What the fan-out gives next; never, once nothing comes any more.
async fn packet(camera: CameraId, from: &mut Reader<Packet>) -> Sight {
    match from.next().await {
        Some(Next::Unit(packet)) => Sight::Packet(packet),
        Some(Next::Missed(n)) => {
            count_missed(camera, "viewer", n);
            Sight::Missed(n)
        }
        None => std::future::pending().await,
    }
}

/// The next tracks, skipping those that were too many; never, once the camera is gone.
async fn newest(from: &mut broadcast::Receiver<Arc<Tracks>>) -> Arc<Tracks> {
    loop {
        match from.recv().await {
            Ok(tracks) => return tracks,
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}
