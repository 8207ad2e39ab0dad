//! Setting up, signing in and out, and what a session withstands.

use std::time::Duration;

use iris_server::accounts::{IDLE, LIFETIME, Role};
use serde_json::{Value, json};

use crate::access::path_of;
use crate::kit::{Door, HOST, PASSWORD, Sender};

const SETUP: &str = "/api/v1/setup";
const SESSION: &str = "/api/v1/session";

fn first_admin(token: &str) -> Value {
    json!({"token": token, "name": "ada", "password": PASSWORD})
}

fn credentials(name: &str, password: &str) -> Value {
    json!({"name": name, "password": password})
}

#[tokio::test]
async fn iris_is_set_up_once_by_whoever_has_the_token() {
    let door = Door::new();
    let nobody = Sender::nobody();
    let token = door.setup.clone().expect("there is no user").text();
    let file = door.folder.path().join("setup-token");
    assert_eq!(std::fs::read_to_string(&file).expect("kept"), token);
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&file.metadata().expect("there").permissions()) & 0o777, 0o600);
    assert_eq!(door.send(&nobody, "GET", SETUP, None).await.good(200), json!({"required": true}));
    for wrong in ["", "0", &"0".repeat(64), &token[1..]] {
        door.send(&nobody, "POST", SETUP, Some(first_admin(wrong))).await.bad(403, "forbidden");
    }
    let weak = json!({"token": token, "name": "ada", "password": "password1234"});
    assert_eq!(
        door.send(&nobody, "POST", SETUP, Some(weak)).await.bad(422, "invalid")["errors"][0]["path"],
        "password"
    );
    let admin = door.send(&nobody, "POST", SETUP, Some(first_admin(&token))).await;
    assert_eq!(admin.good(201)["user"]["role"], "admin");
    door.send(&admin.signed_in(), "GET", "/api/v1/users", None).await.good(200);
    assert!(!file.exists());
    assert_eq!(door.send(&nobody, "GET", SETUP, None).await.good(200), json!({"required": false}));
    door.send(&nobody, "POST", SETUP, Some(first_admin(&token))).await.bad(403, "forbidden");
}

#[tokio::test]
async fn of_many_who_set_up_at_once_one_becomes_admin() {
    let door = Door::new();
    let token = door.setup.clone().expect("there is no user").text();
    let nobody = Sender::nobody();
    let names: Vec<String> = (0..8).map(|n| format!("ada{n}")).collect();
    let bodies = names.iter().map(|name| json!({"token": token, "name": name, "password": PASSWORD}));
    let answers = bodies.map(|body| door.send(&nobody, "POST", SETUP, Some(body)));
    let answers = futures::future::join_all(answers).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert!(answers.iter().all(|answer| [201, 403, 409].contains(&answer.status.as_u16())));
    assert_eq!(door.store.users().expect("users").len(), 1);
}

