//! A camera as the pipeline sees it: one stream of access units that goes on over all connections. Puts together the
//! connection ([`Feed`]), the policy that makes and drops it, and the timeline; decides nothing itself.

use std::collections::VecDeque;
use std::fmt;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use iris_core::{CameraId, Clock, Codec, Epoch, FrameKey, GapReason, Item, Moment, MonoTime, Packet, Size};
use retina::client::SessionGroup;

use crate::feed::{Feed, Media, Unit};
use crate::reconnect::{Due, Reconnect};
use crate::timeline::Timeline;
use crate::{Error, ErrorKind, Limits, Result, SourceUrl};

/// Where video comes from, and how it is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The address.
    pub url: SourceUrl,
    /// How RTP is carried.
    pub transport: Transport,
    /// What the source may ask of the machine.
    pub limits: Limits,
}

/// How an RTSP camera's RTP packets are carried. Nothing else looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Transport {
    /// What works best: TCP.
    #[default]
    Auto,
    /// Interleaved with RTSP on one TCP connection.
    Tcp,
    /// UDP. Packets out of order wait for those before them, for a tenth of a second.
    Udp,
}

/// How a camera is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The first connection is being made.
    Connecting,
    /// Video comes.
    Live {
        /// The codec.
        codec: Codec,
        /// The picture's size, where it is known before decoding.
        size: Option<Size>,
        /// How long a recording is, where its container says so.
        duration: Option<Duration>,
        /// How many frames a recording has, where its container says so.
        frames: Option<u64>,
    },
    /// Connected, but nothing came for [`Limits::stall_timeout`]; a new connection is made.
    Stalled,
    /// Not connected; tried again from time to time.
    Offline {
        /// Why.
        error: Error,
    },
    /// User or password are refused; tried again once a minute.
    AuthFailed,
    /// The recording is over. The last state.
    Ended,
    /// The source cannot be read, or not to its end, and will not be tried again. The last state.
    Failed {
        /// Why.
        error: Error,
    },
}

impl State {
    /// The state in one word, as it stands in health and metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Live { .. } => "live",
            Self::Stalled => "stalled",
            Self::Offline { .. } => "offline",
            Self::AuthFailed => "auth_failed",
            Self::Ended => "ended",
            Self::Failed { .. } => "failed",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live { codec, size: Some(size), .. } => write!(f, "live: {codec} {size}"),
            Self::Live { codec, size: None, .. } => write!(f, "live: {codec}"),
            Self::Offline { error } => write!(f, "offline: {error}"),
            Self::AuthFailed => f.write_str("user or password are refused"),
            Self::Failed { error } => write!(f, "failed: {error}"),
            _ => f.write_str(self.label()),
        }
    }
}

/// What comes out of a camera.
#[derive(Debug)]
pub enum Output {
    /// The next item of the stream.
    Item(Item<Packet>),
    /// The camera's state changed.
    State(State),
}

/// A camera's or a file's access units, over all its connections.
///
/// Every connection is an epoch; the first item of every one but the first is `Item::Gap(Reconnected)`. A live source
/// never ends. A file, or an HLS playlist that is complete, gives `Item::End` once and then [`State::Ended`] or, where
/// it was cut off, [`State::Failed`].
pub struct CameraStream {
    camera: CameraId,
    source: Source,
    clock: Arc<dyn Clock>,
    /// The camera's RTSP sessions that are still being torn down.
    sessions: Arc<SessionGroup>,
    policy: Reconnect,
    /// The state that was told last.
    told: Option<State>,
    timeline: Timeline,
    link: Link,
    epoch: Option<Epoch>,
    first: Epoch,
    seq: u64,
    media: Option<Media>,
    ready: VecDeque<Output>,
}

type Opening = Pin<Box<dyn Future<Output = Result<(Feed, Media)>> + Send>>;

enum Link {
    None,
    Opening(Opening),
    Open(Feed),
    /// Nothing will ever come again.
    Over,
}

enum Event {
    Opened(Result<(Feed, Media)>),
    Read(Result<Option<Unit>>),
}

impl Link {
    /// Cancel-safe: what has begun is kept.
    async fn event(&mut self) -> Event {
        match self {
            Self::Opening(opening) => Event::Opened(opening.await),
            Self::Open(feed) => Event::Read(feed.next().await),
            Self::None | Self::Over => pending().await,
        }
    }
}

impl CameraStream {
    /// A stream that connects when it is first polled, on a tokio runtime with time and I/O. Its first connection is
    /// the epoch `first`, the next one the epoch after that, and so on.
    pub fn new(camera: CameraId, first: Epoch, source: Source, clock: Arc<dyn Clock>) -> Self {
        let now = clock.mono();
        Self {
            policy: Reconnect::new(seed(camera), now, source.limits.open_timeout),
            told: None,
            camera,
            source,
            clock,
            sessions: Arc::default(),
            timeline: Timeline::default(),
            link: Link::None,
            epoch: None,
            first,
            seq: 0,
            media: None,
            ready: VecDeque::from([Output::State(State::Connecting)]),
        }
    }

    /// What comes next. Cancel-safe. Waits for ever after [`State::Ended`] and [`State::Failed`].
    pub async fn next(&mut self) -> Output {
        loop {
            if let Some(output) = self.ready.pop_front() {
                return output;
            }
            let deadline = self.deadline();
            tokio::select! {
                biased;
                event = self.link.event() => self.handle(event),
                () = sleep_until(&*self.clock, deadline) => self.wake(),
            }
        }
    }

