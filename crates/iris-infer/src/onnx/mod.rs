//! A model's file before ONNX Runtime sees it. Files come from anywhere, and ONNX Runtime is a large program in C++ that was
//! not written for such as mean harm. So nothing reaches it that is not of the form, the size and the operators that a
//! detector has.
//!
//! The fields' numbers are those of `onnx.proto`, <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3>. What passes here
//! may still be no model: that is found by loading it, which is done in a process of its own first ([`crate::trial`]).

mod tensor;
#[cfg(test)]
mod tests;
mod wire;

use std::fmt::Display;

use self::wire::{Fields, Wire};
use crate::Error;

/// The largest file, in bytes.
pub const MAX_FILE: u64 = 512 << 20;
/// How deep graphs may lie in the nodes of graphs.
const MAX_DEPTH: usize = 8;
/// Nodes, attributes, tensors, values and dimensions, all together.
const MAX_PARTS: usize = 1_000_000;
/// Inputs, and outputs, of a model.
const MAX_PORTS: usize = 64;
/// What all constants take in memory, in bytes.
const MAX_CONSTANTS: u64 = 2 << 30;
/// What a value takes in memory whose shape is declared, in bytes.
const MAX_VALUE: u64 = 1 << 30;
/// Versions of the format: from the first with operator sets to that of ONNX 1.20.
const FORMATS: std::ops::RangeInclusive<u64> = 3..=13;
/// Versions of ONNX's operators: from the first that ONNX Runtime still runs to that of ONNX 1.21.
const OPERATORS: std::ops::RangeInclusive<u64> = 7..=26;

/// The operators of `com.microsoft` that exports and quantisers write. Others of them run code or read files that they name,
/// such as `EPContext`.
const MICROSOFT: [&str; 34] = [
    "BiasGelu",
    "BiasSoftmax",
    "ConvTransposeWithDynamicPads",
    "DequantizeLinear",
    "DynamicQuantizeMatMul",
    "FastGelu",
    "FusedConv",
    "FusedGemm",
    "FusedMatMul",
    "Gelu",
    "GridSample",
    "MatMulInteger16",
    "MatMulIntegerToFloat",
    "MatMulNBits",
    "MultiHeadAttention",
    "NhwcMaxPool",
    "QGemm",
    "QLinearAdd",
    "QLinearAveragePool",
    "QLinearConcat",
    "QLinearConv",
    "QLinearGlobalAveragePool",
    "QLinearLeakyRelu",
    "QLinearMul",
    "QLinearReduceMean",
    "QLinearSigmoid",
    "QLinearSoftmax",
    "QLinearWhere",
    "QuantizeLinear",
    "QuickGelu",
    "SimplifiedLayerNormalization",
    "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
    "Trilu",
];

/// `ModelProto`.
mod model {
    pub(super) const IR_VERSION: u64 = 1;
    pub(super) const GRAPH: u64 = 7;
    pub(super) const OPSET_IMPORT: u64 = 8;
    pub(super) const TRAINING_INFO: u64 = 20;
    pub(super) const FUNCTIONS: u64 = 25;
}

/// `OperatorSetIdProto`.
mod opset {
    pub(super) const DOMAIN: u64 = 1;
    pub(super) const VERSION: u64 = 2;
}

/// `GraphProto`.
mod graph {
    pub(super) const NODE: u64 = 1;
    pub(super) const INITIALIZER: u64 = 5;
    pub(super) const INPUT: u64 = 11;
    pub(super) const OUTPUT: u64 = 12;
    pub(super) const VALUE_INFO: u64 = 13;
    pub(super) const SPARSE_INITIALIZER: u64 = 15;
}

/// `NodeProto`.
mod node {
    pub(super) const INPUT: u64 = 1;
    pub(super) const OUTPUT: u64 = 2;
    pub(super) const NAME: u64 = 3;
    pub(super) const OP_TYPE: u64 = 4;
    pub(super) const ATTRIBUTE: u64 = 5;
    pub(super) const DOMAIN: u64 = 7;
}

/// `AttributeProto`.
mod attribute {
    pub(super) const NAME: u64 = 1;
    pub(super) const TENSOR: u64 = 5;
    pub(super) const GRAPH: u64 = 6;
    pub(super) const STRINGS: u64 = 9;
    pub(super) const TENSORS: u64 = 10;
    pub(super) const GRAPHS: u64 = 11;
    pub(super) const SPARSE_TENSOR: u64 = 22;
    pub(super) const SPARSE_TENSORS: u64 = 23;
}

