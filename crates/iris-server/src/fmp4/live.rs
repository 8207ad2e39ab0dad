//! A camera's access units as one viewer gets them: a head whenever the stream changes, then a fragment for each, as
//! soon as it is there.

use bytes::Bytes;
use iris_core::{Epoch, Packet, Size};

use super::{Track, Unsupported, fragment, ticks};

/// How long a picture is shown as long as nothing tells better: a tenth of a second.
const STEP: u32 = super::TIMESCALE / 10;
/// No picture is said to last longer.
const LONGEST: u32 = 10 * super::TIMESCALE;

/// What a viewer is sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// So many access units are missing before what follows.
    Missed(u64),
    /// A new head; what follows is of this kind.
    Head {
        /// The type of the stream for browsers.
        mime: String,
        /// The size of the picture.
        size: Size,
        /// `ftyp` and `moov`.
        bytes: Bytes,
    },
    /// The next access unit.
    Fragment(Bytes),
}

/// Makes what one viewer is sent.
#[derive(Debug, Default)]
pub struct Live {
    track: Option<Track>,
    fragments: u32,
    /// The connection and decode time of the last access unit that was sent.
    last: Option<(Epoch, i64)>,
    /// The next one must not be decoded before.
    earliest: i64,
    step: u32,
    missed: u64,
}

impl Live {
    /// Access units are missing before the next one.
    pub fn miss(&mut self, n: u64) {
        self.missed += n;
        self.last = None;
    }

    /// What to send for an access unit: nothing, as long as one that it depends on is missing.
    ///
    /// # Errors
    /// A stream that does not fit into a movie. A later key frame may.
    pub fn push(&mut self, packet: &Packet) -> Result<Vec<Piece>, Unsupported> {
        let held = self.track.as_ref().is_some_and(|track| track.holds(packet));
        let follows = self.last.is_some_and(|(epoch, _)| epoch == packet.key.epoch) && packet.lost_before == 0;
        let can_be_shown = packet.is_key || (held && follows);
        if !can_be_shown {
            self.miss(1);
            return Ok(Vec::new());
        }
        let mut pieces = Vec::with_capacity(3);
        if self.missed > 0 {
            pieces.push(Piece::Missed(std::mem::take(&mut self.missed)));
        }
        if !held {
            self.track = None;
            let track = Track::of(packet)?;
            pieces.push(Piece::Head { mime: track.mime(), size: track.size(), bytes: track.head(None)? });
            self.track = Some(track);
        }
        let duration = self.step(packet);
        if let Some(track) = &self.track {
            let sample = track.sample(packet, self.earliest, duration);
            self.earliest = sample.decode + 1;
            self.fragments = self.fragments.wrapping_add(1);
            pieces.push(Piece::Fragment(fragment(self.fragments, &[sample])?));
        }
        self.last = Some((packet.key.epoch, ticks(packet.dts)));
        Ok(pieces)
    }

    /// How long this picture is shown: as long as the one before, for waiting for the next one would make it late.
    fn step(&mut self, packet: &Packet) -> u32 {
        if let Some((_, before)) = self.last {
            let step = ticks(packet.dts).saturating_sub(before);
            self.step = u32::try_from(step).unwrap_or(STEP).clamp(1, LONGEST);
        }
        if self.step == 0 { STEP } else { self.step }
    }
}
