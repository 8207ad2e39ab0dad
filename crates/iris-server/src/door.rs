//! `/health` and `/metrics`, for the machines that watch the watcher. On loopback only, as long as there is no sign-in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use iris_pipeline::{View, describe, publish};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::store::Store;

/// How long the metrics of a camera that is gone are still shown.
const STALE: Duration = Duration::from_mins(5);
/// How often histograms are tidied up.
const UPKEEP: Duration = Duration::from_secs(5);
/// The bounds of age histograms, in seconds.
const AGES: [f64; 11] = [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0];

/// What the routes can see.
#[derive(Clone)]
pub struct Door {
    view: View,
    store: Arc<dyn Store>,
    metrics: PrometheusHandle,
}

impl Door {
    /// Installs the recorder of the process's metrics; there can be one.
    ///
    /// # Errors
    /// There is one already.
    pub fn new(view: View, store: Arc<dyn Store>) -> Result<Self> {
        let builder = PrometheusBuilder::new().set_buckets(&AGES)?.idle_timeout(MetricKindMask::ALL, Some(STALE));
        let metrics = builder.install_recorder().context("metrics are already being recorded")?;
        describe();
        Ok(Self { view, store, metrics })
    }

    /// The routes.
    pub fn app(self) -> Router {
        Router::new().route("/health", get(health)).route("/metrics", get(metrics)).with_state(self)
    }

    /// Serves the routes until `stop`.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn open(self, listen: SocketAddr, stop: CancellationToken) -> Result<SocketAddr> {
        let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
        let address = listener.local_addr()?;
        tokio::spawn(keep_up(self.metrics.clone(), stop.clone()));
        let serve = axum::serve(listener, self.app()).with_graceful_shutdown(stop.cancelled_owned());
        tokio::spawn(async move {
            if let Err(error) = serve.await {
                tracing::error!(%error, "health and metrics are no longer served");
            }
        });
        Ok(address)
    }
}

/// Histograms keep every sample until they are asked for or tidied up, and there may be nobody who asks.
async fn keep_up(metrics: PrometheusHandle, stop: CancellationToken) {
    let mut tick = tokio::time::interval(UPKEEP);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        metrics.run_upkeep();
    }
}

async fn metrics(State(door): State<Door>) -> Response {
    publish(&door.view);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], door.metrics.render()).into_response()
}

/// `ok`; `degraded` while a camera does not deliver or the store waits; `failed` when events are not stored any more.
async fn health(State(door): State<Door>) -> Response {
    let mut cameras = Map::new();
    let mut all_live = true;
    door.view.cameras(|id, status, _, _| {
        all_live &= status.is_well();
        cameras.insert(
            id.to_string(),
            json!({"state": status.state.label(), "error": status.error(), "seconds": status.since.as_secs()}),
        );
    });
    let store = door.store.health();
    let status = match (&store.failed, &store.stalled) {
        (Some(_), _) => "failed",
        (None, None) if all_live => "ok",
        _ => "degraded",
    };
    let store = json!({
        "waiting": store.waiting,
        "stalled": store.stalled.map(|kind| format!("{kind:?}").to_lowercase()),
        "failed": store.failed,
    });
    let code = if status == "failed" { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (code, Json(json!({"status": status, "cameras": Value::Object(cameras), "store": store}))).into_response()
}
