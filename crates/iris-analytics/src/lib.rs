//! From detections to tracks and events. Pure: no I/O, threads, clocks or wire formats; time is an argument.

pub mod assignment;
pub mod demand;
mod kalman;
pub mod mot;
mod motion;
pub mod rules;
pub mod schedule;
mod sizes;
pub mod tracker;
pub mod zone;

pub use motion::{Fidelity, MotionGate};
pub use sizes::SizeGate;
pub use tracker::{ClassGroups, Profile, Tracker, TrackerKind};
