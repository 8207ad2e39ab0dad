//! `iris detect`: boxes on still pictures.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::slice;

use anyhow::{Context, Result};
use iris_core::{CameraId, Detections, Epoch, Frame, FrameKey};
use iris_infer::{Detector, Manifest, Model, Options, Preprocessor};
use serde_json::json;

use crate::cli::DetectArgs;
use crate::picture::{Pen, Picture, read_still};

/// The quality of JPEG files that are drawn for people, 1 to 100.
const QUALITY: u8 = 88;

pub(super) fn detect(args: &DetectArgs) -> Result<ExitCode> {
    let path = super::model_path(&args.model);
    let model = Model::open(&path).with_context(|| format!("model {}", path.display()))?;
    let options = Options { score: args.model.min_score, ..Options::default() };
    let mut eye = Eye {
        detector: Detector::load(&model, &options).with_context(|| format!("model {}", path.display()))?,
        preprocessor: Preprocessor::new(&model.manifest).with_context(|| format!("model {}", path.display()))?,
    };
    if let Some(dir) = &args.out {
        std::fs::create_dir_all(dir).with_context(|| format!("folder {}", dir.display()))?;
    }
    let mut code = ExitCode::SUCCESS;
    for (n, image) in args.images.iter().enumerate() {
        // One bad picture does not keep the others from being looked at.
        if let Err(error) = one(args, &mut eye, &model.manifest, image, n) {
            tracing::error!("{}", super::explain(&error));
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

struct Eye {
    detector: Detector,
    preprocessor: Preprocessor,
}

fn one(args: &DetectArgs, eye: &mut Eye, manifest: &Manifest, image: &Path, n: usize) -> Result<()> {
    let key = FrameKey { camera: CameraId::new("still")?, epoch: Epoch::first(1), seq: n as u64 };
    let frame = read_still(image, key)?;
    let prepared = eye.preprocessor.prepare(&frame)?;
    let found = eye.detector.detect(slice::from_ref(&prepared)).with_context(|| image.display().to_string())?;
    for detections in &found {
        print(args.json, manifest, image, detections)?;
        if let Some(dir) = &args.out {
            draw(dir, manifest, image, &frame, detections)?;
        }
    }
    Ok(())
}

fn print(json: bool, manifest: &Manifest, image: &Path, detections: &Detections) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if !json && detections.is_empty() {
        writeln!(out, "{}: nothing found", image.display())?;
    }
    for (rect, score, class) in detections.iter() {
        let class = class_name(manifest, class);
        let [x0, y0, x1, y1] = [rect.x0, rect.y0, rect.x1, rect.y1];
        if json {
            let boxed = [x0, y0, x1, y1].map(|v| (f64::from(v) * 10.0).round() / 10.0);
            let score = (f64::from(score) * 1000.0).round() / 1000.0;
            writeln!(out, "{}", json!({"file": image, "class": class, "score": score, "box": boxed}))?;
        } else {
            writeln!(out, "{}: {class} {score:.2} at {x0:.0},{y0:.0} to {x1:.0},{y1:.0}", image.display())?;
        }
    }
    Ok(())
}

fn draw(dir: &Path, manifest: &Manifest, image: &Path, frame: &Frame, detections: &Detections) -> Result<()> {
    let mut picture = Picture::of(frame);
    Pen::new(&mut picture).detections(detections.iter(), |class| class_name(manifest, class));
    let name = image.file_stem().unwrap_or(image.as_os_str());
    let mut path: PathBuf = dir.join(name);
    path.set_extension("jpg");
    std::fs::write(&path, picture.to_jpeg(QUALITY)?).with_context(|| format!("cannot write {}", path.display()))
}

fn class_name(manifest: &Manifest, class: iris_core::ClassId) -> &str {
    manifest.classes.get(usize::from(class.0)).map_or("?", String::as_str)
}
