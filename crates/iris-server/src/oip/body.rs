//! The bodies of REST: a request as JSON, with its tensors in it or behind it as they lie in memory, and the answer to it
//! in the same way. Pure.
//!
//! The JSON part names the tensors; those with `binary_data_size` follow it, one behind the other, in the order in which
//! they are named. How long the JSON part is stands in a header.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use iris_infer::{DataType, Value, push_text, texts};
use serde::de::{DeserializeSeed, IgnoredAny, SeqAccess, Visitor};
use serde::ser::{Error as _, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{NOT_OFFERED, datatype, not_offered, only_binary, parse_datatype};

/// The largest JSON part, in bytes. Its numbers take up to eight times as much in memory while they are read.
pub(crate) const MAX_JSON: usize = 32_000_000;

/// A request to run a model.
#[derive(Debug, PartialEq)]
pub(crate) struct Asked {
    /// What the answer is to repeat.
    pub(crate) id: Option<String>,
    pub(crate) inputs: Vec<Value>,
    /// The outputs that are wanted, and whether each goes as binary data; all where none is named.
    pub(crate) outputs: Vec<(String, bool)>,
    /// Whether outputs that are not named go as binary data.
    pub(crate) binary: bool,
    /// How long it may take.
    pub(crate) timeout: Option<Duration>,
}

#[derive(Deserialize)]
struct Request {
    id: Option<String>,
    #[serde(default)]
    parameters: Parameters,
    inputs: Vec<Input>,
    #[serde(default)]
    outputs: Vec<Output>,
}

#[derive(Deserialize)]
struct Input {
    name: String,
    shape: Vec<usize>,
    datatype: String,
    #[serde(default)]
    parameters: Parameters,
    data: Option<Elements>,
}

#[derive(Deserialize)]
struct Output {
    name: String,
    #[serde(default)]
    parameters: Parameters,
}

/// Those that mean something here. Others are not looked at, as the protocol has it, but for what asks for something else
/// than an answer.
#[derive(Default, Deserialize)]
struct Parameters {
    binary_data_size: Option<usize>,
    binary_data: Option<bool>,
    binary_data_output: Option<bool>,
    /// Microseconds.
    timeout: Option<u64>,
    shared_memory_region: Option<IgnoredAny>,
    classification: Option<IgnoredAny>,
    sequence_id: Option<IgnoredAny>,
}

impl Parameters {
    fn check(&self, of: &str) -> Result<(), String> {
        let asked = [self.shared_memory_region.is_some(), self.classification.is_some(), self.sequence_id.is_some()];
        match asked.iter().zip(NOT_OFFERED).find(|(is_asked, _)| **is_asked) {
            Some((_, (_, what))) => Err(not_offered(of, what)),
            None => Ok(()),
        }
    }
}

/// Reads a request. `json`: how long its JSON part is, if that is not all.
///
/// # Errors
/// What is wrong, and what was expected.
pub(crate) fn read(body: &Bytes, json: Option<usize>) -> Result<Asked, String> {
    let json = json.unwrap_or(body.len());
    if json > body.len() {
        return Err(format!("Inference-Header-Content-Length is {json}, and the body has {} bytes", body.len()));
    }
    if json > MAX_JSON {
        return Err(format!("the JSON part may have {MAX_JSON} bytes; send tensors as binary data"));
    }
    let mut raw = body.slice(json..);
    let request: Request = serde_json::from_slice(&body[..json]).map_err(|error| format!("the request: {error}"))?;
    request.parameters.check("the request")?;
    let mut inputs = Vec::with_capacity(request.inputs.len());
    for input in request.inputs {
        inputs.push(input.read("input", &mut raw)?);
    }
    if !raw.is_empty() {
        return Err(format!("{} bytes are left over behind the inputs", raw.len()));
    }
    let binary = request.parameters.binary_data_output.unwrap_or(false);
    let mut outputs = Vec::with_capacity(request.outputs.len());
    for Output { name, parameters } in request.outputs {
        parameters.check(&format!("output {name:?}"))?;
        outputs.push((name, parameters.binary_data.unwrap_or(binary)));
    }
    let timeout = request.parameters.timeout.map(Duration::from_micros);
    Ok(Asked { id: request.id, inputs, outputs, binary, timeout })
}

impl Input {
    /// `role`: what it is to the model.
    fn read(self, role: &str, raw: &mut Bytes) -> Result<Value, String> {
        let Self { name, shape, datatype, parameters, data } = self;
        parameters.check(&format!("{role} {name:?}"))?;
        let data_type = parse_datatype(&datatype).map_err(|why| format!("{role} {name:?}: {why}"))?;
        let bytes = match (parameters.binary_data_size, data) {
            (Some(size), None) if size <= raw.len() => raw.split_to(size),
            (Some(size), None) => {
                return Err(format!(
                    "{role} {name:?} should have {size} bytes, and {} are left of the body",
                    raw.len()
                ));
            }
            (None, Some(elements)) => {
                encode(elements, data_type).map_err(|why| format!("{role} {name:?}: {why}"))?.into()
            }
            (Some(_), Some(_)) => return Err(format!("{role} {name:?} has both data and binary_data_size")),
            (None, None) => return Err(format!("{role} {name:?} has neither data nor binary_data_size")),
        };
        Ok(Value { name, data_type, shape, bytes })
    }
}

/// A number as JSON has it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Number {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned(n) => n.fmt(f),
            Self::Signed(n) => n.fmt(f),
            Self::Float(n) => n.fmt(f),
            Self::Bool(n) => n.fmt(f),
        }
    }
}

