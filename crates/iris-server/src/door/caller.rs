//! Who asks: found out from the request, and the one function that says what they may do.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use iris_core::CameraId;

use super::App;
use super::problem::{Code, Problem};
use crate::accounts::{Cameras, Digest, Key, Role, Scope, Session, Token, User};
use crate::error::Result;

/// The cookie of a session.
pub(super) const COOKIE: &str = "iris_session";
/// How exactly it is remembered when a session or token was last used, in microseconds.
const USE_US: i64 = 60_000_000;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Everyone, signed in or not.
    Public,
    /// Who may watch.
    Viewer,
    /// Who may watch all cameras: what is told is not about one of them.
    Overview,
    /// Who may handle alarms.
    Operator,
    /// Who may change everything.
    Admin,
    /// Who may read the metrics.
    Metrics,
    /// Who may ask the models.
    Infer,
}

/// Someone who has shown who they are.
#[derive(Debug, Clone)]
pub struct Caller {
    identity: Identity,
    grants: Arc<BTreeSet<Scope>>,
    cameras: Arc<Cameras>,
}

#[derive(Debug, Clone)]
enum Identity {
    Session { key: Key, user: User },
    Token { digest: Digest, name: String },
}

impl Caller {
    fn of_session(key: Key, session: Session) -> Self {
        let user = session.user;
        let grants = match user.role {
            Role::Viewer => BTreeSet::from([Scope::View]),
            Role::Operator => BTreeSet::from([Scope::Operate]),
            Role::Admin => BTreeSet::from([Scope::Admin]),
        };
        let cameras = Arc::new(user.cameras.clone());
        Self { identity: Identity::Session { key, user }, grants: grants.into(), cameras }
    }

    fn of_token(digest: Digest, token: Token) -> Self {
        let identity = Identity::Token { digest, name: token.name };
        Self { identity, grants: token.scopes.into(), cameras: token.cameras.into() }
    }

    /// The user's or the token's name.
    pub fn name(&self) -> &str {
        match &self.identity {
            Identity::Session { user, .. } => &user.name,
            Identity::Token { name, .. } => name,
        }
    }

    /// By what they are known.
    pub(super) fn digest(&self) -> Digest {
        match &self.identity {
            Identity::Session { key, .. } => key.digest(),
            Identity::Token { digest, .. } => *digest,
        }
    }

    /// Whether they may see a camera and what it saw. What they may not see is to them not there.
    pub fn sees(&self, camera: CameraId) -> bool {
        self.cameras.as_ref().as_ref().is_none_or(|cameras| cameras.contains(&camera))
    }

    /// The cameras that they may see; `None` means all.
    pub fn cameras(&self) -> Option<&BTreeSet<CameraId>> {
        self.cameras.as_ref().as_ref()
    }

    /// Their session's key and their user, unless they are a program with a token.
    pub(super) fn session(&self) -> Option<(&Key, &User)> {
        match &self.identity {
            Identity::Session { key, user } => Some((key, user)),
            Identity::Token { .. } => None,
        }
    }

    fn may(&self, access: Access) -> bool {
        let has = |scope| self.grants.contains(&scope);
        let sees_all = self.cameras.is_none();
        match access {
            Access::Public => true,
            Access::Viewer => has(Scope::View) || has(Scope::Operate) || has(Scope::Admin),
            Access::Overview => sees_all && self.may(Access::Viewer),
            Access::Operator => has(Scope::Operate) || has(Scope::Admin),
            Access::Admin => sees_all && has(Scope::Admin),
            Access::Infer => has(Scope::Infer) || has(Scope::Admin),
            Access::Metrics => sees_all && (has(Scope::Metrics) || has(Scope::Admin)),
        }
    }
}

