//! Named tensors of any type and shape, as other programs send them and get them back, and the check that they are what
//! a model takes. What cameras send goes another way: [`crate::Tensor`].

use std::fmt;

use bytes::Bytes;

use crate::Error;
use crate::runtime::{Port, Signature, shape_text};

/// The most elements of a tensor of texts: each takes up to sixteen times as much in memory as it is sent with.
const MAX_TEXTS: usize = 1_000_000;

/// The type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataType {
    /// A byte, 0 or 1.
    Bool,
    /// Unsigned, 8 bits.
    U8,
    /// Unsigned, 16 bits.
    U16,
    /// Unsigned, 32 bits.
    U32,
    /// Unsigned, 64 bits.
    U64,
    /// Signed, 8 bits.
    I8,
    /// Signed, 16 bits.
    I16,
    /// Signed, 32 bits.
    I32,
    /// Signed, 64 bits.
    I64,
    /// IEEE 754, 16 bits.
    F16,
    /// The upper half of an `f32`.
    Bf16,
    /// IEEE 754, 32 bits.
    F32,
    /// IEEE 754, 64 bits.
    F64,
    /// UTF-8 without NUL, each behind its length in four bytes, little-endian. All others have one size.
    Text,
}

impl DataType {
    /// Every type.
    pub const ALL: [Self; 14] = [
        Self::Bool,
        Self::U8,
        Self::U16,
        Self::U32,
        Self::U64,
        Self::I8,
        Self::I16,
        Self::I32,
        Self::I64,
        Self::F16,
        Self::Bf16,
        Self::F32,
        Self::F64,
        Self::Text,
    ];

    /// Bytes an element; none where each has its own.
    pub const fn size(self) -> Option<usize> {
        match self {
            Self::Bool | Self::U8 | Self::I8 => Some(1),
            Self::U16 | Self::I16 | Self::F16 | Self::Bf16 => Some(2),
            Self::U32 | Self::I32 | Self::F32 => Some(4),
            Self::U64 | Self::I64 | Self::F64 => Some(8),
            Self::Text => None,
        }
    }

    /// The type as ONNX Runtime writes it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Text => "String",
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

impl Port {
    /// The type of its elements; none if they are something else than numbers, truth values and texts.
    pub fn data_type(&self) -> Option<DataType> {
        DataType::ALL.into_iter().find(|data_type| data_type.label() == self.element)
    }
}

/// A named tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The name of the input or output.
    pub name: String,
    /// The type of its elements.
    pub data_type: DataType,
    /// Its dimensions, with the batch.
    pub shape: Vec<usize>,
    /// Its elements, little-endian, the last dimension fastest, nothing between them.
    pub bytes: Bytes,
}

impl Value {
    /// How many bytes a tensor of this type and shape has; none if that is no number, or not told by them.
    pub fn byte_size(data_type: DataType, shape: &[usize]) -> Option<usize> {
        shape.iter().try_fold(data_type.size()?, |size, side| size.checked_mul(*side))
    }
}

/// Appends a text, or other bytes, to a tensor of such.
pub fn push_text(tensor: &mut Vec<u8>, text: &[u8]) {
    // Longer ones do not come in by any way, and would be told when they are read.
    tensor.extend((text.len() as u32).to_le_bytes());
    tensor.extend(text);
}

/// The elements of a tensor of texts, which may be any bytes.
///
/// # Errors
/// What is wrong: lengths that lie, or too many.
pub fn elements(tensor: &[u8]) -> Result<Vec<&[u8]>, String> {
    let (mut elements, mut rest) = (Vec::new(), tensor);
    while !rest.is_empty() {
        let length = rest.split_first_chunk().ok_or("the last element has no length")?;
        let (length, behind) = (u32::from_le_bytes(*length.0) as usize, length.1);
        let (element, behind) = behind.split_at_checked(length).ok_or_else(|| {
            format!("element {} should have {length} bytes, and {} are left", elements.len(), behind.len())
        })?;
        elements.push(element);
        if elements.len() > MAX_TEXTS {
            return Err(format!("a tensor may have {MAX_TEXTS} texts"));
        }
        rest = behind;
    }
    Ok(elements)
}

/// The elements of a tensor of texts.
///
/// # Errors
/// As [`elements`]; or one is not UTF-8 or holds NUL, where ONNX Runtime's texts end.
pub fn texts(tensor: &[u8]) -> Result<Vec<&str>, String> {
    let text = |(n, element)| {
        let text = str::from_utf8(element).ok().filter(|text| !text.contains('\0'));
        text.ok_or_else(|| format!("element {n} is not UTF-8 without NUL"))
    };
    elements(tensor)?.into_iter().enumerate().map(text).collect()
}

