//! From a model's outputs to boxes in its input space. Each layout of outputs has its own file, pure on slices; what
//! they share, the comparison of expected with found shapes and the check that numbers are numbers, is here.

mod detr;
mod fastestdet;
pub(crate) mod grid;
mod nanodet;
mod nms;
mod ssd;
mod yolo;
mod yolox;

use std::fmt;

use iris_core::{ClassId, Model, Rect, Size};

pub use nms::{MAX_CANDIDATES, suppress};

use crate::manifest::{Decoding, Input, Manifest};
use crate::runtime::{Output, Port, Signature, shape_text};
use crate::{ElementType, Error};

/// A box as a model's output holds it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Where, in the model's input.
    pub rect: Rect<Model>,
    /// How sure, 0 to 1.
    pub score: f32,
    /// What.
    pub class: ClassId,
}

/// One way in which models lay out their outputs.
trait Layout: fmt::Debug + Send {
    /// The shapes of the outputs it reads, without the batch; `None` where any length is right.
    fn shapes(&self) -> Vec<Vec<Option<usize>>>;

    /// Appends the candidates of at least `floor` out of the data of those outputs, one or two of them.
    fn decode(&self, data: [&[f32]; 2], floor: f32, into: &mut Vec<Candidate>) -> Result<(), Error>;
}

fn layout(output: &Decoding, size: Size, classes: usize) -> Box<dyn Layout> {
    match output {
        Decoding::Yolox { strides } => Box::new(yolox::Yolox::new(size, strides, classes)),
        Decoding::Yolo { style } => Box::new(yolo::Yolo::new(*style, classes)),
        Decoding::Nanodet { strides, reg_max, cell_offset } => {
            Box::new(nanodet::Nanodet::new(size, strides, *reg_max, *cell_offset, classes))
        }
        Decoding::Fastestdet => Box::new(fastestdet::Fastestdet::new(size, classes)),
        Decoding::Ssd { order, background, .. } => Box::new(ssd::Ssd::new(size, *order, *background, classes)),
        Decoding::Detr { activation, .. } => Box::new(detr::Detr::new(size, *activation, classes)),
    }
}

/// The names of the outputs that a layout reads; none for the model's first.
fn output_names(decoding: &Decoding) -> [Option<&str>; 2] {
    match decoding {
        Decoding::Ssd { boxes, scores, .. } => [Some(boxes), Some(scores)],
        Decoding::Detr { boxes, logits, .. } => [Some(boxes), Some(logits)],
        _ => [None, None],
    }
}

/// Turns outputs into candidates, after a manifest whose fit to the model has been checked.
#[derive(Debug)]
pub struct Decoder {
    layout: Box<dyn Layout>,
    /// The places of the outputs it reads.
    outputs: Vec<usize>,
    floor: f32,
}

impl Decoder {
    /// A decoder after `manifest` for candidates of at least `score`, refused if the manifest does not fit the model.
    pub fn new(manifest: &Manifest, signature: &Signature, score: f32) -> Result<Self, Error> {
        let (input, output) = manifest.detector()?;
        check_input(input, signature)?;
        let layout = layout(output, input.size(), manifest.classes.len());
        let names = output_names(output);
        let find = |(shape, name): (&Vec<_>, _)| find_output(signature, name, shape);
        let outputs = layout.shapes().iter().zip(names).map(find).collect::<Result<_, _>>()?;
        Ok(Self { layout, outputs, floor: score })
    }

