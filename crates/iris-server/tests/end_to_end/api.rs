//! The API as a page and as programs use it: a server that begins without cameras, cameras that come and go while it runs,
//! events as they happen, and who sees what.

use iris_sim::Farm;
use serde_json::{Value, json};

use crate::client::{Client, Events};
use crate::kit::{clip, farm, runtime};
use crate::process::run_iris;
use crate::server::{Config, RULES, Server};

fn seq(told: &Value) -> u64 {
    told["event"]["seq"].as_u64().expect("a number")
}

/// A zone of nearly the whole picture.
fn zone() -> Value {
    json!([{"name": "all", "polygon": [[0.01, 0.01], [0.99, 0.01], [0.99, 0.99], [0.01, 0.99]]}])
}

fn until_live(server: &Server, client: &Client, camera: &str) -> Value {
    server.until("the camera is live", |_| {
        let camera = client.get(&format!("/cameras/{camera}")).json(200);
        (camera["status"]["state"] == "live").then_some(camera)
    })
}

/// All events, newest first, page by page.
fn list(client: &Client, filter: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/events?limit=3{filter}{cursor}")).json(200);
        all.extend(page["items"].as_array().expect("a list").iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[test]
fn a_server_without_cameras_is_set_up_and_watches_what_is_added() {
    let runtime = runtime();
    let farm = farm(&runtime, Farm::builder());
    let config = Config::new();
    let server = config.serve();

    // Setting up, as the page does it.
    let key = server.until("it invites", |server| {
        let out = server.process.out();
        let key = out.split_once("#token=")?.1.lines().next()?.to_owned();
        Some(key)
    });
    let nobody = Client::nobody(server.address());
    assert_eq!(nobody.get("/setup").json(200)["required"], true);
    nobody.get("/cameras").problem(401, "unauthenticated");
    let body = json!({"token": key, "name": "ada", "password": "correct horse battery"});
    let answer = nobody.send("POST", "/setup", &body);
    let session = answer.json(201);
    let cookie = answer.cookie.split(';').next().expect("a cookie").to_owned();
    let ada = nobody.with("cookie", &cookie).with("x-csrf-token", session["csrf"].as_str().expect("a text"));
    assert_eq!(ada.get("/cameras").json(200)["items"], json!([]));
    assert_eq!(ada.get("/models").json(200)["items"][0]["name"], "blobs");

    // A camera, and a zone.
    let camera = ada.send("POST", "/cameras", &json!({"id": "yard", "url": farm.url(0), "rate": 10})).json(201);
    assert_eq!((&camera["origin"], &camera["model"], &camera["zones"]), (&json!("store"), &json!("blobs"), &json!([])));
    until_live(&server, &ada, "yard");
    let mut stream = ada.with("origin", server.address()).stream(&runtime, "").expect("a stream");
    stream.told("hello");
    let patched = ada.send("PATCH", "/cameras/yard", &json!({"zones": zone()})).json(200);
    assert_eq!(patched["zones"][0]["leave_after"], "1s", "defaults are filled in");

    // An alarm, its picture, and what a person says of it.
    let alarm = stream.until(|event| event["kind"] == "intrusion")["event"].clone();
    assert_eq!(
        (&alarm["rule"], &alarm["class"], &alarm["review"]),
        (&json!("all"), &json!("white blob"), &json!("new"))
    );
    let path = format!("/events/{}", alarm["id"].as_str().expect("an id"));
    for picture in ["picture", "picture?boxes=true"] {
        let picture = ada.get(&format!("{path}/{picture}"));
        assert_eq!((picture.status, picture.kind.as_str(), &picture.body[..2]), (200, "image/jpeg", &[0xff, 0xd8][..]));
    }
    let said = ada.send("PATCH", &path, &json!({"review": "dismissed"})).json(200);
    assert_eq!((&said["review"], &said["reviewed_by"]), (&json!("dismissed"), &json!("ada")));
    let told = stream.until(|event| event["id"] == alarm["id"] && event["review"] == "dismissed");
    assert!(seq(&told) > alarm["seq"].as_u64().expect("a number"));
    stream.close();
    server.stop();

    // The next start has what was added.
    let server = config.serve();
    let ada = Client::nobody(server.address()).with("cookie", &cookie);
    let camera = until_live(&server, &ada, "yard");
    assert_eq!(camera["zones"], patched["zones"]);
    let event = ada.get(&path).json(200);
    assert_eq!((&event["review"], &event["state"]), (&json!("dismissed"), &json!("ended")));
    server.stop();
    runtime.block_on(farm.shutdown());
}

#[test]
fn a_stream_goes_on_where_it_was_left_without_loss_or_repetition() {
    let runtime = runtime();
    let farm = farm(&runtime, Farm::builder());
    let mut config = Config::new();
    let server = config.camera("yard", &farm.url(0), RULES).serve();
    let client = server.client();
    let read = |events: &mut Events<'_>, count: usize| -> Vec<u64> {
        (0..count).map(|_| seq(&events.told("event"))).collect()
    };

    let mut stream = client.stream(&runtime, "?cursor=0").expect("a stream");
    assert_eq!(stream.told("hello")["cursor"], "0");
    stream.say("clients have nothing to say");
    let mut seen = read(&mut stream, 3);
    drop(stream);
    let left = *seen.last().expect("some");
    // Somebody else sees that more happens meanwhile.
    let mut other = client.stream(&runtime, &format!("?cursor={left}")).expect("a stream");
    other.told("hello");
    read(&mut other, 4);
    let mut stream = client.stream(&runtime, &format!("?cursor={left}")).expect("a stream");
    assert_eq!(stream.told("hello")["cursor"], left.to_string());
    seen.extend(read(&mut stream, 4));
    assert!(seen.is_sorted_by(|a, b| a < b), "each is told once, in order: {seen:?}");
    // What is in the list and changed up to now was told with that change, or with a later one.
    let last = *seen.last().expect("some");
    for event in list(&client, "") {
        let seq = event["seq"].as_u64().expect("a number");
        assert!(seen.contains(&seq) || seq > last, "{seq} is missing in {seen:?}");
    }
    let mut ahead = client.stream(&runtime, "?cursor=999999999").expect("a stream");
    ahead.told("hello");
    ahead.told("lagged");
    server.stop();
    assert!(std::iter::from_fn(|| ahead.next()).all(|told| told["type"] == "event"), "it ends with the server");
    runtime.block_on(farm.shutdown());
}

#[test]
fn what_the_file_holds_is_read_only_and_a_bad_change_changes_nothing() {
    let runtime = runtime();
    let farm = farm(&runtime, Farm::builder().cameras(2));
    let mut config = Config::new();
    let server = config.camera("gate", &farm.url(0), "").serve();
    let client = server.client();
    let yard = json!({"id": "yard", "url": farm.url(1), "zones": zone()});
    client.send("POST", "/cameras", &yard).json(201);
    until_live(&server, &client, "gate");
    let before = until_live(&server, &client, "yard");

    client.send("PATCH", "/cameras/gate", &json!({"rate": 1})).problem(409, "managed_by_file");
    client.delete("/cameras/gate").problem(409, "managed_by_file");
    client.send("POST", "/cameras", &yard).problem(409, "exists");
    client.send("PATCH", "/cameras/hall", &json!({"rate": 1})).problem(404, "not_found");
    for (patch, path) in [
        (json!({"zones": [{"name": "a", "polygon": [[0, 0], [2, 0], [1, 1]]}]}), "zones[0].polygon[1][0]"),
        (json!({"url": "/etc/passwd"}), "url"),
        (json!({"url": "gopher://h/"}), "url"),
        (json!({"colour": "red"}), ""),
        (json!({"model": "none"}), "model"),
    ] {
        let problem = client.send("PATCH", "/cameras/yard", &patch).problem(422, "invalid");
        assert_eq!(problem["errors"][0]["path"], path, "{problem}");
    }
    let unknown = json!({"zones": [{"name": "a", "polygon": [[0, 0], [1, 0], [1, 1]], "classes": ["elephant"]}]});
    let problem = client.send("PATCH", "/cameras/yard", &unknown).problem(422, "invalid");
    assert!(problem["detail"].as_str().expect("a text").contains("has no class \"elephant\""), "{problem}");
    client.send("POST", "/cameras", &json!([])).problem(422, "invalid");
    let mut after = client.get("/cameras/yard").json(200);
    assert_eq!((&after["zones"], &after["url"]), (&before["zones"], &before["url"]));
    assert_eq!(after["status"].take()["connections"], 1, "nothing was disturbed");

    // A file that takes the name is refused as a whole.
    config.camera("yard", &farm.url(0), "").write();
    let said = server.reload();
    assert!(said.contains("camera yard in the store: id: \"yard\" is already another camera: "), "{said}");
    config.remove("yard").write();
    assert!(server.reload().contains("configuration taken over"));

    client.delete("/cameras/yard").done();
    assert_eq!(client.get("/cameras").json(200)["items"].as_array().map(Vec::len), Some(1));
    server.until("its events are over", |_| {
        list(&client, "&camera=yard").iter().all(|event| event["state"] == "ended").then_some(())
    });
    server.metrics().assert_undisturbed("gate");
    server.stop();
    runtime.block_on(farm.shutdown());
}

#[test]
fn cameras_and_sinks_are_exported_and_imported_while_it_runs() {
    let runtime = runtime();
    let farm = farm(&runtime, Farm::builder());
    let hook = crate::receiver::Receiver::start(&runtime);
    let mut config = Config::new();
    let server = config.camera("off", &clip(), "enabled = false\n").serve();
    let client = server.client();
    client.send("POST", "/cameras", &json!({"id": "yard", "url": farm.url(0), "rate": 10})).json(201);
    let sink = json!({"name": "hook", "kind": "webhook", "url": hook.url, "secret": crate::receiver::KEY});
    let made = client.send("POST", "/sinks", &sink).json(201);
    assert!(made["url"].as_str().expect("a text").ends_with("/***"), "{made}");
    client.send("POST", "/sinks", &json!({"name": "f", "kind": "file", "path": "/tmp/f"})).problem(422, "invalid");
    server.until("the sink is told", |_| (!hook.messages().is_empty()).then_some(()));

    let export = client.get("/config");
    assert_eq!((export.status, export.kind.as_str()), (200, "application/toml"));
    let toml = Value::String(export.text());
    assert!(!export.text().contains(crate::receiver::KEY), "{}", export.text());
    let imported = client.send("PUT", "/config", &toml).json(200);
    assert_eq!(imported, json!({"cameras": 1, "sinks": 1}), "secrets stay where they are known");
    client.delete("/sinks/hook").done();
    let problem = client.send("PUT", "/config", &toml).problem(422, "invalid");
    assert_eq!(problem["errors"][0]["path"], "sinks[0].secret", "{problem}");
    let only = "[[cameras]]\nid = 'other'\nurl = 'rtsp://127.0.0.1:1/'\nenabled = false\n";
    assert_eq!(client.send("PUT", "/config", &only.into()).json(200)["cameras"], 1);
    let ids = |answer: Value| -> Vec<String> {
        answer["items"].as_array().expect("a list").iter().map(|c| c["id"].as_str().expect("a text").into()).collect()
    };
    assert_eq!(ids(client.get("/cameras").json(200)), ["off", "other"]);
    client.send("PUT", "/config", &"not = [toml".into()).problem(422, "invalid");
    assert_eq!(ids(client.get("/cameras").json(200)), ["off", "other"]);
    server.stop();
    runtime.block_on(farm.shutdown());
}

#[test]
fn who_may_see_one_camera_sees_nothing_of_another_on_any_channel() {
    let runtime = runtime();
    let farm = farm(&runtime, Farm::builder().cameras(2));
    let mut config = Config::new();
    config.camera("mine", &farm.url(0), RULES).camera("theirs", &farm.url(1), RULES).write();
    let words = ["token", "create", "-c", &config.folder.path("iris.toml"), "--name", "guard", "--scope", "operate"];
    let token = run_iris(&[&words[..], &["--camera", "mine"]].concat()).good();
    let server = config.serve();
    let all = server.client();
    let guard = Client::nobody(server.address()).with_token(token.trim());
    let mut stream = guard.stream(&runtime, "?cursor=0").expect("a stream");
    stream.told("hello");
    let theirs = server.until("both were told of", |_| {
        let seen = list(&all, "");
        seen.iter().find(|event| event["camera"] == "mine")?;
        seen.into_iter().find(|event| event["camera"] == "theirs" && event["picture"] == true)
    });
    let theirs = theirs["id"].as_str().expect("an id");

    let cameras = guard.get("/cameras").json(200);
    assert_eq!(cameras["items"].as_array().expect("a list").iter().map(|c| &c["id"]).collect::<Vec<_>>(), ["mine"]);
    guard.get("/cameras/mine").json(200);
    guard.get("/cameras/theirs").problem(404, "not_found");
    assert!(list(&guard, "").iter().all(|event| event["camera"] == "mine"));
    assert!(list(&guard, "&camera=theirs").is_empty());
    for path in ["", "/picture", "/picture?boxes=true"] {
        guard.get(&format!("/events/{theirs}{path}")).problem(404, "not_found");
    }
    guard.send("PATCH", &format!("/events/{theirs}"), &json!({"review": "dismissed"})).problem(404, "not_found");
    assert_eq!(all.get(&format!("/events/{theirs}")).json(200)["review"], "new");
    for path in ["/system", "/system/topology", "/health", "/sinks", "/config", "/users", "/tokens"] {
        guard.get(path).problem(403, "forbidden");
    }
    guard.send("POST", "/cameras", &json!({"id": "a", "url": "rtsp://h/"})).problem(403, "forbidden");
    let mine: Vec<Value> = (0..8).map(|_| stream.told("event")).collect();
    assert!(mine.iter().all(|told| told["event"]["camera"] == "mine"), "{mine:?}");

    // What is revoked is over, for streams too.
    let tokens = all.get("/tokens").json(200);
    let of_guard =
        tokens["items"].as_array().expect("a list").iter().find(|t| t["name"] == "guard").expect("it is there");
    all.delete(&format!("/tokens/{}", of_guard["id"].as_str().expect("an id"))).done();
    guard.get("/cameras").problem(401, "unauthenticated");
    assert_eq!(guard.stream(&runtime, "").err(), Some(401));
    while stream.next().is_some() {}
    server.stop();
    runtime.block_on(farm.shutdown());
}

#[test]
fn the_system_tells_what_it_does_and_what_is_wrong() {
    let runtime = runtime();
    let farm = farm(&runtime, Farm::builder());
    let mut config = Config::new();
    let server = config.camera("yard", &farm.url(0), RULES).camera("gone", "rtsp://127.0.0.1:1/", "").serve();
    let client = server.client();
    let system = server.until("something is stored", |_| {
        let system = client.get("/system").json(200);
        (system["store"]["events"].as_u64() > Some(0)).then_some(system)
    });
    assert_eq!(system["health"], "degraded");
    let problems = system["problems"].as_array().expect("a list");
    assert!(problems.iter().any(|p| p.as_str().is_some_and(|p| p.starts_with("camera gone: "))), "{system}");
    assert_eq!(system["run"], 1);
    assert!(system["memory_bytes"].as_u64() > Some(1 << 20) && system["threads"].as_u64() > Some(5), "{system}");
    assert!(system["store"]["disk_total_bytes"].as_u64() >= system["store"]["disk_free_bytes"].as_u64());
    let stages: Vec<&str> =
        system["stages"].as_array().expect("a list").iter().filter_map(|s| s["name"].as_str()).collect();
    assert_eq!(stages, ["decode", "model", "analytics"]);
    for stage in system["stages"].as_array().expect("a list") {
        assert!(
            stage["age_ms_p50"].as_f64() <= stage["age_ms_p95"].as_f64() && stage["age_ms_p50"].is_number(),
            "{stage}"
        );
    }
    assert!(system["devices"][0]["inferences"].is_u64());
    let rates = server.until("there are rates", |_| {
        let camera = client.get("/cameras/yard").json(200);
        (camera["status"]["detections_per_second"].as_f64() > Some(0.5)).then_some(camera)
    });
    assert!(rates["status"]["frames_per_second"].as_f64() > Some(5.0), "{rates}");
    let topology = client.get("/system/topology").json(200);
    let queues: Vec<&str> =
        topology["queues"].as_array().expect("a list").iter().filter_map(|q| q["name"].as_str()).collect();
    assert_eq!(queues, ["packets", "slots", "requests", "analytics", "reports", "store"]);
    server.stop();
    runtime.block_on(farm.shutdown());
}
