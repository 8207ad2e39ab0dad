//! A camera as it is now, for one viewer over a WebSocket: fragments of video as they come, the tracks in them, and the
//! camera's state. How access units become fragments is [`crate::fmp4`]'s; what is skipped for a viewer who is too slow is
//! decided by the pipeline.

use std::pin::pin;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use iris_core::{CameraId, Clock, MonoTime, Packet, Track, TrackState, Tracks};
use iris_pipeline::{Live as Sights, Sight};
use serde::Serialize;

use super::App;
use super::caller::Caller;
use super::problem::{Code, Problem};
use super::streams::Seat;
use crate::fmp4::{Live, Piece};

/// How long one message may take to be written.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a viewer is asked for a sign of life.
const PING: Duration = Duration::from_secs(20);
/// How many of those may stay without an answer.
const UNANSWERED: u32 = 2;
/// How long a track that is not seen is still shown where it should be; the tracker looks for it longer.
const UNSEEN: Duration = Duration::from_millis(500);
/// A viewer has nothing to say; this holds a close and a pong.
const MAX_INCOMING: usize = 1024;

/// What is told in words.
#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Told<'a> {
    /// The next binary message is a new head; the ones after it are fragments of one access unit each.
    Init { mime: &'a str, width: u32, height: u32 },
    /// What is followed in the picture that is shown at `t` seconds.
    Tracks { t: f64, tracks: Vec<Tracked<'a>> },
    /// So many access units are missing before what follows, which starts at a key frame.
    Missed { frames: u64 },
    /// The camera's state, at first and whenever it changes.
    State { state: &'a str, error: Option<String> },
    /// Browsers cannot play this.
    Unsupported { codec: String },
}

/// One track.
#[derive(Debug, PartialEq, Serialize)]
struct Tracked<'a> {
    id: String,
    class: &'a str,
    score: f32,
    /// Left, top, right, bottom in fractions of the picture.
    #[serde(rename = "box")]
    rect: [f32; 4],
}

/// Watches a camera.
///
/// A WebSocket. Text messages are JSON objects with a `type`: `init` (`mime`, `width`, `height`) is followed by one binary
/// message with the head of a fragmented MP4; further binary messages are fragments of one access unit each, whose times
/// are those of the camera in 90 kHz. `tracks` (`t`, `tracks`), `missed` (`frames`), `state` (`state`, `error`) and
/// `unsupported` (`codec`) come in between.
#[utoipa::path(get, path = "/api/v1/cameras/{camera}/live", tag = "cameras", params(("camera" = String, Path)),
    responses((status = 101, description = "A WebSocket")))]
pub(super) async fn live(
    State(app): State<App>,
    Path(camera): Path<String>,
    caller: Caller,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let camera = CameraId::new(&camera).map_err(|_| Problem::absent("camera"))?;
    let sights = app.view.watch(camera).ok_or_else(|| Problem::absent("camera"))?;
    let upgrade = upgrade.map_err(|_| Problem::new(Code::UpgradeRequired, "this is a WebSocket"))?;
    let seat = app.streams.enter(&caller)?;
    let upgrade = upgrade.max_message_size(MAX_INCOMING).max_frame_size(MAX_INCOMING);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let mut viewer = Viewer::new(camera, socket, seat, app.clock.mono());
        let why = viewer.watch(&app, &caller, sights).await;
        viewer.leave(why).await;
    }))
}

/// Why a viewer is seen off.
enum Over {
    /// The connection is broken or was closed.
    Gone,
    /// The caller may not watch any more.
    Revoked,
    /// The camera was removed or its settings changed.
    Changed,
}

struct Viewer {
    camera: CameraId,
    socket: WebSocket,
    live: Live,
    /// The codec that was last said not to be playable.
    unsupported: Option<String>,
    joined: MonoTime,
    _seat: Seat,
}

impl Viewer {
    fn new(camera: CameraId, socket: WebSocket, seat: Seat, now: MonoTime) -> Self {
        Self { camera, socket, live: Live::default(), unsupported: None, joined: now, _seat: seat }
    }

    async fn watch(&mut self, app: &App, caller: &Caller, mut sights: Sights) -> Over {
        let mut revoked = pin!(app.revoked(caller));
        let mut ping = tokio::time::interval(PING);
        let mut unanswered = 0;
        loop {
            let sent = tokio::select! {
                biased;
                () = &mut revoked => return Over::Revoked,
                heard = self.socket.recv() => match heard {
                    None | Some(Err(_) | Ok(Message::Close(_))) => return Over::Gone,
                    Some(Ok(_)) => {
                        unanswered = 0;
                        Ok(())
                    }
                },
                _ = ping.tick() => {
                    unanswered += 1;
                    if unanswered > UNANSWERED + 1 {
                        return Over::Gone;
                    }
                    self.send(Message::Ping(Bytes::new())).await
                }
                sight = sights.next() => match sight {
                    None => return Over::Changed,
                    Some(sight) => self.show(sight, &*app.clock, &sights).await,
                },
            };
            if sent.is_err() {
                return Over::Gone;
            }
        }
    }

