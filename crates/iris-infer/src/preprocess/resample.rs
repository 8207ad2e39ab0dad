//! Scaling, one direction at a time: rows are blended first, in loops the compiler vectorises, then columns sampled.
//!
//! The filter is a box as wide as the shrink factor rounded down, placed with sub-pixel precision: bilinear
//! interpolation where a picture grows or shrinks by less than two, which is what most detectors were trained with, and
//! an average over area beyond that, where bilinear interpolation would alias. Samples beyond the border do not exist:
//! the box is moved inside.

use iris_core::{Plane, Size};

/// Where each pixel of the target looks in the source, along one direction.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    /// The box's width in source samples, at least 1.
    width: usize,
    /// The first sample under the box.
    start: Vec<u32>,
    /// How far into that sample the box begins, 0 to 1.
    offset: Vec<f32>,
}

/// The samples `start ..= start + width`: the first counts `1 - offset`, the last `offset`, those between 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    start: usize,
    offset: f32,
    width: usize,
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
        Self { width: width as usize, start, offset }
    }

    pub(super) fn window(&self, i: usize) -> Window {
        Window { start: self.start[i] as usize, offset: self.offset[i], width: self.width }
    }
}

/// The weighted mean of the rows under `window`, with one more sample at the end, so that columns may look there.
#[inline(always)]
pub(super) fn blend_rows(plane: Plane<'_>, size: Size, channels: usize, window: Window, out: &mut Vec<f32>) {
    let len = size.width as usize * channels;
    out.resize(len + channels, 0.0);
    let row = |y: usize| &plane.data[y.min(size.height as usize - 1) * plane.stride..][..len];
    let Window { start, offset, width } = window;
    let scale = 1.0 / width as f32;
    let (first, last) = ((1.0 - offset) * scale, offset * scale);
    for ((o, a), b) in out.iter_mut().zip(row(start)).zip(row(start + width)) {
        *o = f32::from(*a) * first + f32::from(*b) * last;
    }
    for y in start + 1..start + width {
        for (o, a) in out.iter_mut().zip(row(y)) {
            *o += f32::from(*a) * scale;
        }
    }
    out.copy_within(len - channels..len, len);
}

/// The weighted means of the samples under each window of `axis`, of the channel at `offset` of `channels`.
#[inline(always)]
pub(super) fn sample_columns(row: &[f32], channels: usize, offset: usize, axis: &Axis, out: &mut [f32]) {
    match (channels, axis.width) {
        (1, 1) => means::<1>(row, axis, out),
        (1, 2) => means::<2>(row, axis, out),
        (1, 3) => means::<3>(row, axis, out),
        (1, 4) => means::<4>(row, axis, out),
        (_, width) => {
            let scale = 1.0 / width as f32;
            for ((o, start), part) in out.iter_mut().zip(&axis.start).zip(&axis.offset) {
                let at = *start as usize * channels + offset;
                let whole: f32 = (0..width).map(|j| row[at + j * channels]).sum();
                *o = (whole + (row[at + width * channels] - row[at]) * part) * scale;
            }
        }
    }
}

/// The same for one channel and a width that the compiler knows, in half the time.
#[inline(always)]
fn means<const WIDTH: usize>(row: &[f32], axis: &Axis, out: &mut [f32]) {
    let scale = 1.0 / WIDTH as f32;
    for ((o, start), part) in out.iter_mut().zip(&axis.start).zip(&axis.offset) {
        let under = &row[*start as usize..][..=WIDTH];
        *o = (under[..WIDTH].iter().sum::<f32>() + (under[WIDTH] - under[0]) * part) * scale;
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
        sample_columns(&row, 1, 0, &Axis::new(size.width, target, step), &mut out);
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
            let close = got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-3);
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
