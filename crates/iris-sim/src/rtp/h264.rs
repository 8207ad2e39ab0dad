//! H.264 in RTP (RFC 6184, packetisation mode 1): single NAL unit packets (§5.6) and FU-A (§5.8). No aggregation: it
//! saves headers only.

use super::{MAX_PAYLOAD, Writer};

const FU_A: u8 = 28;
const START: u8 = 0x80;
const END: u8 = 0x40;

/// Writes one NAL unit, whole if it fits.
pub(super) fn packetise(nal: &[u8], writer: &mut Writer) {
    if nal.len() <= MAX_PAYLOAD {
        return writer.packet(&[], nal);
    }
    let (header, payload) = (nal[0], &nal[1..]);
    let indicator = header & 0xe0 | FU_A;
    let pieces = payload.len().div_ceil(MAX_PAYLOAD - 2);
    for (i, piece) in payload.chunks(MAX_PAYLOAD - 2).enumerate() {
        let start = if i == 0 { START } else { 0 };
        let end = if i + 1 == pieces { END } else { 0 };
        writer.packet(&[indicator, start | end | header & 0x1f], piece);
    }
}

#[cfg(test)]
mod tests {
    use crate::nal::Codec;
    use crate::rtp::MAX_PAYLOAD;
    use crate::rtp::tests::{Expected, is_cut};

    #[test]
    fn nal_units_are_sent_whole_or_as_fragments() {
        let fu = |flags: u8| vec![0x7c, flags | 5];
        let cases: [(usize, Vec<Expected>); 5] = [
            (1, vec![(vec![0x65], 0)]),
            (MAX_PAYLOAD, vec![(vec![0x65], MAX_PAYLOAD - 1)]),
            (MAX_PAYLOAD + 1, vec![(fu(0x80), MAX_PAYLOAD - 2), (fu(0x40), 2)]),
            (2 * (MAX_PAYLOAD - 2) + 1, vec![(fu(0x80), MAX_PAYLOAD - 2), (fu(0x40), MAX_PAYLOAD - 2)]),
            (2 * (MAX_PAYLOAD - 2) + 2, vec![(fu(0x80), MAX_PAYLOAD - 2), (fu(0), MAX_PAYLOAD - 2), (fu(0x40), 1)]),
        ];
        for (len, expected) in cases {
            is_cut(Codec::H264, &[0x65], len, &expected);
        }
    }
}
