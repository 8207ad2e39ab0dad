//! The same in Chromium, through Media Source Extensions, where the live page plays them.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::http::header;
use axum::routing::{get, post};
use axum::{Json, Router};
use iris_core::{MediaTime, Packet};
use iris_server::fmp4::{Indexed, Live, Piece, Timing, Track, fragment, ticks};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{make, packets};

/// Only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(100);

/// A browser that goes with its handle.
struct Browser(Child);

impl Drop for Browser {
    fn drop(&mut self) {
        // One that is over cannot be killed, and need not.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The pieces of a movie, as a page asks for them.
fn pieces(packets: &[Packet]) -> (Value, Vec<u8>) {
    let (mut live, mut movie, mut sizes, mut mime) = (Live::default(), Vec::new(), Vec::new(), String::new());
    for piece in packets.iter().flat_map(|packet| live.push(packet).expect("it fits into a movie")) {
        let bytes = match piece {
            Piece::Missed(_) => continue,
            Piece::Head { bytes, mime: told, .. } => {
                mime = told;
                bytes
            }
            Piece::Fragment(bytes) => bytes,
        };
        sizes.push(bytes.len());
        movie.extend_from_slice(&bytes);
    }
    (json!({"mime": mime, "sizes": sizes}), movie)
}

/// What Chromium says of pieces that are appended one by one.
fn play(test: &str, packets: &[Packet]) -> Option<Value> {
    let (list, movie) = pieces(packets);
    open(test, include_str!("player.html"), list, movie)
}

/// Debian's, unless another is named. Not the first in the path: Ubuntu's there is a snap, which sees no temporary folder.
fn chromium() -> OsString {
    std::env::var_os("IRIS_CHROMIUM").unwrap_or_else(|| "/usr/bin/chromium".into())
}

/// What a page says of a movie, or nothing without Chromium.
#[expect(clippy::print_stdout, reason = "what did not run is reported")]
fn open(test: &str, page: &'static str, list: Value, movie: Vec<u8>) -> Option<Value> {
    let chromium = chromium();
    if !Path::new(&chromium).exists() {
        println!(
            "not run: {test}: there is no {}; IRIS_CHROMIUM may name a Chromium or Chrome",
            Path::new(&chromium).display()
        );
        return None;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (sender, mut result) = mpsc::channel::<Value>(1);
        let take = move |Json(value): Json<Value>| async move { sender.send(value).await.expect("the test waits") };
        let text = |text: String| async move { serde_json::from_str::<Value>(&text).map(Json).expect("JSON") };
        let app = Router::new()
            .route("/", get(move || async move { axum::response::Html(page) }))
            .route("/pieces", get(|| async move { Json(list) }))
            .route("/movie", get(|| async move { ([(header::CONTENT_TYPE, "video/mp4")], movie) }))
            .route("/result", post(move |body: String| async move { take(text(body).await).await }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, app).await });
        let profile = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(chromium);
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--mute-audio", "--no-first-run"]);
        command.args(["--autoplay-policy=no-user-gesture-required", "--disable-dev-shm-usage"]);
        command.arg(format!("--user-data-dir={}", profile.path().display())).arg(format!("http://{address}/"));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("chromium starts");
        let browser = Browser(child);
        let told = tokio::time::timeout(PATIENCE, result.recv()).await.expect("it answers in time");
        drop(browser);
        told
    })
}

/// That nothing is missing in what Chromium holds of pictures at these times, in seconds.
fn assert_whole(told: &Value, first: f64, last: f64) {
    let ranges = told["buffered"].as_array().expect("ranges");
    assert_eq!(ranges.len(), 1, "{told}");
    let at = |n: usize| ranges[0][n].as_f64().expect("seconds");
    assert!((at(0) - first).abs() < 0.01 && (last..last + 1.0).contains(&at(1)), "{told}");
    assert_eq!(told["size"], json!([320, 180]));
}

#[test]
fn chromium_takes_every_picture() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, words) in [("a.mp4", "-c copy"), ("a.ts", "-c copy")] {
        let packets = packets(&make(folder.path(), name, words));
        let Some(told) = play("chromium_takes_every_picture", &packets) else { return };
        assert_whole(&told, 0.0, 7.9);
    }
}

#[test]
fn chromium_takes_pictures_that_are_shown_in_another_order_though_nobody_says_when_to_decode() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut packets = packets(&make(folder.path(), "a.mp4", "-c copy"));
    // As over RTSP: decoded after all that came before.
    let mut latest = -1;
    for packet in &mut packets {
        latest = ticks(packet.at.media).max(latest + 1);
        packet.dts = MediaTime::from_90khz(latest);
    }
    let Some(told) = play("chromium_takes_pictures_that_are_shown_in_another_order", &packets) else { return };
    assert_whole(&told, 0.0, 7.9);
}

#[test]
fn chromium_goes_on_where_a_camera_left_out_some_pictures() {
    let folder = tempfile::tempdir().expect("a folder");
    // One key frame in four seconds.
    let mut packets = packets(&make(folder.path(), "a.mp4", "-c:v libx264 -g 40 -bf 0"));
    packets.drain(10..13);
    let Some(told) = play("chromium_goes_on_where_a_camera_left_out_some_pictures", &packets) else { return };
    assert_whole(&told, 0.0, 7.9);
}

#[test]
fn chromium_plays_a_clip_and_knows_how_long_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let packets = packets(&make(folder.path(), "a.mp4", "-c copy"));
    let track = Track::of(&packets[0]).expect("it fits into a movie");
    let origin = ticks(packets[0].dts);
    let sample = |packet: &Packet| {
        let at = |time| ticks(time) - origin;
        track.sample(packet, Timing { decode: at(packet.dts), show: at(packet.at.media), duration: 9_000 })
    };
    let (mut body, mut index) = (Vec::new(), Vec::new());
    for (n, group) in packets.chunks(20).enumerate() {
        let samples: Vec<_> = group.iter().map(sample).collect();
        let bytes = fragment(n as u32 + 1, &samples, None).expect("a fragment");
        let (show, starts_with_key) = (samples[0].timing.show, samples[0].is_key);
        index.push(Indexed { bytes: bytes.len() as u32, show, duration: 180_000, starts_with_key });
        body.extend_from_slice(&bytes);
    }
    let movie = [&track.indexed_head(&index).expect("a head")[..], &body].concat();
    let test = "chromium_plays_a_clip_and_knows_how_long_it_is";
    let Some(told) = open(test, include_str!("clip.html"), Value::Null, movie) else { return };
    assert!(told["duration"].as_f64().is_some_and(|seconds| (7.9..8.4).contains(&seconds)), "{told}");
    assert!(told["at"].as_f64().is_some_and(|seconds| (3.9..4.3).contains(&seconds)), "{told}");
    assert_eq!(told["size"], json!([320, 180]), "{told}");
}
