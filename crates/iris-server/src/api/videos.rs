//! What a model sees in a video that somebody sends: a job, asked about until it is done.

use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use iris_core::Detections;
use iris_pipeline::Loaded;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use utoipa::ToSchema;

use super::detect::Detection;
use crate::door::{App, Caller, Problem};
use crate::oip::Served;
use crate::videos::{Job, Stage, Wish};

/// What to tell.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// How many pictures of each second of the video are looked at, 0.1 to 60.
    #[serde(default = "usual_rate")]
    #[param(minimum = 0.1, maximum = 60.0, default = 5.0)]
    rate: f32,
    /// The lowest score, 0.1 to 1. Left out: the model's own threshold.
    #[param(minimum = 0.1, maximum = 1.0)]
    min_score: Option<f32>,
}

const fn usual_rate() -> f32 {
    5.0
}

/// A video, and how far it was looked at.
#[derive(Serialize, ToSchema)]
pub(crate) struct Video {
    id: String,
    model: String,
    state: VideoState,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// How much of it was looked at, 0 to 1, where it says how long it is.
    progress: Option<f64>,
    /// How far it was looked at, in seconds.
    seconds: f64,
    /// In how many pictures.
    looks: u64,
}

/// How far a job is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum VideoState {
    Waiting,
    Running,
    Done,
    Failed,
}

impl Video {
    fn of(job: &Job) -> Self {
        let made = job.made();
        let (state, error) = match &made.stage {
            Stage::Waiting => (VideoState::Waiting, None),
            Stage::Running => (VideoState::Running, None),
            Stage::Done => (VideoState::Done, None),
            Stage::Failed(error) => (VideoState::Failed, Some(error.clone())),
        };
        let seconds = made.reached.as_secs_f64();
        let part = made.duration.map(|duration| (seconds / duration.as_secs_f64()).clamp(0.0, 1.0));
        let progress = if matches!(state, VideoState::Done) { Some(1.0) } else { part };
        Self { id: job.id.clone(), model: job.wish.name.clone(), state, error, progress, seconds, looks: made.looks }
    }
}

/// What was seen in one picture of a video.
#[derive(Serialize, ToSchema)]
pub(crate) struct SeenAt {
    /// Seconds from the video's beginning.
    time: f64,
    /// The strongest first.
    detections: Vec<Detection>,
}

fn line(model: &Loaded, time: f64, seen: &Detections, least: f32) -> Vec<u8> {
    let found = seen.iter().filter(|(_, score, _)| *score >= least);
    let detections = found.map(|found| Detection::new(model.manifest(), found)).collect();
    let mut line = serde_json::to_vec(&SeenAt { time, detections }).unwrap_or_default();
    line.push(b'\n');
    line
}

/// What a model sees in a video: a job, whose pictures wait beside the cameras as all requests do. It can be asked about for an
/// hour after its end, by whoever sent the video. Files of any form that cameras' recordings have, as large as other requests may be.
#[utoipa::path(post, path = "/api/v1/models/{model}/videos", tag = "models", params(("model" = String, Path), Asked),
    request_body(content = Vec<u8>, content_type = "video/mp4"),
    responses((status = 202, body = Video, headers(("location" = String, description = "Where to ask about it")))))]
pub(crate) async fn add_video(
    State(app): State<App>,
    caller: Caller,
    Path(model): Path<String>,
    Query(Asked { rate, min_score }): Query<Asked>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let (video, _room) = app.body(&parts.headers, body, false).await?;
    if !(0.1..=60.0).contains(&rate) {
        return Err(Problem::invalid("rate", format!("{rate} is not 0.1 to 60")));
    }
    if let Some(score) = min_score.filter(|score| !(0.1..=1.0).contains(score)) {
        return Err(Problem::invalid("min_score", format!("{score} is not 0.1 to 1")));
    }
    let served = Served::find(&app, &model, "")?;
    // Refused now and not when its turn comes.
    served.preprocessor()?;
    let wish = Wish {
        owner: caller.name().to_owned(),
        name: served.name,
        model: served.model,
        rate_hz: rate,
        min_score,
        line,
    };
    let runtime = Handle::current();
    let job = app.blocking(move |app| app.videos.add(wish, &video, app.inference.clone(), &runtime)).await?;
    let location = [(header::LOCATION, format!("/api/v1/videos/{}", job.id))];
    Ok((StatusCode::ACCEPTED, location, Json(Video::of(&job))).into_response())
}

/// How far a video was looked at.
#[utoipa::path(get, path = "/api/v1/videos/{video}", tag = "models", params(("video" = String, Path)),
    responses((status = 200, body = Video)))]
pub(crate) async fn get_video(
    State(app): State<App>,
    caller: Caller,
    Path(video): Path<String>,
) -> Result<Json<Video>, Problem> {
    Ok(Json(Video::of(&*app.videos.find(&video, caller.name())?)))
}

/// What was seen in a video so far: a line of JSON for each picture that was looked at.
#[utoipa::path(get, path = "/api/v1/videos/{video}/detections", tag = "models", params(("video" = String, Path)),
    responses((status = 200, body = SeenAt, content_type = "application/x-ndjson")))]
pub(crate) async fn video_detections(
    State(app): State<App>,
    caller: Caller,
    Path(video): Path<String>,
) -> Result<Response, Problem> {
    let lines = app.videos.find(&video, caller.name())?.made().lines.clone();
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response())
}

/// Ends the looking at a video and forgets what was seen.
#[utoipa::path(delete, path = "/api/v1/videos/{video}", tag = "models", params(("video" = String, Path)),
    responses((status = 204)))]
pub(crate) async fn remove_video(
    State(app): State<App>,
    caller: Caller,
    Path(video): Path<String>,
) -> Result<StatusCode, Problem> {
    app.videos.remove(&video, caller.name())?;
    Ok(StatusCode::NO_CONTENT)
}
