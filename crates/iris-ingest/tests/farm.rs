//! Simulated cameras that break on request, each beside others that must not notice.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use iris_core::{Codec, Epoch, GapReason, Item, Packet, Size};
use iris_ingest::{CameraStream, ErrorKind, Output, State, Transport};
use iris_sim::{Clip, Credentials, Farm, Fault};
use support::{
    Clips, H264, H265, TRANSPORTS, assert_sane, by, first_failure, first_packets, impatient, open, packets, source,
    until,
};
use tokio::task::JoinSet;

const HOUR: i64 = 3600 * 90_000;

async fn farm(cameras: usize) -> (Farm, Clips) {
    let clips = Clips::new();
    let farm = Farm::builder().clip(clips.make("a.mp4", 4, H264)).cameras(cameras).start().await.unwrap();
    (farm, clips)
}

fn is_gap(output: &Output, reason: GapReason) -> bool {
    matches!(output, Output::Item(Item::Gap(r)) if *r == reason)
}

/// Reads up to a gap for this reason, and one access unit more.
async fn past(stream: &mut CameraStream, reason: GapReason) -> Vec<Output> {
    let mut seen = false;
    until(stream, |o| {
        seen |= is_gap(o, reason);
        seen && support::is_packet(o)
    })
    .await
}

fn last(outputs: Vec<Output>) -> Packet {
    packets(outputs).pop().unwrap()
}

#[tokio::test]
async fn a_camera_that_dies_disturbs_no_other_and_comes_back() {
    for transport in TRANSPORTS {
        dies_and_comes_back(transport).await;
    }
}

async fn dies_and_comes_back(transport: Transport) {
    let (farm, _clips) = farm(8).await;
    let mut others = JoinSet::new();
    for i in 1..8 {
        let mut stream = open(by(transport, source(&farm.url(i))));
        others.spawn(async move {
            until(&mut stream, |o| matches!(o, Output::Item(Item::Data(p)) if p.key.seq == 99)).await
        });
    }
    let mut stream = open(by(transport, source(&farm.url(0))));
    let before = first_packets(&mut stream, 10).await;
    farm.set(0, Fault::Kill).unwrap();
    assert!(matches!(first_failure(&mut stream).await, State::Offline { .. }));
    farm.set(0, Fault::None).unwrap();
    let after = last(past(&mut stream, GapReason::Reconnected).await);
    assert_eq!((after.key.epoch, after.key.seq, after.is_key), (Epoch::first(7).next(), 0, true));
    assert!(after.dts > before[9].dts);
    for outputs in others.join_all().await {
        assert!(!outputs.iter().any(|o| matches!(o, Output::Item(Item::Gap(_)))));
        assert_sane(&packets(outputs));
    }
}

#[tokio::test]
async fn digest_sign_in_and_the_state_of_a_wrong_password() {
    let clips = Clips::new();
    let credentials = Credentials::new("admin", "p@ss w0rd");
    let farm = Farm::builder().clip(clips.make("a.mp4", 2, H265)).credentials(credentials).start().await.unwrap();
    let url = |user: &str| farm.url(0).replace("rtsp://", &format!("rtsp://{user}@"));
    for transport in TRANSPORTS {
        let right = by(transport, source(&url("admin:p%40ss%20w0rd")));
        let packets = first_packets(&mut open(right), 10).await;
        assert_eq!((packets[0].params.codec, packets[0].params.size), (Codec::H265, Some(Size::new(320, 180))));
        assert_eq!(first_failure(&mut open(by(transport, source(&url("admin:no"))))).await, State::AuthFailed);
    }
}

#[tokio::test]
async fn a_clock_that_jumps_an_hour_is_joined_both_ways() {
    let (farm, _clips) = farm(1).await;
    for transport in TRANSPORTS {
        let mut stream = open(by(transport, source(&farm.url(0))));
        let mut before = first_packets(&mut stream, 10).await.pop().unwrap();
        for jump in [HOUR, -HOUR, -HOUR] {
            farm.set(0, Fault::Jump(jump)).unwrap();
            let after = last(past(&mut stream, GapReason::Timestamps).await);
            let (by_media, by_clock) = (after.at.media.since(before.at.media), after.received.since(before.received));
            assert!(by_media.abs_diff(by_clock) < Duration::from_secs(1), "{by_media:?} for {by_clock:?}");
            assert_eq!(after.key.epoch, before.key.epoch);
            before = after;
        }
    }
}

#[tokio::test]
async fn a_clock_that_stands_still_is_told_once_and_time_goes_on() {
    let (farm, _clips) = farm(1).await;
    for transport in TRANSPORTS {
        farm.set(0, Fault::None).unwrap();
        let mut stream = open(by(transport, source(&farm.url(0))));
        first_packets(&mut stream, 5).await;
        farm.set(0, Fault::Freeze).unwrap();
        let first = last(past(&mut stream, GapReason::Timestamps).await);
        let mut seen = 0;
        let frozen = until(&mut stream, |o| {
            seen += usize::from(support::is_packet(o));
            seen == 40
        })
        .await;
        assert!(!frozen.iter().any(|o| is_gap(o, GapReason::Timestamps)));
        let end = last(frozen);
        let (by_media, by_clock) = (end.at.media.since(first.at.media), end.received.since(first.received));
        assert!(by_media.abs_diff(by_clock) < Duration::from_secs(1), "{by_media:?} for {by_clock:?}");
    }
}

