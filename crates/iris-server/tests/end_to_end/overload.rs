//! More is asked than can be done: whoever is let in is answered in time, the others are sent away at once, and cameras lose
//! nothing by it. `cargo xtask bench serving -- --overload` runs the same for a minute, on a release build.

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
/// How long it goes on, in seconds, if `IRIS_OVERLOAD_SECONDS` says nothing else.
const SECONDS: u64 = 8;
const CLIENTS: usize = 24;
/// So many that none asks more often than a user may.
const USERS: usize = 12;
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

/// What so many clients are answered in so many seconds, and the most memory that the server took meanwhile, in bytes.
fn load(server: &Server, tokens: &[String], clients: usize, seconds: u64) -> (Vec<Outcome>, u64) {
    let (clock, stop) = (SystemClock::new(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let client = |n: usize| {
            let (token, stop) = (&tokens[n % tokens.len()], &stop);
            let work = move || ask(server, token, stop);
            std::thread::Builder::new().name(format!("client-{n}")).spawn_scoped(scope, work).expect("a thread")
        };
        let clients: Vec<_> = (0..clients).map(client).collect();
        let second = |n| {
            let is_over = || clock.mono().since(MonoTime::default()) >= Duration::from_secs(n);
            server.until("time is over", |_| is_over().then_some(()));
            memory(server)
        };
        let most = (1..=seconds).map(second).max().unwrap_or(0);
        stop.store(true, SeqCst);
        (clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect(), most)
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

/// The median, the 99th percentile and the most of how long they took, in milliseconds.
fn times(outcomes: &[&Outcome]) -> [f64; 3] {
    let mut all: Vec<Duration> = outcomes.iter().map(|outcome| outcome.took).collect();
    all.sort_unstable();
    let at = |share: f64| all.get((all.len() as f64 * share) as usize).or(all.last());
    [0.5, 0.99, 1.0].map(|share| at(share).map_or(0.0, |took| took.as_secs_f64() * 1000.0))
}

#[test]
fn under_ten_times_the_load_requests_are_in_time_or_refused_at_once_and_cameras_keep_their_share() {
    let given = std::env::var("IRIS_OVERLOAD_SECONDS").ok();
    let seconds = given.map_or(SECONDS, |seconds| seconds.parse().expect("IRIS_OVERLOAD_SECONDS is a number"));
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
    let tokens: Vec<String> = (0..USERS).map(|n| token(&config.folder, &format!("client-{n}"))).collect();
    // One after the other, so that the pace is known.
    let (calm, _) = load(&server, &tokens, 1, SECONDS / 4);
    assert!(calm.iter().any(|outcome| outcome.status == 200), "it answers");

    let (before, (decoded, seen)) = (memory(&server), frames(&server));
    let (outcomes, most) = load(&server, &tokens, CLIENTS, seconds);
    let (after, (decoded, seen)) = (memory(&server), {
        let now = frames(&server);
        (now.0 - decoded, now.1 - seen)
    });

    let (answered, refused): (Vec<_>, Vec<_>) = outcomes.iter().partition(|outcome| outcome.status == 200);
    let (asked, in_time, at_once) = (outcomes.len(), times(&answered), times(&refused));
    // On a busy machine the way to the client takes its time too.
    let late = answered.iter().filter(|outcome| outcome.took > PATIENCE * 3 / 2).count();
    let waited = refused.iter().filter(|outcome| outcome.took > PATIENCE * 3 / 4).count();
    let told = format!(
        "{seconds} s, {asked} requests, each worth {PATIENCE:?}: {} answered, {} refused\n\
         answered in ms: p50 {:.0}, p99 {:.0}, most {:.0}; {late} late\n\
         refused in ms: p50 {:.1}, p99 {:.1}, most {:.1}; {waited} waited\n\
         the camera: {seen} of {decoded} frames looked at\n\
         memory in MB: {:.1} before, {:.1} at most, {:.1} after",
        answered.len(),
        refused.len(),
        in_time[0],
        in_time[1],
        in_time[2],
        at_once[0],
        at_once[1],
        at_once[2],
        before as f64 / 1e6,
        most as f64 / 1e6,
        after as f64 / 1e6,
    );
    println!("{told}");
    assert!(!answered.is_empty() && asked >= 10 * answered.len(), "ten times the load: {told}");
    assert_eq!(late, 0, "in time: {told}");
    assert!(waited * 50 <= refused.len(), "refused at once: {told}");
    assert!(decoded > 0.0 && seen >= CAMERAS * decoded, "the camera's share: {told}");
    assert!(most.max(after) < before + 32_000_000, "memory: {told}");
    server.stop();
    runtime.block_on(farm.shutdown());
}
