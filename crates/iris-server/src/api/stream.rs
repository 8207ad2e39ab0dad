//! Events as they happen, over a WebSocket. What is sent comes out of the store by the number of its change, so a client that
//! comes back with the last number it saw has lost nothing, and one that is slow holds up nobody: what it has not yet read
//! lies in the store.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use axum::extract::{Query, State, WebSocketUpgrade};
use axum::response::Response;
use iris_core::CameraId;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use utoipa::ToSchema;

use super::event::EventBody;
use crate::door::{App, Caller, Problem, Seat};
use crate::store::Stored;

/// How often a client is asked whether it is still there.
const PING: Duration = Duration::from_secs(20);
/// How long a client may take to read one message.
const PATIENCE: Duration = Duration::from_secs(20);
/// Changes that are read at once.
const BATCH: usize = 100;
/// A client that is further behind is told to load the list anew.
const FARTHEST: u64 = 1000;
/// The longest message that is read from a client, in bytes; none is expected.
const MAX_MESSAGE: usize = 4096;

/// Where to go on.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Resume {
    /// The last `cursor` that was received; without it, what happens from now on is told.
    cursor: Option<u64>,
}

/// What a client is told.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Told {
    /// First of all: where the stream begins.
    Hello {
        /// The number of the change after which it goes on.
        cursor: String,
    },
    /// An event has begun, changed, or been reviewed.
    Event {
        /// The number of this change, to come back with.
        cursor: String,
        /// The event as it is now.
        event: Box<EventBody>,
    },
    /// So much has happened that the list is to be loaded anew.
    Lagged {
        /// The number of the change after which it goes on.
        cursor: String,
    },
}

/// Events as they happen: a WebSocket of text messages. It begins with `hello`; each change of an event follows as `event`;
/// `lagged` means that more happened than is told, and that the list is to be loaded anew.
#[utoipa::path(get, path = "/api/v1/events/stream", tag = "events", params(Resume),
    responses((status = 101, description = "A stream of these messages", body = Told)))]
pub(crate) async fn event_stream(
    State(app): State<App>,
    caller: Caller,
    Query(Resume { cursor }): Query<Resume>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Problem> {
    let seat = app.streams.enter(&caller)?;
    let stream = move |socket| async move {
        // A client that goes away is no error.
        drop(Stream::new(app, caller, seat, socket).run(cursor).await);
    };
    Ok(upgrade.max_message_size(MAX_MESSAGE).on_upgrade(stream))
}

struct Stream {
    app: App,
    caller: Caller,
    socket: WebSocket,
    news: watch::Receiver<u64>,
    /// The last change that was told or passed over.
    at: u64,
    _seat: Seat,
}

/// The stream is over: the client is gone, too slow, or may not watch any more.
struct Over;

impl Stream {
    fn new(app: App, caller: Caller, seat: Seat, socket: WebSocket) -> Self {
        let news = app.store.news().subscribe();
        Self { app, caller, socket, news, at: 0, _seat: seat }
    }

    async fn run(mut self, cursor: Option<u64>) -> Result<(), Over> {
        let newest = self.newest().await?;
        self.at = cursor.unwrap_or(newest);
        let hello = Told::Hello { cursor: self.at.min(newest).to_string() };
        self.tell(&hello).await?;
        let (app, caller) = (self.app.clone(), self.caller.clone());
        let mut revoked = std::pin::pin!(app.revoked(&caller));
        let mut ping = tokio::time::interval(PING);
        loop {
            self.news.mark_unchanged();
            tokio::select! {
                () = &mut revoked => return self.close("signed out").await,
                caught_up = self.catch_up() => caught_up?,
            }
            tokio::select! {
                () = &mut revoked => return self.close("signed out").await,
                changed = self.news.changed() => changed.map_err(|_| Over)?,
                _ = ping.tick() => self.send(Message::Ping(Vec::new().into())).await?,
                message = self.socket.recv() => match message {
                    // The library answers pings itself; what else a client says is not for us.
                    Some(Ok(message)) if !matches!(message, Message::Close(_)) => {}
                    _ => return Err(Over),
                },
            }
        }
    }

    /// Tells what has happened since the last change that was told.
    async fn catch_up(&mut self) -> Result<(), Over> {
        let newest = self.newest().await?;
        // A cursor from the future is one of another store.
        if self.at > newest || newest - self.at > FARTHEST {
            self.at = newest;
            return self.tell(&Told::Lagged { cursor: newest.to_string() }).await;
        }
        while self.at < newest {
            let at = self.at;
            let changes = self.app.blocking(move |app| app.store.changes(at, BATCH)).await.map_err(|_| Over)?;
            let Some(last) = changes.last() else { return Ok(()) };
            let last = last.change;
            for stored in changes {
                self.tell_event(stored).await?;
            }
            self.at = last;
        }
        Ok(())
    }

    async fn tell_event(&mut self, stored: Stored) -> Result<(), Over> {
        if !CameraId::new(&stored.message.camera).is_ok_and(|camera| self.caller.sees(camera)) {
            return Ok(());
        }
        let cursor = stored.change.to_string();
        self.tell(&Told::Event { cursor, event: Box::new(stored.into()) }).await
    }

    async fn newest(&mut self) -> Result<u64, Over> {
        self.app.blocking(|app| app.store.newest_change()).await.map_err(|_| Over)
    }

    async fn tell(&mut self, told: &Told) -> Result<(), Over> {
        let text = serde_json::to_string(told).map_err(|_| Over)?;
        self.send(Message::Text(text.into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), Over> {
        tokio::time::timeout(PATIENCE, self.socket.send(message)).await.map_err(|_| Over)?.map_err(|_| Over)
    }

    async fn close(mut self, reason: &'static str) -> Result<(), Over> {
        self.send(Message::Close(Some(CloseFrame { code: close_code::POLICY, reason: reason.into() }))).await
    }
}
