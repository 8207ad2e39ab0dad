//! What a camera may do wrong: damage in every form, sizes beyond all measure. Never a panic, each error counted, and
//! exact frames again from the next key frame on.

mod common;

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use common::{Clip, camera, feed, feed_all, md5, with_params};
use iris_core::{Codec, CodecParams, Epoch, FrameKey, MediaTime, Moment, MonoTime, Packet, Recovery, Size};
use iris_decode::{Decoder, Error, ErrorKind, FramePool, Limits};
use proptest::prelude::*;

const X264: &str = "-c:v libx264 -preset veryfast -g 10 -bf 2 -b_strategy 0";
const X265: &str = "-c:v libx265 -preset veryfast -x265-params log-level=none:keyint=10:bframes=2:open-gop=0";
const MJPEG: &str = "-c:v mjpeg -q:v 4 -pix_fmt yuvj420p";

struct Known {
    clip: Clip,
    reference: Vec<String>,
}

static CLIPS: [LazyLock<Known>; 5] = [
    LazyLock::new(|| Known::of("mp4", X264)),
    LazyLock::new(|| Known::of("ts", X264)),
    LazyLock::new(|| Known::of("mp4", X265)),
    LazyLock::new(|| Known::of("ts", X265)),
    LazyLock::new(|| Known::of("mkv", MJPEG)),
];

impl Known {
    fn of(extension: &str, encoder: &str) -> Self {
        let clip = Clip::new("320x180", 30, extension, encoder);
        let reference = clip.reference("", "");
        Self { clip, reference }
    }
}

/// Feeds the damaged packets of a clip's first two groups of pictures and then its third, which must come out exactly.
/// Returns the errors.
fn survive(known: &Known, damage: impl Fn(usize, &[u8]) -> Vec<u8>) -> Vec<Error> {
    let packets: Vec<Packet> = known.clip.packets[..20]
        .iter()
        .enumerate()
        .map(|(i, packet)| Packet { data: damage(i, &packet.data).into(), ..packet.clone() })
        .collect();
    let pool = FramePool::new();
    let mut decoder = Decoder::new(pool.clone(), Limits::default());
    let errors = feed_all(&mut decoder, &packets, drop);
    let mut hashes = Vec::new();
    assert_eq!(feed_all(&mut decoder, &known.clip.packets[20..], |frame| hashes.push(md5(&frame))), []);
    assert_eq!(hashes, known.reference[20..]);
    assert_eq!((pool.outstanding(), decoder.in_flight()), (0, 0));
    errors
}

#[test]
fn truncated_access_units_are_survived() {
    for (i, known) in CLIPS.iter().enumerate() {
        let errors =
            survive(known, |i, data| data[..if (12..15).contains(&i) { data.len() / 2 } else { data.len() }].into());
        // Of H.265 with start codes libavcodec fills in what is missing without a word; only ingest can know.
        assert!(!errors.is_empty() || i == 3, "clip {i}");
        for error in errors {
            assert_eq!(error.recovery(), Recovery::Retry);
            assert!((12..20).contains(&error.key().seq), "clip {i}: {error}");
        }
    }
}

#[test]
fn what_depends_on_a_damaged_picture_is_not_shown() {
    let known = &CLIPS[0];
    let mut decoder = Decoder::new(FramePool::new(), Limits::default());
    let mut packets = known.clip.packets.clone();
    let half = packets[10].data.len() / 2;
    packets[10].data.truncate(half);
    let mut shown = Vec::new();
    let errors = feed_all(&mut decoder, &packets, |frame| shown.push(frame.key.seq));
    assert_eq!(errors.iter().filter(|error| error.kind() == ErrorKind::Corrupt).count(), 1, "{errors:?}");
    shown.sort_unstable();
    let awaited =
        errors.iter().filter(|error| error.kind() == ErrorKind::AwaitingKeyframe).map(|error| error.key().seq);
    let awaited: Vec<u64> = awaited.collect();
    assert!(awaited.len() >= 6 && awaited.ends_with(&[19]), "{awaited:?}");
    assert!(shown.ends_with(&(20..30).collect::<Vec<_>>()), "{shown:?}");
}

#[test]
fn every_access_unit_cut_to_any_length_is_survived() {
    for known in &CLIPS {
        for keep in [1, 3, 4, 5, 7, 20, 60] {
            survive(known, |_, data| data[..keep.min(data.len())].into());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bits_are_survived(clip in 0..5_usize, flips in prop::collection::vec((0..20_usize, any::<prop::sample::Index>(), 0..8_u8), 1..40)) {
        survive(&CLIPS[clip], |i, data| {
            let mut data = data.to_vec();
            for (_, at, bit) in flips.iter().filter(|(packet, ..)| *packet == i) {
                let at = at.index(data.len());
                data[at] ^= 1 << bit;
            }
            data
        });
    }

    #[test]
    fn random_bytes_are_survived(
        codec in prop::sample::select(vec![Codec::H264, Codec::H265, Codec::Mjpeg]),
        extradata in prop::collection::vec(any::<u8>(), 0..40),
        units in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..400)), 1..20),
    ) {
        let params = Arc::new(CodecParams { codec, extradata: extradata.into(), size: None });
        // A start code and a slice, a parameter set or a picture's start in front gets further than noise alone.
        let heads: [&[u8]; 4] = [&[0, 0, 0, 1, 0x65], &[0, 0, 0, 1, 0x67], &[0, 0, 0, 1, 0x42, 1], &[0xff, 0xd8, 0xff, 0xc0]];
        let packets: Vec<Packet> = units.iter().enumerate().map(|(seq, (is_key, noise))| {
            let data = [heads[seq % heads.len()], noise].concat();
            unit(seq as u64, *is_key, &params, data)
        }).collect();
        let pool = FramePool::new();
        let mut decoder = Decoder::new(pool.clone(), Limits { max_pixels: 1 << 20 });
        feed_all(&mut decoder, &packets, drop);
        drop(decoder);
        prop_assert_eq!(pool.outstanding(), 0);
    }
}

