//! The server's door: everything that comes in by HTTP.
//!
//! [`routes`] is the table of all routes with who may use each; [`guard`] stands before every one of them and asks
//! [`authorize`]. What a route does is its handler's business; accounts are [`crate::accounts`]'.

mod app;
mod caller;
mod guard;
mod health;
mod live;
mod media;
mod openapi;
mod page;
mod probe;
mod problem;
mod ranges;
mod routes;
mod session;
mod streams;
mod tokens;
mod users;
mod workers;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use app::{App, Parts, record_metrics};
pub use caller::{Access, Caller, authorize};
pub use health::Status;
pub use openapi::document;
pub use problem::{Code, Problem, Wrong};
pub use routes::{Declared, declared};
pub(crate) use streams::Seat;
pub use workers::Workers;

/// How often histograms are tidied up.
const UPKEEP: Duration = Duration::from_secs(5);
/// The largest body of a request, in bytes.
const MAX_BODY: usize = 1 << 20;
/// The longest text that another layer answers with, in bytes.
const MAX_TEXT: usize = 4096;
/// How long a request may take until its answer begins.
const PATIENCE: Duration = Duration::from_secs(30);

impl App {
    /// All routes.
    pub fn router(self) -> Router {
        let guarded = |methods: axum::routing::MethodRouter<Self>, access| {
            methods.route_layer(from_fn_with_state((self.clone(), access), guard::guard))
        };
        let (router, _) = routes::router(guarded).split_for_parts();
        router.fallback(page::page).layer(DefaultBodyLimit::max(MAX_BODY)).layer(from_fn(finish)).with_state(self)
    }

    /// Serves the routes until `stop`.
    pub fn serve(self, listener: TcpListener, stop: CancellationToken) {
        tokio::spawn(keep_up(self.metrics.clone(), stop.clone()));
        let serve = axum::serve(listener, self.router()).with_graceful_shutdown(stop.cancelled_owned());
        tokio::spawn(async move {
            if let Err(error) = serve.await {
                tracing::error!(%error, "nothing is served any more");
            }
        });
    }
}

/// Listens, so that whoever comes waits until [`App::serve`] lets them in.
///
/// # Errors
/// The address cannot be listened on.
pub async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// Histograms keep every sample until they are asked for or tidied up, and there may be nobody who asks.
async fn keep_up(metrics: PrometheusHandle, stop: CancellationToken) {
    let mut tick = tokio::time::interval(UPKEEP);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        metrics.run_upkeep();
    }
}

/// Ends what takes too long, and turns into a problem document what a layer refuses in plain text: an unknown path, a
/// wrong method, a body that is too large or is no JSON.
async fn finish(request: Request, next: Next) -> Response {
    let Ok(response) = tokio::time::timeout(PATIENCE, next.run(request)).await else {
        return Problem::new(Code::Timeout, "this took too long").into_response();
    };
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_plain = kind.is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !is_plain || !(response.status().is_client_error() || response.status().is_server_error()) {
        return response;
    }
    let status = response.status();
    let text = to_bytes(response.into_body(), MAX_TEXT).await.unwrap_or_default();
    Problem::of_status(status, &String::from_utf8_lossy(&text)).into_response()
}
