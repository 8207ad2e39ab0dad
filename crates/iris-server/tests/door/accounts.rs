//! Users and tokens over the API, and requests that make no sense.

use iris_server::accounts::{Role, Scope};
use serde_json::json;

use crate::kit::{Door, PASSWORD, Sender};

const USERS: &str = "/api/v1/users";
const TOKENS: &str = "/api/v1/tokens";

#[tokio::test]
async fn users_are_added_changed_and_removed() {
    let door = Door::new();
    door.add_user("root", Role::Admin, None);
    let root = door.session_of("root");
    let bob = json!({"name": "bob", "role": "operator", "password": PASSWORD, "cameras": ["one", "two"]});
    let added = door.send(&root, "POST", USERS, Some(bob.clone())).await.good(201);
    assert_eq!(added["cameras"], json!(["one", "two"]));
    door.send(&root, "POST", USERS, Some(bob)).await.bad(409, "exists");
    let list = door.send(&root, "GET", USERS, None).await.good(200);
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2));
    assert!(!list.to_string().contains("argon2"));

    let change = async |body| door.send(&root, "PATCH", "/api/v1/users/bob", Some(body)).await;
    assert_eq!(
        change(json!({"role": "viewer"})).await.good(200)["cameras"],
        json!(["one", "two"]),
        "absent is unchanged"
    );
    assert_eq!(change(json!({"cameras": null})).await.good(200)["cameras"], json!(null), "null is all");
    assert_eq!(change(json!({})).await.good(200)["role"], "viewer");
    let old = door.session_of("bob");
    change(json!({"password": "another long password"})).await.good(200);
    door.send(&old, "GET", "/api/v1/session", None).await.bad(401, "unauthenticated");

    door.send(&root, "DELETE", "/api/v1/users/bob", None).await.good(204);
    door.send(&root, "DELETE", "/api/v1/users/bob", None).await.bad(404, "not_found");
    door.send(&root, "PATCH", "/api/v1/users/bob", Some(json!({}))).await.bad(404, "not_found");
}

#[tokio::test]
async fn there_is_always_an_admin() {
    let door = Door::new();
    door.add_user("root", Role::Admin, None);
    let root = door.session_of("root");
    let to_viewer = Some(json!({"role": "viewer"}));
    door.send(&root, "DELETE", "/api/v1/users/ROOT", None).await.bad(409, "last_admin");
    door.send(&root, "PATCH", "/api/v1/users/root", to_viewer.clone()).await.bad(409, "last_admin");
    door.add_user("second", Role::Admin, None);
    door.send(&root, "PATCH", "/api/v1/users/root", to_viewer).await.good(200);
    door.send(&root, "GET", USERS, None).await.bad(403, "forbidden");
}

#[tokio::test]
async fn a_tokens_secret_is_shown_once_and_works_until_it_is_revoked() {
    let door = Door::new();
    door.add_user("root", Role::Admin, None);
    let root = door.session_of("root");
    let body = json!({"name": "grafana", "scopes": ["metrics"]});
    let made = door.send(&root, "POST", TOKENS, Some(body)).await.good(201);
    let secret = made["secret"].as_str().expect("a secret").to_owned();
    assert!(secret.starts_with("iris_") && secret.len() == 69);
    let program = Sender { bearer: Some(secret.clone()), ..Sender::default() };
    assert_eq!(door.send(&program, "GET", "/metrics", None).await.status, 200);
    door.settle();
    let list = door.send(&root, "GET", TOKENS, None).await.good(200);
    assert!(!list.to_string().contains(&secret[5..]), "not twice");
    assert_eq!(list["items"][0]["last_used"], "1970-01-01T00:00:00Z");
    door.send(&root, "DELETE", &format!("{TOKENS}/{}", made["id"].as_str().expect("an id")), None).await.good(204);
    door.send(&program, "GET", "/metrics", None).await.bad(401, "unauthenticated");
}

#[tokio::test]
async fn a_token_is_nobody_who_could_sign_out_or_have_a_password() {
    let door = Door::new();
    let program = door.token(&[Scope::Admin], None);
    for (method, path) in [("GET", "/api/v1/session"), ("DELETE", "/api/v1/session")] {
        door.send(&program, method, path, None).await.bad(403, "forbidden");
    }
    let change = json!({"old": PASSWORD, "new": "another long password"});
    door.send(&program, "POST", "/api/v1/password", Some(change)).await.bad(403, "forbidden");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_its_reason() {
    let door = Door::new();
    let root = door.token(&[Scope::Admin], None);
    for (path, body, says) in [
        (USERS, json!({"name": "../x", "role": "viewer", "password": PASSWORD}), "name: must be"),
        (USERS, json!({"name": "x", "role": "viewer", "password": "short"}), "12 to 128"),
        (USERS, json!({"name": "x", "role": "root", "password": PASSWORD}), "unknown variant `root`"),
        (USERS, json!({"name": "x", "role": "viewer", "password": PASSWORD, "id": 7}), "unknown field `id`"),
        (USERS, json!({"name": "x", "role": "admin", "password": PASSWORD, "cameras": []}), "sees all cameras"),
        (USERS, json!({"name": "x", "role": "viewer", "password": PASSWORD, "cameras": ["A b"]}), "cameras[0]"),
        (TOKENS, json!({"name": "x", "scopes": []}), "without a scope"),
        (TOKENS, json!({"name": "x", "scopes": ["admin"], "cameras": ["one"]}), "about all cameras"),
        (TOKENS, json!({"name": "x", "scopes": ["all"]}), "unknown variant `all`"),
    ] {
        let problem = door.send(&root, "POST", path, Some(body)).await.bad(422, "invalid");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(says)), "{problem}");
        assert!(!problem.to_string().contains(PASSWORD), "{problem}");
    }
}

#[tokio::test]
async fn what_layers_refuse_is_a_problem_document_too() {
    let door = Door::new();
    let root = door.token(&[Scope::Admin], None);
    let post = |body: Vec<u8>| {
        let mut request = root.request("POST", USERS, None);
        *request.body_mut() = body.into();
        request.headers_mut().insert("content-type", "application/json".parse().expect("a value"));
        request
    };
    door.send(&root, "GET", "/api/v1/nothing", None).await.bad(404, "not_found");
    door.send(&root, "PUT", USERS, Some(json!({}))).await.bad(405, "method_not_allowed");
    for text in ["{", "", "{\"name\": 1e400}", "\u{feff}{}"] {
        door.raw(post(text.into())).await.bad(400, "bad_request");
    }
    door.raw(post(b"{\"name\": \"\xff\"}".to_vec())).await.bad(400, "bad_request");
    door.raw(post("[".repeat(10_000).into())).await.bad(422, "invalid");
    door.raw(post(vec![b' '; (1 << 20) + 1])).await.bad(413, "too_large");
    let twice = format!("{{\"name\":\"a\",\"name\":\"b\",\"role\":\"viewer\",\"password\":\"{PASSWORD}\"}}");
    door.raw(post(twice.into())).await.bad(422, "invalid");
}
