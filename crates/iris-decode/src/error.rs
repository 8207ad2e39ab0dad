//! What can go wrong with decoding, and what to do about it.

use std::fmt;

use iris_core::{Codec, DropReason, FrameKey, Recovery, Size};

/// Why an access unit gave no frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    key: FrameKey,
    cause: Cause,
}

/// What kind of trouble an [`Error`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// It depends on a picture that was lost or skipped.
    AwaitingKeyframe,
    /// It is damaged.
    Corrupt,
    /// Its picture is larger than [`Limits`](crate::Limits) allow.
    TooLarge,
    /// This FFmpeg has no decoder for it.
    Unsupported,
    /// Its decoder configuration is not one.
    BadParameters,
    /// Frames were not pulled before more was pushed. A mistake of the caller's; nothing was taken.
    NotPulled,
    /// There is no memory.
    OutOfMemory,
}

/// The details behind an [`ErrorKind`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Cause {
    #[error("depends on a picture that is missing; waiting for a key frame")]
    AwaitingKeyframe,
    #[error("cannot be decoded: {0}")]
    Undecodable(String),
    #[error("the picture is damaged")]
    Damaged,
    #[error("a picture of {size} has more than the {max_pixels} pixels allowed")]
    TooLarge { size: Size, max_pixels: u64 },
    #[error("this FFmpeg has no {0} decoder")]
    Unsupported(Codec),
    #[error("the {0} decoder does not take these parameters: {1}")]
    BadParameters(Codec, String),
    #[error("frames must be pulled until there is none before more is pushed")]
    NotPulled,
    #[error("out of memory")]
    OutOfMemory,
}

impl Cause {
    pub(crate) fn at(self, key: FrameKey) -> Error {
        Error { key, cause: self }
    }
}

impl Error {
    /// The access unit.
    pub fn key(&self) -> FrameKey {
        self.key
    }

    /// The kind of trouble.
    pub fn kind(&self) -> ErrorKind {
        match self.cause {
            Cause::AwaitingKeyframe => ErrorKind::AwaitingKeyframe,
            Cause::Undecodable(_) | Cause::Damaged => ErrorKind::Corrupt,
            Cause::TooLarge { .. } => ErrorKind::TooLarge,
            Cause::Unsupported(_) => ErrorKind::Unsupported,
            Cause::BadParameters(..) => ErrorKind::BadParameters,
            Cause::NotPulled => ErrorKind::NotPulled,
            Cause::OutOfMemory => ErrorKind::OutOfMemory,
        }
    }

    /// What to do. `Retry` is to push the next access unit; the decoder finds back by itself.
    pub fn recovery(&self) -> Recovery {
        match self.kind() {
            ErrorKind::AwaitingKeyframe | ErrorKind::Corrupt | ErrorKind::NotPulled => Recovery::Retry,
            ErrorKind::BadParameters | ErrorKind::OutOfMemory => Recovery::Restart,
            ErrorKind::TooLarge | ErrorKind::Unsupported => Recovery::GiveUp,
        }
    }

    /// The reason under which the access unit is counted as lost.
    pub fn drop_reason(&self) -> DropReason {
        match self.kind() {
            ErrorKind::AwaitingKeyframe => DropReason::AwaitingKeyframe,
            _ => DropReason::Corrupt,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.cause)
    }
}

impl std::error::Error for Error {}
