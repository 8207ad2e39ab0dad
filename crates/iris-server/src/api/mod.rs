//! What the routes under `/api/v1` do: cameras, events, models, sinks, the system and the configuration.
//!
//! Who may use a route, and what stands before it, is [`crate::door`]'s; how a change is made is [`crate::control`]'s. Here
//! a request becomes a question to the store or a wish, and the answer becomes JSON.

pub(crate) mod camera;
pub(crate) mod cameras;
pub(crate) mod config;
pub(crate) mod detect;
pub(crate) mod event;
pub(crate) mod events;
pub(crate) mod models;
mod rates;
mod refusal;
pub(crate) mod sinks;
pub(crate) mod stream;
pub(crate) mod system;
pub(crate) mod videos;

pub use rates::Rates;
