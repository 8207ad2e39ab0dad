//! `model.toml`: what a model takes, what it returns and where it comes from. Reading and checking it by itself is
//! here; whether it fits a given model is asked where the outputs are decoded.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use iris_core::Size;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{ElementType, Error};

/// A model's description, the contents of `model.toml`. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub task: Task,
    /// The names of a detector's classes; a detection's class is a place in this list.
    #[serde(default)]
    pub classes: Vec<String>,
    /// How pixels become a detector's input.
    pub input: Option<Input>,
    /// How a detector's outputs become boxes.
    pub output: Option<Decoding>,
    /// Which boxes are reported.
    #[serde(default)]
    pub thresholds: Thresholds,
    /// How other programs' requests are put together into one run; not at all if not given.
    pub batching: Option<Batching>,
    /// The arithmetic of its weights.
    #[serde(default)]
    pub precision: Precision,
    /// The data it was trained on.
    pub data: Option<String>,
    /// The licence of its weights.
    pub licence: Option<String>,
    /// The SHA-256 of `model.onnx` in lower-case hexadecimal.
    pub sha256: Option<String>,
    /// Measured accuracy: name of the measure to value, such as `ap50 = 0.41`.
    #[serde(default)]
    pub accuracy: BTreeMap<String, f64>,
}

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Boxes, scores and classes.
    Detect,
    /// Whatever other programs ask of it: tensors in, tensors out. Nothing is known of what they mean.
    Tensors,
}

impl Task {
    /// Its name in manifests and API.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Detect => "detect",
            Self::Tensors => "tensors",
        }
    }
}

/// How other programs' requests for a model are put together into one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batching {
    /// How many images a run of several requests has at most, 2 to 64.
    pub max: usize,
    /// How long a request waits for others at most while the device has nothing else to do, up to a second.
    #[serde(rename = "delay_ms", default, deserialize_with = "millis")]
    pub delay: Duration,
}

fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}

/// The arithmetic of a model's weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floating point.
    #[default]
    Fp32,
    /// 16-bit floating point inside; inputs and outputs stay `f32`.
    Fp16,
    /// 8-bit integers inside; inputs and outputs stay `f32` or `u8`.
    Int8,
}

/// How pixels become a model's input: letterboxed, then `(value · scale − mean) / std` for each channel, where value
/// is 0 to 255.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The input's name in the graph; checked if given.
    pub name: Option<String>,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The order of dimensions.
    #[serde(default)]
    pub layout: Layout,
    /// The type of elements. With `u8`, scale, mean and std must be left out.
    #[serde(default, rename = "type")]
    pub element: ElementType,
    /// The order of channels.
    pub color: Color,
    /// What pixels are multiplied by.
    #[serde(default = "one")]
    pub scale: f32,
    /// What is then subtracted, for each channel in the order of `color`.
    #[serde(default)]
    pub mean: [f32; 3],
    /// What it is then divided by.
    #[serde(default = "ones")]
    pub std: [f32; 3],
    /// Where the picture lies in the input when their shapes differ.
    #[serde(default)]
    pub anchor: Anchor,
    /// The pixel value around it, 0 to 255.
    #[serde(default = "grey")]
    pub pad: u8,
}

impl Input {
    /// Its size in pixels.
    pub fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }
}

/// The order of an input's dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Batch, channels, rows, columns.
    #[default]
    Nchw,
}

/// The order of an input's channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// Red first.
    Rgb,
    /// Blue first, as `OpenCV` reads pictures.
    Bgr,
}

/// Where the picture lies in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Anchor {
    /// Padding to the right and below.
    #[default]
    TopLeft,
    /// Padding on both sides.
    Center,
}

