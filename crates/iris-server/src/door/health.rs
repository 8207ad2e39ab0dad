//! How the server fares, for the machines that watch the watcher.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use iris_pipeline::{DeviceState, publish};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::App;

/// How the server fares, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// All is well.
    Ok,
    /// A camera does not deliver, a device is lost, or the store waits.
    Degraded,
    /// Events are not stored any more.
    Failed,
}

/// The answer of `/health`.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    status: Status,
}

impl App {
    /// How the server fares.
    pub fn status(&self) -> Status {
        let mut all_well = true;
        self.view.cameras(|_, status, _, _| all_well &= status.is_well());
        all_well &= self.view.devices().iter().all(|device| device.state != DeviceState::Lost);
        let store = self.store.health();
        match (&store.failed, &store.stalled) {
            (Some(_), _) => Status::Failed,
            (None, None) if all_well => Status::Ok,
            _ => Status::Degraded,
        }
    }
}

/// Whether the server fares well: for load balancers and supervisors.
#[utoipa::path(get, path = "/health", tag = "system", responses(
    (status = 200, description = "All is well, or something is degraded", body = Health),
    (status = 503, description = "Events are not stored any more", body = Health)))]
pub(super) async fn health(State(app): State<App>) -> Response {
    let status = app.status();
    let code = if status == Status::Failed { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (code, Json(Health { status })).into_response()
}

/// How each camera, each device and the store fare.
#[utoipa::path(get, path = "/api/v1/health", tag = "system", responses(
    (status = 200, description = "How each camera, each device and the store fare", body = Value)))]
pub(super) async fn detail(State(app): State<App>) -> Json<Value> {
    let mut cameras = Map::new();
    app.view.cameras(|id, status, _, _| {
        let seconds = status.since.as_secs();
        cameras.insert(
            id.to_string(),
            json!({"state": status.state.label(), "error": status.error(), "seconds": seconds}),
        );
    });
    let devices = app.view.devices().into_iter().map(|device| {
        let seconds = device.since.as_secs();
        (device.name, json!({"state": device.state.label(), "error": device.error, "seconds": seconds}))
    });
    let devices: Map<String, Value> = devices.collect();
    let store = app.store.health();
    let store = json!({
        "waiting": store.waiting,
        "stalled": store.stalled.map(|kind| format!("{kind:?}").to_lowercase()),
        "failed": store.failed,
    });
    Json(json!({"status": app.status(), "cameras": cameras, "devices": devices, "store": store}))
}

/// The metrics, in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "system", responses(
    (status = 200, description = "The metrics, as docs/spec/telemetry.md lists them", body = String, content_type = "text/plain")))]
pub(super) async fn metrics(State(app): State<App>) -> Response {
    publish(&app.view);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], app.metrics.render()).into_response()
}
