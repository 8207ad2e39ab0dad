//! Every route and everyone who might use it: enumerated from the table, so that a new route is in these tests at once.

use iris_server::accounts::{Role, Scope};
use iris_server::door::{Access, Declared, declared};

use crate::kit::{Door, Sender};

/// What may be used without signing in, and no more.
const PUBLIC: [&str; 5] =
    ["GET /health", "GET /api/v1/openapi.json", "GET /api/v1/setup", "POST /api/v1/setup", "POST /api/v1/session"];

/// How someone comes in.
type Enter = Box<dyn Fn(&Door) -> Sender>;

/// A route's path for a camera and one of its events.
pub(crate) fn path_of(route: &Declared, camera: &str) -> String {
    let event = format!("{camera}-1.0-1");
    let path = route.path.replace("{camera}", camera).replace("{event}", &event);
    path.replace("{name}", "nobody")
        .replace("{token}", "none")
        .replace("{sink}", "none")
        .replace("{model}", "iris-n")
        .replace("{version}", "1")
        .replace("{method}", "ServerLive")
}

fn guarded() -> impl Iterator<Item = Declared> {
    declared().into_iter().filter(|route| route.access != Access::Public)
}

#[test]
fn public_is_what_is_listed_here() {
    let public = declared().into_iter().filter(|route| route.access == Access::Public);
    let public: Vec<String> = public.map(|route| format!("{} {}", route.method, route.path)).collect();
    let mut expected = PUBLIC.map(str::to_owned).to_vec();
    expected.sort();
    let mut found = public;
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn nothing_is_served_that_is_not_in_the_table() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![folder];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten().map(|entry| entry.path()) {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let text = std::fs::read_to_string(&entry).unwrap_or_default();
            let ways = [
                ".route(",
                ".route_service(",
                ".nest(",
                ".nest_service(",
                ".merge(",
                ".fallback(",
                ".fallback_service(",
            ];
            found.extend(ways.iter().flat_map(|way| text.matches(way)).map(|way| (entry.clone(), way.to_owned())));
        }
    }
    let found: Vec<_> = found.iter().map(|(path, way)| (path.file_name().and_then(|n| n.to_str()), &**way)).collect();
    assert_eq!(found, [(Some("mod.rs"), ".fallback(")], "the page alone has no row in the table");
}

#[test]
fn what_a_path_names_is_known_to_the_guard_or_is_no_camera() {
    for route in declared() {
        let names: Vec<&str> = route.path.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
        let known = ["camera", "event", "method", "model", "name", "sink", "token", "version", "video"];
        assert!(names.iter().all(|name| known.contains(name)), "{route:?}: say what it names, and add it here");
        let is_camera = route.path.starts_with("/api/v1/cameras/{");
        let is_event = route.path.starts_with("/api/v1/events/{");
        assert!(!is_camera || names == ["camera"], "{route:?}");
        assert!(!is_event || names == ["event"], "{route:?}");
    }
}

