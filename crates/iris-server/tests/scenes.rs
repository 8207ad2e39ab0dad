//! Simulated scenes against Iris's detector and one trained on photographs, and their rules against Iris's configuration.
//! `cargo nextest run -p iris-server --test scenes --no-capture` prints the table of docs/guide/scenes.md.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use iris_core::clock::ManualClock;
use iris_core::{CameraId, Detections, Epoch, Frame, Image, Item, MonoTime, Packet, Rect};
use iris_decode::{Decoder, FramePool};
use iris_infer::{Detector, Model, Options, Preprocessor};
use iris_ingest::{CameraStream, Limits, Output, Source, SourceUrl, Transport};
use iris_sim::scene::{Class, Recipe, SCENES, Scene, Seen, Truth, render};

/// The least score that counts.
const SCORE: f32 = 0.3;
/// Heights at which a row of the table begins, in pixels.
const HEIGHTS: [f32; 5] = [32.0, 48.0, 64.0, 96.0, 128.0];
/// Less of a figure than this must not be found.
const VISIBLE: f32 = 0.7;

/// Iris's own detector and, where it is present, one that was trained on photographs alone.
#[expect(clippy::print_stdout, reason = "what did not run is reported")]
fn models(scene: &str) -> Vec<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let yolox = std::env::var_os("IRIS_SHARED").map_or_else(beside, PathBuf::from).join("data/models/yolox_nano.onnx");
    if yolox.exists() {
        return vec![Model::BUILT_IN.into(), yolox];
    }
    println!("not run: {scene} by a detector trained on photographs: {} is not there", yolox.display());
    vec![Model::BUILT_IN.into()]
}

