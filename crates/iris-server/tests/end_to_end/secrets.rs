//! The canary: passwords go in, everything fails that can, and what comes out is searched for them.

use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use iris_sim::{Credentials, Farm, Fault, Scheme};

use crate::kit::{Folder, farm, model, runtime};
use crate::live::pictures;
use crate::process::{Process, iris, limited, run};
use crate::receiver::{KEY, Receiver, mjpeg};
use crate::server::Config;

const USER: &str = "canary";
/// The password of a user of Iris.
const GUARD: &str = "canary in a coal mine";
const PASSWORD: &str = "p%40ss w@rd:/é#?";

/// The password as it stands in an address, in its shortest form and with every byte escaped.
fn escaped(all: bool) -> String {
    let mut text = String::new();
    for byte in PASSWORD.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' if !all => text.push(byte.into()),
            _ => write!(text, "%{byte:02X}").expect("a string takes all"),
        }
    }
    text
}

fn signed_in(url: &str, all: bool) -> String {
    url.replace("://", &format!("://{USER}:{}@", escaped(all)))
}

/// That no form of the password is in `text`.
fn assert_silent(place: &str, text: &[u8]) {
    let basic = BASE64.encode(format!("{USER}:{PASSWORD}"));
    for secret in [PASSWORD, &escaped(false), &escaped(true), "p%40ss", "p@ss w@rd", &basic, KEY, GUARD] {
        let at = text.windows(secret.len()).position(|window| window.eq_ignore_ascii_case(secret.as_bytes()));
        if let Some(at) = at {
            let around = &text[at.saturating_sub(200)..(at + 100).min(text.len())];
            panic!("{place} holds {secret:?}: {}", String::from_utf8_lossy(around));
        }
    }
}

fn farm_with(scheme: Scheme, runtime: &tokio::runtime::Runtime) -> Farm {
    farm(runtime, Farm::builder().cameras(2).credentials(Credentials::new(USER, PASSWORD).scheme(scheme)))
}

#[test]
fn no_password_leaves_a_server_whatever_happens() {
    let runtime = runtime();
    let farms = [Scheme::Digest, Scheme::Basic].map(|scheme| farm_with(scheme, &runtime));
    let other = farm(&runtime, Farm::builder().credentials(Credentials::new(USER, "another")));
    let files = Folder::new();
    let basic = format!("Basic {}", BASE64.encode(format!("{USER}:{PASSWORD}")));
    let shows = mjpeg(&runtime, pictures(&files), Some(basic));
    let refuses = mjpeg(&runtime, pictures(&files), Some("Basic bm9ib2R5".into()));
    let hook = Receiver::down();
    let mut config = Config::new();
    for (n, farm) in farms.iter().enumerate() {
        config.camera(&format!("well-{n}"), &signed_in(&farm.url(0), false), "");
        config.camera(&format!("ill-{n}"), &signed_in(&farm.url(1), true), "transport = 'udp'\n");
    }
    config
        .camera("refused", &signed_in(&other.url(0), false), "")
        .camera("http", &signed_in(&format!("http://{}/video", shows.address), false), "")
        .camera("http-refused", &signed_in(&format!("http://{}/video", refuses.address), false), "")
        .camera("http-nowhere", &signed_in(&format!("http://{}/nowhere", shows.address), true), "")
        .camera("tls", &signed_in(&shows.address.to_string().replace("127", "rtsps://127"), false), "")
        .camera("nobody", &signed_in("rtsp://127.0.0.1:1/x", false), "")
        .sinks(&hook.url);
    let path = config.write();
    let input = config.folder.write("input", GUARD);
    run(limited(&format!("exec < '{input}'"), &["user", "add", "-c", &path, "guard", "--role", "admin"])).good();
    let mut command = iris(&["serve", "-c", &path]);
    command.env("IRIS_LOG", "trace");
    let server = config.start(command);
    let guard = serde_json::json!({"name": "guard", "password": GUARD});
    let (status, session) = server.post("/api/v1/session", &guard);
    assert_eq!(status, 200, "{session}");
    let wrong = serde_json::json!({"name": "guard", "password": format!("{GUARD}!")});
    assert_silent("a refusal", server.post("/api/v1/session", &wrong).1.to_string().as_bytes());
    let malformed = serde_json::json!({"name": 7, "password": GUARD, "more": GUARD});
    assert_silent("a refusal", server.post("/api/v1/session", &malformed).1.to_string().as_bytes());
    let csrf = session["csrf"].as_str().expect("a token").to_owned();
    let token = server.token.clone();
    let assert_unkept = |place: &str, text: &[u8]| {
        for key in [&token["iris_".len()..], &csrf] {
            assert!(!text.windows(key.len()).any(|window| window == key.as_bytes()), "{place} holds a key");
        }
    };
    server.until_live(&["well-0", "well-1", "ill-0", "ill-1", "http"]);
    for farm in &farms {
        farm.set(1, Fault::Kill).expect("there is one");
    }
    let health = server.until_health("the others fail", |health| {
        let failed = |id: &str, states: &[&str]| states.iter().any(|s| health["cameras"][id]["state"] == *s);
        ["refused", "http-refused"].iter().all(|id| failed(id, &["auth_failed"]))
            && ["ill-0", "ill-1", "http-nowhere", "tls", "nobody"].iter().all(|id| failed(id, &["offline", "failed"]))
    });
    server.until_said_of_a_sink("Connection refused");
    assert_silent("/health", health.to_string().as_bytes());
    assert_silent("/metrics", server.get("/metrics").as_bytes());
    config.camera("bad", "rtsp://canary:p%40ss w@rd@[", "").write();
    assert!(server.reload().contains("nothing has changed"));
    config.remove("bad").write();
    let finished = server.stop();
    assert_silent("the log", finished.err.as_bytes());
    assert_silent("standard output", finished.out.as_bytes());
    assert_unkept("the log", finished.err.as_bytes());
    assert!(!config.assert_in_order().is_empty());
    for file in config.folder.files("data") {
        let bytes = std::fs::read(&file).expect("a file");
        assert_silent(&file.display().to_string(), &bytes);
        assert_unkept(&file.display().to_string(), &bytes);
    }
    assert_silent("the file sink", config.folder.read("events.jsonl").as_bytes());
}

#[test]
fn no_password_leaves_a_run() {
    let runtime = runtime();
    let other = farm(&runtime, Farm::builder().credentials(Credentials::new(USER, "another")));
    let source = signed_in(&other.url(0), false);
    let mut command = iris(&["run", &source, "--model", &model()]);
    command.env("IRIS_LOG", "trace");
    let process = Process::start(command);
    process.until_said("password");
    process.signal(rustix::process::Signal::INT);
    let finished = process.finish();
    assert_silent("the log", finished.err.as_bytes());
    for bad in ["rtsp://canary:p%40ss w@rd@[", "gopher://canary:p%40ss@host/", "rtsp://canary:p%40ss w@rd@/"] {
        let finished = crate::process::run_iris(&["run", bad, "--model", &model()]);
        assert_silent(bad, (finished.err + &finished.out).as_bytes());
    }
}