/// How a model's outputs become boxes. `C` is the number of classes, `N` the number of cells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "decoder", rename_all = "lowercase", deny_unknown_fields)]
pub enum Decoding {
    /// The raw grid of YOLOX: `N × (5 + C)`, box offsets relative to cells, objectness and class scores 0 to 1.
    Yolox {
        /// Pixels a cell, for each level.
        #[serde(default = "strides_to_32")]
        strides: Vec<u32>,
    },
    /// Boxes in input pixels, as the YOLO exports since v5 return them.
    Yolo {
        /// Which of them.
        style: YoloStyle,
    },
    /// Generalised focal loss heads as in `NanoDet`: `N × (C + 4 · (reg_max + 1))`.
    Nanodet {
        /// Pixels a cell, for each level.
        #[serde(default = "strides_to_64")]
        strides: Vec<u32>,
        /// The largest distance, in cells.
        #[serde(default = "seven")]
        reg_max: u32,
        /// Where in a cell distances are measured from: 0 its corner (`NanoDet`-Plus), 0.5 its centre (`NanoDet`).
        #[serde(default)]
        cell_offset: f32,
    },
    /// `FastestDet`: one level, `(5 + C) × rows × columns`.
    Fastestdet,
    /// SSD after its box decoding: boxes `N × 4` in fractions of the input, and scores `N × C`.
    Ssd {
        /// The output that holds boxes.
        boxes: String,
        /// The output that holds scores, 0 to 1.
        scores: String,
        /// The order of a box's edges.
        order: EdgeOrder,
        /// Whether the first column of scores is "nothing" and not the first class.
        background: bool,
    },
    /// DETR and its kin: boxes `N × 4` as centre and size in fractions of the input, and class logits.
    Detr {
        /// The output that holds boxes.
        boxes: String,
        /// The output that holds logits: `N × C` for sigmoid, `N × (C + 1)` with "nothing" last for softmax.
        logits: String,
        /// How logits become scores.
        activation: Activation,
    },
}

/// The two layouts of YOLO exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum YoloStyle {
    /// `YOLOv5`: `N × (5 + C)` with objectness.
    V5,
    /// `YOLOv8` and 11: `(4 + C) × N` without.
    V8,
}

/// The order of a box's edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EdgeOrder {
    /// Left, top, right, bottom.
    Xyxy,
    /// Top, left, bottom, right.
    Yxyx,
}

/// How logits become scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// Over all classes and "nothing" (DETR).
    Softmax,
    /// Each class by itself (Deformable DETR, RT-DETR).
    Sigmoid,
}

/// Which boxes are reported.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// The lowest score, 0 to 1.
    pub score: f32,
    /// The overlap above which the weaker of two boxes of a class is dropped, 0 to 1. DETR does not repeat itself, so
    /// 1 is right for it.
    pub iou: f32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { score: 0.3, iou: 0.45 }
    }
}

fn one() -> f32 {
    1.0
}
fn ones() -> [f32; 3] {
    [1.0; 3]
}
fn grey() -> u8 {
    114
}
fn seven() -> u32 {
    7
}
pub(crate) fn strides_to_32() -> Vec<u32> {
    vec![8, 16, 32]
}
pub(crate) fn strides_to_64() -> Vec<u32> {
    vec![8, 16, 32, 64]
}

/// The largest input that is taken, in pixels each way.
const MAX_SIDE: u32 = 8192;
/// The longest that a request waits for others.
const MAX_DELAY: Duration = Duration::from_secs(1);

