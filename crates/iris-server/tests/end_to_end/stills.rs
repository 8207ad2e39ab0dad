//! `iris detect` on pictures.

use serde_json::Value;

use crate::kit::{Folder, assert_jpeg, model};
use crate::process::run_iris;

/// The same moment of the clip as JPEG, PNG and WebP.
fn pictures(folder: &Folder) -> Vec<String> {
    let one = "-ss 2 -frames:v 1 -update 1";
    [("a.jpg", "-q:v 2"), ("b.png", ""), ("c.webp", "-quality 95")]
        .map(|(name, how)| folder.convert(name, &format!("{one} {how}")))
        .into()
}

#[test]
fn a_table_json_lines_or_drawn_pictures() {
    let folder = Folder::new();
    let pictures = pictures(&folder);
    let files: Vec<&str> = pictures.iter().map(String::as_str).collect();

    let table = run_iris(&[&["detect", "--model", &model()], &files[..]].concat()).good();
    for file in &files {
        let of_it = table.lines().filter(|line| line.starts_with(file) && line.contains("white blob"));
        assert_eq!(of_it.count(), 3, "{table}");
    }

    let out = folder.path("drawn");
    let lines = run_iris(&[&["detect", "--json", "--out", &out, "--model", &model()], &files[..]].concat()).good();
    let found: Vec<Value> = lines.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!(found.len(), 9, "{lines}");
    for one in &found {
        assert!(files.contains(&one["file"].as_str().expect("a file")));
        assert_eq!(one["class"], "white blob");
        assert!(one["score"].as_f64().is_some_and(|s| (0.4..=1.0).contains(&s)), "{one}");
        let boxed: Vec<f64> = one["box"].as_array().expect("four").iter().filter_map(Value::as_f64).collect();
        assert!(boxed[0] < boxed[2] && boxed[2] <= 320.0 && boxed[1] < boxed[3] && boxed[3] <= 180.0, "{one}");
    }
    for name in ["a", "b", "c"] {
        assert_jpeg(folder.path(&format!("drawn/{name}.jpg")), 320, 180);
    }
}

#[test]
fn a_bad_picture_does_not_keep_the_others_from_being_looked_at() {
    let folder = Folder::new();
    let mut files = pictures(&folder);
    let good = std::fs::read(&files[0]).expect("a picture");
    files.insert(1, folder.write("cut.jpg", &good[..200]));
    files.insert(1, folder.write("words.png", "this is not a picture"));
    files.insert(1, folder.path("nowhere.jpg"));
    let words: Vec<&str> = files.iter().map(String::as_str).collect();
    let finished = run_iris(&[&["detect", "--json", "--model", &model()], &words[..]].concat());
    assert_eq!(finished.out.lines().count(), 9, "{}", finished.out);
    let complaints = finished.bad();
    for name in ["cut.jpg", "words.png", "nowhere.jpg"] {
        assert_eq!(complaints.lines().filter(|line| line.contains(name)).count(), 1, "{complaints}");
    }
}

#[test]
fn scores_below_the_threshold_are_left_out() {
    let folder = Folder::new();
    let one = &pictures(&folder)[1];
    let out = run_iris(&["detect", one, "--model", &model(), "--min-score", "0.9999"]).good();
    assert!(out.ends_with("nothing found\n"), "{out}");
}
