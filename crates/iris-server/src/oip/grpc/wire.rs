//! How gRPC carries messages over HTTP/2: five bytes before each message, and what became of the call behind the last (gRPC's
//! PROTOCOL-HTTP2.md). Written here, so that messages are read under the limits of every other body to a model and decoded on
//! the threads for that.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Request};
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use futures::{Stream, StreamExt, stream};
use http_body_util::StreamBody;
use hyper::body::Frame;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};
use tokio::sync::OwnedSemaphorePermit;

use crate::door::{App, Code, Problem};
use crate::oip::compression::Coding;

/// The media type of a call, and what those of its variants begin with.
const GRPC: &str = "application/grpc";
/// Whether a message is compressed, and its length in four bytes, big-endian.
const PREFIX: usize = 5;
/// Where a client says how its messages are compressed.
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
/// Where each side says what it can read.
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
/// What is read here.
const ACCEPTED: HeaderValue = HeaderValue::from_static("identity,deflate,gzip");
/// How long a client is willing to wait.
const TIMEOUT: &str = "grpc-timeout";
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// When to try again, in milliseconds.
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");
/// What stands in a status's words as it is: printable ASCII but for the percent sign.
const PLAIN: &AsciiSet = &CONTROLS.add(b'%');

/// Whether a request is a call of gRPC.
pub(crate) fn is_call<B>(request: &Request<B>) -> bool {
    request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(GRPC.as_bytes()))
}

/// The number of gRPC's status for what is wrong.
const fn status(code: Code) -> u16 {
    match code {
        Code::BadRequest | Code::Invalid | Code::RangeNotSatisfiable => 3,
        Code::Timeout => 4,
        Code::NotFound => 5,
        Code::Exists => 6,
        Code::Forbidden | Code::CrossSite => 7,
        Code::TooLarge | Code::TooManyRequests => 8,
        Code::ManagedByFile | Code::LastAdmin | Code::AlreadySetUp | Code::Conflict | Code::SourceFailed => 9,
        Code::MethodNotAllowed | Code::UnsupportedMediaType | Code::UpgradeRequired => 12,
        Code::Internal => 13,
        Code::Unavailable => 14,
        Code::Unauthenticated | Code::WrongPassword => 16,
    }
}

/// What became of a call: nothing bad, or a problem.
fn outcome(problem: Option<&Problem>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(STATUS, HeaderValue::from(problem.map_or(0, |problem| status(problem.code))));
    if let Some(Problem { detail, retry_after, .. }) = problem {
        let detail = utf8_percent_encode(detail, PLAIN).to_string();
        headers.extend(HeaderValue::try_from(detail).ok().map(|detail| (MESSAGE, detail)));
        headers.extend(retry_after.map(|wait| (PUSHBACK, HeaderValue::from(wait.as_millis() as u64))));
    }
    headers
}

/// An answer without messages: why the call is refused.
pub(crate) fn refuse(problem: &Problem) -> Response {
    let mut response = Response::new(Body::empty());
    *response.headers_mut() = outcome(Some(problem));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(GRPC));
    headers.insert(ACCEPT_ENCODING, ACCEPTED);
    response
}

