//! Sound streams: every codec over every transport, on and on over the loop.

use futures::StreamExt as _;
use iris_sim::{Clip, Farm};
use retina::client::{PacketItem, Transport};
use retina::codec::ParametersRef;

use crate::support::{Clips, frames, losses, next_frame, one_camera, open, play, soon, start, take, udp};

/// Over the seam of a clip of 20 frames and into its second pass.
const OVER_THE_SEAM: usize = 24;

async fn loops(clip: std::path::PathBuf, transport: Transport, codec: &str) {
    let farm = one_camera(clip).await;
    let mut session = frames(&farm.url(0), transport).await;
    let got = take(&mut session, OVER_THE_SEAM).await;
    for (i, pair) in got.windows(2).enumerate() {
        assert_eq!(pair[1].timestamp().timestamp() - pair[0].timestamp().timestamp(), 9000, "after frame {i}");
    }
    for (i, frame) in got.iter().enumerate() {
        assert_eq!(frame.loss(), 0, "before frame {i}");
        assert_eq!(frame.is_random_access_point(), i % 10 == 0, "frame {i}");
    }
    assert_eq!(got[20].data(), got[0].data(), "the second pass shows the same");
    let Some(ParametersRef::Video(parameters)) = session.streams()[0].parameters() else { panic!("no parameters") };
    assert_eq!(parameters.pixel_dimensions(), (160, 120));
    assert!(parameters.rfc6381_codec().starts_with(codec), "{}", parameters.rfc6381_codec());
    farm.shutdown().await;
}

#[tokio::test]
async fn h264_over_tcp_loops_without_a_seam() {
    loops(Clips::get().h264(), Transport::default(), "avc1").await;
}

#[tokio::test]
async fn h264_over_udp_loops_without_a_seam() {
    loops(Clips::get().h264(), udp(), "avc1").await;
}

#[tokio::test]
async fn h265_over_tcp_loops_without_a_seam() {
    loops(Clips::get().h265(), Transport::default(), "hvc1").await;
}

#[tokio::test]
async fn h265_over_udp_loops_without_a_seam() {
    loops(Clips::get().h265(), udp(), "hvc1").await;
}

#[tokio::test]
async fn packets_count_on_over_the_seam_and_reports_tell_the_time() {
    let farm = one_camera(Clips::get().h264()).await;
    let mut session = play(&farm.url(0)).await;
    let (mut frames, mut before, mut report) = (0, None::<(u16, u32)>, None);
    while frames < OVER_THE_SEAM {
        match soon("a packet", session.next()).await.expect("it goes on").expect("a sound packet") {
            PacketItem::Rtp(packet) => {
                if let Some((sequence, ssrc)) = before {
                    assert_eq!((packet.sequence_number(), packet.ssrc()), (sequence.wrapping_add(1), ssrc));
                }
                before = Some((packet.sequence_number(), packet.ssrc()));
                frames += usize::from(packet.mark());
            }
            PacketItem::Rtcp(packet) => {
                let first = packet.pkts().next().expect("a packet");
                report = first.as_sender_report().expect("a sound report").map(|r| (r.ssrc(), r.ntp_timestamp()));
            }
            other => panic!("{other:?}"),
        }
    }
    let (ssrc, ntp) = report.expect("a sender report");
    assert_eq!(Some(ssrc), before.map(|(_, ssrc)| ssrc));
    let now = unix_seconds();
    let told = (ntp.0 >> 32) as i64 - 2_208_988_800;
    assert!((told - now).abs() < 60, "told {told}, now {now}");
    farm.shutdown().await;
}

/// The wall clock, in seconds since 1970.
fn unix_seconds() -> i64 {
    use iris_core::Clock as _;
    iris_core::clock::SystemClock::new().wall().unix_micros / 1_000_000
}

