//! A server that uses another one as its device: frames are answered from there, by each of the protocol's forms; a server that
//! is slow or gone is replaced for all to see, and taken back.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use iris_sim::Farm;
use serde_json::Value;

use crate::kit::{farm, runtime};
use crate::process::run_iris;
use crate::server::{Config, Server};

/// What lies between two servers: passes everything on to wherever the other one is, unless it is told to hold it back.
#[derive(Clone)]
struct Relay {
    address: SocketAddr,
    way: Arc<(Mutex<Way>, Condvar)>,
}

struct Way {
    to: String,
    is_held: bool,
}

impl Relay {
    fn new(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let way = Way { to: to.to_owned(), is_held: false };
        let this = Self { address, way: Arc::new((Mutex::new(way), Condvar::new())) };
        let relay = this.clone();
        let accept = move || listener.incoming().flatten().for_each(|client| relay.join(&client));
        std::thread::Builder::new().name("relay".into()).spawn(accept).expect("a thread");
        this
    }

    fn join(&self, client: &TcpStream) {
        let to = self.way.0.lock().expect("no panic").to.clone();
        // One to whom the way leads nowhere hears that at once.
        let Ok(server) = TcpStream::connect(to) else { return };
        for (from, to) in [(client, &server), (&server, client)] {
            let (from, to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
            let relay = self.clone();
            let pass = move || drop(relay.pass(&from, &to));
            std::thread::Builder::new().name("relayed".into()).spawn(pass).expect("a thread");
        }
    }

    fn pass(&self, mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
        let mut part = vec![0; 1 << 16];
        while let Ok(n @ 1..) = from.read(&mut part) {
            let (way, changed) = &*self.way;
            drop(changed.wait_while(way.lock().expect("no panic"), |way| way.is_held).expect("no panic"));
            to.write_all(&part[..n])?;
        }
        to.shutdown(Shutdown::Both)?;
        from.shutdown(Shutdown::Both)
    }

    fn hold(&self, is_held: bool) {
        self.way.0.lock().expect("no panic").is_held = is_held;
        self.way.1.notify_all();
    }

    fn lead_to(&self, server: &str) {
        server.clone_into(&mut self.way.0.lock().expect("no panic").to);
    }
}

fn host(server: &Server) -> &str {
    server.address.split_once("://").expect("an address").1
}

fn token(config: &Config) -> String {
    let words = ["token", "create", "-c", &config.folder.path("iris.toml"), "--name", "iris", "--scope", "infer"];
    run_iris(&words).good().trim().to_owned()
}

/// How many requests a server has answered.
fn answered(server: &Server) -> u64 {
    let stats: Value = serde_json::from_str(&server.get("/v2/models/blobs/stats")).expect("JSON");
    stats["model_stats"][0]["inference_stats"]["success"]["count"].as_u64().expect("a number")
}

#[test]
fn frames_are_answered_by_another_server_until_it_is_slow_or_gone_and_again_when_it_is_back() {
    follow_another_server("http");
}

#[test]
fn the_same_by_grpc() {
    follow_another_server("grpc");
}

fn follow_another_server(scheme: &str) {
    let other_config = Config::new();
    let other = other_config.serve();
    let token = token(&other_config);
    let relay = Relay::new(host(&other));
    let runtime = runtime();
    let farm = farm(&runtime, Farm::builder().cameras(1));
    let mut config = Config::new();
    let device =
        format!("[[devices]]\nkind = 'oip'\nurl = '{scheme}://{}'\ntoken = '{token}'\nin_flight = 1\n", relay.address);
    config.devices(&device).camera("yard", &farm.url(0), "gate = 'off'\n");
    let server = config.serve();
    server.until_live(&["yard"]);
    let works = |health: &Value| health["status"] == "ok" && health["devices"]["oip-0"]["state"] == "running";
    server.until_health("the other server is its device", works);
    server.until("the other is asked", |_| (answered(&other) > 5).then_some(()));
    server.until_more_of("yard");

    // Slow: nothing comes in time, others stand in, and all goes on.
    relay.hold(true);
    let lost = |health: &Value| health["status"] == "degraded" && health["devices"]["oip-0"]["state"] == "lost";
    let health = server.until_health("a slow server is lost", lost);
    let why = health["devices"]["oip-0"]["error"].as_str().expect("a reason");
    assert!(why.contains(&relay.address.to_string()) && why.contains("no answer within 2 s"), "{why}");
    server.until_more_of("yard");
    relay.hold(false);
    server.until_health("it is back", works);

    // Gone, and another in its place.
    drop(other);
    server.until_health("a server that is gone is lost", lost);
    server.until_more_of("yard");
    let other = other_config.serve();
    relay.lead_to(host(&other));
    server.until_health("it is back", works);
    server.until("the other is asked again", |_| (answered(&other) > 0).then_some(()));
    server.stop();
    config.assert_in_order();
    runtime.block_on(farm.shutdown());
}

#[test]
fn a_server_that_does_not_fit_is_no_device_and_says_why() {
    let other_config = Config::new();
    let other = other_config.serve();
    let token = token(&other_config);
    for (more, expected) in [
        (format!("token = '{token}'\nmodel = 'nothing'\n"), "there is no model"),
        (String::new(), "sign in, or send a token"),
    ] {
        for scheme in ["http", "grpc"] {
            let mut config = Config::new();
            config.devices(&format!("[[devices]]\nkind = 'oip'\nurl = '{scheme}://{}'\n{more}", host(&other)));
            let server = config.serve();
            let health = server.health();
            let why = health["devices"]["oip-0"]["error"].as_str().unwrap_or_else(|| panic!("{health}"));
            assert!(why.contains(expected), "{why}");
            assert!(!server.process.err().contains(&token));
            server.stop();
        }
    }
}
