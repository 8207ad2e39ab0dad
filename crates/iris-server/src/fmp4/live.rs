//! A camera's access units as one viewer gets them: a head whenever the stream changes, then a fragment for each, as
//! soon as it is there.

use bytes::Bytes;
use iris_core::{Epoch, Packet, Size};

use super::{Timing, Track, Unsupported, fragment, ticks};

/// The step from picture to picture as long as nothing tells better: a quarter of a second.
const STEP: i64 = super::TIMESCALE as i64 / 4;
/// No step is taken to be longer.
const LONGEST: i64 = 10 * super::TIMESCALE as i64;

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
    /// The longest of the latest steps, in ticks; 0 before the first.
    step: i64,
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
            pieces.push(Piece::Head { mime: track.mime(), size: track.size(), bytes: track.head()? });
            self.track = Some(track);
        }
        let timing = self.timing(packet);
        if let Some(track) = &self.track {
            let sample = track.sample(packet, timing);
            self.fragments = self.fragments.wrapping_add(1);
            pieces.push(Piece::Fragment(fragment(self.fragments, &[sample], packet.at.wall)?));
        }
        self.last = Some((packet.key.epoch, ticks(packet.dts)));
        Ok(pieces)
    }

    /// On the camera's timeline. But nothing is decoded before zero: recordings start before their first picture is shown,
    /// and movies cannot.
    fn timing(&mut self, packet: &Packet) -> Timing {
        let decode = ticks(packet.dts).max(self.earliest);
        self.earliest = decode + 1;
        Timing { decode, show: ticks(packet.at.media), duration: self.duration(packet) }
    }

    /// How long this picture may be shown. To wait for the next one would make it late, so it is twice the longest of the
    /// latest steps: what is said too much does no harm, while a browser that finds a step of more than twice what it was
    /// told takes nothing before the next key frame (Media Source Extensions, coded frame processing).
    fn duration(&mut self, packet: &Packet) -> u32 {
        if let Some((_, before)) = self.last {
            let step = ticks(packet.dts).saturating_sub(before).clamp(1, LONGEST);
            self.step = step.max(self.step - self.step / 16);
        }
        let step = if self.step == 0 { STEP } else { self.step };
        2 * step as u32
    }
}
