//! Watching a camera live over a WebSocket, as a page does, and fetching pictures and clips.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use iris_sim::Farm;
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::kit::{clip, farm, probe, runtime, times};
use crate::process::{PATIENCE, run_iris};
use crate::server::{Config, RULES, Server};

/// One viewer.
struct Viewer<'r> {
    runtime: &'r Runtime,
    socket: WebSocketStream<TcpStream>,
}

/// What a viewer is sent.
#[derive(Debug)]
enum Sent {
    Told(Value),
    Bytes(Vec<u8>),
    Closed(Option<CloseCode>),
}

impl<'r> Viewer<'r> {
    /// Connects with a token; the status if that is refused. `buffer`: how many bytes the kernel takes in advance.
    fn enter(
        runtime: &'r Runtime,
        server: &Server,
        camera: &str,
        token: &str,
        buffer: Option<u32>,
    ) -> Result<Self, u16> {
        let address = server.address.strip_prefix("http://").expect("without TLS");
        let connect = async {
            let socket = TcpSocket::new_v4().expect("a socket");
            if let Some(bytes) = buffer {
                socket.set_recv_buffer_size(bytes).expect("set");
            }
            let stream = socket.connect(address.parse::<SocketAddr>().expect("an address")).await.expect("connected");
            let mut request =
                format!("ws://{address}/api/v1/cameras/{camera}/live").into_client_request().expect("a request");
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().expect("a value"));
            match tokio_tungstenite::client_async(request, stream).await {
                Ok((socket, _)) => Ok(socket),
                Err(Error::Http(response)) => Err(response.status().as_u16()),
                Err(error) => panic!("{error}"),
            }
        };
        runtime.block_on(connect).map(|socket| Self { runtime, socket })
    }

    fn next(&mut self) -> Sent {
        let next = async {
            loop {
                match self.socket.next().await.expect("more").expect("readable") {
                    Message::Text(text) => return Sent::Told(serde_json::from_str(&text).expect("JSON")),
                    Message::Binary(bytes) => return Sent::Bytes(bytes.to_vec()),
                    Message::Close(frame) => return Sent::Closed(frame.map(|frame| frame.code)),
                    _ => {}
                }
            }
        };
        self.runtime.block_on(async { tokio::time::timeout(PATIENCE, next).await.expect("in time") })
    }

    /// Reads up to the first word of this type.
    fn until(&mut self, kind: &str) -> Value {
        loop {
            match self.next() {
                Sent::Told(told) if told["type"] == kind => return told,
                Sent::Closed(code) => panic!("closed: {code:?}"),
                _ => {}
            }
        }
    }

    fn leave(mut self) {
        self.runtime.block_on(self.socket.close(None)).expect("closed");
    }
}

#[test]
fn a_viewer_gets_every_picture_with_its_tracks_in_step() {
    let runtime = runtime();
    let mut config = Config::new();
    // RTSP does not say when to decode, and FFmpeg shifts the times of what is shown in another order than it came in.
    let clip = config.folder.convert("clip.mp4", "-c:v libx264 -profile:v main -g 20 -bf 0");
    let farm = runtime.block_on(Farm::builder().clip(clip).start()).expect("the farm starts");
    config.camera("yard", &farm.url(0), "");
    let server = config.serve();
    server.until_live(&["yard"]);
    let mut viewer = Viewer::enter(&runtime, &server, "yard", &server.token, None).expect("let in");
    let (mut movie, mut fragments, mut seen) = (Vec::new(), 0, Vec::new());
    let mut words = Vec::new();
    while fragments < 30 || seen.is_empty() {
        match viewer.next() {
            Sent::Told(told) if told["type"] == "tracks" => {
                seen.push(told["t"].as_f64().expect("seconds"));
                for track in told["tracks"].as_array().expect("tracks") {
                    assert_eq!(track["class"], "white blob");
                    assert!(track["box"].as_array().is_some_and(|sides| sides.len() == 4));
                }
            }
            Sent::Told(told) => words.push(told),
            Sent::Bytes(bytes) => {
                fragments += u32::from(!movie.is_empty());
                movie.extend_from_slice(&bytes);
            }
            Sent::Closed(code) => panic!("closed: {code:?}"),
        }
    }
    viewer.leave();
    assert_eq!(words[0], json!({"type": "state", "state": "live", "error": null}));
    let init = json!({"type": "init", "mime": "video/mp4; codecs=\"avc1.4d400b\"", "width": 320, "height": 180});
    assert_eq!(words[1..], [init], "and nothing is missed");
    let path = config.folder.write("live.mp4", movie);
    assert_eq!(probe(&path), ("h264".into(), fragments));
    let times = times(&path);
    assert!(times.windows(2).all(|two| two[0] < two[1]), "{times:?}");
    let in_step = |t: &f64| times.iter().any(|shown| (shown - t).abs() < 0.001);
    assert!(seen.iter().filter(|t| **t <= times[times.len() - 1]).all(in_step), "{seen:?} in {times:?}");
    server.metrics().assert_undisturbed("yard");
    server.stop();
    runtime.block_on(farm.shutdown());
}

