//! What a model sees in a picture that somebody sends.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use iris_core::{ClassId, Frame, Image, Rect, Size};
use iris_infer::Manifest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::door::{App, Code, Problem};
use crate::oip::{PATIENCE, Served, pictures::open};
use crate::picture::{Pen, Picture};

/// The quality of annotated pictures, 1 to 100.
const QUALITY: u8 = 88;

/// What to tell.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wish {
    /// The lowest score, 0.1 to 1. Left out: the model's own threshold.
    #[param(minimum = 0.1, maximum = 1.0)]
    min_score: Option<f32>,
}

/// What a model sees in a picture.
#[derive(Serialize, ToSchema)]
pub(crate) struct Seen {
    model: String,
    /// Of the picture, upright.
    width: u32,
    height: u32,
    /// The strongest first.
    detections: Vec<Detection>,
}

/// Something in a picture.
#[derive(Serialize, ToSchema)]
pub(super) struct Detection {
    class: String,
    /// How sure the model is, 0 to 1.
    score: f32,
    /// Left, top, right and bottom in pixels of the picture.
    #[serde(rename = "box")]
    rect: [f32; 4],
}

pub(super) type Found = (Rect<Image>, f32, ClassId);

impl Detection {
    pub(super) fn new(manifest: &Manifest, (rect, score, class): Found) -> Self {
        Self { class: class_name(manifest, class).to_owned(), score, rect: [rect.x0, rect.y0, rect.x1, rect.y1] }
    }
}

/// What a model sees in a picture: boxes, or, if `Accept` names `image/jpeg` and not `application/json`, the picture with the
/// boxes drawn in it.
///
/// A picture has at most 20 million pixels. Of a moving one the first is looked at. It is turned upright as it says itself.
#[utoipa::path(post, path = "/api/v1/models/{model}/detect", tag = "models", params(("model" = String, Path), Wish),
    request_body(content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"), (Vec<u8> = "image/webp"))),
    responses((status = 200, content((Seen = "application/json"), (Vec<u8> = "image/jpeg")))))]
pub(crate) async fn detect(
    State(app): State<App>,
    Path(model): Path<String>,
    Query(Wish { min_score }): Query<Wish>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    // Until the answer is written, so that the memory of all requests has a bound. Before anything is refused, because the
    // connection of a body that is not read cannot be used again.
    let (file, _room) = app.body(&parts.headers, body, false).await?;
    if let Some(score) = min_score.filter(|score| !(0.1..=1.0).contains(score)) {
        return Err(Problem::invalid("min_score", format!("{score} is not 0.1 to 1")));
    }
    let served = Served::find(&app, &model, "")?;
    let manifest = Arc::clone(served.model.manifest());
    let (mut preprocessor, is_drawn) = (served.preprocessor()?, wants_picture(&parts.headers));
    let open = move || open(&file, "the picture", &mut preprocessor, is_drawn);
    let (frame, prepared) = app.codecs.run(open).await??;
    let Size { width, height } = prepared.letterbox.image;
    let (seen, _) = app.inference.detect(&served.model, prepared, PATIENCE).await?;
    let least = min_score.unwrap_or(manifest.thresholds.score);
    let found: Vec<Found> = seen.iter().filter(|(_, score, _)| *score >= least).collect();
    if is_drawn {
        let jpeg = app.codecs.run(move || draw(&frame, &found, &manifest)).await??;
        return Ok(([(header::CONTENT_TYPE, "image/jpeg")], jpeg).into_response());
    }
    let detections = found.into_iter().map(|found| Detection::new(&manifest, found)).collect();
    Ok(Json(Seen { model: served.name, width, height, detections }).into_response())
}

fn draw(frame: &Frame, found: &[Found], manifest: &Manifest) -> Result<Vec<u8>, Problem> {
    let mut picture = Picture::of(frame);
    Pen::new(&mut picture).detections(found.iter().copied(), |class| class_name(manifest, class));
    picture.to_jpeg(QUALITY).map_err(|error| Problem::new(Code::Internal, error.to_string()))
}

fn class_name(manifest: &Manifest, class: ClassId) -> &str {
    manifest.classes.get(usize::from(class.0)).map_or("?", String::as_str)
}

fn wants_picture(headers: &HeaderMap) -> bool {
    let accepts =
        |kind| headers.get_all(header::ACCEPT).iter().any(|value| value.to_str().is_ok_and(|v| v.contains(kind)));
    accepts("image/jpeg") && !accepts("application/json")
}
