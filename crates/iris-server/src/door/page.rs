//! The page, as it was built into the program from `ui/`. What the page shows comes from the other routes.

use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::problem::{Code, Problem};

/// The built page. A debug build reads it from the disk whenever it is asked for, so that the page can be changed beside
/// a running server. Empty when it was not built.
#[derive(RustEmbed)]
#[folder = "../../ui/dist/page"]
#[allow_missing = true]
struct Built;

const INDEX: &str = "index.html";
/// What lies below it has a hash of itself in its name.
const HASHED: &str = "assets/";
/// What belongs to the server: there the page never answers for what does not exist.
const NOT_THE_PAGE: [&str; 5] = ["api", "v2", "health", "metrics", "assets"];

const MISSING: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Iris</title>\
                       <h1>The page is not part of this program</h1><p>It was compiled without it. With Node installed, \
                       <code>cargo xtask setup</code> builds the page; compile the server again after that. The API \
                       answers below <code>/api/v1</code> all the same.</p>";

/// Answers every path that is no route: with the file of that name, else with the page itself, which knows its own
/// addresses.
pub(super) async fn page(method: Method, uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    if !matches!(method, Method::GET | Method::HEAD) {
        return Problem::new(Code::NotFound, "there is nothing here").into_response();
    }
    let found = Built::get(path).map(|file| (path, file));
    let is_elsewhere = NOT_THE_PAGE.contains(&path.split('/').next().unwrap_or_default());
    match found {
        Some((path, file)) => answer(path, file),
        None if is_elsewhere => Problem::new(Code::NotFound, "there is nothing here").into_response(),
        None => index(),
    }
}

fn index() -> Response {
    match Built::get(INDEX) {
        Some(file) => answer(INDEX, file),
        None => (StatusCode::NOT_FOUND, Html(MISSING)).into_response(),
    }
}

fn answer(path: &str, file: EmbeddedFile) -> Response {
    let lasting = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    ([(header::CONTENT_TYPE, kind(path)), (header::CACHE_CONTROL, lasting)], file.data).into_response()
}

/// By the ending of a file's name.
fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("md") => "text/markdown; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(path: &str) -> Response {
        page(Method::GET, path.parse().expect("a path")).await
    }

    fn text<'a>(response: &'a Response, name: &header::HeaderName) -> &'a str {
        response.headers().get(name).map(|value| value.to_str().expect("text")).unwrap_or_default()
    }

    #[tokio::test]
    async fn the_page_knows_its_addresses_and_not_those_of_the_api() {
        for (path, is_page) in [
            ("/", true),
            ("/events/gate-1.0-1", true),
            ("/cameras/api", true),
            ("/api/v1/nothing", false),
            ("/api", false),
            ("/assets/old-1234.js", false),
            ("/metrics/x", false),
        ] {
            let kind = ask(path).await.headers()[header::CONTENT_TYPE].clone();
            assert_eq!(kind.to_str().is_ok_and(|kind| kind.starts_with("text/html")), is_page, "{path}: {kind:?}");
        }
        assert_eq!(page(Method::POST, Uri::from_static("/")).await.status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn only_what_has_its_hash_in_its_name_is_kept_by_browsers() {
        let file = || EmbeddedFile { data: b"x".as_slice().into(), metadata: metadata() };
        assert!(text(&answer("assets/index-1a2b.js", file()), &header::CACHE_CONTROL).contains("immutable"));
        assert_eq!(text(&answer(INDEX, file()), &header::CACHE_CONTROL), "no-cache");
        assert_eq!(text(&answer("favicon.svg", file()), &header::CONTENT_TYPE), "image/svg+xml");
    }

    fn metadata() -> rust_embed::Metadata {
        rust_embed::Metadata::__rust_embed_new([0; 32], None, None)
    }
}