#[tokio::test]
async fn without_a_session_or_token_every_route_is_closed() {
    let door = Door::new();
    let key = "0".repeat(64);
    let strangers = [
        Sender::nobody(),
        Sender::with("authorization", ""),
        Sender::with("authorization", "Bearer"),
        Sender::with("authorization", "Bearer "),
        Sender::with("authorization", "Bearer null"),
        Sender::with("authorization", "Bearer []"),
        Sender::with("authorization", &format!("Bearer iris_{key}")),
        Sender::with("authorization", &format!("Basic {key}")),
        Sender::with("authorization", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."),
        Sender::with("authorization", &format!("Bearer iris_{key}")).and("authorization", &format!("Bearer {key}")),
        Sender::with("cookie", "iris_session="),
        Sender::with("cookie", "iris_session=null"),
        Sender::with("cookie", &format!("iris_session={key}")),
        Sender::with("cookie", &format!("iris_session={key}' OR '1'='1")),
        Sender::with("x-forwarded-user", "admin").and("remote-role", "admin").and("x-original-url", "/health"),
    ];
    for route in guarded() {
        for stranger in &strangers {
            let answer = door.send(stranger, &route.method, &path_of(&route, "one"), None).await;
            assert_eq!(answer.status, 401, "{route:?} {stranger:?}");
            answer.refused(&route.path, 401, "unauthenticated");
        }
        let in_query = format!("{}?token=iris_{key}&access_token={key}", path_of(&route, "one"));
        assert_eq!(door.send(&Sender::nobody(), &route.method, &in_query, None).await.status, 401, "{route:?}");
    }
}

#[tokio::test]
async fn each_role_and_scope_may_use_what_its_class_says_and_nothing_else() {
    use Access::{Admin, Infer, Metrics, Operator, Overview, Viewer};
    let door = Door::new();
    for (name, role, cameras) in [
        ("root", Role::Admin, None),
        ("admin", Role::Admin, None),
        ("operator", Role::Operator, None),
        ("viewer", Role::Viewer, None),
        ("one", Role::Viewer, Some(&["one"][..])),
        ("operator-one", Role::Operator, Some(&["one"])),
        ("none", Role::Viewer, Some(&[])),
    ] {
        door.add_user(name, role, cameras);
    }
    let session = |name: &'static str| move |door: &Door| door.session_of(name);
    let token = |scope: Scope| move |door: &Door| door.token(&[scope], None);
    let matrix: Vec<(&str, Enter, &[Access])> = vec![
        ("admin", Box::new(session("admin")), &[Viewer, Overview, Operator, Admin, Metrics, Infer]),
        ("operator", Box::new(session("operator")), &[Viewer, Overview, Operator]),
        ("viewer", Box::new(session("viewer")), &[Viewer, Overview]),
        ("viewer of one", Box::new(session("one")), &[Viewer]),
        ("operator of one", Box::new(session("operator-one")), &[Viewer, Operator]),
        ("admin token", Box::new(token(Scope::Admin)), &[Viewer, Overview, Operator, Admin, Metrics, Infer]),
        ("operate token", Box::new(token(Scope::Operate)), &[Viewer, Overview, Operator]),
        ("view token", Box::new(token(Scope::View)), &[Viewer, Overview]),
        ("metrics token", Box::new(token(Scope::Metrics)), &[Metrics]),
        ("infer token", Box::new(token(Scope::Infer)), &[Infer]),
        ("infer token of one", Box::new(|door| door.token(&[Scope::Infer], Some(&["one"]))), &[Infer]),
        ("view token of one", Box::new(|door| door.token(&[Scope::View], Some(&["one"]))), &[Viewer]),
    ];
    for route in guarded() {
        for (who, enter, may) in &matrix {
            let answer = door.send(&enter(&door), &route.method, &path_of(&route, "one"), None).await;
            let says = |key: &str| answer.json()[key].as_str().is_some_and(|text| text.ends_with("may not do this"));
            let refused = answer.status == 403 && (says("detail") || says("error"));
            assert_eq!(refused, !may.contains(&route.access), "{who}: {route:?}: {}", answer.status);
            assert_ne!(answer.status, 401, "{who}: {route:?}");
            assert!(!answer.status.is_server_error(), "{who}: {route:?}: {}", answer.status);
        }
    }
}

#[tokio::test]
async fn a_camera_that_one_may_not_see_is_not_there() {
    let door = Door::new();
    door.add_user("one", Role::Viewer, Some(&["one"]));
    door.add_user("operator", Role::Operator, Some(&["one"]));
    let limited = [
        door.session_of("one"),
        door.session_of("operator"),
        door.token(&[Scope::View, Scope::Operate], Some(&["one"])),
    ];
    let about_one = |route: &Declared| route.path.contains("{camera}") || route.path.contains("{event}");
    for route in guarded().filter(about_one) {
        for sender in &limited {
            for camera in ["two", "nowhere", "One", "..", "%2e%2e", "one%00"] {
                let answer = door.send(sender, &route.method, &path_of(&route, camera), None).await;
                assert_eq!(answer.status, 404, "{route:?} {camera}");
            }
        }
    }
}

#[tokio::test]
async fn rights_end_at_once() {
    let door = Door::new();
    door.add_user("root", Role::Admin, None);
    door.add_user("ada", Role::Operator, None);
    let sender = door.session_of("ada");
    let token = door.token(&[Scope::View], None);
    let ask = async |sender: &Sender| door.send(sender, "GET", "/api/v1/health", None).await.status.as_u16();
    assert_eq!((ask(&sender).await, ask(&token).await), (200, 200));
    let one = [iris_core::CameraId::new("one").expect("an id")].into_iter().collect();
    assert_eq!(
        door.store.change_user("ada", Role::Viewer, Some(one)).expect("stored"),
        iris_server::accounts::Change::Done
    );
    assert_eq!(ask(&sender).await, 403);
    let root = door.session_of("root");
    door.send(&root, "DELETE", "/api/v1/users/ada", None).await.good(204);
    assert_eq!(ask(&sender).await, 401);
    let id = door.store.tokens().expect("tokens")[0].id.clone();
    door.send(&root, "DELETE", &format!("/api/v1/tokens/{id}"), None).await.good(204);
    assert_eq!(ask(&token).await, 401);
}
