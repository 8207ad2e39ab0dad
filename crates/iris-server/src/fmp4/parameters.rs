//! What a player must know before the first picture: the decoder configuration records `avcC` and `hvcC` (ISO/IEC
//! 14496-15), made from parameter sets where a source has no record, and the codec's name for browsers (RFC 6381).

use std::fmt::Write;

use iris_core::{Codec, Packet, Size};
use mp4_atom::{Atom, Avc1, Avcc, Hvc1, HvcCArray, Hvcc, Visual};

use super::Unsupported;
use super::nal::{Bits, h264_type, h265_type, payload, split};

/// A stream as a sample entry of a movie, and how its access units must be framed for that.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Description {
    pub(super) entry: mp4_atom::Codec,
    /// The `codecs` parameter, such as `avc1.64001f`.
    pub(super) codecs: String,
    pub(super) size: Size,
    /// Its access units hold start codes, which become lengths.
    pub(super) has_start_codes: bool,
}

/// Describes the stream that `key`, a key frame, is of.
pub(super) fn describe(key: &Packet) -> Result<Description, Unsupported> {
    let params = &*key.params;
    let size = params.size.ok_or_else(|| Unsupported::parameters("the size of its picture is not known"))?;
    // Both records start with their version, 1; start codes start with 0.
    let has_start_codes = params.extradata.first() != Some(&1);
    let visual = visual(size)?;
    // What comes with the key frame is newer than what came before the stream.
    let sets = || split(&key.data).chain(split(&params.extradata)).collect::<Vec<_>>();
    let (entry, codecs) = match params.codec {
        Codec::Mjpeg => return Err(Unsupported::Codec(Codec::Mjpeg)),
        Codec::H264 => {
            let record = if has_start_codes { avcc(&sets())? } else { decode(&params.extradata)? };
            let codecs = h264_codecs(&record);
            (mp4_atom::Codec::Avc1(avc1(visual, record)), codecs)
        }
        Codec::H265 => {
            let record = if has_start_codes { hvcc(&sets())? } else { decode(&params.extradata)? };
            let codecs = h265_codecs(&record);
            (mp4_atom::Codec::Hvc1(hvc1(visual, record)), codecs)
        }
    };
    Ok(Description { entry, codecs, size, has_start_codes })
}

/// Whether a NAL unit is a parameter set or a delimiter, which a movie has in its head and not in its samples.
pub(super) fn is_in_head(codec: Codec, unit: &[u8]) -> bool {
    match codec {
        Codec::H264 => matches!(h264_type(unit), 7..=9),
        Codec::H265 => matches!(h265_type(unit), 32..=35),
        Codec::Mjpeg => false,
    }
}

fn visual(size: Size) -> Result<Visual, Unsupported> {
    let side = |n: u32| u16::try_from(n).map_err(|_| Unsupported::parameters("its picture is too large"));
    Ok(Visual { data_reference_index: 1, width: side(size.width)?, height: side(size.height)?, ..Visual::default() })
}

fn decode<A: Atom>(record: &[u8]) -> Result<A, Unsupported> {
    A::decode_body(&mut &*record).map_err(|error| Unsupported::Parameters(error.to_string()))
}

fn avc1(visual: Visual, avcc: Avcc) -> Avc1 {
    Avc1 { visual, avcc, ..Avc1::default() }
}

fn hvc1(visual: Visual, hvcc: Hvcc) -> Hvc1 {
    Hvc1 { visual, hvcc, ..Hvc1::default() }
}

fn avcc(units: &[&[u8]]) -> Result<Avcc, Unsupported> {
    let of = |kind| units.iter().find(|unit| h264_type(unit) == kind);
    match (of(7), of(8)) {
        (Some(sps), Some(pps)) => Avcc::new(sps, pps).map_err(|error| Unsupported::Parameters(error.to_string())),
        _ => Err(Unsupported::parameters("its parameter sets are missing")),
    }
}

/// `avc1.` and the profile, constraints and level in hexadecimal (RFC 6381 §3.3).
fn h264_codecs(record: &Avcc) -> String {
    let [a, b, c] = [record.avc_profile_indication, record.profile_compatibility, record.avc_level_indication];
    format!("avc1.{a:02x}{b:02x}{c:02x}")
}