fn unit(seq: u64, is_key: bool, params: &Arc<CodecParams>, data: Vec<u8>) -> Packet {
    let at = Moment { media: MediaTime::from_millis(seq as i64 * 100), wall: None };
    Packet {
        key: FrameKey { camera: camera(), epoch: Epoch::first(1), seq },
        at,
        dts: at.media,
        received: MonoTime::default(),
        is_key,
        disposable: false,
        lost_before: 0,
        params: Arc::clone(params),
        data: data.into(),
    }
}

#[test]
fn a_stated_size_beyond_the_limit_is_refused_before_anything_is_opened() {
    let packets = with_params(&CLIPS[0].clip.packets[..2], |params| CodecParams {
        size: Some(Size::new(16384, 16384)),
        ..params.clone()
    });
    let mut decoder = Decoder::new(FramePool::new(), Limits::default());
    let errors = feed(&mut decoder, &packets, drop);
    assert_eq!(errors.iter().map(Error::kind).collect::<Vec<_>>(), [ErrorKind::TooLarge; 2]);
    assert_eq!(errors[1].recovery(), Recovery::GiveUp);
    assert_eq!(errors[0].to_string(), "test/1.0/0: a picture of 16384x16384 has more than the 9437184 pixels allowed");
}

/// An H.264 sequence parameter set (H.264 §7.3.2.1.1) of baseline profile with that many macroblocks each way.
fn sps(width_in_mbs: u32, height_in_mbs: u32) -> Vec<u8> {
    let mut bits = String::new();
    let ue = |bits: &mut String, value: u32| {
        let code = format!("{:b}", value + 1);
        bits.push_str(&"0".repeat(code.len() - 1));
        bits.push_str(&code);
    };
    // Id, bits of the frame number, order count type, reference frames; no gaps.
    for value in [0, 0, 2, 1] {
        ue(&mut bits, value);
    }
    bits.push('0');
    ue(&mut bits, width_in_mbs - 1);
    ue(&mut bits, height_in_mbs - 1);
    // Frames only, 8×8 inference, no cropping, no VUI, stop.
    bits.push_str("11001");
    bits.push_str(&"0".repeat(bits.len().next_multiple_of(8) - bits.len()));
    let tail = (0..bits.len()).step_by(8).map(|at| u8::from_str_radix(&bits[at..at + 8], 2).expect("bits"));
    [0, 0, 0, 1, 0x67, 66, 0, 51].into_iter().chain(tail).collect()
}

/// The most memory that this process ever held, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM")).expect("the peak");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

#[test]
fn a_size_beyond_the_limit_in_the_stream_is_refused_without_allocating() {
    iris_decode::install_log(|_| ());
    let clip = Clip::new("320x180", 1, "ts", "-c:v libx264 -profile:v baseline -preset veryfast -g 1");
    let data = &clip.packets[0].data;
    let is_sps = |window: &[u8]| window[..4] == [0, 0, 1, 0x67];
    let start = data.windows(4).position(is_sps).expect("an SPS") - 1;
    let end = start + 4 + data[start + 4..].windows(3).position(|window| window == [0, 0, 1]).expect("more");
    for (mbs, says) in [(1024, "16384x16384"), (400, "6400x6400")] {
        let huge = [&data[..start], &sps(mbs, mbs), &data[end..]].concat();
        let packet = Packet { data: Bytes::from(huge), ..clip.packets[0].clone() };
        let packets =
            with_params(&[packet], |params| CodecParams { extradata: Bytes::new(), size: None, ..params.clone() });
        let mut decoder = Decoder::new(FramePool::new(), Limits::default());
        let before = peak_kib();
        let errors = feed_all(&mut decoder, &packets, |_| panic!("no frame"));
        assert!(peak_kib() - before < 16 << 10, "{} KiB", peak_kib() - before);
        assert_eq!(errors.iter().map(Error::kind).collect::<Vec<_>>(), [ErrorKind::Corrupt]);
        assert!(errors[0].to_string().contains(says), "{}", errors[0]);
    }
}

#[test]
fn limits_hold_for_every_codec() {
    for known in &CLIPS {
        let packets = with_params(&known.clip.packets, |params| CodecParams { size: None, ..params.clone() });
        let mut decoder = Decoder::new(FramePool::new(), Limits { max_pixels: 320 * 180 - 1 });
        let errors = feed_all(&mut decoder, &packets, |_| panic!("no frame"));
        assert_eq!(errors.len(), 30);
    }
}
