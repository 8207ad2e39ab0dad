//! The whole way from a frame to detections, through a real runtime, with the detector that the project builds.

use std::path::Path;
use std::sync::{LazyLock, Mutex};

use iris_core::{ClassId, Frame, Image, Rect, Size};
use iris_infer::{DataType, Detector, Error, Model, Options, Preprocessor, Value};
use proptest::prelude::*;

use crate::blobs::{self, Variant};
use crate::busy;
use crate::support::{blobs_model, rect, rgb_frame, to_i420};

const WHITE: [u8; 3] = [235, 235, 235];
const RED: [u8; 3] = [225, 25, 20];

/// Noise of up to 50 that is the same for the same pixel.
fn noise(x: u32, y: u32) -> [u8; 3] {
    let hash = (x.wrapping_mul(0x9e37_79b9) ^ y.wrapping_mul(0x85eb_ca6b)).wrapping_mul(0xc2b2_ae35);
    [hash >> 24, hash >> 16, hash >> 8].map(|v| (v % 50) as u8)
}

fn scene(seq: u64, size: Size, things: &[(Rect<Image>, [u8; 3])]) -> Frame {
    rgb_frame(seq, size, |x, y| {
        let (px, py) = (x as f32 + 0.5, y as f32 + 0.5);
        let inside = |r: &Rect<Image>| px > r.x0 && px < r.x1 && py > r.y0 && py < r.y1;
        things.iter().find(|(r, _)| inside(r)).map_or_else(|| noise(x, y), |(_, color)| *color)
    })
}

fn checked_in() -> Model {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/models/blobs");
    Model::open(&folder).expect("the checked-in model")
}

#[test]
fn the_checked_in_model_is_what_the_example_writes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/models/blobs");
    assert_eq!(std::fs::read(folder.join("model.onnx")).unwrap(), blobs::model(&Variant::default()));
    assert_eq!(std::fs::read_to_string(folder.join("model.toml")).unwrap(), blobs::MANIFEST);
    let busy = folder.with_file_name("busy");
    assert_eq!(std::fs::read(busy.join("model.onnx")).unwrap(), busy::model());
    assert_eq!(std::fs::read_to_string(busy.join("model.toml")).unwrap(), busy::MANIFEST);
}

#[test]
fn things_are_found_where_they_are_in_any_picture_format() {
    let model = checked_in();
    let (mut preprocessor, mut detector) =
        (Preprocessor::new(&model.manifest).unwrap(), Detector::load(&model, &Options::default()).unwrap());
    let (white, red) = (rect(100.0, 60.0, 140.0, 90.0), rect(300.0, 200.0, 330.0, 260.0));
    let frame = scene(3, Size::new(480, 360), &[(white, WHITE), (red, RED)]);
    for frame in [to_i420(&frame), frame] {
        let prepared = preprocessor.prepare(&frame).unwrap();
        let found = detector.detect(&[prepared]).unwrap().remove(0);
        assert_eq!((found.key(), found.at(), found.size()), (frame.key, frame.at, frame.size));
        let mut boxes: Vec<_> = found.iter().collect();
        boxes.sort_by(|a, b| a.0.x0.total_cmp(&b.0.x0));
        let [(first, _, ClassId(0)), (second, _, ClassId(1))] = boxes[..] else {
            panic!("{:?}: {boxes:?}", frame.format)
        };
        assert!(first.iou(&white) > 0.8 && second.iou(&red) > 0.8, "{:?}: {boxes:?}", frame.format);
    }
}

#[test]
fn a_picture_without_anything_has_no_detections() {
    let model = checked_in();
    let mut detector = Detector::load(&model, &Options::default()).unwrap();
    let prepared = Preprocessor::new(&model.manifest).unwrap().prepare(&scene(0, Size::new(320, 180), &[])).unwrap();
    assert!(detector.detect(&[prepared]).unwrap()[0].is_empty());
}

#[test]
fn a_batch_gives_what_its_frames_give_alone() {
    let size = Size::new(320, 192);
    let frames: Vec<Frame> = (0..5)
        .map(|i| scene(i, size, &[(rect(20.0 + 50.0 * i as f32, 50.0, 50.0 + 50.0 * i as f32, 90.0), WHITE)]))
        .collect();
    // One variant takes batches, the other is fixed at one image and is run in turn.
    let by_variant = [true, false].map(|open_batch| {
        let model = blobs_model(&Variant { open_batch, ..Variant::default() }, &[]);
        let (mut preprocessor, mut detector) =
            (Preprocessor::new(&model.manifest).unwrap(), Detector::load(&model, &Options::default()).unwrap());
        let mut prepare = || frames.iter().map(|frame| preprocessor.prepare(frame).unwrap()).collect::<Vec<_>>();
        let together = detector.detect(&prepare()).unwrap();
        let alone: Vec<_> =
            prepare().into_iter().map(|prepared| detector.detect(&[prepared]).unwrap().remove(0)).collect();
        assert_eq!(together, alone);
        assert!(together.iter().all(|found| found.len() == 1));
        together
    });
    assert_eq!(by_variant[0], by_variant[1]);
}

#[test]
fn a_model_that_takes_bytes_finds_the_same() {
    let thing = rect(60.0, 40.0, 100.0, 70.0);
    let frame = scene(0, Size::new(160, 96), &[(thing, RED)]);
    let model = blobs_model(&Variant { bytes: true, ..Variant::default() }, &[("color", "type = \"u8\"\ncolor")]);
    let prepared = Preprocessor::new(&model.manifest).unwrap().prepare(&frame).unwrap();
    let found = Detector::load(&model, &Options::default()).unwrap().detect(&[prepared]).unwrap().remove(0);
    assert_eq!(found.classes(), [ClassId(1)]);
    assert!(found.boxes()[0].iou(&thing) > 0.9);
}

