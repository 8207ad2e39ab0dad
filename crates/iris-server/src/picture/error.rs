//! What can go wrong with pictures and videos of them.

use std::path::PathBuf;

use iris_core::Recovery;

/// Why a picture could not be read, or a picture or video not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not a picture that Iris takes.
    #[error("{}: cannot be decoded as a JPEG, PNG or WebP picture: {source}", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        source: image::ImageError,
    },
    /// The file ends before its picture does.
    #[error("{}: is cut off: a JPEG without its end", path.display())]
    CutOff {
        /// The file.
        path: PathBuf,
    },
    /// The picture has more pixels than Iris takes, or takes more memory to decode.
    #[error("{}: {size} is too large: at most {} million pixels and {} MiB", path.display(),
        super::MAX_PIXELS / 1_000_000, super::still::MAX_BYTES >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: iris_core::Size,
    },
    /// The picture cannot be coded as JPEG.
    #[error("a picture of {size} cannot be coded as JPEG: {source}")]
    Jpeg {
        /// Its size.
        size: iris_core::Size,
        /// What the encoder says.
        source: iris_decode::JpegError,
    },
    /// No encoder for H.264 works here.
    #[error("{}: FFmpeg has no H.264 encoder that works (tried {tried}); install one with libx264", path.display())]
    NoEncoder {
        /// The video.
        path: PathBuf,
        /// The encoders' names, or "none".
        tried: String,
    },
    /// The video cannot be written.
    #[error("{}: {doing}: {source}", path.display())]
    Video {
        /// The video.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What FFmpeg says.
        source: ffmpeg_next::Error,
    },
}

/// Kinds of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The file system refused.
    Io,
    /// The picture itself is at fault.
    BadPicture,
    /// Encoding failed.
    Encode,
    /// The machine lacks an encoder.
    Unavailable,
}

impl Error {
    /// Its kind.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Read { .. } => ErrorKind::Io,
            Self::Decode { .. } | Self::CutOff { .. } | Self::TooLarge { .. } => ErrorKind::BadPicture,
            Self::Jpeg { .. } | Self::Video { .. } => ErrorKind::Encode,
            Self::NoEncoder { .. } => ErrorKind::Unavailable,
        }
    }

    /// What to do about it: a picture that fails is left out, a video that fails cannot go on.
    pub fn recovery(&self) -> Recovery {
        match self {
            Self::NoEncoder { .. } | Self::Video { .. } => Recovery::GiveUp,
            _ => Recovery::Retry,
        }
    }
}
