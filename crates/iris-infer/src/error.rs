//! What can go wrong between a frame and its detections, and what to do next.

use std::fmt::Display;
use std::path::PathBuf;

use iris_core::{FrameKey, Recovery};

/// The sort of an [`Error`], for code that switches on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// ONNX Runtime's shared library is missing or too old.
    Library,
    /// ONNX Runtime does not have the provider that a device needs.
    Provider,
    /// A file of the model cannot be read.
    Read,
    /// The manifest is not a manifest.
    Manifest,
    /// The manifest and the model contradict each other.
    Mismatch,
    /// A bare model whose kind its shapes do not give away.
    Unrecognised,
    /// The model's file could do harm.
    Unsafe,
    /// The runtime refused the model or failed on it.
    Runtime,
    /// Another server refused the model or failed on it.
    Remote,
    /// A frame that cannot be put into the model's input.
    BadFrame,
    /// The model returned something that is not a detection.
    BadOutput,
    /// A program sent something that the model does not take.
    BadInput,
    /// Boxes are asked of a model that finds none.
    NoDetector,
}

/// Every error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No library could be loaded; each place that was tried, with the reason.
    #[error(
        "ONNX Runtime's library could not be loaded; `cargo xtask setup` installs it, ORT_DYLIB_PATH names another. \
         Tried: {}", .tried.join("; ")
    )]
    Library {
        /// Place and reason.
        tried: Vec<String>,
    },
    /// ONNX Runtime does not have the execution provider, or cannot load what that needs.
    #[error(
        "{provider} cannot be used: {library} says {message:?}. It takes a build of ONNX Runtime for GPUs, named by \
         ORT_DYLIB_PATH, with {needs}", library = .library.display()
    )]
    Provider {
        /// What it is.
        provider: String,
        /// ONNX Runtime's library, as it was loaded.
        library: PathBuf,
        /// What belongs beside the library.
        needs: &'static str,
        /// What it said.
        message: String,
    },
    /// A file cannot be read.
    #[error("cannot read {path}: {source}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A manifest that does not parse or contradicts itself.
    #[error("{path}: {message}", path = .path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its place.
        message: String,
    },
    /// The manifest and the model contradict each other.
    #[error("the manifest does not fit its model: {what} should be {expected}, but is {found}")]
    Mismatch {
        /// What was compared.
        what: String,
        /// What the manifest says.
        expected: String,
        /// What the model has.
        found: String,
    },
    /// A bare model whose kind its shapes do not give away.
    #[error(
        "what this model returns cannot be told from its shapes ({shapes}): {why}. Put it into a folder as model.onnx, \
         with a model.toml that states name, task, classes, [input] width, height, color, scale, mean, std, anchor and \
         pad, and [output] decoder; or, if only programs ask it, name and task = \"tensors\""
    )]
    Unrecognised {
        /// Inputs and outputs.
        shapes: String,
        /// What is missing.
        why: String,
    },
    /// The model's file is not of the form that is read, or failed its trial.
    #[error("the model is not loaded: {why}")]
    Unsafe {
        /// What is wrong, and in which node or tensor.
        why: String,
    },
    /// The runtime refused the model or failed on it.
    #[error("ONNX Runtime, {doing}: {message}")]
    Runtime {
        /// What it was asked to do.
        doing: &'static str,
        /// What it said.
        message: String,
    },
    /// Another server refused the model or failed on it.
    #[error("the server at {server}: {what}")]
    Remote {
        /// Its address.
        server: String,
        /// What went wrong there or on the way.
        what: String,
    },
    /// A frame that cannot be put into the model's input.
    #[error("frame {key}: {message}")]
    BadFrame {
        /// Which.
        key: FrameKey,
        /// Why.
        message: String,
    },
    /// The model returned something that is not a detection.
    #[error("the model's output {what}")]
    BadOutput {
        /// What is wrong with it.
        what: String,
    },
    /// A program sent something that the model does not take.
    #[error("{what}")]
    BadInput {
        /// What is wrong and what was expected.
        what: String,
    },
    /// Boxes are asked of a model that finds none.
    #[error(
        "model {model} finds no boxes in pictures: its task is \"tensors\", and it answers programs that send them"
    )]
    NoDetector {
        /// What people call it.
        model: String,
    },
}

impl Error {
    /// Its sort.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Library { .. } => ErrorKind::Library,
            Self::Provider { .. } => ErrorKind::Provider,
            Self::Read { .. } => ErrorKind::Read,
            Self::Manifest { .. } => ErrorKind::Manifest,
            Self::Mismatch { .. } => ErrorKind::Mismatch,
            Self::Unrecognised { .. } => ErrorKind::Unrecognised,
            Self::Unsafe { .. } => ErrorKind::Unsafe,
            Self::Runtime { .. } => ErrorKind::Runtime,
            Self::Remote { .. } => ErrorKind::Remote,
            Self::BadFrame { .. } => ErrorKind::BadFrame,
            Self::BadOutput { .. } => ErrorKind::BadOutput,
            Self::BadInput { .. } => ErrorKind::BadInput,
            Self::NoDetector { .. } => ErrorKind::NoDetector,
        }
    }

    /// What to do next: a bad frame costs itself, a failed session is made anew, and the rest needs a person.
    pub fn recovery(&self) -> Recovery {
        match self.kind() {
            ErrorKind::BadFrame | ErrorKind::BadOutput | ErrorKind::BadInput | ErrorKind::NoDetector => Recovery::Retry,
            ErrorKind::Runtime | ErrorKind::Remote => Recovery::Restart,
            _ => Recovery::GiveUp,
        }
    }

    pub(crate) fn mismatch(what: impl Into<String>, expected: &dyn Display, found: &dyn Display) -> Self {
        Self::Mismatch { what: what.into(), expected: expected.to_string(), found: found.to_string() }
    }

    pub(crate) fn bad_output(what: impl Into<String>) -> Self {
        Self::BadOutput { what: what.into() }
    }
}