/// The record of the first of each parameter set (ISO/IEC 14496-15 §8.3.3.1).
fn hvcc(units: &[&[u8]]) -> Result<Hvcc, Unsupported> {
    let missing = || Unsupported::parameters("its parameter sets are missing");
    let of = |kind| units.iter().find(|unit| h265_type(unit) == kind).ok_or_else(missing);
    let array = |kind| {
        let nalus = vec![of(kind)?.to_vec()];
        Ok(HvcCArray { completeness: true, nal_unit_type: kind, nalus })
    };
    let arrays = [32, 33, 34].into_iter().map(array).collect::<Result<_, Unsupported>>()?;
    let record = sps(&payload(of(33)?)).ok_or_else(|| Unsupported::parameters("its parameter sets are cut off"))?;
    Ok(Hvcc { arrays, length_size_minus_one: 3, ..record })
}

/// What the record repeats of a sequence parameter set (ITU-T H.265 §7.3.2.2.1 and §7.3.3).
fn sps(sps: &[u8]) -> Option<Hvcc> {
    // Two bytes of NAL unit header, one of ids, and twelve of profile, tier and level.
    let &[_, _, ids, profile, c0, c1, c2, c3, i0, i1, i2, i3, i4, i5, level] = sps.first_chunk()?;
    let mut bits = Bits::new(sps);
    bits.skip(15 * 8);
    let sub_layers = ids >> 1 & 7;
    skip_sub_layers(&mut bits, sub_layers.into())?;
    let _id = bits.golomb()?;
    let chroma = bits.golomb()?;
    bits.skip(usize::from(chroma == 3));
    let (_width, _height) = (bits.golomb()?, bits.golomb()?);
    if bits.read(1)? == 1 {
        for _ in 0..4 {
            bits.golomb()?;
        }
    }
    Some(Hvcc {
        general_profile_space: profile >> 6,
        general_tier_flag: profile >> 5 & 1 == 1,
        general_profile_idc: profile & 0x1f,
        general_profile_compatibility_flags: [c0, c1, c2, c3],
        general_constraint_indicator_flags: [i0, i1, i2, i3, i4, i5],
        general_level_idc: level,
        chroma_format_idc: chroma as u8,
        bit_depth_luma_minus8: bits.golomb()? as u8,
        bit_depth_chroma_minus8: bits.golomb()? as u8,
        num_temporal_layers: sub_layers + 1,
        temporal_id_nested: ids & 1 == 1,
        ..Hvcc::new()
    })
}

fn skip_sub_layers(bits: &mut Bits<'_>, n: usize) -> Option<()> {
    let mut skip = 0;
    for _ in 0..n {
        skip += 88 * bits.read(1)? as usize + 8 * bits.read(1)? as usize;
    }
    if n > 0 {
        bits.skip(2 * (8 - n));
    }
    bits.skip(skip);
    Some(())
}

/// The name of ISO/IEC 14496-15 annex E: profile, compatibility in reverse, tier and level, constraints without the
/// zeros at their end.
fn h265_codecs(record: &Hvcc) -> String {
    let space = ["", "A", "B", "C"][usize::from(record.general_profile_space & 3)];
    let compatibility = u32::from_be_bytes(record.general_profile_compatibility_flags).reverse_bits();
    let tier = if record.general_tier_flag { 'H' } else { 'L' };
    let (profile, level) = (record.general_profile_idc, record.general_level_idc);
    let mut name = format!("hvc1.{space}{profile}.{compatibility:X}.{tier}{level}");
    let constraints = &record.general_constraint_indicator_flags;
    let used = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    for byte in &constraints[..used] {
        // A string takes all.
        write!(name, ".{byte:X}").ok();
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_browsers_know() {
        let avcc = Avcc { avc_profile_indication: 0x64, avc_level_indication: 0x1f, ..Avcc::default() };
        assert_eq!(h264_codecs(&avcc), "avc1.64001f");
        // The examples of annex E: main profile, and one with constraints and the high tier.
        let main = Hvcc {
            general_profile_idc: 1,
            general_profile_compatibility_flags: [0x60, 0, 0, 0],
            general_constraint_indicator_flags: [0xb0, 0, 0, 0, 0, 0],
            general_level_idc: 93,
            ..Hvcc::new()
        };
        assert_eq!(h265_codecs(&main), "hvc1.1.6.L93.B0");
        let other = Hvcc {
            general_profile_space: 1,
            general_profile_idc: 4,
            general_profile_compatibility_flags: [0x08, 0, 0, 0],
            general_constraint_indicator_flags: [0xb9, 0x88, 0, 0, 0, 0],
            general_level_idc: 120,
            general_tier_flag: true,
            ..Hvcc::new()
        };
        assert_eq!(h265_codecs(&other), "hvc1.A4.10.H120.B9.88");
    }
}
