//! The models for other programs, by the Open Inference Protocol, version 2, which Triton, KServe and OpenVINO Model
//! Server speak too, with Triton's extensions for binary tensors, model configuration and statistics.
//!
//! What both of its forms have in common stands here: the names of types, and what is told of the server and its models.
//! [`body`] reads and writes requests and answers as REST has them, [`grpc`] as gRPC does; [`remote`] asks other servers.
//! Inputs may be [`pictures`].

pub(crate) mod body;
pub(crate) mod compression;
pub(crate) mod grpc;
pub(crate) mod pictures;
pub(crate) mod remote;
pub(crate) mod repository;
pub(crate) mod rest;

use std::sync::Arc;
use std::time::Duration;

use iris_infer::{DataType, Preprocessor, Signature, Task, Value};
use iris_pipeline::{Loaded, Outcome, Refusal, Times};
use serde::Serialize;
use utoipa::ToSchema;

use crate::door::{App, Code, Problem};

/// What the server calls itself.
const SERVER: &str = "iris";
/// What runs the models, as Triton's clients know it.
const PLATFORM: &str = "onnxruntime_onnx";
/// What a server offers that takes and sends tensors as binary data by REST.
const BINARY: &str = "binary_tensor_data";
/// What is offered beyond the protocol.
const EXTENSIONS: [&str; 4] = [BINARY, "model_configuration", "model_repository", "statistics"];
/// Parameters that ask for something else than an answer, and for what.
const NOT_OFFERED: [(&str, &str); 3] =
    [("shared_memory_region", "shared memory"), ("classification", "classification"), ("sequence_id", "sequences")];
/// How long a request may take that does not say so.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A type as the protocol writes it.
pub(crate) const fn datatype(data_type: DataType) -> &'static str {
    match data_type {
        DataType::Bool => "BOOL",
        DataType::U8 => "UINT8",
        DataType::U16 => "UINT16",
        DataType::U32 => "UINT32",
        DataType::U64 => "UINT64",
        DataType::I8 => "INT8",
        DataType::I16 => "INT16",
        DataType::I32 => "INT32",
        DataType::I64 => "INT64",
        DataType::F16 => "FP16",
        DataType::Bf16 => "BF16",
        DataType::F32 => "FP32",
        DataType::F64 => "FP64",
        DataType::Text => "BYTES",
    }
}

/// The type of that name.
///
/// # Errors
/// There is none, or it is not offered.
pub(crate) fn parse_datatype(name: &str) -> Result<DataType, String> {
    let found = DataType::ALL.into_iter().find(|data_type| datatype(*data_type) == name);
    found.ok_or_else(|| {
        let known: Vec<&str> = DataType::ALL.into_iter().map(datatype).collect();
        format!("the datatype {name:?} is not one of {}", known.join(", "))
    })
}

/// Why a type does not go as numbers one by one.
fn only_binary(data_type: DataType) -> String {
    format!("{} goes as binary data only", datatype(data_type))
}

/// Why a request is refused that asks for `what`.
fn not_offered(of: &str, what: &str) -> String {
    format!("{of} asks for {what}, which is not offered")
}

/// A version of a model that is served. Whoever holds it can ask it, also if another takes its place meanwhile.
pub(crate) struct Served {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) model: Arc<Loaded>,
    pub(crate) signature: Signature,
    /// All versions that are served.
    versions: Vec<String>,
    /// The largest batch; 0 where the model fixes it.
    max_batch: usize,
}

