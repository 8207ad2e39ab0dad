//! Tokens of programs, as admins see them.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::problem::Problem;
use super::users::{cameras, names};
use crate::accounts::{Key, Scope, Token};
use crate::message::timestamp;

/// A token.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
pub(super) struct TokenBody {
    id: String,
    name: String,
    scopes: BTreeSet<Scope>,
    /// The cameras that it may see; null for all.
    cameras: Option<Vec<String>>,
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
    /// When it was last used, to the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used: Option<Timestamp>,
}

impl From<Token> for TokenBody {
    fn from(token: Token) -> Self {
        let Token { id, name, scopes, cameras, created, used } = token;
        Self { id, name, scopes, cameras: names(cameras), created: timestamp(created), last_used: used.map(timestamp) }
    }
}

/// All tokens.
#[derive(Serialize, ToSchema)]
pub(super) struct Tokens {
    items: Vec<TokenBody>,
}

/// A new token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "script", "scopes": ["view"]}))]
pub(super) struct NewToken {
    /// 1 to 64 of letters, digits, `.`, `_`, `-` and `@`.
    name: String,
    scopes: BTreeSet<Scope>,
    /// The cameras that it may see; null or absent for all.
    cameras: Option<Vec<String>>,
}

/// A token with what its owner sends.
#[derive(Serialize, ToSchema)]
pub(super) struct CreatedToken {
    #[serde(flatten)]
    token: TokenBody,
    /// What is sent as `Authorization: Bearer`. It is not shown again.
    secret: String,
}

/// All tokens, oldest first.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", responses((status = 200, body = Tokens)))]
pub(super) async fn list_tokens(State(app): State<App>) -> Result<Json<Tokens>, Problem> {
    let tokens = app.blocking(|app| app.store.tokens()).await?;
    Ok(Json(Tokens { items: tokens.into_iter().map(TokenBody::from).collect() }))
}

/// Makes a token.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", responses((status = 201, body = CreatedToken)))]
pub(super) async fn create_token(
    State(app): State<App>,
    Json(body): Json<NewToken>,
) -> Result<(StatusCode, Json<CreatedToken>), Problem> {
    let token = Token::new(body.name, body.scopes, cameras(body.cameras)?, app.clock.wall())?;
    let key = Key::generate();
    let (added, digest) = (token.clone(), key.digest());
    Problem::of_change(app.blocking(move |app| app.store.add_token(added, digest)).await?, "token")?;
    Ok((StatusCode::CREATED, Json(CreatedToken { token: token.into(), secret: key.token() })))
}

/// Revokes a token. It takes effect at once.
#[utoipa::path(delete, path = "/api/v1/tokens/{token}", tag = "tokens", params(("token" = String, Path)),
    responses((status = 204, description = "Revoked")))]
pub(super) async fn revoke_token(State(app): State<App>, Path(token): Path<String>) -> Result<StatusCode, Problem> {
    Problem::of_change(app.blocking(move |app| app.store.remove_token(&token)).await?, "token")?;
    Ok(StatusCode::NO_CONTENT)
}
