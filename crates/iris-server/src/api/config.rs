//! The configuration as TOML, out and in.

use std::path::Path;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::config::{Edit, Import, Origin, Text};
use crate::door::{App, Caller, Problem};

/// What lies in the store after an import.
#[derive(Serialize, ToSchema)]
pub(crate) struct Imported {
    /// Cameras.
    cameras: usize,
    /// Sinks.
    sinks: usize,
}

/// All that is in effect, of the configuration file and of the store, in the file's own form. Secrets are shown as `***`.
#[utoipa::path(get, path = "/api/v1/config", tag = "configuration",
    responses((status = 200, description = "The configuration", body = String, content_type = "application/toml")))]
pub(crate) async fn export_config(State(app): State<App>) -> Result<Response, Problem> {
    let toml = app.control.effect().document.to_toml(false)?;
    Ok(([(header::CONTENT_TYPE, "application/toml")], toml).into_response())
}

/// Puts the cameras and sinks of a configuration in the place of those that were made over the API, all or nothing. Those
/// that stand in the configuration file in the same words are left out; secrets that an export shows as `***` stay as they
/// are.
#[utoipa::path(put, path = "/api/v1/config", tag = "configuration",
    request_body(content = String, content_type = "application/toml"), responses((status = 200, body = Imported)))]
pub(crate) async fn import_config(
    State(app): State<App>,
    caller: Caller,
    body: String,
) -> Result<Json<Imported>, Problem> {
    let import = Import { text: Text::new(&body, "import", Path::new("")), trusted: false };
    app.control.edit(Edit::Import(import)).await?;
    tracing::info!(by = caller.name(), "imported cameras and sinks");
    let effect = app.control.effect();
    let config = &effect.document.config;
    Ok(Json(Imported {
        cameras: config.cameras.iter().filter(|camera| camera.origin == Origin::Store).count(),
        sinks: config.sinks.iter().filter(|sink| sink.origin == Origin::Store).count(),
    }))
}