impl Served {
    /// The model of that name and version; the newest where that is empty.
    ///
    /// # Errors
    /// There is none, or it cannot be used now.
    pub(crate) fn find(app: &App, name: &str, version: &str) -> Result<Self, Problem> {
        let effect = app.control.effect();
        let Some(entry) = effect.models.find(name) else {
            let known: Vec<&str> = effect.models.entries().iter().map(|entry| &*entry.model.name).collect();
            return Err(Problem::new(
                Code::NotFound,
                format!("there is no model {name:?}; there is {}", known.join(", ")),
            ));
        };
        let served = entry.versions.iter().filter(|(_, version)| version.loaded.is_some());
        let versions: Vec<String> = served.map(|(number, _)| number.to_string()).collect();
        let unusable = |what: String| {
            let detail = format!("{what} cannot be used now; /api/v1/system says why");
            Problem::new(Code::Unavailable, detail)
        };
        let (number, model) = if version.is_empty() {
            let (number, model) = entry.newest().ok_or_else(|| unusable(format!("model {name:?}")))?;
            (number, Arc::clone(model))
        } else {
            let known = version.parse().ok().and_then(|number: u32| Some((number, entry.versions.get(&number)?)));
            let Some((number, known)) = known.filter(|(number, _)| number.to_string() == version) else {
                let detail = format!("model {name:?} has no version {version:?}; it has {}", versions.join(", "));
                return Err(Problem::new(Code::NotFound, detail));
            };
            let model = known.loaded.clone();
            (number, model.ok_or_else(|| unusable(format!("version {version:?} of model {name:?}")))?)
        };
        let signature = model.signature().cloned().ok_or_else(|| unusable(format!("model {name:?}")))?;
        let max_batch = if signature.takes_batches() { app.inference.max_batch() } else { 0 };
        Ok(Self { name: name.to_owned(), version: number.to_string(), model, signature, versions, max_batch })
    }

    /// All versions of all models that can be used now.
    pub(crate) fn all(app: &App) -> Vec<Self> {
        let effect = app.control.effect();
        let all = effect.models.entries().iter().flat_map(|entry| entry.versions.keys().map(move |n| (entry, n)));
        all.filter_map(|(entry, number)| Self::find(app, &entry.model.name, &number.to_string()).ok()).collect()
    }

    /// Puts pictures into its input.
    ///
    /// # Errors
    /// It finds no boxes.
    pub(crate) fn preprocessor(&self) -> Result<Preprocessor, Problem> {
        self.model.preprocessor().map_err(|error| Problem::new(Code::Invalid, error.to_string()))
    }

    /// Runs the model. A detector takes pictures as well.
    ///
    /// # Errors
    /// Why it was not done.
    pub(crate) async fn infer(
        &self,
        app: &App,
        mut inputs: Vec<Value>,
        outputs: Vec<String>,
        timeout: Option<Duration>,
    ) -> Result<Vec<Value>, Problem> {
        // So that nothing is decoded for a request that is refused.
        let takes_pictures = inputs.len() == 1 && self.model.manifest().task == Task::Detect;
        // Said in the protocol's words before the runtime says it in its own.
        for input in &mut inputs {
            let port = self.signature.inputs.iter().find(|port| port.name == input.name);
            let expected = port.and_then(iris_infer::Port::data_type);
            let Some(expected) = expected.filter(|expected| *expected != input.data_type) else { continue };
            if input.data_type != DataType::Text || !takes_pictures {
                let (found, expected) = (datatype(input.data_type), datatype(expected));
                let detail = format!("input {:?} is {found}, and should be {expected}", input.name);
                return Err(Problem::new(Code::BadRequest, detail));
            }
            let (files, mut preprocessor, most) = (input.clone(), self.preprocessor()?, self.max_batch.max(1));
            *input = app.codecs.run(move || pictures::decode(&files, &mut preprocessor, most)).await??;
        }
        let most = timeout.unwrap_or(PATIENCE).min(PATIENCE);
        let (values, Times { .. }) = app.inference.infer(&self.model, inputs, outputs, most).await?;
        Ok(values)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        let wait = Duration::from_secs(1);
        let (code, retry_after) = match refusal {
            Refusal::Invalid(_) => (Code::BadRequest, None),
            Refusal::Full(time) | Refusal::Late(time) => (Code::Unavailable, Some(time.max(wait))),
            Refusal::NotLoaded | Refusal::NoDevice => (Code::Unavailable, Some(wait)),
            Refusal::Failed(_) => (Code::Internal, None),
        };
        Self { retry_after, ..Self::new(code, detail) }
    }
}

