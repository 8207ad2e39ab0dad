//! The routes of the protocol over REST. Errors are `{"error": "…"}`, as the protocol has them, with its statuses.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::body::{self, Asked, Written};
use super::compression::Coding;
use super::{ModelConfig, ModelMetadata, ModelStatistics, Served, ServerMetadata, Statistics};
use crate::door::{App, Code, Problem};

/// Says how long the JSON part of a body is that has binary data behind it.
pub(super) const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

/// Why a request was not fulfilled.
#[derive(Serialize, ToSchema)]
pub(crate) struct InferenceError {
    /// What is wrong, and what was expected.
    pub(crate) error: String,
}

/// What the server is, and what it offers beyond the protocol.
#[utoipa::path(get, path = "/v2", tag = "inference", responses((status = 200, body = ServerMetadata)))]
pub(crate) async fn server_metadata() -> Json<ServerMetadata> {
    Json(ServerMetadata::new())
}

/// Whether the server answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServerLive {
    live: bool,
}

/// Whether a device runs models. The protocol calls it `live`, and KServe `ready`.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServerReady {
    live: bool,
    ready: bool,
}

/// Whether a model can be asked.
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelReady {
    name: String,
    ready: bool,
}

/// Whether the server answers.
#[utoipa::path(get, path = "/v2/health/live", tag = "inference", responses((status = 200, body = ServerLive)))]
pub(crate) async fn server_live() -> Json<ServerLive> {
    Json(ServerLive { live: true })
}

/// Whether a device runs models; if none does, with 503.
#[utoipa::path(get, path = "/v2/health/ready", tag = "inference", responses((status = 200, body = ServerReady)))]
pub(crate) async fn server_ready(State(app): State<App>) -> Result<Json<ServerReady>, Problem> {
    ready(&app).map(|()| Json(ServerReady { live: true, ready: true }))
}

fn ready(app: &App) -> Result<(), Problem> {
    if app.inference.is_ready() { Ok(()) } else { Err(Problem::new(Code::Unavailable, "no device works now")) }
}

/// What became of the requests for each model.
#[utoipa::path(get, path = "/v2/models/stats", tag = "inference", responses((status = 200, body = Statistics)))]
pub(crate) async fn all_statistics(State(app): State<App>) -> Json<Statistics> {
    let model_stats = Served::all(&app).iter().map(ModelStatistics::new).collect();
    Json(Statistics { model_stats })
}

/// Each route of a model, with and without its version.
macro_rules! of_model {
    ($(#[doc = $what:literal] $method:ident $model_path:literal $of_model:ident $version_path:literal $of_version:ident
        ($app:ident, $served:ident, $request:ident) -> $body:ty $run:block)*) => {$(
        #[doc = $what]
        #[utoipa::path($method, path = $model_path, tag = "inference",
            params(("model" = String, Path)), responses((status = 200, body = $body)))]
        pub(crate) async fn $of_model(
            State($app): State<App>,
            Path(model): Path<String>,
            $request: Request,
        ) -> Result<Response, Problem> {
            let $served = Served::find(&$app, &model, "");
            $run
        }

        #[doc = $what]
        #[utoipa::path($method, path = $version_path, tag = "inference",
            params(("model" = String, Path), ("version" = String, Path)), responses((status = 200, body = $body)))]
        pub(crate) async fn $of_version(
            State($app): State<App>,
            Path((model, version)): Path<(String, String)>,
            $request: Request,
        ) -> Result<Response, Problem> {
            let $served = Served::find(&$app, &model, &version);
            $run
        }
    )*};
}

of_model! {
    /// What a model takes and returns.
    get "/v2/models/{model}" model_metadata
        "/v2/models/{model}/versions/{version}" model_version_metadata (app, served, _request) -> ModelMetadata {
        drop(app);
        Ok(Json(ModelMetadata::new(&served?)).into_response())
    }

    /// Whether a model can be asked; if not, with 503.
    get "/v2/models/{model}/ready" model_ready
        "/v2/models/{model}/versions/{version}/ready" model_version_ready (app, served, _request) -> ModelReady {
        let name = served?.name;
        ready(&app).map(|()| Json(ModelReady { name, ready: true }).into_response())
    }

    /// A model as Triton's clients expect it to be configured.
    get "/v2/models/{model}/config" model_config
        "/v2/models/{model}/versions/{version}/config" model_version_config (app, served, _request) -> ModelConfig {
        drop(app);
        Ok(Json(ModelConfig::new(&served?)).into_response())
    }

    /// What became of the requests for a model.
    get "/v2/models/{model}/stats" model_statistics
        "/v2/models/{model}/versions/{version}/stats" model_version_statistics (app, served, _request) -> Statistics {
        drop(app);
        Ok(Json(Statistics { model_stats: vec![ModelStatistics::new(&served?)] }).into_response())
    }

    /// Runs a model on tensors: as JSON, or with binary data behind it.
    post "/v2/models/{model}/infer" model_infer
        "/v2/models/{model}/versions/{version}/infer" model_version_infer (app, served, request) -> serde_json::Value {
        infer(&app, served, request).await
    }
}

async fn infer(app: &App, served: Result<Served, Problem>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let (coding, wished) = (Coding::of_request(&parts.headers), Coding::of_answer(&parts.headers));
    let grows = !matches!(coding, Ok(Coding::Identity));
    // Until the answer is written, so that the memory of all requests has a bound. Before anything is refused, because the
    // connection of a body that is not read cannot be used again.
    let (body, _room) = app.body(&parts.headers, body, grows).await?;
    let (served, coding, json) = (served?, coding?, json_length(&parts.headers)?);
    let most = app.max_request;
    let read = move || {
        let body = coding.decode(body, most)?;
        body::read(&body, json).map_err(|why| Problem::new(Code::BadRequest, why))
    };
    let Asked { id, inputs, outputs, binary, timeout } = app.codecs.run(read).await??;
    let (names, forms): (Vec<_>, Vec<_>) = outputs.into_iter().unzip();
    let values = served.infer(app, inputs, names, timeout).await?;
    let forms = forms.into_iter().chain(std::iter::repeat(binary));
    let outputs: Vec<_> = values.into_iter().zip(forms).collect();
    let write = move || {
        let model = (&*served.name, &*served.version);
        let written = body::write(model, id.as_deref(), &outputs).map_err(|why| Problem::new(Code::BadRequest, why))?;
        answer(written, wished)
    };
    app.codecs.run(write).await?
}

/// How long the JSON part of a request is, if that is not all of it.
fn json_length(headers: &HeaderMap) -> Result<Option<usize>, Problem> {
    let wrong = || Problem::new(Code::BadRequest, "Inference-Header-Content-Length is not a number of bytes");
    let length = headers.get(JSON_LENGTH).map(|value| value.to_str().ok()?.trim().parse().ok());
    length.map_or(Ok(None), |length| length.map(Some).ok_or_else(wrong))
}

fn answer(Written { body, json }: Written, coding: Coding) -> Result<Response, Problem> {
    let body = coding.encode(body).map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    let mut response = body.into_response();
    let headers = response.headers_mut();
    let kind = if json.is_some() { "application/octet-stream" } else { "application/json" };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Some(length) = json {
        headers.insert(JSON_LENGTH, HeaderValue::from(length));
    }
    if let Some(name) = coding.name() {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    Ok(response)
}
