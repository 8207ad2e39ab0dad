//! What a frame costs to decode, on one core: `cargo bench -p iris-decode`. Each sample is one access unit of a clip that
//! the `ffmpeg` command makes, pushed and pulled; `copy` is what handing it over costs of that, and `in_turn` what it costs
//! when many decoders take each other's memory from the cache (docs/adr/0016).

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Clip, NOW};
use divan::Bencher;
use divan::counter::ItemsCount;
use iris_core::Packet;
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
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| clip.packets.iter().for_each(|it| see(&mut decoder, it)));
}

/// So many decoders, of which each has so many access units in a row before it is the next one's turn.
#[divan::bench(args = [(1, 200), (200, 1), (200, 2), (200, 3), (200, 4)])]
fn in_turn(bencher: Bencher, (decoders, run): (usize, usize)) {
    let clip = Clip::new(SIZE, FRAMES, "mkv", "-c:v libx264 -profile:v baseline -g 50");
    let pool = FramePool::new();
    let mut cameras: Vec<_> = (0..decoders)
        .map(|n| {
            let mut decoder = Decoder::new(pool.clone(), Limits::default());
            let mut packets = clip.packets.iter().cycle();
            // Each at another place of the clip.
            packets.by_ref().take(n % 50 + 1).for_each(|packet| see(&mut decoder, packet));
            (decoder, packets)
        })
        .collect();
    bencher.counter(ItemsCount::new(decoders * run)).bench_local(|| {
        for (decoder, packets) in &mut cameras {
            packets.by_ref().take(run).for_each(|packet| see(decoder, packet));
        }
    });
}

/// Decodes an access unit and reads the luma of what comes, as the gate before the model does.
fn see(decoder: &mut Decoder, packet: &Packet) {
    decoder.push(packet).expect("good");
    while let Some(frame) = decoder.pull(NOW).expect("good") {
        divan::black_box(frame.plane(0).data.iter().step_by(8).fold(0_u8, |sum, luma| sum.wrapping_add(*luma)));
    }
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
