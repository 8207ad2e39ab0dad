//! A detector of bright blobs on a dark ground, with no learned weight in it: moments of brightness under windows that
//! three convolutions slide over the picture give each blob's centre and size, in the form in which YOLOX returns them.
//!
//! It finds blobs of about 5 to 60 input pixels that keep a few pixels' distance from each other, and tells white ones
//! from red ones, so that a mix-up of channels shows as a wrong class.

use super::onnx::{Attribute, Dim, Element, Graph};

pub(crate) const WIDTH: i64 = 160;
pub(crate) const HEIGHT: i64 = 96;
/// Cells of strides 8, 16 and 32.
pub(crate) const CELLS: i64 = 20 * 12 + 10 * 6 + 5 * 3;

pub(crate) const MANIFEST: &str = r#"# Written by `cargo run -p iris-infer --example make-blobs`.
name = "blobs"
task = "detect"
classes = ["white blob", "red blob"]
data = "none: it is computed, not trained"
licence = "Apache-2.0 OR MIT"

[input]
name = "image"
width = 160
height = 96
color = "rgb"
pad = 0

[output]
decoder = "yolox"
strides = [8, 16, 32]

[thresholds]
score = 0.4
iou = 0.45
"#;

/// What tests vary.
pub(crate) struct Variant {
    /// Whether the input is of bytes and not of floats.
    pub(crate) bytes: bool,
    /// Whether the batch is left open, or fixed at one.
    pub(crate) open_batch: bool,
    /// A number added to every output; not a number makes the model a broken one.
    pub(crate) offset: f32,
}

impl Default for Variant {
    fn default() -> Self {
        Self { bytes: false, open_batch: true, offset: 0.0 }
    }
}

/// A window is three cells wide and slides by one; each level sees the picture at half the size of the one before.
const WINDOW: i64 = 24;
const STEP: i64 = 8;
/// What one window yields: mass, moments about its middle, mass at its border, mass of what is white.
const MOMENTS: i64 = 7;

/// The bytes of the model's file.
pub(crate) fn model(variant: &Variant) -> Vec<u8> {
    let mut g = Graph::default();
    let batch = || if variant.open_batch { Dim::Open("batch") } else { Dim::Fixed(1) };
    let element = if variant.bytes { Element::U8 } else { Element::F32 };
    g.input("image", element, &[batch(), Dim::Fixed(3), Dim::Fixed(HEIGHT), Dim::Fixed(WIDTH)]);
    let to_float = [("to", Attribute::Int(Element::F32 as i64))];
    let image = if variant.bytes { g.node("Cast", &["image"], &to_float) } else { "image".to_owned() };
    let masks = masks(&mut g, &image);
    let moments = moments(&mut g, &masks);
    let grid = boxes(&mut g, &moments);
    let offset = g.floats(&[1], &[variant.offset]);
    let grid = g.node("Add", &[&grid, &offset], &[]);
    g.name(&grid, "grid");
    g.output("grid", Element::F32, &[batch(), Dim::Fixed(CELLS), Dim::Fixed(7)]);
    g.model("blobs", "iris make-blobs")
}

/// Two planes of 0 to 1: where it is bright (in red, which white and red things both are), and where it is also green.
fn masks(g: &mut Graph, image: &str) -> String {
    let weights = g.floats(&[2, 3, 1, 1], &[1.0 / 40.0, 0.0, 0.0, 0.0, 1.0 / 40.0, 0.0]);
    let bias = g.floats(&[2], &[-2.75, -2.75]);
    let planes = g.node("Conv", &[image, &weights, &bias], &[]);
    let planes = clip(g, &planes, 0.0, 1.0);
    let halves = g.ints(&[1, 1]);
    let planes = g.node_n("Split", &[&planes, &halves], &[("axis", Attribute::Int(1))], 2);
    let white = g.node("Mul", &[&planes[0], &planes[1]], &[]);
    g.node("Concat", &[&planes[0], &white], &[("axis", Attribute::Int(1))])
}

/// The moments under all windows: batch × [`MOMENTS`] × [`CELLS`].
fn moments(g: &mut Graph, masks: &str) -> String {
    let kernel = g.floats(&[MOMENTS, 2, WINDOW, WINDOW], &kernel());
    let flat = g.ints(&[0, MOMENTS, -1]);
    let levels = [1, 2, 4].map(|shrink| {
        let side = [shrink, shrink];
        let pool = [("kernel_shape", Attribute::Ints(&side)), ("strides", Attribute::Ints(&side))];
        let seen = if shrink == 1 { masks.to_owned() } else { g.node("AveragePool", &[masks], &pool) };
        let slide = [("strides", Attribute::Ints(&[STEP, STEP])), ("pads", Attribute::Ints(&[STEP; 4]))];
        let level = g.node("Conv", &[&seen, &kernel], &slide);
        g.node("Reshape", &[&level, &flat], &[])
    });
    g.node("Concat", &[&levels[0], &levels[1], &levels[2]], &[("axis", Attribute::Int(2))])
}

