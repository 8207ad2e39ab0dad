//! From a camera or file to encoded access units.
//!
//! [`CameraStream`] is the whole of it: it connects, signs in, demultiplexes, reconnects, and puts every access unit
//! on one monotonic timeline. What comes out is not decoded, queued or dropped here; that is the pipeline's.
//!
//! | source | by | notes |
//! |---|---|---|
//! | `rtsp://` by TCP | [retina] | a task, no thread |
//! | `rtsp://` by UDP | FFmpeg | a thread. Packets out of order wait for those before them, up to 0.1 s |
//! | `rtsps://` | FFmpeg | a thread; TCP only |
//! | `http(s)://` | FFmpeg | a thread; multipart JPEG and HLS. No redirects, no other host |
//! | a path | FFmpeg | a thread; MP4, Matroska, AVI and MPEG-TS, as fast as it is read |
//!
//! A source is untrusted: schemes, protocols, containers and codecs are allow-lists, sizes and times have limits
//! ([`Limits`]), no decoder runs here, and a playlist or a redirect leads to no other address. Four things are not
//! held back, for lack of a handle on them:
//!
//! - retina has no byte limit for a header or an access unit that never ends; it is dropped when
//!   [`Limits::open_timeout`] or [`Limits::stall_timeout`] has passed.
//! - FFmpeg follows the redirect of a camera on `rtsps://`, to TCP and TLS addresses only, and of one by UDP.
//! - FFmpeg tells of missing packets in its log alone, which [`hear_ffmpeg`] must be given.
//! - TLS certificates are not verified: cameras sign their own.
//!
//! The policies are pure and take time as an argument: [`reconnect`] and [`timeline`].

mod assemble;
mod bitstream;
mod demux;
mod error;
mod feed;
mod file;
mod gate;
mod limits;
mod missed;
mod parser;
mod reader;
pub mod reconnect;
mod rtsp;
mod stream;
pub mod timeline;
mod url;

pub use error::{Error, ErrorKind, Result};
pub use limits::Limits;
pub use missed::hear_ffmpeg;
pub use stream::{CameraStream, Output, Source, State, Transport};
pub use url::{Protocol, SourceUrl};
