//! The little that ingest reads of access units itself: what the head of a slice says, and how large a JPEG is. It
//! decodes nothing and trusts nothing.

use iris_core::{Codec, CodecParams, Size};

/// How NAL units are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Start codes (H.264 Annex B).
    AnnexB,
    /// Big-endian lengths of this many bytes (ISO/IEC 14496-15).
    Length(usize),
}

impl Framing {
    /// The framing that belongs to a codec's configuration.
    pub(crate) fn of(params: &CodecParams) -> Self {
        let size_field = match params.codec {
            Codec::H264 => 4,
            Codec::H265 => 21,
            Codec::Mjpeg => return Self::AnnexB,
        };
        match (params.extradata.first(), params.extradata.get(size_field)) {
            // Both records start with their version, 1; start codes start with 0.
            (Some(1), Some(byte)) => Self::Length(usize::from(byte & 3) + 1),
            _ => Self::AnnexB,
        }
    }
}

/// Whether no other access unit refers to this one. A JPEG is always alone, yet never disposable: nothing is gained by
/// dropping it first. False if no slice is found.
pub(crate) fn is_disposable(codec: Codec, framing: Framing, unit: &[u8]) -> bool {
    first_slice(codec, framing, unit).is_some_and(|slice| slice.disposable)
}

/// What a slice's head says about its picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slice {
    /// It is the picture's first: H.264 `first_mb_in_slice` is 0 (§7.4.3), H.265 `first_slice_segment_in_pic_flag`
    /// (§7.4.7.1).
    pub(crate) begins_picture: bool,
    /// Decoding can start here: an H.264 IDR or H.265 IRAP picture.
    pub(crate) is_key: bool,
    /// No other picture refers to it: H.264 `nal_ref_idc` is 0 (§7.4.1), or an H.265 sub-layer non-reference picture
    /// (table 7-1).
    disposable: bool,
}

/// The first slice in some NAL units.
pub(crate) fn first_slice(codec: Codec, framing: Framing, mut units: &[u8]) -> Option<Slice> {
    while let Some((nal, after)) = split(framing, units) {
        let found = match codec {
            Codec::H264 => h264_slice(nal),
            Codec::H265 => h265_slice(nal),
            Codec::Mjpeg => return None,
        };
        if found.is_some() {
            return found;
        }
        units = after;
    }
    None
}

fn h264_slice(nal: &[u8]) -> Option<Slice> {
    let (kind, begins) = (nal.first()? & 0x1f, nal.get(1)? & 0x80 != 0);
    let slice = Slice { begins_picture: begins, is_key: kind == 5, disposable: nal[0] & 0x60 == 0 };
    (1..=5).contains(&kind).then_some(slice)
}

fn h265_slice(nal: &[u8]) -> Option<Slice> {
    let (kind, begins) = (nal.first()? >> 1 & 0x3f, nal.get(2)? & 0x80 != 0);
    let (is_key, disposable) = ((16..24).contains(&kind), kind < 16 && kind % 2 == 0);
    (kind < 32).then_some(Slice { begins_picture: begins, is_key, disposable })
}

/// The next NAL unit, at least its head, and what lies behind it.
fn split(framing: Framing, data: &[u8]) -> Option<(&[u8], &[u8])> {
    match framing {
        Framing::Length(bytes) => {
            let (length, rest) = data.split_at_checked(bytes)?;
            let length = length.iter().fold(0, |n, &byte| n << 8 | usize::from(byte));
            rest.split_at_checked(length)
        }
        Framing::AnnexB => {
            let start = data.windows(3).position(|w| w == [0, 0, 1])? + 3;
            Some((&data[start..], &data[start..]))
        }
    }
}

