//! Drawn pictures through the gate.

use iris_core::frame::{FrameInfo, OwnedPlanes};
use iris_core::{CameraId, ColorMatrix, ColorRange, Epoch, FrameKey, Moment, Stamps};
use proptest::prelude::*;

use super::*;

const SIZE: Size = Size::new(160, 120);

/// A grey picture with noise, on which `draw` says how much brighter a pixel is; frame `n` of ten a second.
fn frame(n: u32, noise: u8, draw: impl Fn(u32, u32) -> u8) -> Frame {
    let stride = SIZE.width as usize + 32;
    let mut luma = vec![0; stride * SIZE.height as usize];
    let mut seed = 2 * n + 1;
    for (y, row) in (0..).zip(luma.chunks_exact_mut(stride)) {
        for (x, pixel) in (0..).zip(&mut row[..SIZE.width as usize]) {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let speck = if noise == 0 { 0 } else { (seed >> 24) as u8 % (2 * noise) };
            *pixel = (80 + speck).saturating_add(draw(x, y));
        }
    }
    let info = FrameInfo {
        key: FrameKey { camera: CameraId::new("c").expect("a valid id"), epoch: Epoch::first(1), seq: n.into() },
        at: Moment { media: MediaTime::from_millis(i64::from(n) * 100), wall: None },
        stamps: Stamps::default(),
        format: PixelFormat::Gray,
        range: ColorRange::Full,
        matrix: ColorMatrix::Bt601,
        size: SIZE,
    };
    Frame::new(info, OwnedPlanes::new(vec![(luma, stride)]))
}

/// A box of 24×48 pixels whose left edge is at `x`.
fn walker(left: u32) -> impl Fn(u32, u32) -> u8 {
    move |x, y| if (left..left + 24).contains(&x) && (60..108).contains(&y) { 60 } else { 0 }
}

/// The frames of ten a second at which the gate is open.
fn open(gate: &mut MotionGate, frames: std::ops::Range<u32>, draw: impl Fn(u32) -> Frame) -> Vec<u32> {
    frames.filter(|n| gate.see(&draw(*n), Fidelity::Exact)).collect()
}

#[test]
fn a_noisy_still_picture_shuts_it_and_an_entry_opens_it_at_once() {
    let mut gate = MotionGate::default();
    let opened = open(&mut gate, 0..100, |n| frame(n, 20, |_, _| 0));
    assert!(opened.iter().all(|n| *n < 40), "the noise is known after seconds: {opened:?}");
    assert_eq!(open(&mut gate, 100..101, |n| frame(n, 20, walker(0))), [100]);
    let walk = |n: u32| frame(n, 20, walker(4 * (n - 100)));
    assert_eq!(open(&mut gate, 101..130, walk).len(), 29, "as long as it walks");
    let still = open(&mut gate, 130..200, |n| frame(n, 20, walker(4 * 29)));
    assert_eq!(still, (130..139).collect::<Vec<_>>(), "it stands: a second more");
}

#[test]
fn what_creeps_is_seen_against_the_background() {
    let mut gate = MotionGate::default();
    assert_eq!(open(&mut gate, 0..50, |n| frame(n, 4, |_, _| 0)).len(), 0);
    // A level a frame: no two frames differ by six.
    let dawn = |n: u32| frame(n, 4, move |x, _| if x < 100 { (n - 50).min(40) as u8 } else { 0 });
    assert!(!open(&mut gate, 50..90, dawn).is_empty());
}

#[test]
fn a_slow_change_of_light_is_no_motion() {
    let mut gate = MotionGate::default();
    let dusk = |n: u32| frame(n, 4, move |_, _| 40 - (n / 15) as u8);
    assert_eq!(open(&mut gate, 0..600, dusk).len(), 0);
}

#[test]
fn a_clock_in_the_picture_stops_to_count_unless_something_is_there() {
    let clock = |n: u32| {
        let second = n / 10;
        frame(n, 4, move |x, y| if x < 32 && y < 24 { (second % 2) as u8 * 90 } else { 0 })
    };
    let mut gate = MotionGate::default();
    let opened = open(&mut gate, 0..300, clock);
    assert!(opened.iter().all(|n| *n < 120), "after some seconds it is known: {opened:?}");
    assert_eq!(open(&mut gate, 300..301, |n| frame(n, 4, walker(100))), [300], "elsewhere it is open at once");

    let mut gate = MotionGate::default();
    let mut opened = 0;
    for n in 0..300 {
        opened += u32::from(gate.see(&clock(n), Fidelity::Exact));
        gate.explain([Rect::new(4.0, 2.0, 30.0, 20.0)].into_iter());
    }
    assert!(opened > 280, "the model sees something there: {opened}");
}

