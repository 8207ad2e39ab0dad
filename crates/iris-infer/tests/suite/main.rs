//! The crate from outside, with real models: those the project builds itself, and, where they are present, the
//! reference models in `shared/`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod blobs_found;
mod devices;
mod library;
mod manifests;
mod providers;
mod reference;
mod runtimes;
mod shipped;
mod support;

#[path = "../../examples/make-blobs/blobs.rs"]
mod blobs;
#[path = "../../examples/make-blobs/busy.rs"]
mod busy;
#[path = "../../examples/make-blobs/onnx.rs"]
mod onnx;
