//! Published models on real pictures. The preprocessing that they were trained with is written here once more, the
//! straightforward way, and what the model sees through both must agree.

use std::path::Path;

use iris_core::{Detections, Frame, Letterbox, PixelFormat, Size};
use iris_infer::manifest::Decoding;
use iris_infer::tensor::Samples;
use iris_infer::{Detector, Model, ModelInfo, Options, Preprocessor, Tensor, inspect};

use crate::support::{frame_of, shared, to_i420};

const PICTURES: usize = 12;

fn pictures(folder: &Path) -> Vec<Frame> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let step = (paths.len() / PICTURES).max(1);
    paths.iter().step_by(step).take(PICTURES).enumerate().map(|(i, path)| picture(i as u64, path)).collect()
}

fn picture(seq: u64, path: &Path) -> Frame {
    let image = image::open(path).unwrap().to_rgb8();
    let size = Size::new(image.width(), image.height());
    frame_of(seq, size, PixelFormat::Rgb, vec![(image.into_raw(), size.width as usize * 3)])
}

/// YOLOX's own preprocessing: `OpenCV`'s bilinear resize to bytes, in the corner of a field of 114, blue first.
fn reference_input(frame: &Frame, model: Size) -> (Letterbox, Tensor) {
    let letterbox = Letterbox::fit(frame.size, model, false);
    let (w, h) = (frame.size.width as usize, frame.size.height as usize);
    let inner = letterbox.inner();
    let rgb = frame.plane(0).data;
    let axis = |i: u32, to: u32, from: usize| {
        let at = ((f64::from(i) + 0.5) * from as f64 / f64::from(to) - 0.5).clamp(0.0, from as f64 - 1.0);
        (at as usize, (at as usize + 1).min(from - 1), at.fract())
    };
    let mut data = vec![114.0; 3 * model.pixels() as usize];
    for y in 0..inner.height {
        let (y0, y1, fy) = axis(y, inner.height, h);
        for x in 0..inner.width {
            let (x0, x1, fx) = axis(x, inner.width, w);
            for c in 0..3 {
                let at = |x: usize, y: usize| f64::from(rgb[(y * w + x) * 3 + 2 - c]);
                let row = |y: usize| at(x0, y) * (1.0 - fx) + at(x1, y) * fx;
                let place = (c * model.height as usize + y as usize) * model.width as usize + x as usize;
                data[place] = (row(y0) * (1.0 - fy) + row(y1) * fy).round() as f32;
            }
        }
    }
    let shape = [3, model.height as usize, model.width as usize];
    (letterbox, Tensor::from_samples(shape, Samples::F32(data)))
}

/// How many boxes of `a` above `score` have one of the same class in `b` with at least `iou`, and how many there are.
fn agreeing(a: &Detections, b: &Detections, score: f32, iou: f32) -> (usize, usize) {
    let strong = || a.iter().filter(|(_, s, _)| *s >= score);
    let met = strong().filter(|(rect, _, class)| b.iter().any(|(other, _, c)| c == *class && rect.iou(&other) >= iou));
    (met.count(), strong().count())
}

/// The share of boxes over 0.4 that the two ways agree on, each way asked about the other, and how many there were.
fn agreement(model: &Model, frames: &[Frame], iou: f32) -> (f64, usize) {
    let mut preprocessor = Preprocessor::new(&model.manifest).unwrap();
    let mut detector = Detector::load(model, &Options { score: Some(0.3), threads: 1 }).unwrap();
    let (mut met, mut all) = (0, 0);
    for frame in frames {
        let mut reference = preprocessor.prepare(frame).unwrap();
        (reference.letterbox, reference.tensor) = reference_input(frame, model.manifest.detector().unwrap().0.size());
        let reference = detector.detect(&[reference]).unwrap().remove(0);
        let ours = detector.detect(&[preprocessor.prepare(&to_i420(frame)).unwrap()]).unwrap().remove(0);
        for (a, b) in [(&ours, &reference), (&reference, &ours)] {
            let (m, n) = agreeing(a, b, 0.4, iou);
            met += m;
            all += n;
        }
    }
    (met as f64 / all as f64, all)
}

