//! A model that takes its time and means nothing, for tests of what happens when more is asked than can be done: products of
//! large matrices, made of a small input, so that its file is small and nothing of it can be computed beforehand.

use super::onnx::{Attribute, Dim, Element, Graph};

/// How long the input is, and how wide the matrices are.
pub(crate) const WIDTH: i64 = 512;
/// How many products; each takes 2 · 512³ operations, some milliseconds of a core.
pub(crate) const PRODUCTS: usize = 2;

pub(crate) const MANIFEST: &str = r#"# Written by `cargo run -p iris-infer --example make-blobs`.
name = "busy"
task = "tensors"
data = "none: it is computed, not trained"
licence = "Apache-2.0 OR MIT"
"#;

/// The bytes of the model's file. For an input of length 1 the output is the square of its mean.
pub(crate) fn model() -> Vec<u8> {
    let mut g = Graph::default();
    g.input("x", Element::F32, &[Dim::Open("batch"), Dim::Fixed(WIDTH)]);
    let (rows, columns) = (g.ints(&[2]), g.ints(&[1]));
    let column = g.node("Unsqueeze", &["x", &rows], &[]);
    let row = g.node("Unsqueeze", &["x", &columns], &[]);
    let matrix = g.node("Mul", &[&column, &row], &[]);
    let product = (0..PRODUCTS).fold(matrix.clone(), |product, _| g.node("MatMul", &[&product, &matrix], &[]));
    let mean = [("axes", Attribute::Ints(&[1, 2])), ("keepdims", Attribute::Int(0))];
    let mean = g.node("ReduceMean", &[&product], &mean);
    g.name(&mean, "mean");
    g.output("mean", Element::F32, &[Dim::Open("batch")]);
    g.model("busy", "iris make-blobs")
}