/// The elements of a tensor, which may be nested as its dimensions are, or flat.
#[derive(Default)]
struct Elements {
    numbers: Vec<Number>,
    /// As they lie in memory.
    texts: Vec<u8>,
}

impl<'de> Deserialize<'de> for Elements {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut elements = Self::default();
        deserializer.deserialize_seq(Nested(&mut elements))?;
        Ok(elements)
    }
}

/// An element, or a list of such.
struct Nested<'a>(&'a mut Elements);

impl<'de> DeserializeSeed<'de> for Nested<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("numbers, truth values, texts, or lists of them")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Nested(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<(), E> {
        self.0.numbers.push(Number::Unsigned(n));
        Ok(())
    }

    fn visit_i64<E: serde::de::Error>(self, n: i64) -> Result<(), E> {
        self.0.numbers.push(Number::Signed(n));
        Ok(())
    }

    fn visit_f64<E: serde::de::Error>(self, n: f64) -> Result<(), E> {
        self.0.numbers.push(Number::Float(n));
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, n: bool) -> Result<(), E> {
        self.0.numbers.push(Number::Bool(n));
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        push_text(&mut self.0.texts, text.as_bytes());
        Ok(())
    }
}

/// Elements as they lie in memory.
fn encode(Elements { numbers, texts }: Elements, data_type: DataType) -> Result<Vec<u8>, String> {
    macro_rules! all {
        ($convert:expr) => {{
            let mut bytes = Vec::with_capacity(numbers.len() * data_type.size().unwrap_or_default());
            for number in numbers {
                let value = $convert(number).ok_or_else(|| format!("{number} is not {}", datatype(data_type)))?;
                bytes.extend_from_slice(&value.to_le_bytes());
            }
            Ok(bytes)
        }};
    }
    fn integer<T: TryFrom<u64> + TryFrom<i64>>(number: Number) -> Option<T> {
        match number {
            Number::Unsigned(n) => n.try_into().ok(),
            Number::Signed(n) => n.try_into().ok(),
            Number::Float(_) | Number::Bool(_) => None,
        }
    }
    fn float(number: Number) -> Option<f64> {
        match number {
            Number::Unsigned(n) => Some(n as f64),
            Number::Signed(n) => Some(n as f64),
            Number::Float(n) => Some(n),
            Number::Bool(_) => None,
        }
    }
    let is_other = if data_type == DataType::Text { !numbers.is_empty() } else { !texts.is_empty() };
    if is_other {
        return Err(format!("the data are not all {}", datatype(data_type)));
    }
    let truth = |number| match number {
        Number::Bool(truth) => Some(u8::from(truth)),
        Number::Unsigned(n @ (0 | 1)) => Some(n as u8),
        _ => None,
    };
    match data_type {
        DataType::Bool => all!(truth),
        DataType::U8 => all!(integer::<u8>),
        DataType::U16 => all!(integer::<u16>),
        DataType::U32 => all!(integer::<u32>),
        DataType::U64 => all!(integer::<u64>),
        DataType::I8 => all!(integer::<i8>),
        DataType::I16 => all!(integer::<i16>),
        DataType::I32 => all!(integer::<i32>),
        DataType::I64 => all!(integer::<i64>),
        DataType::F32 => all!(|number| float(number).map(|n| n as f32)),
        DataType::F64 => all!(float),
        DataType::F16 | DataType::Bf16 => Err(only_binary(data_type)),
        DataType::Text => Ok(texts),
    }
}

