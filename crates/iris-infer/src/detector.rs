//! A loaded model: a runtime, and, if it finds boxes, the decoding of its outputs and suppression of repeated boxes. Which
//! frame is worth it is the scheduler's business.

use std::borrow::Borrow;
use std::sync::Arc;

use iris_core::{Detections, Image, Rect};
use smallvec::SmallVec;

use crate::manifest::Task;
use crate::postprocess::{Candidate, Decoder, suppress};
use crate::runtime::{Output, Runtime};
use crate::{Error, Manifest, Model, OrtRuntime, Prepared, Signature, Tensor, Value};

/// What differs from the manifest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Threads a model runs on; 1 where several detectors share the cores.
    pub threads: usize,
    /// The lowest score reported, 0 to 1; the manifest's if not given.
    pub score: Option<f32>,
}

impl Default for Options {
    fn default() -> Self {
        Self { threads: 1, score: None }
    }
}

/// Finds boxes in prepared frames, unless the model's task is another; runs on tensors as they are. Belongs to one thread.
pub struct Detector {
    manifest: Arc<Manifest>,
    runtime: Box<dyn Runtime>,
    decoder: Option<Decoder>,
    candidates: Vec<Candidate>,
}

impl Detector {
    /// Loads a model into ONNX Runtime. A manifest that does not fit the model is refused, with what was expected and
    /// what was found.
    pub fn load(model: &Model, options: &Options) -> Result<Self, Error> {
        let runtime = OrtRuntime::load(&model.onnx, options.threads)?;
        Self::new(&model.manifest, Box::new(runtime), options)
    }

    /// A detector over a model that some runtime has loaded.
    pub fn new(manifest: &Arc<Manifest>, runtime: Box<dyn Runtime>, options: &Options) -> Result<Self, Error> {
        let score = options.score.unwrap_or(manifest.thresholds.score);
        let decoder = match manifest.task {
            Task::Detect => Some(Decoder::new(manifest, runtime.signature(), score)?),
            Task::Tensors => None,
        };
        Ok(Self { manifest: Arc::clone(manifest), runtime, decoder, candidates: Vec::new() })
    }

    /// What the model takes and returns.
    pub fn signature(&self) -> &Signature {
        self.runtime.signature()
    }

    /// Runs the model on tensors that [`Signature::check`] has passed, and returns the outputs called `outputs` as they are.
    ///
    /// # Errors
    /// The model failed.
    pub fn infer(&mut self, inputs: &[Value], outputs: &[String]) -> Result<Vec<Value>, Error> {
        self.runtime.infer(inputs, outputs)
    }

    /// What the model sees in each frame, strongest first, in the same order as `batch`.
    ///
    /// If the model returns something that is not a detection for any frame, the whole batch fails with it; on a CPU a
    /// batch is one frame.
    ///
    /// # Errors
    /// The model failed, or is no detector.
    pub fn detect(&mut self, batch: &[impl Borrow<Prepared>]) -> Result<Vec<Detections>, Error> {
        let tensors: SmallVec<[&Tensor; 8]> = batch.iter().map(|prepared| &prepared.borrow().tensor).collect();
        let mut found = Vec::with_capacity(batch.len());
        let Self { manifest, runtime, decoder, candidates } = self;
        let no_detector = || Error::NoDetector { model: manifest.name.clone() };
        let decoder = decoder.as_ref().ok_or_else(no_detector)?;
        runtime.run(&tensors, &mut |index, outputs: &[Output<'_>]| {
            candidates.clear();
            decoder.decode(outputs, candidates)?;
            suppress(candidates, manifest.thresholds.iou);
            found.push(into_image(batch[index].borrow(), candidates)?);
            Ok(())
        })?;
        Ok(found)
    }
}

/// Boxes from the model's space back into the picture, cut to it; those without area in it are left out.
fn into_image(frame: &Prepared, candidates: &[Candidate]) -> Result<Detections, Error> {
    let size = frame.letterbox.image;
    let place = |c: &Candidate| (frame.letterbox.to_image(c.rect).clamp_to(size), c.score, c.class);
    let visible = |(rect, ..): &(Rect<Image>, _, _)| rect.width() > 0.0 && rect.height() > 0.0;
    let mut boxes = Vec::with_capacity(candidates.len());
    let mut scores = Vec::with_capacity(candidates.len());
    let mut classes = Vec::with_capacity(candidates.len());
    for (rect, score, class) in candidates.iter().map(place).filter(visible) {
        boxes.push(rect);
        scores.push(score);
        classes.push(class);
    }
    Detections::new(frame.key, frame.at, size, boxes, scores, classes).map_err(|e| Error::bad_output(e.to_string()))
}
