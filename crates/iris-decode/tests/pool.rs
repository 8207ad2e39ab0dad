//! Where frames live: they come back, they outlive their decoder, and once warm nothing is allocated for them.
#![expect(unsafe_code, reason = "counting allocations takes an allocator")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::thread;

use common::{Clip, NOW, feed_all, md5};
use iris_core::Packet;
use iris_decode::{Decoder, FramePool, Limits};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: all is the system's; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn decode(decoder: &mut Decoder, packets: &[Packet]) -> usize {
    let mut frames = 0;
    for packet in packets {
        decoder.push(packet).expect("good");
        while let Some(frame) = decoder.pull(NOW).expect("good") {
            frames += frame.plane(0).data.len().min(1);
        }
    }
    frames
}

#[test]
fn once_warm_no_frame_allocates() {
    for encoder in [
        "-c:v libx264 -profile:v baseline -preset veryfast -g 10",
        "-c:v libx264 -preset veryfast -g 10 -bf 3 -b_strategy 0",
        "-c:v libx265 -preset veryfast -pix_fmt yuv420p10le -x265-params log-level=none:keyint=10",
    ] {
        let clip = Clip::new("320x180", 40, "mp4", encoder);
        let pool = FramePool::new();
        let mut decoder = Decoder::new(pool.clone(), Limits::default());
        decode(&mut decoder, &clip.packets[..20]);
        let (before, shells) = (ALLOCATIONS.get(), pool.idle());
        assert!(decode(&mut decoder, &clip.packets[20..]) >= 15);
        assert_eq!(ALLOCATIONS.get() - before, 0, "{encoder}");
        assert_eq!((pool.idle(), pool.outstanding()), (shells, 0), "{encoder}");
    }
}

#[test]
fn the_pool_grows_to_what_is_out_at_once_and_no_further() {
    let clip = Clip::baseline("320x180", 30);
    let pool = FramePool::new();
    let mut decoder = Decoder::new(pool.clone(), Limits::default());
    for _ in 0..3 {
        let mut held = Vec::new();
        for packet in &clip.packets[..8] {
            decoder.push(packet).expect("good");
            held.extend(decoder.pull(NOW).expect("good"));
        }
        assert_eq!((held.len(), pool.outstanding()), (8, 8));
        drop(held);
        assert_eq!((pool.outstanding(), pool.idle()), (0, 8));
        decoder.flush();
    }
    drop(decoder);
    assert_eq!(pool.idle(), 8);
}

#[test]
fn frames_outlive_their_decoder_and_can_be_dropped_on_any_thread() {
    let clip = Clip::baseline("320x180", 10);
    let reference = clip.reference("", "");
    let pool = FramePool::new();
    let mut frames = Vec::new();
    let mut decoder = Decoder::new(pool.clone(), Limits::default());
    assert_eq!(feed_all(&mut decoder, &clip.packets, |frame| frames.push(frame)), []);
    drop(decoder);
    assert_eq!(pool.outstanding(), 10);
    let hashes = thread::scope(|scope| {
        let checker = scope.spawn(|| frames.into_iter().map(|frame| md5(&frame)).collect::<Vec<_>>());
        checker.join().expect("no panic")
    });
    assert_eq!(hashes, reference);
    assert_eq!(pool.outstanding(), 0);
}
