//! The binary `iris` as a library: configuration, store, delivery and the command line.
//!
//! Wire formats live here and only here: [`message`] turns events into JSON, [`config`] reads TOML. What happens to
//! a frame does not belong here; that is the pipeline's.

pub mod accounts;
pub mod annotate;
pub mod api;
pub mod archive;
pub mod capacity;
mod catalogue;
pub mod cli;
pub mod clips;
pub mod commands;
pub mod config;
pub mod control;
pub mod door;
mod download;
pub mod error;
pub mod evidence;
mod excerpt;
pub mod fmp4;
pub mod fsck;
#[doc(hidden)]
pub mod fuzz;
pub mod message;
mod oip;
pub mod picture;
mod process;
pub mod repository;
pub mod retention;
pub mod setup;
pub mod sink;
pub mod store;
mod trial;
mod videos;

pub use error::{Error, ErrorKind, Result};
