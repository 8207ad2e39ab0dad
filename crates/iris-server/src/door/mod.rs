//! The server's door: everything that comes in by HTTP.
//!
//! `routes` is the table of all routes with who may use each; `guard` stands before every one of them and asks
//! [`authorize`]. What a route does is its handler's business; accounts are [`crate::accounts`]'.

mod app;
mod caller;
mod guard;
mod headers;
mod health;
mod limits;
mod live;
mod media;
mod openapi;
mod page;
mod probe;
mod problem;
mod ranges;
mod routes;
mod server;
mod session;
mod streams;
mod tls;
mod tokens;
mod users;
mod workers;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Version, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

pub use app::{App, Parts, record_metrics};
pub use caller::{Access, Caller, authorize};
pub use health::Status;
pub use openapi::document;
pub use problem::{Code, Problem, Wrong};
pub use routes::{Declared, declared};
pub use server::Timeouts;
pub(crate) use streams::Seat;
pub use tls::acceptor;
pub use workers::Workers;

use crate::oip::grpc::{SERVICE, wire};

/// How often histograms are tidied up.
const UPKEEP: Duration = Duration::from_secs(5);
/// The largest body of a request that is not for a model, in bytes.
const MAX_BODY: usize = 1 << 20;
/// The unit in which the room for bodies of requests to models is counted, in bytes.
const ROOM: usize = 1 << 10;
/// With what a request is refused before its body is read.
const REFUSED_UNREAD: [StatusCode; 5] = [
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::TOO_MANY_REQUESTS,
];
/// The longest text that another layer answers with, in bytes.
const MAX_TEXT: usize = 4096;

impl App {
    /// All routes.
    pub fn router(self) -> Router {
        let guarded = |methods: axum::routing::MethodRouter<Self>, access| {
            methods.route_layer(from_fn_with_state((self.clone(), access), guard::guard))
        };
        let (router, _) = routes::router(guarded).split_for_parts();
        let router = router.fallback(page::page).layer(DefaultBodyLimit::max(MAX_BODY));
        router.layer(from_fn_with_state(self.clone(), finish)).with_state(self)
    }

    /// The largest body that a path takes, in bytes.
    fn most(&self, path: &str) -> usize {
        let is_for_models = ["/v2/", SERVICE, "/api/v1/models/"].iter().any(|start| path.starts_with(start));
        let is_for_models = is_for_models && !path.starts_with("/v2/repository/");
        if is_for_models { self.max_request } else { MAX_BODY }
    }

    /// Reads the body of a request to a model, and the room that it takes until it is done with. `grows`: it may become as
    /// large as any when it is decoded.
    pub(crate) async fn body(
        &self,
        headers: &HeaderMap,
        body: Body,
        grows: bool,
    ) -> Result<(Bytes, OwnedSemaphorePermit), Problem> {
        let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        let length = length.filter(|length| !grows && *length <= self.max_request).unwrap_or(self.max_request);
        let room = self.room(length)?;
        let most = self.max_request;
        let read = to_bytes(body, most).await;
        let large = |_| Problem::new(Code::TooLarge, format!("a body may have {most} bytes, and must come whole"));
        Ok((read.map_err(large)?, room))
    }

    /// Room for so many bytes that are sent to a model, at most [`Self::max_request`], until they are done with.
    pub(crate) fn room(&self, length: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let room = Arc::clone(&self.rooms).try_acquire_many_owned(length.div_ceil(ROOM) as u32);
        room.map_err(|_| Problem {
            retry_after: Some(Duration::from_secs(1)),
            ..Problem::new(Code::Unavailable, "too much is being sent at once")
        })
    }

    /// Serves the routes until `stop`, by TLS if there is what it needs.
    pub fn serve(self, listener: TcpListener, tls: Option<TlsAcceptor>, stop: CancellationToken) {
        tokio::spawn(keep_up(self.metrics.clone(), stop.clone()));
        tokio::spawn(server::serve(listener, tls, self.clone().router(), self.timeouts, stop));
    }
}

/// Listens, so that whoever comes waits until [`App::serve`] lets them in.
///
/// # Errors
/// The address cannot be listened on.
pub async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// Where a browser opens what listens on `address`. If that is every address of the machine, it is the one by which it
/// would reach others, else loopback.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    // Nothing is sent: connecting chooses a route, to an address that is set aside for documentation.
    let route = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        socket.local_addr()
    });
    SocketAddr::new(route.map_or(Ipv4Addr::LOCALHOST.into(), |own| own.ip()), address.port())
}

/// Histograms keep every sample until they are asked for or tidied up, and there may be nobody who asks.
async fn keep_up(metrics: PrometheusHandle, stop: CancellationToken) {
    let mut tick = tokio::time::interval(UPKEEP);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        metrics.run_upkeep();
    }
}

/// Ends what takes too long, turns what a layer refuses in plain text into a problem document, and says to browsers what
/// they may do with the answer.
async fn finish(State(app): State<App>, request: Request, next: Next) -> Response {
    let most = app.most(request.uri().path());
    let is_inference = request.uri().path() == "/v2" || request.uri().path().starts_with("/v2/");
    let is_call = wire::is_call(&request);
    let length =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let has_body = length.is_some_and(|length| length > 0) || request.headers().contains_key(header::TRANSFER_ENCODING);
    let ends_unread = has_body && request.version() < Version::HTTP_2;
    let mut response = if length.is_some_and(|length| length > most) {
        Problem::new(Code::TooLarge, format!("a body may have {most} bytes")).into_response()
    } else if is_call && !request.uri().path().starts_with(SERVICE) {
        Problem::new(Code::MethodNotAllowed, "there is no such service").into_response()
    } else {
        match tokio::time::timeout(app.timeouts.request, next.run(request)).await {
            Ok(response) => documented(response).await,
            Err(_) => Problem::new(Code::Timeout, "this took too long").into_response(),
        }
    };
    if is_call {
        problem::for_grpc(&mut response);
    } else if is_inference {
        problem::for_inference(&mut response);
    }
    if ends_unread && REFUSED_UNREAD.contains(&response.status()) {
        // The connection cannot be used again, and a client that is not told sends its next request into the void.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    headers::add(response.headers_mut(), app.secure);
    response
}

/// Layers refuse an unknown path, a wrong method, a body that is too large or is no JSON in plain text.
async fn documented(response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_plain = kind.is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    let status = response.status();
    if !is_plain || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let allow = response.headers().get(header::ALLOW).cloned();
    let text = to_bytes(response.into_body(), MAX_TEXT).await.unwrap_or_default();
    let mut response = Problem::of_status(status, &String::from_utf8_lossy(&text)).into_response();
    response.headers_mut().extend(allow.map(|methods| (header::ALLOW, methods)));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_opens_is_never_every_address() {
        for (listen, is_kept) in
            [("127.0.0.1:8080", true), ("10.0.0.7:8443", true), ("0.0.0.0:8443", false), ("[::]:8443", false)]
        {
            let listen: SocketAddr = listen.parse().expect("an address");
            let opened = reachable(listen);
            assert_eq!(opened == listen, is_kept, "{listen}: {opened}");
            assert!(!opened.ip().is_unspecified() && opened.port() == listen.port(), "{listen}: {opened}");
        }
    }
}