/// Whether someone may use a route of this class on this camera. The one place where it is decided, for every channel.
///
/// # Errors
/// [`Code::Unauthenticated`] without a caller; [`Code::NotFound`] for a camera that they may not see, as for one that
/// is not there; [`Code::Forbidden`] for a class that they do not have.
pub fn authorize(caller: Option<&Caller>, access: Access, camera: Option<CameraId>) -> Result<(), Problem> {
    if access == Access::Public {
        return Ok(());
    }
    let Some(caller) = caller else {
        return Err(Problem::new(Code::Unauthenticated, "sign in, or send a token as `Authorization: Bearer`"));
    };
    if camera.is_some_and(|camera| !caller.sees(camera)) {
        return Err(Problem::absent("camera"));
    }
    if caller.may(access) {
        return Ok(());
    }
    Err(Problem::new(Code::Forbidden, format!("{} may not do this", caller.name())))
}

/// What a request shows to say who asks.
#[derive(Debug, Clone)]
pub(super) enum Shown {
    Cookie(Key),
    Bearer(Key),
}

impl Shown {
    /// By what it is known.
    pub(super) fn digest(&self) -> Digest {
        match self {
            Self::Cookie(key) | Self::Bearer(key) => key.digest(),
        }
    }

    /// Finds it in a request; `Err` if there is something that cannot be it. A token counts before a cookie.
    pub(super) fn find(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let unknown = || Problem::new(Code::Unauthenticated, "this session or token is not known, or is over");
        let mut tokens = headers.get_all(header::AUTHORIZATION).iter();
        match (tokens.next(), tokens.next()) {
            (Some(value), None) => {
                let text = value.to_str().ok().and_then(|value| value.strip_prefix("Bearer "));
                text.and_then(Key::parse).map(|key| Some(Self::Bearer(key))).ok_or_else(unknown)
            }
            (Some(_), Some(_)) => Err(unknown()),
            (None, _) => match cookie(headers) {
                Some(text) => Key::parse(text).map(|key| Some(Self::Cookie(key))).ok_or_else(unknown),
                None => Ok(None),
            },
        }
    }
}

/// The value of the session's cookie.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    pairs.flat_map(|value| value.split(';')).find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

impl App {
    /// Whom what was shown belongs to, if to anyone, and still.
    pub(super) fn identify(&self, shown: &Shown) -> Result<Option<Caller>> {
        let now = self.clock.wall();
        match shown {
            Shown::Cookie(key) => {
                let digest = key.digest();
                let Some(session) = self.store.session(digest)?.filter(|session| !session.is_over(now)) else {
                    return Ok(None);
                };
                if now.unix_micros - session.used.unix_micros >= USE_US {
                    self.store.use_session(digest, now)?;
                }
                Ok(Some(Caller::of_session(key.clone(), session)))
            }
            Shown::Bearer(key) => {
                let digest = key.digest();
                let Some(token) = self.store.token(digest)? else { return Ok(None) };
                if token.used.is_none_or(|used| now.unix_micros - used.unix_micros >= USE_US) {
                    self.store.use_token(&token.id, now)?;
                }
                Ok(Some(Caller::of_token(digest, token)))
            }
        }
    }

    /// Whether a caller of some time ago is still who they were and may still do and see the same: for what lasts longer
    /// than a request.
    pub(super) fn still_is(&self, caller: &Caller) -> Result<bool> {
        let now = match &caller.identity {
            Identity::Session { key, .. } => {
                let session = self.store.session(key.digest())?.filter(|session| !session.is_over(self.clock.wall()));
                session.map(|session| Caller::of_session(key.clone(), session))
            }
            Identity::Token { digest, .. } => self.store.token(*digest)?.map(|token| Caller::of_token(*digest, token)),
        };
        Ok(now.is_some_and(|now| now.grants == caller.grants && now.cameras == caller.cameras))
    }
}

/// Handlers of routes that are not public take the caller as an argument; the guard has put it there.
impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Problem::new(Code::Unauthenticated, "nobody is signed in"))
    }
}
