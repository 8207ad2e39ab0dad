//! Rendered scenes: the same bytes each time, pictures that decode, and truth that programs can read.

#[path = "farm/support.rs"]
#[expect(dead_code, reason = "shared with the tests of the farm")]
mod support;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use iris_sim::scene::{Cast, Recipe, Rendered, SCENES, Scene, Setting, render};
use iris_sim::{Codec, ErrorKind, Farm};
use retina::client::Transport;
use support::{frames, start, take};

/// Few and small pictures, as tests need them.
fn recipe(scene: &str, setting: &str) -> Recipe {
    let setting: Setting = setting.parse().expect("known words");
    Recipe {
        setting,
        seed: 7,
        seconds: 2,
        fps: 5,
        size: (192, 108),
        ..Recipe::new(Scene::find(scene).expect("a scene"))
    }
}

fn rendered(recipe: &Recipe) -> Rendered {
    render(recipe, |_, _| {}).expect("a clip")
}

fn decoded(path: &Path) -> usize {
    let mut input = ffmpeg_next::format::input(path).expect("a video");
    let stream = input.streams().best(ffmpeg_next::media::Type::Video).expect("a picture");
    let context = ffmpeg_next::codec::Context::from_parameters(stream.parameters()).expect("a codec");
    let mut decoder = context.decoder().video().expect("a decoder");
    let (mut frame, mut count) = (ffmpeg_next::frame::Video::empty(), 0);
    let mut packet = ffmpeg_next::Packet::empty();
    while packet.read(&mut input).is_ok() {
        decoder.send_packet(&packet).expect("a sound packet");
        count += usize::from(decoder.receive_frame(&mut frame).is_ok());
    }
    decoder.send_eof().expect("an end");
    while decoder.receive_frame(&mut frame).is_ok() {
        count += 1;
    }
    count
}

#[test]
fn the_same_recipe_gives_the_same_bytes() {
    let everything = "dusk+rain+wind+shake+insect+headlights+switch";
    for (scene, setting, codec) in [("street", everything, Codec::H264), ("yard", "infrared+snow", Codec::H265)] {
        let recipe = Recipe { codec, small: true, ..recipe(scene, setting) };
        let (first, second) = (rendered(&recipe), rendered(&recipe));
        let bytes = |r: &Rendered| (r.main.bytes(), r.small.as_ref().expect("a small stream").bytes());
        assert!(bytes(&first) == bytes(&second), "{scene}: the videos differ");
        let texts = |r: &Rendered| (r.truth.mot(), r.truth.coco().to_string(), r.events().to_string());
        assert_eq!(texts(&first), texts(&second), "{scene}");
        let other = rendered(&Recipe { seed: 8, ..recipe });
        assert!(first.main.bytes() != other.main.bytes(), "{scene}: the seed changes nothing");
    }
}

#[test]
fn those_who_pass_are_in_the_middle_of_a_clip_only() {
    for scene in ["street", "yard"] {
        let all = Recipe { seconds: 30, fps: 1, ..recipe(scene, "") };
        let counts = |cast| {
            let frames = rendered(&Recipe { cast, ..all.clone() }).truth.frames;
            frames.iter().map(Vec::len).collect::<Vec<_>>()
        };
        let (passing, everybody) = (counts(Cast::Passing), counts(Cast::All));
        assert_eq!((passing[0], passing[29]), (0, 0), "{scene}: {passing:?}");
        assert!(everybody[0] > 0 && passing.iter().sum::<usize>() > 10, "{scene}: {passing:?} of {everybody:?}");
        assert_eq!(counts(Cast::Nobody), [0; 30], "{scene}");
    }
}

#[test]
fn a_small_stream_may_be_of_the_baseline_profile_and_of_constant_quality() {
    let recipe = Recipe { fps: 10, seconds: 4, cast: Cast::Nobody, ..recipe("street", "") };
    let sps = |rendered: &Rendered| {
        let bytes = rendered.main.bytes();
        let at = bytes.windows(5).position(|w| w[..3] == [0, 0, 1] && w[3] & 0x1f == 7).expect("a parameter set");
        bytes[at + 4]
    };
    let constant_rate = rendered(&recipe);
    assert_eq!(sps(&constant_rate), 100, "the high profile");
    assert_eq!(sps(&rendered(&Recipe { baseline: true, ..recipe.clone() })), 66);
    let constant_quality = rendered(&Recipe { vbr: true, ..recipe.clone() });
    let size = |rendered: &Rendered| rendered.main.bytes().len();
    assert!(size(&constant_quality) * 2 < size(&constant_rate), "{}", size(&constant_quality));
    let error = render(&Recipe { baseline: true, codec: Codec::H265, ..recipe }, |_, _| {}).expect_err("rendered");
    assert!(error.to_string().contains("only H.264"), "{error}");
}

