//! From detections to tracks and events. Pure: no I/O, threads, clocks or wire formats; time is an argument.

pub mod assignment;
mod kalman;
pub mod mot;
pub mod rules;
pub mod schedule;
pub mod tracker;
pub mod zone;

pub use tracker::{ClassGroups, Profile, Tracker, TrackerKind};
