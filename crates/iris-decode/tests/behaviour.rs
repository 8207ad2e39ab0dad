//! What a decoder does between good frames: starting, gaps, skipping, changes of the stream, misuse.

mod common;

use std::sync::Arc;

use bytes::Bytes;
use common::{Clip, NOW, feed, feed_all, md5, pull, with_params};
use iris_core::{Codec, CodecParams, DropReason, Packet, Recovery, Size};
use iris_decode::{Decoder, ErrorKind, FramePool, Limits, Skip};

fn decoder() -> Decoder {
    Decoder::new(FramePool::new(), Limits::default())
}

fn reordered() -> Clip {
    Clip::new("320x180", 30, "mp4", "-c:v libx264 -preset veryfast -g 10 -bf 3 -b_strategy 0")
}

/// The numbers of the frames that come of these packets, none held back, and the kinds of the errors.
fn run(decoder: &mut Decoder, packets: &[Packet]) -> (Vec<u64>, Vec<ErrorKind>) {
    let mut seqs = Vec::new();
    let errors = feed(decoder, packets, |frame| seqs.push(frame.key.seq));
    (seqs, errors.iter().map(iris_decode::Error::kind).collect())
}

#[test]
fn it_can_be_moved_between_threads() {
    fn is_send<T: Send>() {}
    is_send::<Decoder>();
    is_send::<Arc<FramePool>>();
}

#[test]
fn it_starts_and_resumes_at_key_frames() {
    let clip = Clip::baseline("320x180", 30);
    let mut decoder = decoder();
    let waits = ErrorKind::AwaitingKeyframe;
    assert_eq!(run(&mut decoder, &clip.packets[7..12]), (vec![10, 11], vec![waits; 3]));
    decoder.flush();
    assert_eq!(run(&mut decoder, &clip.packets[15..22]), (vec![20, 21], vec![waits; 5]));
    let counts = decoder.counts();
    assert_eq!((counts.pushed, counts.frames, counts.awaiting_keyframe), (12, 4, 8));
    let error = decoder_error(&mut decoder, &clip.packets[3]);
    assert_eq!((error.recovery(), error.drop_reason()), (Recovery::Retry, DropReason::AwaitingKeyframe));
    assert_eq!(error.to_string(), "test/1.0/3: depends on a picture that is missing; waiting for a key frame");
}

/// The error of a packet after a gap.
fn decoder_error(decoder: &mut Decoder, packet: &Packet) -> iris_decode::Error {
    decoder.flush();
    decoder.push(packet).expect_err("refused")
}

#[test]
fn a_gap_loses_what_was_held_back_unless_it_is_drained() {
    let clip = reordered();
    let mut decoder = decoder();
    let (before, _) = run(&mut decoder, &clip.packets[..8]);
    assert!(decoder.in_flight() > 0 && before.len() < 8, "{before:?}");
    decoder.flush();
    assert_eq!(decoder.in_flight(), 0);
    assert_eq!(decoder.counts().undisplayed, 8 - before.len() as u64);
    let mut shown = 0;
    feed_all(&mut decoder, &clip.packets[10..18], |_| shown += 1);
    assert_eq!(shown, 8);
    // After draining, it starts at a key frame again, with nothing lost.
    feed_all(&mut decoder, &clip.packets[20..], |_| shown += 1);
    assert_eq!((shown, decoder.in_flight()), (18, 0));
}

#[test]
fn only_key_frames_come_out_at_once_and_the_rest_waits_for_one() {
    let clip = reordered();
    let reference = clip.reference("", "");
    let mut decoder = decoder();
    decoder.set_skip(Skip::NonKey);
    for (seq, packet) in clip.packets[..15].iter().enumerate() {
        decoder.push(packet).expect("taken");
        let (frames, errors) = pull(&mut decoder);
        assert_eq!((frames.len(), errors.len()), (usize::from(seq % 10 == 0), 0), "packet {seq}");
        assert!(frames.iter().all(|frame| md5(frame) == reference[seq]), "packet {seq}");
    }
    assert_eq!((decoder.counts().frames, decoder.counts().skipped), (2, 13));
    decoder.set_skip(Skip::Nothing);
    assert_eq!(run(&mut decoder, &clip.packets[15..20]).1, [ErrorKind::AwaitingKeyframe; 5]);
    let mut shown = Vec::new();
    feed_all(&mut decoder, &clip.packets[20..], |frame| shown.push(md5(&frame)));
    assert_eq!(shown, reference[20..]);
}

