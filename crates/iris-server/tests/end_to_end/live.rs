//! `iris run` on live sources: RTSP, HTTP pictures, HLS. Ctrl-C ends them in order.

use bytes::Bytes;
use iris_server::message::{Kind, Message, State};
use iris_sim::Farm;
use rustix::process::Signal;

use crate::kit::{Folder, clip, events, farm, model, probe, runtime};
use crate::process::{Process, iris};
use crate::receiver::{folder, mjpeg};
use crate::server::{Config, RULES};

/// The moving pictures of the clip, one by one.
pub(crate) fn pictures(to: &Folder) -> Vec<Bytes> {
    to.convert("%03d.jpg", "-q:v 3");
    (1..=80).map(|n| std::fs::read(to.path(&format!("{n:03}.jpg"))).expect("a picture").into()).collect()
}

/// Watches a live source until something has crossed the line, then presses Ctrl-C. What was told, and the video.
fn watch(source: &str, more: &[&str]) -> (Vec<Message>, u32) {
    let mut config = Config::new();
    let path = config.camera("yard", &clip(), RULES).write();
    let video = config.folder.path("out.mp4");
    let words = ["run", source, "-c", &path, "--annotate", &video, "--rate", "10"];
    let process = Process::start(iris(&[&words[..], more].concat()));
    process.until("a line is crossed", |process| process.out().contains("line_crossing").then_some(()));
    process.signal(Signal::INT);
    let events = events(&process.finish().good());
    let (codec, frames) = probe(&video);
    assert_eq!(codec, "h264");
    (events, frames)
}

fn assert_told(events: &[Message], frames: u32) {
    assert!(
        events.iter().all(|e| e.state == State::Ended && e.media_end.is_some() && e.start.is_some()),
        "{events:#?}"
    );
    assert!(events.iter().any(|e| e.kind == Kind::Intrusion), "what went on at Ctrl-C is ended: {events:#?}");
    assert!(frames >= 10, "the video is complete: {frames} frames");
}

#[test]
fn rtsp_over_tcp_and_udp_until_ctrl_c() {
    let runtime = runtime();
    let farm = farm(&runtime, Farm::builder());
    for transport in ["tcp", "udp"] {
        let (events, frames) = watch(&farm.url(0), &["--transport", transport]);
        assert_told(&events, frames);
    }
    runtime.block_on(farm.shutdown());
}

#[test]
fn pictures_over_http_until_ctrl_c() {
    let (runtime, files) = (runtime(), Folder::new());
    let camera = mjpeg(&runtime, pictures(&files), None);
    let (events, frames) = watch(&format!("http://{}/video", camera.address), &[]);
    assert_told(&events, frames);
}

#[test]
fn a_complete_hls_playlist_is_watched_like_a_file() {
    let (runtime, files) = (runtime(), Folder::new());
    files.convert("a.m3u8", "-c copy -f hls -hls_time 2 -hls_playlist_type vod");
    let web = folder(&runtime, &files.path(""));
    let source = format!("http://{}/a.m3u8", web.address);
    let told = events(&Process::start(iris(&["run", &source, "--model", &model()])).finish().good());
    assert_eq!(told.len(), 3, "every frame is looked at: {told:#?}");
}

#[test]
fn an_hls_playlist_that_goes_on_is_live_until_ctrl_c() {
    let (runtime, files) = (runtime(), Folder::new());
    files.convert("a.m3u8", "-c copy -f hls -hls_time 2 -hls_list_size 0 -hls_flags omit_endlist");
    let web = folder(&runtime, &files.path(""));
    let source = format!("http://{}/a.m3u8", web.address);
    let mut command = iris(&["run", &source, "--model", &model()]);
    command.env("IRIS_LOG", "info");
    let process = Process::start(command);
    process.until_said("live: h264");
    process.signal(Signal::INT);
    process.finish().good();
}