/// What the server is.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServerMetadata {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) extensions: [&'static str; 4],
}

impl ServerMetadata {
    pub(crate) fn new() -> Self {
        Self { name: SERVER, version: env!("CARGO_PKG_VERSION"), extensions: EXTENSIONS }
    }
}

/// What a model takes and returns.
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelMetadata {
    pub(crate) name: String,
    /// Those that are served.
    pub(crate) versions: Vec<String>,
    pub(crate) platform: &'static str,
    pub(crate) inputs: Vec<TensorMetadata>,
    pub(crate) outputs: Vec<TensorMetadata>,
}

/// An input or output.
#[derive(Serialize, ToSchema)]
pub(crate) struct TensorMetadata {
    pub(crate) name: String,
    /// Such as `FP32` or `UINT8`.
    pub(crate) datatype: String,
    /// With the batch; -1 where a dimension is open.
    pub(crate) shape: Vec<i64>,
}

impl ModelMetadata {
    pub(crate) fn new(served: &Served) -> Self {
        let list = |ports: &[iris_infer::Port]| {
            let tensor = |port: &iris_infer::Port| TensorMetadata {
                name: port.name.clone(),
                datatype: type_name(port),
                shape: dims(&port.shape),
            };
            ports.iter().map(tensor).collect()
        };
        let Signature { inputs, outputs } = &served.signature;
        let (inputs, outputs) = (list(inputs), list(outputs));
        let (name, versions) = (served.name.clone(), served.versions.clone());
        Self { name, versions, platform: PLATFORM, inputs, outputs }
    }
}

/// A model as Triton's clients expect it to be configured.
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelConfig {
    pub(crate) name: String,
    pub(crate) platform: &'static str,
    pub(crate) backend: &'static str,
    /// The largest batch; 0 where the model fixes it. If it is not 0, `dims` are without the batch.
    pub(crate) max_batch_size: usize,
    pub(crate) input: Vec<TensorConfig>,
    pub(crate) output: Vec<TensorConfig>,
    /// How requests are put together; absent where they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dynamic_batching: Option<DynamicBatching>,
}

/// How requests are put together.
#[derive(Serialize, ToSchema)]
pub(crate) struct DynamicBatching {
    pub(crate) preferred_batch_size: [usize; 1],
    pub(crate) max_queue_delay_microseconds: u64,
}

/// An input or output as Triton's clients expect it.
#[derive(Serialize, ToSchema)]
pub(crate) struct TensorConfig {
    pub(crate) name: String,
    /// Such as `TYPE_FP32` or `TYPE_UINT8`.
    pub(crate) data_type: String,
    pub(crate) dims: Vec<i64>,
}

impl ModelConfig {
    pub(crate) fn new(served: &Served) -> Self {
        let batched = usize::from(served.max_batch > 0);
        let list = |ports: &[iris_infer::Port]| {
            let tensor = |port: &iris_infer::Port| TensorConfig {
                name: port.name.clone(),
                data_type: match port.data_type() {
                    Some(DataType::Text) => "TYPE_STRING".into(),
                    _ => format!("TYPE_{}", type_name(port)),
                },
                dims: dims(&port.shape[batched.min(port.shape.len())..]),
            };
            ports.iter().map(tensor).collect()
        };
        let Signature { inputs, outputs } = &served.signature;
        let (input, output) = (list(inputs), list(outputs));
        let (name, max_batch_size) = (served.name.clone(), served.max_batch);
        let batching = served.model.manifest().batching.filter(|_| max_batch_size > 0);
        let dynamic_batching = batching.map(|batching| DynamicBatching {
            preferred_batch_size: [batching.max.min(max_batch_size)],
            max_queue_delay_microseconds: batching.delay.as_micros() as u64,
        });
        Self { name, platform: PLATFORM, backend: "onnxruntime", max_batch_size, input, output, dynamic_batching }
    }
}

