//! The levels that single stages make, without a thread between them: packets, frames, detections.

use std::fmt::Write;
use std::sync::Arc;

use iris_analytics::Profile;
use iris_core::clock::ManualClock;
use iris_core::{CameraId, Detections, Epoch, Frame, Item, MonoTime, Packet, PixelFormat, Size};
use iris_decode::{Decoder, FramePool};
use iris_infer::{Detector, Model, Options, Preprocessor};
use iris_ingest::{CameraStream, Limits, Output, Source, SourceUrl, State, Transport};
use md5::{Digest, Md5};

use crate::text::testdata;

/// Access units as they come, which is the order in which they are decoded: name, when it is shown, when it is decoded,
/// whether it is a key frame, bytes.
pub(crate) fn packets() -> String {
    let mut text = String::from("# frame pts dts kind bytes\n");
    for Packet { key, at, dts, is_key, data, .. } in ingest() {
        let kind = if is_key { "key" } else { "-" };
        writeln!(text, "{key} {} {dts} {kind} {}", at.media, data.len()).expect("a string takes all");
    }
    text
}

/// Frames in the order in which they are shown: name, when, size, format, MD5 of the visible samples of all planes, as
/// `ffmpeg -i blobs.mp4 -f framemd5 -` gives it.
pub(crate) fn frames() -> String {
    let mut text = String::from("# frame pts size format md5\n");
    decode(&mut |frame| {
        let Frame { key, at, size, format, .. } = &frame;
        writeln!(text, "{key} {} {size} {format:?} {}", at.media, checksum(&frame)).expect("a string takes all");
    });
    text
}

/// What the model sees in each frame, from left to right: name, score, box in pixels, class.
pub(crate) fn detections() -> String {
    let model = Model::open(&testdata("models/blobs")).expect("the project's model");
    let mut preprocessor = Preprocessor::new(&model.manifest).expect("a detector");
    // The pipeline asks for weak boxes too: trackers carry on with them.
    let options = Options { score: Some(model.manifest.thresholds.score.min(Profile::LOW)), ..Options::default() };
    let mut detector = Detector::load(&model, &options).expect("the model loads");
    let mut text = String::from("# frame score left top right bottom class\n");
    decode(&mut |frame| {
        let prepared = preprocessor.prepare(&frame).expect("a frame that fits");
        for found in detector.detect(&[prepared]).expect("the model runs") {
            describe(&found, &model.manifest.classes, &mut text);
        }
    });
    text
}

fn describe(found: &Detections, classes: &[String], text: &mut String) {
    let key = found.key();
    let mut all: Vec<_> = found.iter().collect();
    all.sort_by(|(a, ..), (b, ..)| a.x0.total_cmp(&b.x0));
    for (r, score, class) in &all {
        let class = &classes[usize::from(class.0)];
        writeln!(text, "{key} {score:.2} {:.1} {:.1} {:.1} {:.1} {class}", r.x0, r.y0, r.x1, r.y1)
            .expect("a string takes all");
    }
    if all.is_empty() {
        writeln!(text, "{key} nothing").expect("a string takes all");
    }
}

/// The clip's access units.
fn ingest() -> Vec<Packet> {
    let path = testdata("golden/blobs.mp4");
    let url = SourceUrl::parse(path.to_str().expect("a path in UTF-8")).expect("a path");
    let source = Source { url, transport: Transport::Auto, limits: Limits::default() };
    let camera = CameraId::new("yard").expect("a valid id");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let clock = Arc::new(ManualClock::default());
        let mut stream = CameraStream::new(camera, Epoch::first(1), source, clock);
        let mut packets = Vec::new();
        loop {
            match stream.next().await {
                Output::Item(Item::Data(packet)) => packets.push(packet),
                Output::Item(Item::End) => return packets,
                Output::Item(Item::Gap(reason)) => panic!("the clip has a gap: {reason}"),
                Output::State(State::Failed { error }) => panic!("{error}"),
                Output::State(_) => {}
            }
        }
    })
}

/// Hands out the clip's frames and asserts that each access unit became one.
fn decode(each: &mut dyn FnMut(Frame)) {
    let mut decoder = Decoder::new(FramePool::new(), iris_decode::Limits::default());
    let mut pull_all = |decoder: &mut Decoder| {
        while let Some(frame) = decoder.pull(MonoTime::default()).expect("a whole picture") {
            each(frame);
        }
    };
    for packet in ingest() {
        decoder.push(&packet).expect("a whole access unit");
        pull_all(&mut decoder);
    }
    decoder.drain();
    pull_all(&mut decoder);
    let counts = decoder.counts();
    assert_eq!((counts.pushed, decoder.in_flight()), (counts.frames, 0), "{counts:?}");
}

fn checksum(frame: &Frame) -> String {
    assert_eq!(frame.format, PixelFormat::I420);
    let Size { width, height } = frame.size;
    let (width, height) = (width as usize, height as usize);
    let chroma = (width.div_ceil(2), height.div_ceil(2));
    let mut md5 = Md5::new();
    for (index, (width, height)) in [(width, height), chroma, chroma].into_iter().enumerate() {
        let plane = frame.plane(index);
        plane.data.chunks(plane.stride).take(height).for_each(|row| md5.update(&row[..width]));
    }
    md5.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
