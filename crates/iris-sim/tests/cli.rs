//! The command, as a user runs it.

#[path = "farm/support.rs"]
#[expect(dead_code, reason = "shared with the tests of the farm")]
mod support;

use std::process::Stdio;

use retina::client::{SessionOptions, Transport};
use retina::codec::ParametersRef;
use support::{Clips, frames, play_with, soon, take};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

fn iris_sim(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_iris-sim"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

#[tokio::test]
async fn what_is_asked_wrongly_is_explained() {
    let clip = Clips::get().h264();
    let clip = clip.to_str().expect("a plain path");
    let other_codec = Clips::get().h265();
    let other_codec = other_codec.to_str().expect("a plain path");
    let cases: [(&[&str], &str); 20] = [
        (&["serve"], "--clip"),
        (&["serve", "--clip", "/nowhere/a.mp4"], "cannot read /nowhere/a.mp4"),
        (&["serve", "--clip", clip, "--cameras", "0"], "--cameras"),
        (&["serve", "--clip", clip, "--user", "a"], "--password"),
        (&["serve", "--clip", clip, "--listen", "nowhere"], "--listen"),
        (&["serve", "--clip", clip, "--scene", "yard"], "--scene"),
        (&["serve", "--scene", "harbour"], "street, yard, corridor, workshop"),
        (&["serve", "--clip", clip, "--fault", "0:hail@1"], "expected CAMERA:KIND@START"),
        (&["serve", "--clip", clip, "--fault", "1:stall@1"], "there is no camera 1"),
        (&["serve", "--clip", clip, "--fault", "0:codec@1"], "are for scenes"),
        (&["serve", "--scene", "yard", "--busy", clip], "cannot be used with"),
        (&["serve", "--clip", clip, clip, "--busy", clip], "as many files as --clip"),
        (&["serve", "--clip", clip, "--busy", clip, "--busy-share", "0"], "a share above 0"),
        (&["serve", "--clip", clip, "--busy", other_codec], "has another codec"),
        (&["render", "yard", "--out", "/nowhere", "--cast", "some"], "all, nobody or passing"),
        (&["render", "yard"], "--out"),
        (&["render", "yard+hail", "--out", "/nowhere"], "\"hail\" is no hour, weather or effect"),
        (
            &["render", "yard", "--out", "/proc/nowhere", "--seconds", "1", "--size", "64x64"],
            "cannot write /proc/nowhere",
        ),
        (&["render", "yard", "--out", "/nowhere", "--size", "big"], "WIDTHxHEIGHT"),
        (&["render", "yard", "--out", "/nowhere", "--codec", "av1"], "h264 or h265"),
    ];
    for (arguments, expected) in cases {
        let output = soon("its end", iris_sim(arguments).output()).await.expect("the command");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(expected), "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn it_lists_its_cameras_serves_and_ends_when_told() {
    let clip = Clips::get().h264();
    let clip = clip.to_str().expect("a plain path");
    for end in ["-TERM", "-INT"] {
        let mut child =
            iris_sim(&["serve", "--cameras", "2", "--clip", clip, "--listen", "127.0.0.1:0", "--report", "1"])
                .spawn()
                .expect("the command");
        let mut urls = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut logged = BufReader::new(child.stderr.take().expect("its log")).lines();
        for camera in 0..2 {
            let url = soon("a URL", urls.next_line()).await.expect("text").expect("a line");
            assert!(url.ends_with(&format!("/cam/{camera}")), "{url}");
            take(&mut frames(&url, Transport::default()).await, 2).await;
        }
        let line = soon("statistics", logged.next_line()).await.expect("text").expect("a line");
        assert!(line.contains("serving") && line.contains("playing"), "{line}");
        let pid = child.id().expect("a running command").to_string();
        let killed = Command::new("kill").args([end, &pid]).status().await.expect("the kill command");
        assert!(killed.success());
        assert!(soon("its end", child.wait()).await.expect("a status").success(), "{end}");
    }
}

#[tokio::test]
async fn scenes_are_listed_rendered_and_served() {
    let said = |output: std::process::Output| {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let list = said(soon("the list", iris_sim(&["scenes"]).output()).await.expect("the command"));
    assert!(["street", "yard", "corridor", "workshop", "infrared"].iter().all(|word| list.contains(word)), "{list}");
    let json = said(soon("the list", iris_sim(&["scenes", "--json"]).output()).await.expect("the command"));
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert!(json[1]["rules"].as_str().expect("rules").contains("[[cameras.zones]]"));
    let folder = Clips::get().path("scene");
    let out = folder.to_str().expect("a plain path");
    let small = ["--seconds", "1", "--size", "128x72"];
    let render = [&["render", "yard+night", "--out", out, "--seed", "7"], &small[..]].concat();
    said(soon("a clip", iris_sim(&render).output()).await.expect("the command"));
    assert!(
        ["main.mp4", "gt/gt.txt", "coco.json", "events.json", "rules.toml"].iter().all(|f| folder.join(f).exists())
    );
    let serve =
        [&["serve", "--scene", "yard", "corridor", "--cameras", "2", "--small", "--listen", "127.0.0.1:0"], &small[..]]
            .concat();
    let mut child = iris_sim(&serve).spawn().expect("the command");
    let mut urls = BufReader::new(child.stdout.take().expect("its output")).lines();
    for _ in 0..4 {
        let url = soon("a URL", urls.next_line()).await.expect("text").expect("a line");
        take(&mut frames(&url, Transport::default()).await, 2).await;
    }
    child.kill().await.expect("an end");
}

#[tokio::test]
async fn faults_happen_when_their_schedule_says() {
    let scene = ["serve", "--scene", "corridor", "--seconds", "1", "--size", "128x72", "--fps", "5", "--cameras", "2"];
    let faults = ["--fault", "0:codec@0.5", "--fault", "1:kill@0.5", "--listen", "127.0.0.1:0"];
    let mut child = iris_sim(&[&scene[..], &faults[..]].concat()).spawn().expect("the command");
    let mut urls = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut url = async || soon("a URL", urls.next_line()).await.expect("text").expect("a line");
    let (changed, killed) = (url().await, url().await);
    let play = async |url: &str| play_with(url, SessionOptions::default(), Transport::default()).await;
    let other_codec =
        async { while play(&changed).await.expect("a session").streams()[0].encoding_name() != "h265" {} };
    soon("another codec", other_codec).await;
    let gone = async { while play(&killed).await.is_ok() {} };
    soon("the end of a camera", gone).await;
    child.kill().await.expect("an end");
}

#[tokio::test]
async fn cameras_are_busy_once_in_a_while_and_it_is_written_down_when() {
    let (own, busy) = (Clips::get().h264(), Clips::get().larger());
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("visits.jsonl");
    let [own, busy, file] = [&own, &busy, &log].map(|path| path.to_str().expect("a plain path"));
    let serve = ["serve", "--clip", own, "--busy", busy, "--busy-share", "0.4", "--busy-log", file];
    let mut child = iris_sim(&[&serve[..], &["--listen", "127.0.0.1:0"]].concat()).spawn().expect("the command");
    let mut urls = BufReader::new(child.stdout.take().expect("its output")).lines();
    let url = soon("a URL", urls.next_line()).await.expect("text").expect("a line");
    let mut session = frames(&url, Transport::default()).await;
    for expected in [(320, 240), (160, 120), (320, 240)] {
        let shown = async {
            loop {
                take(&mut session, 1).await;
                let Some(ParametersRef::Video(now)) = session.streams()[0].parameters() else { continue };
                if now.pixel_dimensions() == expected {
                    break;
                }
            }
        };
        soon("the other clip", shown).await;
    }
    let text = std::fs::read_to_string(&log).expect("a log");
    let visits: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let from = |i: usize| visits[i]["from"].as_f64().expect("a time");
    assert!(visits.len() >= 2 && (from(1) - from(0) - 5.0).abs() < 0.01, "{text}");
    assert!((visits[0]["to"].as_f64().expect("a time") - from(0) - 2.0).abs() < 0.01, "{text}");
    assert_eq!((&visits[0]["camera"], &visits[0]["clip"]), (&0.into(), &0.into()));
    child.kill().await.expect("an end");
}

#[tokio::test]
async fn its_cameras_are_written_as_iris_reads_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("cameras.toml");
    let file = config.to_str().expect("a plain path");
    let scenes = ["serve", "--cameras", "3", "--scene", "yard+night", "corridor", "--seconds", "1", "--size", "64x64"];
    let mut child =
        iris_sim(&[&scenes[..], &["--listen", "127.0.0.1:0", "--config", file]].concat()).spawn().expect("the command");
    let mut urls = BufReader::new(child.stdout.take().expect("its output")).lines();
    let first = soon("its first line", urls.next_line()).await.expect("its output").expect("a line");
    let text = std::fs::read_to_string(&config).expect("it is written before the cameras are listed");
    let start = format!("[[cameras]]\nid = \"yard-night-0\"\nname = \"yard, night\"\nurl = \"{first}\"\n[[cameras.");
    assert!(text.starts_with(&start), "{text}");
    let ids: Vec<_> = text.lines().filter(|line| line.starts_with("id = ")).collect();
    assert_eq!(ids, ["id = \"yard-night-0\"", "id = \"corridor-1\"", "id = \"yard-night-2\""]);
    soon("its end", child.kill()).await.expect("it is ours");
}
