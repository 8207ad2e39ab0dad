//! The models that cameras can name.

use axum::Json;
use axum::extract::State;
use iris_infer::Manifest;
use iris_infer::manifest::{Precision, Task};
use serde::Serialize;
use utoipa::ToSchema;

use crate::config;
use crate::door::App;

/// A model.
#[derive(Serialize, ToSchema)]
#[schema(as = Model)]
pub(crate) struct ModelBody {
    name: String,
    /// Its folder or file on the server.
    path: String,
    task: &'static str,
    /// Width and height of its input in pixels.
    input: [u32; 2],
    classes: Vec<String>,
    precision: &'static str,
    /// The lowest score of what it tells, unless asked otherwise.
    min_score: f32,
    license: Option<String>,
}

/// All models that can be used.
#[derive(Serialize, ToSchema)]
pub(crate) struct Models {
    items: Vec<ModelBody>,
}

impl ModelBody {
    fn new(model: &config::Model, manifest: &Manifest) -> Self {
        Self {
            name: model.name.to_string(),
            path: model.path.display().to_string(),
            task: match manifest.task {
                Task::Detect => "detect",
            },
            input: [manifest.input.width, manifest.input.height],
            classes: manifest.classes.clone(),
            precision: match manifest.precision {
                Precision::Fp32 => "fp32",
                Precision::Fp16 => "fp16",
                Precision::Int8 => "int8",
            },
            min_score: manifest.thresholds.score,
            license: manifest.licence.clone(),
        }
    }
}

/// The models of the configuration. One that cannot be used is not among them; `/system` says why.
#[utoipa::path(get, path = "/api/v1/models", tag = "models", responses((status = 200, body = Models)))]
pub(crate) async fn list_models(State(app): State<App>) -> Json<Models> {
    let effect = app.control.effect();
    let usable = effect.models.iter().filter_map(|(model, seen)| Some((model, seen.as_ref().ok()?)));
    Json(Models { items: usable.map(|(model, usable)| ModelBody::new(model, &usable.manifest)).collect() })
}