/// Blocks of 16×16 pixels, as an encoder refreshes them, here and there and elsewhere in each frame: no two touch.
fn scattered(n: u32, draw: impl Fn(u32, u32) -> u8) -> Frame {
    frame(n, 4, move |x, y| draw(x, y) + if (x / 8 + 7 * (y / 8) + 3 * n).is_multiple_of(24) { 30 } else { 0 })
}

#[test]
fn what_is_scattered_is_noise() {
    let mut gate = MotionGate::default();
    assert_eq!(open(&mut gate, 0..100, |n| scattered(n, |_, _| 0)), []);
    assert!(gate.noise > DIFFERS, "a cell differs by more than is enough elsewhere: {}", gate.noise);
    assert_eq!(open(&mut gate, 100..101, |n| scattered(n, walker(100))), [100]);
}

#[test]
fn where_nearly_nothing_counts_it_stays_open() {
    let rain = |n: u32| frame(n, 4, move |x, y| if ((x + y) / 8 + n).is_multiple_of(3) { 100 } else { 0 });
    let mut gate = MotionGate::default();
    gate.see(&rain(0), Fidelity::Exact);
    assert_eq!(open(&mut gate, 1..300, rain).len(), 299, "it cannot tell");
    assert!(gate.is_blind);
    let opened = open(&mut gate, 300..1700, |n| frame(n, 4, |_, _| 0)).len();
    assert!((1200..1300).contains(&opened), "until two minutes after the rain: {opened}");
}

/// A picture in whose left half blocks drift by half a level a frame, from one key frame of twenty to the next.
fn drifting(n: u32, draw: impl Fn(u32, u32) -> u8) -> Frame {
    frame(n, 4, move |x, y| draw(x, y) + if x < 80 { (n % 20 / 2) as u8 } else { 0 })
}

fn fidelity(n: u32) -> Fidelity {
    if n.is_multiple_of(20) { Fidelity::Renewed } else { Fidelity::Drifting }
}

#[test]
fn what_had_drifted_and_is_renewed_did_not_move() {
    let still = |n| drifting(n, |_, _| 0);
    let mut gate = MotionGate::default();
    let opened: Vec<u32> = (0..100).filter(|n| gate.see(&still(*n), fidelity(*n))).collect();
    assert_eq!(opened, []);
    assert!(!open(&mut MotionGate::default(), 0..100, still).is_empty(), "it would be taken for motion");
    // One who is there at a key frame, and was not before it.
    assert!(gate.see(&drifting(100, walker(20)), fidelity(100)));
}

#[test]
fn who_walks_in_is_seen_at_once_though_pictures_drift() {
    let mut gate = MotionGate::default();
    let opened = (0..100).find(|n| {
        let picture = drifting(*n, |x, y| if *n < 73 { 0 } else { walker(4 * (n - 73))(x, y) });
        gate.see(&picture, fidelity(*n))
    });
    assert_eq!(opened, Some(73));
}

#[test]
fn after_a_gap_it_compares_with_nothing() {
    let mut gate = MotionGate::default();
    open(&mut gate, 0..50, |n| frame(n, 4, |_, _| 0));
    gate.reset();
    assert!(!gate.see(&frame(50, 4, walker(100)), Fidelity::Exact));
    assert!(gate.see(&frame(51, 4, walker(60)), Fidelity::Exact));
}

proptest! {
    #[test]
    fn sums_are_those_of_the_pixels(seed: u32, left in 0u32..150) {
        let mut gate = MotionGate::default();
        let picture = frame(seed % 1000, 30, walker(left));
        gate.see(&picture, Fidelity::Exact);
        let plane = picture.plane(0);
        for (i, sum) in gate.now.iter().enumerate() {
            let (x, y) = (i % gate.columns * CELL, i / gate.columns * CELL);
            let rows = plane.data.chunks(plane.stride).skip(y).take(CELL);
            let expected: u32 = rows.flat_map(|row| &row[x..x + CELL]).map(|p| u32::from(*p)).sum();
            prop_assert_eq!(u32::from(*sum), expected);
        }
    }
}
