//! The task of one client: reads its requests, paces its stream by the clock, writes both to its socket, and does what
//! the camera's faults say. All that decides anything is in the dialogue and in the media.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use rtsp_types::{Message, Response, Version};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::dialogue::{Answer, Dialogue, Session, Transport};
use super::message::Inbox;
use crate::farm::Shared;
use crate::fault::{Control, Fault};
use crate::media::{Channels, Media, Outcome};
use crate::player::Player;
use crate::rtp::{PREFIX, framed};
use crate::stats::{Gauge, add};

/// A client that leaves more than this many bytes unread gets no further access unit until it reads.
const BACKLOG: usize = 64 * 1024;
/// The channels that tell RTP from RTCP before they are sent by UDP.
const UDP_CHANNELS: Channels = Channels { rtp: 0, rtcp: 1 };

/// Why a connection ends.
#[derive(Debug)]
enum End {
    /// One of both sides closed it, or it broke.
    Closed,
    /// The camera was killed.
    Reset,
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

/// Serves a client until it or the camera goes.
pub(crate) async fn serve(stream: TcpStream, peer: SocketAddr, farm: &Shared) {
    let _open = Gauge::raise(&farm.counters.connections);
    let mut connection = Connection {
        farm,
        stream,
        inbox: Inbox::default(),
        outbox: Outbox::default(),
        dialogue: Dialogue::new(peer),
        watched: None,
        playing: None,
        heard: Instant::now(),
    };
    let Err(end) = connection.run().await;
    tracing::debug!(%peer, camera = connection.dialogue.camera(), ?end, "connection ended");
    let closed = match end {
        End::Reset => connection.stream.set_zero_linger(),
        End::Closed => connection.stream.shutdown().await,
    };
    if let Err(error) = closed {
        tracing::debug!(%peer, %error, "the client had closed first");
    }
}

struct Connection<'a> {
    farm: &'a Shared,
    stream: TcpStream,
    inbox: Inbox,
    outbox: Outbox,
    dialogue: Dialogue,
    watched: Option<Watched>,
    playing: Option<Playing<'a>>,
    /// When the client last sent anything.
    heard: Instant,
}

/// The camera that a connection is about.
struct Watched {
    camera: usize,
    control: watch::Receiver<Control>,
    /// How often it had been killed when the connection first asked for it.
    kills: u64,
}

struct Playing<'a> {
    media: Media,
    transport: Transport,
    /// Where packets stand before they are sent by UDP.
    datagrams: Vec<u8>,
    _gauge: Gauge<'a>,
}

impl<'a> Connection<'a> {
    async fn run(&mut self) -> Result<Infallible, End> {
        loop {
            let (interest, wake) = (self.flush()?, self.wake());
            tokio::select! {
                biased;
                () = changed(&mut self.watched) => self.obey()?,
                () = sleep_until(wake) => self.tick(Instant::now())?,
                ready = self.stream.ready(interest) => {
                    if ready?.is_readable() {
                        self.read()?;
                    }
                }
            }
        }
    }