/// An answer as it is sent, and how long its JSON part is, if that is not all.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) body: Vec<u8>,
    pub(crate) json: Option<usize>,
}

#[derive(Serialize)]
struct Answer<'a> {
    model_name: &'a str,
    model_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    outputs: Vec<Answered<'a>>,
}

#[derive(Serialize)]
struct Answered<'a> {
    name: &'a str,
    datatype: &'static str,
    shape: &'a [usize],
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<BinarySize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data<'a>>,
}

impl<'a> Answered<'a> {
    fn new(value: &'a Value, binary: bool) -> Self {
        Self {
            name: &value.name,
            datatype: datatype(value.data_type),
            shape: &value.shape,
            parameters: binary.then_some(BinarySize { binary_data_size: value.bytes.len() }),
            data: (!binary).then_some(Data(value)),
        }
    }
}

#[derive(Serialize)]
struct BinarySize {
    binary_data_size: usize,
}

/// Writes the answer of a model and version to a request of that `id`: `outputs`, and whether each goes as binary data.
///
/// # Errors
/// An output has no form in JSON.
pub(crate) fn write(
    (model, version): (&str, &str),
    id: Option<&str>,
    outputs: &[(Value, bool)],
) -> Result<Written, String> {
    let answered = outputs.iter().map(|(value, binary)| Answered::new(value, *binary));
    let answer = Answer { model_name: model, model_version: version, id, outputs: answered.collect() };
    let mut body = serde_json::to_vec(&answer).map_err(|error| error.to_string())?;
    let json = outputs.iter().any(|(_, binary)| *binary).then_some(body.len());
    for (value, _) in outputs.iter().filter(|(_, binary)| *binary) {
        body.extend_from_slice(&value.bytes);
    }
    Ok(Written { body, json })
}

#[derive(Serialize)]
struct Wanted<'a> {
    parameters: Patience,
    inputs: Vec<Answered<'a>>,
    outputs: Vec<WantedOutput<'a>>,
}

#[derive(Serialize)]
struct Patience {
    /// Microseconds.
    timeout: u64,
}

#[derive(Serialize)]
struct WantedOutput<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Binary>,
}

#[derive(Serialize)]
struct Binary {
    binary_data: bool,
}

/// Writes a request to another server, with tensors as binary data in both directions if it takes them so.
///
/// # Errors
/// An input has no form in JSON.
pub(crate) fn write_request(
    inputs: &[Value],
    outputs: &[String],
    binary: bool,
    timeout: Duration,
) -> Result<Written, String> {
    let parameters = || binary.then_some(Binary { binary_data: true });
    let request = Wanted {
        parameters: Patience { timeout: timeout.as_micros() as u64 },
        inputs: inputs.iter().map(|value| Answered::new(value, binary)).collect(),
        outputs: outputs.iter().map(|name| WantedOutput { name, parameters: parameters() }).collect(),
    };
    let mut body = serde_json::to_vec(&request).map_err(|error| error.to_string())?;
    let json = binary.then_some(body.len());
    for value in inputs.iter().filter(|_| binary) {
        body.extend_from_slice(&value.bytes);
    }
    Ok(Written { body, json })
}

#[derive(Deserialize)]
struct Answers {
    outputs: Vec<Input>,
}

