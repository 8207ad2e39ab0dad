//! Why a change was not made, as a problem document.

use crate::config::{Place, Problem as Found, Refusal as EditRefusal};
use crate::control::Refusal;
use crate::door::{Code, Problem, Wrong};

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::Edit(EditRefusal::NotFound(_)) | Refusal::NoModel(_) => Self::new(Code::NotFound, detail),
            Refusal::Edit(EditRefusal::Exists(_)) => Self::new(Code::Exists, detail),
            Refusal::Edit(EditRefusal::InFile(_)) => Self::new(Code::ManagedByFile, detail),
            Refusal::Edit(EditRefusal::Invalid(found)) => {
                let errors = found.into_iter().map(Wrong::from).collect();
                Self { errors, ..Self::new(Code::Invalid, detail) }
            }
            Refusal::InUse { .. } => Self::new(Code::Conflict, detail),
            Refusal::Unfit(_) => Self::new(Code::Invalid, detail),
            Refusal::Failed(_) => {
                tracing::error!(detail, "a change was not made");
                Self::new(Code::Unavailable, "the change could not be carried out; the log says why")
            }
            Refusal::Stopping => Self::new(Code::Unavailable, detail),
        }
    }
}

impl From<Found> for Wrong {
    fn from(found: Found) -> Self {
        let message = match found.place {
            Place::File { line, column, .. } => format!("line {line}, column {column}: {}", found.message),
            Place::Store { .. } => found.message,
        };
        Self { path: found.path, message }
    }
}

/// What cannot be written as TOML; the log says why.
impl From<toml::ser::Error> for Problem {
    fn from(error: toml::ser::Error) -> Self {
        tracing::error!(%error, "the configuration cannot be written");
        Self::new(Code::Internal, "the configuration cannot be written; the log says why")
    }
}
