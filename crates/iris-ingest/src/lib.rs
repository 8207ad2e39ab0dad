//! From a camera or file to encoded access units.
//!
//! [`CameraStream`] is the whole of it: it connects, signs in, demultiplexes, reconnects, and puts every access unit
//! on one monotonic timeline. What comes out is not decoded, queued or dropped here; that is the pipeline's.
//!
//! | source | by | notes |
//! |---|---|---|
//! | `rtsp://` | [retina] | a task, no thread. TCP, or UDP on a quiet network: packets out of order count as lost |
//! | `rtsps://` | FFmpeg | a thread; TCP only. The certificate is not verified: cameras sign their own |
//! | `http(s)://` | FFmpeg | a thread; multipart JPEG and HLS. No redirects, no other host |
//! | a path | FFmpeg | a thread; MP4, Matroska, AVI and MPEG-TS, as fast as it is read |
//!
//! A source is untrusted: schemes, protocols, containers and codecs are allow-lists, sizes and times have limits
//! ([`Limits`]), no decoder runs here, and nothing that a source sends can make this crate open another address. What
//! retina buffers while a peer sends an endless header or access unit is limited by time alone (it has no byte
//! limit): it is dropped after [`Limits::open_timeout`] or [`Limits::stall_timeout`].
//!
//! The policies are pure and take time as an argument: [`reconnect`] and [`timeline`].

mod bitstream;
mod demux;
mod error;
mod feed;
mod file;
mod limits;
mod parser;
mod reader;
pub mod reconnect;
mod report;
mod rtsp;
mod stream;
pub mod timeline;
mod url;

pub use error::{Error, ErrorKind, Result};
pub use limits::Limits;
pub use stream::{CameraStream, Output, Source, State, Transport};
pub use url::{Protocol, SourceUrl};