    /// Appends the candidates of one image. Refuses outputs that are not numbers, not finite, or give scores outside
    /// 0 to 1.
    pub fn decode(&self, outputs: &[Output<'_>], into: &mut Vec<Candidate>) -> Result<(), Error> {
        let mut data: [&[f32]; 2] = [&[], &[]];
        for (data, &index) in data.iter_mut().zip(&self.outputs) {
            *data = outputs[index].data;
            check_finite(data)?;
        }
        let start = into.len();
        self.layout.decode(data, self.floor, into)?;
        into[start..].iter().try_for_each(check_candidate)
    }
}

fn check_input(spec: &Input, signature: &Signature) -> Result<(), Error> {
    let [input] = signature.inputs.as_slice() else {
        return Err(Error::mismatch("the number of inputs", &1, &signature.inputs.len()));
    };
    if let Some(name) = spec.name.as_ref().filter(|name| **name != input.name) {
        return Err(Error::mismatch("the input's name", name, &input.name));
    }
    if input.element != spec.element.to_string() {
        return Err(Error::mismatch("the input's type", &spec.element, &input.element));
    }
    let shape = [None, Some(3), Some(spec.height as usize), Some(spec.width as usize)];
    expect_shape("input", input, &shape)?;
    match input.shape[0] {
        None | Some(1) => Ok(()),
        Some(batch) => Err(Error::mismatch("the input's batch", &"1 or open", &batch)),
    }
}

/// The place of the output called `name`, or of the first one, after checking its shape.
fn find_output(signature: &Signature, name: Option<&str>, shape: &[Option<usize>]) -> Result<usize, Error> {
    let outputs = &signature.outputs;
    let Some(index) = outputs.iter().position(|port| name.is_none_or(|name| port.name == name)) else {
        let names: Vec<&str> = outputs.iter().map(|port| port.name.as_str()).collect();
        let expected: String = name.map_or("at least one".into(), |name| format!("one called {name:?}"));
        return Err(Error::mismatch("the outputs", &expected, &names.join(", ")));
    };
    let port = &outputs[index];
    let expected: Vec<Option<usize>> = [None].into_iter().chain(shape.iter().copied()).collect();
    expect_shape("output", port, &expected)?;
    if port.element != "f32" {
        return Err(Error::mismatch(format!("the type of output {:?}", port.name), &ElementType::F32, &port.element));
    }
    Ok(index)
}

/// Compares shapes; a dimension that either side leaves open fits.
fn expect_shape(role: &str, port: &Port, expected: &[Option<usize>]) -> Result<(), Error> {
    let fits = |(a, b): (&Option<usize>, &Option<usize>)| a.is_none() || b.is_none() || a == b;
    if port.shape.len() == expected.len() && port.shape.iter().zip(expected).all(fits) {
        return Ok(());
    }
    let what = format!("the shape of {role} {:?}", port.name);
    Err(Error::mismatch(what, &shape_text(expected), &shape_text(&port.shape)))
}

/// Without branches and sums, so that it runs at the speed of memory: an exponent of all ones is ∞ or not a number.
fn check_finite(data: &[f32]) -> Result<(), Error> {
    const EXPONENT: u32 = 0x7f80_0000;
    let bad = data.iter().fold(false, |bad, v| bad | (v.to_bits() & EXPONENT == EXPONENT));
    if bad { Err(Error::bad_output("holds values that are infinite or not numbers")) } else { Ok(()) }
}

fn check_candidate(candidate: &Candidate) -> Result<(), Error> {
    let Candidate { rect, score, .. } = candidate;
    if !(0.0..=1.0).contains(score) {
        return Err(Error::bad_output(format!("gives a score of {score}, which is not between 0 and 1")));
    }
    if [rect.x0, rect.y0, rect.x1, rect.y1].iter().any(|v| !v.is_finite()) {
        return Err(Error::bad_output(format!("gives the box {rect:?}")));
    }
    Ok(())
}

fn check_len(data: &[f32], expected: usize) -> Result<(), Error> {
    if data.len() == expected {
        return Ok(());
    }
    Err(Error::bad_output(format!("has {} values instead of {expected}", data.len())))
}

/// The largest of `scores` and its place.
fn best(scores: impl IntoIterator<Item = f32>) -> (usize, f32) {
    let max = |best: (usize, f32), (i, score)| if score > best.1 { (i, score) } else { best };
    scores.into_iter().enumerate().fold((0, f32::NEG_INFINITY), max)
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_value_among_many_is_found() {
        let mut data = vec![0.5; 1000];
        assert!(check_finite(&data).is_ok());
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            data[617] = bad;
            assert!(matches!(check_finite(&data), Err(Error::BadOutput { .. })));
        }
    }

    #[test]
    fn scores_and_boxes_are_checked() {
        let good = Candidate { rect: Rect::new(0.0, 0.0, 1.0, 1.0), score: 1.0, class: ClassId(0) };
        assert!(check_candidate(&good).is_ok());
        assert!(check_candidate(&Candidate { score: 1.5, ..good }).is_err());
        assert!(check_candidate(&Candidate { score: -0.1, ..good }).is_err());
        assert!(check_candidate(&Candidate { rect: Rect::new(0.0, 0.0, f32::INFINITY, 1.0), ..good }).is_err());
    }

    #[test]
    fn the_first_of_equal_scores_wins() {
        assert_eq!(best([0.1, 0.7, 0.7]), (1, 0.7));
    }
}
