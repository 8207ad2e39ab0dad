//! What stands between the scene and the lens, and what moves the lens: rain, snow, an insect, a shaking mast; and the
//! lamps that sweep or are switched.

use std::f32::consts::TAU;

use super::light::{Light, Spot};
use super::noise::{hash, unit, value};
use super::setting::{Effect, Setting, Weather};
use super::space::{V3, grey, smooth, v};

/// How many flakes or drops there are in a picture.
const DROPS: u32 = 420;
const FLAKES: u32 = 360;

/// The weather of one clip.
#[derive(Debug)]
pub(crate) struct Sky<'a> {
    pub(crate) setting: &'a Setting,
    pub(crate) indoor: bool,
    pub(crate) seed: u32,
}

impl Sky<'_> {
    /// How strong the wind is.
    pub(crate) fn wind(&self) -> f32 {
        if self.setting.has(Effect::Wind) { 1.0 } else { 0.12 }
    }

    /// How far the mast's shaking moves the picture, as a fraction of its width.
    pub(crate) fn shake(&self, time: f32) -> (f32, f32) {
        if !self.setting.has(Effect::Shake) {
            return (0.0, 0.0);
        }
        let axis = |n: u32| {
            (value(time * 2.3, n as f32, self.seed) - 0.5) * 0.016
                + (value(time * 8.0, n as f32, self.seed ^ 1) - 0.5) * 0.006
        };
        (axis(1), axis(2))
    }

    /// Adds what sweeps and switches to the light of this moment.
    pub(crate) fn change(&self, light: &mut Light, time: f32) {
        if self.setting.has(Effect::Switch) {
            light.lamps_on *= switched(time);
        }
        if self.setting.has(Effect::Headlights) {
            light.beams.extend(sweep(time));
        }
    }

    /// Draws what is in front of the scene into a linear picture.
    pub(crate) fn cover(&self, picture: &mut [V3], width: usize, light: &Light, time: f32, frame: u32) {
        let canvas = &mut Film { picture, width };
        if !self.indoor {
            match self.setting.weather {
                Weather::Rain => self.rain(canvas, light, frame),
                Weather::Snow => self.snow(canvas, light, time),
                Weather::Clear | Weather::Overcast => {}
            }
        }
        if self.setting.has(Effect::Insect) {
            self.insect(canvas, light, time);
        }
    }

    fn rain(&self, film: &mut Film<'_>, light: &Light, frame: u32) {
        let colour = glare(light);
        for drop in 0..DROPS {
            let at = |n| unit(drop, frame * 8 + n, self.seed);
            let near = at(2) * at(2);
            let length = film.width as f32 * (0.012 + 0.05 * near);
            let (x, y) = (at(0) * film.width as f32, at(1) * film.height() as f32);
            film.streak((x, y), (x - 0.12 * length, y + length), 0.6 + near, colour, 0.16 + 0.16 * near);
        }
    }

    fn snow(&self, film: &mut Film<'_>, light: &Light, time: f32) {
        let colour = glare(light) * 1.3;
        let (w, h) = (film.width as f32, film.height() as f32);
        for flake in 0..FLAKES {
            let at = |n| unit(flake, n, self.seed);
            let near = 0.15 + at(2) * at(2) * at(2);
            let fall = (at(1) + time * (0.12 + 0.55 * near)).fract();
            let drift =
                (at(0) + 0.03 * (time * (0.5 + at(3)) + at(4) * TAU).sin() - time * 0.03 * near).rem_euclid(1.0);
            film.dot((drift * w, fall * h), (w * 0.001 + w * 0.0042 * near, 1.0), 0.0, colour, 0.75);
        }
    }

    /// It walks and stops, and is far out of focus; by night the camera's own light makes it bright.
    fn insect(&self, film: &mut Film<'_>, light: &Light, time: f32) {
        let (w, h) = (film.width as f32, film.height() as f32);
        let step = (time / 3.0).floor();
        let within = smooth(0.0, 0.45, (time / 3.0).fract());
        let spot = |k: f32, n: u32| 0.15 + 0.7 * unit(k.max(0.0) as u32, n, self.seed ^ 7);
        let at = |n| spot(step, n) + (spot(step + 1.0, n) - spot(step, n)) * within;
        let (x, y, turn) = (at(1) * w, at(2) * h, at(3) * TAU + 0.2 * (time * 9.0).sin());
        let colour = if light.infrared { grey(2.2 / light.exposure) } else { light.ambient(v(0.0, 0.0, 1.0)) * 0.06 };
        for leg in 0..6 {
            let angle = turn + (leg as f32 - 2.5) * 0.9 + 0.3 * (time * 14.0 + leg as f32).sin();
            let tip = (x + angle.cos() * w * 0.055, y + angle.sin() * w * 0.055);
            film.streak((x, y), tip, w * 0.004, colour, 0.4);
        }
        film.dot((x, y), (w * 0.036, 0.55), turn, colour, 0.9);
        let head = (x + turn.cos() * w * 0.035, y + turn.sin() * w * 0.035);
        film.dot(head, (w * 0.016, 0.9), turn, colour, 0.85);
    }
}

