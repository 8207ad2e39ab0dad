//! The whole farm over loopback, with clips that FFmpeg makes and with clients that are not ours.

mod faults;
mod peers;
mod protocol;
mod streams;
mod support;
