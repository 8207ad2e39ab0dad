//! Between gRPC's messages and tensors. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Buf, Bytes};
use iris_infer::{DataType, Value, push_text};
use prost::Message;

use super::messages::infer_parameter::ParameterChoice;
use super::messages::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};
use super::messages::model_infer_response::InferOutputTensor;
use super::messages::{InferParameter, InferTensorContents, ModelInferRequest, ModelInferResponse};
use crate::oip::{NOT_OFFERED, datatype, not_offered, only_binary, parse_datatype};

/// The most that may stand in a request beside raw tensors, in bytes. It takes up to 16 times as much in memory.
const MAX_TYPED: usize = 8_000_000;
/// The most fields of a request: the smallest take a hundred times as much in memory.
const MAX_FIELDS: usize = 1000;
/// The field that is not bounded by these, because it is not copied.
const RAW: usize = 7;

/// A request to run a model.
#[derive(Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) model: String,
    /// Any where it is empty.
    pub(super) version: String,
    /// What the answer repeats.
    pub(super) id: String,
    pub(super) inputs: Vec<Value>,
    /// The outputs that are wanted; all where none is named.
    pub(super) outputs: Vec<String>,
    /// How long it may take.
    pub(super) timeout: Option<Duration>,
}

/// Reads a request.
///
/// # Errors
/// What is wrong, and what was expected.
pub(super) fn read(message: Bytes) -> Result<Asked, String> {
    bound(&message)?;
    let request = ModelInferRequest::decode(message).map_err(|error| format!("the request: {error}"))?;
    let ModelInferRequest { model_name, model_version, id, parameters, inputs, outputs, raw_input_contents } = request;
    check(&parameters, || "the request".into())?;
    inputs.iter().try_for_each(|input| check(&input.parameters, || format!("input {:?}", input.name)))?;
    outputs.iter().try_for_each(|output| check(&output.parameters, || format!("output {:?}", output.name)))?;
    let raw = raw_input_contents;
    if !raw.is_empty() && raw.len() != inputs.len() {
        return Err(format!("there are {} raw_input_contents for {} inputs", raw.len(), inputs.len()));
    }
    let raw = raw.into_iter().map(Some).chain(std::iter::repeat(None));
    let inputs = inputs.into_iter().zip(raw).map(|(input, raw)| tensor(input, raw)).collect::<Result<_, _>>()?;
    let outputs = outputs.into_iter().map(|output| output.name).collect();
    let timeout = parameters.get("timeout").map(micros).transpose()?;
    Ok(Asked { model: model_name, version: model_version, id, inputs, outputs, timeout })
}

/// Refuses what asks for something else than an answer.
fn check(parameters: &BTreeMap<String, InferParameter>, of: impl Fn() -> String) -> Result<(), String> {
    let asked = NOT_OFFERED.iter().find(|(key, _)| parameters.contains_key(*key));
    asked.map_or(Ok(()), |(_, what)| Err(not_offered(&of(), what)))
}

/// Looks at the outermost fields, so that a small message cannot become a large structure.
fn bound(message: &Bytes) -> Result<(), String> {
    let broken = |error: prost::DecodeError| format!("the request: {error}");
    let mut rest = &message[..];
    let (mut fields, mut typed) = (0, 0);
    while rest.has_remaining() {
        let key = prost::decode_length_delimiter(&mut rest).map_err(broken)?;
        let size = match key & 7 {
            0 => prost::decode_length_delimiter(&mut rest).map(|_| 0).map_err(broken)?,
            1 => 8,
            2 => prost::decode_length_delimiter(&mut rest).map_err(broken)?,
            5 => 4,
            _ => return Err("the request has a field of a type that there is not".into()),
        };
        rest = rest.get(size..).ok_or("the request ends within a field")?;
        fields += 1;
        typed += if key >> 3 == RAW { 0 } else { size };
    }
    if fields > MAX_FIELDS {
        return Err(format!("the request may have {MAX_FIELDS} inputs, outputs and parameters"));
    }
    if typed > MAX_TYPED {
        return Err(format!("typed contents may have {MAX_TYPED} bytes; send tensors as raw_input_contents"));
    }
    Ok(())
}

fn micros(parameter: &InferParameter) -> Result<Duration, String> {
    let count = match parameter.parameter_choice {
        Some(ParameterChoice::Int64Param(count)) => u64::try_from(count).ok(),
        Some(ParameterChoice::Uint64Param(count)) => Some(count),
        _ => None,
    };
    count.map(Duration::from_micros).ok_or_else(|| "the parameter timeout is not a number of microseconds".into())
}