impl Manifest {
    /// Reads and checks the text of a `model.toml`; `path` is named in errors.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let refuse = |message: String| Error::Manifest { path: path.to_owned(), message };
        let manifest: Self = toml::from_str(text).map_err(|e| refuse(e.to_string()))?;
        let problems = manifest.problems();
        if problems.is_empty() { Ok(manifest) } else { Err(refuse(problems.join("; "))) }
    }

    /// How a detector takes pictures, and how its outputs become boxes.
    ///
    /// # Errors
    /// [`Error::NoDetector`].
    pub fn detector(&self) -> Result<(&Input, &Decoding), Error> {
        let parts = self.input.as_ref().zip(self.output.as_ref()).filter(|_| self.task == Task::Detect);
        parts.ok_or_else(|| Error::NoDetector { model: self.name.clone() })
    }

    /// Everything in it that cannot be, whatever the model.
    fn problems(&self) -> Vec<String> {
        let mut checks = vec![
            (self.name.trim().is_empty(), "name is empty"),
            (self.sha256.as_deref().is_some_and(|s| !is_sha256(s)), "sha256 must be 64 lower-case hexadecimal digits"),
            (self.batching.is_some_and(|b| !(2..=64).contains(&b.max)), "batching.max must be 2 to 64"),
            (self.batching.is_some_and(|b| b.delay > MAX_DELAY), "batching.delay_ms must be 0 to 1000"),
        ];
        match (self.task, &self.input, &self.output) {
            (Task::Detect, Some(input), Some(output)) => checks.extend(self.detector_checks(input, output)),
            (Task::Detect, input, output) => checks.extend([
                (input.is_none(), "input is missing; a detector needs it"),
                (output.is_none(), "output is missing; a detector needs it"),
            ]),
            (Task::Tensors, input, output) => checks.extend([
                (
                    input.is_some(),
                    "task \"tensors\" takes no input table: programs send tensors as the model takes them",
                ),
                (
                    output.is_some(),
                    "task \"tensors\" takes no output table: programs get tensors as the model returns them",
                ),
                (!self.classes.is_empty(), "task \"tensors\" takes no classes"),
                (self.thresholds != Thresholds::default(), "task \"tensors\" takes no thresholds"),
            ]),
        }
        checks.iter().filter(|(wrong, _)| *wrong).map(|(_, message)| (*message).to_owned()).collect()
    }

    fn detector_checks(&self, input: &Input, output: &Decoding) -> [(bool, &'static str); 12] {
        let thresholds = &self.thresholds;
        [
            (self.classes.is_empty(), "classes is empty"),
            (self.classes.len() > usize::from(u16::MAX), "classes has more than 65535 names"),
            (!(1..=MAX_SIDE).contains(&input.width), "input.width must be 1 to 8192"),
            (!(1..=MAX_SIDE).contains(&input.height), "input.height must be 1 to 8192"),
            (!input.scale.is_finite() || input.scale == 0.0, "input.scale must be a number other than 0"),
            (input.mean.iter().any(|v| !v.is_finite()), "input.mean must be numbers"),
            (input.std.iter().any(|v| !v.is_finite() || *v == 0.0), "input.std must be numbers other than 0"),
            (input.element == ElementType::U8 && normalises(input), "a u8 input takes no scale, mean or std"),
            (!(0.0..=1.0).contains(&thresholds.score), "thresholds.score must be 0 to 1"),
            (!(0.0..=1.0).contains(&thresholds.iou), "thresholds.iou must be 0 to 1"),
            (!strides_are_valid(output), "output.strides must be 1 to 1024, at least one"),
            (!cells_are_valid(output), "output.reg_max must be 1 to 64 and output.cell_offset 0 to 1"),
        ]
    }
}

