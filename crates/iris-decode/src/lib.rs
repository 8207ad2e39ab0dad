//! From encoded access units to frames: H.264, H.265 and Motion JPEG through FFmpeg's libavcodec, on the CPU or, where it
//! can, a [`Gpu`].
//!
//! A [`Decoder`] is a plain object for one camera, with one libavcodec context of one thread: access units in by
//! [`push`](Decoder::push), frames out by [`pull`](Decoder::pull). Which thread calls it, and when, belongs to the
//! pipeline. Frames lie in libavcodec's own buffers, uncopied, in shells lent by a [`FramePool`] that all cameras share.
//!
//! What a camera sends is untrusted: sizes are limited before anything is allocated for them, damaged pictures are
//! errors and not frames, and what depends on a missing picture is refused up to the next key frame. Each access unit
//! has exactly one outcome, see [`Counts`].
//!
//! ```
//! # fn use_of(stream: &[iris_core::Packet], now: iris_core::MonoTime) {
//! use iris_decode::{Decoder, FramePool, Limits};
//!
//! let mut decoder = Decoder::new(FramePool::new(), Limits::default());
//! for packet in stream {
//!     if let Err(error) = decoder.push(packet) {
//!         println!("{error}: counted as {}", error.drop_reason());
//!     }
//!     loop {
//!         match decoder.pull(now) {
//!             Ok(Some(frame)) => println!("{} of {}", frame.key, frame.size),
//!             Ok(None) => break,
//!             Err(error) => println!("{error}"),
//!         }
//!     }
//! }
//! # }
//! ```
//!
//! `unsafe` lives in `context`, `gpu`, `picture`, `convert` and `log`, one for each thing of FFmpeg's that is touched, in `jpeg` and in
//! `memory`.

mod context;
mod convert;
mod decoder;
mod error;
mod gpu;
mod in_flight;
mod jpeg;
mod log;
mod memory;
mod picture;
mod pool;
mod redact;

pub use decoder::{Counts, Decoder, Limits, Skip};
pub use error::{Error, ErrorKind};
pub use gpu::{Gpu, GpuError};
pub use jpeg::{DecodedJpeg, JpegError, Reduction, decode_jpeg, encode_jpeg};
pub use log::install_log;
pub use memory::return_large_blocks;
pub use pool::FramePool;