/// Lamps are off for some seconds of every twenty, and flicker when they start.
fn switched(time: f32) -> f32 {
    let t = time.rem_euclid(20.0);
    match t {
        t if t < 6.0 => 0.0,
        t if t < 6.9 => f32::from(hash((t * 12.0) as u32, 3, 9).is_multiple_of(3)),
        t if t < 16.0 => 1.0,
        _ => 0.0,
    }
}

/// A car that is not seen turns somewhere on the left, every fifteen seconds.
fn sweep(time: f32) -> Vec<Spot> {
    let t = time.rem_euclid(15.0) - 4.0;
    if !(0.0..5.0).contains(&t) {
        return Vec::new();
    }
    let angle = 1.25 - t * 0.42;
    let towards = v(angle.cos(), angle.sin(), -0.045).unit();
    let fade = smooth(0.0, 0.6, t) * smooth(5.0, 4.4, t);
    let lamp =
        |x: f32| Spot { at: v(x - 17.0, 4.0, 0.75), towards, cone: (0.985, 0.90), colour: v(60.0, 57.0, 50.0) * fade };
    vec![lamp(0.0), lamp(1.3)]
}

/// What drops and flakes look like: the sky by day, the camera's or the street's light by night.
fn glare(light: &Light) -> V3 {
    if light.infrared { grey(0.9) } else { light.ambient(v(0.0, -0.4, 0.9)) * 1.1 + grey(0.015) }
}

/// A linear picture to draw on.
struct Film<'a> {
    picture: &'a mut [V3],
    width: usize,
}

impl Film<'_> {
    fn height(&self) -> usize {
        self.picture.len() / self.width
    }

    /// Mixes a colour into the pixels of a rectangle, as much as `amount` says for each.
    fn mix(&mut self, low: (f32, f32), high: (f32, f32), colour: V3, amount: impl Fn(f32, f32) -> f32) {
        let end = |v: f32, most: usize| (v + 1.0).clamp(0.0, most as f32) as usize;
        for y in low.1.max(0.0) as usize..end(high.1, self.height()) {
            for x in low.0.max(0.0) as usize..end(high.0, self.width) {
                let pixel = &mut self.picture[y * self.width + x];
                *pixel = pixel.mix(colour, amount(x as f32 + 0.5, y as f32 + 0.5).clamp(0.0, 1.0));
            }
        }
    }

    /// A line with soft edges.
    fn streak(&mut self, a: (f32, f32), b: (f32, f32), width: f32, colour: V3, strength: f32) {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let length = (dx * dx + dy * dy).max(1e-6);
        let low = (a.0.min(b.0) - width, a.1.min(b.1) - width);
        let high = (a.0.max(b.0) + width, a.1.max(b.1) + width);
        self.mix(low, high, colour, |x, y| {
            let t = (((x - a.0) * dx + (y - a.1) * dy) / length).clamp(0.0, 1.0);
            let (ex, ey) = (x - a.0 - dx * t, y - a.1 - dy * t);
            strength * smooth(width, 0.0, ex.hypot(ey))
        });
    }

    /// An ellipse with a soft edge: its long half axis, the share of that that the short one is, and its turn.
    fn dot(&mut self, at: (f32, f32), (radius, share): (f32, f32), turn: f32, colour: V3, strength: f32) {
        let (sin, cos) = turn.sin_cos();
        let reach = radius * 1.5;
        self.mix((at.0 - reach, at.1 - reach), (at.0 + reach, at.1 + reach), colour, |x, y| {
            let (dx, dy) = (x - at.0, y - at.1);
            let (along, aside) = ((dx * cos + dy * sin) / radius, (dy * cos - dx * sin) / (radius * share));
            strength * smooth(1.45, 0.55, along.hypot(aside))
        });
    }
}

/// Moves a linear picture by a part of its pixels, repeating its edge.
pub(crate) fn shifted(picture: &[V3], width: usize, (dx, dy): (f32, f32)) -> Vec<V3> {
    let height = picture.len() / width;
    let at = |x: i32, y: i32| {
        picture[y.clamp(0, height as i32 - 1) as usize * width + x.clamp(0, width as i32 - 1) as usize]
    };
    let (fx, fy) = (dx.floor(), dy.floor());
    let (u, w) = (dx - fx, dy - fy);
    let sample = |x: i32, y: i32| {
        let (x, y) = (x - fx as i32, y - fy as i32);
        let upper = at(x - 1, y - 1).mix(at(x, y - 1), 1.0 - u);
        upper.mix(at(x - 1, y).mix(at(x, y), 1.0 - u), 1.0 - w)
    };
    (0..height as i32).flat_map(|y| (0..width as i32).map(move |x| (x, y))).map(|(x, y)| sample(x, y)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_shifted_by_whole_and_by_half_pixels() {
        let picture: Vec<V3> = (0..4).flat_map(|y| (0..8).map(move |x| grey((x + 10 * y) as f32))).collect();
        let right = shifted(&picture, 8, (1.0, 0.0));
        assert_eq!((right[0].x, right[1].x, right[9].x), (0.0, 0.0, 10.0));
        let half = shifted(&picture, 8, (0.5, -1.0));
        assert!((half[3].x - 12.5).abs() < 1e-4, "{}", half[3].x);
    }

    #[test]
    fn lamps_are_off_and_on() {
        assert_eq!((switched(1.0), switched(10.0), switched(18.0), switched(30.0)), (0.0, 1.0, 0.0, 1.0));
    }
}