#[test]
fn yolox_sees_through_our_preprocessing_what_it_sees_through_its_own() {
    let test = "yolox_sees_through_our_preprocessing_what_it_sees_through_its_own";
    let Some(onnx) = shared(test, "models/yolox_nano.onnx") else { return };
    let model = Model::open(&onnx).unwrap();
    for (set, least) in [("val/construction/images", 0.95), ("val/hardhat/images", 0.95)] {
        let Some(folder) = shared(test, set) else { return };
        let (share, boxes) = agreement(&model, &pictures(&folder), 0.9);
        println!("{set}: {boxes} boxes, {:.1} % agree", share * 100.0);
        assert!(boxes > 20 && share >= least, "{set}: {share} of {boxes}");
    }
}

#[test]
fn the_reference_models_are_recognised() {
    let test = "the_reference_models_are_recognised";
    for (file, classes, size) in [
        ("models/yolox_nano.onnx", 80, Size::new(416, 416)),
        ("models/person_192.onnx", 1, Size::new(192, 192)),
        ("models/fastestdet.onnx", 80, Size::new(352, 352)),
    ] {
        let Some(path) = shared(test, file) else { return };
        let ModelInfo { manifest, producer, .. } = inspect(&path).unwrap();
        let manifest = manifest.unwrap();
        let (input, output) = manifest.detector().unwrap();
        assert_eq!((manifest.classes.len(), input.size()), (classes, size), "{file}");
        assert_eq!(matches!(output, Decoding::Fastestdet), file.contains("fastestdet"));
        assert_eq!(producer.as_deref(), Some("pytorch"));
    }
}

/// How many of a picture set's labelled persons a model finds, as a share.
fn recall_of_persons(model: &Model, set: &Path, person: &str) -> f64 {
    let mut preprocessor = Preprocessor::new(&model.manifest).unwrap();
    let mut detector = Detector::load(model, &Options { score: Some(0.3), threads: 1 }).unwrap();
    let mut paths: Vec<_> = std::fs::read_dir(set.join("images")).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    let (mut found, mut all) = (0, 0);
    for path in paths.iter().step_by(paths.len() / PICTURES) {
        let frame = picture(0, path);
        let seen = detector.detect(&[preprocessor.prepare(&frame).unwrap()]).unwrap().remove(0);
        let labels = set.join("labels").join(path.with_extension("txt").file_name().unwrap());
        for line in std::fs::read_to_string(labels).unwrap().lines() {
            let Some(truth) = large_person(line, person, frame.size) else { continue };
            all += 1;
            found += usize::from(seen.iter().any(|(r, _, class)| class.0 == 0 && r.iou(&truth) > 0.5));
        }
    }
    f64::from(u32::try_from(found).unwrap()) / f64::from(all)
}

/// The box of a label line, if it is of `person` and at least a quarter of the picture high.
fn large_person(line: &str, person: &str, size: Size) -> Option<iris_core::Rect<iris_core::Image>> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [class, rest @ ..] = fields.as_slice() else { return None };
    let numbers: Vec<f32> = rest.iter().filter_map(|f| f.parse().ok()).collect();
    let [cx, cy, w, h] = numbers[..] else { return None };
    let (iw, ih) = (size.width as f32, size.height as f32);
    (*class == person && h > 0.25).then(|| iris_core::Rect::from_center(cx * iw, cy * ih, w * iw, h * ih))
}

#[test]
fn the_reference_models_find_labelled_persons() {
    let test = "the_reference_models_find_labelled_persons";
    for (file, least) in
        [("models/yolox_nano.onnx", 0.7), ("models/person_192.onnx", 0.5), ("models/fastestdet.onnx", 0.5)]
    {
        let (Some(path), Some(set)) = (shared(test, file), shared(test, "val/construction")) else { return };
        let recall = recall_of_persons(&Model::open(&path).unwrap(), &set, "8");
        println!("{file}: finds {:.0} % of large persons", recall * 100.0);
        assert!(recall >= least, "{file}: {recall}");
    }
}
