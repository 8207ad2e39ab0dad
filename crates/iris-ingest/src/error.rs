//! What can go wrong between a camera and its first access unit, in words that say what would be right. No message
//! holds a secret: whoever builds one passes text from outside through [`SourceUrl::redact`].

use std::fmt;
use std::sync::Arc;

use iris_core::Recovery;

use crate::SourceUrl;

/// The result of anything that talks to a source.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kinds of trouble, each with the code by which interfaces and metrics name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is not a usable address.
    BadUrl,
    /// An address that names anything but RTSP, HTTP or a plain file, or a source that refers to one.
    SourceDenied,
    /// There is nothing at the address.
    NotFound,
    /// The path names a directory, a device or a pipe.
    NotAFile,
    /// The file may not be read, or not all of it can be.
    Unreadable,
    /// The file holds no bytes.
    Empty,
    /// The file was cut off before its index or its last frame.
    Truncated,
    /// A container that is not taken.
    FormatDenied,
    /// A codec that is not taken.
    CodecDenied,
    /// There is no video stream.
    NoVideo,
    /// The picture has more pixels than the limit allows.
    TooLarge,
    /// The camera refuses the user name or password.
    AuthFailed,
    /// No connection could be made.
    Unreachable,
    /// Nothing came in time.
    Timeout,
    /// Units came, but none from which decoding can start.
    NoKeyframe,
    /// The peer closed the connection.
    Closed,
    /// The peer does not speak the protocol.
    Protocol,
    /// The machine has no thread, memory or socket left.
    Resources,
}

impl ErrorKind {
    /// The stable code of the kind.
    pub const fn label(self) -> &'static str {
        match self {
            Self::BadUrl => "bad_url",
            Self::SourceDenied => "source_scheme_denied",
            Self::NotFound => "not_found",
            Self::NotAFile => "not_a_file",
            Self::Unreadable => "unreadable",
            Self::Empty => "empty",
            Self::Truncated => "truncated",
            Self::FormatDenied => "format_denied",
            Self::CodecDenied => "codec_denied",
            Self::NoVideo => "no_video",
            Self::TooLarge => "too_large",
            Self::AuthFailed => "auth_failed",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::NoKeyframe => "no_keyframe",
            Self::Closed => "closed",
            Self::Protocol => "protocol",
            Self::Resources => "resources",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

/// Why a source gives no video: which source (redacted), what kind of trouble, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {message} ({kind})")]
pub struct Error {
    kind: ErrorKind,
    origin: Arc<str>,
    message: Box<str>,
}

impl Error {
    /// An error about `url`. Line ends and other control characters are cut off with all that follows, so that a
    /// peer's text makes one log record.
    pub(crate) fn new(kind: ErrorKind, url: &SourceUrl, message: impl AsRef<str>) -> Self {
        let line = message.as_ref().split(char::is_control).next().unwrap_or_default();
        let short: String = line.chars().take(MAX_MESSAGE).collect();
        Self { kind, origin: url.to_string().into(), message: url.redact(&short).into() }
    }

    /// An error about a text that did not become a [`SourceUrl`], and of which nothing may be shown.
    pub(crate) fn unparsed(kind: ErrorKind, message: impl Into<Box<str>>) -> Self {
        Self { kind, origin: "source".into(), message: message.into() }
    }

    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What to do about it. A live source is always worth another try, because a camera may be repaired or
    /// reconfigured at any time; a file or an address stays as it is until a person changes it.
    pub fn recovery(&self) -> Recovery {
        match self.kind {
            ErrorKind::AuthFailed
            | ErrorKind::Unreachable
            | ErrorKind::Timeout
            | ErrorKind::NoKeyframe
            | ErrorKind::Closed
            | ErrorKind::Protocol
            | ErrorKind::Resources => Recovery::Restart,
            _ => Recovery::GiveUp,
        }
    }
}

const MAX_MESSAGE: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_without_secrets() {
        let url: SourceUrl = "rtsp://bob:s3cr%40t@10.0.0.1/live".parse().unwrap();
        let error = Error::new(ErrorKind::Protocol, &url, "refused bob:s3cr%40t and s3cr@t\nconn: 1.2.3.4");
        assert_eq!(error.to_string(), "rtsp://***@10.0.0.1/live: refused *** and *** (protocol)");
        assert_eq!(error.recovery(), Recovery::Restart);
    }
}
