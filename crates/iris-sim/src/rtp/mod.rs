//! RTP (RFC 3550): access units cut into packets once, and stamped with the numbers of each client when sent.
//!
//! What no client changes is made ahead: the packets of an access unit stand in one buffer, each with the four bytes
//! that interleave it with RTSP (RFC 2326 §10.12) and a header whose numbers are blank. Sockets and pace are elsewhere.

mod h264;
mod h265;
pub(crate) mod rtcp;

use bytes::Bytes;

use crate::nal::Codec;

/// The largest RTP payload, in bytes: with all headers it fits an Ethernet frame.
pub(crate) const MAX_PAYLOAD: usize = 1400;
/// The payload type of the one stream; the first dynamic one (RFC 3551 §6).
pub(crate) const PAYLOAD_TYPE: u8 = 96;
/// `$`, channel and length in front of an interleaved packet.
pub(crate) const PREFIX: usize = 4;
const HEADER: usize = 12;
const VERSION_2: u8 = 0x80;
const MARKER: u8 = 0x80;

/// The packets of one access unit, framed for interleaving, with blank channel, sequence number, timestamp and SSRC.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    framed: Bytes,
    packets: u32,
}

impl Wire {
    /// Cuts the NAL units of one access unit into packets; the last one carries the marker bit.
    pub(crate) fn packetise(codec: Codec, nals: &[&[u8]]) -> Self {
        let mut writer = Writer::default();
        for nal in nals {
            match codec {
                Codec::H264 => h264::packetise(nal, &mut writer),
                Codec::H265 => h265::packetise(nal, &mut writer),
            }
        }
        writer.finish()
    }

    /// The size of all packets with their framing, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.framed.len()
    }
}

/// Puts packets one behind the other.
#[derive(Default)]
struct Writer {
    framed: Vec<u8>,
    last: usize,
    packets: u32,
}

impl Writer {
    /// A packet whose payload is `head` and then `body`, together at most [`MAX_PAYLOAD`] bytes.
    fn packet(&mut self, head: &[u8], body: &[u8]) {
        let len = (HEADER + head.len() + body.len()) as u16;
        self.last = self.framed.len();
        self.packets += 1;
        self.framed.extend([b'$', 0]);
        self.framed.extend(len.to_be_bytes());
        self.framed.extend([VERSION_2, PAYLOAD_TYPE]);
        self.framed.extend([0; HEADER - 2]);
        self.framed.extend_from_slice(head);
        self.framed.extend_from_slice(body);
    }

    fn finish(mut self) -> Wire {
        if let Some(marker) = self.framed.get_mut(self.last + PREFIX + 1) {
            *marker |= MARKER;
        }
        Wire { framed: self.framed.into(), packets: self.packets }
    }
}

/// The interleaved packets in a buffer, each with its four bytes in front.
pub(crate) fn framed(mut buffer: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let [_, _, high, low, ..] = *buffer else { return None };
        let len = PREFIX + usize::from(u16::from_be_bytes([high, low]));
        let (packet, rest) = buffer.split_at_checked(len)?;
        buffer = rest;
        Some(packet)
    })
}

/// What a packet goes through on its way out: its payload may be changed, and it may be lost (`false`).
pub(crate) type Damage<'a> = dyn FnMut(&mut [u8]) -> bool + 'a;

/// A synchronisation source (RFC 3550 §3): the numbers that one client sees.
#[derive(Debug)]
pub(crate) struct Source {
    ssrc: u32,
    sequence: u16,
    /// Sent so far, for sender reports; both wrap.
    packets: u32,
    octets: u32,
}

impl Source {
    pub(crate) fn new(ssrc: u32, sequence: u16) -> Self {
        Self { ssrc, sequence, packets: 0, octets: 0 }
    }

    /// Appends an access unit's packets to `out`, stamped. Returns how many were lost to `damage`; their sequence
    /// numbers are used up all the same.
    pub(crate) fn stamp(
        &mut self,
        wire: &Wire,
        channel: u8,
        timestamp: u32,
        damage: &mut Damage<'_>,
        out: &mut Vec<u8>,
    ) -> u32 {
        let mut lost = 0;
        for packet in framed(&wire.framed) {
            let start = out.len();
            out.extend_from_slice(packet);
            let sent = &mut out[start..];
            sent[1] = channel;
            sent[PREFIX + 2..PREFIX + 4].copy_from_slice(&self.sequence.to_be_bytes());
            sent[PREFIX + 4..PREFIX + 8].copy_from_slice(&timestamp.to_be_bytes());
            sent[PREFIX + 8..PREFIX + 12].copy_from_slice(&self.ssrc.to_be_bytes());
            self.sequence = self.sequence.wrapping_add(1);
            let payload = &mut sent[PREFIX + HEADER..];
            if damage(payload) {
                self.packets = self.packets.wrapping_add(1);
                self.octets = self.octets.wrapping_add(payload.len() as u32);
            } else {
                out.truncate(start);
                lost += 1;
            }
        }
        lost
    }

