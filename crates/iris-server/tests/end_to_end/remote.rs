//! A server that uses another one as its device: frames are answered from there, by each of the protocol's forms, as tensors
//! or files, in clear text or by TLS; a server that is slow or gone is replaced for all to see, and taken back.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};

use iris_sim::Farm;
use serde_json::Value;

use crate::kit::{Folder, farm, runtime};
use crate::process::run_iris;
use crate::server::{Config, Server};

/// What lies between two servers: passes everything on to wherever the other one is, unless it is told to hold it back.
#[derive(Clone)]
struct Relay {
    address: SocketAddr,
    way: Arc<(Mutex<Way>, Condvar)>,
    /// Bytes that went through, both ways together.
    passed: Arc<AtomicUsize>,
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
        let this = Self { address, way: Arc::new((Mutex::new(way), Condvar::new())), passed: Arc::default() };
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
            self.passed.fetch_add(n, Relaxed);
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

/// A still picture of the camera's clip.
fn still() -> Vec<u8> {
    let folder = Folder::new();
    std::fs::read(folder.convert("still.png", "-ss 4 -frames:v 1 -update 1")).expect("a picture")
}

/// What a server's model sees in a picture: classes, scores and boxes.
fn seen(server: &Server, picture: &[u8]) -> Vec<(String, f64, Vec<f64>)> {
    let seen = server.client().upload("/models/blobs/detect", picture).json(200);
    let number = |value: &Value| value.as_f64().expect("a number");
    let one = |found: &Value| {
        let edges = found["box"].as_array().expect("a box").iter().map(number).collect();
        (found["class"].as_str().expect("a name").to_owned(), number(&found["score"]), edges)
    };
    seen["detections"].as_array().expect("a list").iter().map(one).collect()
}

#[test]
fn frames_as_files_are_a_fraction_of_the_bytes_and_show_the_same() {
    let other_config = Config::new();
    let other = other_config.serve();
    let token = token(&other_config);
    let picture = still();
    let expected = seen(&other, &picture);
    assert!(expected.len() >= 2, "{expected:?}");
    for scheme in ["http", "grpc"] {
        let relay = Relay::new(host(&other));
        let bytes = |jpeg: bool| {
            let mut config = Config::new();
            config.devices(&format!(
                "[[devices]]\nkind = 'oip'\nurl = '{scheme}://{}'\ntoken = '{token}'\njpeg = {jpeg}\n",
                relay.address
            ));
            let server = config.serve();
            server.until_health("the other server is its device", |health| health["status"] == "ok");
            let before = relay.passed.load(Relaxed);
            let found = seen(&server, &picture);
            let passed = relay.passed.load(Relaxed) - before;
            assert_eq!(found.len(), expected.len(), "{found:?} {expected:?}");
            for ((class, score, edges), (known, sure, places)) in found.iter().zip(&expected) {
                let most = edges.iter().zip(places).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                let (least, allowed) = if jpeg { (0.05, 1.5) } else { (1e-6, 1e-3) };
                assert!(class == known && (score - sure).abs() < least && most < allowed, "{found:?} {expected:?}");
            }
            server.stop();
            passed
        };
        let [tensor, file] = [false, true].map(bytes);
        assert!(file * 4 < tensor, "{file} bytes instead of {tensor}");
    }
}

#[test]
fn a_server_is_asked_by_tls_if_its_certificate_is_the_right_one() {
    let folder = Folder::new();
    let certificate = |name: &str| {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
        let certificate = folder.write(&format!("{name}.pem"), made.cert.pem());
        let key = folder.write(&format!("{name}.key"), made.signing_key.serialize_pem());
        std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).expect("it is ours");
        (certificate, key)
    };
    let (right, key) = certificate("127.0.0.1");
    let (wrong, wrong_key) = certificate("elsewhere.example");
    let empty = folder.write("empty.pem", "");
    let serve = |tls: &str| {
        let mut config = Config::new();
        config.devices(tls);
        let server = config.serve();
        (server, token(&config), config)
    };
    let secured = serve(&format!("[server.tls]\ncert = '{right}'\nkey = '{key}'\n"));
    let misnamed = serve(&format!("[server.tls]\ncert = '{wrong}'\nkey = '{wrong_key}'\n"));
    let plain = serve("");
    let device = |scheme: &str, (server, token, _): &(Server, String, Config), more: &str| {
        let url = format!("{scheme}://{}", host(server));
        (url.clone(), format!("[[devices]]\nkind = 'oip'\nurl = '{url}'\ntoken = '{token}'\n{more}"))
    };
    let trusting = |file: &str| format!("ca = '{file}'\n");
    let picture = still();
    for scheme in ["https", "grpcs"] {
        let mut config = Config::new();
        config.devices(&device(scheme, &secured, &trusting(&right)).1);
        let server = config.serve();
        server.until_health("the other server is its device", |health| health["status"] == "ok");
        assert!(!seen(&server, &picture).is_empty());
        assert_eq!(server.health()["devices"]["oip-0"]["state"], "running", "asked, and not replaced");
        server.stop();

        for ((url, toml), expected) in [
            (device(scheme, &secured, ""), "nobody who is trusted has signed its certificate"),
            (device(scheme, &misnamed, &trusting(&wrong)), "not valid for name \"127.0.0.1\""),
            (device(scheme, &plain, &trusting(&right)), "it does not speak TLS there"),
            (device(scheme, &secured, &trusting(&empty)), "there is no certificate in"),
        ] {
            let mut config = Config::new();
            config.devices(&toml);
            let server = config.serve();
            let health = server.health();
            let why = health["devices"]["oip-0"]["error"].as_str().unwrap_or_else(|| panic!("{health}"));
            assert!(health["status"] == "degraded" && why.contains(expected) && why.contains(&url), "{health}");
            server.stop();
        }
    }
}
