//! The two codecs, as far as a network needs to know them: where NAL units begin, and which of them set up a decoder.
//! Nothing here looks inside a picture.

use std::fmt;

/// The codecs that a simulated camera can send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// H.264 / AVC.
    H264,
    /// H.265 / HEVC.
    H265,
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.encoding_name())
    }
}

impl Codec {
    /// The name in an SDP `rtpmap` (RFC 6184 §8.1, RFC 7798 §7.1).
    pub(crate) const fn encoding_name(self) -> &'static str {
        match self {
            Self::H264 => "H264",
            Self::H265 => "H265",
        }
    }

    /// How many kinds of parameter sets a decoder needs.
    pub(crate) const fn parameter_sets(self) -> usize {
        match self {
            Self::H264 => 2,
            Self::H265 => 3,
        }
    }

    /// Which kind of parameter set this NAL unit is, if it is one: SPS, PPS; or VPS, SPS, PPS.
    pub(crate) fn parameter_set(self, nal: &[u8]) -> Option<usize> {
        let kind = self.nal_type(nal)?;
        match self {
            Self::H264 => [7, 8].iter().position(|k| *k == kind),
            Self::H265 => [32, 33, 34].iter().position(|k| *k == kind),
        }
    }

    /// Whether this NAL unit only says that an access unit begins, which RTP says with its marker bit.
    pub(crate) fn is_delimiter(self, nal: &[u8]) -> bool {
        match self {
            Self::H264 => self.nal_type(nal) == Some(9),
            Self::H265 => self.nal_type(nal) == Some(35),
        }
    }

    /// An access unit delimiter.
    pub(crate) const fn delimiter(self) -> &'static [u8] {
        match self {
            Self::H264 => &[0x09, 0xf0],
            Self::H265 => &[0x46, 0x01, 0x50],
        }
    }

    fn nal_type(self, nal: &[u8]) -> Option<u8> {
        match self {
            Self::H264 => nal.first().map(|b| b & 0x1f),
            Self::H265 => nal.first().map(|b| b >> 1 & 0x3f),
        }
    }
}

/// The NAL units of a byte stream with start codes (H.264 and H.265, annex B), without the zeros around them.
pub(crate) fn split_annex_b(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start_code(data);
    std::iter::from_fn(move || {
        let unit = rest?;
        let end = find_start_code(unit).unwrap_or(unit.len());
        rest = after_start_code(&unit[end..]);
        let zeros = unit[..end].iter().rev().take_while(|b| **b == 0).count();
        Some(&unit[..end - zeros])
    })
    .filter(|nal| !nal.is_empty())
}

/// Whether the data are NAL units that each stand behind their length in four bytes, with nothing left over.
pub(crate) fn is_length_prefixed(mut data: &[u8]) -> bool {
    while let Some((len, rest)) = data.split_first_chunk() {
        match rest.get(u32::from_be_bytes(*len) as usize..) {
            Some(rest) => data = rest,
            None => return false,
        }
    }
    data.is_empty()
}

fn find_start_code(data: &[u8]) -> Option<usize> {
    data.windows(3).position(|w| w == [0, 0, 1])
}

fn after_start_code(data: &[u8]) -> Option<&[u8]> {
    find_start_code(data).map(|at| &data[at + 3..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nal_units_are_found_between_start_codes() {
        let cases: [(&[u8], &[&[u8]]); 7] = [
            (&[], &[]),
            (&[1, 2, 3], &[]),
            (&[0, 0, 1], &[]),
            (&[0, 0, 1, 9], &[&[9]]),
            (&[0, 0, 0, 1, 9, 8, 0, 0, 1, 7], &[&[9, 8], &[7]]),
            (&[0, 0, 0, 1, 9, 8, 0, 0, 0, 1, 7, 0, 0, 0], &[&[9, 8], &[7]]),
            (&[0, 0, 1, 0, 0, 1, 5], &[&[5]]),
        ];
        for (data, expected) in cases {
            assert_eq!(split_annex_b(data).collect::<Vec<_>>(), expected, "{data:?}");
        }
    }

    #[test]
    fn parameter_sets_and_delimiters_are_known_by_type() {
        let cases = [
            (Codec::H264, 0x67, Some(0), false),
            (Codec::H264, 0x68, Some(1), false),
            (Codec::H264, 0x65, None, false),
            (Codec::H264, 0x09, None, true),
            (Codec::H265, 0x40, Some(0), false),
            (Codec::H265, 0x42, Some(1), false),
            (Codec::H265, 0x44, Some(2), false),
            (Codec::H265, 0x26, None, false),
            (Codec::H265, 0x46, None, true),
        ];
        for (codec, first, set, delimiter) in cases {
            assert_eq!(codec.parameter_set(&[first, 1]), set, "{codec} {first:#x}");
            assert_eq!(codec.is_delimiter(&[first, 1]), delimiter, "{codec} {first:#x}");
        }
        for codec in [Codec::H264, Codec::H265] {
            assert!(codec.is_delimiter(codec.delimiter()));
            assert_eq!((codec.parameter_set(&[]), codec.is_delimiter(&[])), (None, false));
        }
    }

    #[test]
    fn lengths_in_front_are_told_from_start_codes() {
        assert!(is_length_prefixed(&[0, 0, 0, 2, 9, 9, 0, 0, 0, 1, 9]));
        assert!(!is_length_prefixed(&[0, 0, 0, 1, 0x67, 1, 2, 3]));
        assert!(!is_length_prefixed(&[0, 0, 1]));
        assert!(!is_length_prefixed(&[255, 255, 255, 255]));
    }

    proptest! {
        #[test]
        fn what_is_joined_by_start_codes_comes_apart_again(
            nals in prop::collection::vec(prop::collection::vec(1u8.., 1..40), 0..8),
            zeros in 0usize..3,
        ) {
            let mut data = Vec::new();
            for nal in &nals {
                data.extend(vec![0; zeros]);
                data.extend([0, 0, 1]);
                data.extend(nal);
            }
            let got: Vec<_> = split_annex_b(&data).map(<[u8]>::to_vec).collect();
            prop_assert_eq!(got, nals);
        }

        #[test]
        fn any_bytes_can_be_split(data: Vec<u8>) {
            prop_assert!(split_annex_b(&data).map(<[u8]>::len).sum::<usize>() <= data.len());
            is_length_prefixed(&data);
        }
    }
}