/// The type of a port in the protocol's words, or, where it has none, in ONNX Runtime's.
fn type_name(port: &iris_infer::Port) -> String {
    port.data_type().map_or_else(|| port.element.clone(), |known| datatype(known).to_owned())
}

fn dims(shape: &[Option<usize>]) -> Vec<i64> {
    shape.iter().map(|side| side.map_or(-1, |side| side as i64)).collect()
}

/// What became of requests.
#[derive(Serialize, ToSchema)]
pub(crate) struct Statistics {
    pub(crate) model_stats: Vec<ModelStatistics>,
}

/// What became of the requests for a model.
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelStatistics {
    pub(crate) name: String,
    pub(crate) version: String,
    /// When the last one was answered, in milliseconds since 1970; 0 before the first.
    pub(crate) last_inference: u64,
    /// Elements of batches.
    pub(crate) inference_count: u64,
    /// Runs of the model; requests that were put together share one.
    pub(crate) execution_count: u64,
    pub(crate) inference_stats: InferenceStatistics,
}

/// How often, and how long it took together.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct InferenceStatistics {
    /// Those that were answered, from their arrival on.
    pub(crate) success: CountAndTime,
    /// Those that were refused or on which the model failed.
    pub(crate) fail: CountAndTime,
    /// What those that were answered waited for a device.
    pub(crate) queue: CountAndTime,
    /// What devices worked on them, with the copies in and out.
    pub(crate) compute_infer: CountAndTime,
}

/// A number and a time.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct CountAndTime {
    pub(crate) count: u64,
    /// Nanoseconds.
    pub(crate) ns: u64,
}

impl ModelStatistics {
    pub(crate) fn new(served: &Served) -> Self {
        let books = served.model.books();
        let answered = books.count(Outcome::Answered);
        let failed: u64 = Outcome::ALL[1..].iter().map(|outcome| books.count(*outcome)).sum();
        let (times, failing) = (books.times(), books.failing());
        let took = |count, time: Duration| CountAndTime { count, ns: time.as_nanos() as u64 };
        Self {
            name: served.name.clone(),
            version: served.version.clone(),
            last_inference: books.last().unix_micros.max(0) as u64 / 1000,
            inference_count: books.images(),
            execution_count: books.runs(),
            inference_stats: InferenceStatistics {
                success: took(answered, times.queued + times.computed),
                fail: took(failed, failing),
                queue: took(answered, times.queued),
                compute_infer: took(answered, times.computed),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_refused_for_want_of_room_or_time_is_told_when_to_come_back() {
        let seconds = Duration::from_secs;
        for (refusal, status, wait) in [
            (Refusal::Full(seconds(7)), 503, Some(seconds(7))),
            (Refusal::Late(Duration::ZERO), 503, Some(seconds(1))),
            (Refusal::NoDevice, 503, Some(seconds(1))),
            (Refusal::Invalid(iris_infer::Error::BadInput { what: "no".into() }), 400, None),
            (Refusal::Failed(iris_infer::Error::BadOutput { what: "is nonsense".into() }), 500, None),
        ] {
            let said = refusal.to_string();
            let problem = Problem::from(refusal);
            assert_eq!((problem.code.status().as_u16(), problem.retry_after, problem.detail), (status, wait, said));
        }
    }

    #[test]
    fn every_type_has_a_name_by_which_it_is_found() {
        for data_type in DataType::ALL {
            assert_eq!(parse_datatype(datatype(data_type)), Ok(data_type));
        }
        let error = parse_datatype("FP8").expect_err("not offered");
        assert!(error.contains("FP8") && error.contains("FP32"), "{error}");
    }
}
