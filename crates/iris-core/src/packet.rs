//! Encoded video: one access unit with its own record of what was lost before it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::{FrameKey, MediaTime, Moment, MonoTime, Size};

/// The codecs that Iris takes from a camera. An allow-list: anything else is refused where it is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// H.264 / AVC.
    H264,
    /// H.265 / HEVC.
    H265,
    /// Motion JPEG: every access unit is one JPEG picture.
    Mjpeg,
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::H264 => "h264",
            Self::H265 => "h265",
            Self::Mjpeg => "mjpeg",
        })
    }
}

/// What a decoder needs to know before the first access unit. Shared by all packets until it changes.
#[derive(Clone, PartialEq, Eq)]
pub struct CodecParams {
    /// The codec.
    pub codec: Codec,
    /// Decoder configuration: `avcC` or `hvcC` (then access units hold length-prefixed NAL units), or empty or
    /// Annex B parameter sets (then they hold start codes).
    pub extradata: Bytes,
    /// The coded picture's size where the container or parameter sets say it.
    pub size: Option<Size>,
}

impl fmt::Debug for CodecParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}, {} bytes of extradata", self.codec, self.size, self.extradata.len())
    }
}

/// An encoded access unit.
#[derive(Clone)]
pub struct Packet {
    /// Its name.
    pub key: FrameKey,
    /// When it is shown, on the camera's monotonic timeline, and by the wall clock.
    pub at: Moment,
    /// When to decode it relative to its neighbours; equals `at.media` where nothing is reordered.
    pub dts: MediaTime,
    /// When its last byte arrived.
    pub received: MonoTime,
    /// Decoding can start here.
    pub is_key: bool,
    /// No other access unit refers to it.
    pub disposable: bool,
    /// How many network packets were lost since the access unit before it.
    pub lost_before: u32,
    /// What its decoder must be set up with.
    pub params: Arc<CodecParams>,
    /// The access unit.
    pub data: Bytes,
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.is_key { ", key" } else { "" };
        write!(f, "Packet({} at {}, {} bytes{key})", self.key, self.at.media, self.data.len())
    }
}
