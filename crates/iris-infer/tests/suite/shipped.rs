//! The models in `models/`: each proves itself by the parity file that was written where it was trained.

use std::path::{Path, PathBuf};

use iris_core::{Frame, PixelFormat, Size};
use iris_infer::tensor::Samples;
use iris_infer::{Detector, Model, Options, OrtRuntime, Output, Preprocessor, Runtime};
use serde::Deserialize;

use crate::support::{frame_of, rect};

#[derive(Deserialize)]
struct Parity {
    /// The mean of each channel of the input.
    input: [f32; 3],
    /// Places in the output, and its values there.
    cells: Vec<usize>,
    columns: Vec<Vec<f32>>,
    detections: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    class: String,
    score: f32,
    r#box: [f32; 4],
}

fn folders() -> Vec<PathBuf> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let entries = std::fs::read_dir(models).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.join("model.onnx").exists()).collect()
}

fn open(folder: &Path) -> (Model, Frame, Parity) {
    let image = image::open(folder.join("parity.png")).unwrap().to_rgb8();
    let size = Size::new(image.width(), image.height());
    let frame = frame_of(0, size, PixelFormat::Rgb, vec![(image.into_raw(), size.width as usize * 3)]);
    let parity = toml::from_str(&std::fs::read_to_string(folder.join("parity.toml")).unwrap()).unwrap();
    (Model::open(folder).unwrap(), frame, parity)
}

/// Pixels as in training exactly; INT8 arithmetic differs a little from processor to processor.
#[test]
fn a_shipped_model_returns_what_it_returned_in_training() {
    for folder in folders() {
        let (model, frame, parity) = open(&folder);
        let prepared = Preprocessor::new(&model.manifest).unwrap().prepare(&frame).unwrap();
        let pixels: Vec<f64> = match prepared.tensor.samples() {
            Samples::F32(values) => values.iter().map(|v| f64::from(*v)).collect(),
            Samples::U8(values) => values.iter().map(|v| f64::from(*v)).collect(),
        };
        for (channel, expected) in pixels.chunks(pixels.len() / 3).zip(parity.input) {
            let mean = channel.iter().sum::<f64>() / channel.len() as f64;
            assert!(
                (mean - f64::from(expected)).abs() < 1e-4 * mean.abs().max(1.0),
                "{}: {mean} {expected}",
                folder.display()
            );
        }
        let onnx = std::fs::read(folder.join("model.onnx")).unwrap();
        let mut runtime = OrtRuntime::load(&onnx, 1).unwrap();
        let mut compare = |_: usize, outputs: &[Output<'_>]| {
            let cells = outputs[0].data.len() / parity.columns[0].len();
            for (cell, column) in parity.cells.iter().zip(&parity.columns) {
                for (row, expected) in column.iter().enumerate() {
                    let (found, bound) = (outputs[0].data[row * cells + cell], if row < 4 { 4.0 } else { 0.06 });
                    assert!((found - expected).abs() < bound, "cell {cell}, row {row}: {found} {expected}");
                }
            }
            Ok(())
        };
        runtime.run(&[&prepared.tensor], &mut compare).unwrap();
    }
}

#[test]
fn a_shipped_model_finds_what_it_found_in_training() {
    for folder in folders() {
        let (model, frame, parity) = open(&folder);
        let mut detector = Detector::load(&model, &Options { score: Some(0.1), threads: 1 }).unwrap();
        let prepared = Preprocessor::new(&model.manifest).unwrap().prepare(&frame).unwrap();
        let found = detector.detect(&[prepared]).unwrap().remove(0);
        let sure: Vec<_> = parity.detections.iter().filter(|d| d.score >= 0.35).collect();
        assert!(!sure.is_empty(), "{} proves nothing", folder.display());
        for expected in sure {
            let [x0, y0, x1, y1] = expected.r#box;
            let met = found.iter().any(|(r, score, class)| {
                model.manifest.classes[usize::from(class.0)] == expected.class
                    && r.iou(&rect(x0, y0, x1, y1)) > 0.85
                    && (score - expected.score).abs() < 0.06
            });
            assert!(met, "{} at {:?}", expected.class, expected.r#box);
        }
    }
}
