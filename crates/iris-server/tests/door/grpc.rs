//! The models for other programs over gRPC: whoever is refused, and what only calls have. What clients make of the rest is
//! tested with them.

use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use futures::{StreamExt, stream};
use http_body_util::BodyExt;
use iris_server::accounts::{Change, Scope};
use tokio_util::sync::CancellationToken;

use crate::kit::{Door, MAX_REQUEST, Sender};

const SERVICE: &str = "/inference.GRPCInferenceService/";
/// An image as the model takes it, 1×3×224×384: its shape as numbers of variable length, and its bytes.
const SHAPE: [u8; 6] = [1, 3, 0xe0, 1, 0x80, 3];
const IMAGE: usize = 3 * 224 * 384;

/// What became of a call.
struct Called {
    messages: Vec<Vec<u8>>,
    /// Those before the messages and those behind.
    headers: HeaderMap,
}

impl Called {
    #[track_caller]
    fn status(&self, expected: u16) -> String {
        let message = self.headers.get("grpc-message").map(|words| words.to_str().expect("ASCII").to_owned());
        let message = message.unwrap_or_default();
        assert_eq!(self.headers["grpc-status"], expected.to_string(), "{message}");
        message
    }
}

struct Client {
    door: Door,
    token: Sender,
    /// When the server stops.
    stop: CancellationToken,
}

impl Client {
    fn new() -> Self {
        let door = Door::new();
        let token = door.token(&[Scope::Infer], None);
        Self { door, token, stop: CancellationToken::new() }
    }

    async fn call(&self, method: &str, body: impl Into<Body>) -> Called {
        self.call_as(&self.token, &format!("{SERVICE}{method}"), body).await
    }

    async fn call_as(&self, sender: &Sender, path: &str, body: impl Into<Body>) -> Called {
        let sender = sender.clone().and("content-type", "application/grpc").and("te", "trailers");
        let mut request = sender.request("POST", path, None);
        *request.body_mut() = body.into();
        request.extensions_mut().insert(self.stop.clone());
        let response = self.door.answer(request).await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"application/grpc".parse().expect("a value"))
        );
        let mut headers = response.headers().clone();
        let body = response.into_body().collect().await.expect("a body");
        headers.extend(body.trailers().cloned().unwrap_or_default());
        let mut rest = &body.to_bytes()[..];
        let mut messages = Vec::new();
        while let [_, a, b, c, d, behind @ ..] = rest {
            let (message, behind) = behind.split_at(u32::from_be_bytes([*a, *b, *c, *d]) as usize);
            messages.push(message.to_vec());
            rest = behind;
        }
        assert!(rest.is_empty());
        Called { messages, headers }
    }
}

/// A field of a message, by its number.
fn field(number: u8, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let mut field = vec![number << 3 | 2];
    let mut length = content.len();
    while length > 0x7f {
        field.push(length as u8 | 0x80);
        length >>= 7;
    }
    field.push(length as u8);
    [&field, content].concat()
}

fn frame(message: &[u8]) -> Vec<u8> {
    [&[0][..], &(message.len() as u32).to_be_bytes(), message].concat()
}

/// A request of that id for a model, with an image.
fn infer(model: &str, id: &str) -> Vec<u8> {
    let input = [field(1, "images"), field(2, "UINT8"), field(3, SHAPE)].concat();
    let image: Vec<u8> = (0..IMAGE).map(|n| (n * n / 97) as u8).collect();
    frame(&[field(1, model), field(3, id), field(5, input), field(7, image)].concat())
}

fn contains(message: &[u8], part: &str) -> bool {
    message.windows(part.len()).any(|window| window == part.as_bytes())
}

#[tokio::test]
async fn calls_pass_the_same_door_as_requests() {
    let client = Client::new();
    let live = || frame(&[]);
    let path = format!("{SERVICE}ServerLive");
    assert_eq!(client.call("ServerLive", live()).await.messages, [[8, 1]]);
    for method in ["ServerLive", "ModelInfer", "ModelStreamInfer", "RepositoryModelLoad", "Nothing"] {
        let path = format!("{SERVICE}{method}");
        client.call_as(&Sender::nobody(), &path, live()).await.status(16);
        client.call_as(&Sender::with("authorization", "Bearer iris_nonsense"), &path, live()).await.status(16);
        let viewer = client.door.token(&[Scope::View], None);
        assert!(client.call_as(&viewer, &path, live()).await.status(7).ends_with("may not do this"));
    }
    for method in ["SystemSharedMemoryStatus", "Nothing"] {
        assert_eq!(client.call(method, live()).await.status(12), format!("{method} is not offered"));
    }
    client.call_as(&client.token, "/grpc.health.v1.Health/Check", live()).await.status(12);
    client.door.send(&client.token, "POST", &path, Some("{}".into())).await.bad(415, "unsupported_media_type");
}

