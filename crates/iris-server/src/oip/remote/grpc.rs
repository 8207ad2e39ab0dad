//! Another server, asked by gRPC.

use axum::http::header::{CONTENT_TYPE, HeaderValue, TE};
use axum::http::{HeaderMap, Method};
use iris_infer::{Signature, Value};
use prost::Message;

use super::PATIENCE;
use super::link::{Ask, Link};
use crate::oip::compression::Coding;
use crate::oip::grpc::messages::{
    ModelMetadataRequest, ModelMetadataResponse, ModelReadyRequest, ModelReadyResponse, ServerLiveRequest,
    ServerLiveResponse,
};
use crate::oip::grpc::{SERVICE, tensors, wire};

/// What a model takes and returns, if it can be asked, and that tensors go as they lie in memory.
pub(super) async fn look(link: &mut Link, model: &str) -> Result<(Signature, bool), String> {
    call::<_, ServerLiveResponse>(link, "ServerLive", &ServerLiveRequest {}).await?;
    let request = ModelReadyRequest { name: model.to_owned(), version: String::new() };
    let ModelReadyResponse { ready } = call(link, "ModelReady", &request).await?;
    if !ready {
        return Err(format!("model {model:?} is not ready"));
    }
    let request = ModelMetadataRequest { name: model.to_owned(), version: String::new() };
    let ModelMetadataResponse { inputs, outputs, .. } = call(link, "ModelMetadata", &request).await?;
    let [inputs, outputs] = [inputs, outputs].map(|tensors| {
        tensors.into_iter().map(|tensor| super::port(tensor.name, tensor.datatype, &tensor.shape)).collect()
    });
    Ok((Signature { inputs, outputs }, true))
}

/// Runs a model.
pub(super) async fn infer(
    link: &mut Link,
    model: &str,
    inputs: &[Value],
    outputs: &[String],
) -> Result<Vec<Value>, String> {
    let request = tensors::write_request(model, inputs, outputs, PATIENCE);
    tensors::read_answer(call(link, "ModelInfer", &request).await?)
}

async fn call<Q: Message, A: Message + Default>(link: &mut Link, method: &str, request: &Q) -> Result<A, String> {
    let body = wire::frame(request, Coding::Identity).map_err(|problem| problem.detail)?;
    let headers =
        [(CONTENT_TYPE, HeaderValue::from_static("application/grpc")), (TE, HeaderValue::from_static("trailers"))];
    let ask =
        Ask { method: Method::POST, path: format!("{SERVICE}{method}"), headers: HeaderMap::from_iter(headers), body };
    let (head, body) = link.ask(&ask).await?.into_parts();
    wire::verdict(&head.headers, body.trailers()).map_err(|why| format!("it answers {method} with {why}"))?;
    let message = wire::unframe(body.to_bytes())?;
    A::decode(message).map_err(|error| format!("its answer is not what the protocol says: {error}"))
}
