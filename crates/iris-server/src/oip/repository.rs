//! Triton's extension for the repository of models, over REST: what there is, and loading and unloading it. Models are those
//! of the configuration and their files those on the server's disk; nothing else is loaded, whatever a request says.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::door::{App, Caller, Code, Problem};
use crate::repository::Entry;

/// A version of a model.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct IndexEntry {
    pub(crate) name: String,
    /// Empty where the versions cannot be told.
    pub(crate) version: String,
    /// `READY` or `UNAVAILABLE`.
    pub(crate) state: &'static str,
    /// Why it is not ready; or, of one that is, why what lies on the disk now is not served.
    pub(crate) reason: String,
}

/// Which versions are asked for.
#[derive(Default, Deserialize, ToSchema)]
pub(crate) struct IndexRequest {
    /// Only those that are ready.
    #[serde(default)]
    ready: bool,
}

/// How a model is to be loaded or unloaded.
#[derive(Default, Deserialize, ToSchema)]
pub(crate) struct RepositoryRequest {
    /// `unload_dependents` is understood, because nothing depends on a model; others are refused.
    #[serde(default)]
    parameters: serde_json::Map<String, serde_json::Value>,
}

/// Every version of every model.
pub(crate) fn index(app: &App, only_ready: bool) -> Vec<IndexEntry> {
    let effect = app.control.effect();
    let all = effect.models.entries().iter().flat_map(entries);
    all.filter(|entry| !only_ready || entry.state == READY).collect()
}

const READY: &str = "READY";
const UNAVAILABLE: &str = "UNAVAILABLE";

fn entries(entry: &Entry) -> Vec<IndexEntry> {
    let line = |version: String, is_ready: bool, reason: Option<&String>| IndexEntry {
        name: entry.model.name.to_string(),
        version,
        state: if is_ready { READY } else { UNAVAILABLE },
        reason: reason.cloned().unwrap_or_default(),
    };
    let version = |number: &u32, is_ready, reason| line(number.to_string(), is_ready, reason);
    let versions = entry.versions.iter();
    let mut lines: Vec<_> =
        versions.map(|(number, v)| version(number, v.loaded.is_some(), v.reason.as_ref())).collect();
    lines.extend(entry.reason.as_ref().map(|reason| line(String::new(), false, Some(reason))));
    lines
}

/// Every version of every model, and whether it is ready.
#[utoipa::path(post, path = "/v2/repository/index", tag = "inference", request_body = Option<IndexRequest>,
    responses((status = 200, body = Vec<IndexEntry>)))]
pub(crate) async fn repository_index(State(app): State<App>, body: Bytes) -> Result<Json<Vec<IndexEntry>>, Problem> {
    let IndexRequest { ready } = read(&body)?;
    Ok(Json(index(&app, ready)))
}

/// Loads a model as its files are now, or loads it again. What was served before is served until that is done, and still if it
/// cannot be done. Cameras that use it go on with what was loaded.
#[utoipa::path(post, path = "/v2/repository/models/{model}/load", tag = "inference", params(("model" = String, Path)),
    request_body = Option<RepositoryRequest>, responses((status = 200, description = "Loaded")))]
pub(crate) async fn load_model(
    State(app): State<App>,
    caller: Caller,
    Path(model): Path<String>,
    body: Bytes,
) -> Result<(), Problem> {
    let RepositoryRequest { parameters } = read(&body)?;
    load(&app, &caller, model, parameters.keys()).await
}

/// Unloads a model. What was asked of it before is answered. One that a camera uses is not unloaded.
#[utoipa::path(post, path = "/v2/repository/models/{model}/unload", tag = "inference", params(("model" = String, Path)),
    request_body = Option<RepositoryRequest>, responses((status = 200, description = "Unloaded")))]
pub(crate) async fn unload_model(
    State(app): State<App>,
    caller: Caller,
    Path(model): Path<String>,
    body: Bytes,
) -> Result<(), Problem> {
    let RepositoryRequest { parameters } = read(&body)?;
    unload(&app, &caller, model, parameters.keys()).await
}

/// Loads a model, asked with parameters of those names.
pub(crate) async fn load<'a>(
    app: &App,
    caller: &Caller,
    model: String,
    parameters: impl Iterator<Item = &'a String>,
) -> Result<(), Problem> {
    check(parameters)?;
    app.control.load_model(model.clone()).await?;
    tracing::info!(by = caller.name(), model, "loaded a model");
    Ok(())
}

/// The same for unloading one.
pub(crate) async fn unload<'a>(
    app: &App,
    caller: &Caller,
    model: String,
    parameters: impl Iterator<Item = &'a String>,
) -> Result<(), Problem> {
    check(parameters)?;
    app.control.unload_model(model.clone()).await?;
    tracing::info!(by = caller.name(), model, "unloaded a model");
    Ok(())
}

/// An empty body asks for nothing in particular.
fn read<T: Default + for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Problem> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body).map_err(|error| Problem::new(Code::BadRequest, format!("the request: {error}")))
}

/// Refuses parameters that ask for something else than what is done.
fn check<'a>(mut parameters: impl Iterator<Item = &'a String>) -> Result<(), Problem> {
    match parameters.find(|name| *name != "unload_dependents") {
        Some(name) => {
            let detail =
                format!("the parameter {name:?} is not offered: models are loaded as they lie on the server's disk");
            Err(Problem::new(Code::BadRequest, detail))
        }
        None => Ok(()),
    }
}