#[test]
fn non_reference_frames_are_left_out_whether_or_not_they_are_marked() {
    let clip = reordered();
    let reference = clip.reference("", "");
    let seen = |packets: &[Packet]| {
        let mut decoder = decoder();
        decoder.set_skip(Skip::NonReference);
        let mut shown = Vec::new();
        let errors = feed_all(&mut decoder, packets, |frame| shown.push((frame.key.seq, md5(&frame))));
        assert_eq!(errors, []);
        (shown, decoder.counts())
    };
    let (shown, counts) = seen(&clip.packets);
    assert!(shown.len() < 20 && shown.iter().all(|(_, hash)| reference.contains(hash)), "{}", shown.len());
    assert_eq!((counts.undisplayed, counts.skipped), (30 - shown.len() as u64, 0));

    let marked: Vec<Packet> = clip
        .packets
        .iter()
        .cloned()
        .map(|packet| {
            let disposable = !shown.iter().any(|(seq, _)| *seq == packet.key.seq);
            Packet { disposable, ..packet }
        })
        .collect();
    let (again, counts) = seen(&marked);
    assert_eq!(again, shown);
    assert_eq!((counts.undisplayed, counts.skipped), (0, 30 - shown.len() as u64));
}

#[test]
fn without_deblocking_key_frames_stay_and_the_others_drift_a_little() {
    let clip = reordered();
    let luma = |deblocking: bool| {
        let mut decoder = decoder();
        decoder.set_deblocking(deblocking);
        let mut shown = Vec::new();
        let errors = feed_all(&mut decoder, &clip.packets, |frame| shown.push(frame.plane(0).data.to_vec()));
        assert_eq!(errors, []);
        shown
    };
    let keys: Vec<bool> = clip.packets.iter().map(|packet| packet.is_key).collect();
    let (sharp, rough) = (luma(true), luma(false));
    let mut drifted = 0;
    for (n, (a, b)) in sharp.iter().zip(&rough).enumerate() {
        let off: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        assert!(off == 0 || !keys[n], "key frame {n} is off by {off}");
        assert!(off < a.len() as u64 * 3, "frame {n} is off by {off}");
        drifted += u32::from(off > 0);
    }
    assert!(drifted > 10, "{drifted} of {} are not as they were", sharp.len());
}

#[test]
fn a_change_of_parameters_loses_no_frame() {
    let clips = [
        reordered(),
        Clip::new("320x240", 12, "mp4", "-c:v libx264 -preset veryfast -bf 2 -b_strategy 0"),
        Clip::new("160x120", 5, "mkv", "-c:v mjpeg -pix_fmt yuvj422p"),
        Clip::new("320x180", 12, "mp4", "-c:v libx265 -preset veryfast -x265-params log-level=none"),
    ];
    let packets: Vec<Packet> = clips.iter().flat_map(|clip| clip.packets.iter().cloned()).collect();
    let reference: Vec<String> = clips.iter().flat_map(|clip| clip.reference("", "")).collect();
    let (mut hashes, mut sizes) = (Vec::new(), Vec::new());
    let mut decoder = decoder();
    let errors = feed_all(&mut decoder, &packets, |frame| {
        hashes.push(md5(&frame));
        sizes.push(frame.size);
    });
    assert_eq!(errors, []);
    assert_eq!(hashes, reference);
    sizes.dedup();
    assert_eq!(sizes, [Size::new(320, 180), Size::new(320, 240), Size::new(160, 120), Size::new(320, 180)]);
}

