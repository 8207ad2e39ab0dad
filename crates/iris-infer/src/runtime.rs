//! What runs a model. One trait, and one suite of cases (`tests/runtimes.rs`) that every implementation passes; what
//! outputs mean is no business of a runtime.

use std::fmt;

use crate::{Error, Tensor, Value};

/// An input or output of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name in the graph.
    pub name: String,
    /// The type of its elements as ONNX Runtime writes it, such as `f32`, `u8`, `f16`, `i64`.
    pub element: String,
    /// Its dimensions; `None` where the model leaves one open.
    pub shape: Vec<Option<usize>>,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.name, self.element, shape_text(&self.shape))
    }
}

/// A shape as `1x3x?x640`.
pub(crate) fn shape_text(shape: &[Option<usize>]) -> String {
    let dims: Vec<String> = shape.iter().map(|d| d.map_or_else(|| "?".into(), |d| d.to_string())).collect();
    dims.join("x")
}

/// What goes into a model and what comes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Inputs in the graph's order.
    pub inputs: Vec<Port>,
    /// Outputs in the graph's order.
    pub outputs: Vec<Port>,
}

impl Signature {
    /// Whether the model leaves the batch of its first input open.
    pub fn takes_batches(&self) -> bool {
        self.inputs.first().is_some_and(|input| input.shape.first() == Some(&None))
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |ports: &[Port]| ports.iter().map(Port::to_string).collect::<Vec<_>>().join(", ");
        write!(f, "{} -> {}", list(&self.inputs), list(&self.outputs))
    }
}

/// One output for one image, lent by the runtime while it is being read.
#[derive(Debug, Clone, Copy)]
pub struct Output<'a> {
    /// Its dimensions without the batch.
    pub shape: &'a [usize],
    /// Its elements, the last dimension fastest.
    pub data: &'a [f32],
}

/// What takes the outputs of image `index` of a batch; one [`Output`] for each of the model's.
pub type Reader<'r> = dyn FnMut(usize, &[Output<'_>]) -> Result<(), Error> + 'r;

/// Something that runs one loaded model. It belongs to one thread at a time.
pub trait Runtime: Send {
    /// What the model takes and returns.
    fn signature(&self) -> &Signature;

    /// Runs the model on a batch, at once if the model leaves its batch open and one image after another if not, and
    /// lends the outputs of each image to `read`, in order. Stops at the first error, of the model or of `read`.
    fn run(&mut self, batch: &[&Tensor], read: &mut Reader<'_>) -> Result<(), Error>;

    /// Runs the model once on inputs that [`Signature::check`] has passed, and returns the outputs called `outputs`, in that
    /// order.
    fn infer(&mut self, inputs: &[Value], outputs: &[String]) -> Result<Vec<Value>, Error>;
}