fn kernel() -> Vec<f32> {
    let mut weights = Vec::new();
    for moment in 0..MOMENTS {
        for plane in 0..2 {
            for i in 0..WINDOW * WINDOW {
                let (column, row) = (i % WINDOW, i / WINDOW);
                let middle = (WINDOW - 1) as f32 / 2.0;
                let (x, y) = (column as f32 - middle, row as f32 - middle);
                let border = [column, row].iter().any(|v| *v == 0 || *v == WINDOW - 1);
                let of_bright = [1.0, x, y, x * x, y * y, f32::from(u8::from(border)), 0.0];
                let of_white = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
                weights.push(if plane == 0 { of_bright } else { of_white }[moment as usize]);
            }
        }
    }
    weights
}

/// Centre, size, objectness and class scores from the moments: batch × [`CELLS`] × 7.
fn boxes(g: &mut Graph, moments: &str) -> String {
    let each = g.ints(&[1; MOMENTS as usize]);
    let m = g.node_n("Split", &[moments, &each], &[("axis", Attribute::Int(1))], MOMENTS as usize);
    let mass = scale(g, &m[0], 1.0, 1e-3);
    let [(x, width), (y, height)] = [(&m[1], &m[3]), (&m[2], &m[4])].map(|(first, second)| {
        let mean = g.node("Div", &[first, &mass], &[]);
        let square = g.node("Div", &[second, &mass], &[]);
        let mean_squared = g.node("Mul", &[&mean, &mean], &[]);
        let variance = g.node("Sub", &[&square, &mean_squared], &[]);
        // n pixels in a row have the variance (n² − 1) / 12.
        let squared = scale(g, &variance, 12.0, 1.0);
        let squared = clip(g, &squared, 1.0, 1e4);
        (mean, g.node("Sqrt", &[&squared], &[]))
    });
    let objectness = objectness(g, &[&x, &y, &width, &height], &m[0], &m[5]);
    let white = g.node("Div", &[&m[6], &mass], &[]);
    let white = clip(g, &white, 0.0, 1.0);
    let red = scale(g, &white, -1.0, 1.0);
    let step = STEP as f32;
    let centre = [x, y].map(|mean| scale(g, &mean, 1.0 / step, 0.5));
    let size = [width, height].map(|side| {
        let cells = scale(g, &side, 1.0 / step, 0.0);
        g.node("Log", &[&cells], &[])
    });
    let columns = [&centre[0], &centre[1], &size[0], &size[1], &objectness, &white, &red].map(String::as_str);
    let rows = g.node("Concat", &columns, &[("axis", Attribute::Int(1))]);
    g.node("Transpose", &[&rows], &[("perm", Attribute::Ints(&[0, 2, 1]))])
}

/// High where a blob's middle lies in the cell, all of it in the window, and most of its box is bright.
fn objectness(g: &mut Graph, [x, y, width, height]: &[&String; 4], mass: &str, border: &str) -> String {
    let near = [x, y].map(|mean| {
        let distance = g.node("Abs", &[mean], &[]);
        ramp(g, &distance, -1.0, STEP as f32 / 2.0 + 1.0)
    });
    // A level sees what is just too wide for the one before with a quarter of the mass.
    let large = ramp(g, mass, 1.0 / 8.0, -1.0);
    let whole = ramp(g, border, -0.5, 1.0);
    let area = g.node("Mul", &[width, height], &[]);
    let filled = g.node("Div", &[mass, &area], &[]);
    let filled = ramp(g, &filled, 4.0, -2.0);
    [&near[1], &large, &whole, &filled].iter().fold(near[0].clone(), |all, one| g.node("Mul", &[&all, one], &[]))
}

/// `value · factor + shift`.
fn scale(g: &mut Graph, value: &str, factor: f32, shift: f32) -> String {
    let (factor, shift) = (g.floats(&[1], &[factor]), g.floats(&[1], &[shift]));
    let scaled = g.node("Mul", &[value, &factor], &[]);
    g.node("Add", &[&scaled, &shift], &[])
}

fn ramp(g: &mut Graph, value: &str, factor: f32, shift: f32) -> String {
    let line = scale(g, value, factor, shift);
    clip(g, &line, 0.0, 1.0)
}

fn clip(g: &mut Graph, value: &str, low: f32, high: f32) -> String {
    let (low, high) = (g.floats(&[], &[low]), g.floats(&[], &[high]));
    g.node("Clip", &[value, &low, &high], &[])
}