impl Signature {
    /// Checks that `inputs` are the inputs of the model, each once and in any order, of the right types, shapes and sizes,
    /// and that `outputs` are names of its outputs. Where the model leaves its batch open, it may be 1 to `most`.
    ///
    /// # Errors
    /// [`Error::BadInput`], which says what was expected.
    pub fn check(&self, inputs: &[Value], outputs: &[String], most: usize) -> Result<(), Error> {
        for port in &self.inputs {
            match inputs.iter().filter(|value| value.name == port.name).count() {
                1 => {}
                0 => {
                    return Err(bad(format!(
                        "input {:?} is missing; the model takes {}",
                        port.name,
                        names(&self.inputs)
                    )));
                }
                _ => return Err(bad(format!("input {:?} is there more than once", port.name))),
            }
        }
        for value in inputs {
            let port = self.inputs.iter().find(|port| port.name == value.name);
            check_value(value, port.ok_or_else(|| unknown("input", &value.name, &self.inputs))?, most)?;
        }
        let is_output = |name: &String| self.outputs.iter().any(|port| port.name == *name);
        match outputs.iter().find(|name| !is_output(name)) {
            Some(name) => Err(unknown("output", name, &self.outputs)),
            None => Ok(()),
        }
    }
}

fn check_value(value: &Value, port: &Port, most: usize) -> Result<(), Error> {
    let Value { name, data_type, shape, bytes } = value;
    if data_type.label() != port.element {
        return Err(bad(format!("input {name:?} is {data_type}, and should be {}", port.element)));
    }
    let fits = |(side, expected): (&usize, &Option<usize>)| expected.is_none_or(|expected| expected == *side);
    if shape.len() != port.shape.len() || !shape.iter().zip(&port.shape).all(fits) {
        let (found, expected) = (dims(shape), shape_text(&port.shape));
        return Err(bad(format!("the shape of input {name:?} is {found}, and should be {expected}")));
    }
    if port.shape.first() == Some(&None) && !(1..=most).contains(&shape[0]) {
        return Err(bad(format!("the batch of input {name:?} is {}, and should be 1 to {most}", shape[0])));
    }
    if *data_type == DataType::Text {
        return check_texts(value);
    }
    if Value::byte_size(*data_type, shape) != Some(bytes.len()) {
        let expected =
            Value::byte_size(*data_type, shape).map_or("more than there can be".into(), |size| size.to_string());
        return Err(bad(format!(
            "input {name:?} of {data_type} {} has {} bytes, and should have {expected}",
            dims(shape),
            bytes.len()
        )));
    }
    if *data_type == DataType::Bool && bytes.iter().any(|byte| *byte > 1) {
        return Err(bad(format!("input {name:?} is bool, and holds bytes other than 0 and 1")));
    }
    Ok(())
}

fn check_texts(Value { name, shape, bytes, .. }: &Value) -> Result<(), Error> {
    let found = texts(bytes).map_err(|why| bad(format!("input {name:?}: {why}")))?.len();
    let expected = shape.iter().try_fold(1_usize, |count, side| count.checked_mul(*side));
    if expected != Some(found) {
        return Err(bad(format!("input {name:?} of texts {} has {found}", dims(shape))));
    }
    Ok(())
}

fn unknown(role: &str, name: &str, ports: &[Port]) -> Error {
    bad(format!("the model has no {role} {name:?}; it has {}", names(ports)))
}

fn names(ports: &[Port]) -> String {
    ports.iter().map(|port| format!("{:?}", port.name)).collect::<Vec<_>>().join(", ")
}

fn dims(shape: &[usize]) -> String {
    shape_text(&shape.iter().copied().map(Some).collect::<Vec<_>>())
}

