//! Everything of the binary `iris` that is not its command line: configuration, store, delivery.
//!
//! Wire formats live here and only here. What happens to a frame does not belong here; that is the pipeline's.

pub mod config;