fn tensor(input: InferInputTensor, raw: Option<Bytes>) -> Result<Value, String> {
    let InferInputTensor { name, datatype, shape, contents, .. } = input;
    let wrong = |why: String| format!("input {name:?}: {why}");
    let data_type = parse_datatype(&datatype).map_err(wrong)?;
    let bytes = match (raw, contents) {
        (Some(raw), None) => raw,
        (None, Some(contents)) => pack(&contents, data_type).map_err(wrong)?.into(),
        (Some(_), Some(_)) => return Err(format!("input {name:?} has both contents and raw_input_contents")),
        (None, None) => return Err(format!("input {name:?} has neither contents nor raw_input_contents")),
    };
    let shape = sides(&shape).map_err(wrong)?;
    Ok(Value { name, data_type, shape, bytes })
}

fn sides(shape: &[i64]) -> Result<Vec<usize>, String> {
    let side = |side: &i64| usize::try_from(*side).map_err(|_| format!("the shape {shape:?} has a negative dimension"));
    shape.iter().map(side).collect()
}

/// Elements as they lie in memory.
fn pack(contents: &InferTensorContents, data_type: DataType) -> Result<Vec<u8>, String> {
    fn all<T: Copy, const N: usize>(elements: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
        elements.iter().flat_map(|element| bytes(*element)).collect()
    }
    /// The same where the list's type is wider than the tensor's.
    macro_rules! narrow {
        ($elements:expr, $to:ty) => {
            $elements.iter().try_fold(Vec::with_capacity($elements.len() * size_of::<$to>()), |mut bytes, element| {
                let narrow =
                    <$to>::try_from(*element).map_err(|_| format!("{element} is not {}", datatype(data_type)))?;
                bytes.extend(narrow.to_le_bytes());
                Ok(bytes)
            })
        };
    }
    match data_type {
        DataType::Bool => Ok(all(&contents.bool_contents, |truth| [u8::from(truth)])),
        DataType::U8 => narrow!(contents.uint_contents, u8),
        DataType::U16 => narrow!(contents.uint_contents, u16),
        DataType::U32 => Ok(all(&contents.uint_contents, u32::to_le_bytes)),
        DataType::U64 => Ok(all(&contents.uint64_contents, u64::to_le_bytes)),
        DataType::I8 => narrow!(contents.int_contents, i8),
        DataType::I16 => narrow!(contents.int_contents, i16),
        DataType::I32 => Ok(all(&contents.int_contents, i32::to_le_bytes)),
        DataType::I64 => Ok(all(&contents.int64_contents, i64::to_le_bytes)),
        DataType::F32 => Ok(all(&contents.fp32_contents, f32::to_le_bytes)),
        DataType::F64 => Ok(all(&contents.fp64_contents, f64::to_le_bytes)),
        DataType::F16 | DataType::Bf16 => Err(only_binary(data_type)),
        DataType::Text => {
            let mut tensor = Vec::new();
            for text in &contents.bytes_contents {
                push_text(&mut tensor, text);
            }
            Ok(tensor)
        }
    }
}

/// A request to another server.
pub(in crate::oip) fn write_request(
    model: &str,
    inputs: &[Value],
    outputs: &[String],
    timeout: Duration,
) -> ModelInferRequest {
    let micros = InferParameter { parameter_choice: Some(ParameterChoice::Int64Param(timeout.as_micros() as i64)) };
    let input = |value: &Value| InferInputTensor {
        name: value.name.clone(),
        datatype: datatype(value.data_type).into(),
        shape: value.shape.iter().map(|side| *side as i64).collect(),
        ..Default::default()
    };
    let output = |name: &String| InferRequestedOutputTensor { name: name.clone(), ..Default::default() };
    ModelInferRequest {
        model_name: model.to_owned(),
        parameters: BTreeMap::from([("timeout".to_owned(), micros)]),
        inputs: inputs.iter().map(input).collect(),
        outputs: outputs.iter().map(output).collect(),
        raw_input_contents: inputs.iter().map(|value| value.bytes.clone()).collect(),
        ..Default::default()
    }
}

