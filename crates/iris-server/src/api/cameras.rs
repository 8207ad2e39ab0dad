//! Cameras: list, add, change, remove.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::camera::{CameraBody, CameraInput, CameraPatch, Cameras, StatusBody, Statuses};
use crate::config::{Edit, ItemKind};
use crate::door::{App, Caller, Problem};

impl App {
    fn statuses(&self) -> Statuses {
        let mut all = Statuses::new();
        self.view.cameras(|id, status, ledger, _| {
            all.insert(id, StatusBody::new(&status, ledger, self.rates.of(id)));
        });
        all
    }

    fn camera(&self, id: &str) -> Result<CameraBody, Problem> {
        let effect = self.control.effect();
        let found = effect.document.config.cameras.iter().find(|camera| camera.id.as_str() == id);
        let camera = found.ok_or_else(|| Problem::absent("camera"))?;
        Ok(CameraBody::new(camera, &effect, &mut self.statuses()))
    }
}

/// All cameras, those of the configuration file first.
#[utoipa::path(get, path = "/api/v1/cameras", tag = "cameras", responses((status = 200, body = Cameras)))]
pub(crate) async fn list_cameras(State(app): State<App>, caller: Caller) -> Json<Cameras> {
    let (effect, mut statuses) = (app.control.effect(), app.statuses());
    let seen = effect.document.config.cameras.iter().filter(|camera| caller.sees(camera.id));
    Json(Cameras { items: seen.map(|camera| CameraBody::new(camera, &effect, &mut statuses)).collect() })
}

/// One camera.
#[utoipa::path(get, path = "/api/v1/cameras/{camera}", tag = "cameras", params(("camera" = String, Path)),
    responses((status = 200, body = CameraBody)))]
pub(crate) async fn get_camera(
    State(app): State<App>,
    Path(camera): Path<String>,
) -> Result<Json<CameraBody>, Problem> {
    app.camera(&camera).map(Json)
}

/// Adds a camera. It is watched as soon as the answer comes.
#[utoipa::path(post, path = "/api/v1/cameras", tag = "cameras", request_body = CameraInput,
    responses((status = 201, body = CameraBody)))]
pub(crate) async fn add_camera(
    State(app): State<App>,
    caller: Caller,
    Json(body): Json<Map<String, Value>>,
) -> Result<(StatusCode, Json<CameraBody>), Problem> {
    let id = body.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    app.control.edit(Edit::Add(ItemKind::Camera, body)).await?;
    tracing::info!(by = caller.name(), camera = id, "added a camera");
    Ok((StatusCode::CREATED, Json(app.camera(&id)?)))
}

/// Changes a camera that was made over the API. What its video or its rules are taken from begins anew.
#[utoipa::path(patch, path = "/api/v1/cameras/{camera}", tag = "cameras", params(("camera" = String, Path)),
    request_body = CameraPatch, responses((status = 200, body = CameraBody)))]
pub(crate) async fn change_camera(
    State(app): State<App>,
    caller: Caller,
    Path(camera): Path<String>,
    Json(body): Json<Map<String, Value>>,
) -> Result<Json<CameraBody>, Problem> {
    app.control.edit(Edit::Patch(ItemKind::Camera, camera.clone(), body)).await?;
    tracing::info!(by = caller.name(), camera, "changed a camera");
    app.camera(&camera).map(Json)
}

/// Removes a camera that was made over the API. Its events stay.
#[utoipa::path(delete, path = "/api/v1/cameras/{camera}", tag = "cameras", params(("camera" = String, Path)),
    responses((status = 204, description = "Removed")))]
pub(crate) async fn remove_camera(
    State(app): State<App>,
    caller: Caller,
    Path(camera): Path<String>,
) -> Result<StatusCode, Problem> {
    app.control.edit(Edit::Remove(ItemKind::Camera, camera.clone())).await?;
    tracing::info!(by = caller.name(), camera, "removed a camera");
    Ok(StatusCode::NO_CONTENT)
}