/// Reads the answer of another server. `json`: how long its JSON part is, if that is not all.
///
/// # Errors
/// It is not what the protocol says.
pub(crate) fn read_answer(body: &Bytes, json: Option<usize>) -> Result<Vec<Value>, String> {
    let json = json.unwrap_or(body.len());
    let text = body.get(..json).ok_or("the answer is shorter than its JSON part")?;
    let Answers { outputs } = serde_json::from_slice(text).map_err(|error| format!("the answer: {error}"))?;
    let mut raw = body.slice(json..);
    outputs.into_iter().map(|output| output.read("output", &mut raw)).collect()
}

/// The elements of a tensor as a flat list.
struct Data<'a>(&'a Value);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        macro_rules! all {
            ($number:ty) => {
                list(serializer, self.0, |bytes| bytes.try_into().map(<$number>::from_le_bytes).ok())
            };
        }
        match self.0.data_type {
            DataType::Bool => list(serializer, self.0, |bytes| Some(bytes != [0])),
            DataType::U8 => all!(u8),
            DataType::U16 => all!(u16),
            DataType::U32 => all!(u32),
            DataType::U64 => all!(u64),
            DataType::I8 => all!(i8),
            DataType::I16 => all!(i16),
            DataType::I32 => all!(i32),
            DataType::I64 => all!(i64),
            DataType::F32 => all!(f32),
            DataType::F64 => all!(f64),
            DataType::Text => serializer.collect_seq(texts(&self.0.bytes).map_err(S::Error::custom)?),
            DataType::F16 | DataType::Bf16 => {
                Err(S::Error::custom(format!("output {:?}: {}", self.0.name, only_binary(self.0.data_type))))
            }
        }
    }
}