#[test]
fn a_change_of_resolution_within_the_stream_is_followed() {
    let encoder = "-c:v libx264 -profile:v baseline -preset veryfast -g 10";
    let clips = ["320x180", "640x360", "160x90"].map(|size| Clip::new(size, 10, "ts", encoder));
    let packets: Vec<Packet> = clips.iter().flat_map(|clip| clip.packets.iter().cloned()).collect();
    // Nothing but the parameter sets among the access units says so.
    let packets = with_params(&packets, |params| CodecParams { extradata: Bytes::new(), size: None, ..params.clone() });
    let reference: Vec<String> = clips.iter().flat_map(|clip| clip.reference("", "")).collect();
    let mut hashes = Vec::new();
    assert_eq!(feed_all(&mut decoder(), &packets, |frame| hashes.push(md5(&frame))), []);
    assert_eq!(hashes, reference);
}

#[test]
fn equal_parameters_in_another_place_are_no_change() {
    let clip = reordered();
    let packets: Vec<Packet> = clip
        .packets
        .iter()
        .cloned()
        .map(|packet| {
            let params = Arc::new(CodecParams::clone(&packet.params));
            Packet { params, ..packet }
        })
        .collect();
    let mut frames = 0;
    assert_eq!(feed_all(&mut decoder(), &packets, |_| frames += 1), []);
    assert_eq!(frames, 30);
}

#[test]
fn pushing_without_pulling_is_refused_and_loses_nothing() {
    let clip = Clip::baseline("320x180", 10);
    let mut decoder = decoder();
    let mut frames = Vec::new();
    let mut refused = 0;
    for packet in &clip.packets {
        while let Err(error) = decoder.push(packet) {
            assert_eq!((error.kind(), error.recovery()), (ErrorKind::NotPulled, Recovery::Retry));
            refused += 1;
            frames.push(decoder.pull(NOW).expect("good").expect("one").key.seq);
        }
    }
    assert!(refused > 0);
    frames.extend(pull(&mut decoder).0.iter().map(|frame| frame.key.seq));
    assert_eq!(frames, (0..10).collect::<Vec<_>>());
    assert_eq!(decoder.counts().pushed, 10);
}

#[test]
fn parameters_that_are_none_are_refused_until_they_change() {
    let clip = Clip::baseline("320x180", 3);
    let mut decoder = decoder();
    let bad = with_params(&clip.packets, |params| CodecParams {
        extradata: Bytes::from_static(&[1, 66, 0, 30, 0xff, 0xe1, 0xff, 0xff, 0]),
        ..params.clone()
    });
    let errors = feed(&mut decoder, &bad, |_| panic!("no frame"));
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert_eq!(run(&mut decoder, &clip.packets), (vec![0, 1, 2], vec![]));
}

#[test]
fn an_empty_access_unit_is_no_end() {
    let clip = Clip::baseline("320x180", 20);
    let mut decoder = decoder();
    let mut packets = clip.packets.clone();
    packets[5].data = Bytes::new();
    let (seqs, errors) = run(&mut decoder, &packets);
    assert_eq!(seqs, (0..5).chain(10..20).collect::<Vec<_>>());
    assert_eq!(errors[0], ErrorKind::Corrupt);
    assert_eq!(errors[1..], [ErrorKind::AwaitingKeyframe; 4]);
}

#[test]
fn every_codec_has_its_decoder() {
    for codec in [Codec::H264, Codec::H265, Codec::Mjpeg] {
        let params = CodecParams { codec, extradata: Bytes::new(), size: None };
        let clip = Clip::baseline("320x180", 1);
        let packet = Packet { params: Arc::new(params), data: Bytes::new(), ..clip.packets[0].clone() };
        assert_eq!(decoder().push(&packet).map_err(|error| error.kind()), Err(ErrorKind::Corrupt), "{codec}");
    }
}

/// As from a container that says only when to decode: pictures sent ahead of their turn claim the time of their sending.
#[test]
fn times_never_go_back_even_where_they_are_those_of_decoding() {
    let mut clip = reordered();
    let times: Vec<_> = {
        let mut times: Vec<_> = clip.packets.iter().map(|packet| packet.at).collect();
        times.sort_by_key(|at| at.media);
        times
    };
    for (packet, at) in clip.packets.iter_mut().zip(&times) {
        packet.at = *at;
    }
    let mut shown = Vec::new();
    feed_all(&mut decoder(), &clip.packets, |frame| shown.push(frame.at.media));
    assert_eq!(shown.len(), 30);
    assert!(shown.is_sorted(), "{shown:?}");
}
