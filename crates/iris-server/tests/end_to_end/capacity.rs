//! `iris capacity`: that it measures, and what it says; not how fast the machine is.

use iris_sim::Farm;
use serde_json::Value;

use crate::kit::{clip, farm, model, runtime};
use crate::process::run_iris;
use crate::server::Config;

fn measure(words: &[&str]) -> Value {
    let told = run_iris(&[&["capacity", "--json", "--seconds", "0.01", "--model", &model()], words].concat()).good();
    serde_json::from_str(&told).expect("JSON")
}

fn streams(report: &Value) -> &[Value] {
    report["streams"].as_array().expect("a list")
}

#[test]
fn a_clip_is_measured_and_compared_with_a_small_stream() {
    let report = measure(&["--clip", &clip(), "--busy", "0.5"]);
    assert!(report["cores"].as_u64().is_some_and(|cores| cores > 0), "{report}");
    assert_eq!(report["busy"], 0.5);
    for stream in streams(&report) {
        let ms = |stage: &str| stream["ms_per_frame"][stage].as_f64().expect("a cost");
        assert!(
            ["decode", "still", "gate", "preprocess", "model"].iter().all(|stage| ms(stage) > 0.0)
                && ms("track") >= 0.0,
            "{stream}"
        );
        assert!(stream["throughput"].as_f64().is_some_and(|rate| rate > 0.0), "{stream}");
        assert!(stream["cameras"].is_u64() && stream["memory_bytes"].is_u64(), "{stream}");
        assert!(["decode", "model", "memory"].contains(&stream["bound"].as_str().expect("a word")), "{stream}");
    }
    let clip = &streams(&report)[0];
    assert_eq!(
        [&clip["name"], &clip["width"], &clip["height"], &clip["frames_per_second"]],
        [&Value::from("blobs.mp4 (320x180 h264)"), &320.into(), &180.into(), &10.0.into()]
    );
    assert_eq!(streams(&report).len(), 2, "{report}");
    let (clip, small) = (&streams(&report)[0], &streams(&report)[1]);
    assert_eq!((&small["name"], &small["profile"]), (&"640x360 h264 baseline".into(), &"baseline".into()));
    let decode = |stream: &Value| stream["ms_per_frame"]["decode"].as_f64();
    assert!(decode(clip) < decode(small), "discs on a dark ground cost less than a larger scene with noise: {report}");
}

#[test]
fn cameras_of_a_configuration_are_measured_together_where_they_send_the_same() {
    let runtime = runtime();
    let farm = farm(&runtime, Farm::builder().cameras(2));
    let mut config = Config::new();
    let path = config
        .camera("gate", &farm.url(0), "")
        .camera("yard", &farm.url(1), "")
        .camera("gone", "nowhere.mp4", "")
        .write();
    let report = measure(&["-c", &path]);
    assert_eq!(report["configured"]["cameras"], 2, "{report}");
    assert_eq!(streams(&report)[0]["name"], "camera gate (320x180 h264)");
    assert_eq!(streams(&report)[0]["configured_cameras"], 2);
    let gone = &report["not_measured"][0];
    assert_eq!(gone["name"], "camera gone");
    assert!(gone["why"].as_str().is_some_and(|why| why.contains("nowhere.mp4")), "{gone}");
    runtime.block_on(farm.shutdown());
}

#[test]
fn people_get_a_table_with_advice() {
    let told = run_iris(&["capacity", "--seconds", "0.01", "--model", &model(), "--clip", &clip()]).good();
    for says in
        ["bound by", "blobs.mp4 (320x180 h264)", "640x360 h264 baseline", "To carry more:", "frames/s instead of 10"]
    {
        assert!(told.contains(says), "{told}");
    }
}

#[test]
fn what_cannot_be_measured_is_said() {
    for (words, says) in [
        (&["--clip", "nowhere.mp4"][..], "clip nowhere.mp4"),
        (&["-c", "nowhere.toml"], "nowhere.toml"),
        (&["--model", "nowhere"], "model nowhere"),
    ] {
        let finished = run_iris(&[&["capacity", "--seconds", "0.01"], words].concat());
        assert!(finished.bad().contains(says), "{words:?}");
    }
    let finished = run_iris(&["capacity", "--busy", "2"]);
    assert_eq!(finished.code, Some(2));
    assert!(finished.err.contains("a number from 0 to 1"), "{}", finished.err);
}
