//! The commands that need no camera: help, checking a configuration, trackers on files, models.

use std::path::Path;

use crate::kit::{Folder, model};
use crate::process::{iris, run, run_iris};

fn workspace(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path).display().to_string()
}

#[test]
fn help_reads_well() {
    let commands = [
        "",
        "run",
        "detect",
        "track",
        "serve",
        "check",
        "config",
        "config export",
        "config import",
        "events",
        "fsck",
        "capacity",
        "models",
        "models list",
        "models pull",
        "models add",
        "models inspect",
        "models bench",
        "schema",
    ];
    let page = |command: &str| {
        let words: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let mut command = iris(&words);
        command.env("COLUMNS", "100");
        let shown = run(command).good();
        // The help of an option ends with a line of spaces where it has paragraphs.
        let lines = shown.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        format!("$ iris {}\n{lines}\n\n", words.join(" "))
    };
    insta::assert_snapshot!("help", commands.map(page).concat());
}

#[test]
fn what_is_not_understood_is_said_with_what_would_be() {
    for (words, says) in [
        (&["wacth"][..], "unrecognized subcommand 'wacth'"),
        (&["run"], "<SOURCE>"),
        (&["run", "a.mp4", "--tracker", "sort"], "[possible values: bytetrack, ocsort]"),
        (&["run", "a.mp4", "--camera", "x"], "--config <FILE>"),
    ] {
        let finished = run_iris(words);
        assert_eq!(finished.code, Some(2), "{}", finished.err);
        assert!(finished.err.contains(says), "{}", finished.err);
    }
}

#[test]
fn a_configuration_is_checked() {
    let told = run_iris(&["check", "-c", &workspace("config/iris.example.toml")]).good();
    assert!(told.contains("no problem found; 2 cameras (1 enabled), 2 zones and lines, 1 sinks"), "{told}");

    let folder = Folder::new();
    let bad = "[[cameras]]\nid = 'Gate 1'\nurl = 'gopher://x'\nrate = 0\ncolour = 'red'\n";
    let path = folder.write("iris.toml", bad);
    let finished = run_iris(&["check", "-c", &path]);
    assert_eq!(finished.code, Some(1), "{}", finished.err);
    for line in [2, 3, 4, 5] {
        let place = format!("{path}:{line}:");
        assert!(finished.out.lines().any(|l| l.starts_with(&place)), "line {line}: {}", finished.out);
    }
    let nowhere = folder.path("nowhere.toml");
    let finished = run_iris(&["check", "-c", &nowhere]);
    assert_eq!(finished.code, Some(1));
    assert!(finished.out.contains(&nowhere), "{}", finished.out);
}

#[test]
fn what_lies_in_the_store_is_exported_and_imported() {
    let folder = Folder::new();
    let file = "[models.m]\npath = 'm'\n[[cameras]]\nid = 'gate'\nurl = 'rtsp://10.0.0.1/'\n";
    let path = folder.write("iris.toml", file);
    let yard = "[[cameras]]\nid = 'yard'\nurl = 'rtsp://u:hunter2hunter2@10.0.0.2/'\nrate = 2\n";
    let more = folder.write("more.toml", yard);
    let words = |more: &[&str]| run_iris(&[&["config"], more, &["-c", &path]].concat());
    assert!(words(&["import", &more]).good().contains("1 cameras and sinks"));
    let shown = words(&["export"]).good();
    assert!(shown.contains("rtsp://***@10.0.0.2/") && shown.contains("id = \"gate\""), "{shown}");
    let whole = words(&["export", "--secrets"]).good();
    assert!(whole.contains("hunter2hunter2"), "{whole}");
    let export = folder.write("export.toml", whole);
    words(&["import", &export]).good();
    assert_eq!(words(&["export"]).good(), shown, "what is imported is what was exported");

    let bad = folder.write("bad.toml", format!("{yard}model = 'n'\n[[cameras]]\nid = 'gate'\nurl = 'rtsp://h/'\n"));
    let told = words(&["import", &bad]).bad();
    for says in ["nothing was imported", "bad.toml:5:9: cameras[0].model", "bad.toml:7:6: cameras[1].id"] {
        assert!(told.contains(says), "{says}: {told}");
    }
    assert_eq!(words(&["export"]).good(), shown, "nothing has changed");
}

