//! Users, as admins see them.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use iris_core::CameraId;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::App;
use super::problem::Problem;
use super::session::new_hash;
use crate::accounts::{Cameras, Role, User};
use crate::config::Secret;
use crate::message::timestamp;

/// A user.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(super) struct UserBody {
    name: String,
    role: Role,
    /// The cameras that the user may see; null for all.
    cameras: Option<Vec<String>>,
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        let User { name, role, cameras, created } = user;
        Self { name, role, cameras: names(cameras), created: timestamp(created) }
    }
}

/// All users.
#[derive(Serialize, ToSchema)]
pub(super) struct Users {
    items: Vec<UserBody>,
}

/// A new user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUser {
    /// 1 to 64 of letters, digits, `.`, `_`, `-` and `@`.
    name: String,
    role: Role,
    /// 12 to 128 characters.
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 128)]
    password: Secret,
    /// The cameras that the user may see; null or absent for all.
    cameras: Option<Vec<String>>,
}

/// What shall be otherwise with a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"role": "operator"}))]
pub(super) struct UserChange {
    role: Option<Role>,
    /// A new password. It ends the user's sessions.
    #[schema(value_type = Option<String>, format = Password, min_length = 12, max_length = 128)]
    password: Option<Secret>,
    /// The cameras that the user may see; null for all, absent for no change.
    #[expect(clippy::option_option, reason = "in JSON, null and absent are two things")]
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>)]
    cameras: Option<Option<Vec<String>>>,
}

/// All users.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", responses((status = 200, body = Users)))]
pub(super) async fn list_users(State(app): State<App>) -> Result<Json<Users>, Problem> {
    let users = app.blocking(|app| app.store.users()).await?;
    Ok(Json(Users { items: users.into_iter().map(UserBody::from).collect() }))
}

/// Adds a user.
#[utoipa::path(post, path = "/api/v1/users", tag = "users", responses((status = 201, body = UserBody)))]
pub(super) async fn add_user(
    State(app): State<App>,
    Json(body): Json<NewUser>,
) -> Result<(StatusCode, Json<UserBody>), Problem> {
    let user = User::new(body.name, body.role, cameras(body.cameras)?, app.clock.wall())?;
    let hash = new_hash(&app, &user.name, body.password).await?;
    let added = user.clone();
    Problem::of_change(app.blocking(move |app| app.store.add_user(added, hash)).await?, "user")?;
    Ok((StatusCode::CREATED, Json(user.into())))
}

/// Changes what a user may do and see, or the user's password. It takes effect at once.
#[utoipa::path(patch, path = "/api/v1/users/{name}", tag = "users", params(("name" = String, Path)),
    responses((status = 200, body = UserBody)))]
pub(super) async fn change_user(
    State(app): State<App>,
    Path(name): Path<String>,
    Json(body): Json<UserChange>,
) -> Result<Json<UserBody>, Problem> {
    let found = app.blocking(move |app| app.store.user(&name)).await?;
    let (user, _) = found.ok_or_else(|| Problem::absent("user"))?;
    let cameras = body.cameras.map(cameras).transpose()?.unwrap_or(user.cameras);
    let user = User::new(user.name, body.role.unwrap_or(user.role), cameras, user.created)?;
    let hash = match body.password {
        Some(password) => Some(new_hash(&app, &user.name, password).await?),
        None => None,
    };
    let changed = user.clone();
    Problem::of_change(
        app.blocking(move |app| app.store.change_user(&changed.name, changed.role, changed.cameras)).await?,
        "user",
    )?;
    if let Some(hash) = hash {
        let name = user.name.clone();
        Problem::of_change(app.blocking(move |app| app.store.change_password(&name, hash)).await?, "user")?;
    }
    Ok(Json(user.into()))
}

/// Removes a user and ends the user's sessions.
#[utoipa::path(delete, path = "/api/v1/users/{name}", tag = "users", params(("name" = String, Path)),
    responses((status = 204, description = "Removed")))]
pub(super) async fn remove_user(State(app): State<App>, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    Problem::of_change(app.blocking(move |app| app.store.remove_user(&name)).await?, "user")?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells a key that is null from one that is absent.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(input: D) -> Result<Option<T>, D::Error> {
    T::deserialize(input).map(Some)
}

/// Reads the names of cameras.
pub(super) fn cameras(names: Option<Vec<String>>) -> Result<Cameras, Problem> {
    let read = |(n, name): (usize, String)| {
        CameraId::new(&name).map_err(|error| Problem::invalid(format!("cameras[{n}]"), error.to_string()))
    };
    names.map(|names| names.into_iter().enumerate().map(read).collect::<Result<BTreeSet<_>, _>>()).transpose()
}

/// The names of cameras.
pub(super) fn names(cameras: Cameras) -> Option<Vec<String>> {
    cameras.map(|cameras| cameras.iter().map(ToString::to_string).collect())
}
