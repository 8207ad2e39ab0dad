//! Simulated cameras for the demo, the tests and the benches: video files and rendered scenes behind real RTSP.
//!
//! A [`Farm`] listens on one port and plays [`Clip`]s as cameras `rtsp://host:port/cam/0`, `/cam/1` and so on, and
//! breaks them on request ([`Fault`]). A file is read and packetised once; each client costs a copy of the packets
//! it is sent, with its own headers. [`scene`] renders clips whose truth is known, [`schedule`] says when what breaks,
//! [`visits`] who is busy when.
//! Nothing in the product depends on this crate.

mod camera;
mod clip;
mod error;
mod farm;
mod fault;
mod media;
mod nal;
mod player;
mod rtp;
mod rtsp;
pub mod scene;
pub mod schedule;
mod sockets;
mod stats;
pub mod visits;

pub use clip::Clip;
pub use error::{Error, ErrorKind};
pub use farm::{Builder, Farm};
pub use fault::Fault;
pub use nal::Codec;
pub use rtsp::{Credentials, Scheme};
pub use stats::Stats;
