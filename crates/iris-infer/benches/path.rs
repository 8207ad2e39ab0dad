//! What a frame costs on one core: preprocessing, model, postprocessing, and the scheduler's choice.
//! The model is the one that is part of Iris.

use std::path::Path;
use std::time::Duration;

use divan::{Bencher, black_box};
use iris_core::frame::{FrameInfo, OwnedPlanes};
use iris_core::{
    CameraId, ColorMatrix, ColorRange, Epoch, Frame, FrameKey, MediaTime, Moment, MonoTime, PixelFormat, Size, Stamps,
};
use iris_infer::postprocess::{Candidate, Decoder, suppress};
use iris_infer::{Detector, Manifest, Model, Options, Output, Port, Preprocessor, Scheduler, Share, Signature, Take};

fn main() {
    divan::main();
}

fn model() -> Model {
    Model::open(Path::new(Model::BUILT_IN)).expect("it is part of the program")
}

fn frame(width: u32, height: u32) -> Frame {
    let camera = CameraId::new("bench").expect("a valid id");
    let info = FrameInfo {
        key: FrameKey { camera, epoch: Epoch::first(1), seq: 0 },
        at: Moment { media: MediaTime::ZERO, wall: None },
        stamps: Stamps::default(),
        format: PixelFormat::I420,
        range: ColorRange::Limited,
        matrix: ColorMatrix::Bt709,
        size: Size::new(width, height),
    };
    let plane = |w: u32, h: u32| ((0..w * h).map(|i| (i * 31 % 251) as u8).collect(), w as usize);
    let (cw, ch) = (width.div_ceil(2), height.div_ceil(2));
    Frame::new(info, OwnedPlanes::new(vec![plane(width, height), plane(cw, ch), plane(cw, ch)]))
}

#[divan::bench(args = [(640, 360), (768, 432), (1280, 720), (1920, 1080)])]
fn preprocess(bencher: Bencher, (width, height): (u32, u32)) {
    let (mut preprocessor, frame) = (Preprocessor::new(&model().manifest).expect("a detector"), frame(width, height));
    bencher.bench_local(|| preprocessor.prepare(black_box(&frame)).expect("a good frame"));
}

#[divan::bench(sample_count = 30, sample_size = 1)]
fn detect(bencher: Bencher) {
    let model = model();
    let mut detector = Detector::load(&model, &Options::default()).expect("it fits");
    let batch =
        [Preprocessor::new(&model.manifest).expect("a detector").prepare(&frame(640, 360)).expect("a good frame")];
    bencher.bench_local(|| detector.detect(black_box(&batch)).expect("numbers"));
}

const YOLOX: &str = "name = 'yolox'\ntask = 'detect'\nclasses = [CLASSES]\n\
    [input]\nwidth = 416\nheight = 416\ncolor = 'bgr'\n[output]\ndecoder = 'yolox'";

/// The decoding of a 416×416 output of 80 classes, of which 100 cells hold candidates.
#[divan::bench]
fn postprocess(bencher: Bencher) {
    let classes: Vec<String> = (0..80).map(|i| format!("'{i}'")).collect();
    let manifest = Manifest::parse(&YOLOX.replace("CLASSES", &classes.join(",")), Path::new("bench")).expect("valid");
    let port = |name: &str, shape: &[usize]| Port {
        name: name.into(),
        element: "f32".into(),
        shape: shape.iter().map(|d| Some(*d)).collect(),
    };
    let shape = [3549, 85];
    let signature =
        Signature { inputs: vec![port("in", &[1, 3, 416, 416])], outputs: vec![port("out", &[1, shape[0], shape[1]])] };
    let decoder = Decoder::new(&manifest, &signature, 0.3).expect("it fits");
    let mut data = vec![0.01; shape[0] * shape[1]];
    for row in data.chunks_exact_mut(shape[1]).step_by(35) {
        (row[4], row[10]) = (0.9, 0.8);
    }
    let mut candidates: Vec<Candidate> = Vec::new();
    bencher.bench_local(|| {
        candidates.clear();
        let output = Output { shape: &shape, data: black_box(&data) };
        decoder.decode(&[output], &mut candidates).expect("numbers");
        suppress(&mut candidates, 0.45);
        candidates.len()
    });
}

/// One frame taken and the next offered, with all cameras waiting.
#[divan::bench(args = [16, 400])]
fn schedule(bencher: Bencher, cameras: usize) {
    let name = |i: usize| CameraId::new(&format!("camera-{i}")).expect("a valid id");
    let mut scheduler = Scheduler::default();
    for i in 0..cameras {
        scheduler.add(name(i), Share { rate_hz: Some(10.0), weight: 1.0 });
        scheduler.offer(name(i), [0u8; 200]);
    }
    let mut now = MonoTime::default();
    bencher.bench_local(|| {
        now = now + Duration::from_secs(1);
        if let Take::Ready(camera, frame) = scheduler.take(now) {
            scheduler.done(camera);
            scheduler.offer(camera, black_box(frame));
        }
    });
}
