//! `iris user` and `iris token`, with and without a server beside them, and the way in that a first start offers.

use serde_json::{Value, json};

use crate::kit::clip;
use crate::process::{Finished, limited, run, run_iris};
use crate::server::Config;

const PASSWORD: &str = "correct horse battery";

/// `iris WORDS…` with a line on standard input.
fn with_input(config: &Config, line: &str, words: &[&str]) -> Finished {
    let file = config.folder.write("input", format!("{line}\n"));
    run(limited(&format!("exec < '{file}'"), words))
}

#[test]
fn users_and_tokens_are_kept_without_a_browser() {
    let config = Config::new();
    let path = config.write();
    let add = |name: &str, more: &[&str]| {
        with_input(&config, PASSWORD, &[&["user", "add", "-c", &path, name], more].concat())
    };
    add("ada", &["--role", "admin"]).good();
    add("bob", &["--camera", "one", "--camera", "two"]).good();
    assert!(add("ADA", &[]).bad().contains("already"));
    assert!(add("a b", &[]).bad().contains("name: must be"));
    assert!(add("eve", &["--role", "admin", "--camera", "one"]).bad().contains("sees all"));
    assert!(with_input(&config, "short", &["user", "add", "-c", &path, "eve"]).bad().contains("12 to 128"));
    let listed = run_iris(&["user", "list", "-c", &path]).good();
    let rows: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows, [vec!["ada", "admin", "all", "cameras"], vec!["bob", "viewer", "one,two"]]);
    assert!(run_iris(&["user", "remove", "-c", &path, "ada"]).bad().contains("without this admin"));
    with_input(&config, "another long password", &["user", "password", "-c", &path, "bob"]).good();
    run_iris(&["user", "remove", "-c", &path, "bob"]).good();
    assert!(run_iris(&["user", "remove", "-c", &path, "bob"]).bad().contains("no such user"));

    let create = ["token", "create", "-c", &path, "--name", "grafana", "--scope", "metrics"];
    let secret = run_iris(&create).good();
    assert!(secret.starts_with("iris_"), "{secret}");
    let listed = run_iris(&["token", "list", "-c", &path]).good();
    assert!(listed.contains("grafana") && listed.contains("metrics") && !listed.contains(secret.trim()), "{listed}");
    let id = listed.split_whitespace().next().expect("an id");
    run_iris(&["token", "revoke", "-c", &path, id]).good();
    assert_eq!(run_iris(&["token", "list", "-c", &path]).good(), "");
}

#[test]
fn the_first_start_offers_a_way_in_and_others_can_be_added_beside_it() {
    let mut config = Config::new();
    config.camera("one", &clip(), "enabled = false");
    let server = config.serve();
    let line = server.until("it says how to set it up", |server| {
        server.process.out().lines().find(|line| line.contains("/setup#token=")).map(str::to_owned)
    });
    let (_, token) = line.split_once("#token=").expect("a token");
    let setup = json!({"token": token, "name": "ada", "password": PASSWORD});
    let (status, session) = server.post("/api/v1/setup", &setup);
    assert_eq!((status, &session["user"]["role"]), (201, &json!("admin")));

    let path = config.folder.path("iris.toml");
    with_input(&config, PASSWORD, &["user", "add", "-c", &path, "bob"]).good();
    let bob = json!({"name": "bob", "password": PASSWORD});
    assert_eq!(server.post("/api/v1/session", &bob).0, 200);
    run_iris(&["user", "remove", "-c", &path, "bob"]).good();
    assert_eq!(server.post("/api/v1/session", &bob).0, 401);
    server.stop();

    let server = config.serve();
    assert_eq!(server.get("/api/v1/setup").parse::<Value>().expect("JSON"), json!({"required": false}));
    assert_eq!(server.stop().out, "", "whoever is set up is not asked again");
}
