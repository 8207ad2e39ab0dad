//! The protocol over gRPC: its calls, and Triton's for streams, configuration and statistics. They pass the same door, limits and
//! queues as REST's, and are refused in the same words.

#[rustfmt::skip]
#[expect(unreachable_pub, clippy::pedantic, clippy::enum_variant_names, reason = "it is generated")]
pub(super) mod messages;
pub(super) mod tensors;
pub(crate) mod wire;

use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use self::messages::infer_parameter::ParameterChoice;
use self::messages::model_metadata_response::TensorMetadata;
use self::messages::repository_index_response::ModelIndex;
use self::messages::{
    DataType, InferParameter, InferStatistics, ModelConfigRequest, ModelConfigResponse, ModelDynamicBatching,
    ModelInferResponse, ModelInput, ModelMetadataRequest, ModelMetadataResponse, ModelOutput, ModelReadyRequest,
    ModelReadyResponse, ModelStatisticsRequest, ModelStatisticsResponse, ModelStreamInferResponse,
    RepositoryIndexRequest, RepositoryIndexResponse, RepositoryModelLoadRequest, RepositoryModelLoadResponse,
    RepositoryModelUnloadRequest, RepositoryModelUnloadResponse, ServerLiveRequest, ServerLiveResponse,
    ServerMetadataRequest, ServerMetadataResponse, ServerReadyRequest, ServerReadyResponse, StatisticDuration,
};
use self::tensors::Asked;
use self::wire::{Message, Messages};
use super::repository;
use super::{ModelConfig, ModelMetadata, ModelStatistics, Served, ServerMetadata, TensorConfig};
use crate::door::{App, Caller, Code, Problem};

/// Below it are the calls.
pub(crate) const SERVICE: &str = "/inference.GRPCInferenceService/";
/// The largest message of a call that is not for inference, in bytes: it holds two names.
const MAX_NAMES: usize = 64 << 10;
/// How many requests of a stream are worked on at once.
const IN_FLIGHT: usize = 8;
/// Says that no other answer to the same request follows; Triton's clients may wait for it.
const FINAL: &str = "triton_final_response";

/// A call of the protocol over gRPC. Its messages are described in `api/inference.proto`; what is not there is not offered.
#[utoipa::path(post, path = "/inference.GRPCInferenceService/{method}", tag = "inference",
    params(("method" = String, Path)), request_body(content((Vec<u8> = "application/grpc"))),
    responses((status = 200, body = Vec<u8>, content_type = "application/grpc")))]
pub(crate) async fn call(
    State(app): State<App>,
    Path(method): Path<String>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    is_call(&request)?;
    let (head, body) = request.into_parts();
    let timeout = wire::timeout(&head.headers)?;
    let most = if method.ends_with("Infer") { app.max_request } else { MAX_NAMES };
    let mut messages = Messages::new(&app, &head, body, most)?;
    if method == "ModelStreamInfer" {
        let stop = head.extensions.get::<CancellationToken>().cloned().unwrap_or_default();
        return stream(app, caller, messages, until(timeout), stop);
    }
    let (coding, since) = (messages.coding(), app.clock.mono());
    let answer = async {
        let message = messages.one().await?;
        if method == "ModelInfer" { infer(&app, message, timeout).await } else { tell(&app, &method, &message) }
    };
    let frame = tokio::select! {
        frame = answer => frame,
        () = until(timeout) => Err(late()),
    };
    // Once the deadline has passed that is why, whoever noticed it first.
    let is_late = timeout.is_some_and(|time| time <= app.clock.mono().since(since));
    let frame = frame.map_err(|problem| if is_late { late() } else { problem })?;
    Ok(wire::answer(stream::iter([Ok(frame)]), coding))
}

fn is_call(request: &Request) -> Result<(), Problem> {
    let other = || Problem::new(Code::UnsupportedMediaType, "this is for calls of gRPC, which are application/grpc");
    wire::is_call(request).then_some(()).ok_or_else(other)
}

/// Each call to the repository of models: a route of its own, because it is not for all who may ask models.
macro_rules! of_repository {
    ($(#[doc = $what:literal] $path:literal $name:ident ($app:ident, $caller:ident, $asked:pat = $request:ty) $run:expr)*) => {$(
        #[doc = $what]
        #[utoipa::path(post, path = $path, tag = "inference", request_body(content((Vec<u8> = "application/grpc"))),
            responses((status = 200, body = Vec<u8>, content_type = "application/grpc")))]
        pub(crate) async fn $name(
            State($app): State<App>,
            $caller: Caller,
            request: Request,
        ) -> Result<Response, Problem> {
            is_call(&request)?;
            let (head, body) = request.into_parts();
            let mut messages = Messages::new(&$app, &head, body, MAX_NAMES)?;
            let message = messages.one().await?;
            let $asked: $request = asked(&message)?;
            let frame = wire::frame(&$run, message.coding)?;
            Ok(wire::answer(stream::iter([Ok(frame)]), messages.coding()))
        }
    )*};
}

