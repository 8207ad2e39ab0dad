//! Delivery to real files and to a real HTTP server on loopback that fails in every way it can.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::kit::{over, put, sqlite};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::{get, post};
use iris_core::Clock;
use iris_core::clock::{ManualClock, SystemClock};
use iris_server::config::{self, Secret, Target};
use iris_server::sink::{Courier, JsonLines, Next, Sink, Sinks, Webhook, signature};
use iris_server::store::{Bell, Store};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

const KEY: &str = "a key of some length";
/// Answers with a body that never ends.
const ENDLESS: u16 = 1;
/// Answers with a redirect to `/elsewhere`.
const REDIRECT: u16 = 302;

/// What the server saw of one request.
#[derive(Clone, Debug)]
struct Seen {
    id: String,
    timestamp: String,
    signature: String,
    body: String,
}

/// A webhook's receiver that answers as it is told to.
struct Peer {
    runtime: Runtime,
    address: std::net::SocketAddr,
    state: Arc<PeerState>,
}

struct PeerState {
    answer: AtomicU16,
    /// Events that are always answered with 400.
    poison: Mutex<Vec<String>>,
    seen: Mutex<Vec<Seen>>,
    elsewhere: AtomicBool,
    /// A permit a reply.
    gate: Semaphore,
    bell: Bell,
}

impl Peer {
    fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address"))
    }

    fn start_at(address: std::net::SocketAddr) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("tokio");
        let state = Arc::new(PeerState {
            answer: AtomicU16::new(200),
            poison: Mutex::default(),
            seen: Mutex::default(),
            elsewhere: AtomicBool::new(false),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            bell: Bell::default(),
        });
        let app = Router::new()
            .route("/hook", post(receive))
            .route("/elsewhere", get(elsewhere).post(elsewhere))
            .with_state(Arc::clone(&state));
        let listener = runtime.block_on(TcpListener::bind(address)).expect("a port");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { runtime, address, state }
    }

    fn stop(self) -> std::net::SocketAddr {
        self.runtime.shutdown_timeout(Duration::from_secs(5));
        self.address
    }

    fn url(&self) -> Secret {
        Secret::new(format!("http://{}/hook", self.address))
    }

    fn answer(&self, with: u16) {
        self.state.answer.store(with, Ordering::SeqCst);
    }

    fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().expect("a lock").clone()
    }

    fn ids(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.id).collect()
    }
}

async fn receive(State(peer): State<Arc<PeerState>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let header = |name: &str| headers[name].to_str().expect("text").to_owned();
    let id = header("x-iris-id");
    let poisoned = peer.poison.lock().expect("a lock").contains(&id);
    peer.seen.lock().expect("a lock").push(Seen {
        id,
        timestamp: header("x-iris-timestamp"),
        signature: header("x-iris-signature"),
        body: String::from_utf8(body.to_vec()).expect("text"),
    });
    peer.bell.ring();
    peer.gate.acquire().await.expect("open").forget();
    let reply = Response::builder();
    match peer.answer.load(Ordering::SeqCst) {
        _ if poisoned => reply.status(400).body(Body::empty()),
        ENDLESS => {
            let chunk = Bytes::from(vec![b'x'; 16 << 10]);
            reply.body(Body::from_stream(futures::stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()))))
        }
        REDIRECT => reply.status(REDIRECT).header("location", "/elsewhere").body(Body::empty()),
        status => reply.status(StatusCode::from_u16(status).expect("a status")).body(Body::from("so")),
    }
    .expect("a reply")
}

async fn elsewhere(State(peer): State<Arc<PeerState>>) {
    peer.elsewhere.store(true, Ordering::SeqCst);
}

/// A store with one sink, driven by hand on a clock that stands still.
struct Bench {
    folder: tempfile::TempDir,
    store: Arc<dyn Store>,
    clock: Arc<ManualClock>,
    courier: Courier,
}

impl Bench {
    fn new(sink: impl FnOnce(&Path) -> Box<dyn Sink>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store: Arc<dyn Store> = sqlite(&folder.path().join("store"), &["sink"]).into();
        let clock = Arc::new(ManualClock::default());
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let courier = Courier::new("sink", sink(folder.path()), Arc::clone(&store), shared);
        Self { folder, store, clock, courier }
    }

    fn webhook(peer: &Peer) -> Self {
        let url = peer.url();
        Self::new(|_| Box::new(Webhook::new(url, Secret::new(KEY))))
    }