#[test]
fn a_viewer_who_does_not_read_is_told_what_was_missed_and_the_camera_does_not_notice() {
    let runtime = runtime();
    let mut config = Config::new();
    // More than the kernel takes in for one who does not read.
    let noise = "-vf scale=640:360,noise=alls=100:allf=t -c:v libx264 -preset ultrafast -qp 8 -g 10 -bf 0";
    let loud = config.folder.convert("loud.mp4", noise);
    let farm = runtime.block_on(Farm::builder().clip(loud).start()).expect("the farm starts");
    config.camera("yard", &farm.url(0), "");
    let server = config.serve();
    server.until_live(&["yard"]);
    let mut viewer = Viewer::enter(&runtime, &server, "yard", &server.token, Some(4096)).expect("let in");
    let received = || server.metrics().stage("iris_stage_received_total", "yard", "decode");
    let before = received();
    server.until("seven seconds have passed", |_| (received() > before + 70.0).then_some(()));
    let missed = viewer.until("missed")["frames"].as_u64().expect("a number");
    assert!((1..1000).contains(&missed), "{missed}");
    assert!(matches!(viewer.next(), Sent::Bytes(_)), "it goes on");
    server.metrics().assert_undisturbed("yard");
    server.stop();
    runtime.block_on(farm.shutdown());
}

#[test]
fn who_may_not_watch_is_not_let_in_and_who_may_not_any_more_is_seen_off() {
    let runtime = runtime();
    let farm = farm(&runtime, Farm::builder());
    let mut config = Config::new();
    config.camera("yard", &farm.url(0), "");
    let server = config.serve();
    server.until_live(&["yard"]);
    let path = config.folder.path("iris.toml");
    let token = |cameras: &str| {
        let words = ["token", "create", "-c", &path, "--name", "viewer", "--scope", "view", "--camera", cameras];
        run_iris(&words).good().trim().to_owned()
    };
    let enter = |camera: &str, token: &str| Viewer::enter(&runtime, &server, camera, token, None);
    assert_eq!(enter("yard", &token("gate")).err(), Some(404));
    assert_eq!(enter("yard", "nonsense").err(), Some(401));
    assert_eq!(enter("nowhere", &server.token).err(), Some(404));
    let mut viewer = enter("yard", &token("yard")).expect("let in");
    viewer.until("init");
    let tokens: Value = serde_json::from_str(&server.get("/api/v1/tokens")).expect("JSON");
    for token in tokens["items"].as_array().expect("tokens").iter().filter(|token| token["name"] == "viewer") {
        let id = token["id"].as_str().expect("an id");
        assert_eq!(server.send("DELETE", &format!("/api/v1/tokens/{id}"), None).0, 204);
    }
    let code = loop {
        if let Sent::Closed(code) = viewer.next() {
            break code;
        }
    };
    assert_eq!(code, Some(CloseCode::Policy));
    server.stop();
    runtime.block_on(farm.shutdown());
}

