//! Events: pages of them, one, and what people say of it. Their pictures and clips are served with other media.

use axum::Json;
use axum::extract::{Path, Query, State};
use iris_core::{CameraId, WallTime};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

use super::event::{EventBody, Events};
use crate::door::{App, Caller, Problem};
use crate::message::Kind;
use crate::store::{self, Cursor, Verdict};

/// Events of one page, if the caller does not say.
const PAGE: u32 = 50;

/// Which events.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Those of one camera.
    camera: Option<String>,
    /// Those of one kind.
    #[param(inline)]
    kind: Option<Kind>,
    /// Those of which this was said.
    #[param(inline)]
    review: Option<Verdict>,
    /// Those of one class.
    class: Option<String>,
    /// Those that began then or later.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Those that began before.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Those after the page whose `next` this was.
    #[param(pattern = r"^-?[0-9]{1,18}\.[0-9]{1,18}$")]
    cursor: Option<String>,
    /// At most so many.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
}

impl Which {
    /// The query, of what the caller may see.
    fn query(self, caller: &Caller) -> Result<(store::Query, Option<Cursor>), Problem> {
        let limit = self.limit.unwrap_or(PAGE);
        if !(1..=store::Page::MOST).contains(&limit) {
            return Err(Problem::invalid("limit", format!("must be from 1 to {}", store::Page::MOST)));
        }
        let cursor = self.cursor.as_deref().map(str::parse::<Cursor>).transpose();
        let cursor = cursor.map_err(|_| Problem::invalid("cursor", "is not the `next` of a page"))?;
        let wall = |at: Timestamp| WallTime { unix_micros: at.as_microsecond() };
        let query = store::Query {
            cameras: visible(caller, self.camera.as_deref()),
            kind: self.kind,
            verdict: self.review,
            class: self.class,
            since: self.since.map(wall),
            until: self.until.map(wall),
            limit: Some(limit),
        };
        Ok((query, cursor))
    }
}

/// The cameras that are asked for and may be seen; `None` for all there are. One that is not there has no events.
fn visible(caller: &Caller, asked: Option<&str>) -> Option<Vec<CameraId>> {
    match asked {
        Some(id) => Some(CameraId::new(id).into_iter().filter(|id| caller.sees(*id)).collect()),
        None => caller.cameras().map(|cameras| cameras.iter().copied().collect()),
    }
}

/// Events, newest first, in pages. Pages that follow each other by `next` neither repeat nor leave out an event that was
/// there at the first.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(Which), responses((status = 200, body = Events)))]
pub(crate) async fn list_events(
    State(app): State<App>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<Json<Events>, Problem> {
    let (query, cursor) = which.query(&caller)?;
    let page = app.blocking(move |app| app.store.page(&query, cursor)).await?;
    let next = page.next.map(|cursor| cursor.to_string());
    Ok(Json(Events { items: page.events.into_iter().map(EventBody::from).collect(), next }))
}

/// One event.
#[utoipa::path(get, path = "/api/v1/events/{event}", tag = "events", params(("event" = String, Path)),
    responses((status = 200, body = EventBody)))]
pub(crate) async fn get_event(State(app): State<App>, Path(event): Path<String>) -> Result<Json<EventBody>, Problem> {
    let found = app.blocking(move |app| app.store.event(&event)).await?;
    found.map(|event| Json(event.into())).ok_or_else(|| Problem::absent("event"))
}

/// What a person says of an event.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReviewInput {
    review: Verdict,
}

/// Says what an event is: confirmed, dismissed, or new again.
#[utoipa::path(patch, path = "/api/v1/events/{event}", tag = "events", params(("event" = String, Path)),
    responses((status = 200, body = EventBody)))]
pub(crate) async fn review_event(
    State(app): State<App>,
    caller: Caller,
    Path(event): Path<String>,
    Json(ReviewInput { review }): Json<ReviewInput>,
) -> Result<Json<EventBody>, Problem> {
    let by = caller.name().to_owned();
    let found = app.blocking(move |app| app.store.review(&event, review, &by, app.clock.wall())).await?;
    found.map(|event| Json(event.into())).ok_or_else(|| Problem::absent("event"))
}