/// An answer of frames, up to the first problem.
pub(super) fn answer(frames: impl Stream<Item = Result<Bytes, Problem>> + Send + 'static, coding: Coding) -> Response {
    let ends = frames.map(Some).chain(stream::iter([None]));
    let frames = ends.scan(false, |is_over, next| {
        let frame = match next {
            _ if *is_over => None,
            Some(Ok(frame)) => Some(Frame::data(frame)),
            Some(Err(problem)) => Some(Frame::trailers(outcome(Some(&problem)))),
            None => Some(Frame::trailers(outcome(None))),
        };
        *is_over = frame.as_ref().is_none_or(Frame::is_trailers);
        futures::future::ready(frame.map(Ok::<_, Infallible>))
    });
    let mut response = Response::new(Body::new(StreamBody::new(frames)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(GRPC));
    headers.insert(ACCEPT_ENCODING, ACCEPTED);
    headers.extend(coding.name().map(|name| (ENCODING, HeaderValue::from_static(name))));
    response
}

/// A message as it is sent.
///
/// # Errors
/// It is longer than four bytes can say.
pub(in crate::oip) fn frame(message: &impl prost::Message, coding: Coding) -> Result<Bytes, Problem> {
    let failed = |why: String| Problem::new(Code::Internal, why);
    let mut frame = BytesMut::with_capacity(PREFIX + message.encoded_len());
    frame.put_bytes(0, PREFIX);
    if coding == Coding::Identity {
        message.encode(&mut frame).map_err(|error| failed(error.to_string()))?;
    } else {
        frame.put(&*coding.encode(message.encode_to_vec()).map_err(|error| failed(error.to_string()))?);
        frame[0] = 1;
    }
    let length = u32::try_from(frame.len() - PREFIX).map_err(|_| failed("the answer is too long".into()))?;
    frame[1..PREFIX].copy_from_slice(&length.to_be_bytes());
    Ok(frame.freeze())
}

/// What became of a call, as an answer's headers say, or what is behind its messages.
///
/// # Errors
/// What is wrong, by its number and in words.
pub(in crate::oip) fn verdict(head: &HeaderMap, behind: Option<&HeaderMap>) -> Result<(), String> {
    let headers = behind.filter(|headers| headers.contains_key(STATUS)).unwrap_or(head);
    let text = |name| headers.get(name).map(|value: &HeaderValue| percent_decode(value.as_bytes()).decode_utf8_lossy());
    match text(STATUS).as_deref() {
        Some("0") => Ok(()),
        Some(status) => Err(format!("status {status}: {}", text(MESSAGE).unwrap_or_default())),
        None => Err("no status of gRPC".into()),
    }
}

/// The only message of an answer, which is not compressed.
///
/// # Errors
/// There is none, or more.
pub(in crate::oip) fn unframe(mut frame: Bytes) -> Result<Bytes, String> {
    match frame.split_first_chunk::<PREFIX>() {
        Some(([0, length @ ..], message)) if message.len() == u32::from_be_bytes(*length) as usize => {
            Ok(frame.split_off(PREFIX))
        }
        _ => Err("the answer is not one message".into()),
    }
}

/// How long a call may take, if it says so.
///
/// # Errors
/// It does not say it as gRPC does: up to eight digits and a unit.
pub(super) fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let Some(value) = headers.get(TIMEOUT) else { return Ok(None) };
    let read = || {
        let (digits, unit) = value.to_str().ok()?.split_at_checked(value.len().checked_sub(1)?)?;
        let count: u64 = Some(digits).filter(|digits| (1..=8).contains(&digits.len()))?.parse().ok()?;
        match unit {
            "H" => Some(Duration::from_secs(count * 3600)),
            "M" => Some(Duration::from_secs(count * 60)),
            "S" => Some(Duration::from_secs(count)),
            "m" => Some(Duration::from_millis(count)),
            "u" => Some(Duration::from_micros(count)),
            "n" => Some(Duration::from_nanos(count)),
            _ => None,
        }
    };
    let wrong = || Problem::new(Code::BadRequest, format!("{TIMEOUT} is not up to eight digits and a unit"));
    read().map(Some).ok_or_else(wrong)
}

/// The messages of a call, one after the other.
pub(super) struct Messages {
    app: App,
    body: BodyDataStream,
    /// What was received of the next ones.
    received: BytesMut,
    coding: Coding,
    /// The largest, in bytes.
    most: usize,
}

/// A message as it was sent.
pub(super) struct Message {
    pub(super) bytes: Bytes,
    pub(super) coding: Coding,
    /// The largest that it may become when it is decompressed, in bytes.
    pub(super) most: usize,
    /// To be held for as long as anything of it is.
    pub(super) room: OwnedSemaphorePermit,
}

impl Messages {
    /// Of a call, whose messages have at most `most` bytes.
    ///
    /// # Errors
    /// They are compressed in a way that is not read here.
    pub(super) fn new(app: &App, head: &Parts, body: Body, most: usize) -> Result<Self, Problem> {
        let coding = match head.headers.get(ENCODING) {
            None => Coding::Identity,
            Some(name) => Coding::named(name.to_str().unwrap_or("?"))?,
        };
        Ok(Self { app: app.clone(), body: body.into_data_stream(), received: BytesMut::new(), coding, most })
    }

    /// How answers are to be compressed: as the messages are.
    pub(super) const fn coding(&self) -> Coding {
        self.coding
    }

    /// The only one.
    pub(super) async fn one(&mut self) -> Result<Message, Problem> {
        self.next().await?.ok_or_else(|| Problem::new(Code::BadRequest, "the call has no message"))
    }