#[tokio::test]
async fn a_request_is_answered_raw_with_its_id() {
    let client = Client::new();
    let called = client.call("ModelInfer", infer("iris-n", "request-7")).await;
    called.status(0);
    let [answer] = &called.messages[..] else { panic!("{}", called.messages.len()) };
    assert!(contains(answer, "request-7") && contains(answer, "FP32"));
    let named = client.call("ModelReady", frame(&field(1, "iris-n"))).await;
    assert_eq!(named.messages, [[8, 1]]);
    for (model, id, expected) in [("nothing", "7", "there is no model"), ("", "7", "there is no model")] {
        assert!(client.call("ModelInfer", infer(model, id)).await.status(5).contains(expected));
    }
}

#[tokio::test]
async fn a_stream_answers_in_order_and_goes_on_after_what_is_wrong() {
    let client = Client::new();
    let requests =
        [infer("iris-n", "first"), infer("nothing", "second"), infer("iris-n", "third"), frame(b"\xff")].concat();
    let called = client.call("ModelStreamInfer", requests).await;
    called.status(0);
    let [first, second, third, fourth] = &called.messages[..] else { panic!("{}", called.messages.len()) };
    assert!(contains(first, "first") && contains(second, "second") && contains(third, "third"));
    assert!(contains(second, "there is no model") && contains(fourth, "the request: "));
    assert!(called.messages.iter().all(|message| contains(message, "triton_final_response")));
}

#[tokio::test]
async fn what_is_no_call_is_told() {
    let client = Client::new();
    assert_eq!(client.call("ServerReady", Vec::new()).await.status(3), "the call has no message");
    let cut = infer("iris-n", "7");
    assert_eq!(client.call("ModelInfer", cut[..1000].to_vec()).await.status(3), "the call ends within a message");
    let large = (MAX_REQUEST as u32 + 1).to_be_bytes();
    let said = client.call("ModelInfer", [&[0][..], &large].concat()).await.status(8);
    assert!(said.contains(&MAX_REQUEST.to_string()), "{said}");
    client.call("ModelReady", [&[0][..], &100_000_u32.to_be_bytes()].concat()).await.status(8);
    assert!(client.call("ModelReady", vec![1, 0, 0, 0, 0]).await.status(3).contains("grpc-encoding"));
    let with = |name, value: &str| client.token.clone().and(name, value);
    let path = format!("{SERVICE}ModelInfer");
    client.call_as(&with("grpc-encoding", "br"), &path, frame(&[])).await.status(12);
    client.call_as(&with("grpc-timeout", "soon"), &path, frame(&[])).await.status(3);
}

#[tokio::test]
async fn a_small_message_that_becomes_large_is_refused() {
    let client = Client::new();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, &vec![0; 10 * MAX_REQUEST]).expect("in memory");
    let bomb = encoder.finish().expect("in memory");
    let bomb = [&[1][..], &(bomb.len() as u32).to_be_bytes(), &bomb].concat();
    let sender = client.token.clone().and("grpc-encoding", "gzip");
    client.call_as(&sender, &format!("{SERVICE}ModelInfer"), bomb).await.status(8);
}

#[tokio::test]
async fn a_deadline_that_passes_ends_a_call_and_a_stream() {
    let client = Client::new();
    let hurried = client.token.clone().and("grpc-timeout", "50m");
    for method in ["ModelInfer", "ModelStreamInfer"] {
        let never = Body::from_stream(stream::pending::<Result<Vec<u8>, std::io::Error>>());
        let path = format!("{SERVICE}{method}");
        let called = tokio::time::timeout(Duration::from_secs(10), client.call_as(&hurried, &path, never));
        called.await.expect("it ends").status(4);
    }
}

#[tokio::test]
async fn a_stream_ends_when_the_server_stops_after_what_was_asked() {
    let client = Client::new();
    let stop = client.stop.clone();
    let and_then = async move {
        stop.cancel();
        std::future::pending().await
    };
    let request = stream::iter([Ok::<_, std::io::Error>(infer("iris-n", "last"))]);
    let called = client.call("ModelStreamInfer", Body::from_stream(request.chain(stream::once(and_then)))).await;
    assert_eq!(called.status(14), "the server stops");
    let [answer] = &called.messages[..] else { panic!("{}", called.messages.len()) };
    assert!(contains(answer, "last"));
}

#[tokio::test]
async fn a_stream_ends_with_the_rights_of_its_caller() {
    let client = Client::new();
    let body = Body::from_stream(stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let path = format!("{SERVICE}ModelStreamInfer");
    let called = client.call_as(&client.token, &path, body);
    let revoke = async {
        let id = client.door.store.tokens().expect("tokens")[0].id.clone();
        assert_eq!(client.door.store.remove_token(&id).expect("stored"), Change::Done);
    };
    let (called, ()) = tokio::join!(called, revoke);
    called.status(16);
}