#[tokio::test]
async fn lost_packets_are_counted_where_they_are_missing() {
    let (farm, _clips) = farm(1).await;
    let mut stream = open(source(&farm.url(0)));
    first_packets(&mut stream, 5).await;
    farm.set(0, Fault::Lose { per_mille: 200 }).unwrap();
    let lossy = until(&mut stream, |o| matches!(o, Output::Item(Item::Data(p)) if p.lost_before > 0)).await;
    assert!(packets(lossy).len() < 500);
}

#[tokio::test]
async fn packets_out_of_order_lose_nothing_over_udp() {
    let (farm, _clips) = farm(1).await;
    let read = async |fault| {
        farm.set(0, fault).unwrap();
        let mut stream = open(by(Transport::Udp, source(&farm.url(0))));
        let packets = first_packets(&mut stream, 100).await;
        packets.into_iter().map(|p| (p.at.media, p.lost_before, p.data)).collect::<Vec<_>>()
    };
    let in_order = read(Fault::None).await;
    let reordered = read(Fault::Reorder { per_mille: 300 }).await;
    assert!(reordered == in_order, "{:?}", reordered.iter().map(|(at, ..)| at.ticks).collect::<Vec<_>>());
}

#[tokio::test]
async fn garbage_does_no_harm_and_ends_when_the_camera_recovers() {
    let (farm, _clips) = farm(2).await;
    let (mut stream, mut other) = (open(source(&farm.url(0))), open(source(&farm.url(1))));
    first_packets(&mut stream, 5).await;
    farm.set(0, Fault::Garbage).unwrap();
    let state = first_failure(&mut stream).await;
    let State::Offline { error } = state else { panic!("{state:?}") };
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    farm.set(0, Fault::None).unwrap();
    past(&mut stream, GapReason::Reconnected).await;
    assert_sane(&first_packets(&mut other, 50).await);
}

#[tokio::test]
async fn a_cut_cable_is_a_stall_and_then_a_new_connection() {
    let (farm, _clips) = farm(1).await;
    for transport in TRANSPORTS {
        let mut stream = open(by(transport, impatient(&farm.url(0))));
        first_packets(&mut stream, 5).await;
        farm.set(0, Fault::Stall).unwrap();
        assert_eq!(first_failure(&mut stream).await, State::Stalled, "{transport:?}");
        let state = first_failure(&mut stream).await;
        let State::Offline { error } = state else { panic!("{state:?}") };
        assert_eq!(error.kind(), ErrorKind::Timeout, "{transport:?}");
        farm.set(0, Fault::None).unwrap();
        past(&mut stream, GapReason::Reconnected).await;
    }
}

#[tokio::test]
async fn a_silent_camera_by_udp_is_left_at_once() {
    let (farm, _clips) = farm(1).await;
    let mut stream = open(by(Transport::Udp, source(&farm.url(0))));
    first_packets(&mut stream, 5).await;
    farm.set(0, Fault::Stall).unwrap();
    drop(stream);
    let gone = async {
        let mut looks = tokio::time::interval(Duration::from_millis(5));
        while farm.stats().connections > 0 {
            looks.tick().await;
        }
    };
    // FFmpeg itself would wait for twice the ten seconds after which a camera counts as stalled.
    assert!(tokio::time::timeout(Duration::from_secs(5), gone).await.is_ok());
}

#[tokio::test]
async fn changes_of_size_and_codec_are_followed() {
    for transport in TRANSPORTS {
        follows_size_and_codec(transport).await;
    }
}

async fn follows_size_and_codec(transport: Transport) {
    let (farm, clips) = farm(1).await;
    let larger = clips.encode("b.mp4", "testsrc2=size=640x360:rate=25:duration=4", H264);
    let other = clips.make("c.mp4", 4, H265);
    let mut stream = open(by(transport, source(&farm.url(0))));
    first_packets(&mut stream, 5).await;

    farm.set(0, Fault::Switch(Arc::new(Clip::open(larger).unwrap()))).unwrap();
    let outputs = past(&mut stream, GapReason::Parameters).await;
    let announced = outputs
        .iter()
        .any(|o| matches!(o, Output::State(State::Live { size: Some(size), .. }) if *size == Size::new(640, 360)));
    assert!(announced, "{:?}", support::states(&outputs));
    let packet = last(outputs);
    assert_eq!((packet.params.codec, packet.params.size), (Codec::H264, Some(Size::new(640, 360))));
    assert!(packet.is_key && packet.key.epoch == Epoch::first(7));

    farm.set(0, Fault::Switch(Arc::new(Clip::open(other).unwrap()))).unwrap();
    let packet = last(past(&mut stream, GapReason::Reconnected).await);
    assert_eq!(packet.params.codec, Codec::H265);
}