    /// The next one, if there is another. Before it is read there must be room for it.
    pub(super) async fn next(&mut self) -> Result<Option<Message>, Problem> {
        if !self.receive(PREFIX).await? {
            return Ok(None);
        }
        let prefix = self.received.split_to(PREFIX);
        let length = prefix[1..].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let coding = match prefix[0] {
            0 => Coding::Identity,
            1 if self.coding != Coding::Identity => self.coding,
            _ => {
                return Err(Problem::new(
                    Code::BadRequest,
                    format!("a message is compressed, and no {ENCODING} says how"),
                ));
            }
        };
        if length > self.most {
            return Err(Problem::new(Code::TooLarge, format!("a message may have {} bytes", self.most)));
        }
        let room = self.app.room(if coding == Coding::Identity { length } else { self.most })?;
        self.received.reserve(length);
        let patience = self.app.timeouts.request;
        let is_whole = tokio::time::timeout(patience, self.receive(length)).await;
        if !is_whole.map_err(|_| Problem::new(Code::Timeout, "a message takes too long"))?? {
            return Err(cut_off());
        }
        Ok(Some(Message { bytes: self.received.split_to(length).freeze(), coding, most: self.most, room }))
    }

    /// Waits until so many bytes have been received. Returns whether there are; it is an error if there are some and not as many.
    async fn receive(&mut self, length: usize) -> Result<bool, Problem> {
        while self.received.len() < length {
            match self.body.next().await {
                Some(Ok(part)) => self.received.put(part),
                None if self.received.is_empty() => return Ok(false),
                None | Some(Err(_)) => return Err(cut_off()),
            }
        }
        Ok(true)
    }
}

fn cut_off() -> Problem {
    Problem::new(Code::BadRequest, "the call ends within a message")
}

impl Message {
    /// What it says, decompressed.
    ///
    /// # Errors
    /// It is too large when decompressed, or nothing that `read` can read.
    pub(super) fn read<T>(&self, read: impl FnOnce(Bytes) -> Result<T, String>) -> Result<T, Problem> {
        let bytes = self.coding.decode(self.bytes.clone(), self.most)?;
        read(bytes).map_err(|why| Problem::new(Code::BadRequest, why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(value: &str) -> Result<Option<Duration>, Problem> {
        timeout(&HeaderMap::from_iter([(HeaderName::from_static(TIMEOUT), value.parse().expect("a value"))]))
    }

    #[test]
    fn a_timeout_is_digits_and_a_unit() {
        for (value, expected) in [
            ("2H", Duration::from_hours(2)),
            ("3M", Duration::from_mins(3)),
            ("4S", Duration::from_secs(4)),
            ("500m", Duration::from_millis(500)),
            ("99999999u", Duration::from_micros(99_999_999)),
            ("7n", Duration::from_nanos(7)),
        ] {
            assert_eq!(said(value), Ok(Some(expected)), "{value}");
        }
        assert_eq!(timeout(&HeaderMap::new()), Ok(None));
        for value in ["", "S", "5", "5s", "123456789S", "-1S", "1.5S"] {
            assert_eq!(said(value).expect_err(value).code, Code::BadRequest);
        }
    }

    #[test]
    fn what_is_wrong_stands_in_the_headers_whatever_its_letters() {
        let problem = Problem {
            retry_after: Some(Duration::from_millis(1500)),
            ..Problem::new(Code::Unavailable, "100 % busy:\nZürich")
        };
        let response = refuse(&problem);
        assert_eq!(response.status(), 200);
        let headers = response.headers();
        assert_eq!(
            (&headers[STATUS], &headers[PUSHBACK]),
            (&"14".parse().expect("text"), &"1500".parse().expect("text"))
        );
        assert_eq!(headers[MESSAGE], "100 %25 busy:%0AZ%C3%BCrich");
        assert_eq!(verdict(headers, None), Err("status 14: 100 % busy:\nZürich".into()));
        assert_eq!(verdict(headers, Some(&outcome(None))), Ok(()));
        assert!(verdict(&HeaderMap::new(), None).is_err());
    }

    #[test]
    fn a_frame_says_its_length_and_whether_it_is_compressed() {
        let message = "x".repeat(1000);
        let plain = frame(&message, Coding::Identity).expect("it fits");
        assert_eq!(plain[..PREFIX], [0, 0, 0, 3, 235]);
        assert_eq!(unframe(plain.clone()), Ok(plain.slice(PREFIX..)));
        for broken in [plain.slice(..PREFIX - 1), plain.slice(..1000), plain.slice(1..), Bytes::new()] {
            assert!(unframe(broken).is_err());
        }
        assert_eq!(plain.len(), PREFIX + 1003);
        let small = frame(&message, Coding::Gzip).expect("it fits");
        assert_eq!((small[0], small.len()), (1, PREFIX + usize::from(small[4])));
        let body = Coding::Gzip.decode(small.slice(PREFIX..), 2000).expect("gzip");
        assert_eq!(body, plain[PREFIX..]);
    }
}
