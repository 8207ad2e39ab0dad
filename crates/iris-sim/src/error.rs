//! What can go wrong before a farm runs or a scene is rendered. What clients do wrong is answered to them and is no error.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use iris_core::Recovery;

/// Why a farm or a clip could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not one that FFmpeg can take apart, or is damaged.
    #[error("{} is not a video file, or a damaged one: {source}", path.display())]
    Demux {
        /// The file.
        path: PathBuf,
        /// FFmpeg's reason.
        source: ffmpeg_next::Error,
    },
    /// The file holds no video.
    #[error("{} has no video stream", path.display())]
    NoVideo {
        /// The file.
        path: PathBuf,
    },
    /// The video is of a codec that is not sent.
    #[error("{} is {codec}; supported are h264 and hevc", path.display())]
    UnsupportedCodec {
        /// The file.
        path: PathBuf,
        /// FFmpeg's name of its codec.
        codec: &'static str,
    },
    /// Nothing can be decoded from the file without what came before.
    #[error("{} has no key frame with parameter sets to start at", path.display())]
    NoKeyFrame {
        /// The file.
        path: PathBuf,
    },
    /// The file is too large to be held in memory.
    #[error("{} holds more than {limit} MiB of video; cut a shorter clip", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How much is held, in MiB.
        limit: usize,
    },
    /// There is no scene of this name.
    #[error("there is no scene {name:?}; there are {known}")]
    UnknownScene {
        /// The name asked for.
        name: String,
        /// All names.
        known: String,
    },
    /// A word that says nothing about the hour, the weather or what disturbs.
    #[error("{word:?} is no hour, weather or effect; these are {known}")]
    UnknownSetting {
        /// The word.
        word: String,
        /// All words.
        known: String,
    },
    /// A scene cannot be rendered so.
    #[error("cannot render {what}")]
    Recipe {
        /// What is wrong, and what would be right.
        what: String,
    },
    /// FFmpeg cannot encode, or has no such encoder.
    #[error("cannot encode with {codec}: {source}")]
    Encode {
        /// FFmpeg's name of the encoder.
        codec: &'static str,
        /// FFmpeg's reason.
        source: ffmpeg_next::Error,
    },
    /// FFmpeg cannot write the file.
    #[error("cannot write {}: {source}", path.display())]
    Mux {
        /// The file.
        path: PathBuf,
        /// FFmpeg's reason.
        source: ffmpeg_next::Error,
    },
    /// The file or folder cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A fault's schedule cannot be read.
    #[error(
        "{text:?} is no fault: expected CAMERA:KIND@START or CAMERA:KIND@START+DURATION, with a number or `all` for \
        the camera, times in seconds, and for the kind one of {kinds}"
    )]
    Disturbance {
        /// What was written.
        text: String,
        /// All kinds.
        kinds: &'static str,
    },
    /// A farm was started without a clip.
    #[error("no clip to play: name at least one video file")]
    NoClips,
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// There is no camera of this number.
    #[error("there is no camera {camera}; they are numbered from 0 to {}", cameras.saturating_sub(1))]
    NoSuchCamera {
        /// The number asked for.
        camera: usize,
        /// How many there are.
        cameras: usize,
    },
}

/// What an [`Error`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A video file.
    Clip,
    /// A scene to be rendered.
    Scene,
    /// The network.
    Network,
    /// How the farm was used.
    Usage,
}

impl Error {
    /// What it is about.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Read { .. }
            | Self::Demux { .. }
            | Self::NoVideo { .. }
            | Self::UnsupportedCodec { .. }
            | Self::NoKeyFrame { .. }
            | Self::TooLarge { .. } => ErrorKind::Clip,
            Self::UnknownScene { .. }
            | Self::UnknownSetting { .. }
            | Self::Recipe { .. }
            | Self::Encode { .. }
            | Self::Mux { .. }
            | Self::Write { .. } => ErrorKind::Scene,
            Self::Listen { .. } => ErrorKind::Network,
            Self::Disturbance { .. } | Self::NoClips | Self::NoSuchCamera { .. } => ErrorKind::Usage,
        }
    }

    /// What to do about it: an address may become free, the rest stays wrong until a person changes it.
    pub fn recovery(&self) -> Recovery {
        match self.kind() {
            ErrorKind::Network => Recovery::Restart,
            ErrorKind::Clip | ErrorKind::Scene | ErrorKind::Usage => Recovery::GiveUp,
        }
    }
}
