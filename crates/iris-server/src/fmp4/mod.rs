//! Fragmented MP4 out of a camera's access units, without decoding them: for browsers, a fragment an access unit, and
//! for the clips of events. Times are those of the camera's timeline.
//!
//! Who reads the fragments, and what else is told beside them, does not belong here.

mod boxes;
mod live;
mod nal;
mod parameters;

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use iris_core::{Codec, CodecParams, MediaTime, Packet, Size, Timebase, WallTime};

pub use live::{Live, Piece};
use parameters::Description;

/// Ticks a second, as in [`Timebase::VIDEO`].
pub const TIMESCALE: u32 = 90_000;

/// Why a stream cannot be put into a movie.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// Browsers have no decoder for it in a movie.
    #[error("{0} does not fit into MP4")]
    Codec(Codec),
    /// What describes the stream is missing or is not what it should be.
    #[error("the parameters of its video cannot be used: {0}")]
    Parameters(String),
}

impl Unsupported {
    fn parameters(why: &str) -> Self {
        Self::Parameters(why.to_owned())
    }

    #[expect(clippy::needless_pass_by_value, reason = "for map_err")]
    fn encode(error: mp4_atom::Error) -> Self {
        Self::Parameters(error.to_string())
    }
}

/// When an access unit has its turn in a movie, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// When it is decoded, at least 0.
    pub decode: i64,
    /// When it is shown.
    pub show: i64,
    /// How long until the next one is decoded.
    pub duration: u32,
}

/// A fragment in the index of a movie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Indexed {
    /// How large it is.
    pub bytes: u32,
    /// When its first picture is shown, in ticks.
    pub show: i64,
    /// How long it lasts, in ticks.
    pub duration: u32,
    /// Whether decoding can start at it.
    pub starts_with_key: bool,
}

/// The most fragments that an index has room for.
pub const MOST_FRAGMENTS: usize = 128;

/// One access unit on its way into a fragment.
#[derive(Debug, Clone)]
pub struct Sample {
    /// When.
    pub timing: Timing,
    /// Whether decoding can start at it.
    pub is_key: bool,
    disposable: bool,
    data: Bytes,
}

/// A video track: what a player must be told before the samples, and how access units become samples.
#[derive(Debug, Clone)]
pub struct Track {
    params: Arc<CodecParams>,
    description: Description,
}

impl Track {
    /// The track of the stream that `key`, a key frame, is of.
    ///
    /// # Errors
    /// Motion JPEG; a stream whose parameter sets or size are unknown or damaged.
    pub fn of(key: &Packet) -> Result<Self, Unsupported> {
        Ok(Self { params: Arc::clone(&key.params), description: parameters::describe(key)? })
    }

    /// The type for browsers, such as `video/mp4; codecs="avc1.64001f"`.
    pub fn mime(&self) -> String {
        format!("video/mp4; codecs=\"{}\"", self.description.codecs)
    }

    /// The size of the picture.
    pub fn size(&self) -> Size {
        self.description.size
    }

    /// Whether an access unit belongs to this track, and needs no other.
    pub fn holds(&self, packet: &Packet) -> bool {
        let same = Arc::ptr_eq(&self.params, &packet.params) || self.params == packet.params;
        // Parameter sets that come with the key frames may change there without a word.
        let may_change = self.description.has_start_codes && packet.is_key;
        same && (!may_change || parameters::describe(packet).is_ok_and(|now| now == self.description))
    }

    /// The head of a movie of this track that goes on for ever: `ftyp` and `moov`.
    ///
    /// # Errors
    /// Parameter sets that do not fit into their boxes.
    pub fn head(&self) -> Result<Bytes, Unsupported> {
        boxes::head(&self.description, None)
    }

    /// The head of a movie that is complete, with the index of its fragments, at most [`MOST_FRAGMENTS`], by which players
    /// know how long it is and find their way. It has the same length whatever the fragments are.
    ///
    /// # Errors
    /// Parameter sets that do not fit into their boxes; more fragments.
    pub fn indexed_head(&self, fragments: &[Indexed]) -> Result<Bytes, Unsupported> {
        boxes::indexed_head(&self.description, fragments)
    }

    /// An access unit as a sample.
    pub fn sample(&self, packet: &Packet, timing: Timing) -> Sample {
        Sample { timing, is_key: packet.is_key, disposable: packet.disposable, data: self.framed(&packet.data) }
    }

    /// With lengths before the NAL units instead of start codes, and without what is in the head.
    fn framed(&self, data: &Bytes) -> Bytes {
        if !self.description.has_start_codes {
            return data.clone();
        }
        let codec = self.params.codec;
        let mut out = BytesMut::with_capacity(data.len() + 16);
        for unit in nal::split(data).filter(|unit| !parameters::is_in_head(codec, unit)) {
            out.put_u32(unit.len() as u32);
            out.put_slice(unit);
        }
        out.freeze()
    }
}

/// A fragment of samples that follow each other; it tells when the first was `received`, if that is known.
///
/// # Errors
/// More than 4 GiB, or times that are too far from each other.
pub fn fragment(sequence: u32, samples: &[Sample], received: Option<WallTime>) -> Result<Bytes, Unsupported> {
    boxes::fragment(sequence, samples, received)
}

/// A time on the camera's timeline in ticks.
pub fn ticks(at: MediaTime) -> i64 {
    at.rescale(Timebase::VIDEO).ticks
}