    /// Events of two cameras in turn, all at the epoch: the manual clock starts there.
    fn put(&self, from: u32, to: u32) {
        for n in from..=to {
            let mut entry = over(if n % 2 == 0 { "yard" } else { "gate" }, 1, n, 0);
            entry.stored = self.clock.wall();
            put(&*self.store, entry);
        }
    }

    fn round(&mut self) -> Next {
        self.courier.round(&AtomicBool::new(false)).expect("a round")
    }

    /// Rounds, `step` apart by the clock, until nothing waits any more; how many it took.
    fn until_told(&mut self, step: Duration) -> usize {
        for rounds in 0..20_000 {
            if self.pending() == 0 {
                return rounds;
            }
            self.round();
            self.clock.advance(step);
        }
        panic!("still waiting: {:?}", self.store.backlog("sink"));
    }

    fn pending(&self) -> u64 {
        self.store.backlog("sink").expect("backlog").pending
    }

    fn dead(&self) -> u64 {
        self.store.backlog("sink").expect("backlog").dead
    }
}

/// The order in which each camera's events were first seen.
fn per_camera(ids: &[String]) -> HashMap<String, Vec<u32>> {
    let mut order: HashMap<String, Vec<u32>> = HashMap::new();
    for id in ids {
        let (camera, rest) = id.split_once('-').expect("an id");
        let n = rest.rsplit('-').next().and_then(|n| n.parse().ok()).expect("a number");
        let seen = order.entry(camera.to_owned()).or_default();
        if !seen.contains(&n) {
            seen.push(n);
        }
    }
    order
}

fn assert_complete_and_in_order(ids: &[String], count: u32) {
    let order = per_camera(ids);
    assert!(order.values().all(|ns| ns.is_sorted()), "{order:?}");
    assert_eq!(order.values().map(Vec::len).sum::<usize>(), count as usize, "{order:?}");
}

