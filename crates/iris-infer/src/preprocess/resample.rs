//! Scaling, one direction at a time: rows are blended first, then columns sampled.
//!
//! The filter is a box as wide as the shrink factor rounded down, placed with sub-pixel precision: bilinear
//! interpolation where a picture grows or shrinks by less than two, which is what most detectors were trained with, and
//! an average over area beyond that, where bilinear interpolation would alias. Samples beyond the border do not exist:
//! the box is moved inside.
//!
//! In between, samples are 16-bit numbers with [`FRACTION`] bits behind the point, because processors multiply and sum
//! pairs of such numbers in one instruction.

use iris_core::{Plane, Size};

/// How many bits of a blended sample stand behind the point. With them 255 still fits.
const FRACTION: u32 = 7;
/// What one is as the weight of a column.
const ONE: f32 = 16_384.0;
/// What a blended sample is worth.
const UNIT: f32 = 1.0 / (1 << FRACTION) as f32;
/// The most columns under a box that are weighted together.
pub(super) const TAPS: usize = 4;

/// Where each pixel of the target looks in the source, along one direction.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    /// The box's width in source samples, at least 1.
    width: usize,
    /// The first sample under the box; ascending.
    start: Vec<u32>,
    /// How far into that sample the box begins, 0 to 1.
    offset: Vec<f32>,
    /// What the samples from the first on count; empty if more than [`TAPS`] do.
    weights: Vec<[i16; TAPS]>,
}

/// The samples `start ..= start + width`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    start: usize,
    offset: f32,
    width: usize,
}

impl Window {
    /// What its sample `i` counts. All count 1 together.
    #[inline(always)]
    fn weight(self, i: usize) -> f32 {
        let covered = match i {
            0 => 1.0 - self.offset,
            i if i < self.width => 1.0,
            i if i == self.width => self.offset,
            _ => 0.0,
        };
        covered / self.width as f32
    }
}

impl Axis {
    /// `target` pixels out of `source` samples, `step` samples a pixel.
    pub(super) fn new(source: u32, target: u32, step: f32) -> Self {
        // A factor of three that rounding has made 2.9999999 is three.
        let width = ((step + 1e-3) as u32).clamp(1, source);
        let last = (source - width) as f32;
        let place = |i: u32| {
            let centre = (i as f32 + 0.5) * step;
            (centre - width as f32 / 2.0).clamp(0.0, last)
        };
        let (start, offset) = (0..target).map(place).map(|p| (p as u32, p.fract())).unzip();
        let mut this = Self { width: width as usize, start, offset, weights: Vec::new() };
        if this.width < TAPS {
            let weight = |i, tap| (this.window(i).weight(tap) * ONE).round() as i16;
            this.weights = (0..target as usize).map(|i| std::array::from_fn(|tap| weight(i, tap))).collect();
        }
        this
    }

    #[inline(always)]
    pub(super) fn window(&self, i: usize) -> Window {
        Window { start: self.start[i] as usize, offset: self.offset[i], width: self.width }
    }
}

/// The weighted mean of the rows under `window`, with [`TAPS`] more samples at the end, so that columns may look there.
#[inline(always)]
pub(super) fn blend_rows(plane: Plane<'_>, size: Size, channels: usize, window: Window, out: &mut Vec<i16>) {
    let len = size.width as usize * channels;
    out.resize(len + TAPS * channels, 0);
    let row = |i: usize| &plane.data[(window.start + i).min(size.height as usize - 1) * plane.stride..][..len];
    let weight = |i: usize| window.weight(i) / UNIT;
    let two = |a: usize, b: usize| row(a).iter().zip(row(b)).map(move |(x, y)| (f32::from(*x), f32::from(*y)));
    let last = window.width;
    let (first, end) = (weight(0), weight(last));
    for (out, (a, b)) in out.iter_mut().zip(two(0, last)) {
        *out = nearest(a * first + b * end);
    }
    // All between count the same.
    let whole = weight(1);
    for i in (1..last).step_by(2) {
        let second = if i + 1 < last { whole } else { 0.0 };
        for (out, (a, b)) in out.iter_mut().zip(two(i, i + 1)) {
            *out += nearest(a * whole + b * second);
        }
    }
    for tap in 0..TAPS {
        out.copy_within(len - channels..len, len + tap * channels);
    }
}

/// The nearest number. Added to 2²³ it stands in the lowest bits, where a cast would ask whether it fits.
#[inline(always)]
fn nearest(value: f32) -> i16 {
    (value + 8_388_608.0).to_bits() as i16
}

/// The weighted means of the samples under each window of `axis`, of the channel at `offset` of `channels`. `few` does it
/// for one channel and boxes over at most [`TAPS`] samples.
#[inline(always)]
pub(super) fn sample_columns(
    row: &[i16],
    (channels, offset): (usize, usize),
    axis: &Axis,
    out: &mut [f32],
    few: impl Fn(&[i16], &Axis, &mut [f32]),
) {
    if channels == 1 && !axis.weights.is_empty() {
        return few(row, axis, out);
    }
    let scale = UNIT / axis.width as f32;
    for ((o, start), part) in out.iter_mut().zip(&axis.start).zip(&axis.offset) {
        let under = &row[*start as usize * channels + offset..][..=axis.width * channels];
        let whole: i32 = under.iter().step_by(channels).take(axis.width).map(|sample| i32::from(*sample)).sum();
        let change = i32::from(under[axis.width * channels]) - i32::from(under[0]);
        *o = (whole as f32 + change as f32 * part) * scale;
    }
}

