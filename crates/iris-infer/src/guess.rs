//! The manifest of a bare model, as far as the shapes of its input and outputs give it away. How pixels are scaled is
//! not in a shape: for a layout that one family of models alone exports, that family's way is assumed.

use std::collections::BTreeMap;

use iris_core::Size;

use crate::manifest::{
    Activation, Anchor, Color, Decoding, Input, Layout, Precision, Task, Thresholds, YoloStyle, strides_to_32,
    strides_to_64,
};
use crate::postprocess::grid::cells;
use crate::runtime::{Port, Signature};
use crate::{ElementType, Error, Manifest, coco};

/// The manifest, or what a written one would have to state.
pub(crate) fn manifest(name: &str, signature: &Signature) -> Result<Manifest, Error> {
    let refuse = |why: &str| Error::Unrecognised { shapes: signature.to_string(), why: why.into() };
    let input = signature.inputs.first().ok_or_else(|| refuse("it has no input"))?;
    let element = match input.element.as_str() {
        "f32" => ElementType::F32,
        "u8" => ElementType::U8,
        _ => return Err(refuse("its input is neither f32 nor u8")),
    };
    let [_, Some(3), Some(height), Some(width)] = input.shape[..] else {
        return Err(refuse("its input is not batch x 3 x rows x columns with fixed rows and columns"));
    };
    let size = Size::new(width as u32, height as u32);
    let family = family(size, &signature.outputs).map_err(refuse)?;
    let mut input = family.input(size);
    if element == ElementType::U8 {
        input = Input { element, scale: 1.0, mean: [0.0; 3], std: [1.0; 3], ..input };
    }
    let iou = if matches!(family.output, Decoding::Detr { .. }) { 1.0 } else { Thresholds::default().iou };
    Ok(Manifest {
        name: name.to_owned(),
        task: Task::Detect,
        classes: class_names(family.classes),
        input: Some(input),
        output: Some(family.output),
        thresholds: Thresholds { iou, ..Thresholds::default() },
        precision: Precision::default(),
        data: None,
        licence: None,
        sha256: None,
        batching: None,
        accuracy: BTreeMap::new(),
    })
}

struct Family {
    classes: usize,
    output: Decoding,
    color: Color,
    scale: f32,
    anchor: Anchor,
    mean: [f32; 3],
    std: [f32; 3],
}

impl Family {
    /// Pixels 0 to 255, blue first, the picture in the corner: what `OpenCV` reads, unscaled.
    fn raw_bgr(classes: usize, output: Decoding) -> Self {
        let (mean, std) = ([0.0; 3], [1.0; 3]);
        Self { classes, output, color: Color::Bgr, scale: 1.0, anchor: Anchor::TopLeft, mean, std }
    }

    /// Pixels 0 to 1, red first, the picture in the middle.
    fn unit_rgb(classes: usize, output: Decoding) -> Self {
        let raw = Self::raw_bgr(classes, output);
        Self { color: Color::Rgb, scale: 1.0 / 255.0, anchor: Anchor::Center, ..raw }
    }

    fn input(&self, size: Size) -> Input {
        Input {
            name: None,
            width: size.width,
            height: size.height,
            layout: Layout::Nchw,
            element: ElementType::F32,
            color: self.color,
            scale: self.scale,
            mean: self.mean,
            std: self.std,
            anchor: self.anchor,
            pad: 114,
        }
    }
}

fn family(size: Size, outputs: &[Port]) -> Result<Family, &'static str> {
    match outputs {
        [one] => from_one_output(size, one),
        [a, b] => from_two_outputs(a, b),
        _ => Err("only models with one or two outputs are recognised"),
    }
}

fn from_one_output(size: Size, output: &Port) -> Result<Family, &'static str> {
    let to_32 = cells(size, &strides_to_32());
    let to_64 = cells(size, &strides_to_64());
    match output.shape[..] {
        [_, Some(n), Some(row)] if n == to_32 && row > 5 => {
            Ok(Family::raw_bgr(row - 5, Decoding::Yolox { strides: strides_to_32() }))
        }
        [_, Some(n), Some(row)] if n == 3 * to_32 && row > 5 => {
            Ok(Family::unit_rgb(row - 5, Decoding::Yolo { style: YoloStyle::V5 }))
        }
        [_, Some(row), Some(n)] if n == to_32 && row > 4 => {
            Ok(Family::unit_rgb(row - 4, Decoding::Yolo { style: YoloStyle::V8 }))
        }
        [_, Some(n), Some(row)] if n == to_64 && row > 32 => Ok(nanodet_plus(row - 32)),
        [_, Some(row), Some(h), Some(w)] if row > 5 && is_stride_16(size, w, h) => {
            let output = Decoding::Fastestdet;
            Ok(Family { scale: 1.0 / 255.0, ..Family::raw_bgr(row - 5, output) })
        }
        _ => Err("its output's shape is none of YOLOX, YOLOv5, YOLOv8, NanoDet-Plus and FastestDet for this input"),
    }
}

