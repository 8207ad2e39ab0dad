//! More is asked than can be done: whoever is let in is answered in time, the others are sent away at once, and cameras lose
//! nothing by it.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use iris_core::{Clock, MonoTime, clock::SystemClock};
use iris_sim::Farm;
use serde_json::json;

use crate::kit::{Folder, farm, runtime, testdata};
use crate::process::run_iris;
use crate::server::{Config, Server};

/// How long a request may wait.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long it goes on.
const LENGTH: Duration = Duration::from_secs(8);
const CLIENTS: usize = 24;
/// The share of the devices that cameras are sure of.
const CAMERAS: f64 = 0.8;

/// What became of a request, and how long that took.
struct Outcome {
    status: u16,
    took: Duration,
}

fn token(folder: &Folder, name: &str) -> String {
    let words = ["token", "create", "-c", &folder.path("iris.toml"), "--name", name, "--scope", "infer"];
    run_iris(&words).good().trim().to_owned()
}

/// Asks again and again, one after the other, until told to stop.
fn ask(server: &Server, token: &str, stop: &AtomicBool) -> Vec<Outcome> {
    let (clock, mut outcomes) = (SystemClock::new(), Vec::new());
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let input = json!({"name": "x", "datatype": "FP32", "shape": [1, 512], "data": vec![0.04; 512]});
    let parameters = json!({"timeout": PATIENCE.as_micros() as u64});
    let body = json!({"inputs": [input], "parameters": parameters}).to_string();
    let address = format!("{}/v2/models/busy/infer", server.address);
    while !stop.load(SeqCst) {
        let began = clock.mono();
        let request = agent.post(&address).header("Authorization", format!("Bearer {token}"));
        let mut reply = request.content_type("application/json").send(&body).expect("it answers");
        reply.body_mut().read_to_vec().expect("a body");
        let (status, took) = (reply.status().as_u16(), clock.mono().since(began));
        let again = reply.headers().get("retry-after").map(|value| value.to_str().expect("text").parse::<u64>());
        match status {
            200 => assert_eq!(again, None),
            503 => assert!(again.is_some_and(|seconds| seconds.is_ok_and(|seconds| seconds >= 1)), "when to come back"),
            _ => panic!("{status}: {:?}", reply.headers()),
        }
        outcomes.push(Outcome { status, took });
    }
    outcomes
}

/// What so many clients are answered in some time.
fn load(server: &Server, tokens: &[String], clients: usize, length: Duration) -> Vec<Outcome> {
    let (clock, stop) = (SystemClock::new(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let client = |n: usize| {
            let (token, stop) = (&tokens[n % tokens.len()], &stop);
            let work = move || ask(server, token, stop);
            std::thread::Builder::new().name(format!("client-{n}")).spawn_scoped(scope, work).expect("a thread")
        };
        let clients: Vec<_> = (0..clients).map(client).collect();
        let is_over = || clock.mono().since(MonoTime::default()) >= length;
        server.until("time is over", |_| is_over().then_some(()));
        stop.store(true, SeqCst);
        clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect()
    })
}

/// How many frames of the camera were decoded, and how many the model has looked at.
fn frames(server: &Server) -> (f64, f64) {
    let metrics = server.metrics();
    let stage = |name: &str, stage: &str| metrics.stage(name, "yard", stage);
    (stage("iris_stage_emitted_total", "decode"), stage("iris_stage_emitted_total", "model"))
}

fn memory(server: &Server) -> u64 {
    let system: serde_json::Value = serde_json::from_str(&server.get("/api/v1/system")).expect("JSON");
    system["memory_bytes"].as_u64().expect("a number")
}

#[test]
fn under_ten_times_the_load_requests_are_in_time_or_refused_at_once_and_cameras_keep_their_share() {
    let runtime = runtime();
    let farm = farm(&runtime, Farm::builder());
    let mut config = Config::new();
    config.devices(&format!(
        "[[devices]]\nkind = 'cpu'\nthreads = 1\n[serving]\nqueue = 16\n[models.busy]\npath = '{}'\n",
        testdata("models/busy")
    ));
    // So slow that a frame does not wait for more than one request even on a busy machine: work is not cut short.
    config.camera("yard", &farm.url(0), "model = 'blobs'\ngate = 'off'\nrate = 3\n");
    let server = config.serve();
    server.until_live(&["yard"]);
    let tokens: Vec<String> = (0..4).map(|n| token(&config.folder, &format!("client-{n}"))).collect();
    // One after the other, so that the pace is known.
    let calm = load(&server, &tokens, 1, LENGTH / 4);
    assert!(calm.iter().any(|outcome| outcome.status == 200), "it answers");

    let (before, (decoded, seen)) = (memory(&server), frames(&server));
    let outcomes = load(&server, &tokens, CLIENTS, LENGTH);
    let (after, (decoded, seen)) = (memory(&server), {
        let now = frames(&server);
        (now.0 - decoded, now.1 - seen)
    });

    let (answered, refused): (Vec<_>, Vec<_>) = outcomes.iter().partition(|outcome| outcome.status == 200);
    let told = format!("{} answered, {} refused", answered.len(), refused.len());
    assert!(!answered.is_empty() && outcomes.len() >= 10 * answered.len(), "ten times the load: {told}");
    // On a busy machine the way to the client takes its time too.
    let late = answered.iter().filter(|outcome| outcome.took > PATIENCE * 3 / 2).count();
    assert_eq!(late, 0, "in time: {told}");
    let waited = refused.iter().filter(|outcome| outcome.took > PATIENCE * 3 / 4).count();
    assert!(waited * 50 <= refused.len(), "refused at once: {waited} waited; {told}");
    assert!(decoded > 0.0 && seen >= CAMERAS * decoded, "{seen} of {decoded} frames were looked at; {told}");
    assert!(after < before + 32_000_000, "{before} bytes became {after}; {told}");
    server.stop();
    runtime.block_on(farm.shutdown());
}