#[test]
fn a_camera_that_is_removed_or_plays_what_browsers_cannot_is_told() {
    let runtime = runtime();
    let mut config = Config::new();
    let pictures = config.folder.convert("pictures.avi", "-c:v mjpeg -q:v 5");
    config.camera("yard", &pictures, "");
    let server = config.serve();
    let mut viewer = Viewer::enter(&runtime, &server, "yard", &server.token, None).expect("let in");
    assert_eq!(viewer.until("unsupported"), json!({"type": "unsupported", "codec": "mjpeg"}));
    config.remove("yard").camera("gate", &clip(), "").write();
    server.reload();
    let code = loop {
        if let Sent::Closed(code) = viewer.next() {
            break code;
        }
    };
    assert_eq!(code, Some(CloseCode::Restart));
    server.stop();
}

#[test]
fn pictures_and_clips_are_fetched_whole_and_in_parts() {
    let mut config = Config::new();
    config.camera("yard", &clip(), RULES);
    let server = config.serve();
    server.process.until_said("the source is over");
    let event = config.events().swap_remove(0).id;
    let clip = format!("/api/v1/events/{event}/clip");
    let whole = server.until("the clip is complete", |server| {
        let (status, body) = server.send("GET", &clip, None);
        (status == 200).then_some(body)
    });
    let path = config.folder.write("clip.mp4", &whole);
    assert!(probe(&path).1 > 70);
    let part = |range| server.send_with("GET", &clip, &[("range", range)], None);
    assert_eq!(part("bytes=4-7"), (206, b"ftyp".to_vec()));
    assert_eq!(part("bytes=-16").1, whole[whole.len() - 16..]);
    let (status, problem) = part("bytes=99999999-");
    let problem: Value = serde_json::from_slice(&problem).expect("JSON");
    assert_eq!((status, &problem["code"]), (416, &json!("range_not_satisfiable")));
    for (path, size) in [
        (format!("/api/v1/events/{event}/picture"), 320),
        (format!("/api/v1/events/{event}/picture?boxes=true"), 320),
        ("/api/v1/cameras/yard/snapshot".to_owned(), 320),
    ] {
        let (status, jpeg) = server.send("GET", &path, None);
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&jpeg));
        assert_eq!(image::load_from_memory(&jpeg).expect("a picture").width(), size, "{path}");
    }
    for path in
        ["/api/v1/events/yard-1.0-999/clip", "/api/v1/events/yard-1.0-999/picture", "/api/v1/cameras/gate/snapshot"]
    {
        assert_eq!(server.send("GET", path, None).0, 404, "{path}");
    }
    server.stop();
}

#[test]
fn an_address_is_tried_before_it_becomes_a_camera() {
    let runtime = runtime();
    let farm = farm(&runtime, Farm::builder());
    let server = Config::new().camera("yard", &clip(), "enabled = false\n").serve();
    let attempt = |url: &str| {
        let (status, body) = server.send("POST", "/api/v1/cameras/test", Some(json!({"url": url})));
        (status, serde_json::from_slice::<Value>(&body).expect("JSON"))
    };
    let (status, found) = attempt(&farm.url(0));
    assert_eq!(status, 200, "{found}");
    assert_eq!((&found["codec"], &found["width"], &found["height"]), (&json!("h264"), &json!(320), &json!(180)));
    assert!((found["frames_per_second"].as_f64().expect("counted") - 10.0).abs() < 0.5, "{found}");
    let jpeg = STANDARD.decode(found["picture"].as_str().expect("a picture")).expect("Base64");
    assert_eq!(image::load_from_memory(&jpeg).expect("a picture").height(), 180);
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address")
    };
    let (status, problem) = attempt(&format!("rtsp://ada:s3cret@{closed}/x"));
    assert_eq!((status, &problem["code"]), (422, &json!("source_failed")));
    assert!(!problem.to_string().contains("s3cret"), "{problem}");
    for url in
        ["/etc/passwd", "file:///etc/passwd", "ftp://10.0.0.1/x", "http://169.254.169.254/latest", "rtsp://[fe80::1]/x"]
    {
        let (status, problem) = attempt(url);
        assert_eq!((status, &problem["code"]), (422, &json!("invalid")), "{url}: {problem}");
    }
    server.stop();
    runtime.block_on(farm.shutdown());
}