    async fn show(&mut self, sight: Sight, clock: &dyn Clock, sights: &Sights) -> Result<(), axum::Error> {
        match sight {
            Sight::Packet(packet) => self.show_packet(&packet, clock).await,
            Sight::Missed(n) => {
                self.live.miss(n);
                Ok(())
            }
            Sight::Tracks(tracks) => self.tell(&tracked(&tracks, sights.classes())).await,
            Sight::State(state) => {
                let error = iris_pipeline::reason(&state);
                self.tell(&Told::State { state: state.label(), error }).await
            }
        }
    }

    async fn show_packet(&mut self, packet: &Packet, clock: &dyn Clock) -> Result<(), axum::Error> {
        let pieces = match self.live.push(packet) {
            Ok(pieces) => pieces,
            Err(why) => {
                tracing::debug!(camera = %self.camera, %why, "cannot be shown");
                return self.tell_unsupported(packet).await;
            }
        };
        for piece in pieces {
            match piece {
                Piece::Missed(frames) => self.tell(&Told::Missed { frames }).await?,
                Piece::Head { mime, size, bytes } => {
                    self.unsupported = None;
                    self.tell(&Told::Init { mime: &mime, width: size.width, height: size.height }).await?;
                    self.send(Message::Binary(bytes)).await?;
                }
                Piece::Fragment(bytes) => {
                    self.send(Message::Binary(bytes)).await?;
                    // What came before the viewer is old by nature.
                    if packet.received >= self.joined {
                        iris_pipeline::observe_age("viewed", clock.mono().since(packet.received));
                    }
                }
            }
        }
        Ok(())
    }

    async fn tell_unsupported(&mut self, packet: &Packet) -> Result<(), axum::Error> {
        let codec = packet.params.codec.to_string();
        if self.unsupported.as_ref() == Some(&codec) {
            return Ok(());
        }
        self.unsupported = Some(codec.clone());
        self.tell(&Told::Unsupported { codec }).await
    }

    async fn tell(&mut self, told: &Told<'_>) -> Result<(), axum::Error> {
        // Texts, numbers and enums cannot fail to serialise.
        let text = serde_json::to_string(told).unwrap_or_default();
        self.send(Message::Text(text.into())).await
    }

    /// Writes a message. While it waits for a slow viewer, the pipeline decides what that one will miss.
    async fn send(&mut self, message: Message) -> Result<(), axum::Error> {
        let sent = tokio::time::timeout(PATIENCE, self.socket.send(message)).await;
        sent.unwrap_or_else(|late| Err(axum::Error::new(late)))
    }

    async fn leave(mut self, why: Over) {
        let (code, reason) = match why {
            Over::Gone => return,
            Over::Revoked => (close_code::POLICY, "you may not watch this any more"),
            Over::Changed => (close_code::RESTART, "the camera was changed or removed"),
        };
        // One who does not read this has gone already.
        self.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await.ok();
    }
}

fn tracked<'a>(tracks: &Tracks, classes: &'a [std::sync::Arc<str>]) -> Told<'a> {
    let round = |value: f32, steps: f32| (value * steps).round() / steps;
    let is_there = |track: &&Track| match track.state {
        TrackState::Tentative => false,
        TrackState::Confirmed => true,
        TrackState::Lost => tracks.at.media.since(track.last.media) <= UNSEEN,
    };
    let tracked = tracks.live.iter().filter(is_there).map(|track| {
        let unit = track.rect.to_unit(tracks.size);
        Tracked {
            id: track.id.to_string(),
            class: classes.get(usize::from(track.class.0)).map_or("", |name| name),
            score: round(track.score, 1000.0),
            rect: [unit.x0, unit.y0, unit.x1, unit.y1].map(|side| round(side.clamp(0.0, 1.0), 10_000.0)),
        }
    });
    Told::Tracks { t: tracks.at.media.as_secs_f64(), tracks: tracked.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_what_the_page_expects() {
        for (told, json) in [
            (
                Told::Init { mime: "video/mp4; codecs=\"avc1.64001f\"", width: 640, height: 360 },
                r#"{"type":"init","mime":"video/mp4; codecs=\"avc1.64001f\"","width":640,"height":360}"#,
            ),
            (Told::Missed { frames: 7 }, r#"{"type":"missed","frames":7}"#),
            (Told::State { state: "live", error: None }, r#"{"type":"state","state":"live","error":null}"#),
            (Told::Unsupported { codec: "mjpeg".into() }, r#"{"type":"unsupported","codec":"mjpeg"}"#),
            (
                Told::Tracks {
                    t: 1.5,
                    tracks: vec![Tracked {
                        id: "a/1.0/1".into(),
                        class: "car",
                        score: 0.5,
                        rect: [0.0, 0.1, 0.2, 1.0],
                    }],
                },
                r#"{"type":"tracks","t":1.5,"tracks":[{"id":"a/1.0/1","class":"car","score":0.5,"box":[0.0,0.1,0.2,1.0]}]}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&told).expect("JSON"), json);
        }
    }
}