fn normalises(input: &Input) -> bool {
    (input.scale, input.mean, input.std) != (1.0, [0.0; 3], [1.0; 3])
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn strides_are_valid(output: &Decoding) -> bool {
    let (Decoding::Yolox { strides } | Decoding::Nanodet { strides, .. }) = output else { return true };
    !strides.is_empty() && strides.iter().all(|s| (1..=1024).contains(s))
}

fn cells_are_valid(output: &Decoding) -> bool {
    let Decoding::Nanodet { reg_max, cell_offset, .. } = output else { return true };
    (1..=64).contains(reg_max) && (0.0..=1.0).contains(cell_offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        name = "n"
        task = "detect"
        classes = ["a", "b"]
        [input]
        width = 416
        height = 256
        color = "bgr"
        [output]
        decoder = "yolox"
    "#;

    fn parse(text: &str) -> Result<Manifest, String> {
        Manifest::parse(text, Path::new("model.toml")).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_left_out_has_a_sensible_value() {
        let manifest = parse(GOOD).unwrap();
        let (input, output) = manifest.detector().unwrap();
        assert_eq!(input.size(), Size::new(416, 256));
        assert_eq!((input.scale, input.pad, input.anchor), (1.0, 114, Anchor::TopLeft));
        assert_eq!(output, &Decoding::Yolox { strides: vec![8, 16, 32] });
        assert_eq!((manifest.thresholds, manifest.batching), (Thresholds::default(), None));
    }

    #[test]
    fn everything_can_be_said() {
        let manifest = parse(
            r#"
            name = "n"
            task = "detect"
            classes = ["a"]
            precision = "int8"
            data = "own"
            licence = "Apache-2.0"
            sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
            thresholds = { score = 0.5, iou = 1.0 }
            accuracy = { ap50 = 0.4 }
            output = { decoder = "detr", boxes = "b", logits = "l", activation = "softmax" }
            batching = { max = 8, delay_ms = 2 }
            [input]
            name = "images"
            width = 64
            height = 32
            layout = "nchw"
            type = "f32"
            color = "rgb"
            scale = 0.5
            mean = [1.0, 2.0, 3.0]
            std = [4.0, 5.0, 6.0]
            anchor = "center"
            pad = 0
            "#,
        )
        .unwrap();
        assert_eq!(manifest.detector().unwrap().0.anchor, Anchor::Center);
        assert_eq!(manifest.accuracy["ap50"], 0.4);
        assert_eq!(manifest.batching, Some(Batching { max: 8, delay: Duration::from_millis(2) }));
    }

    #[test]
    fn what_is_no_detector_says_little_and_is_not_taken_for_one() {
        let manifest = parse("name = 'n'\ntask = 'tensors'\nbatching = { max = 4 }").unwrap();
        assert_eq!(manifest.batching, Some(Batching { max: 4, delay: Duration::ZERO }));
        let error = manifest.detector().expect_err("no detector").to_string();
        assert!(error.contains("model n") && error.contains("tensors"), "{error}");
        let error = parse(&GOOD.replace("detect", "tensors")).expect_err("half of each");
        assert!(error.contains("no input table") && error.contains("no classes"), "{error}");
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_reason() {
        for (from, to, message) in [
            ("name = \"n\"", "name = \"\"", "name is empty"),
            ("[\"a\", \"b\"]", "[]", "classes is empty"),
            ("width = 416", "width = 0", "input.width must be 1 to 8192"),
            ("color = \"bgr\"", "color = \"bgr\"\nstd = [1.0, 0.0, 1.0]", "input.std"),
            ("color = \"bgr\"", "color = \"bgr\"\nmean = [nan, 0.0, 1.0]", "input.mean"),
            ("color = \"bgr\"", "color = \"bgr\"\ntype = \"u8\"\nscale = 0.1", "a u8 input"),
            ("\"yolox\"", "\"yolox\"\nstrides = []", "output.strides"),
            ("\"yolox\"", "\"yolox\"\nstride = [8]", "unknown field `stride`"),
            ("\"yolox\"", "\"nanodet\"\nreg_max = 0", "output.reg_max"),
            ("\"yolox\"", "\"yolov9\"", "unknown variant `yolov9`"),
            ("color = \"bgr\"", "colour = \"bgr\"", "unknown field `colour`"),
            ("task = \"detect\"", "task = \"dance\"", "unknown variant `dance`"),
            ("task = \"detect\"", "task = \"detect\"\nsha256 = \"AB\"", "sha256"),
            ("[output]", "[thresholds]\nscore = 30\n[output]", "thresholds.score"),
            ("[output]\n        decoder = \"yolox\"", "", "output is missing"),
            ("[output]", "[batching]\nmax = 1\n[output]", "batching.max must be 2 to 64"),
            ("[output]", "[batching]\nmax = 2\ndelay_ms = 2000\n[output]", "batching.delay_ms"),
            ("[output]", "[batching]\ndelay_ms = 2\n[output]", "missing field `max`"),
        ] {
            let error = parse(&GOOD.replace(from, to)).expect_err(to);
            assert!(error.contains(message) && error.starts_with("model.toml"), "{to}: {error}");
        }
    }

    #[test]
    fn all_problems_are_listed_at_once() {
        let error = parse(&GOOD.replace("\"n\"", "\"\"").replace("256", "9000")).expect_err("two problems");
        assert!(error.contains("name is empty") && error.contains("input.height"), "{error}");
    }
}