#[test]
fn every_scene_renders_and_its_files_are_what_they_should_be() {
    for scene in SCENES {
        let folder = tempfile::tempdir().expect("a folder");
        let recipe = Recipe { small: true, seconds: 4, ..recipe(scene.name, "") };
        rendered(&recipe).write(folder.path()).expect("files");
        let text = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("a file");
        for name in ["main.mp4", "small.mp4"] {
            assert_eq!(decoded(&folder.path().join(name)), 20, "{}: {name}", scene.name);
        }
        assert!(text("seqinfo.ini").contains("seqLength=20\nimWidth=192\nimHeight=108\n"));
        let boxes = check_mot(&text("gt/gt.txt"));
        assert_eq!(check_coco(&text("coco.json")), boxes, "{}", scene.name);
        let events: serde_json::Value = serde_json::from_str(&text("events.json")).expect("JSON");
        assert!(events["must_raise"].is_array() && events["must_not_raise"].is_array());
        check_rules(&text("rules.toml"));
    }
}

/// Each box has a positive size and lies in the picture; how many there are.
fn check_mot(text: &str) -> usize {
    for line in text.lines() {
        let row: Vec<f32> = line.split(',').map(|field| field.parse().expect("a number")).collect();
        let [frame, _, x, y, w, h, counts, class, visible] = row[..] else { panic!("{line}") };
        assert!((1.0..=20.0).contains(&frame) && (1.0..=12.0).contains(&class), "{line}");
        assert!(x >= 1.0 && y >= 1.0 && w > 0.0 && h > 0.0 && x + w <= 193.1 && y + h <= 109.1, "{line}");
        assert!((counts == 0.0 || counts == 1.0) && visible > 0.0 && visible <= 1.0, "{line}");
    }
    text.lines().count()
}

fn check_coco(text: &str) -> usize {
    let coco: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let list = |name: &str| coco[name].as_array().expect("a list").clone();
    let images: HashSet<_> = list("images").iter().map(|i| i["id"].as_u64()).collect();
    let categories: HashSet<_> = list("categories").iter().map(|c| c["id"].as_u64()).collect();
    for annotation in list("annotations") {
        assert!(images.contains(&annotation["image_id"].as_u64()));
        assert!(categories.contains(&annotation["category_id"].as_u64()));
        if annotation["category_id"] == 1 {
            assert_eq!(annotation["keypoints"].as_array().expect("key points").len(), 51);
            assert!(annotation["attributes"]["action"].is_string() && annotation["attributes"]["helmet"].is_boolean());
        }
    }
    list("annotations").len()
}

/// In the form of Iris's configuration, and inside the picture.
fn check_rules(text: &str) {
    let parsed: toml::Table = text.parse().expect("TOML");
    let cameras = parsed["cameras"].as_table().expect("a camera's tables");
    let rules: Vec<_> = cameras.values().flat_map(|list| list.as_array().expect("a list")).collect();
    assert!(!rules.is_empty());
    for rule in rules {
        let points = rule.get("polygon").or_else(|| rule.get("points")).and_then(|p| p.as_array()).expect("points");
        let numbers =
            points.iter().flat_map(|p| p.as_array().expect("a point")).map(|n| n.as_float().expect("a number"));
        assert!(points.len() >= 2 && numbers.clone().count() == points.len() * 2);
        assert!(numbers.clone().all(|n| (0.0..=1.0).contains(&n)), "{rule}");
    }
}

#[test]
fn a_yard_has_alarms_and_what_only_looks_like_them() {
    let recipe = Recipe { seconds: 60, fps: 5, size: (128, 72), ..recipe("yard", "wind") };
    let events = rendered(&recipe).events();
    let of = |list: &str, class: &str| events[list].as_array().expect("a list").iter().any(|e| e["class"] == class);
    assert!(of("must_raise", "person") && of("must_not_raise", "dog"), "{events:#}");
    assert_eq!(events["disturbances_that_must_not_raise"][0], "wind");
}

#[tokio::test]
async fn a_scene_is_served_from_memory() {
    for codec in [Codec::H264, Codec::H265] {
        let clip = rendered(&Recipe { codec, ..recipe("corridor", "") }).main.clip().expect("a clip");
        assert_eq!((clip.codec(), clip.frames()), (codec, 10));
        let farm = start(Farm::builder().open_clip(Arc::new(clip))).await;
        // More than one pass.
        let frames = take(&mut frames(&farm.url(0), Transport::default()).await, 12).await;
        assert!(frames[0].is_random_access_point() && frames[10].is_random_access_point());
        farm.shutdown().await;
    }
}

#[test]
fn what_cannot_be_rendered_is_refused_with_its_reason() {
    let street = recipe("street", "");
    let cases = [
        (Recipe { size: (63, 64), ..street.clone() }, "63x64"),
        (Recipe { size: (642, 362), small: true, ..street.clone() }, "multiples of 4"),
        (Recipe { fps: 7, ..street.clone() }, "7 frames a second"),
        (Recipe { seconds: 0, ..street.clone() }, "0 seconds"),
        (Recipe { seconds: u32::MAX, ..street }, "at most"),
    ];
    for (recipe, expected) in cases {
        let error = render(&recipe, |_, _| {}).expect_err("rendered");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.kind(), ErrorKind::Scene);
    }
    let error = Scene::find("harbour").expect_err("found").to_string();
    assert!(error.contains("harbour") && error.contains("yard"), "{error}");
}
