//! The frame of the document that describes the API, after OpenAPI 3.1. What each route does stands at its handler.

use std::sync::OnceLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, LicenseBuilder, PathItem};

use super::caller::COOKIE;
use super::problem::Document;
use super::routes;
use crate::oip::rest::InferenceError;

#[derive(OpenApi)]
#[openapi(components(schemas(Document, InferenceError)))]
struct Frame;

/// The document without any route.
pub(super) fn frame() -> utoipa::openapi::OpenApi {
    let mut document = Frame::openapi();
    document.info = InfoBuilder::new()
        .title("Iris")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Cameras in, few right alarms out. Errors are problem documents after RFC 9457."))
        .license(Some(LicenseBuilder::new().name("Apache-2.0 OR MIT").build()))
        .build();
    let cookie = ApiKeyValue::with_description(
        COOKIE,
        "A session, from signing in. Unsafe methods also need the header `x-csrf-token`, with the session's `csrf`.",
    );
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("A token of a program: `iris_…`."));
    let schemes = &mut document.components.get_or_insert_default().security_schemes;
    schemes.insert("session".into(), SecurityScheme::ApiKey(ApiKey::Cookie(cookie)).into());
    schemes.insert("token".into(), SecurityScheme::Http(bearer.build()).into());
    document
}

/// The operations of a path.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
    [get, put, post, delete, options, head, patch, trace].into_iter().flatten()
}

/// The document, as it is checked in.
pub fn document() -> &'static str {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let document = routes::router(|methods, _| methods).into_openapi();
        serde_json::to_value(document).map(|value| format!("{value:#}\n")).unwrap_or_default()
    })
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "system", responses(
    (status = 200, description = "The description of this API, after OpenAPI 3.1", body = serde_json::Value)))]
pub(super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document()).into_response()
}