/// What a file holds, frame by frame.
fn frames(path: &Path) -> Vec<Frame> {
    let url = SourceUrl::parse(&path.display().to_string()).expect("a path");
    let source = Source { url, transport: Transport::Auto, limits: Limits::default() };
    let camera = CameraId::new("scene").expect("a valid id");
    let mut stream = CameraStream::new(camera, Epoch::first(1), source, Arc::new(ManualClock::default()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut decoder = Decoder::new(FramePool::new(), iris_decode::Limits::default());
    let mut found = Vec::new();
    let mut pull = |decoder: &mut Decoder| {
        while let Some(frame) = decoder.pull(MonoTime::default()).expect("a sound stream") {
            found.push(frame);
        }
    };
    while let Some(packet) = runtime.block_on(next(&mut stream)) {
        decoder.push(&packet).expect("a sound packet");
        pull(&mut decoder);
    }
    decoder.drain();
    pull(&mut decoder);
    found
}

async fn next(stream: &mut CameraStream) -> Option<Packet> {
    loop {
        match stream.next().await {
            Output::Item(Item::Data(packet)) => return Some(packet),
            Output::Item(Item::End) => return None,
            _ => {}
        }
    }
}

/// How many there were in each row of the table, and how many of them were found.
#[derive(Debug, Default, Clone, Copy)]
struct Row {
    all: [u32; HEIGHTS.len()],
    found: [u32; HEIGHTS.len()],
}

impl Row {
    fn count(&mut self, height: f32, is_found: bool) {
        if let Some(row) = HEIGHTS.iter().rposition(|h| *h <= height) {
            self.all[row] += 1;
            self.found[row] += u32::from(is_found);
        }
    }

    /// The share that was found of those in these rows.
    fn recall(&self, rows: std::ops::Range<usize>) -> f32 {
        self.found[rows.clone()].iter().sum::<u32>() as f32 / self.all[rows].iter().sum::<u32>().max(1) as f32
    }

    #[expect(clippy::print_stdout, reason = "the table is what the test is run for")]
    fn print(&self, name: &str) {
        let cell = |i: usize| format!("{:.2} of {}", self.recall(i..i + 1), self.all[i]);
        let cells: Vec<_> = (0..HEIGHTS.len()).map(cell).collect();
        println!("| {name} | {} | {:.3} |", cells.join(" | "), self.recall(1..HEIGHTS.len()));
    }
}

fn is_at_edge(seen: &Seen, (width, height): (usize, usize)) -> bool {
    let [x0, y0, x1, y1] = seen.edges;
    x0 < 2.0 || y0 < 2.0 || x1 > width as f32 - 2.0 || y1 > height as f32 - 2.0
}

/// Counts who was found, each detection at most once, the least hidden first.
fn compare(frame: &[Seen], size: (usize, usize), found: &Detections, classes: &[String], rows: &mut [Row; 2]) {
    let mut left: Vec<(Rect<Image>, &str)> =
        found.iter().map(|(rect, _, class)| (rect, classes[usize::from(class.0)].as_str())).collect();
    let mut order: Vec<&Seen> = frame.iter().collect();
    order.sort_by(|a, b| b.visibility.total_cmp(&a.visibility));
    for seen in order {
        let (row, names): (usize, &[&str]) = match seen.class {
            Class::Person => (0, &["person"]),
            Class::Car | Class::Truck => (1, &["car", "truck", "bus"]),
            Class::Bicycle | Class::Dog => continue,
        };
        let [x0, y0, x1, y1] = seen.edges;
        let truth = Rect::new(x0, y0, x1, y1);
        let best = left.iter().position(|(rect, name)| names.contains(name) && truth.iou(rect) >= 0.5);
        if let Some(best) = best {
            left.swap_remove(best);
        }
        if seen.visibility >= VISIBLE && !is_at_edge(seen, size) {
            rows[row].count(y1 - y0, best.is_some());
        }
    }
}

/// The rows of people and of vehicles of a clip, seen by a model.
fn measured(model: &Model, frames: &[Frame], truth: &Truth) -> [Row; 2] {
    let options = Options { score: Some(SCORE), ..Options::default() };
    let mut detector = Detector::load(model, &options).expect("it fits");
    let mut preprocessor = Preprocessor::new(&model.manifest).expect("a detector");
    let mut rows = [Row::default(); 2];
    for (frame, seen) in frames.iter().zip(&truth.frames) {
        let prepared = preprocessor.prepare(frame).expect("a good frame");
        let found = detector.detect(std::slice::from_ref(&prepared)).expect("numbers").remove(0);
        compare(seen, truth.size, &found, &model.manifest.classes, &mut rows);
    }
    rows
}

/// Most of those taller than 48 pixels are found.
fn check(what: &str, row: &Row) {
    row.print(what);
    assert!(row.all[1..].iter().sum::<u32>() >= 10, "{what}: too few to say anything: {row:?}");
    assert!(row.recall(1..HEIGHTS.len()) >= 0.7, "{what}: too few were found: {row:?}");
}

/// Renders a scene in plain daylight and looks at it with each model.
fn check_scene(scene: &str) {
    let recipe = Recipe { seed: 7, seconds: 40, fps: 1, ..Recipe::new(Scene::find(scene).expect("a scene")) };
    let rendered = render(&recipe, |_, _| {}).expect("a clip");
    let folder = tempfile::tempdir().expect("a folder");
    rendered.write(folder.path()).expect("files");
    let frames = frames(&folder.path().join("main.mp4"));
    for path in models(scene) {
        let model = Model::open(&path).expect("a model");
        let [people, vehicles] = measured(&model, &frames, &rendered.truth);
        let name = &model.manifest.name;
        check(&format!("`{scene}`: people, {name}"), &people);
        if scene == "street" {
            check(&format!("`{scene}`: vehicles, {name}"), &vehicles);
        }
    }
}

// A test each, so that they run side by side.

#[test]
fn detectors_find_who_is_in_the_street() {
    check_scene("street");
}

#[test]
fn detectors_find_who_is_in_the_yard() {
    check_scene("yard");
}

#[test]
fn detectors_find_who_is_in_the_corridor() {
    check_scene("corridor");
}

#[test]
fn detectors_find_who_is_in_the_workshop() {
    check_scene("workshop");
}

#[test]
fn the_rules_of_every_scene_are_taken_by_iris() {
    let blobs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/models/blobs");
    for scene in SCENES {
        let folder = tempfile::tempdir().expect("a folder");
        let rules = iris_sim::scene::toml(&scene.rules((640, 360)));
        // The model at hand knows other classes, and which classes there are is not the matter here.
        let rules: String = rules.lines().filter(|line| !line.starts_with("classes")).flat_map(|l| [l, "\n"]).collect();
        let model = format!("[models.blobs]\npath = {:?}\n", blobs.display().to_string());
        let text = format!("{model}[[cameras]]\nid = \"scene\"\nurl = \"main.mp4\"\n{rules}");
        let config = folder.path().join("iris.toml");
        std::fs::write(folder.path().join("main.mp4"), "").expect("a file");
        std::fs::write(&config, text).expect("a file");
        let output =
            Command::new(env!("CARGO_BIN_EXE_iris")).arg("check").arg("-c").arg(&config).output().expect("iris");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", scene.name);
    }
}