fn bad(what: String) -> Error {
    Error::BadInput { what }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, element: &str, shape: &[Option<usize>]) -> Port {
        Port { name: name.into(), element: element.into(), shape: shape.to_vec() }
    }

    fn signature() -> Signature {
        let inputs = vec![port("images", "f32", &[None, Some(2)]), port("mask", "bool", &[Some(3)])];
        Signature { inputs, outputs: vec![port("boxes", "f32", &[None, Some(4)])] }
    }

    fn value(name: &str, data_type: DataType, shape: &[usize], bytes: usize) -> Value {
        Value { name: name.into(), data_type, shape: shape.to_vec(), bytes: vec![1; bytes].into() }
    }

    #[test]
    fn what_fits_passes_in_any_order() {
        let inputs = [value("mask", DataType::Bool, &[3], 3), value("images", DataType::F32, &[4, 2], 32)];
        signature().check(&inputs, &["boxes".into()], 4).expect("it fits");
    }

    #[test]
    fn what_does_not_fit_is_told_with_what_was_expected() {
        let mask = || value("mask", DataType::Bool, &[3], 3);
        let images = |data_type, shape: &[usize], bytes| vec![value("images", data_type, shape, bytes), mask()];
        let good = || images(DataType::F32, &[1, 2], 8);
        let two = Value { bytes: vec![0, 2, 1].into(), ..mask() };
        for (inputs, output, expected) in [
            (vec![mask()], "boxes", r#"input "images" is missing; the model takes "images", "mask""#),
            ([good(), vec![mask()]].concat(), "boxes", r#"input "mask" is there more than once"#),
            (
                [good(), vec![value("image", DataType::F32, &[1, 2], 8)]].concat(),
                "boxes",
                r#"the model has no input "image"; it has "images", "mask""#,
            ),
            (images(DataType::U8, &[1, 2], 2), "boxes", r#"input "images" is u8, and should be f32"#),
            (images(DataType::F32, &[1, 3], 12), "boxes", r#"the shape of input "images" is 1x3, and should be ?x2"#),
            (images(DataType::F32, &[2], 8), "boxes", r#"the shape of input "images" is 2, and should be ?x2"#),
            (images(DataType::F32, &[0, 2], 0), "boxes", r#"the batch of input "images" is 0, and should be 1 to 4"#),
            (images(DataType::F32, &[5, 2], 40), "boxes", r#"the batch of input "images" is 5, and should be 1 to 4"#),
            (images(DataType::F32, &[1, 2], 7), "boxes", r#"input "images" of f32 1x2 has 7 bytes, and should have 8"#),
            (vec![good().remove(0), two], "boxes", r#"input "mask" is bool, and holds bytes other than 0 and 1"#),
            (good(), "scores", r#"the model has no output "scores"; it has "boxes""#),
        ] {
            let error = signature().check(&inputs, &[output.into()], 4).expect_err(expected);
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn texts_are_checked_one_by_one() {
        let ports = vec![port("words", "String", &[None, Some(2)])];
        let signature = Signature { inputs: ports, outputs: Vec::new() };
        let value = |bytes: &[u8]| {
            let bytes = Bytes::copy_from_slice(bytes);
            Value { name: "words".into(), data_type: DataType::Text, shape: vec![1, 2], bytes }
        };
        let packed = |texts: &[&str]| {
            let mut tensor = Vec::new();
            for text in texts {
                push_text(&mut tensor, text.as_bytes());
            }
            tensor
        };
        let good = packed(&["", "für"]);
        assert_eq!(good, [&[0, 0, 0, 0, 4, 0, 0, 0][..], "für".as_bytes()].concat());
        assert_eq!(texts(&good), Ok(vec!["", "für"]));
        signature.check(&[value(&good)], &[], 4).expect("it fits");
        for (bytes, expected) in [
            (packed(&["a"]), r#"input "words" of texts 1x2 has 1"#),
            (good[..good.len() - 1].to_vec(), r#"input "words": element 1 should have 4 bytes, and 3 are left"#),
            (good[..6].to_vec(), r#"input "words": the last element has no length"#),
            (packed(&["a", "b\0"]), r#"input "words": element 1 is not UTF-8 without NUL"#),
            (b"\x01\0\0\0\xff\0\0\0\0".to_vec(), r#"input "words": element 0 is not UTF-8 without NUL"#),
            (vec![0; 4 * (MAX_TEXTS + 1)], r#"input "words": a tensor may have 1000000 texts"#),
        ] {
            let error = signature.check(&[value(&bytes)], &[], 4).expect_err(expected);
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn a_size_beyond_all_memory_is_no_size() {
        assert_eq!(Value::byte_size(DataType::F64, &[usize::MAX / 4, 1]), None);
        assert_eq!(Value::byte_size(DataType::F64, &[0, 7]), Some(0));
        assert_eq!(Value::byte_size(DataType::F16, &[]), Some(2));
    }
}