of_repository! {
    /// Every version of every model, and whether it is ready, over gRPC.
    "/inference.GRPCInferenceService/RepositoryIndex" call_repository_index
        (app, _caller, RepositoryIndexRequest { ready } = RepositoryIndexRequest)
        RepositoryIndexResponse { models: repository::index(&app, ready).into_iter().map(Into::into).collect() }

    /// Loads a model as its files are now, over gRPC.
    "/inference.GRPCInferenceService/RepositoryModelLoad" call_repository_load
        (app, caller, RepositoryModelLoadRequest { model_name, parameters } = RepositoryModelLoadRequest) {
            repository::load(&app, &caller, model_name, parameters.keys()).await?;
            RepositoryModelLoadResponse {}
        }

    /// Unloads a model, over gRPC.
    "/inference.GRPCInferenceService/RepositoryModelUnload" call_repository_unload
        (app, caller, RepositoryModelUnloadRequest { model_name, parameters } = RepositoryModelUnloadRequest) {
            repository::unload(&app, &caller, model_name, parameters.keys()).await?;
            RepositoryModelUnloadResponse {}
        }
}

/// Ends after that time, if there is one.
async fn until(timeout: Option<Duration>) {
    match timeout {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

fn late() -> Problem {
    Problem::new(Code::Timeout, "the call's own deadline passed")
}

fn asked<T: prost::Message + Default>(message: &Message) -> Result<T, Problem> {
    message.read(|bytes| T::decode(bytes).map_err(|error| format!("the request: {error}")))
}

/// Answers the calls that only look.
fn tell(app: &App, method: &str, message: &Message) -> Result<Bytes, Problem> {
    let coding = message.coding;
    match method {
        "ServerLive" => {
            let ServerLiveRequest {} = asked(message)?;
            wire::frame(&ServerLiveResponse { live: true }, coding)
        }
        "ServerReady" => {
            let ServerReadyRequest {} = asked(message)?;
            wire::frame(&ServerReadyResponse { ready: app.inference.is_ready() }, coding)
        }
        "ServerMetadata" => {
            let ServerMetadataRequest {} = asked(message)?;
            wire::frame(&ServerMetadataResponse::from(ServerMetadata::new()), coding)
        }
        "ModelReady" => {
            let ModelReadyRequest { name, version } = asked(message)?;
            let ready = match Served::find(app, &name, &version) {
                Ok(_) => app.inference.is_ready(),
                Err(problem) if problem.code == Code::Unavailable => false,
                Err(problem) => return Err(problem),
            };
            wire::frame(&ModelReadyResponse { ready }, coding)
        }
        "ModelMetadata" => {
            let ModelMetadataRequest { name, version } = asked(message)?;
            let metadata = ModelMetadata::new(&Served::find(app, &name, &version)?);
            wire::frame(&ModelMetadataResponse::from(metadata), coding)
        }
        "ModelConfig" => {
            let ModelConfigRequest { name, version } = asked(message)?;
            let config = ModelConfig::new(&Served::find(app, &name, &version)?);
            wire::frame(&ModelConfigResponse { config: Some(config.into()) }, coding)
        }
        "ModelStatistics" => {
            let ModelStatisticsRequest { name, version } = asked(message)?;
            let served = if name.is_empty() { Served::all(app) } else { vec![Served::find(app, &name, &version)?] };
            let model_stats = served.iter().map(|served| ModelStatistics::new(served).into()).collect();
            wire::frame(&ModelStatisticsResponse { model_stats }, coding)
        }
        _ => Err(Problem::new(Code::MethodNotAllowed, format!("{method} is not offered"))),
    }
}

/// Runs a model, within `timeout` if there is one.
async fn infer(app: &App, message: Message, timeout: Option<Duration>) -> Result<Bytes, Problem> {
    let coding = message.coding;
    let (asked, _room) = read(app, message).await?;
    let answer = run(app, asked, timeout).await?;
    app.codecs.run(move || wire::frame(&answer, coding)).await?
}

/// Reads a request; with the room that it takes until it is answered.
async fn read(app: &App, message: Message) -> Result<(Asked, impl Sized + use<>), Problem> {
    let read = move || message.read(tensors::read).map(|asked| (asked, message.room));
    app.codecs.run(read).await?
}

async fn run(app: &App, asked: Asked, timeout: Option<Duration>) -> Result<ModelInferResponse, Problem> {
    let Asked { model, version, id, inputs, outputs, timeout: own } = asked;
    let served = Served::find(app, &model, &version)?;
    let timeout = own.into_iter().chain(timeout).min();
    let values = served.infer(app, inputs, outputs, timeout).await?;
    Ok(tensors::write(model, served.version, id, values))
}

/// Answers the requests of a stream in their order. One that fails is answered with why, and the stream goes on. It ends with
/// its requests, when `late` ends, when the server stops, or when the caller may not ask any more.
fn stream(
    app: App,
    caller: Caller,
    messages: Messages,
    late: impl Future<Output = ()> + Send + 'static,
    stop: CancellationToken,
) -> Result<Response, Problem> {
    let (coding, seat) = (messages.coding(), app.streams.enter(&caller)?);
    let over = {
        let (app, caller) = (app.clone(), caller.clone());
        async move {
            tokio::select! {
                () = late => self::late(),
                () = stop.cancelled_owned() => Problem::new(Code::Unavailable, "the server stops"),
                () = app.revoked(&caller) => Problem::new(Code::Unauthenticated, "the token is not valid any more"),
            }
        }
    };
    let requests = stream::unfold(Some((messages, Box::pin(over))), |going| async {
        let (mut messages, mut over) = going?;
        let next = tokio::select! {
            next = messages.next() => next,
            problem = &mut over => Err(problem),
        };
        match next.transpose()? {
            Ok(message) => Some((Ok(message), Some((messages, over)))),
            Err(problem) => Some((Err(problem), None)),
        }
    });
    let answers = requests.map(move |message| {
        let (app, caller) = (app.clone(), caller.clone());
        async move { in_stream(&app, &caller, message?).await }
    });
    let answers = answers.buffered(IN_FLIGHT).inspect(move |_| _ = &seat);
    Ok(wire::answer(answers, coding))
}

async fn in_stream(app: &App, caller: &Caller, message: Message) -> Result<Bytes, Problem> {
    let coding = message.coding;
    let answered = async {
        app.count_inference(caller).map_err(|problem| (String::new(), problem))?;
        let (asked, room) = read(app, message).await.map_err(|problem| (String::new(), problem))?;
        let id = asked.id.clone();
        Ok((run(app, asked, None).await.map_err(|problem| (id, problem))?, room))
    };
    let (mut answer, error_message, _room) = match answered.await {
        Ok((answer, room)) => (answer, String::new(), Some(room)),
        Err((id, problem)) => (ModelInferResponse { id, ..Default::default() }, problem.detail, None),
    };
    let parameter = InferParameter { parameter_choice: Some(ParameterChoice::BoolParam(true)) };
    answer.parameters.insert(FINAL.into(), parameter);
    let answer = ModelStreamInferResponse { error_message, infer_response: Some(answer) };
    app.codecs.run(move || wire::frame(&answer, coding)).await?
}

impl From<repository::IndexEntry> for ModelIndex {
    fn from(repository::IndexEntry { name, version, state, reason }: repository::IndexEntry) -> Self {
        Self { name, version, state: state.to_owned(), reason }
    }
}

impl From<ServerMetadata> for ServerMetadataResponse {
    fn from(ServerMetadata { name, version, extensions }: ServerMetadata) -> Self {
        Self { name: name.into(), version: version.into(), extensions: extensions.map(str::to_owned).to_vec() }
    }
}

impl From<ModelMetadata> for ModelMetadataResponse {
    fn from(ModelMetadata { name, versions, platform, inputs, outputs }: ModelMetadata) -> Self {
        let list = |tensors: Vec<super::TensorMetadata>| {
            let tensor = |super::TensorMetadata { name, datatype, shape }| TensorMetadata { name, datatype, shape };
            tensors.into_iter().map(tensor).collect()
        };
        Self { name, versions, platform: platform.into(), inputs: list(inputs), outputs: list(outputs) }
    }
}

impl From<ModelConfig> for messages::ModelConfig {
    fn from(
        ModelConfig { name, platform, backend, max_batch_size, dynamic_batching, input, output }: ModelConfig,
    ) -> Self {
        let data_type = |name: &str| DataType::from_str_name(name).unwrap_or_default().into();
        let read =
            |TensorConfig { name, data_type: kind, dims }| ModelInput { name, data_type: data_type(&kind), dims };
        let write =
            |TensorConfig { name, data_type: kind, dims }| ModelOutput { name, data_type: data_type(&kind), dims };
        Self {
            name,
            platform: platform.into(),
            backend: backend.into(),
            max_batch_size: max_batch_size as i32,
            input: input.into_iter().map(read).collect(),
            output: output.into_iter().map(write).collect(),
            dynamic_batching: dynamic_batching.map(|batching| ModelDynamicBatching {
                preferred_batch_size: batching.preferred_batch_size.map(|size| size as i32).to_vec(),
                max_queue_delay_microseconds: batching.max_queue_delay_microseconds,
            }),
        }
    }
}

impl From<ModelStatistics> for messages::ModelStatistics {
    fn from(statistics: ModelStatistics) -> Self {
        let super::InferenceStatistics { success, fail, queue, compute_infer } = statistics.inference_stats;
        let took = |super::CountAndTime { count, ns }| Some(StatisticDuration { count, ns });
        let inference_stats = InferStatistics {
            success: took(success),
            fail: took(fail),
            queue: took(queue),
            compute_infer: took(compute_infer),
        };
        Self {
            name: statistics.name,
            version: statistics.version,
            last_inference: statistics.last_inference,
            inference_count: statistics.inference_count,
            execution_count: statistics.execution_count,
            inference_stats: Some(inference_stats),
        }
    }
}
