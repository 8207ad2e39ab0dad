//! Access units out of what FFmpeg makes of RTP: a packet for each NAL unit or fragment of one, without the marker that
//! ends a picture. FFmpeg's own parsers are not used: they go by the order of NAL units alone, and cut a picture in two
//! whose sender repeats the parameter sets before each slice, as GStreamer's does.

use ffmpeg_next::Packet;
use ffmpeg_next::codec::packet::Flags;
use iris_core::{Codec, MonoTime};

use crate::bitstream::{Framing, first_slice};
use crate::limits::MAX_UNIT;

/// Puts the packets of one access unit together. A unit ends when the next one begins, and so comes out a frame late.
/// Units from which packets may be missing do not come out.
pub(crate) struct Assembler {
    codec: Codec,
    unit: Option<(Packet, MonoTime)>,
    has_slice: bool,
}

impl Assembler {
    pub(crate) fn new(codec: Codec) -> Self {
        Self { codec, unit: None, has_slice: false }
    }

    /// Takes the packet that arrived at `now`, with some missing before it or none. Returns the unit before it, if it
    /// begins another, and when that was complete.
    pub(crate) fn push(&mut self, mut packet: Packet, now: MonoTime, missed: bool) -> Option<(Packet, MonoTime)> {
        // A fragment that continues a NAL unit has no start code, and no NAL unit holds one.
        let starts = packet.data().is_some_and(|data| data.starts_with(&[0, 0, 0, 1]));
        let slice = packet.data().filter(|_| starts).and_then(|data| first_slice(self.codec, Framing::AnnexB, data));
        if missed {
            self.unit = None;
        }
        if self.unit.is_none() && !(starts && slice.is_none_or(|slice| slice.begins_picture)) {
            return None;
        }
        if slice.is_some_and(|slice| slice.is_key) {
            packet.set_flags(packet.flags() | Flags::KEY);
        }
        // What is larger than allowed comes out, to be refused.
        let same = self.unit.as_ref().is_some_and(|(unit, _)| unit.pts() == packet.pts() && unit.size() <= MAX_UNIT);
        // Where a clock stands still, all pictures bear one time.
        if same && !(self.has_slice && slice.is_some_and(|slice| slice.begins_picture)) {
            self.has_slice |= slice.is_some();
            return self.append(&packet, now);
        }
        self.has_slice = slice.is_some();
        self.unit.replace((packet, now))
    }

    fn append(&mut self, packet: &Packet, now: MonoTime) -> Option<(Packet, MonoTime)> {
        let (unit, received) = self.unit.as_mut()?;
        let (start, more) = (unit.size(), packet.data()?);
        unit.set_flags(unit.flags() | packet.flags());
        unit.grow(more.len());
        // Without memory it stays as it was.
        unit.data_mut()?.get_mut(start..start + more.len())?.copy_from_slice(more);
        *received = now;
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Pushes packets of a time and bytes each; what comes out: its bytes, whether it is key, and when it was complete.
    fn assemble(packets: &[(i64, &[u8])]) -> Vec<(Vec<u8>, bool, u64)> {
        assemble_with_gap(packets, usize::MAX)
    }

    /// The same where something is missing before packet number `gap`.
    fn assemble_with_gap(packets: &[(i64, &[u8])], gap: usize) -> Vec<(Vec<u8>, bool, u64)> {
        let mut assembler = Assembler::new(Codec::H264);
        let mut units = Vec::new();
        for (i, (pts, data)) in packets.iter().enumerate() {
            let mut packet = Packet::copy(data);
            packet.set_pts(Some(*pts));
            let unit = assembler.push(packet, MonoTime(Duration::from_secs(i as u64)), i == gap);
            units.extend(unit.map(|(p, at)| (p.data().unwrap_or_default().to_vec(), p.is_key(), at.0.as_secs())));
        }
        units
    }

    const SPS: &[u8] = &[0, 0, 0, 1, 0x67, 66];
    const IDR: &[u8] = &[0, 0, 0, 1, 0x65, 0x88];
    const SECOND_SLICE: &[u8] = &[0, 0, 0, 1, 0x65, 0x08];
    const FRAGMENT: &[u8] = &[0x88, 0x65];
    const P: &[u8] = &[0, 0, 0, 1, 0x41, 0x9a];

    #[test]
    fn what_bears_one_time_is_one_unit_whatever_stands_between_its_slices() {
        let packets = [(0, SPS), (0, IDR), (0, FRAGMENT), (0, SPS), (0, SECOND_SLICE), (9, P), (18, P)];
        let key = [SPS, IDR, FRAGMENT, SPS, SECOND_SLICE].concat();
        assert_eq!(assemble(&packets), [(key, true, 4), (P.to_vec(), false, 5)]);
    }

    #[test]
    fn pictures_are_told_apart_where_the_clock_stands_still() {
        let packets = [(0, SPS), (0, IDR), (0, FRAGMENT), (0, P), (0, FRAGMENT), (0, P)];
        assert_eq!(assemble(&packets), [([SPS, IDR, FRAGMENT].concat(), true, 2), ([P, FRAGMENT].concat(), false, 4)]);
    }

    #[test]
    fn units_with_a_hole_do_not_come_out() {
        let packets = [(0, SPS), (0, IDR), (9, P), (9, FRAGMENT), (18, P), (27, P)];
        let (key, idr, second, third) = ([SPS, IDR].concat(), IDR.to_vec(), [P, FRAGMENT].concat(), P.to_vec());
        for (gap, whole) in [
            (1, vec![&idr, &second, &third]),
            (2, vec![&second, &third]),
            (3, vec![&key, &third]),
            (4, vec![&key, &third]),
            (5, vec![&key, &second]),
        ] {
            let units = assemble_with_gap(&packets, gap);
            assert_eq!(units.iter().map(|unit| &unit.0).collect::<Vec<_>>(), whole, "a gap before {gap}");
        }
    }

    #[test]
    fn a_unit_that_never_ends_comes_out_once_it_is_too_large() {
        let piece = [SPS, &vec![0xff; MAX_UNIT / 2]].concat();
        let units = assemble(&[(0, &piece), (0, &piece), (0, &piece)]);
        assert_eq!(units.iter().map(|unit| unit.0.len()).collect::<Vec<_>>(), [2 * piece.len()]);
    }
}
