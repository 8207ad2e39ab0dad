//! The boxes of a fragmented movie with one video track (ISO/IEC 14496-12 §8.8): its head, and its fragments. What a
//! track is and when a fragment is due belongs to the parent.

use bytes::{BufMut, Bytes, BytesMut};
use iris_core::WallTime;
use mp4_atom::{
    Dinf, Dref, Encode, FourCC, Ftyp, Hdlr, Mdhd, Mdia, Mehd, Mfhd, Minf, Moof, Moov, Mvex, Mvhd, Prft, ReferenceTime,
    SegmentReference, Sidx, Stbl, Stsd, Tfdt, Tfhd, Tkhd, Traf, Trak, Trex, Trun, TrunEntry, Url, Vmhd,
};

use super::parameters::Description;
use super::{Indexed, MOST_FRAGMENTS, Sample, TIMESCALE, Timing, Unsupported};

const TRACK: u32 = 1;
/// Seconds from 1900, where NTP's timestamps begin, to 1970 (RFC 5905 §6).
const NTP_EPOCH: u64 = 2_208_988_800;
/// Where decoding can start: it depends on no other.
const KEY: u32 = 2 << 24;
/// It depends on others, and is no place to start.
const NON_KEY: u32 = 1 << 24 | 1 << 16;
/// No other depends on it.
const DISPOSABLE: u32 = 2 << 22;

/// The head: `ftyp` and `moov`. `duration` in ticks, where it is known.
pub(super) fn head(description: &Description, duration: Option<u64>) -> Result<Bytes, Unsupported> {
    let brand = |name| FourCC::new(name);
    let ftyp = Ftyp {
        major_brand: brand(b"iso6"),
        minor_version: 0,
        compatible_brands: vec![brand(b"iso6"), brand(b"mp41"), brand(b"dash")],
    };
    let moov = Moov {
        mvhd: Mvhd { timescale: TIMESCALE, next_track_id: TRACK + 1, ..Mvhd::default() },
        meta: None,
        mvex: Some(Mvex {
            mehd: duration.map(|fragment_duration| Mehd { fragment_duration }),
            trex: vec![Trex { track_id: TRACK, default_sample_description_index: 1, ..Trex::default() }],
        }),
        trak: vec![track(description)],
        udta: None,
        ainf: None,
    };
    let mut out = BytesMut::new();
    ftyp.encode(&mut out).and_then(|()| moov.encode(&mut out)).map_err(Unsupported::encode)?;
    Ok(out.freeze())
}

/// The head with an index of the fragments behind it, and room for the largest index.
pub(super) fn indexed_head(description: &Description, fragments: &[Indexed]) -> Result<Bytes, Unsupported> {
    let duration = fragments.iter().map(|fragment| u64::from(fragment.duration)).sum();
    let index = |first_offset| Sidx {
        reference_id: TRACK,
        timescale: TIMESCALE,
        earliest_presentation_time: fragments.first().map_or(0, |first| first.show.unsigned_abs()),
        first_offset,
        references: fragments.iter().map(reference).collect(),
    };
    // Twelve bytes each, and the head of the box that fills the rest.
    let room = MOST_FRAGMENTS.checked_sub(fragments.len()).map(|free| 12 * free);
    let room = room.ok_or_else(|| Unsupported::parameters("it has too many fragments"))?;
    let mut out = BytesMut::from(&head(description, Some(duration))?[..]);
    index(room as u64 + 8).encode(&mut out).map_err(Unsupported::encode)?;
    out.put_u32(room as u32 + 8);
    out.put_slice(b"free");
    out.put_bytes(0, room);
    Ok(out.freeze())
}

fn reference(fragment: &Indexed) -> SegmentReference {
    SegmentReference {
        reference_type: false,
        referenced_size: fragment.bytes,
        subsegment_duration: fragment.duration,
        starts_with_sap: fragment.starts_with_key,
        sap_type: u8::from(fragment.starts_with_key),
        sap_delta_time: 0,
    }
}

fn track(description: &Description) -> Trak {
    let size = description.size;
    let stbl = Stbl { stsd: Stsd { codecs: vec![description.entry.clone()] }, ..Stbl::default() };
    Trak {
        tkhd: Tkhd {
            track_id: TRACK,
            enabled: true,
            in_movie: true,
            width: (size.width as u16).into(),
            height: (size.height as u16).into(),
            ..Tkhd::default()
        },
        mdia: Mdia {
            mdhd: Mdhd { timescale: TIMESCALE, language: "und".into(), ..Mdhd::default() },
            hdlr: Hdlr { handler: FourCC::new(b"vide"), name: "video".into() },
            minf: Minf {
                vmhd: Some(Vmhd::default()),
                dinf: Dinf { dref: Dref { entries: vec![mp4_atom::DrefEntry::Url(Url::default())] } },
                stbl,
                ..Minf::default()
            },
        },
        ..Trak::default()
    }
}

/// A fragment: `moof` and `mdat`. Samples lie in the order in which they are decoded; the first gives the time.
pub(super) fn fragment(sequence: u32, samples: &[Sample], received: Option<WallTime>) -> Result<Bytes, Unsupported> {
    let Some(first) = samples.first() else { return Ok(Bytes::new()) };
    let entries: Vec<TrunEntry> = samples.iter().map(entry).collect();
    let moof = |offset| Moof {
        mfhd: Mfhd { sequence_number: sequence },
        traf: vec![Traf {
            tfhd: Tfhd { track_id: TRACK, default_base_is_moof: true, ..Tfhd::default() },
            tfdt: Some(Tfdt { base_media_decode_time: first.timing.decode.unsigned_abs() }),
            trun: vec![Trun { data_offset: Some(offset), samples: entries.clone().into() }],
            ..Traf::default()
        }],
    };
    let payload: usize = samples.iter().map(|sample| sample.data.len()).sum();
    let mut out = BytesMut::with_capacity(payload + 160 + 16 * samples.len());
    moof(0).encode(&mut out).map_err(Unsupported::encode)?;
    // The samples begin behind the head of `mdat`, as far from the start of `moof` as is now known.
    let offset = out.len() + 8;
    out.clear();
    if let Some(at) = received {
        reference_time(first, at).encode(&mut out).map_err(Unsupported::encode)?;
    }
    moof(offset as i32).encode(&mut out).map_err(Unsupported::encode)?;
    out.put_u32(u32::try_from(payload + 8).map_err(|_| Unsupported::parameters("a fragment is too large"))?);
    out.put_slice(b"mdat");
    for sample in samples {
        out.put_slice(&sample.data);
    }
    Ok(out.freeze())
}

/// When a sample reached us, by the wall clock (ISO/IEC 14496-12 §8.16.5).
fn reference_time(sample: &Sample, at: WallTime) -> Prft {
    let micros = at.unix_micros.unsigned_abs();
    let (seconds, rest) = (micros / 1_000_000 + NTP_EPOCH, micros % 1_000_000);
    Prft {
        reference_track_id: TRACK,
        ntp_timestamp: (seconds << 32) | ((rest << 32) / 1_000_000),
        media_time: sample.timing.show.unsigned_abs(),
        utc_time_semantics: ReferenceTime::RealTime,
    }
}

fn entry(sample: &Sample) -> TrunEntry {
    let flags = if sample.is_key { KEY } else { NON_KEY };
    let flags = if sample.disposable { flags | DISPOSABLE } else { flags };
    let Timing { decode, show, duration } = sample.timing;
    TrunEntry {
        duration: Some(duration),
        size: Some(sample.data.len() as u32),
        flags: Some(flags),
        cts: Some(show.saturating_sub(decode)),
    }
}
