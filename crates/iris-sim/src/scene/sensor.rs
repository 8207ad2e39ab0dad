//! From light to what a camera sends: the lens's blur and vignette, exposure, noise, the tone curve, YUV 4:2:0 (ITU-R
//! BT.601, limited range). Noise is photon noise (its variance grows with the signal) and read noise.

use super::light::Light;
use super::noise::{hash, unit};
use super::space::{V3, grey};

/// A picture in planar YUV 4:2:0. Width and height are even.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Yuv {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// The planes, one behind the other: Y, then U, then V at half the size.
    pub(crate) bytes: Vec<u8>,
}

const NORMALS: usize = 1 << 14;
const CURVE: usize = 2048;
/// The signal at which the picture is white.
const WHITE: f32 = 4.0;

/// A sensor, with its tables.
#[derive(Debug)]
pub(crate) struct Sensor {
    normals: Vec<f32>,
    curve: Vec<f32>,
    vignette: Vec<f32>,
    width: usize,
    height: usize,
}

impl Sensor {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let normal = |i: usize| (0..12).map(|k| unit(i as u32, k, 77)).sum::<f32>() - 6.0;
        let tone = |i: usize| {
            let signal = (i as f32 / (CURVE - 1) as f32).powi(2) * WHITE;
            (1.0 - (-1.7 * signal).exp()).powf(1.0 / 2.2).min(1.0)
        };
        let corner = |i: usize| {
            let (x, y) = ((i % width) as f32 / width as f32 - 0.5, (i / width) as f32 / height as f32 - 0.5);
            1.0 - 0.5 * (x * x + y * y)
        };
        Self {
            normals: (0..NORMALS).map(normal).collect(),
            curve: (0..CURVE).map(tone).collect(),
            vignette: (0..width * height).map(corner).collect(),
            width,
            height,
        }
    }

    /// A linear picture as the camera sends it. The picture is blurred in place; `frame` and `seed` choose the noise.
    pub(crate) fn develop(&self, picture: &mut [V3], light: &Light, frame: u32, seed: u32) -> Yuv {
        lens(picture, self.width);
        let coded: Vec<V3> = self.expose(picture, light, frame, seed);
        self.encode(&coded)
    }

    /// Exposure, noise and tone: RGB from 0 to 1.
    fn expose(&self, picture: &[V3], light: &Light, frame: u32, seed: u32) -> Vec<V3> {
        let (photon, read) = (0.0004 * light.noise, 0.000_004 * light.noise * light.noise);
        let mut coded = Vec::with_capacity(picture.len());
        for (y, row) in picture.chunks(self.width).enumerate() {
            let mut at = hash(frame, y as u32, seed) as usize;
            for (x, pixel) in row.iter().enumerate() {
                let signal = *pixel * (light.exposure * self.vignette[y * self.width + x]);
                let signal = if light.infrared { grey(signal.luma()) } else { signal };
                let deviation = (photon * signal.luma() + read).sqrt();
                at += 3;
                let noise = |i: usize| self.normals[(at + i) % NORMALS] * deviation;
                let shared = noise(0);
                let each = |value: f32, i: usize| {
                    let chroma = if light.infrared { 0.0 } else { 0.5 * noise(i) };
                    self.tone(value + shared + chroma)
                };
                coded.push(V3 { x: each(signal.x, 1), y: each(signal.y, 2), z: each(signal.z, 3) });
            }
        }
        coded
    }

    fn tone(&self, signal: f32) -> f32 {
        let index = (signal.clamp(0.0, WHITE) / WHITE).sqrt() * (CURVE - 1) as f32;
        self.curve[index as usize]
    }

    fn encode(&self, coded: &[V3]) -> Yuv {
        let (w, h) = (self.width, self.height);
        let mut bytes = vec![0; w * h * 3 / 2];
        let (luma, chroma) = bytes.split_at_mut(w * h);
        let (blue, red) = chroma.split_at_mut(w * h / 4);
        for (out, c) in luma.iter_mut().zip(coded) {
            *out = (16.5 + 65.481 * c.x + 128.553 * c.y + 24.966 * c.z) as u8;
        }
        for y in 0..h / 2 {
            for x in 0..w / 2 {
                let at = |dx: usize, dy: usize| coded[(y * 2 + dy) * w + x * 2 + dx];
                let c = (at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1)) * 0.25;
                blue[y * w / 2 + x] = (128.5 - 37.797 * c.x - 74.203 * c.y + 112.0 * c.z) as u8;
                red[y * w / 2 + x] = (128.5 + 112.0 * c.x - 93.786 * c.y - 18.214 * c.z) as u8;
            }
        }
        Yuv { width: w, height: h, bytes }
    }
}

/// A lens is not quite sharp: a blur of 1-6-1, along rows and then along columns.
fn lens(picture: &mut [V3], width: usize) {
    for row in picture.chunks_mut(width) {
        let mut before = row[0];
        for x in 0..width {
            let (here, after) = (row[x], row[(x + 1).min(width - 1)]);
            row[x] = (before + here * 6.0 + after) * 0.125;
            before = here;
        }
    }
    let mut before: Vec<V3> = picture[..width].to_vec();
    let height = picture.len() / width;
    for y in 0..height {
        for x in 0..width {
            let here = picture[y * width + x];
            let after = if y + 1 < height { picture[(y + 1) * width + x] } else { here };
            picture[y * width + x] = (before[x] + here * 6.0 + after) * 0.125;
            before[x] = here;
        }
    }
}

/// A linear picture at half the width and height.
pub(crate) fn halve(picture: &[V3], width: usize) -> Vec<V3> {
    let height = picture.len() / width;
    let at = |x: usize, y: usize| picture[y * width + x];
    let mean = |x: usize, y: usize| (at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1)) * 0.25;
    (0..height / 2).flat_map(|y| (0..width / 2).map(move |x| (x * 2, y * 2))).map(|(x, y)| mean(x, y)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_keeps_the_mean() {
        let picture: Vec<V3> = (0..32).map(|i| grey(i as f32)).collect();
        let half = halve(&picture, 8);
        assert_eq!(half.len(), 8);
        let mean = |p: &[V3]| p.iter().map(|c| c.x).sum::<f32>() / p.len() as f32;
        assert!((mean(&picture) - mean(&half)).abs() < 1e-4);
    }
}
