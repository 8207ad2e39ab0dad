//! Colours: from the frame's to red, green and blue, and from those to what the model was trained on. Row by row, so
//! that what one step wrote is still at hand for the next.

use iris_core::{ColorMatrix, ColorRange, Frame, PixelFormat};

use super::CHANNELS;
use crate::manifest::{Color, Input};

/// How to turn three rows of a frame's channels into red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum ToRgb {
    /// They are.
    Already,
    /// Luma alone.
    Gray { black: f32, luma: f32 },
    /// Luma and two differences, with the factors of a matrix.
    Yuv { black: f32, luma: f32, r_v: f32, g_u: f32, g_v: f32, b_u: f32 },
}

impl ToRgb {
    pub(super) fn of(frame: &Frame) -> Self {
        Self::new(frame.format, frame.range, frame.matrix)
    }

    /// The inverse of the matrices of ITU-R BT.601-7 §2.5 and BT.709-6 §3, from their weights of red and blue.
    fn new(format: PixelFormat, range: ColorRange, matrix: ColorMatrix) -> Self {
        let (black, luma, chroma) = match range {
            ColorRange::Limited => (16.0, 255.0 / 219.0, 255.0 / 224.0),
            ColorRange::Full => (0.0, 1.0, 1.0),
        };
        let (red, blue) = match matrix {
            ColorMatrix::Bt601 => (0.299, 0.114),
            ColorMatrix::Bt709 => (0.2126, 0.0722),
        };
        let green = 1.0 - red - blue;
        let (r_v, b_u) = (2.0 * (1.0 - red) * chroma, 2.0 * (1.0 - blue) * chroma);
        match format {
            PixelFormat::Rgb => Self::Already,
            PixelFormat::Gray => Self::Gray { black, luma },
            _ => Self::Yuv { black, luma, r_v, g_u: b_u * blue / green, g_v: r_v * red / green, b_u },
        }
    }

    /// Converts in place; every value ends in 0 to 255.
    #[inline(always)]
    pub(super) fn apply(&self, [first, second, third]: &mut [Vec<f32>; CHANNELS]) {
        match *self {
            Self::Already => {}
            Self::Gray { black, luma } => {
                for y in first.iter_mut() {
                    *y = ((*y - black) * luma).clamp(0.0, 255.0);
                }
                second.clone_from(first);
                third.clone_from(first);
            }
            Self::Yuv { black, luma, r_v, g_u, g_v, b_u } => {
                for ((y, u), v) in first.iter_mut().zip(second).zip(third) {
                    let (luma, du, dv) = ((*y - black) * luma, *u - 128.0, *v - 128.0);
                    *y = (luma + dv * r_v).clamp(0.0, 255.0);
                    *u = (luma - du * g_u - dv * g_v).clamp(0.0, 255.0);
                    *v = (luma + du * b_u).clamp(0.0, 255.0);
                }
            }
        }
    }
}

/// An element of a tensor.
pub(super) trait Element: Copy {
    fn of(value: f32) -> Self;
}

impl Element for f32 {
    fn of(value: f32) -> Self {
        value
    }
}

impl Element for u8 {
    /// The nearest byte to a value from 0 to 255. Added to 2²³, it stands in the lowest bits; a cast would ask for every
    /// pixel whether it fits, and took eight times as long.
    fn of(value: f32) -> Self {
        (value + 8_388_608.0).to_bits() as u8
    }
}

/// What becomes of a channel's values, `value · factor + shift`, and which channel stands where.
#[derive(Debug, Clone)]
pub(super) struct Normalise {
    /// For each plane of the tensor: the channel of red, green and blue it holds, factor and shift.
    planes: [(usize, f32, f32); CHANNELS],
    width: usize,
    pad: f32,
}

impl Normalise {
    pub(super) fn new(input: &Input) -> Self {
        let source = |plane: usize| match input.color {
            Color::Rgb => plane,
            Color::Bgr => 2 - plane,
        };
        let plane = |i: usize| (source(i), input.scale / input.std[i], -input.mean[i] / input.std[i]);
        Self { planes: [0, 1, 2].map(plane), width: input.width as usize, pad: f32::from(input.pad) }
    }

    /// Fills a tensor with padding.
    pub(super) fn pad<T: Element>(&self, tensor: &mut [T]) {
        let plane_len = tensor.len() / CHANNELS;
        for (plane, (_, factor, shift)) in tensor.chunks_exact_mut(plane_len).zip(self.planes) {
            plane.fill(T::of(self.pad * factor + shift));
        }
    }

    /// Writes one row of red, green and blue into a tensor's planes, from column `x` of row `y` on.
    #[inline(always)]
    pub(super) fn write<T: Element>(&self, rgb: &[Vec<f32>; CHANNELS], (x, y): (u32, u32), tensor: &mut [T]) {
        let plane_len = tensor.len() / CHANNELS;
        let start = y as usize * self.width + x as usize;
        for (plane, (channel, factor, shift)) in tensor.chunks_exact_mut(plane_len).zip(self.planes) {
            for (out, value) in plane[start..].iter_mut().zip(&rgb[channel]) {
                *out = T::of(value * factor + shift);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(range: ColorRange, matrix: ColorMatrix, yuv: [f32; 3]) -> [f32; 3] {
        let mut rows = yuv.map(|v| vec![v]);
        ToRgb::new(PixelFormat::I420, range, matrix).apply(&mut rows);
        rows.map(|row| row[0])
    }

    #[test]
    fn reference_colours() {
        use ColorMatrix::{Bt601, Bt709};
        use ColorRange::{Full, Limited};
        // The 8-bit codes of black, white and the primaries, from the recommendations' own forward matrices.
        for (range, matrix, yuv, rgb) in [
            (Limited, Bt601, [16, 128, 128], [0, 0, 0]),
            (Limited, Bt601, [235, 128, 128], [255, 255, 255]),
            (Limited, Bt601, [81, 90, 240], [255, 0, 0]),
            (Limited, Bt601, [145, 54, 34], [0, 255, 0]),
            (Limited, Bt601, [41, 240, 110], [0, 0, 255]),
            (Limited, Bt709, [63, 102, 240], [255, 0, 0]),
            (Limited, Bt709, [173, 42, 26], [0, 255, 0]),
            (Limited, Bt709, [32, 240, 118], [0, 0, 255]),
            (Full, Bt601, [76, 85, 255], [255, 0, 0]),
            (Full, Bt601, [200, 128, 128], [200, 200, 200]),
        ] {
            let got = convert(range, matrix, yuv.map(|v: u8| f32::from(v)));
            let close = got.iter().zip(rgb).all(|(a, b): (&f32, i32)| (a - b as f32).abs() <= 2.5);
            assert!(close, "{range:?} {matrix:?} {yuv:?}: {got:?} instead of {rgb:?}");
        }
    }

    #[test]
    fn values_beyond_the_range_are_clamped() {
        assert_eq!(convert(ColorRange::Limited, ColorMatrix::Bt601, [255.0, 128.0, 128.0]), [255.0; 3]);
        assert_eq!(convert(ColorRange::Limited, ColorMatrix::Bt601, [0.0, 128.0, 128.0]), [0.0; 3]);
    }

    #[test]
    fn bytes_are_rounded() {
        assert_eq!([0.0, 0.4, 0.6, 127.5, 254.6, 255.0].map(u8::of), [0, 0, 1, 128, 255, 255]);
    }
}