#[test]
fn serve_refuses_what_check_refuses() {
    let folder = Folder::new();
    let path = folder.write("iris.toml", "[[cameras]]\nid = 'gate'\n");
    let told = run_iris(&["serve", "-c", &path]).bad();
    assert!(told.contains("iris.toml:1:") && told.contains("url"), "{told}");
}

#[test]
fn the_schema_for_editors_is_the_one_that_is_checked_in() {
    let there = std::fs::read_to_string(workspace("config/iris.schema.json")).expect("it is checked in");
    assert_eq!(run_iris(&["schema"]).good().trim_end(), there.trim_end());
}

#[test]
fn a_tracker_follows_boxes_in_a_file() {
    let folder = Folder::new();
    let row = |frame: i32, left: i32, top: i32| format!("{frame},-1,{left},{top},40,80,0.9,-1,-1,-1\n");
    let rows: String = (1..=20).map(|n| row(n, 10 * n, 50) + &row(n, 600 - 10 * n, 300)).collect();
    let (detections, out) = (folder.write("det.txt", rows), folder.path("tracks.txt"));
    for tracker in ["bytetrack", "ocsort"] {
        run_iris(&["track", "--detections", &detections, "--out", &out, "--tracker", tracker]).good();
        let rows = iris_analytics::mot::parse(&folder.read("tracks.txt")).expect("rows");
        assert!(rows.len() >= 30, "{tracker}: {} rows", rows.len());
        let ids = |top: bool| rows.iter().filter(|r| (r.rect.y0 < 150.0) == top).map(|r| r.id).collect::<Vec<_>>();
        let (above, below) = (ids(true), ids(false));
        assert!(above.iter().all(|id| *id == above[0]) && below.iter().all(|id| *id == below[0]), "{tracker}");
        assert_ne!(above[0], below[0]);
    }
}

#[test]
fn a_bad_row_is_named_by_line_and_column() {
    let folder = Folder::new();
    let out = folder.path("tracks.txt");
    let cases = [("1,-1,10,10,5,5,0.9\n2,-1,wide,10,5,5,0.9\n", "line 2, column 6"), ("1,-1,10\n", "line 1, column 8")];
    for (text, place) in cases {
        let path = folder.write("det.txt", text);
        let told = run_iris(&["track", "--detections", &path, "--out", &out]).bad();
        assert!(told.contains(&path) && told.contains(place), "{told}");
    }
    let empty = folder.write("det.txt", "\n");
    assert!(run_iris(&["track", "--detections", &empty, "--out", &out]).bad().contains("no detection"));
}

#[test]
fn a_model_is_shown_by_its_folder_or_alone() {
    let told = run_iris(&["models", "inspect", &model()]).good();
    for words in ["name        blobs", "picture     160x96", "white blob, red blob", "Yolox"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let told = run_iris(&["models", "inspect", &format!("{}/model.onnx", model())]).good();
    assert!(told.contains("picture     160x96") && told.contains("Yolox"), "{told}");
}

#[test]
fn what_is_no_model_is_refused() {
    let folder = Folder::new();
    let garbage = folder.write("garbage.onnx", "this is not a model");
    for (path, says) in
        [(garbage.as_str(), "garbage.onnx"), (&folder.path(""), "model.onnx: No such file"), ("/nowhere", "/nowhere")]
    {
        let finished = run_iris(&["models", "inspect", path]);
        assert_eq!(finished.code, Some(1), "{}", finished.out);
        assert!((finished.out + &finished.err).contains(says), "{path}");
    }
}