/// The size of a JPEG by its frame header (ITU-T T.81 §B.2.2).
pub(crate) fn jpeg_size(picture: &[u8]) -> Option<Size> {
    let mut rest = picture.strip_prefix(&[0xff, 0xd8])?;
    loop {
        let (&[prefix, marker, high, low], after) = rest.split_first_chunk()?;
        if prefix != 0xff {
            return None;
        }
        // SOF0 to SOF15 but for DHT, JPG and DAC, which share their range.
        if (0xc0..=0xcf).contains(&marker) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            let (&[_, y1, y0, x1, x0], _) = after.split_first_chunk()?;
            return Some(Size::new(u16::from_be_bytes([x1, x0]).into(), u16::from_be_bytes([y1, y0]).into()));
        }
        // The length counts itself.
        rest = after.get(usize::from(u16::from_be_bytes([high, low])).checked_sub(2)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    #[test]
    fn disposable_units_are_known_in_both_framings() {
        for (codec, slice, disposable) in [
            (Codec::H264, 0x65, false),
            (Codec::H264, 0x41, false),
            (Codec::H264, 0x01, true),
            (Codec::H265, 0x26, false),
            (Codec::H265, 0x02, false),
            (Codec::H265, 0x00, true),
            (Codec::Mjpeg, 0x01, false),
        ] {
            // A unit delimiter comes first, as in a transport stream.
            let delimiter = if codec == Codec::H265 { 0x46 } else { 0x09 };
            let annex_b = [0, 0, 0, 1, delimiter, 0x10, 0, 0, 1, slice, 0x88, 0x84];
            let lengths = [0, 0, 0, 2, delimiter, 0x10, 0, 0, 0, 3, slice, 0x88, 0x84];
            assert_eq!(is_disposable(codec, Framing::AnnexB, &annex_b), disposable, "{codec} {slice:#x}");
            assert_eq!(is_disposable(codec, Framing::Length(4), &lengths), disposable, "{codec} {slice:#x}");
        }
    }

    #[test]
    fn the_head_of_a_slice_tells_where_pictures_begin() {
        for (codec, nal, begins_picture, is_key) in [
            (Codec::H264, [0x65, 0x88, 0x84], true, true),
            (Codec::H264, [0x65, 0x08, 0x84], false, true),
            (Codec::H264, [0x41, 0x9a, 0x02], true, false),
            (Codec::H265, [0x26, 0x01, 0xaf], true, true),
            (Codec::H265, [0x2a, 0x01, 0x2f], false, true),
            (Codec::H265, [0x02, 0x01, 0xd0], true, false),
        ] {
            let unit = [[0, 0, 1].as_slice(), &nal].concat();
            let slice = first_slice(codec, Framing::AnnexB, &unit).unwrap();
            assert_eq!((slice.begins_picture, slice.is_key), (begins_picture, is_key), "{codec} {nal:x?}");
        }
        assert_eq!(first_slice(Codec::H264, Framing::AnnexB, &[0, 0, 1, 0x67, 0x42, 0xc0]), None, "parameters only");
    }

    #[test]
    fn the_framing_follows_the_configuration() {
        let params = |extradata: &'static [u8]| CodecParams {
            codec: Codec::H264,
            extradata: Bytes::from_static(extradata),
            size: None,
        };
        assert_eq!(Framing::of(&params(&[1, 66, 0, 30, 0xff, 0xe1])), Framing::Length(4));
        assert_eq!(Framing::of(&params(&[1, 66, 0, 30, 0xfd, 0xe1])), Framing::Length(2));
        assert_eq!(Framing::of(&params(&[0, 0, 0, 1, 0x67])), Framing::AnnexB);
        assert_eq!(Framing::of(&params(&[])), Framing::AnnexB);
    }

    #[test]
    fn a_jpeg_states_its_size_behind_its_tables() {
        let mut jpeg = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xc4, 0, 3, 9];
        jpeg.extend([0xff, 0xc0, 0, 17, 8, 0x01, 0x68, 0x02, 0x80, 3]);
        assert_eq!(jpeg_size(&jpeg), Some(Size::new(640, 360)));
        assert_eq!(jpeg_size(&jpeg[..jpeg.len() - 3]), None);
        assert_eq!(jpeg_size(&[0xff, 0xd8, 0xff, 0xe0, 0, 1, 0, 0]), None);
        assert_eq!(jpeg_size(b"GIF89a"), None);
    }

    proptest! {
        #[test]
        fn garbage_is_read_without_harm(unit in prop::collection::vec(any::<u8>(), 0..64), bytes in 1_usize..5) {
            let _seen = jpeg_size(&[&[0xff, 0xd8, 0xff], unit.as_slice()].concat());
            for codec in [Codec::H264, Codec::H265, Codec::Mjpeg] {
                let _seen = (is_disposable(codec, Framing::AnnexB, &unit), is_disposable(codec, Framing::Length(bytes), &unit));
            }
        }
    }
}
