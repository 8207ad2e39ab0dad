//! What stands before every route: finds out who asks, refuses what may come from somebody else's page, and lets
//! through whom [`authorize`] lets through.

use axum::extract::{RawPathParams, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use iris_core::CameraId;

use super::App;
use super::caller::{Access, Shown, authorize};
use super::problem::{Code, Problem};
use crate::accounts::Key;

/// The header that shows that a request with a cookie comes from our own page.
pub(super) const CSRF: &str = "x-csrf-token";
/// What the key in that header is derived from the session's for.
const CSRF_PURPOSE: &str = "csrf";

/// Guards a route of a class.
pub(super) async fn guard(
    State((app, access)): State<(App, Access)>,
    params: RawPathParams,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let headers = request.headers();
    let is_upgrade = headers.contains_key(header::UPGRADE);
    let may_change = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let shown = if access == Access::Public { None } else { Shown::find(headers)? };
    if (may_change || is_upgrade) && !matches!(shown, Some(Shown::Bearer(_))) {
        refuse_other_sites(headers, is_upgrade)?;
    }
    let caller = match shown.clone() {
        Some(shown) => {
            match access {
                Access::Infer => app.limits.inference(shown.digest(), app.clock.mono())?,
                _ => app.limits.request(shown.digest(), app.clock.mono())?,
            }
            app.blocking(move |app| app.identify(&shown)).await?
        }
        None => None,
    };
    authorize(caller.as_ref(), access, camera(&params)?)?;
    if let (Some(Shown::Cookie(key)), true) = (&shown, may_change) {
        refuse_without_csrf(headers, key)?;
    }
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    Ok(next.run(request).await)
}

/// The camera that a path names, itself or by one of its events.
fn camera(params: &RawPathParams) -> Result<Option<CameraId>, Problem> {
    let found = params.iter().find_map(|(name, value)| match name {
        "camera" => Some(CameraId::new(value).map_err(|_| Problem::absent("camera"))),
        "event" => Some(camera_of_event(value).ok_or_else(|| Problem::absent("event"))),
        _ => None,
    });
    found.transpose()
}

/// The camera at the start of an event's name, `<camera>-<run>.<connection>-<n>`.
fn camera_of_event(event: &str) -> Option<CameraId> {
    let mut parts = event.rsplitn(3, '-').skip(2);
    CameraId::new(parts.next()?).ok()
}

/// A browser says from which page a request comes. A WebSocket must say it, because a browser lets any page open one.
fn refuse_other_sites(headers: &HeaderMap, must_say: bool) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST);
    let is_ours = match (headers.get(header::ORIGIN), headers.get("sec-fetch-site")) {
        (Some(origin), _) => origin.to_str().ok().and_then(authority).is_some_and(|from| Some(from) == host),
        (None, _) if must_say => false,
        (None, Some(site)) => site == "same-origin" || site == "none",
        (None, None) => true,
    };
    if is_ours { Ok(()) } else { Err(Problem::new(Code::CrossSite, "the request comes from another site's page")) }
}

/// Host and port of an origin, as a browser writes them into `Host`.
fn authority(origin: &str) -> Option<&str> {
    origin.split_once("://").map(|(_, authority)| authority)
}

fn refuse_without_csrf(headers: &HeaderMap, session: &Key) -> Result<(), Problem> {
    let sent = headers.get(CSRF).and_then(|value| Key::parse(value.to_str().ok()?));
    if sent.is_some_and(|sent| sent.equals(&csrf(session))) {
        return Ok(());
    }
    Err(Problem::new(Code::CrossSite, format!("the header {CSRF} is missing or is not the session's")))
}

/// What a page must send with a session's unsafe requests.
pub(super) fn csrf(session: &Key) -> Key {
    session.derive(CSRF_PURPOSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_names_its_camera() {
        for (event, camera) in [
            ("gate-1.0-1", Some("gate")),
            ("north-gate-2-14.3-77", Some("north-gate-2")),
            ("gate", None),
            ("1.0-1", None),
            ("-1.0-1", None),
            ("../gate-1.0-1", None),
        ] {
            assert_eq!(camera_of_event(event).map(|id| id.to_string()), camera.map(str::to_owned), "{event}");
        }
    }

    #[test]
    fn only_our_own_pages_may_ask() {
        let ask = |origin: Option<&str>, site: Option<&str>, must_say| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "iris.example:8443".parse().expect("a value"));
            for (name, value) in [("origin", origin), ("sec-fetch-site", site)] {
                value.map(|value| headers.insert(name, value.parse().expect("a value")));
            }
            refuse_other_sites(&headers, must_say).is_ok()
        };
        assert!(ask(Some("https://iris.example:8443"), Some("same-origin"), true));
        assert!(ask(None, None, false), "a program that is no browser");
        assert!(ask(None, Some("same-origin"), false));
        for origin in
            ["https://iris.example", "https://evil.example:8443", "null", "", "https://iris.example:8443.evil"]
        {
            assert!(!ask(Some(origin), None, false), "{origin}");
        }
        for site in ["cross-site", "same-site"] {
            assert!(!ask(None, Some(site), false), "{site}");
        }
        assert!(!ask(None, None, true), "a WebSocket says where it comes from");
    }
}
