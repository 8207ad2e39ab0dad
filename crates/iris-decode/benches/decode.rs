//! What a frame costs to decode, on one core: `cargo bench -p iris-decode`. Each sample is one access unit of a clip that
//! the `ffmpeg` command makes, pushed and pulled; `copy` is what handing it over costs of that.

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Clip, NOW};
use divan::Bencher;
use divan::counter::ItemsCount;
use iris_decode::{Decoder, FramePool, Limits};

const SIZE: &str = "640x360";
const FRAMES: u32 = 100;

fn main() {
    divan::main();
}

#[divan::bench(args = [
    "-c:v libx264 -profile:v baseline -g 50",
    "-c:v libx264 -profile:v main -bf 2 -g 50",
    "-c:v libx265 -x265-params log-level=none:keyint=50",
    "-c:v mjpeg -q:v 5 -pix_fmt yuvj420p",
])]
fn decode(bencher: Bencher, encoder: &str) {
    let clip = Clip::new(SIZE, FRAMES, "mkv", encoder);
    let mut decoder = Decoder::new(FramePool::new(), Limits::default());
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        let mut frames = 0;
        for packet in &clip.packets {
            decoder.push(packet).expect("good");
            while let Some(frame) = decoder.pull(NOW).expect("good") {
                frames += frame.plane(0).data.len();
            }
        }
        frames
    });
}

#[divan::bench]
fn copy(bencher: Bencher) {
    let clip = Clip::new(SIZE, FRAMES, "mkv", "-c:v libx264 -profile:v baseline -g 50");
    let mut buffer = vec![0_u8; 1 << 20];
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        for packet in &clip.packets {
            buffer[..packet.data.len()].copy_from_slice(divan::black_box(&packet.data));
            divan::black_box(&mut buffer);
        }
    });
}