/// HMAC-SHA256 from its definition (RFC 2104), to check the one in use.
fn hmac(key: &[u8], text: &[u8]) -> String {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new().chain_update(block.map(|b| b ^ 0x36)).chain_update(text).finalize();
    let outer = Sha256::new().chain_update(block.map(|b| b ^ 0x5c)).chain_update(inner).finalize();
    outer
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[test]
fn requests_are_signed_so_that_others_can_check_them() {
    let peer = Peer::start();
    let mut bench = Bench::webhook(&peer);
    bench.clock.advance(Duration::from_hours(491_002));
    bench.put(1, 3);
    bench.until_told(Duration::ZERO);
    for seen in peer.seen() {
        let expected = hmac(KEY.as_bytes(), format!("{}.{}.{}", seen.timestamp, seen.id, seen.body).as_bytes());
        assert_eq!(seen.signature, format!("sha256={expected}"));
        assert_eq!(seen.timestamp, "1767607200");
        let body: serde_json::Value = serde_json::from_str(&seen.body).expect("JSON");
        assert_eq!(body["id"], seen.id);
    }
    // RFC 4231, test case 2, whose text happens to hold no dot: compared through the same construction.
    assert_eq!(
        hmac(b"Jefe", b"what do ya want for nothing?"),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    assert_eq!(signature(&Secret::new("Jefe"), 1, "a", "b"), format!("sha256={}", hmac(b"Jefe", b"1.a.b")));
}

#[test]
fn a_server_that_is_down_is_left_alone_and_gets_everything_when_it_comes_back() {
    let peer = Peer::start();
    let mut bench = Bench::webhook(&peer);
    let address = peer.stop();
    bench.put(1, 20);
    for _ in 0..3600 {
        bench.round();
        bench.clock.advance(Duration::from_secs(1));
    }
    assert_eq!((bench.pending(), bench.dead()), (20, 0));
    let attempts: u32 =
        bench.store.due("sink", crate::kit::after(1 << 30), 100).expect("due").iter().map(|m| m.attempts).sum();
    assert!((12..60).contains(&attempts), "{attempts} tries in an hour");

    let peer = Peer::start_at(address);
    bench.until_told(Duration::from_secs(10));
    assert_complete_and_in_order(&peer.ids(), 20);
    assert_eq!(peer.ids().len(), 20, "each once");
}

#[test]
fn errors_of_the_server_are_tried_again_in_order_and_under_the_same_id() {
    for status in [500, 503, 408, 429, REDIRECT] {
        let peer = Peer::start();
        let mut bench = Bench::webhook(&peer);
        peer.answer(status);
        bench.put(1, 6);
        for _ in 0..60 {
            bench.round();
            bench.clock.advance(Duration::from_secs(20));
        }
        let failed = peer.ids();
        assert!(failed.iter().all(|id| ["gate-1.0-1", "yard-1.0-2"].contains(&id.as_str())), "{status}: {failed:?}");
        assert!((6..40).contains(&failed.len()), "{status}: {} tries in 20 minutes", failed.len());
        assert_eq!((bench.pending(), bench.dead()), (6, 0));
        peer.answer(200);
        bench.until_told(Duration::from_secs(20));
        assert_complete_and_in_order(&peer.ids(), 6);
        assert!(!peer.state.elsewhere.load(Ordering::SeqCst), "a redirect was followed");
    }
}

#[test]
fn a_week_of_errors_is_the_end() {
    let peer = Peer::start();
    let mut bench = Bench::webhook(&peer);
    peer.answer(500);
    bench.put(1, 2);
    bench.round();
    bench.clock.advance(Duration::from_hours(7 * 24 - 1));
    bench.round();
    assert_eq!(bench.dead(), 0);
    bench.clock.advance(Duration::from_hours(2));
    bench.round();
    assert_eq!((bench.pending(), bench.dead()), (0, 2));
}

#[test]
fn a_poison_event_is_given_up_after_ten_tries_and_blocks_no_other_camera() {
    let peer = Peer::start();
    let mut bench = Bench::webhook(&peer);
    peer.state.poison.lock().expect("a lock").push("gate-1.0-1".into());
    bench.put(1, 8);
    bench.round();
    assert_eq!(per_camera(&peer.ids())["yard"], [2, 4, 6, 8], "the other camera goes on at once");
    assert_eq!(bench.pending(), 4);
    bench.until_told(Duration::from_secs(30));
    assert_eq!(bench.dead(), 1);
    assert_eq!(peer.ids().iter().filter(|id| *id == "gate-1.0-1").count(), 10);
    assert_eq!(per_camera(&peer.ids())["gate"], [1, 3, 5, 7]);
}

#[test]
fn a_reply_without_end_costs_the_connection_and_not_the_event() {
    let peer = Peer::start();
    let mut bench = Bench::webhook(&peer);
    peer.answer(ENDLESS);
    bench.put(1, 4);
    bench.until_told(Duration::ZERO);
    assert_eq!(peer.ids().len(), 4);
    assert_eq!(bench.dead(), 0);
}

#[test]
fn something_that_speaks_no_http_is_unreachable_and_no_error_shows_the_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let babble = std::thread::Builder::new().name("babble".into()).spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        std::io::Write::write_all(&mut stream, &vec![0xff; 100_000]).ok();
    });
    let url = Secret::new(format!("http://{address}/token-hunter2"));
    let mut sink = Webhook::new(url, Secret::new(KEY));
    let message = iris_server::store::Outgoing {
        seq: 1,
        event: "gate-1.0-1".into(),
        camera: "gate".into(),
        body: "{}".into(),
        attempts: 0,
        created: crate::kit::START,
    };
    let failure = sink.tell(&[&message], crate::kit::START).expect_err("a failure");
    assert!(matches!(failure, iris_server::sink::Failure::Unreachable(_)), "{failure:?}");
    assert!(!format!("{failure:?}{sink:?}").contains("hunter2"));
    babble.expect("a thread").join().expect("its end");
}

#[test]
fn a_slow_sink_delays_nobody_else_and_is_stopped_in_order() {
    let peer = Peer::start();
    peer.state.gate.forget_permits(Semaphore::MAX_PERMITS);
    let folder = tempfile::tempdir().expect("a folder");
    let store: Arc<dyn Store> = sqlite(&folder.path().join("store"), &["slow", "file"]).into();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let path = folder.path().join("events.jsonl");
    let named = |name: &str, target| config::Sink { name: name.into(), origin: config::Origin::File, target };
    let sinks = [
        named("slow", Target::Webhook { url: peer.url(), secret: Secret::new(KEY) }),
        named("file", Target::File { path: path.clone() }),
    ];
    let mut running = Sinks::new(&store, &clock);
    running.apply(&sinks).expect("threads");
    (1..=50).for_each(|n| put(&*store, over("gate", 1, n, n.into())));

    wait_until(store.news(), || store.backlog("file").expect("backlog").pending == 0);
    wait_until(&peer.state.bell, || !peer.seen().is_empty());
    assert_eq!(store.backlog("slow").expect("backlog").pending, 50);
    assert_eq!(std::fs::read_to_string(&path).expect("the file").lines().count(), 50);

    peer.state.gate.add_permits(Semaphore::MAX_PERMITS);
    wait_until(store.news(), || store.backlog("slow").expect("backlog").pending == 0);
    assert_complete_and_in_order(&peer.ids(), 50);
    running.stop();
    put(&*store, over("gate", 1, 51, 51));
    assert_eq!(
        store.backlog("file").expect("backlog").pending,
        1,
        "what comes after the stop waits for the next start"
    );
}

