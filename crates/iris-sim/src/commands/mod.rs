//! What `iris-sim` does when called; a file a command.

pub(crate) mod busy;
pub(crate) mod config;
pub(crate) mod faults;
pub(crate) mod look;
pub(crate) mod render;
pub(crate) mod scenes;
pub(crate) mod serve;