    fn deadline(&self) -> Option<MonoTime> {
        match self.link {
            Link::Over => None,
            Link::Open(_) if self.is_recorded() => None,
            _ => Some(self.policy.deadline()),
        }
    }

    /// A recording is waited for, and read once.
    fn is_recorded(&self) -> bool {
        self.media.as_ref().map_or(self.source.url.path().is_some(), |media| media.recorded)
    }

    fn wake(&mut self) {
        let now = self.clock.mono();
        if matches!(self.link, Link::Open(_)) && self.is_recorded() {
            return;
        }
        match self.policy.due(now) {
            None => {}
            Some(Due::Connect) => self.connect(),
            Some(Due::Stalled) => {
                self.link = Link::None;
                self.report(State::Stalled);
            }
            Some(Due::Fail(kind)) => {
                let message = match kind {
                    ErrorKind::NoKeyframe => "sends no key frame, so nothing can be decoded",
                    _ => "no answer in time",
                };
                self.disconnect(Error::new(kind, &self.source.url, message));
            }
        }
    }

    fn connect(&mut self) {
        let (source, clock, sessions) = (self.source.clone(), Arc::clone(&self.clock), Arc::clone(&self.sessions));
        self.link = Link::Opening(Box::pin(Feed::open(self.camera, source, clock, sessions)));
    }

    fn handle(&mut self, event: Event) {
        let now = self.clock.mono();
        match event {
            Event::Opened(Ok((feed, media))) => self.open(feed, media, now),
            Event::Read(Ok(Some(unit))) => self.unit(unit),
            Event::Read(Ok(None)) if self.is_recorded() => self.end(State::Ended),
            Event::Read(Ok(None)) => {
                let error = Error::new(ErrorKind::Closed, &self.source.url, "the camera ended its stream");
                self.fail(error, now);
            }
            Event::Opened(Err(error)) | Event::Read(Err(error)) => self.fail(error, now),
        }
    }

    fn open(&mut self, feed: Feed, media: Media, now: MonoTime) {
        self.link = Link::Open(feed);
        self.policy.opened(now, media.stall_timeout);
        self.seq = 0;
        self.epoch = Some(match self.epoch {
            None => self.first,
            Some(epoch) => {
                self.timeline.reconnect();
                self.ready.push_back(Output::Item(Item::Gap(GapReason::Reconnected)));
                epoch.next()
            }
        });
        self.media = Some(media);
    }

    fn unit(&mut self, unit: Unit) {
        let (Some(media), Some(epoch)) = (&mut self.media, self.epoch) else { return };
        let before = std::mem::replace(&mut media.params, Arc::clone(&unit.params));
        let changed = (before.codec, before.size) != (unit.params.codec, unit.params.size);
        if self.seq == 0 || changed {
            let live = live(media);
            let broken = self.seq > 0 && before.size.is_some();
            self.ready.extend(broken.then_some(Output::Item(Item::Gap(GapReason::Parameters))));
            self.report(live);
        }
        let live = !self.is_recorded();
        self.policy.packet(unit.received, unit.is_key);
        let placed = self.timeline.place(unit.raw, live.then_some(unit.received));
        for (broken, reason) in [(unit.corrupt_before, GapReason::Corrupt), (placed.joined, GapReason::Timestamps)] {
            self.ready.extend(broken.then_some(Output::Item(Item::Gap(reason))));
        }
        let key = FrameKey { camera: self.camera, epoch, seq: self.seq };
        self.seq += 1;
        self.ready.push_back(Output::Item(Item::Data(Packet {
            key,
            at: Moment { media: placed.pts, wall: live.then(|| self.clock.wall()) },
            dts: placed.dts,
            received: unit.received,
            is_key: unit.is_key,
            disposable: unit.disposable,
            lost_before: unit.lost_before,
            params: unit.params,
            data: unit.data,
        })));
    }

    fn fail(&mut self, error: Error, now: MonoTime) {
        if self.is_recorded() {
            return self.end(State::Failed { error });
        }
        self.policy.failed(now, error.kind());
        self.disconnect(error);
    }

    fn disconnect(&mut self, error: Error) {
        self.link = Link::None;
        let state = match error.kind() {
            ErrorKind::AuthFailed => State::AuthFailed,
            _ if self.is_recorded() => return self.end(State::Failed { error }),
            _ => State::Offline { error },
        };
        self.report(state);
    }

    fn end(&mut self, state: State) {
        if self.epoch.is_some() {
            self.ready.push_back(Output::Item(Item::End));
        }
        self.link = Link::Over;
        self.ready.push_back(Output::State(state));
    }

    fn report(&mut self, state: State) {
        if self.told.as_ref() != Some(&state) {
            self.told = Some(state.clone());
            self.ready.push_back(Output::State(state));
        }
    }
}

fn live(media: &Media) -> State {
    State::Live { codec: media.params.codec, size: media.params.size, duration: media.duration, frames: media.frames }
}

/// Cameras with different names wait differently (FNV-1a).
fn seed(camera: CameraId) -> u64 {
    let mix = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    camera.as_str().as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, mix)
}

async fn sleep_until(clock: &dyn Clock, deadline: Option<MonoTime>) {
    match deadline {
        Some(deadline) => tokio::time::sleep(deadline.since(clock.mono())).await,
        None => pending().await,
    }
}
