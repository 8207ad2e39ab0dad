//! Another server, asked by REST.

use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode};
use bytes::Bytes;
use iris_infer::{Signature, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::PATIENCE;
use super::link::{Ask, Link};
use crate::oip::BINARY;
use crate::oip::body::{self, Written};
use crate::oip::rest::JSON_LENGTH;

/// What stands in a path as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

#[derive(Deserialize)]
struct Server {
    #[serde(default)]
    extensions: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
}

#[derive(Deserialize)]
struct Tensor {
    name: String,
    datatype: String,
    shape: Vec<i64>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// What a model takes and returns, if it can be asked, and whether the server takes tensors as binary data.
pub(super) async fn look(link: &mut Link, model: &str) -> Result<(Signature, bool), String> {
    let path = path(model);
    get(link, "/v2/health/live").await?;
    get(link, &format!("{path}/ready")).await.map_err(|why| format!("model {model:?} is not ready: {why}"))?;
    let Metadata { inputs, outputs } = parse(&get(link, &path).await?)?;
    // Not every server tells what it is.
    let server = get(link, "/v2").await.and_then(|said| parse(&said)).unwrap_or(Server { extensions: Vec::new() });
    let list = |tensors: Vec<Tensor>| {
        tensors.into_iter().map(|Tensor { name, datatype, shape }| super::port(name, datatype, &shape)).collect()
    };
    let binary = server.extensions.iter().any(|name| name == BINARY);
    Ok((Signature { inputs: list(inputs), outputs: list(outputs) }, binary))
}

/// Runs a model.
pub(super) async fn infer(
    link: &mut Link,
    model: &str,
    inputs: &[Value],
    outputs: &[String],
    binary: bool,
) -> Result<Vec<Value>, String> {
    let Written { body, json } = body::write_request(inputs, outputs, binary, PATIENCE)?;
    let kind = if json.is_some() { "application/octet-stream" } else { "application/json" };
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
    headers.extend(json.map(|length| (JSON_LENGTH, HeaderValue::from(length))));
    let (headers, body) = ask(link, Method::POST, &format!("{}/infer", path(model)), headers, body.into()).await?;
    let json = headers.get(JSON_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    body::read_answer(&body, json)
}

fn path(model: &str) -> String {
    format!("/v2/models/{}", utf8_percent_encode(model, SEGMENT))
}

async fn get(link: &mut Link, path: &str) -> Result<Bytes, String> {
    ask(link, Method::GET, path, HeaderMap::new(), Bytes::new()).await.map(|(_, body)| body)
}

async fn ask(
    link: &mut Link,
    method: Method,
    path: &str,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(HeaderMap, Bytes), String> {
    let (head, body) = link.ask(&Ask { method, path: path.to_owned(), headers, body }).await?.into_parts();
    let body = body.to_bytes();
    if head.status != StatusCode::OK {
        let why = parse::<Refusal>(&body).map(|refusal| format!(": {}", refusal.error)).unwrap_or_default();
        return Err(format!("it answers {path} with {}{why}", head.status.as_u16()));
    }
    Ok((head.headers, body))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("its answer is not what the protocol says: {error}"))
}
