//! Connections: taken from the listener, encrypted, and bounded in number, time and size before any route sees them.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How many connections may be open at once; who comes then waits to be accepted.
const CONNECTIONS: usize = 1024;
/// How many of them one address may have. Loopback has no such limit: a proxy in front of Iris may be there.
const FROM_ONE: usize = 128;
/// The largest head of a request, in bytes; hyper looks after each read, and takes up to twice as much.
const MAX_HEAD: usize = 64 << 10;
/// The most headers of a request.
const MAX_HEADERS: usize = 100;
/// How long requests may go on when the server stops.
const GRACE: Duration = Duration::from_secs(1);
/// How long to wait when the system has no socket to give.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a client may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For the TLS handshake.
    pub handshake: Duration,
    /// For the head of a request; also how long a connection may be idle.
    pub head: Duration,
    /// From the head of a request to the head of its answer.
    pub request: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { handshake: seconds(10), head: seconds(15), request: seconds(30) }
    }
}

/// The address of the other end of the connection. What a request says of itself is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Peer(pub(super) IpAddr);

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED))))
    }
}

/// Serves until `stop`.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    timeouts: Timeouts,
    stop: CancellationToken,
) {
    let slots = Slots { all: Arc::new(Semaphore::new(CONNECTIONS)), by_peer: Arc::default() };
    while let Some(slot) = stop.run_until_cancelled(slots.free()).await {
        let Some(accepted) = stop.run_until_cancelled(listener.accept()).await else { return };
        match accepted {
            Ok((socket, peer)) => {
                if let Some(slot) = slots.take(slot, peer) {
                    tokio::spawn(connection(socket, peer, tls.clone(), router.clone(), timeouts, stop.clone(), slot));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn connection(
    socket: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    router: Router,
    timeouts: Timeouts,
    stop: CancellationToken,
    _slot: Slot,
) {
    // Without it, small messages of a live stream wait for the acknowledgement of the ones before.
    socket.set_nodelay(true).ok();
    let outcome = match tls {
        None => requests(socket, peer, router, timeouts, stop).await,
        Some(tls) => match tokio::time::timeout(timeouts.handshake, tls.accept(socket)).await {
            Ok(Ok(stream)) => requests(stream, peer, router, timeouts, stop).await,
            Ok(Err(error)) => Err(error.into()),
            Err(elapsed) => Err(elapsed.into()),
        },
    };
    if let Err(error) = outcome {
        tracing::debug!(%peer, %error, "a connection ended");
    }
}

async fn requests<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: SocketAddr,
    router: Router,
    timeouts: Timeouts,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip().to_canonical()));
        router.clone().oneshot(request.map(Body::new))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(timeouts.head).max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
    tokio::select! {
        outcome = &mut connection => return Ok(outcome?),
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    Ok(tokio::time::timeout(GRACE, connection).await??)
}

/// The connections that may be open.
struct Slots {
    all: Arc<Semaphore>,
    by_peer: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection's place; it is free again when this goes.
struct Slot {
    by_peer: Arc<Mutex<HashMap<IpAddr, usize>>>,
    peer: IpAddr,
    _one: OwnedSemaphorePermit,
}

impl Slots {
    /// Waits for a free place.
    async fn free(&self) -> OwnedSemaphorePermit {
        match Arc::clone(&self.all).acquire_owned().await {
            Ok(slot) => slot,
            // The semaphore is never closed.
            Err(_) => std::future::pending().await,
        }
    }

    /// Gives a place to someone, unless they have enough.
    fn take(&self, one: OwnedSemaphorePermit, peer: SocketAddr) -> Option<Slot> {
        let peer = peer.ip().to_canonical();
        let mut by_peer = self.by_peer.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_peer.entry(peer).or_default();
        if *count >= FROM_ONE && !peer.is_loopback() {
            return None;
        }
        *count += 1;
        Some(Slot { by_peer: Arc::clone(&self.by_peer), peer, _one: one })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut by_peer = self.by_peer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_peer.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                by_peer.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_address_cannot_take_every_place() {
        let slots = Slots { all: Arc::new(Semaphore::new(CONNECTIONS)), by_peer: Arc::default() };
        let take = async |ip: &str| slots.take(slots.free().await, SocketAddr::new(ip.parse().expect("an address"), 1));
        let mut taken = Vec::new();
        for _ in 0..FROM_ONE {
            taken.push(take("192.0.2.1").await.expect("a place"));
        }
        assert!(take("192.0.2.1").await.is_none());
        assert!(take("::ffff:192.0.2.1").await.is_none(), "the same in other words");
        assert!(take("192.0.2.2").await.is_some());
        taken.pop();
        assert!(take("192.0.2.1").await.is_some());
        taken.clear();
        assert!(slots.by_peer.lock().expect("whole").is_empty());
        assert_eq!(slots.all.available_permits(), CONNECTIONS);
    }
}
