//! The picture of a place with nobody in it, drawn once: for each pixel what each kind of light gives, for each sample how
//! far it is. Whatever moves is put in front of it later.

use std::f32::consts::TAU;

use super::light::{Light, infrared};
use super::noise::{fractal, unit};
use super::place::{Meeting, Place, WIRE, WIRES};
use super::space::{Camera, V3, across, grey, v};

/// Samples on each side of a pixel.
pub(crate) const SAMPLES: usize = 2;
/// Rays that look how much of the sky a sample sees.
const SKY_RAYS: u32 = 5;
/// How far they look, in metres.
const SKY_REACH: f32 = 4.0;

/// What a pixel gives off in each light.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pixel {
    /// By sky and its own light, at any time.
    pub(crate) steady: V3,
    pub(crate) sun: V3,
    pub(crate) lamps: V3,
    pub(crate) albedo: V3,
    pub(crate) at: V3,
    pub(crate) normal: V3,
    /// The share of it that is ground, on which shadows fall.
    pub(crate) ground: f32,
}

/// A place, drawn.
#[derive(Debug)]
pub(crate) struct Plate {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: Vec<Pixel>,
    /// By sample: the distance along the view, and that of the fence in front of it.
    pub(crate) depth: Vec<f32>,
    pub(crate) fence: Vec<f32>,
}

impl Plate {
    pub(crate) fn draw(place: &Place, light: &Light, camera: &Camera, width: usize, height: usize) -> Self {
        let samples = width * height * SAMPLES * SAMPLES;
        let (pixels, depth) = (Vec::with_capacity(width * height), vec![f32::INFINITY; samples]);
        let mut plate = Self { width, height, pixels, fence: depth.clone(), depth };
        for y in 0..height {
            for x in 0..width {
                let pixel = plate.pixel(place, light, camera, x, y);
                plate.pixels.push(pixel);
            }
        }
        plate
    }

    fn pixel(&mut self, place: &Place, light: &Light, camera: &Camera, x: usize, y: usize) -> Pixel {
        let share = 1.0 / (SAMPLES * SAMPLES) as f32;
        let mut sum = Pixel::default();
        for i in 0..SAMPLES * SAMPLES {
            let (sx, sy) = (x * SAMPLES + i % SAMPLES, y * SAMPLES + i / SAMPLES);
            let at = |s: usize| (s as f32 + 0.5) / SAMPLES as f32;
            let ray = camera.ray(at(sx), at(sy));
            let meeting = place.meet(camera.at, ray);
            let index = sy * self.width * SAMPLES + sx;
            self.depth[index] = meeting.map_or(f32::INFINITY, |m| m.distance);
            let fences = place.fences.iter().filter_map(|f| f.meet(camera.at, ray));
            self.fence[index] = fences.fold(f32::INFINITY, f32::min);
            let mut seen = meeting.map_or_else(|| sky(light, ray), |m| lit(place, light, &m, ray, index as u32));
            if self.fence[index] < self.depth[index] {
                seen = seen.behind_wires(light);
            }
            sum.add(&seen, share);
        }
        sum
    }
}

impl Pixel {
    fn add(&mut self, o: &Self, share: f32) {
        for (sum, part) in [
            (&mut self.steady, o.steady),
            (&mut self.sun, o.sun),
            (&mut self.lamps, o.lamps),
            (&mut self.albedo, o.albedo),
            (&mut self.at, o.at),
            (&mut self.normal, o.normal),
        ] {
            *sum = *sum + part * share;
        }
        self.ground += o.ground * share;
    }

    fn behind_wires(self, light: &Light) -> Self {
        let through = 1.0 - WIRES;
        let wire = WIRE.tint(light.ambient(v(0.0, -1.0, 0.0)) + light.sun * 0.4) * WIRES;
        Self {
            steady: self.steady * through + wire,
            sun: self.sun * through,
            lamps: self.lamps * through,
            albedo: self.albedo * through + WIRE * WIRES,
            ..self
        }
    }
}

fn sky(light: &Light, ray: V3) -> Pixel {
    let d = ray.unit();
    let clouds = fractal(d.x / (d.z.abs() + 0.15) * 1.5, d.y / (d.z.abs() + 0.15) * 1.5, 4, 91);
    let steady = light.environment(d).mix(light.horizon * 1.15, clouds * 0.6);
    Pixel { steady, ..Pixel::default() }
}

/// A point of the place in the light of its sky, its sun and its lamps, as far as they reach it.
fn lit(place: &Place, light: &Light, m: &Meeting, ray: V3, seed: u32) -> Pixel {
    let albedo = if light.infrared { infrared(m.surface.albedo) } else { m.surface.albedo };
    let from = m.at + m.normal * 0.004;
    let open = openness(place, from, m.normal, seed);
    let facing = m.normal.dot(light.sun_at).max(0.0);
    let jitter = v(unit(seed, 1, 0), unit(seed, 2, 0), unit(seed, 3, 0)) * 0.03;
    let sunny = light.sun.luma() > 0.0 && facing > 0.0 && place.is_clear(from, light.sun_at + jitter, 200.0);
    let sun = if sunny { albedo.tint(light.sun * facing) } else { grey(0.0) };
    let lamps = light.lamps.iter().fold(grey(0.0), |sum, lamp| {
        let way = lamp.at - from;
        let distance = way.length();
        let clear = place.is_clear(from, way * (1.0 / distance), distance - 0.3);
        if clear { sum + lamp.on(from, m.normal) } else { sum }
    });
    let mirrored = ray.unit() - m.normal * (2.0 * ray.unit().dot(m.normal));
    let fresnel = 0.04 + 0.6 * (1.0 - (-ray.unit().dot(m.normal)).clamp(0.0, 1.0)).powi(5);
    let gleam = if place.indoor { grey(0.0) } else { light.environment(mirrored) * (fresnel * m.surface.gloss) };
    Pixel {
        steady: albedo.tint(light.ambient(m.normal)) * open + gleam,
        sun,
        lamps: albedo.tint(lamps) * (0.4 + 0.6 * open) + m.surface.glow,
        albedo,
        at: m.at,
        normal: m.normal,
        ground: f32::from(m.is_ground),
    }
}

/// The share of the sky that a surface sees, by rays into its hemisphere: corners are dark.
fn openness(place: &Place, from: V3, normal: V3, seed: u32) -> f32 {
    let (a, b) = across(normal);
    let open = (0..SKY_RAYS).filter(|i| {
        let turn = (*i as f32 + unit(seed, *i, 4)) / SKY_RAYS as f32 * TAU;
        let out = ((*i as f32 * 0.618 + unit(seed, *i, 5)).fract()).sqrt() * 0.98;
        let way = (a * turn.cos() + b * turn.sin()) * out + normal * (1.0 - out * out).sqrt();
        place.is_clear(from, way, SKY_REACH)
    });
    0.25 + 0.75 * open.count() as f32 / SKY_RAYS as f32
}