fn list<S: Serializer, T: Serialize>(
    serializer: S,
    value: &Value,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Result<S::Ok, S::Error> {
    let elements = value.bytes.chunks_exact(value.data_type.size().unwrap_or(1));
    let mut list = serializer.serialize_seq(Some(elements.len()))?;
    for element in elements.filter_map(read) {
        list.serialize_element(&element)?;
    }
    list.end()
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    fn input(data_type: DataType, shape: &[usize], bytes: &[u8]) -> Value {
        Value { name: "x".into(), data_type, shape: shape.to_vec(), bytes: Bytes::copy_from_slice(bytes) }
    }

    fn read_json(json: &Json) -> Result<Asked, String> {
        read(&json.to_string().into(), None)
    }

    #[test]
    fn tensors_stand_in_json_flat_or_nested_whatever_comes_first() {
        let expected = input(DataType::I16, &[2, 2], &[1, 0, 2, 0, 255, 255, 4, 0]);
        for text in [
            r#"{"inputs": [{"name": "x", "datatype": "INT16", "shape": [2, 2], "data": [1, 2, -1, 4]}]}"#,
            r#"{"inputs": [{"data": [[1, 2], [-1, 4]], "shape": [2, 2], "datatype": "INT16", "name": "x"}]}"#,
        ] {
            let asked = read(&text.into(), None).expect(text);
            assert_eq!((asked.inputs, asked.id, asked.binary), (vec![expected.clone()], None, false));
        }
    }

    #[test]
    fn tensors_follow_json_in_the_order_of_their_names() {
        let of = |name: &str, shape: [usize; 1], size: Option<usize>, data: Option<Json>| {
            let mut tensor = json!({"name": name, "datatype": "UINT8", "shape": shape});
            if let Some(size) = size {
                tensor["parameters"] = json!({"binary_data_size": size});
            }
            if let Some(data) = data {
                tensor["data"] = data;
            }
            tensor
        };
        let inputs = [of("a", [2], Some(2), None), of("b", [1], None, Some(json!([9]))), of("c", [3], Some(3), None)];
        let outputs = json!([{"name": "y", "parameters": {"binary_data": false}}, {"name": "z"}]);
        let parameters = json!({"binary_data_output": true, "timeout": 1500, "priority": 3});
        let request = json!({"id": "7", "inputs": inputs, "outputs": outputs, "parameters": parameters}).to_string();
        let body: Bytes = [request.as_bytes(), &[1, 2, 3, 4, 5]].concat().into();
        let asked = read(&body, Some(request.len())).expect("a request");
        let bytes: Vec<&[u8]> = asked.inputs.iter().map(|value| &*value.bytes).collect();
        assert_eq!(bytes, [&[1, 2][..], &[9], &[3, 4, 5]]);
        assert_eq!(asked.outputs, [("y".to_owned(), false), ("z".to_owned(), true)]);
        assert_eq!((asked.id.as_deref(), asked.timeout), (Some("7"), Some(Duration::from_micros(1500))));
        for (json, body, expected) in [
            (request.len() + 6, body.clone(), "Inference-Header-Content-Length is"),
            (
                request.len(),
                body.slice(..body.len() - 1),
                r#"input "c" should have 3 bytes, and 2 are left of the body"#,
            ),
            (request.len(), [&body[..], &[6]].concat().into(), "1 bytes are left over behind the inputs"),
            (request.len() - 1, body.clone(), "the request: EOF"),
        ] {
            let error = read(&body, Some(json)).expect_err(expected);
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        let one = |datatype: &str, data: Json| json!({"inputs": [{"name": "x", "datatype": datatype, "shape": [1], "data": data}]});
        let with = |key: &str, value: Json| {
            let mut input = json!({"name": "x", "datatype": "UINT8", "shape": [1], "data": [1]});
            input[key] = value;
            json!({"inputs": [input]})
        };
        for (request, expected) in [
            (one("FP8", json!([1])), r#"input "x": the datatype "FP8" is not one of BOOL, UINT8"#),
            (one("BYTES", json!(["a", 1])), r#"input "x": the data are not all BYTES"#),
            (one("UINT8", json!([256])), r#"input "x": 256 is not UINT8"#),
            (one("UINT8", json!([-1])), r#"input "x": -1 is not UINT8"#),
            (one("INT64", json!([1.5])), r#"input "x": 1.5 is not INT64"#),
            (one("FP32", json!([true])), r#"input "x": true is not FP32"#),
            (one("BOOL", json!([2])), r#"input "x": 2 is not BOOL"#),
            (one("FP16", json!([1.0])), r#"input "x": FP16 goes as binary data only"#),
            (one("FP32", json!(["one"])), r#"input "x": the data are not all FP32"#),
            (one("FP32", json!(1)), "the request: invalid type"),
            (with("shape", json!([-1])), "the request: invalid value: integer `-1`"),
            (with("parameters", json!({"binary_data_size": 1})), r#"input "x" has both data and binary_data_size"#),
            (with("data", Json::Null), r#"input "x" has neither data nor binary_data_size"#),
            (with("parameters", json!({"shared_memory_region": "r"})), r#"input "x" asks for shared memory, which is"#),
            (json!({"inputs": [], "parameters": {"sequence_id": 3}}), "the request asks for sequences, which is"),
            (
                json!({"inputs": [], "outputs": [{"name": "y", "parameters": {"classification": 3}}]}),
                r#"output "y" asks for classification, which is"#,
            ),
            (json!({}), "the request: missing field `inputs`"),
            (json!([]), "the request: invalid"),
        ] {
            let error = read_json(&request).expect_err(expected);
            assert!(error.starts_with(expected), "{error}\n{expected}");
        }
        let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let text = format!(r#"{{"inputs": [{{"name": "x", "datatype": "UINT8", "shape": [1], "data": {nested}}}]}}"#);
        assert!(read(&text.into(), None).expect_err("too deep").contains("recursion limit"));
    }

    #[test]
    fn every_type_goes_in_and_out() {
        for data_type in DataType::ALL {
            let (numbers, expected) = match data_type {
                DataType::Bool => (json!([true, false, 1]), json!([true, false, true])),
                DataType::U8 | DataType::U16 | DataType::U32 | DataType::U64 => {
                    (json!([0, 7, 255]), json!([0, 7, 255]))
                }
                DataType::I8 | DataType::I16 | DataType::I32 | DataType::I64 => {
                    (json!([0, -7, 127]), json!([0, -7, 127]))
                }
                DataType::F32 | DataType::F64 => (json!([0, -7.5, 1e30]), json!([0.0, -7.5, 1e30])),
                DataType::Text => (json!([["a", ""], ["für"]]), json!(["a", "", "für"])),
                DataType::F16 | DataType::Bf16 => continue,
            };
            let name = datatype(data_type);
            let request = json!({"inputs": [{"name": "x", "datatype": name, "shape": [3], "data": numbers}]});
            let value = read_json(&request).expect(name).inputs.remove(0);
            let size = Value::byte_size(data_type, &[3]).unwrap_or(3 * 4 + "afür".len());
            assert_eq!(value.bytes.len(), size);
            let written = write(("m", "1"), Some("1"), &[(value, false)]).expect(name);
            let answer: Json = serde_json::from_slice(&written.body).expect("JSON");
            assert_eq!((&answer["outputs"][0]["data"], written.json), (&expected, None), "{name}");
            assert_eq!(
                (&answer["model_name"], &answer["id"], &answer["model_version"]),
                (&json!("m"), &json!("1"), &json!("1"))
            );
        }
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_read_or_refused(
            (mut body, json) in proptest::sample::select(requests()),
            changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
            cut in any::<proptest::sample::Index>(),
            is_cut in any::<bool>(),
            another in proptest::option::of(proptest::option::of(0..200_usize)),
        ) {
            let json = another.unwrap_or(json);
            for (at, byte) in changes {
                let at = at.index(body.len());
                body[at] = byte;
            }
            if is_cut {
                body.truncate(cut.index(body.len()));
            }
            let body = Bytes::from(body);
            if let Ok(asked) = read(&body, json) {
                let raw = body.len() - json.unwrap_or(body.len());
                let sizes = asked.inputs.iter().map(|value| value.bytes.len());
                prop_assert!(sizes.sum::<usize>() >= raw, "all that follows the JSON part belongs to an input");
            }
        }
    }

    /// Requests in each of their forms.
    fn requests() -> Vec<(Vec<u8>, Option<usize>)> {
        let binary = json!({"inputs": [
            {"name": "x", "datatype": "UINT8", "shape": [3], "parameters": {"binary_data_size": 3}},
            {"name": "y", "datatype": "FP16", "shape": [1], "parameters": {"binary_data_size": 2}},
        ], "outputs": [{"name": "z", "parameters": {"binary_data": true}}]});
        let inline =
            json!({"id": "1", "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [[1, -2.5]]}]});
        let binary = binary.to_string();
        let json = Some(binary.len());
        vec![([binary.as_bytes(), &[1, 2, 3, 4, 5]].concat(), json), (inline.to_string().into_bytes(), None)]
    }

    #[test]
    fn what_another_server_is_asked_and_answers_is_read_alike() {
        let value = input(DataType::I16, &[2], &[1, 0, 255, 255]);
        for binary in [true, false] {
            let asks = write_request(slice::from_ref(&value), &["y".into()], binary, Duration::from_secs(2));
            let Written { body, json } = asks.expect("a request");
            let asked = read(&body.into(), json).expect("a request");
            assert_eq!(asked.inputs, slice::from_ref(&value));
            assert_eq!((asked.outputs, asked.timeout), (vec![("y".to_owned(), binary)], Some(Duration::from_secs(2))));
            let Written { body, json } = write(("m", "1"), None, &[(value.clone(), binary)]).expect("an answer");
            assert_eq!(read_answer(&body.into(), json), Ok(vec![value.clone()]));
        }
        assert!(read_answer(&"{}".into(), Some(3)).is_err_and(|why| why.contains("shorter")));
        assert!(read_answer(&"{}".into(), None).is_err_and(|why| why.contains("outputs")));
    }

    #[test]
    fn an_answer_has_its_binary_data_behind_its_json() {
        let (a, b) = (input(DataType::F16, &[1], &[1, 2]), input(DataType::U8, &[2], &[3, 4]));
        let written = write(("m", "1"), None, &[(a.clone(), true), (b.clone(), false), (b, true)]).expect("an answer");
        let json = written.json.expect("binary data");
        assert_eq!(&written.body[json..], [1, 2, 3, 4]);
        let answer: Json = serde_json::from_slice(&written.body[..json]).expect("JSON");
        assert_eq!(answer["outputs"][0]["parameters"]["binary_data_size"], 2);
        assert!(answer.get("id").is_none() && answer["outputs"][0].get("data").is_none());
        assert_eq!(answer["outputs"][1]["data"], json!([3, 4]));
        assert!(
            write(("m", "1"), None, &[(a, false)])
                .expect_err("no form in JSON")
                .contains("FP16 goes as binary data only")
        );
    }
}