/// `ValueInfoProto`, `TypeProto`, `TypeProto.Tensor`, `TensorShapeProto` and `TensorShapeProto.Dimension`.
mod value {
    pub(super) const NAME: u64 = 1;
    pub(super) const TYPE: u64 = 2;
    pub(super) const TENSOR_TYPE: u64 = 1;
    pub(super) const ELEM_TYPE: u64 = 1;
    pub(super) const SHAPE: u64 = 2;
    pub(super) const DIM: u64 = 1;
    pub(super) const DIM_VALUE: u64 = 1;
}

/// Checks the bytes of a model's file: its form, how much it declares, that it has all its data in it, and that its operators
/// only compute.
///
/// # Errors
/// What is wrong, and in which node or tensor.
pub fn check(onnx: &[u8]) -> Result<(), Error> {
    let mut check = Check::default();
    check.file(onnx).map_err(|why| Error::Unsafe { why })
}

/// What has been seen of a file.
#[derive(Default)]
struct Check {
    parts: usize,
    constants: u64,
}

impl Check {
    fn file(&mut self, onnx: &[u8]) -> Result<(), String> {
        if onnx.len() as u64 > MAX_FILE {
            return Err(format!("it has {} bytes, and {MAX_FILE} are the most", onnx.len()));
        }
        // ONNX Runtime takes a file with these bytes for its own format, whatever else it may be.
        if onnx.get(4..8) == Some(b"ORTM") {
            return Err("it is in ONNX Runtime's own format, which is not read".into());
        }
        self.model(onnx)
    }

    fn model(&mut self, bytes: &[u8]) -> Result<(), String> {
        let (mut format, mut graph, mut has_operators) = (0, None, false);
        for field in Fields(bytes) {
            match field? {
                (model::IR_VERSION, Wire::Varint(version)) => format = version,
                (model::GRAPH, Wire::Bytes(_)) if graph.is_some() => return Err("it has two graphs".into()),
                (model::GRAPH, Wire::Bytes(bytes)) => graph = Some(bytes),
                (model::OPSET_IMPORT, Wire::Bytes(bytes)) => has_operators |= operators(bytes)?,
                (model::TRAINING_INFO, _) => return Err("it holds a training, which is not read".into()),
                (model::FUNCTIONS, _) => return Err("it defines functions: export it with these inlined".into()),
                _ => {}
            }
        }
        let graph = graph.ok_or("it has no graph, so it is no ONNX model")?;
        if !FORMATS.contains(&format) {
            return Err(format!("its format is version {format}, and {} are read", span(&FORMATS)));
        }
        if !has_operators {
            return Err("it does not say which version of ONNX's operators it uses".into());
        }
        self.graph(graph, 0)
    }

