//! What can go wrong when a pipeline starts. Camera trouble is not among it: that is a state of the camera.

use std::path::PathBuf;

use iris_core::{CameraId, Recovery};

use crate::settings::ModelSettings;

/// Why a pipeline could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A model could not be loaded.
    #[error("model {}: {source}", path.display())]
    Model {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: iris_infer::Error,
    },
    /// A camera names a model that is not there.
    #[error("camera {camera} wants model number {model}, which is not there")]
    NoSuchModel {
        /// The camera.
        camera: CameraId,
        /// What it wants.
        model: usize,
    },
    /// A device that must work cannot be had.
    #[error("device {device}: {source}")]
    Device {
        /// Its name.
        device: String,
        /// Why.
        source: iris_infer::Error,
    },
    /// The system gave no thread.
    #[error("cannot start thread {name}: {source}")]
    Thread {
        /// Its name.
        name: String,
        /// Why.
        source: std::io::Error,
    },
}

/// The sort of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// What was asked for does not fit.
    Invalid,
    /// The machine did not give what was needed.
    Resources,
}

impl Error {
    pub(crate) fn model(settings: &ModelSettings, source: iris_infer::Error) -> Self {
        Self::Model { path: settings.path.clone(), source }
    }

    /// Its sort.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Model { .. } | Self::NoSuchModel { .. } => ErrorKind::Invalid,
            Self::Device { .. } | Self::Thread { .. } => ErrorKind::Resources,
        }
    }

    /// What to do about it: a pipeline that cannot start needs a person.
    pub fn recovery(&self) -> Recovery {
        Recovery::GiveUp
    }
}
