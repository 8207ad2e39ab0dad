//! Colours, and how they are coded in a picture's samples.

use iris_core::{ColorMatrix, ColorRange};

/// A colour in sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(pub [u8; 3]);

impl Colour {
    /// Black.
    pub const BLACK: Self = Self([0, 0, 0]);
    /// White.
    pub const WHITE: Self = Self([255, 255, 255]);
    /// For zones and lines.
    pub const AMBER: Self = Self([255, 190, 60]);
    /// For a zone in which something is.
    pub const RED: Self = Self([255, 70, 60]);

    /// A colour for the `n`th of something that has no end of numbers. Neighbouring numbers are far apart on the
    /// colour circle, because the step is the golden ratio.
    pub fn nth(n: u32) -> Self {
        let hue = (f64::from(n) * 0.618_033_988_749_895).fract();
        // Saturated enough to tell apart, pale enough to be bright in every hue.
        let channel = |shift: f64| {
            let ramp = ((hue + shift).fract() * 6.0 - 3.0).abs() - 1.0;
            (255.0 * (0.25 + 0.75 * ramp.clamp(0.0, 1.0))).round() as u8
        };
        Self([channel(0.0), channel(2.0 / 3.0), channel(1.0 / 3.0)])
    }
}

/// How colours are coded in luma and chroma samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    /// The range of the samples.
    pub range: ColorRange,
    /// The matrix.
    pub matrix: ColorMatrix,
}

impl Encoding {
    /// What JPEG files hold (JFIF 1.02).
    pub const JPEG: Self = Self { range: ColorRange::Full, matrix: ColorMatrix::Bt601 };

    /// The sample values of a colour.
    pub fn encode(self, colour: Colour) -> [u8; 3] {
        self.of_rgb().apply(colour.0)
    }

    /// From RGB samples to these.
    pub(super) fn of_rgb(self) -> Affine {
        let (kr, kb) = self.weights();
        let kg = 1.0 - kr - kb;
        let (luma, chroma, black) = self.scales();
        let (cb, cr) = (chroma / (2.0 * (1.0 - kb)), chroma / (2.0 * (1.0 - kr)));
        Affine::new(
            [
                [luma * kr, luma * kg, luma * kb],
                [-cb * kr, -cb * kg, cb * (1.0 - kb)],
                [cr * (1.0 - kr), -cr * kg, -cr * kb],
            ],
            [0.0; 3],
            [black, 128.0, 128.0],
        )
    }

    /// From these samples to RGB.
    pub(super) fn to_rgb(self) -> Affine {
        let (kr, kb) = self.weights();
        let kg = 1.0 - kr - kb;
        let (luma, chroma, black) = self.scales();
        let (y, cr, cb) = (1.0 / luma, 2.0 * (1.0 - kr) / chroma, 2.0 * (1.0 - kb) / chroma);
        Affine::new([[y, 0.0, cr], [y, -cb * kb / kg, -cr * kr / kg], [y, cb, 0.0]], [black, 128.0, 128.0], [0.0; 3])
    }

    /// From these samples to those of another encoding.
    pub(super) fn to(self, other: Self) -> Affine {
        self.to_rgb().then(&other.of_rgb())
    }

    /// The weights of red and blue in luma (ITU-R BT.601-7 §2.5.1, BT.709-6 §3.2).
    fn weights(self) -> (f32, f32) {
        match self.matrix {
            ColorMatrix::Bt601 => (0.299, 0.114),
            ColorMatrix::Bt709 => (0.2126, 0.0722),
        }
    }

    /// The spans of luma and chroma as shares of full ones, and the sample value of black.
    fn scales(self) -> (f32, f32, f32) {
        match self.range {
            ColorRange::Full => (1.0, 1.0, 0.0),
            ColorRange::Limited => (219.0 / 255.0, 224.0 / 255.0, 16.0),
        }
    }
}

/// `m · (samples - before) + after`, rounded and clamped to bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Affine {
    m: [[f32; 3]; 3],
    offset: [f32; 3],
}

impl Affine {
    fn new(m: [[f32; 3]; 3], before: [f32; 3], after: [f32; 3]) -> Self {
        let offset = std::array::from_fn(|i| after[i] - dot(m[i], before));
        Self { m, offset }
    }