    /// Uses up the sequence numbers of an access unit that is not sent, so that its absence shows.
    pub(crate) fn skip(&mut self, wire: &Wire) {
        self.sequence = self.sequence.wrapping_add(wire.packets as u16);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a packet must be: its payload begins with this, and that many bytes of the NAL unit follow.
    pub(super) type Expected = (Vec<u8>, usize);

    /// Checks how a NAL unit of `len` bytes that begins with `head` is cut.
    pub(super) fn is_cut(codec: Codec, head: &[u8], len: usize, expected: &[Expected]) {
        let nal: Vec<u8> = head.iter().copied().chain((head.len()..len).map(|i| (i % 251) as u8)).collect();
        let wire = Wire::packetise(codec, &[&nal]);
        let payloads: Vec<&[u8]> = framed(&wire.framed).map(|p| &p[PREFIX + HEADER..]).collect();
        let heads = expected.iter().map(|(head, _)| head.len());
        let split: Vec<_> = payloads.iter().zip(heads).map(|(p, at)| p.split_at(at)).collect();
        let got: Vec<Expected> = split.iter().map(|(head, body)| (head.to_vec(), body.len())).collect();
        assert_eq!((payloads.len(), got.as_slice()), (expected.len(), expected), "{len} bytes");
        let body: Vec<u8> = split.iter().flat_map(|(_, body)| *body).copied().collect();
        assert_eq!(body, nal[head.len()..], "{len} bytes");
    }

    fn unit() -> (Vec<u8>, Wire) {
        let nal: Vec<u8> = std::iter::once(0x65).chain((0..4000u32).map(|i| i as u8)).collect();
        let wire = Wire::packetise(Codec::H264, &[&[0x67, 1, 2], &nal]);
        (nal, wire)
    }

    #[test]
    fn packets_are_stamped_in_order_and_the_last_is_marked() {
        let (_, wire) = unit();
        let mut source = Source::new(0xdead_beef, u16::MAX - 1);
        let mut out = Vec::new();
        assert_eq!(source.stamp(&wire, 6, 0x0102_0304, &mut |_| true, &mut out), 0);
        let packets: Vec<_> = framed(&out).collect();
        assert_eq!(packets.len(), wire.packets as usize);
        assert_eq!(packets.len(), 4);
        for (i, p) in packets.iter().enumerate() {
            let marker = if i + 1 == packets.len() { MARKER } else { 0 };
            assert_eq!(p[..2], [b'$', 6]);
            assert_eq!(p[PREFIX..PREFIX + 2], [VERSION_2, PAYLOAD_TYPE | marker]);
            assert_eq!(p[PREFIX + 2..PREFIX + 4], (u16::MAX - 1).wrapping_add(i as u16).to_be_bytes());
            assert_eq!(p[PREFIX + 4..PREFIX + 12], [1, 2, 3, 4, 0xde, 0xad, 0xbe, 0xef]);
            assert!(p.len() <= PREFIX + HEADER + MAX_PAYLOAD);
        }
    }

    #[test]
    fn lost_packets_leave_a_hole_in_the_numbers() {
        let (_, wire) = unit();
        let mut source = Source::new(1, 10);
        let mut out = Vec::new();
        let mut n = 0;
        let mut every_other = |_: &mut [u8]| {
            n += 1;
            n % 2 == 1
        };
        assert_eq!(source.stamp(&wire, 0, 0, &mut every_other, &mut out), 2);
        let sequence: Vec<u8> = framed(&out).map(|p| p[PREFIX + 3]).collect();
        assert_eq!(sequence, [10, 12]);
        source.skip(&wire);
        assert_eq!(source.sequence, 18);
        assert_eq!(source.packets, 2);
    }

    #[test]
    fn an_access_unit_without_nal_units_is_no_packet() {
        let wire = Wire::packetise(Codec::H265, &[]);
        assert_eq!((wire.packets, wire.len()), (0, 0));
    }

    #[test]
    fn framing_that_is_cut_short_ends_the_packets() {
        for cut in [&b""[..], b"$", b"$\0\0", b"$\0\0\x05a"] {
            assert_eq!(framed(cut).count(), 0, "{cut:?}");
        }
    }
}
