//! Signing in and out, and setting up.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::caller::{COOKIE, Caller};
use super::guard::csrf;
use super::problem::{Code, Problem};
use super::server::Peer;
use super::users::UserBody;
use crate::accounts::{self, Change, Key, LIFETIME, Role, User};
use crate::config::Secret;

/// Whether Iris must be set up.
#[derive(Serialize, ToSchema)]
pub(super) struct SetupState {
    /// Whether there is no user yet.
    required: bool,
}

/// The first admin.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetupBody {
    /// What `iris serve` printed.
    #[schema(value_type = String)]
    token: Secret,
    name: String,
    #[schema(value_type = String, format = Password)]
    password: Secret,
}

/// Who wants to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignInBody {
    name: String,
    #[schema(value_type = String, format = Password)]
    password: Secret,
}

/// A password and its successor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordBody {
    #[schema(value_type = String, format = Password)]
    old: Secret,
    #[schema(value_type = String, format = Password)]
    new: Secret,
}

/// Someone who is signed in.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct SessionBody {
    user: UserBody,
    /// What unsafe methods must send as the header `x-csrf-token`.
    csrf: String,
}

impl SessionBody {
    fn new(key: &Key, user: User) -> Json<Self> {
        Json(Self { user: user.into(), csrf: csrf(key).text() })
    }
}

/// Whether Iris must be set up.
#[utoipa::path(get, path = "/api/v1/setup", tag = "session", responses((status = 200, body = SetupState)))]
pub(super) async fn setup_state(State(app): State<App>) -> Result<Json<SetupState>, Problem> {
    let users = app.blocking(|app| app.store.users()).await?;
    Ok(Json(SetupState { required: users.is_empty() }))
}

/// Adds the first admin, with the token that was printed at the first start, and signs in.
#[utoipa::path(post, path = "/api/v1/setup", tag = "session", responses(
    (status = 201, description = "The admin is signed in", body = SessionBody)))]
pub(super) async fn set_up(
    State(app): State<App>,
    peer: Peer,
    Json(body): Json<SetupBody>,
) -> Result<impl IntoResponse, Problem> {
    app.limits.peer(peer.0, app.clock.mono())?;
    let shown = Key::parse(body.token.expose());
    if !shown.is_some_and(|shown| app.setup.accepts(&shown)) {
        return Err(Problem::new(
            Code::Forbidden,
            "this is not the set-up token, or it was used; `iris serve` prints it",
        ));
    }
    let user = User::new(body.name, Role::Admin, None, app.clock.wall())?;
    let hash = new_hash(&app, &user.name, body.password).await?;
    let admin = user.clone();
    if app.blocking(move |app| app.store.add_first_user(admin, hash)).await? != Change::Done {
        return Err(Problem::new(Code::AlreadySetUp, "Iris is set up already; sign in"));
    }
    app.setup.done();
    tracing::info!(user = user.name, "Iris is set up");
    Ok((StatusCode::CREATED, begin(&app, user).await?))
}

/// Signs in.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", responses(
    (status = 200, description = "Signed in; the session is in the cookie", body = SessionBody)))]
pub(super) async fn sign_in(
    State(app): State<App>,
    peer: Peer,
    Json(body): Json<SignInBody>,
) -> Result<impl IntoResponse, Problem> {
    let user = verify(&app, peer, body.name, body.password).await?;
    tracing::info!(user = user.name, "signed in");
    begin(&app, user).await
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/v1/session", tag = "session", responses((status = 200, body = SessionBody)))]
pub(super) async fn current_session(caller: Caller) -> Result<Json<SessionBody>, Problem> {
    let (key, user) = signed_in(&caller)?;
    Ok(SessionBody::new(key, user.clone()))
}

/// Signs out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 204, description = "Signed out")))]
pub(super) async fn sign_out(State(app): State<App>, caller: Caller) -> Result<impl IntoResponse, Problem> {
    let digest = signed_in(&caller)?.0.digest();
    let _ended = app.blocking(move |app| app.store.end_session(digest)).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, app.cookie("", 0))]))
}

/// Changes one's own password, and ends all of one's sessions; a new one begins.
#[utoipa::path(post, path = "/api/v1/password", tag = "session", responses(
    (status = 200, description = "Changed; the new session is in the cookie", body = SessionBody)))]
pub(super) async fn change_password(
    State(app): State<App>,
    peer: Peer,
    caller: Caller,
    Json(body): Json<PasswordBody>,
) -> Result<impl IntoResponse, Problem> {
    let name = signed_in(&caller)?.1.name.clone();
    let user = verify(&app, peer, name, body.old).await?;
    let hash = new_hash(&app, &user.name, body.new).await?;
    let name = user.name.clone();
    Problem::of_change(app.blocking(move |app| app.store.change_password(&name, hash)).await?, "user")?;
    tracing::info!(user = user.name, "changed the password");
    begin(&app, user).await
}

/// The session of a caller who has one.
fn signed_in(caller: &Caller) -> Result<(&Key, &User), Problem> {
    caller.session().ok_or_else(|| Problem::new(Code::Forbidden, "this is for people who signed in, not for tokens"))
}

/// The user of this name and password.
async fn verify(app: &App, peer: Peer, name: String, password: Secret) -> Result<User, Problem> {
    app.limits.sign_in(&name, peer.0, app.clock.mono())?;
    let found = app.blocking(move |app| app.store.user(&name)).await?;
    let (user, hash) = found.unzip();
    let matches = move || accounts::verify_password(password.expose(), hash.as_deref());
    match (user, app.hashing(matches).await?) {
        (Some(user), true) => {
            app.limits.signed_in(&user.name, peer.0);
            Ok(user)
        }
        _ => Err(Problem::new(Code::WrongPassword, "name and password do not belong together")),
    }
}

/// The hash of a new password, if it may be one.
pub(super) async fn new_hash(app: &App, user: &str, password: Secret) -> Result<String, Problem> {
    accounts::check_password(password.expose(), user)?;
    let hash = app.hashing(move || accounts::hash_password(password.expose())).await?;
    hash.map_err(|error| {
        tracing::error!(%error, "a password could not be hashed");
        Problem::new(Code::Unavailable, "there is no memory for this now")
    })
}

/// Begins a session.
async fn begin(app: &App, user: User) -> Result<impl IntoResponse + use<>, Problem> {
    let key = Key::generate();
    let (digest, name, now) = (key.digest(), user.name.clone(), app.clock.wall());
    Problem::of_change(app.blocking(move |app| app.store.begin_session(digest, &name, now)).await?, "user")?;
    let cookie = app.cookie(&key.text(), LIFETIME.as_secs());
    Ok(([(header::SET_COOKIE, cookie)], SessionBody::new(&key, user)))
}

impl App {
    /// The cookie of a session, as the browser is told to keep it.
    fn cookie(&self, value: &str, seconds: u64) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
    }
}
