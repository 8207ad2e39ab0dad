//! Connections: taken from the listener, encrypted, and bounded in number, time and size before any route sees them.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::{self, Cursor};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::tls::H2;

/// How many connections may be open at once; who comes then waits to be accepted.
const CONNECTIONS: usize = 1024;
/// How many of them one address may have. Loopback has no such limit: a proxy in front of Iris may be there.
const FROM_ONE: usize = 128;
/// The largest head of a request, in bytes; hyper looks after each read, and takes up to twice as much.
const MAX_HEAD: usize = 64 << 10;
/// The most headers of a request.
const MAX_HEADERS: usize = 100;
/// By what a client of HTTP/2 is known that has not said so in a handshake (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The most requests of a connection at once, by HTTP/2.
const AT_ONCE: u32 = 128;
/// The most requests of a connection that were taken back before they were looked at, or that were no requests.
const TAKEN_BACK: usize = 32;
/// How many bytes of one request, and of all of a connection, may lie unread, by HTTP/2.
const WINDOWS: (u32, u32) = (256 << 10, 512 << 10);
/// How often it is asked whether the other end is still there, by HTTP/2.
const PING: Duration = Duration::from_secs(20);
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
    mut socket: TcpStream,
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
        None => match tokio::time::timeout(timeouts.head, preface(&mut socket)).await {
            Ok(Ok((start, version))) => {
                let (read, write) = socket.into_split();
                let stream = tokio::io::join(Cursor::new(start).chain(read), write);
                requests(stream, version, peer, router, timeouts, stop).await
            }
            Ok(Err(error)) => Err(error.into()),
            Err(elapsed) => Err(elapsed.into()),
        },
        Some(tls) => match tokio::time::timeout(timeouts.handshake, tls.accept(socket)).await {
            Ok(Ok(stream)) => {
                let version = if stream.get_ref().1.alpn_protocol() == Some(H2) { Version::Two } else { Version::One };
                requests(stream, version, peer, router, timeouts, stop).await
            }
            Ok(Err(error)) => Err(error.into()),
            Err(elapsed) => Err(elapsed.into()),
        },
    };
    if let Err(error) = outcome {
        tracing::debug!(%peer, %error, "a connection ended");
    }
}

/// What a client speaks.
enum Version {
    One,
    Two,
}

/// Reads until it is known what a client speaks; what was read, and that.
async fn preface(socket: &mut TcpStream) -> io::Result<(Vec<u8>, Version)> {
    let mut start = Vec::with_capacity(PREFACE.len());
    while start.len() < PREFACE.len() {
        let is_over = (&mut *socket).take((PREFACE.len() - start.len()) as u64).read_buf(&mut start).await? == 0;
        if is_over || !PREFACE.starts_with(&start) {
            return Ok((start, Version::One));
        }
    }
    Ok((start, Version::Two))
}

async fn requests<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    version: Version,
    peer: SocketAddr,
    router: Router,
    timeouts: Timeouts,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let stopping = stop.clone();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        // HTTP/2 has another place for it.
        let authority = request.uri().authority().and_then(|name| HeaderValue::from_str(name.as_str()).ok());
        if let Some(host) = authority {
            request.headers_mut().insert(HOST, host);
        }
        request.extensions_mut().insert(Peer(peer.ip().to_canonical()));
        request.extensions_mut().insert(stopping.clone());
        router.clone().oneshot(request.map(Body::new))
    });
    let stream = TokioIo::new(stream);
    match version {
        Version::One => {
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(timeouts.head);
            http.max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
            let connection = http.serve_connection(stream, service).with_upgrades();
            until_stopped(connection, http1::UpgradeableConnection::graceful_shutdown, stop).await
        }
        Version::Two => {
            let mut http = http2::Builder::new(TokioExecutor::new());
            http.timer(TokioTimer::new()).keep_alive_interval(PING).keep_alive_timeout(timeouts.head);
            http.max_header_list_size(MAX_HEAD as u32).max_concurrent_streams(AT_ONCE);
            http.max_pending_accept_reset_streams(TAKEN_BACK).max_local_error_reset_streams(TAKEN_BACK);
            http.initial_stream_window_size(WINDOWS.0).initial_connection_window_size(WINDOWS.1);
            let connection = http.serve_connection(stream, service);
            until_stopped(connection, http2::Connection::graceful_shutdown, stop).await
        }
    }
}

async fn until_stopped<C: Future<Output = hyper::Result<()>>>(
    connection: C,
    shut_down: impl FnOnce(Pin<&mut C>),
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        outcome = &mut connection => return Ok(outcome?),
        () = stop.cancelled() => shut_down(connection.as_mut()),
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