#[test]
fn numbers_that_are_none_cost_the_frame_and_nothing_else() {
    for offset in [f32::NAN, f32::INFINITY] {
        let model = blobs_model(&Variant { offset, ..Variant::default() }, &[]);
        let (mut preprocessor, mut detector) =
            (Preprocessor::new(&model.manifest).unwrap(), Detector::load(&model, &Options::default()).unwrap());
        for seq in 0..2 {
            let prepared = preprocessor.prepare(&scene(seq, Size::new(160, 96), &[])).unwrap();
            let error = detector.detect(&[prepared]).expect_err("not a detection");
            assert!(matches!(error, Error::BadOutput { .. }), "{error}");
            assert_eq!(error.recovery(), iris_core::Recovery::Retry);
        }
    }
}

#[test]
fn scores_that_are_none_are_refused() {
    let model = blobs_model(&Variant { offset: 1.0, ..Variant::default() }, &[]);
    let prepared = Preprocessor::new(&model.manifest).unwrap().prepare(&scene(0, Size::new(160, 96), &[])).unwrap();
    let error = Detector::load(&model, &Options::default()).unwrap().detect(&[prepared]).expect_err("scores over 1");
    assert!(error.to_string().contains("not between 0 and 1"), "{error}");
}

#[test]
fn a_higher_threshold_leaves_less() {
    let model = checked_in();
    // So small that it scores low.
    let frame = scene(0, Size::new(160, 96), &[(rect(50.0, 30.0, 55.0, 32.0), WHITE)]);
    let found = |score| {
        let mut detector = Detector::load(&model, &Options { score, ..Options::default() }).unwrap();
        detector.detect(&[Preprocessor::new(&model.manifest).unwrap().prepare(&frame).unwrap()]).unwrap()[0].len()
    };
    assert_eq!((found(Some(0.1)), found(Some(0.99))), (1, 0));
}

/// Loaded once for all cases.
static DETECTOR: LazyLock<Mutex<(Preprocessor, Detector)>> = LazyLock::new(|| {
    let model = checked_in();
    Mutex::new((Preprocessor::new(&model.manifest).unwrap(), Detector::load(&model, &Options::default()).unwrap()))
});

proptest! {
    #[test]
    fn a_moving_thing_is_found_at_every_size_and_place(
        (w, h) in (10.0f32..40.0, 10.0f32..40.0), (fx, fy) in (0.0f32..1.0, 0.0f32..1.0), red: bool, disc: bool,
    ) {
        let size = Size::new(320, 192);
        let (x, y) = (8.0 + fx * (size.width as f32 - w - 16.0), 8.0 + fy * (size.height as f32 - h - 16.0));
        let thing = rect(x, y, x + w, y + h);
        let color = if red { RED } else { WHITE };
        let frame = rgb_frame(0, size, |px, py| {
            let (dx, dy) = ((px as f32 + 0.5 - x) / w - 0.5, (py as f32 + 0.5 - y) / h - 0.5);
            let inside = if disc { dx * dx + dy * dy < 0.25 } else { dx.abs() < 0.5 && dy.abs() < 0.5 };
            if inside { color } else { noise(px, py) }
        });
        let (preprocessor, detector) = &mut *DETECTOR.lock().unwrap();
        let prepared = preprocessor.prepare(&to_i420(&frame)).unwrap();
        let found = detector.detect(&[prepared]).unwrap().remove(0);
        prop_assert_eq!(found.classes(), [ClassId(u16::from(red))]);
        prop_assert!(found.boxes()[0].iou(&thing) > 0.5, "{:?} is not {:?}", found.boxes()[0], thing);
    }
}

#[test]
fn what_is_no_detector_runs_on_tensors_and_finds_no_boxes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/models/busy");
    let mut model = Detector::load(&Model::open(&folder).unwrap(), &Options::default()).unwrap();
    let width = busy::WIDTH as usize;
    let bytes: Vec<u8> = [1.0, 0.5]
        .iter()
        .flat_map(|scale: &f32| vec![scale / (width as f32).sqrt(); width])
        .flat_map(f32::to_le_bytes)
        .collect();
    let input = Value { name: "x".into(), data_type: DataType::F32, shape: vec![2, width], bytes: bytes.into() };
    let [mean] = model.infer(&[input], &["mean".into()]).unwrap().try_into().unwrap();
    assert_eq!((mean.data_type, &*mean.shape), (DataType::F32, &[2][..]));
    let means: Vec<f32> =
        mean.bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
    // x xᵀ has the mean 1 / 512 where x has the length 1, and each product multiplies it by the square of the length.
    let expected = [1.0, 0.25_f32.powi(busy::PRODUCTS as i32 + 1)].map(|factor| factor / width as f32);
    assert!(means.iter().zip(expected).all(|(mean, expected)| (mean / expected - 1.0).abs() < 1e-3), "{means:?}");
    let blobs = checked_in();
    let prepared = Preprocessor::new(&blobs.manifest).unwrap().prepare(&scene(0, Size::new(160, 96), &[])).unwrap();
    let error = model.detect(&[prepared]).expect_err("no detector").to_string();
    assert!(error.contains("model busy finds no boxes"), "{error}");
}
