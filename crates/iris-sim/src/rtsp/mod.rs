//! RTSP (RFC 2326): messages and their limits, sign-in, descriptions, the dialogue of one client, and the task that
//! carries it over TCP. Cutting video into packets is `rtp`'s business.

mod auth;
pub(crate) mod connection;
mod dialogue;
mod message;
mod sdp;

pub(crate) use auth::Gate;
pub use auth::{Credentials, Scheme};
