//! The types that travel through Iris: who saw something, when, and where in the picture.
//!
//! Pure by design: no I/O, no threads, no serialisation, and no clock but [`clock`]. Wire formats belong to the
//! binary, behaviour to the stages; what stands here is only what several stages must agree on.

pub mod backoff;
pub mod camera;
pub mod clock;
pub mod detection;
pub mod event;
pub mod frame;
pub mod geometry;
pub mod packet;
pub mod stream;
pub mod time;
pub mod track;

pub use backoff::Backoff;
pub use camera::{CameraId, Epoch, FrameKey};
pub use clock::Clock;
pub use detection::{ClassId, Detections};
pub use event::{Direction, Event, EventId, EventKind, Evidence, Label};
pub use frame::{ColorMatrix, ColorRange, Frame, FrameBuffer, PixelFormat, Plane};
pub use geometry::{Image, Letterbox, Model, Point, Rect, Size, Space, Unit};
pub use packet::{Codec, CodecParams, Packet};
pub use stream::{DropReason, GapReason, Item, Recovery};
pub use time::{MediaTime, Moment, MonoTime, Stamps, Timebase, WallTime};
pub use track::{Best, Track, TrackId, TrackState, Tracks};
