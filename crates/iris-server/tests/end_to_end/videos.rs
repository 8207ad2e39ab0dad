//! Videos that programs send to a model.

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
