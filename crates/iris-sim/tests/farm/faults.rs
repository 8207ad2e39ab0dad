//! Every fault, as a client sees it, and that the camera beside it never notices.

use futures::{FutureExt as _, StreamExt as _};
use iris_sim::{Error, ErrorKind, Farm, Fault};
use retina::client::{Demuxed, PacketItem, SessionOptions, Transport};
use retina::codec::{CodecItem, ParametersRef};

use crate::protocol::Raw;
use crate::support::{Clips, frames, losses, next_frame, open, play, play_with, soon, start, take, until};

/// A farm of two cameras with a session on each; the second is never broken, and serves as a clock.
async fn two() -> (Farm, Demuxed, Demuxed) {
    let farm = start(Farm::builder().clip(Clips::get().h264()).cameras(2)).await;
    let mut first = frames(&farm.url(0), Transport::default()).await;
    let second = frames(&farm.url(1), Transport::default()).await;
    take(&mut first, 1).await;
    (farm, first, second)
}

fn set(farm: &Farm, fault: Fault) {
    farm.set(0, fault).expect("camera 0");
}

async fn is_undisturbed(mut session: Demuxed) {
    assert_eq!(losses(&mut session, 3).await, 0, "the other camera was disturbed");
}

/// How many frames have arrived and wait to be taken.
fn waiting(session: &mut Demuxed) -> usize {
    std::iter::from_fn(|| session.next().now_or_never())
        .filter(|item| matches!(item, Some(Ok(CodecItem::VideoFrame(_)))))
        .count()
}

#[tokio::test]
async fn a_killed_camera_is_gone_until_it_is_revived() {
    let (farm, mut first, second) = two().await;
    set(&farm, Fault::Kill);
    while let Some(Ok(_)) = next_frame(&mut first).await {}
    let again = soon("a refusal", play_with(&farm.url(0), SessionOptions::default(), Transport::default())).await;
    assert!(again.is_err());
    is_undisturbed(second).await;
    set(&farm, Fault::None);
    take(&mut frames(&farm.url(0), Transport::default()).await, 2).await;
    farm.shutdown().await;
}

#[tokio::test]
async fn sessions_from_before_a_kill_do_not_outlive_a_revival_at_once() {
    let (farm, mut first, second) = two().await;
    set(&farm, Fault::Kill);
    set(&farm, Fault::None);
    while let Some(Ok(_)) = next_frame(&mut first).await {}
    is_undisturbed(second).await;
    farm.shutdown().await;
}

#[tokio::test]
async fn a_stalled_camera_is_silent_and_goes_on_at_a_key_frame() {
    let (farm, mut first, mut second) = two().await;
    let mut raw = Raw::connect(&farm).await;
    assert_eq!(raw.ask("OPTIONS rtsp://127.0.0.1/cam/0 RTSP/1.0\r\nCSeq: 1\r\n\r\n").await.status, 200);
    set(&farm, Fault::Stall);
    take(&mut second, 3).await;
    waiting(&mut first);
    raw.send("OPTIONS rtsp://127.0.0.1/cam/0 RTSP/1.0\r\nCSeq: 2\r\n\r\n").await;
    take(&mut second, 5).await;
    assert_eq!(waiting(&mut first), 0);
    assert!(raw.has_nothing());
    set(&farm, Fault::None);
    let frame = &take(&mut first, 1).await[0];
    assert!(frame.is_random_access_point() && frame.loss() > 0, "lost {}", frame.loss());
    is_undisturbed(second).await;
    farm.shutdown().await;
}

#[tokio::test]
async fn a_camera_that_never_answers_swallows_requests() {
    let (farm, mut first, second) = two().await;
    set(&farm, Fault::NeverAnswer);
    let mut raw = Raw::connect(&farm).await;
    raw.send("DESCRIBE rtsp://127.0.0.1/cam/0 RTSP/1.0\r\nCSeq: 1\r\n\r\n").await;
    is_undisturbed(second).await;
    assert!(raw.has_nothing());
    take(&mut first, 2).await;
    set(&farm, Fault::None);
    assert_eq!(raw.ask("TEARDOWN rtsp://127.0.0.1/cam/0 RTSP/1.0\r\nCSeq: 2\r\n\r\n").await.status, 454);
    farm.shutdown().await;
}

