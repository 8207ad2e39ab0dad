//! The models that cameras and programs can name.

use axum::Json;
use axum::extract::State;
use iris_infer::Manifest;
use iris_infer::manifest::Precision;
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
    /// `detect`, or `tensors`: then no camera can name it.
    task: &'static str,
    /// Width and height of a detector's input in pixels.
    input: Option<[u32; 2]>,
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
            task: manifest.task.label(),
            input: manifest.input.as_ref().map(|input| [input.width, input.height]),
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
    let usable = effect.models.entries().iter().filter_map(|entry| Some((&entry.model, entry.newest()?.1)));
    Json(Models { items: usable.map(|(model, newest)| ModelBody::new(model, newest.manifest())).collect() })
}
