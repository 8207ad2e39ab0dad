//! Every route, once: its handler, which says path and method, and who may use it.
//!
//! A route that is not here is not served, and one that is here has its guard before it; a handler cannot forget it.
//! A name in braces says what it names: `{camera}` and `{event}` are looked at by the guard.

use axum::routing::MethodRouter;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, Ref, ResponseBuilder};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::caller::Access::{self, Admin, Infer, Metrics, Operator, Overview, Public, Viewer};
use super::problem::PROBLEM_JSON;
use super::{App, health, live, media, openapi, probe, session, tokens, users};
use crate::api::{cameras, config, detect, events, models, sinks, stream, system, videos};
use crate::oip::{grpc, repository, rest};

/// A route and who may use it.
pub(super) struct Route {
    pub(super) access: Access,
    pub(super) methods: UtoipaMethodRouter<App>,
}

macro_rules! table {
    ($($access:ident $($handler:ident)::+;)*) => {
        vec![$(Route { access: $access, methods: utoipa_axum::routes!($($handler)::+) }),*]
    };
}

/// The table.
pub(super) fn all() -> Vec<Route> {
    table! {
        Public health::health;
        Metrics health::metrics;
        Overview health::detail;
        Public openapi::openapi;

        Public session::setup_state;
        Public session::set_up;
        Public session::sign_in;
        Viewer session::current_session;
        Viewer session::sign_out;
        Viewer session::change_password;

        Viewer live::live;
        Viewer media::snapshot;
        Viewer media::event_picture;
        Viewer media::event_clip;
        Admin probe::test_camera;

        Admin users::list_users;
        Admin users::add_user;
        Admin users::change_user;
        Admin users::remove_user;

        Admin tokens::list_tokens;
        Admin tokens::create_token;
        Admin tokens::revoke_token;

        Viewer cameras::list_cameras;
        Viewer cameras::get_camera;
        Admin cameras::add_camera;
        Admin cameras::change_camera;
        Admin cameras::remove_camera;

        Viewer events::list_events;
        Viewer stream::event_stream;
        Viewer events::get_event;
        Operator events::review_event;

        Viewer models::list_models;
        Infer detect::detect;
        Infer videos::add_video;
        Infer videos::get_video;
        Infer videos::video_detections;
        Infer videos::remove_video;

        Infer rest::server_metadata;
        Infer rest::server_live;
        Infer rest::server_ready;
        Infer rest::all_statistics;
        Infer rest::model_metadata;
        Infer rest::model_version_metadata;
        Infer rest::model_ready;
        Infer rest::model_version_ready;
        Infer rest::model_config;
        Infer rest::model_version_config;
        Infer rest::model_statistics;
        Infer rest::model_version_statistics;
        Infer rest::model_infer;
        Infer rest::model_version_infer;
        Infer grpc::call;

        Admin repository::repository_index;
        Admin repository::load_model;
        Admin repository::unload_model;

        Admin sinks::list_sinks;
        Admin sinks::add_sink;
        Admin sinks::remove_sink;
        Admin sinks::revive_sink;

        Overview system::system;
        Overview system::topology;

        Admin config::export_config;
        Admin config::import_config;
    }
}

/// All routes, each behind what `guard` puts before its handlers, and the document that describes them.
pub(super) fn router(guard: impl Fn(MethodRouter<App>, Access) -> MethodRouter<App>) -> OpenApiRouter<App> {
    all().into_iter().fold(OpenApiRouter::with_openapi(openapi::frame()), |router, route| {
        let Route { access, methods: (schemas, mut paths, methods) } = route;
        paths.paths.iter_mut().for_each(|(path, item)| describe(path, item, access));
        router.routes((schemas, paths, guard(methods, access)))
    })
}

/// Says in a route's description who may use it and what it answers otherwise.
fn describe(path: &str, item: &mut utoipa::openapi::PathItem, access: Access) {
    let (schema, kind) =
        if path.starts_with("/v2") { ("InferenceError", "application/json") } else { ("Problem", PROBLEM_JSON) };
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
    let problem = ResponseBuilder::new().description("What is wrong").content(kind, problem).build();
    let known = ["session", "token"].map(|scheme| SecurityRequirement::new(scheme, [""; 0]));
    for operation in openapi::operations(item) {
        operation.responses.responses.insert("default".into(), problem.clone().into());
        operation.security = Some(if access == Public { Vec::new() } else { known.to_vec() });
        let who = format!("Access: {}.", format!("{access:?}").to_lowercase());
        operation.description =
            Some(operation.description.take().map_or(who.clone(), |text| format!("{text}\n\n{who}")));
    }
}

/// A route as a test sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The method, in capitals.
    pub method: String,
    /// The path, with what it names in braces.
    pub path: String,
    /// Who may use it.
    pub access: Access,
}

/// Every route and who may use it.
pub fn declared() -> Vec<Declared> {
    let mut found = Vec::new();
    for Route { access, methods: (_, paths, _) } in all() {
        for (path, item) in paths.paths {
            let item = serde_json::to_value(item).unwrap_or_default();
            let methods = item.as_object().into_iter().flatten().map(|(method, _)| method.to_uppercase());
            found.extend(methods.map(|method| Declared { method, path: path.clone(), access }));
        }
    }
    found
}
