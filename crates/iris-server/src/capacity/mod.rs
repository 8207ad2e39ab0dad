//! How many cameras this machine carries: [`Bench`] runs the real stages on video of several kinds, on all cores at once,
//! and [`plan`] makes numbers of cameras and advice of what they cost. [`Sample`] is the video.
//!
//! What is not measured: the network (0.05 % of a core a camera), pictures and clips of events, and whoever watches live.
//! A part of the machine is left free for them.

mod bench;
pub mod plan;
mod sample;

pub use bench::{Bench, Measured};
pub use sample::{FPS, Kind, Sample};
