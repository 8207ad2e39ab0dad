//! Videos that programs send to a model.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use serde_json::Value;

use crate::client::Client;
use crate::kit::{Folder, clip};
use crate::process::run_iris;
use crate::server::{Config, Server};

fn post(server: &Server, path: &str, video: &[u8]) -> Value {
    let answer = server.client().upload(&format!("/models/blobs/videos{path}"), video);
    answer.json(202)
}

/// How a job stands once it is over.
fn over(server: &Server, video: &Value) -> Value {
    let path = format!("/videos/{}", video["id"].as_str().expect("an id"));
    server.until("the video is looked at", |server| {
        let video = server.client().get(&path).json(200);
        (video["state"] == "done" || video["state"] == "failed").then_some(video)
    })
}

#[test]
fn a_video_is_looked_at_beside_the_cameras_and_tells_what_was_seen() {
    let config = Config::new();
    let server = config.serve();
    let file = std::fs::read(clip()).expect("a clip");
    let added = post(&server, "?rate=2", &file);
    assert!(added["state"] == "waiting" || added["state"] == "running", "{added}");
    let done = over(&server, &added);
    assert_eq!((&done["state"], &done["progress"]), (&"done".into(), &1.0.into()), "{done}");
    let path = format!("/videos/{}/detections", added["id"].as_str().expect("an id"));
    let lines = server.client().get(&path).text();
    let seen: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(Some(seen.len() as u64), done["looks"].as_u64());
    let times: Vec<f64> = seen.iter().filter_map(|line| line["time"].as_f64()).collect();
    assert!(times.len() >= 4 && times.windows(2).all(|two| two[1] - two[0] >= 0.49), "{times:?}");
    let blobs = seen.iter().flat_map(|line| line["detections"].as_array().expect("a list"));
    assert!(blobs.clone().count() > 3 && blobs.clone().all(|one| one["class"] == "white blob"), "{lines}");

    // Another who may ask the models does not see it.
    let words = ["token", "create", "-c", &config.folder.path("iris.toml"), "--name", "other", "--scope", "infer"];
    let other = Client::nobody(server.address()).with_token(run_iris(&words).good().trim());
    other.get(&path).problem(404, "not_found");

    server.client().delete(&path.replace("/detections", "")).done();
    server.client().get(&path).problem(404, "not_found");
    server.stop();
}

#[test]
fn a_video_waits_while_others_fill_the_line_and_is_looked_at_to_its_end() {
    let mut config = Config::new();
    config.devices("[[devices]]\nkind = 'cpu'\nthreads = 1\n[serving]\nqueue = 1\n");
    let server = config.serve();
    let file = std::fs::read(clip()).expect("a clip");
    let folder = Folder::new();
    let picture = std::fs::read(folder.convert("still.png", "-frames:v 1 -update 1")).expect("a picture");
    let (stop, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (looks, failed) = std::thread::scope(|scope| {
        let (client, stop, refused, picture) = (server.client(), &stop, &refused, &picture);
        for n in 0..4 {
            let client = client.clone();
            let ask = move || {
                while !stop.load(SeqCst) {
                    let status = client.upload("/models/blobs/detect", picture).status;
                    assert!(status == 200 || status == 503, "{status}");
                    refused.fetch_add(usize::from(status == 503), SeqCst);
                }
            };
            std::thread::Builder::new().name(format!("client-{n}")).spawn_scoped(scope, ask).expect("a thread");
        }
        server.until("the line is full", |_| (refused.load(SeqCst) > 0).then_some(()));
        let done = over(&server, &post(&server, "?rate=10", &file));
        stop.store(true, SeqCst);
        (done["looks"].as_u64(), done["error"].clone())
    });
    assert_eq!((looks, failed), (Some(80), Value::Null));
    server.stop();
}

#[test]
fn what_is_no_video_fails_and_says_why() {
    let server = Config::new().serve();
    let folder = Folder::new();
    let file = std::fs::read(clip()).expect("a clip");
    let no_h264 = std::fs::read(folder.convert("a.mp4", "-c:v mpeg4 -t 1")).expect("a clip");
    for (video, why) in [
        (&b"this is no video"[..], "the video"),
        (&[], "the video: is empty"),
        (&file[..file.len() / 2], "the video"),
        (&no_h264, "the video"),
    ] {
        let failed = over(&server, &post(&server, "", video));
        let error = failed["error"].as_str().unwrap_or_default();
        assert!(failed["state"] == "failed" && error.starts_with(why) && !error.contains("/proc"), "{failed}");
    }
    for (query, what) in [("?rate=0", "rate"), ("?rate=100", "rate"), ("?min_score=2", "min_score")] {
        let refused = server.client().upload(&format!("/models/blobs/videos{query}"), &file);
        assert!(refused.problem(422, "invalid").to_string().contains(what));
    }
    server.client().upload("/models/none/videos", &file).problem(404, "not_found");
    server.stop();
}

#[test]
fn a_ninth_video_is_refused_until_there_is_room_and_none_holds_up_the_end() {
    let config = Config::new();
    let server = config.serve();
    let folder = Folder::new();
    // So long that it is not over meanwhile.
    let words = "-vf loop=-1:size=80,setpts=N/10/TB -t 600 -preset ultrafast -g 50";
    let long = std::fs::read(folder.convert("long.mp4", words)).expect("a clip");
    let client = server.client();
    let add = || client.upload("/models/blobs/videos?rate=60", &long);
    let added: Vec<Value> = (0..8).map(|_| add().json(202)).collect();
    let refused = add();
    let said = refused.problem(503, "unavailable");
    assert!(said.to_string().contains("8 videos wait already"), "{said}");
    assert!(refused.retry_after.parse::<u64>().is_ok_and(|seconds| seconds > 0), "{refused:?}");

    let path = |video: &Value| format!("/videos/{}", video["id"].as_str().expect("an id"));
    let of = |state: &str| added.iter().filter(|video| client.get(&path(video)).json(200)["state"] == state).count();
    server.until("the first is looked at", |_| (of("running") == 1).then_some(()));
    assert_eq!(of("waiting"), 7);
    client.delete(&path(&added[7])).done();
    add().json(202);
    server.stop();
}