    fn graph(&mut self, bytes: &[u8], depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("graphs lie in each other deeper than {MAX_DEPTH}"));
        }
        let [mut constants, mut inputs, mut outputs] = [0; 3];
        for field in Fields(bytes) {
            match field? {
                (graph::NODE, Wire::Bytes(bytes)) => self.node(bytes, depth)?,
                (graph::INITIALIZER, Wire::Bytes(bytes)) => {
                    constants += 1;
                    self.tensor(bytes)?;
                }
                (graph::INPUT, Wire::Bytes(bytes)) => {
                    inputs += 1;
                    self.value("input", bytes, depth == 0)?;
                }
                (graph::OUTPUT, Wire::Bytes(bytes)) => {
                    outputs += 1;
                    self.value("output", bytes, depth == 0)?;
                }
                (graph::VALUE_INFO, Wire::Bytes(bytes)) => self.value("value", bytes, false)?,
                (graph::SPARSE_INITIALIZER, _) => return Err("it holds sparse tensors, which are not read".into()),
                _ => {}
            }
        }
        // Up to version 3 of the format constants are listed as inputs too.
        if depth == 0 && (inputs > MAX_PORTS + constants || !(1..=MAX_PORTS).contains(&outputs)) {
            return Err(format!("it has {inputs} inputs and {outputs} outputs, and 1 to {MAX_PORTS} of each are read"));
        }
        Ok(())
    }

    fn node(&mut self, bytes: &[u8], depth: usize) -> Result<(), String> {
        let operator = text(bytes, node::OP_TYPE)?;
        let domain = text(bytes, node::DOMAIN)?;
        let named = text(bytes, node::NAME)?;
        let is = |why: &dyn Display| format!("node {named:?} ({operator}): {why}");
        match &*domain {
            "" | "ai.onnx" => {}
            "com.microsoft" if MICROSOFT.contains(&&*operator) => {}
            _ => return Err(is(&format!("the operator is of {domain:?}, and not among those that are run"))),
        }
        self.part()?;
        for field in Fields(bytes) {
            match field? {
                (node::ATTRIBUTE, Wire::Bytes(bytes)) => self.attribute(bytes, depth).map_err(|why| is(&why))?,
                (node::INPUT | node::OUTPUT, _) => self.part()?,
                _ => {}
            }
        }
        Ok(())
    }

    fn attribute(&mut self, bytes: &[u8], depth: usize) -> Result<(), String> {
        self.part()?;
        for field in Fields(bytes) {
            match field? {
                (attribute::TENSOR | attribute::TENSORS, Wire::Bytes(bytes)) => self.tensor(bytes)?,
                (attribute::GRAPH | attribute::GRAPHS, Wire::Bytes(bytes)) => self.graph(bytes, depth + 1)?,
                (attribute::STRINGS, _) => self.part()?,
                (attribute::SPARSE_TENSOR | attribute::SPARSE_TENSORS, _) => {
                    return Err(format!("{:?} is a sparse tensor, which is not read", text(bytes, attribute::NAME)?));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A value that is declared with its type. Those at the border of the model must be tensors.
    fn value(&mut self, what: &str, bytes: &[u8], is_port: bool) -> Result<(), String> {
        self.part()?;
        let named = text(bytes, value::NAME)?;
        let is = |why: &str| format!("{what} {named:?}: {why}");
        let mut is_tensor = false;
        for of_type in messages(bytes, value::TYPE) {
            for tensor in messages(of_type?, value::TENSOR_TYPE) {
                is_tensor = true;
                self.declared(tensor?).map_err(|why| is(&why))?;
            }
        }
        if is_port && !is_tensor { Err(is("it is no tensor")) } else { Ok(()) }
    }

    /// A tensor's type and shape. Dimensions that are left open count as one.
    fn declared(&mut self, bytes: &[u8]) -> Result<(), String> {
        let (mut bits, mut elements) = (0, 1_u64);
        for field in Fields(bytes) {
            match field? {
                (value::ELEM_TYPE, Wire::Varint(number)) => bits = tensor::layout(number)?.bits,
                (value::SHAPE, Wire::Bytes(shape)) => {
                    for dim in messages(shape, value::DIM) {
                        self.part()?;
                        elements = tensor::times(elements, length(dim?)?)?;
                    }
                }
                _ => {}
            }
        }
        let size = tensor::size(elements, bits)?;
        if size > MAX_VALUE { Err(format!("it would take {size} bytes, and {MAX_VALUE} are the most")) } else { Ok(()) }
    }

    /// A constant.
    fn tensor(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.part()?;
        let is = |why: String| match text(bytes, tensor::NAME) {
            Ok(name) => format!("tensor {name:?}: {why}"),
            Err(error) => error,
        };
        let size = tensor::check(bytes).map_err(is)?;
        self.constants = self.constants.saturating_add(size);
        if self.constants > MAX_CONSTANTS {
            return Err(is(format!("with it constants would take more than {MAX_CONSTANTS} bytes")));
        }
        Ok(())
    }

    fn part(&mut self) -> Result<(), String> {
        self.parts += 1;
        if self.parts > MAX_PARTS { Err(format!("it has more than {MAX_PARTS} parts")) } else { Ok(()) }
    }
}

/// Whether an operator set is that of ONNX itself; its version must be one that is run. Others are told by the nodes that
/// use them: exports import many and use none.
fn operators(bytes: &[u8]) -> Result<bool, String> {
    let domain = text(bytes, opset::DOMAIN)?;
    let mut version = 0;
    for field in Fields(bytes) {
        if let (opset::VERSION, Wire::Varint(number)) = field? {
            version = number;
        }
    }
    match &*domain {
        "" | "ai.onnx" if OPERATORS.contains(&version) => Ok(true),
        "" | "ai.onnx" => {
            Err(format!("it uses version {version} of ONNX's operators, and {} are run", span(&OPERATORS)))
        }
        _ => Ok(false),
    }
}

/// The length of a dimension; one if it is left open.
fn length(dim: &[u8]) -> Result<u64, String> {
    let mut length = 1;
    for field in Fields(dim) {
        if let (value::DIM_VALUE, Wire::Varint(number)) = field? {
            // Some exports write -1 for one that is left open.
            length = if number == u64::MAX { 1 } else { number };
        }
    }
    Ok(length)
}

/// The messages in a field.
fn messages(bytes: &[u8], field: u64) -> impl Iterator<Item = Result<&[u8], String>> {
    Fields(bytes).filter_map(move |found| match found {
        Ok((number, Wire::Bytes(message))) if number == field => Some(Ok(message)),
        Ok(_) => None,
        Err(error) => Some(Err(error.into())),
    })
}

/// A field that is a text, empty if it is not there. What is longer than any sensible name is cut.
fn text(bytes: &[u8], field: u64) -> Result<String, String> {
    const LONGEST: usize = 100;
    let last = messages(bytes, field).last().transpose()?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&last[..last.len().min(LONGEST)]).into_owned())
}

fn span(range: &std::ops::RangeInclusive<u64>) -> String {
    format!("{} to {}", range.start(), range.end())
}
