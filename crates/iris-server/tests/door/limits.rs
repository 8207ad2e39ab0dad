//! How often something may be asked, and what browsers are told.

use std::time::Duration;

use iris_server::accounts::{Role, Scope};
use serde_json::json;

use crate::kit::{Answer, Door, PASSWORD, Sender};

const SESSION: &str = "/api/v1/session";

async fn sign_in(door: &Door, sender: &Sender, name: &str, password: &str) -> Answer {
    door.send(sender, "POST", SESSION, Some(json!({"name": name, "password": password}))).await
}

#[tokio::test]
async fn after_five_wrong_passwords_an_account_waits() {
    let door = Door::new();
    door.add_user("ada", Role::Viewer, None);
    for n in 0..5 {
        // What a request says of its origin does not help.
        let sender = Sender::with("x-forwarded-for", &format!("192.0.2.{n}")).and("forwarded", "for=192.0.2.9");
        sign_in(&door, &sender, "ada", "wrong wrong wrong").await.bad(401, "wrong_password");
    }
    let nobody = Sender::nobody();
    for name in ["ada", "ADA"] {
        let refused = sign_in(&door, &nobody, name, PASSWORD).await;
        refused.bad(429, "too_many_requests");
        assert_eq!(refused.headers["retry-after"], "12");
    }
    sign_in(&door, &nobody, "bob", "wrong wrong wrong").await.bad(401, "wrong_password");
    door.after(Duration::from_secs(12));
    sign_in(&door, &nobody, "ada", PASSWORD).await.good(200);
}

#[tokio::test]
async fn an_address_may_try_twenty_times_a_minute() {
    let door = Door::new();
    let nobody = Sender::nobody();
    let setup = json!({"token": "0".repeat(64), "name": "ada", "password": PASSWORD});
    for _ in 0..20 {
        door.send(&nobody, "POST", "/api/v1/setup", Some(setup.clone())).await.bad(403, "forbidden");
    }
    door.send(&nobody, "POST", "/api/v1/setup", Some(setup)).await.bad(429, "too_many_requests");
    sign_in(&door, &nobody, "ada", PASSWORD).await.bad(429, "too_many_requests");
}

#[tokio::test]
async fn a_token_may_ask_a_hundred_times_at_once_and_fifty_times_a_second() {
    let door = Door::new();
    let (one, other) = (door.token(&[Scope::View], None), door.token(&[Scope::View], None));
    let ask = async |sender: &Sender| door.send(sender, "GET", "/api/v1/health", None).await.status.as_u16();
    for _ in 0..100 {
        assert_eq!(ask(&one).await, 200);
    }
    assert_eq!((ask(&one).await, ask(&other).await), (429, 200));
    door.after(Duration::from_secs(1));
    for _ in 0..50 {
        assert_eq!(ask(&one).await, 200);
    }
    assert_eq!(ask(&one).await, 429);
}

#[tokio::test]
async fn every_answer_tells_browsers_what_not_to_do() {
    let door = Door::new();
    let token = door.token(&[Scope::Admin], None);
    for path in
        ["/health", "/api/v1/openapi.json", "/api/v1/users", "/api/v1/nothing", "/api/v1/setup", "/", "/%3Cscript%3E"]
    {
        let answer = door.send(&token, "GET", path, None).await;
        let says = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let policy = says("content-security-policy");
        assert!(
            policy.contains("default-src 'none'; script-src 'self';") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(says("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(says("referrer-policy"), "no-referrer", "{path}");
        let is_api = path.starts_with("/api") || path == "/health";
        assert!(!is_api || says("cache-control") == "no-store", "{path}");
        assert!(says("strict-transport-security").starts_with("max-age="), "{path}");
        assert!(answer.headers.get("access-control-allow-origin").is_none(), "{path}: no other site may read it");
    }
}
