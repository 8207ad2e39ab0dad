//! RTCP (RFC 3550 §6): what a sender says of itself. What receivers report is not read.

use super::Source;

const SENDER_REPORT: u8 = 200;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
/// The canonical name that every source carries (§6.5.1).
const CNAME: &[u8] = b"iris-sim";

impl Source {
    /// A compound packet (§6.1): a sender report that ties `timestamp` to `ntp` (seconds since 1900, 32.32 fixed
    /// point) and the canonical name.
    pub(crate) fn report(&self, ntp: u64, timestamp: u32) -> Vec<u8> {
        let mut out = Vec::with_capacity(48);
        let sender = [
            &self.ssrc.to_be_bytes()[..],
            &ntp.to_be_bytes(),
            &timestamp.to_be_bytes(),
            &self.packets.to_be_bytes(),
            &self.octets.to_be_bytes(),
        ];
        packet(SENDER_REPORT, 0, &sender.concat(), &mut out);
        let name = [&self.ssrc.to_be_bytes()[..], &[1, CNAME.len() as u8], CNAME, &[0]];
        packet(SOURCE_DESCRIPTION, 1, &name.concat(), &mut out);
        out
    }

    /// A compound packet that ends with `BYE` (§6.6).
    pub(crate) fn goodbye(&self, ntp: u64, timestamp: u32) -> Vec<u8> {
        let mut out = self.report(ntp, timestamp);
        packet(GOODBYE, 1, &self.ssrc.to_be_bytes(), &mut out);
        out
    }
}

/// Appends one RTCP packet; the body is padded with zeros to a multiple of four bytes.
fn packet(kind: u8, count: u8, body: &[u8], out: &mut Vec<u8>) {
    let words = body.len().div_ceil(4);
    out.extend([super::VERSION_2 | count, kind]);
    out.extend((words as u16).to_be_bytes());
    out.extend_from_slice(body);
    out.resize(out.len() + words * 4 - body.len(), 0);
}

#[cfg(test)]
mod tests {
    use crate::nal::Codec;
    use crate::rtp::{Source, Wire};

    #[test]
    fn a_report_counts_what_was_sent_and_names_the_source() {
        let mut source = Source::new(0x0a0b_0c0d, 0);
        let wire = Wire::packetise(Codec::H264, &[&[0x67, 1, 2], &[0x65, 3]]);
        source.stamp(&wire, 0, 0, &mut |_| true, &mut Vec::new());
        let report = source.report(0x0102_0304_0506_0708, 0x1112_1314);
        #[rustfmt::skip]
        let expected = [
            0x80, 200, 0, 6, 0x0a, 0x0b, 0x0c, 0x0d, 1, 2, 3, 4, 5, 6, 7, 8,
            0x11, 0x12, 0x13, 0x14, 0, 0, 0, 2, 0, 0, 0, 5,
            0x81, 202, 0, 4, 0x0a, 0x0b, 0x0c, 0x0d, 1, 8, b'i', b'r', b'i', b's', b'-', b's', b'i', b'm', 0, 0,
        ];
        assert_eq!(report, expected);
        let goodbye = source.goodbye(0, 0);
        assert_eq!(goodbye[report.len()..], [0x81, 203, 0, 1, 0x0a, 0x0b, 0x0c, 0x0d]);
    }
}