/// What a camera sends first: sequence number, SSRC, timestamp and payload.
async fn first_packets(seed: u64, cameras: usize) -> Vec<(u16, u32, u32, Vec<u8>)> {
    let farm = start(Farm::builder().clip(Clips::get().h264()).cameras(cameras).seed(seed)).await;
    let mut first = Vec::new();
    for camera in 0..cameras {
        let mut session = play(&farm.url(camera)).await;
        while let Some(item) = soon("a packet", session.next()).await {
            if let PacketItem::Rtp(p) = item.expect("a packet") {
                first.push((p.sequence_number(), p.ssrc(), p.timestamp().timestamp() as u32, p.payload().to_vec()));
                break;
            }
        }
    }
    farm.shutdown().await;
    first
}

#[tokio::test]
async fn a_seed_decides_everything_and_cameras_differ() {
    let (once, again, other) = (first_packets(1, 2).await, first_packets(1, 2).await, first_packets(2, 2).await);
    assert_eq!(once, again);
    assert_ne!(once[0].1, other[0].1);
    assert_ne!(once[0].1, once[1].1);
}

#[tokio::test]
async fn clips_are_dealt_out_in_turn() {
    let clips = [Clips::get().h264(), Clips::get().larger()];
    let farm = start(clips.into_iter().fold(Farm::builder().cameras(4), iris_sim::Builder::clip)).await;
    for (camera, size) in [(0, (160, 120)), (1, (320, 240)), (2, (160, 120)), (3, (320, 240))] {
        let session = frames(&farm.url(camera), Transport::default()).await;
        let Some(ParametersRef::Video(parameters)) = session.streams()[0].parameters() else { panic!("no parameters") };
        assert_eq!(parameters.pixel_dimensions(), size, "camera {camera}");
    }
    farm.shutdown().await;
}

#[tokio::test]
async fn all_containers_give_the_same_frames() {
    let clips = Clips::get();
    let mp4 = clips.h264();
    let original = open(mp4.clone());
    for name in ["copy.mkv", "copy.ts", "copy.avi", "copy.flv", "copy.h264"] {
        let copy = clips.ffmpeg(name, &["-i", mp4.to_str().expect("a plain path"), "-c", "copy"]);
        let clip = open(copy.clone());
        assert_eq!((clip.frames(), clip.codec()), (original.frames(), original.codec()), "{name}");
        assert!((clip.frame_rate() - 10.0).abs() < 0.6, "{name}: {} frames/s", clip.frame_rate());
        let farm = one_camera(copy).await;
        let mut session = frames(&farm.url(0), Transport::default()).await;
        assert!(take(&mut session, 1).await[0].is_random_access_point(), "{name}");
        farm.shutdown().await;
    }
}

#[tokio::test]
async fn reordered_pictures_keep_their_times() {
    let clips = Clips::get();
    let source = ["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=1", "-pix_fmt", "yuv420p"];
    let path = clips.ffmpeg("b-frames.mp4", &[&source[..], &["-c:v", "libx264", "-g", "12", "-bf", "2"]].concat());
    let total = Clip::open(&path).expect("a clip").frames();
    let farm = one_camera(path).await;
    let mut session = frames(&farm.url(0), Transport::default()).await;
    let mut shown: Vec<i64> = take(&mut session, total + 5).await.iter().map(|f| f.timestamp().timestamp()).collect();
    assert!(shown.windows(2).any(|w| w[1] < w[0]), "nothing was reordered");
    shown.truncate(total);
    shown.sort_unstable();
    assert!(shown.windows(2).all(|w| w[1] - w[0] == 3600), "{shown:?}");
    farm.shutdown().await;
}

#[tokio::test]
async fn two_clients_of_one_camera_do_not_disturb_each_other() {
    let farm = one_camera(Clips::get().h264()).await;
    let mut first = frames(&farm.url(0), Transport::default()).await;
    let second = frames(&farm.url(0), udp()).await;
    take(&mut first, 3).await;
    drop(second);
    assert_eq!(losses(&mut first, 3).await, 0);
    farm.shutdown().await;
}

#[tokio::test]
async fn the_end_of_a_farm_ends_its_sessions() {
    let farm = one_camera(Clips::get().h264()).await;
    let mut session = frames(&farm.url(0), Transport::default()).await;
    take(&mut session, 1).await;
    farm.shutdown().await;
    while let Some(Ok(_)) = next_frame(&mut session).await {}
}