#[tokio::test]
async fn garbage_comes_in_the_shape_of_rtp() {
    let farm = start(Farm::builder().clip(Clips::get().h264())).await;
    let mut sound = play(&farm.url(0)).await;
    let mut payloads = std::collections::HashSet::new();
    let mut frames = 0;
    while frames < 20 {
        if let PacketItem::Rtp(packet) = soon("a packet", sound.next()).await.expect("a packet").expect("a packet") {
            frames += usize::from(packet.mark());
            payloads.insert(packet.payload().to_vec());
        }
    }
    set(&farm, Fault::Garbage);
    let mut broken = play(&farm.url(0)).await;
    for _ in 0..10 {
        if let PacketItem::Rtp(packet) = soon("a packet", broken.next()).await.expect("a packet").expect("a packet") {
            assert!(!payloads.contains(packet.payload()));
            assert_eq!(packet.loss(), 0);
        }
    }
    farm.shutdown().await;
}

#[tokio::test]
async fn timestamps_jump_an_hour_forward_and_back() {
    const HOUR: i64 = 3600 * 90_000;
    let (farm, mut first, second) = two().await;
    for jump in [HOUR, -2 * HOUR] {
        let mut before = take(&mut first, 1).await[0].timestamp().timestamp();
        set(&farm, Fault::Jump(jump));
        let step = loop {
            let now = take(&mut first, 1).await[0].timestamp().timestamp();
            if now - before != 9000 {
                break now - before;
            }
            before = now;
        };
        assert_eq!(step, jump + 9000);
    }
    is_undisturbed(second).await;
    farm.shutdown().await;
}

#[tokio::test]
async fn frozen_timestamps_stand_still() {
    let (farm, mut first, second) = two().await;
    set(&farm, Fault::Freeze);
    let still = loop {
        let pair = take(&mut first, 2).await;
        if pair[0].timestamp().timestamp() == pair[1].timestamp().timestamp() {
            break pair[0].timestamp().timestamp();
        }
    };
    assert!(take(&mut first, 3).await.iter().all(|f| f.timestamp().timestamp() == still));
    is_undisturbed(second).await;
    farm.shutdown().await;
}

#[tokio::test]
async fn lost_packets_are_missed_over_tcp_and_udp() {
    for transport in [Transport::default(), crate::support::udp()] {
        let farm = start(Farm::builder().clip(Clips::get().larger()).cameras(2)).await;
        set(&farm, Fault::Lose { per_mille: 300 });
        let mut session = frames(&farm.url(0), transport).await;
        let mut lost = 0;
        while lost < 3 {
            if let Some(Ok(frame)) = next_frame(&mut session).await {
                lost += frame.loss();
            }
        }
        assert!(farm.stats().lost_packets >= 3);
        farm.shutdown().await;
    }
}

fn size(session: &Demuxed) -> (u32, u32) {
    let Some(ParametersRef::Video(parameters)) = session.streams()[0].parameters() else { panic!("no parameters") };
    parameters.pixel_dimensions()
}

#[tokio::test]
async fn another_size_comes_in_band() {
    let (farm, mut first, second) = two().await;
    assert_eq!(size(&first), (160, 120));
    set(&farm, Fault::Switch(open(Clips::get().larger())));
    let frame = loop {
        let frame = take(&mut first, 1).await.remove(0);
        if frame.has_new_parameters() {
            break frame;
        }
    };
    assert!(frame.is_random_access_point() && frame.loss() == 0);
    assert_eq!(size(&first), (320, 240));
    is_undisturbed(second).await;
    farm.shutdown().await;
}

#[tokio::test]
async fn another_codec_ends_the_session() {
    let (farm, mut first, second) = two().await;
    set(&farm, Fault::Switch(open(Clips::get().h265())));
    while let Some(Ok(_)) = next_frame(&mut first).await {}
    until("the end of the connection", || farm.stats().playing == 1).await;
    let mut again = frames(&farm.url(0), Transport::default()).await;
    assert_eq!(again.streams()[0].encoding_name(), "h265");
    take(&mut again, 2).await;
    is_undisturbed(second).await;
    farm.shutdown().await;
}

#[tokio::test]
async fn a_camera_that_is_not_there_cannot_be_broken() {
    let farm = start(Farm::builder().clip(Clips::get().h264())).await;
    let error = farm.set(1, Fault::Kill).expect_err("there is one camera");
    assert!(matches!(error, Error::NoSuchCamera { camera: 1, cameras: 1 }));
    assert_eq!(error.kind(), ErrorKind::Usage);
    farm.shutdown().await;
}