    fn control(&self) -> Option<watch::Ref<'_, Control>> {
        self.watched.as_ref().map(|w| w.control.borrow())
    }

    fn is_stalled(&self) -> bool {
        self.control().is_some_and(|c| matches!(c.condition, Fault::Stall))
    }

    /// Writes what the socket takes, and says what to wait for: whoever does not read is not listened to, either.
    fn flush(&mut self) -> io::Result<Interest> {
        if self.is_stalled() {
            return Ok(Interest::READABLE);
        }
        self.outbox.flush(&self.stream)?;
        Ok(match self.outbox.pending() {
            0 => Interest::READABLE,
            n if n < BACKLOG => Interest::READABLE | Interest::WRITABLE,
            _ => Interest::WRITABLE,
        })
    }

    /// When there is something to do even if nothing happens.
    fn wake(&self) -> Instant {
        let silence = self.heard + self.farm.session_timeout;
        self.playing.as_ref().map_or(silence, |p| p.media.due().min(silence))
    }

    /// Sends what is due, and ends what has heard nothing for too long.
    fn tick(&mut self, now: Instant) -> Result<(), End> {
        while self.playing.as_ref().is_some_and(|p| p.media.due() <= now) {
            self.send_unit()?;
        }
        if self.heard + self.farm.session_timeout <= now {
            if !self.is_stalled() {
                return Err(End::Closed);
            }
            self.heard = now;
        }
        Ok(())
    }

    fn send_unit(&mut self) -> Result<(), End> {
        let (Some(playing), Some(watched)) = (&mut self.playing, &self.watched) else { return Ok(()) };
        let has_room = self.outbox.pending() < BACKLOG;
        let counters = &self.farm.counters;
        let out = match playing.transport {
            Transport::Tcp(_) => &mut self.outbox.bytes,
            Transport::Udp { .. } => &mut playing.datagrams,
        };
        let before = out.len();
        let outcome = playing.media.emit(&watched.control.borrow(), has_room, |t| self.farm.ntp(t), out);
        add(&counters.bytes, (out.len() - before) as u64);
        match outcome {
            Outcome::Sent { lost } => {
                add(&counters.units, 1);
                add(&counters.lost_packets, u64::from(lost));
            }
            Outcome::Dropped => add(&counters.dropped_units, 1),
            Outcome::Withheld | Outcome::Ended => {}
        }
        if let Transport::Udp { rtp, rtcp } = playing.transport {
            let refused = send_datagrams(&playing.datagrams, self.farm, rtp, rtcp);
            add(&counters.lost_packets, refused);
            playing.datagrams.clear();
        }
        if outcome == Outcome::Ended {
            self.outbox.flush(&self.stream)?;
            return Err(End::Closed);
        }
        Ok(())
    }

    /// Reads what there is and answers the requests in it.
    fn read(&mut self) -> Result<(), End> {
        let mut received = [0; 4096];
        match self.stream.try_read(&mut received) {
            Ok(0) => return Err(End::Closed),
            Ok(n) => self.inbox.extend(&received[..n]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        self.heard = Instant::now();
        loop {
            match self.inbox.next() {
                Ok(Some(Message::Request(request))) => {
                    let answer = self.dialogue.answer(&request, self.farm);
                    self.watch();
                    self.act(answer)?;
                }
                // Receiver reports, and responses to requests that were never made.
                Ok(Some(Message::Data(_) | Message::Response(_))) => {}
                Ok(None) => return Ok(()),
                Err(status) => {
                    self.outbox.response(&Response::builder(Version::V1_0, status).build(Vec::new()));
                    self.outbox.flush(&self.stream)?;
                    return Err(End::Closed);
                }
            }
        }
    }

    /// Follows the camera that the client asks for.
    fn watch(&mut self) {
        if let Some(camera) = self.dialogue.camera()
            && self.watched.as_ref().is_none_or(|w| w.camera != camera)
        {
            let control = self.farm.cameras[camera].control.subscribe();
            let kills = control.borrow().kills;
            self.watched = Some(Watched { camera, control, kills });
        }
    }

    fn act(&mut self, answer: Answer) -> Result<(), End> {
        match answer {
            Answer::Reply(response) => self.outbox.response(&response),
            Answer::Play(response) => {
                self.outbox.response(&response);
                self.playing = self.start();
            }
            Answer::Stop(response) => {
                self.outbox.response(&response);
                self.playing = None;
            }
            Answer::Silence => {}
            Answer::Reset => return Err(End::Reset),
        }
        Ok(())
    }

    /// The session's stream, from the camera's own place in its clip and at the camera's own moment: key frames of
    /// cameras that are asked at the same time do not come at the same time.
    fn start(&self) -> Option<Playing<'a>> {
        let &Session { camera, transport, identity, .. } = self.dialogue.session()?;
        let camera = &self.farm.cameras[camera];
        let control = camera.control.borrow();
        let channels = match transport {
            Transport::Tcp(channels) => channels,
            Transport::Udp { .. } => UDP_CHANNELS,
        };
        let player = Player::new(control.clip.clone(), camera.place.start(&control.clip));
        let origin = Instant::now() + camera.place.delay(&control.clip);
        let media = Media::new(player, identity, &control, channels, origin);
        let gauge = Gauge::raise(&self.farm.counters.playing);
        Some(Playing { media, transport, datagrams: Vec::new(), _gauge: gauge })
    }

    /// Does what a change of the camera demands at once; the rest is seen with the next unit.
    fn obey(&mut self) -> Result<(), End> {
        let killed = self.watched.as_ref().is_some_and(|w| w.control.borrow().kills != w.kills);
        if killed { Err(End::Reset) } else { Ok(()) }
    }
}

/// Waits for a change of the camera; for ever while there is none.
async fn changed(watched: &mut Option<Watched>) {
    let Some(watched) = watched else { return std::future::pending().await };
    if watched.control.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Sends each packet to its address, and returns how many the socket did not take.
fn send_datagrams(datagrams: &[u8], farm: &Shared, rtp: SocketAddr, rtcp: SocketAddr) -> u64 {
    let mut refused = 0;
    for packet in framed(datagrams) {
        let sent = if packet[1] == UDP_CHANNELS.rtp {
            farm.udp.rtp.try_send_to(&packet[PREFIX..], rtp)
        } else {
            farm.udp.rtcp.try_send_to(&packet[PREFIX..], rtcp)
        };
        refused += u64::from(sent.is_err());
    }
    refused
}

/// Bytes that the socket has not yet taken.
#[derive(Debug, Default)]
struct Outbox {
    bytes: Vec<u8>,
    written: usize,
}

impl Outbox {
    fn pending(&self) -> usize {
        self.bytes.len() - self.written
    }

    fn response(&mut self, response: &Response<Vec<u8>>) {
        // A vector takes whatever is written to it.
        response.write(&mut self.bytes).unwrap_or_default();
    }

    /// Writes as much as the socket takes now.
    fn flush(&mut self, stream: &TcpStream) -> io::Result<()> {
        while self.pending() > 0 {
            match stream.try_write(&self.bytes[self.written..]) {
                Ok(n) => self.written += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        // The buffer keeps its memory; what is left of it moves to the front, at most a backlog and one unit.
        self.bytes.drain(..self.written);
        self.written = 0;
        Ok(())
    }
}