#[test]
fn sinks_come_and_go_while_events_are_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let store: Arc<dyn Store> = sqlite(&folder.path().join("store"), &[]).into();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let path = |name: &str| folder.path().join(name);
    let sink = |name: &str, file: &str| config::Sink {
        name: name.into(),
        origin: config::Origin::Store,
        target: Target::File { path: path(file) },
    };
    let told = |file: &str| std::fs::read_to_string(path(file)).unwrap_or_default().lines().count();
    let mut sinks = Sinks::new(&store, &clock);
    sinks.apply(&[sink("stays", "stays"), sink("goes", "goes")]).expect("threads");
    put(&*store, over("gate", 1, 1, 1));
    wait_until(store.news(), || told("stays") == 1 && told("goes") == 1);
    sinks.apply(&[sink("stays", "moved"), sink("comes", "comes")]).expect("threads");
    put(&*store, over("gate", 1, 2, 2));
    wait_until(store.news(), || told("moved") == 1 && told("comes") == 1);
    assert_eq!((told("stays"), told("goes")), (1, 1));
    assert_eq!(store.backlog("goes").expect("backlog").pending, 0);
    sinks.apply(&[]).expect("nothing to do");
    put(&*store, over("gate", 1, 3, 3));
    assert_eq!(store.backlog("comes").expect("backlog").pending, 0, "nobody is told any more");
    sinks.stop();
}

fn wait_until(bell: &Bell, holds: impl Fn() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        bell.wait(bell.rings(), Duration::from_millis(50));
    }
    panic!("waited in vain");
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).expect("a file").lines().map(str::to_owned).collect()
}

#[test]
fn a_file_gets_a_line_an_event_also_after_it_was_rotated() {
    let mut bench = Bench::new(|folder| Box::new(JsonLines::new(folder.join("events.jsonl"))));
    let path = bench.folder.path().join("events.jsonl");
    bench.put(1, 100);
    bench.until_told(Duration::ZERO);
    assert_eq!(lines(&path).len(), 100);
    std::fs::rename(&path, path.with_extension("1")).expect("rotated");
    bench.put(101, 103);
    bench.until_told(Duration::ZERO);
    assert_eq!((lines(&path).len(), lines(&path.with_extension("1")).len()), (3, 100));
    let ids: Vec<String> = lines(&path.with_extension("1"))
        .iter()
        .chain(&lines(&path))
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).expect("JSON")["id"].as_str().expect("an id").to_owned()
        })
        .collect();
    assert_complete_and_in_order(&ids, 103);
}

#[test]
fn half_a_line_from_a_crash_is_ended_before_the_next() {
    let mut bench = Bench::new(|folder| Box::new(JsonLines::new(folder.join("events.jsonl"))));
    let path = bench.folder.path().join("events.jsonl");
    std::fs::write(&path, "{\"id\":\"gate-1.0-1\",\"cam").expect("written");
    bench.put(1, 1);
    bench.until_told(Duration::ZERO);
    let lines = lines(&path);
    assert_eq!(lines.len(), 2);
    assert!(serde_json::from_str::<serde_json::Value>(&lines[1]).is_ok());
}

#[test]
fn a_file_that_cannot_be_written_is_tried_again_until_it_can() {
    let mut bench = Bench::new(|folder| Box::new(JsonLines::new(folder.join("later/events.jsonl"))));
    bench.put(1, 5);
    assert!(matches!(bench.round(), Next::NotBefore(_)));
    assert_eq!(bench.pending(), 5);
    std::fs::create_dir(bench.folder.path().join("later")).expect("a folder");
    bench.until_told(Duration::from_secs(1));
    assert_eq!(lines(&bench.folder.path().join("later/events.jsonl")).len(), 5);
}

/// `/dev/full` takes an open and refuses every byte, as a full disk does.
#[test]
fn a_full_disk_loses_no_line() {
    let mut bench = Bench::new(|_| Box::new(JsonLines::new("/dev/full".into())));
    bench.put(1, 5);
    assert!(matches!(bench.round(), Next::NotBefore(_)));
    assert_eq!((bench.pending(), bench.dead()), (5, 0));
}
