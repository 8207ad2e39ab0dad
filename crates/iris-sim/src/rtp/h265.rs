//! H.265 in RTP (RFC 7798): single NAL unit packets (§4.4.1) and fragmentation units (§4.4.3), without decoding order
//! numbers.

use super::{MAX_PAYLOAD, Writer};

const FU: u8 = 49;
const START: u8 = 0x80;
const END: u8 = 0x40;

/// Writes one NAL unit, whole if it fits.
pub(super) fn packetise(nal: &[u8], writer: &mut Writer) {
    if nal.len() <= MAX_PAYLOAD {
        return writer.packet(&[], nal);
    }
    let (high, low, payload) = (nal[0], nal[1], &nal[2..]);
    let pieces = payload.len().div_ceil(MAX_PAYLOAD - 3);
    for (i, piece) in payload.chunks(MAX_PAYLOAD - 3).enumerate() {
        let start = if i == 0 { START } else { 0 };
        let end = if i + 1 == pieces { END } else { 0 };
        writer.packet(&[high & 0x81 | FU << 1, low, start | end | high >> 1 & 0x3f], piece);
    }
}

#[cfg(test)]
mod tests {
    use crate::nal::Codec;
    use crate::rtp::MAX_PAYLOAD;
    use crate::rtp::tests::{Expected, is_cut};

    #[test]
    fn nal_units_are_sent_whole_or_as_fragments() {
        let fu = |flags: u8| vec![0x62, 0x01, flags | 0x13];
        let full = MAX_PAYLOAD - 3;
        let cases: [(usize, Vec<Expected>); 4] = [
            (2, vec![(vec![0x26, 0x01], 0)]),
            (MAX_PAYLOAD, vec![(vec![0x26, 0x01], MAX_PAYLOAD - 2)]),
            (MAX_PAYLOAD + 1, vec![(fu(0x80), full), (fu(0x40), 2)]),
            (3 * full + 2, vec![(fu(0x80), full), (fu(0), full), (fu(0x40), full)]),
        ];
        for (len, expected) in cases {
            is_cut(Codec::H265, &[0x26, 0x01], len, &expected);
        }
    }
}