#[tokio::test]
async fn a_session_begins_with_the_password_and_ends_with_signing_out() {
    let door = Door::new();
    door.add_user("Ada", Role::Viewer, Some(&["one"]));
    let nobody = Sender::nobody();
    let unknown = door.send(&nobody, "POST", SESSION, Some(credentials("bob", PASSWORD))).await;
    let wrong = door.send(&nobody, "POST", SESSION, Some(credentials("Ada", "correct horse batterz"))).await;
    assert_eq!(unknown.bad(401, "wrong_password"), wrong.bad(401, "wrong_password"), "they look the same");
    assert!(wrong.headers.get("set-cookie").is_none());

    let answer = door.send(&nobody, "POST", SESSION, Some(credentials("ada", PASSWORD))).await;
    let body = answer.good(200);
    assert_eq!(
        body["user"],
        json!({"name": "Ada", "role": "viewer", "cameras": ["one"], "created": "1970-01-01T00:00:00Z"})
    );
    let cookie = answer.headers["set-cookie"].to_str().expect("text");
    for attribute in ["; HttpOnly", "; SameSite=Strict", "; Secure", "; Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let ada = answer.signed_in();
    assert_eq!(door.send(&ada, "GET", SESSION, None).await.good(200), body);
    door.send(&ada, "DELETE", SESSION, None).await.good(204);
    door.send(&ada, "GET", SESSION, None).await.bad(401, "unauthenticated");
}

#[tokio::test]
async fn a_session_that_is_not_used_or_is_old_is_over() {
    let door = Door::new();
    door.add_user("ada", Role::Viewer, None);
    let ask = async |ada: &Sender| {
        let status = door.send(ada, "GET", SESSION, None).await.status.as_u16();
        door.settle();
        status
    };
    let almost = IDLE.saturating_sub(Duration::from_mins(1));
    let ada = door.session_of("ada");
    door.after(almost);
    assert_eq!(ask(&ada).await, 200);
    door.after(almost);
    assert_eq!(ask(&ada).await, 200, "using it has kept it");
    door.after(IDLE);
    assert_eq!(ask(&ada).await, 401);

    let ada = door.session_of("ada");
    for _ in 0..(LIFETIME.as_secs() / almost.as_secs()) {
        door.after(almost);
        assert_eq!(ask(&ada).await, 200);
    }
    door.after(almost);
    assert_eq!(ask(&ada).await, 401, "however often it is used");
}

#[tokio::test]
async fn a_new_password_ends_all_sessions_but_the_new_one() {
    let door = Door::new();
    door.add_user("ada", Role::Viewer, None);
    let (here, there) = (door.session_of("ada"), door.session_of("ada"));
    let change = |old: &str, new: &str| Some(json!({"old": old, "new": new}));
    let new = "another long password";
    door.send(&here, "POST", "/api/v1/password", change("wrong wrong wrong", new)).await.bad(401, "wrong_password");
    door.send(&here, "POST", "/api/v1/password", change(PASSWORD, "too short")).await.bad(422, "invalid");
    let answer = door.send(&here, "POST", "/api/v1/password", change(PASSWORD, new)).await;
    answer.good(200);
    for old in [&here, &there] {
        door.send(old, "GET", SESSION, None).await.bad(401, "unauthenticated");
    }
    door.send(&answer.signed_in(), "GET", SESSION, None).await.good(200);
    door.send(&Sender::nobody(), "POST", SESSION, Some(credentials("ada", PASSWORD))).await.bad(401, "wrong_password");
    door.send(&Sender::nobody(), "POST", SESSION, Some(credentials("ada", new))).await.good(200);
}

#[tokio::test]
async fn a_page_of_another_site_can_change_nothing() {
    let door = Door::new();
    door.add_user("root", Role::Admin, None);
    let root = door.session_of("root");
    let ours = format!("https://{HOST}");
    let forged = [
        Sender { csrf: None, ..root.clone() },
        Sender { csrf: Some("0".repeat(64)), ..root.clone() },
        Sender { csrf: Some(String::new()), ..root.clone() },
        Sender { csrf: None, ..root.clone() }.and("origin", &ours),
        root.clone().and("origin", "https://evil.example"),
        root.clone().and("origin", "null"),
        root.clone().and("sec-fetch-site", "cross-site"),
        root.clone().and("sec-fetch-site", "same-site"),
    ];
    let changing = iris_server::door::declared().into_iter().filter(|route| route.method != "GET");
    for route in changing.filter(|route| route.access != iris_server::door::Access::Public) {
        for sender in &forged {
            let answer = door.send(sender, &route.method, &path_of(&route, "one"), Some(json!({}))).await;
            assert_eq!(answer.status, 403, "{route:?} {sender:?}");
            answer.refused(&route.path, 403, "cross_site");
        }
    }
    for path in [SETUP, SESSION] {
        let evil = Sender::with("origin", "https://evil.example");
        door.send(&evil, "POST", path, Some(credentials("root", PASSWORD))).await.bad(403, "cross_site");
        let form = Sender::with("content-type", "text/plain");
        door.send(&form, "POST", path, None).await.bad(415, "unsupported_media_type");
    }
    let user = json!({"name": "bob", "role": "viewer", "password": PASSWORD});
    let good = root.and("origin", &ours).and("sec-fetch-site", "same-origin");
    door.send(&good, "POST", "/api/v1/users", Some(user)).await.good(201);
}
