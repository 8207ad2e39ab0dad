//! Random numbers that are a function of place: the same on every run and in every order of drawing. Value noise after
//! Perlin's idea (Ebert et al., "Texturing and Modeling", 2003, ch. 2); the hash is Wang's integer hash.

/// A well-mixed number of one or more others.
pub(crate) fn hash(a: u32, b: u32, c: u32) -> u32 {
    let mut h = a.wrapping_mul(0x9e37_79b1) ^ b.wrapping_mul(0x85eb_ca77) ^ c.wrapping_mul(0xc2b2_ae3d);
    h = (h ^ 0x3d) ^ (h >> 16);
    h = h.wrapping_mul(9);
    h ^= h >> 4;
    h = h.wrapping_mul(0x27d4_eb2d);
    h ^ (h >> 15)
}

/// From 0 to 1.
pub(crate) fn unit(a: u32, b: u32, c: u32) -> f32 {
    (hash(a, b, c) >> 8) as f32 / (1 << 24) as f32
}

/// Smooth noise from 0 to 1 whose features are about one unit wide.
pub(crate) fn value(x: f32, y: f32, seed: u32) -> f32 {
    let (xi, yi) = (x.floor(), y.floor());
    let (u, w) = (ease(x - xi), ease(y - yi));
    let (i, j) = (xi as i32 as u32, yi as i32 as u32);
    let at = |di: u32, dj: u32| unit(i.wrapping_add(di), j.wrapping_add(dj), seed);
    let top = at(0, 0) + (at(1, 0) - at(0, 0)) * u;
    let bottom = at(0, 1) + (at(1, 1) - at(0, 1)) * u;
    top + (bottom - top) * w
}

/// Several octaves of [`value`], from 0 to 1, each half as strong and twice as fine as the one before.
pub(crate) fn fractal(x: f32, y: f32, octaves: u32, seed: u32) -> f32 {
    let (mut sum, mut weight, mut scale) = (0.0, 0.5, 1.0);
    for octave in 0..octaves {
        sum += weight * value(x * scale, y * scale, seed.wrapping_add(octave));
        weight *= 0.5;
        scale *= 2.03;
    }
    sum / (1.0 - 0.5f32.powi(octaves as i32))
}

fn ease(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_smooth_and_fills_its_range() {
        let samples: Vec<f32> = (0..4000).map(|i| value(i as f32 * 0.1, 3.7, 5)).collect();
        let steepest = samples.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        assert!(steepest < 0.2, "{steepest}");
        assert!(samples.iter().any(|s| *s > 0.9) && samples.iter().any(|s| *s < 0.1));
        assert!(samples.iter().all(|s| (0.0..=1.0).contains(s)));
    }
}