/// Any processor's way.
pub(super) fn few(row: &[i16], axis: &Axis, out: &mut [f32]) {
    for ((o, start), weights) in out.iter_mut().zip(&axis.start).zip(&axis.weights) {
        *o = weighted(row, *start, weights);
    }
}

#[inline(always)]
fn weighted(row: &[i16], start: u32, weights: &[i16; TAPS]) -> f32 {
    let under = &row[start as usize..][..TAPS];
    let products = under.iter().zip(weights).map(|(sample, weight)| i32::from(*sample) * i32::from(*weight));
    products.sum::<i32>() as f32 * (UNIT / ONE)
}

/// Eight pixels at once, in a third of the time: the four samples of each are one load, and what the loads hold is
/// multiplied and summed in pairs, twice.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "registers are loaded and stored by address")]
pub(super) fn few_avx2(row: &[i16], axis: &Axis, out: &mut [f32]) {
    use std::arch::x86_64::{
        __m256i, _mm256_cvtepi32_ps, _mm256_hadd_epi32, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_mul_ps,
        _mm256_permute4x64_epi64, _mm256_set_epi64x, _mm256_set1_ps, _mm256_storeu_ps,
    };
    let last = axis.start.last().map_or(0, |start| *start as usize);
    assert!(last + TAPS <= row.len(), "the row is shorter than its axis");
    let unit = _mm256_set1_ps(UNIT / ONE);
    let (out, rest) = out.as_chunks_mut::<8>();
    let (starts, weights) = (axis.start.as_chunks::<8>().0, axis.weights.as_chunks::<8>().0);
    for ((out, starts), weights) in out.iter_mut().zip(starts).zip(weights) {
        // SAFETY: starts ascend, and the last one leaves four samples in the row.
        let samples = |i: usize| unsafe { row.as_ptr().add(starts[i] as usize).cast::<i64>().read_unaligned() };
        let four = |i: usize| _mm256_set_epi64x(samples(i + 3), samples(i + 2), samples(i + 1), samples(i));
        let weights: *const __m256i = weights.as_ptr().cast();
        // SAFETY: eight times four weights of two bytes.
        let weights = unsafe { [_mm256_loadu_si256(weights), _mm256_loadu_si256(weights.add(1))] };
        let pairs = [_mm256_madd_epi16(four(0), weights[0]), _mm256_madd_epi16(four(4), weights[1])];
        // In each half of the register first two sums of the one, then two of the other.
        let sums = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_hadd_epi32(pairs[0], pairs[1]));
        // SAFETY: eight numbers of four bytes.
        unsafe { _mm256_storeu_ps(out.as_mut_ptr(), _mm256_mul_ps(_mm256_cvtepi32_ps(sums), unit)) };
    }
    let done = out.len() * 8;
    for ((o, start), weights) in rest.iter_mut().zip(&axis.start[done..]).zip(&axis.weights[done..]) {
        *o = weighted(row, *start, weights);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resample(source: &[u8], target: u32, step: f32) -> Vec<f32> {
        let size = Size::new(source.len() as u32, 1);
        let mut row = Vec::new();
        let plane = Plane { data: source, stride: source.len() };
        blend_rows(plane, size, 1, Axis::new(1, 1, 1.0).window(0), &mut row);
        let mut out = vec![0.0; target as usize];
        let axis = Axis::new(size.width, target, step);
        sample_columns(&row, (1, 0), &axis, &mut out, few);
        out
    }

    #[test]
    fn scaling_by_hand() {
        for (source, target, step, expected) in [
            (&[10, 20, 30, 40][..], 4, 1.0, &[10.0, 20.0, 30.0, 40.0][..]),
            (&[10, 20, 30, 40], 2, 2.0, &[15.0, 35.0]),
            (&[10, 20, 30, 40, 50, 60], 2, 3.0, &[20.0, 50.0]),
            // By 1.5, pixel centres lie at 0.25 and 1.75 between samples.
            (&[10, 20, 40], 2, 1.5, &[12.5, 35.0]),
            // Twice as large: the borders repeat.
            (&[0, 100], 4, 0.5, &[0.0, 25.0, 75.0, 100.0]),
            // A box two wide at steps of 2.5: samples 0.25 to 2.25, and 2.75 to 4.75.
            (&[0, 0, 100, 0, 100], 2, 2.5, &[12.5, 50.0]),
            (&[7], 3, 1.0 / 3.0, &[7.0, 7.0, 7.0]),
            (&[0, 50, 100], 1, 3.0, &[50.0]),
        ] {
            let got = resample(source, target, step);
            // A third is not exact in 14 bits.
            let close = got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 5e-3);
            assert!(close && got.len() == expected.len(), "{source:?} to {target}: {got:?}");
        }
    }

    #[test]
    fn a_fine_grating_becomes_grey_and_not_bands() {
        let grating: Vec<u8> = (0..1000).map(|i| if i % 2 == 0 { 0 } else { 255 }).collect();
        let out = resample(&grating, 217, 1000.0 / 217.0);
        assert!(out.iter().all(|v| (v - 127.5).abs() < 32.0), "{out:?}");
    }
}