fn nanodet_plus(classes: usize) -> Family {
    let output = Decoding::Nanodet { strides: strides_to_64(), reg_max: 7, cell_offset: 0.0 };
    // ImageNet's statistics in the range 0 to 255, blue first.
    let (mean, std) = ([103.53, 116.28, 123.675], [57.375, 57.12, 58.395]);
    Family { mean, std, ..Family::raw_bgr(classes, output) }
}

fn is_stride_16(size: Size, w: usize, h: usize) -> bool {
    (w * 16, h * 16) == (size.width as usize, size.height as usize)
}

fn from_two_outputs(a: &Port, b: &Port) -> Result<Family, &'static str> {
    let named = |name: &str| [a, b].into_iter().find(|port| port.name == name);
    match (named("pred_boxes"), named("logits").or(named("pred_logits"))) {
        (Some(boxes), Some(logits)) if logits.shape.last() == Some(&Some(coco::CLASSES.len())) => {
            let (boxes, logits) = (boxes.name.clone(), logits.name.clone());
            let output = Decoding::Detr { boxes, logits, activation: Activation::Sigmoid };
            Ok(Family { anchor: Anchor::TopLeft, ..Family::unit_rgb(coco::CLASSES.len(), output) })
        }
        (Some(_), Some(_)) => Err("it looks like DETR, but its classes and activation are not in its shapes"),
        _ => Err("two outputs may be SSD or DETR; the order of a box's edges, and whether a class is the background, \
                  are not in their shapes"),
    }
}

fn class_names(count: usize) -> Vec<String> {
    if count == coco::CLASSES.len() {
        return coco::CLASSES.iter().map(|name| (*name).to_owned()).collect();
    }
    (0..count).map(|i| format!("class {i}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, shape: &[usize]) -> Port {
        Port { name: name.into(), element: "f32".into(), shape: shape.iter().map(|&d| Some(d)).collect() }
    }

    fn guess(side: usize, outputs: &[(&str, &[usize])]) -> Result<Manifest, Error> {
        let outputs = outputs.iter().map(|(name, shape)| port(name, shape)).collect();
        manifest("m", &Signature { inputs: vec![port("in", &[1, 3, side, side])], outputs })
    }

    #[test]
    fn one_output_gives_its_family_away() {
        for (side, shape, classes, output) in [
            (416, &[1, 3549, 85][..], 80, Decoding::Yolox { strides: strides_to_32() }),
            (192, &[1, 756, 6], 1, Decoding::Yolox { strides: strides_to_32() }),
            (640, &[1, 25200, 85], 80, Decoding::Yolo { style: YoloStyle::V5 }),
            (640, &[1, 84, 8400], 80, Decoding::Yolo { style: YoloStyle::V8 }),
            (416, &[1, 3598, 112], 80, Decoding::Nanodet { strides: strides_to_64(), reg_max: 7, cell_offset: 0.0 }),
            (352, &[1, 85, 22, 22], 80, Decoding::Fastestdet),
        ] {
            let manifest = guess(side, &[("out", shape)]).unwrap();
            assert_eq!(manifest.output, Some(output));
            assert_eq!(manifest.classes.len(), classes);
        }
    }

    #[test]
    fn coco_is_recognised_by_its_eighty_classes() {
        let manifest = guess(416, &[("out", &[1, 3549, 85])]).unwrap();
        assert_eq!((manifest.classes[0].as_str(), manifest.classes[79].as_str()), ("person", "toothbrush"));
        let (input, _) = manifest.detector().unwrap();
        assert_eq!((input.color, input.scale), (Color::Bgr, 1.0));
    }

    #[test]
    fn rt_detr_is_recognised_and_other_pairs_are_not() {
        let manifest = guess(640, &[("logits", &[1, 300, 80]), ("pred_boxes", &[1, 300, 4])]).unwrap();
        assert!(matches!(manifest.output, Some(Decoding::Detr { activation: Activation::Sigmoid, .. })));
        assert_eq!(manifest.thresholds.iou, 1.0);
        for outputs in [
            [("logits", &[1, 100, 92][..]), ("pred_boxes", &[1, 100, 4])],
            [("scores", &[1, 4420, 2]), ("boxes", &[1, 4420, 4])],
        ] {
            assert!(matches!(guess(640, &outputs), Err(Error::Unrecognised { .. })));
        }
    }

    #[test]
    fn the_refusal_says_what_a_manifest_must_state() {
        let error = guess(416, &[("out", &[1, 1000])]).expect_err("a classifier").to_string();
        assert!(error.contains("out f32 1x1000") && error.contains("[output] decoder"), "{error}");
    }
}
