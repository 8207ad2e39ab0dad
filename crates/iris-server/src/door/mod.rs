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
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
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

/// How often histograms are tidied up.
const UPKEEP: Duration = Duration::from_secs(5);
/// The largest body of a request, in bytes.
const MAX_BODY: usize = 1 << 20;
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
    let length =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let mut response = if length.is_some_and(|length| length > MAX_BODY) {
        Problem::new(Code::TooLarge, format!("a body may have {MAX_BODY} bytes")).into_response()
    } else {
        match tokio::time::timeout(app.timeouts.request, next.run(request)).await {
            Ok(response) => documented(response).await,
            Err(_) => Problem::new(Code::Timeout, "this took too long").into_response(),
        }
    };
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
