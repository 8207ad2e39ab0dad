//! Pictures and clips: a camera's picture now, and the files of events. No path comes from a request: the store says which
//! file an event has.

use std::fs::File;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use iris_core::{CameraId, Frame};
use iris_pipeline::still;
use serde::Deserialize;

use super::problem::{Code, Problem};
use super::{App, ranges};
use crate::picture::Picture;
use crate::store::{Store, Stored};

/// The quality of pictures that are not stored, 1 to 100.
const QUALITY: u8 = 80;

/// A camera's picture now, as JPEG.
#[utoipa::path(get, path = "/api/v1/cameras/{camera}/snapshot", tag = "cameras", params(("camera" = String, Path)),
    responses((status = 200, description = "The picture", content_type = "image/jpeg", body = Vec<u8>)))]
pub(super) async fn snapshot(State(app): State<App>, Path(camera): Path<String>) -> Result<Response, Problem> {
    let camera = CameraId::new(&camera).map_err(|_| Problem::absent("camera"))?;
    let packets = app.view.newest(camera).ok_or_else(|| Problem::absent("camera"))?;
    let now = app.clock.mono();
    let jpeg = app.stills.run(move || still(&packets, now).and_then(|frame| jpeg(&frame))).await?;
    let none =
        || Problem::new(Code::SourceFailed, "the camera has sent no picture that can be decoded in the last seconds");
    Ok(picture_response(jpeg.ok_or_else(none)?))
}

/// A frame as JPEG, if it can be encoded.
pub(super) fn jpeg(frame: &Frame) -> Option<Vec<u8>> {
    let encoded = Picture::of(frame).to_jpeg(QUALITY);
    encoded.inspect_err(|error| tracing::error!(%error, "a picture could not be encoded")).ok()
}

/// Which picture.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Whether boxes are drawn in it.
    #[serde(default)]
    boxes: bool,
}

/// The best picture of an event, as JPEG.
#[utoipa::path(get, path = "/api/v1/events/{event}/picture", tag = "events", params(("event" = String, Path), Which),
    responses((status = 200, description = "The picture", content_type = "image/jpeg", body = Vec<u8>)))]
pub(super) async fn event_picture(
    State(app): State<App>,
    Path(event): Path<String>,
    Query(which): Query<Which>,
) -> Result<Response, Problem> {
    let read = move |app: &App| {
        let message = event_of(&*app.store, &event)?.message;
        let path = if which.boxes { message.picture_boxes } else { message.picture };
        let path = path.and_then(|path| app.store.media().resolve(&path)).ok_or_else(|| Problem::absent("picture"))?;
        std::fs::read(path).map_err(|_| Problem::absent("picture"))
    };
    Ok(picture_response(app.blocking(read).await?))
}

/// What the camera sent around an event, as fragmented MP4. Parts of it can be asked for with `Range`. It is there some
/// seconds after the event.
#[utoipa::path(get, path = "/api/v1/events/{event}/clip", tag = "events", params(("event" = String, Path)),
    responses((status = 200, description = "The clip", content_type = "video/mp4", body = Vec<u8>),
        (status = 206, description = "A part of the clip", content_type = "video/mp4", body = Vec<u8>)))]
pub(super) async fn event_clip(
    State(app): State<App>,
    Path(event): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let open = move |app: &App| {
        let clip = event_of(&*app.store, &event)?.clip.ok_or_else(|| Problem::absent("clip"))?;
        let path = app.store.media().resolve(&clip.path).ok_or_else(|| Problem::absent("clip"))?;
        let file = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
        file.map_err(|_| Problem::absent("clip"))
    };
    let (length, file) = app.blocking(open).await?;
    ranges::answer(app, file, length, "video/mp4", &headers)
}

fn event_of(store: &dyn Store, event: &str) -> Result<Stored, Problem> {
    store.event(event)?.ok_or_else(|| Problem::absent("event"))
}

fn picture_response(jpeg: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "image/jpeg"), (header::CACHE_CONTROL, "private, no-store")], jpeg).into_response()
}
