//! Sinks: list, add, remove, and try again what was given up.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::config::{self, Edit, ItemKind, Origin, Target};
use crate::door::{App, Caller, Problem};
use crate::error::Result as StoreResult;
use crate::message::timestamp;
use crate::store::Store;

/// Where events are delivered.
#[derive(Serialize, ToSchema)]
#[schema(as = Sink)]
pub(crate) struct SinkBody {
    name: String,
    /// `file` or `webhook`.
    kind: &'static str,
    /// The file of a file sink.
    path: Option<String>,
    /// The address of a webhook, without its path.
    url: Option<String>,
    origin: Origin,
    /// Messages that wait.
    pending: u64,
    /// Messages that were given up.
    dead: u64,
    /// Since when the oldest of those that wait does.
    #[schema(value_type = Option<String>, format = DateTime)]
    oldest: Option<Timestamp>,
}

/// All sinks.
#[derive(Serialize, ToSchema)]
pub(crate) struct Sinks {
    items: Vec<SinkBody>,
}

/// A sink as it is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes; what comes is read by the configuration's own two stages")]
pub(crate) struct SinkInput {
    /// What waits for it is kept under this name.
    #[schema(pattern = "^[a-z0-9][a-z0-9_-]{0,31}$")]
    name: String,
    kind: SinkKind,
    #[schema(pattern = "^https?://.+", max_length = 2048)]
    url: String,
    /// The key with which requests are signed.
    #[schema(min_length = 16, max_length = 2048, format = Password)]
    secret: String,
}

/// What can be made over the API.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum SinkKind {
    /// HTTP POST.
    Webhook,
}

impl SinkBody {
    fn new(sink: &config::Sink, store: &dyn Store) -> StoreResult<Self> {
        let (kind, path, url) = match &sink.target {
            Target::File { path } => ("file", Some(path.display().to_string()), None),
            Target::Webhook { url, .. } => ("webhook", None, Some(config::webhook_url(url.expose()))),
        };
        let backlog = store.backlog(&sink.name)?;
        let oldest = backlog.oldest.map(timestamp);
        let (name, origin) = (sink.name.clone(), sink.origin);
        Ok(Self { name, kind, path, url, origin, pending: backlog.pending, dead: backlog.dead, oldest })
    }
}

/// All sinks, those of the configuration file first.
#[utoipa::path(get, path = "/api/v1/sinks", tag = "sinks", responses((status = 200, body = Sinks)))]
pub(crate) async fn list_sinks(State(app): State<App>) -> Result<Json<Sinks>, Problem> {
    let effect = app.control.effect();
    let all = move |app: &App| {
        effect.document.config.sinks.iter().map(|sink| SinkBody::new(sink, &*app.store)).collect::<StoreResult<_>>()
    };
    Ok(Json(Sinks { items: app.blocking(all).await? }))
}

/// Adds a webhook. It is told of what happens from now on.
#[utoipa::path(post, path = "/api/v1/sinks", tag = "sinks", request_body = SinkInput,
    responses((status = 201, body = SinkBody)))]
pub(crate) async fn add_sink(
    State(app): State<App>,
    caller: Caller,
    Json(body): Json<Map<String, Value>>,
) -> Result<(StatusCode, Json<SinkBody>), Problem> {
    let name = body.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    app.control.edit(Edit::Add(ItemKind::Sink, body)).await?;
    tracing::info!(by = caller.name(), sink = name, "added a sink");
    let effect = app.control.effect();
    let sink = effect.document.config.sinks.iter().find(|sink| sink.name == name).cloned();
    let sink = sink.ok_or_else(|| Problem::absent("sink"))?;
    let body = app.blocking(move |app| SinkBody::new(&sink, &*app.store)).await?;
    Ok((StatusCode::CREATED, Json(body)))
}

/// Removes a sink that was made over the API. What waits for it is given up.
#[utoipa::path(delete, path = "/api/v1/sinks/{sink}", tag = "sinks", params(("sink" = String, Path)),
    responses((status = 204, description = "Removed")))]
pub(crate) async fn remove_sink(
    State(app): State<App>,
    caller: Caller,
    Path(sink): Path<String>,
) -> Result<StatusCode, Problem> {
    app.control.edit(Edit::Remove(ItemKind::Sink, sink.clone())).await?;
    tracing::info!(by = caller.name(), sink, "removed a sink");
    Ok(StatusCode::NO_CONTENT)
}

/// How many messages are in line again.
#[derive(Serialize, ToSchema)]
pub(crate) struct Revived {
    revived: usize,
}

/// Puts what was given up back in line.
#[utoipa::path(post, path = "/api/v1/sinks/{sink}/revive", tag = "sinks", params(("sink" = String, Path)),
    responses((status = 200, body = Revived)))]
pub(crate) async fn revive_sink(State(app): State<App>, Path(sink): Path<String>) -> Result<Json<Revived>, Problem> {
    if app.control.effect().document.origin(ItemKind::Sink, &sink).is_none() {
        return Err(Problem::absent("sink"));
    }
    Ok(Json(Revived { revived: app.blocking(move |app| app.store.revive(&sink)).await? }))
}
