//! Everything of the binary `iris` that is not its command line: configuration, store, delivery.
//!
//! Wire formats live here and only here: [`message`] turns events into JSON, [`config`] reads TOML. What happens to
//! a frame does not belong here; that is the pipeline's.

pub mod annotate;
pub mod config;
pub mod error;
pub mod fsck;
pub mod message;
pub mod picture;
pub mod retention;
pub mod sink;
pub mod store;

pub use error::{Error, ErrorKind, Result};