    /// This, then `next`, rounding once.
    fn then(&self, next: &Self) -> Self {
        let column = |j: usize| [self.m[0][j], self.m[1][j], self.m[2][j]];
        let m = std::array::from_fn(|i| std::array::from_fn(|j| dot(next.m[i], column(j))));
        let offset = std::array::from_fn(|i| dot(next.m[i], self.offset) + next.offset[i]);
        Self { m, offset }
    }

    /// What becomes of a sample where its channel does not depend on the others.
    #[inline]
    pub(super) fn apply_to(&self, channel: usize, sample: u8) -> u8 {
        nearest_byte(self.m[channel][channel] * f32::from(sample) + self.offset[channel])
    }

    #[inline]
    pub(super) fn apply(&self, samples: [u8; 3]) -> [u8; 3] {
        let v = samples.map(f32::from);
        std::array::from_fn(|i| nearest_byte(dot(self.m[i], v) + self.offset[i]))
    }
}

/// Added to 2²³, a value stands in the lowest bits, rounded. A cast asks for every sample whether it fits, which the
/// compiler does not vectorise: converting a picture took three times as long.
#[inline]
fn nearest_byte(value: f32) -> u8 {
    (value.clamp(0.0, 255.0) + 8_388_608.0).to_bits() as u8
}

fn dot(a: [f32; 3], b: [f32; 3]) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Encoding; 4] = [
        Encoding::JPEG,
        Encoding { range: ColorRange::Limited, matrix: ColorMatrix::Bt601 },
        Encoding { range: ColorRange::Full, matrix: ColorMatrix::Bt709 },
        Encoding { range: ColorRange::Limited, matrix: ColorMatrix::Bt709 },
    ];

    #[test]
    fn known_colours_have_the_samples_of_the_standards() {
        // ITU-R BT.601 and BT.709 colour bars, rounded to 8 bits.
        for (encoding, colour, samples) in [
            (ALL[0], [255, 0, 0], [76, 85, 255]),
            (ALL[1], [255, 255, 255], [235, 128, 128]),
            (ALL[1], [0, 0, 0], [16, 128, 128]),
            (ALL[1], [255, 0, 0], [81, 90, 240]),
            (ALL[3], [255, 0, 0], [63, 102, 240]),
            (ALL[3], [0, 0, 255], [32, 240, 118]),
        ] {
            assert_eq!(encoding.encode(Colour(colour)), samples, "{encoding:?} {colour:?}");
        }
    }

    #[test]
    fn colours_of_neighbours_are_easy_to_tell_apart() {
        let distance = |a: Colour, b: Colour| a.0.iter().zip(b.0).map(|(&x, y)| u32::from(x.abs_diff(y))).sum::<u32>();
        for n in 0..200 {
            assert!(distance(Colour::nth(n), Colour::nth(n + 1)) > 150, "{n}");
            assert_eq!(Colour::nth(n), Colour::nth(n));
        }
    }

    proptest! {
        #[test]
        fn samples_are_those_of_exact_arithmetic(samples: [u8; 3], i in 0usize..4, j in 0usize..4) {
            let affine = ALL[i].to(ALL[j]);
            for (row, got) in affine.apply(samples).into_iter().enumerate() {
                let terms = affine.m[row].iter().zip(samples).map(|(m, s)| f64::from(*m) * f64::from(s));
                let exact = (terms.sum::<f64>() + f64::from(affine.offset[row])).clamp(0.0, 255.0);
                prop_assert!((f64::from(got) - exact).abs() < 0.501, "{got} is not {exact}");
            }
        }

        #[test]
        fn a_colour_survives_its_encoding(colour: [u8; 3], i in 0usize..4, j in 0usize..4) {
            for back in [
                ALL[i].to_rgb().apply(ALL[i].encode(Colour(colour))),
                ALL[j].to_rgb().apply(ALL[i].to(ALL[j]).apply(ALL[i].encode(Colour(colour)))),
            ] {
                for (a, b) in colour.iter().zip(back) {
                    prop_assert!(a.abs_diff(b) <= 4, "{colour:?} became {back:?}");
                }
            }
        }
    }
}
