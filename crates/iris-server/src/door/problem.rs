//! What a request is answered that cannot be fulfilled: a problem document after RFC 9457, with a stable code.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::{Change, Invalid, Refusal};
use crate::error::{Error, ErrorKind};
use crate::oip::grpc::wire;
use crate::oip::rest::InferenceError;

/// The media type of a problem document.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// What is wrong, for programs. Codes are kept for ever; what they are about is in [`Problem::detail`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The request cannot be read.
    BadRequest,
    /// Nobody is signed in, or the token is not known.
    Unauthenticated,
    /// Name and password do not belong together.
    WrongPassword,
    /// The one who asks may not do this.
    Forbidden,
    /// The request may come from a page of somebody else.
    CrossSite,
    /// It is not there, or not for the one who asks.
    NotFound,
    /// The path is right, the method is not.
    MethodNotAllowed,
    /// It took too long.
    Timeout,
    /// There is one of this name already.
    Exists,
    /// The configuration file says so; change it there.
    ManagedByFile,
    /// Nobody would be left who may change anything.
    LastAdmin,
    /// Iris is set up already.
    AlreadySetUp,
    /// It contradicts how things are now.
    Conflict,
    /// The body is too large.
    TooLarge,
    /// The body is not of a type that is read here.
    UnsupportedMediaType,
    /// The range is not one of what there is.
    RangeNotSatisfiable,
    /// The request can be read and makes no sense.
    Invalid,
    /// The source of a camera does not deliver.
    SourceFailed,
    /// This needs another protocol, such as a WebSocket.
    UpgradeRequired,
    /// Too much was asked in too short a time.
    TooManyRequests,
    /// A fault of Iris; the log says more.
    Internal,
    /// Iris is too busy, or its store cannot write now.
    Unavailable,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 22] = [
        Self::BadRequest,
        Self::Unauthenticated,
        Self::WrongPassword,
        Self::Forbidden,
        Self::CrossSite,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Timeout,
        Self::Exists,
        Self::ManagedByFile,
        Self::LastAdmin,
        Self::AlreadySetUp,
        Self::Conflict,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::RangeNotSatisfiable,
        Self::Invalid,
        Self::SourceFailed,
        Self::UpgradeRequired,
        Self::TooManyRequests,
        Self::Internal,
        Self::Unavailable,
    ];

    /// The status that goes with it.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Unauthenticated | Self::WrongPassword => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::CrossSite => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::Exists | Self::ManagedByFile | Self::LastAdmin | Self::AlreadySetUp | Self::Conflict => {
                StatusCode::CONFLICT
            }
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Invalid | Self::SourceFailed => StatusCode::UNPROCESSABLE_ENTITY,
            Self::UpgradeRequired => StatusCode::UPGRADE_REQUIRED,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The code for a status that another layer chose.
    fn of(status: StatusCode) -> Self {
        let general = if status.is_server_error() { Self::Internal } else { Self::BadRequest };
        Self::ALL.into_iter().find(|code| code.status() == status).unwrap_or(general)
    }

    fn label(self) -> String {
        serde_json::to_value(self).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// Why a request is not fulfilled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, for programs.
    pub code: Code,
    /// What is wrong, for people. No secret belongs here.
    pub detail: String,
    /// What exactly is wrong with what was sent.
    pub errors: Vec<Wrong>,
    /// When to try again, if that helps.
    pub retry_after: Option<Duration>,
}

/// A part of what was sent, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Wrong {
    /// The key, such as `zones[0].polygon`.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// A problem as it is sent.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Document {
    /// `urn:iris:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// The status in words.
    title: &'static str,
    /// The status.
    status: u16,
    code: Code,
    /// What is wrong, for people.
    detail: String,
    /// What exactly is wrong with what was sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<Wrong>,
}

impl Problem {
    /// A problem.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), retry_after: None }
    }

    /// What is asked for is not there, or not for the one who asks; the two look the same. `what` is such as "camera".
    pub fn absent(what: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no such {what}"))
    }

    /// One key of what was sent makes no sense.
    pub fn invalid(path: impl Into<String>, message: impl Into<String>) -> Self {
        let wrong = Wrong { path: path.into(), message: message.into() };
        let detail = format!("{}: {}", wrong.path, wrong.message);
        Self { errors: vec![wrong], ..Self::new(Code::Invalid, detail) }
    }

    /// Turns an answer of axum or of hyper that says in plain text what is wrong into a problem document.
    pub(super) fn of_status(status: StatusCode, text: &str) -> Self {
        let detail = if text.is_empty() { status.canonical_reason().unwrap_or("it failed") } else { text };
        Self::new(Code::of(status), detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, known) = (self.code.status(), self.clone());
        let document = Document {
            kind: format!("urn:iris:problem:{}", self.code.label()),
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            code: self.code,
            detail: self.detail,
            errors: self.errors,
        };
        let mut response = (status, Json(document)).into_response();
        response.extensions_mut().insert(known);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_millis().div_ceil(1000).max(1) as u64));
        }
        response
    }
}

/// Says what is wrong as gRPC does.
pub(super) fn for_grpc(response: &mut Response) {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        *response = wire::refuse(&problem);
    }
}

/// Says what is wrong as the Open Inference Protocol does.
pub(super) fn for_inference(response: &mut Response) {
    if let Some(Problem { detail: error, .. }) = response.extensions_mut().remove() {
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *response.body_mut() = Json(InferenceError { error }).into_response().into_body();
    }
}

/// What the store could not do. The log says why; the answer does not, because paths and SQL are nobody's business.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        tracing::error!(%error, "a request failed");
        match error.kind() {
            ErrorKind::Busy | ErrorKind::Full | ErrorKind::Stopped => {
                Self::new(Code::Unavailable, "the store cannot do this now; the log says why")
            }
            _ => Self::new(Code::Internal, "this failed; the log says why"),
        }
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::invalid(invalid.key, invalid.message)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::invalid("password", refusal.to_string())
    }
}

impl Problem {
    /// Nothing, or why a change to the accounts was not made. `what` is such as "user".
    pub(super) fn of_change(change: Change, what: &str) -> Result<(), Self> {
        match change {
            Change::Done => Ok(()),
            Change::Absent => Err(Self::absent(what)),
            Change::Exists => Err(Self::new(Code::Exists, format!("there is such a {what} already"))),
            Change::LastAdmin => Err(Self::new(Code::LastAdmin, "without this admin nobody could change anything")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_that_layers_choose_has_its_code() {
        for (status, code) in [
            (400, Code::BadRequest),
            (401, Code::Unauthenticated),
            (403, Code::Forbidden),
            (404, Code::NotFound),
            (405, Code::MethodNotAllowed),
            (408, Code::Timeout),
            (413, Code::TooLarge),
            (415, Code::UnsupportedMediaType),
            (418, Code::BadRequest),
            (422, Code::Invalid),
            (426, Code::UpgradeRequired),
            (500, Code::Internal),
            (502, Code::Internal),
        ] {
            assert_eq!(Code::of(StatusCode::from_u16(status).expect("a status")), code, "{status}");
        }
    }

    #[test]
    fn a_problem_is_a_document_of_rfc_9457() {
        let problem =
            Problem { retry_after: Some(Duration::from_millis(2500)), ..Problem::invalid("name", "is empty") };
        let response = problem.into_response();
        assert_eq!(response.status(), 422);
        assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_JSON);
        assert_eq!(response.headers()[header::RETRY_AFTER], "3");
    }
}
