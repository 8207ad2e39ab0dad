//! What RTP over UDP loses is noticed, although FFmpeg tells of it in its log alone: no smeared frame comes out.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use iris_core::clock::SystemClock;
use iris_core::{CameraId, Clock, Epoch, Frame, Item, Packet};
use iris_decode::{Decoder, FramePool};
use iris_ingest::{CameraStream, Limits, Output, Source, Transport};
use iris_sim::{Farm, Fault};

/// The brightness of a frame, as one number.
fn look(frame: &Frame) -> u64 {
    let (luma, mut hash) = (frame.plane(0), DefaultHasher::new());
    for row in luma.data.chunks(luma.stride).take(frame.size.height as usize) {
        row[..frame.size.width as usize].hash(&mut hash);
    }
    hash.finish()
}

/// Decodes as the pipeline does, while `more` wants it: what the frames look like.
async fn decode(url: &str, more: impl Fn(&[Packet]) -> bool) -> HashSet<u64> {
    let clock = Arc::new(SystemClock::new());
    let source = Source { url: url.parse().expect("a source"), transport: Transport::Udp, limits: Limits::default() };
    let camera = CameraId::new("lossy").expect("an id");
    let mut stream = CameraStream::new(camera, Epoch::first(1), source, Arc::clone(&clock) as Arc<dyn Clock>);
    let mut decoder = Decoder::new(FramePool::new(), iris_decode::Limits::default());
    let (mut packets, mut looks) = (Vec::new(), HashSet::new());
    while more(&packets) {
        let packet = match stream.next().await {
            Output::Item(Item::Data(packet)) => packet,
            Output::Item(Item::End) => break,
            _ => continue,
        };
        if packet.lost_before > 0 {
            decoder.flush();
        }
        // What cannot be decoded gives no frame.
        decoder.push(&packet).ok();
        while let Some(frame) = decoder.pull(clock.mono()).unwrap_or_default() {
            looks.insert(look(&frame));
        }
        packets.push(packet);
    }
    looks
}

#[tokio::test]
async fn frames_that_miss_packets_do_not_come_out() {
    iris_decode::install_log(iris_ingest::hear_ffmpeg);
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden/blobs.mp4");
    let intact = decode(clip.to_str().expect("a path"), |_| true).await;
    let farm = Farm::builder().clip(clip).start().await.expect("the farm starts");
    farm.set(0, Fault::Lose { per_mille: 150 }).expect("there is a camera 0");
    let lossy = decode(&farm.url(0), |packets| packets.iter().filter(|p| p.lost_before > 0).count() < 4).await;
    assert!(!lossy.is_empty() && lossy.is_subset(&intact));
}