/// Reads the answer of another server.
///
/// # Errors
/// It is not what the protocol says.
pub(in crate::oip) fn read_answer(answer: ModelInferResponse) -> Result<Vec<Value>, String> {
    let ModelInferResponse { outputs, raw_output_contents: raw, .. } = answer;
    if !raw.is_empty() && raw.len() != outputs.len() {
        return Err(format!("there are {} raw_output_contents for {} outputs", raw.len(), outputs.len()));
    }
    let raw = raw.into_iter().map(Some).chain(std::iter::repeat(None));
    let read = |(output, raw): (InferOutputTensor, Option<Bytes>)| {
        let InferOutputTensor { name, datatype, shape, contents, .. } = output;
        let wrong = |why: String| format!("output {name:?}: {why}");
        let data_type = parse_datatype(&datatype).map_err(wrong)?;
        let bytes = match raw {
            Some(raw) => raw,
            None => pack(&contents.unwrap_or_default(), data_type).map_err(wrong)?.into(),
        };
        let shape = sides(&shape).map_err(wrong)?;
        Ok(Value { name, data_type, shape, bytes })
    };
    outputs.into_iter().zip(raw).map(read).collect()
}

/// The answer of a model.
pub(super) fn write(model: String, version: String, id: String, outputs: Vec<Value>) -> ModelInferResponse {
    let mut answer = ModelInferResponse { model_name: model, model_version: version, id, ..Default::default() };
    for Value { name, data_type, shape, bytes } in outputs {
        let shape = shape.iter().map(|side| *side as i64).collect();
        let datatype = datatype(data_type).into();
        answer.outputs.push(InferOutputTensor { name, datatype, shape, ..Default::default() });
        answer.raw_output_contents.push(bytes);
    }
    answer
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;
    use proptest::prelude::*;

    fn input(datatype: &str, shape: &[i64], contents: Option<InferTensorContents>) -> InferInputTensor {
        InferInputTensor {
            name: "x".into(),
            datatype: datatype.into(),
            shape: shape.to_vec(),
            contents,
            ..Default::default()
        }
    }

    fn request(input: InferInputTensor, raw: &[&'static [u8]]) -> ModelInferRequest {
        let raw_input_contents = raw.iter().map(|raw| Bytes::from_static(raw)).collect();
        ModelInferRequest { model_name: "m".into(), inputs: vec![input], raw_input_contents, ..Default::default() }
    }

    fn read_message(request: &ModelInferRequest) -> Result<Asked, String> {
        read(request.encode_to_vec().into())
    }

    #[test]
    fn tensors_are_read_raw_or_from_the_list_for_their_type() {
        let contents = InferTensorContents::default;
        for (datatype, contents, expected) in [
            ("BOOL", InferTensorContents { bool_contents: vec![true, false], ..contents() }, &[1, 0][..]),
            ("UINT8", InferTensorContents { uint_contents: vec![7, 255], ..contents() }, &[7, 255]),
            ("UINT16", InferTensorContents { uint_contents: vec![7, 256], ..contents() }, &[7, 0, 0, 1]),
            ("UINT32", InferTensorContents { uint_contents: vec![7], ..contents() }, &[7, 0, 0, 0]),
            ("UINT64", InferTensorContents { uint64_contents: vec![7], ..contents() }, &[7, 0, 0, 0, 0, 0, 0, 0]),
            ("INT8", InferTensorContents { int_contents: vec![7, -1], ..contents() }, &[7, 255]),
            ("INT16", InferTensorContents { int_contents: vec![-2], ..contents() }, &[254, 255]),
            ("INT32", InferTensorContents { int_contents: vec![-2], ..contents() }, &[254, 255, 255, 255]),
            ("INT64", InferTensorContents { int64_contents: vec![1], ..contents() }, &[1, 0, 0, 0, 0, 0, 0, 0]),
            ("FP32", InferTensorContents { fp32_contents: vec![1.0], ..contents() }, &[0, 0, 128, 63]),
            ("FP64", InferTensorContents { fp64_contents: vec![1.0], ..contents() }, &[0, 0, 0, 0, 0, 0, 240, 63]),
            ("BYTES", InferTensorContents { bytes_contents: vec!["ab".into()], ..contents() }, &[2, 0, 0, 0, 97, 98]),
        ] {
            let typed = read_message(&request(input(datatype, &[1, 0], Some(contents)), &[])).expect(datatype);
            assert_eq!(typed.inputs[0].bytes, expected, "{datatype}");
            let raw = request(input(datatype, &[1, 0], None), &[expected]);
            assert_eq!(read_message(&raw).expect(datatype), typed);
        }
    }

    #[test]
    fn what_another_server_is_asked_and_answers_is_read_alike() {
        let value = Value { name: "x".into(), data_type: DataType::U8, shape: vec![2], bytes: vec![1, 2].into() };
        let request = write_request("m", slice::from_ref(&value), &["y".into()], Duration::from_secs(2));
        let asked = read_message(&request).expect("a request");
        assert_eq!(
            (asked.inputs, asked.outputs, asked.timeout),
            (vec![value.clone()], vec!["y".into()], Some(Duration::from_secs(2)))
        );
        let mut answer = write("m".into(), "1".into(), "7".into(), vec![value.clone()]);
        assert_eq!(read_answer(answer.clone()), Ok(vec![value.clone()]));
        answer.raw_output_contents.push(Bytes::new());
        assert!(read_answer(answer.clone()).is_err_and(|why| why.contains("2 raw_output_contents for 1 outputs")));
        answer.raw_output_contents.clear();
        answer.outputs[0].contents = Some(InferTensorContents { uint_contents: vec![1, 2], ..Default::default() });
        assert_eq!(read_answer(answer), Ok(vec![value]));
    }

    #[test]
    fn what_is_asked_is_found_by_its_name() {
        let parameter = |choice| InferParameter { parameter_choice: Some(choice) };
        let mut asks = request(input("FP16", &[1], None), &[&[1, 2]]);
        asks.parameters.insert("timeout".into(), parameter(ParameterChoice::Int64Param(1500)));
        asks.parameters.insert("priority".into(), parameter(ParameterChoice::Int64Param(3)));
        asks.outputs = vec![InferRequestedOutputTensor { name: "y".into(), ..Default::default() }];
        (asks.id, asks.model_version) = ("7".into(), "1".into());
        let asked = read_message(&asks).expect("a request");
        let value = Value { name: "x".into(), data_type: DataType::F16, shape: vec![1], bytes: vec![1, 2].into() };
        assert_eq!(
            asked,
            Asked {
                model: "m".into(),
                version: "1".into(),
                id: "7".into(),
                inputs: vec![value],
                outputs: vec!["y".into()],
                timeout: Some(Duration::from_micros(1500)),
            }
        );
    }

    #[test]
    fn what_is_wrong_is_told() {
        let uints = |uint_contents| Some(InferTensorContents { uint_contents, ..Default::default() });
        let mut shared = request(input("UINT8", &[1], None), &[&[1]]);
        shared.inputs[0].parameters.insert("shared_memory_region".into(), InferParameter::default());
        let mut late = request(input("UINT8", &[1], None), &[&[1]]);
        late.parameters
            .insert("timeout".into(), InferParameter { parameter_choice: Some(ParameterChoice::Int64Param(-1)) });
        for (request, expected) in [
            (request(input("UINT8", &[1], uints(vec![256])), &[]), r#"input "x": 256 is not UINT8"#),
            (request(input("UINT8", &[1], None), &[]), r#"input "x" has neither contents nor raw_input_contents"#),
            (request(input("UINT8", &[1], uints(vec![1])), &[&[1]]), r#"input "x" has both contents and raw"#),
            (request(input("UINT8", &[1], None), &[&[1], &[2]]), "there are 2 raw_input_contents for 1 inputs"),
            (request(input("UINT8", &[-1], None), &[&[1]]), r#"input "x": the shape [-1] has a negative dimension"#),
            (request(input("FP16", &[1], uints(vec![1])), &[]), r#"input "x": FP16 goes as binary data only"#),
            (request(input("FP8", &[1], None), &[&[1]]), r#"input "x": the datatype "FP8" is not one of"#),
            (shared, r#"input "x" asks for shared memory, which is not offered"#),
            (late, "the parameter timeout is not a number of microseconds"),
        ] {
            let error = read_message(&request).expect_err(expected);
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_small_message_cannot_become_a_large_structure() {
        let many =
            ModelInferRequest { inputs: vec![InferInputTensor::default(); MAX_FIELDS + 1], ..Default::default() };
        assert!(read_message(&many).expect_err("too many").contains("1000 inputs"));
        let contents = InferTensorContents { bytes_contents: vec![Bytes::new(); MAX_TYPED / 2], ..Default::default() };
        let large = read_message(&request(input("BYTES", &[1], Some(contents)), &[])).expect_err("too large");
        assert!(large.contains("send tensors as raw_input_contents"), "{large}");
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(message: Vec<u8>) {
            read(message.into()).ok();
        }

        #[test]
        fn whatever_is_broken_is_read_or_refused(at in 0_usize..60, byte: u8) {
            let mut message = request(input("UINT8", &[2, 1], None), &[&[1, 2]]).encode_to_vec();
            let at = at % message.len();
            message[at] = byte;
            read(message.into()).ok();
        }
    }
}
