//! A place without anybody in it: solids, a fence, trees, lamps, and where the camera hangs; and the rays that look at
//! it. What the single places are like is in `places`.

use super::light::Spot;
use super::noise::fractal;
use super::paint::Surface;
use super::setting::Weather;
use super::space::{Mount, V3, grey, smooth, v};
use super::stuff::{Ground, Stuff};

/// A box whose walls are along the axes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Solid {
    pub(crate) centre: V3,
    pub(crate) half: V3,
    pub(crate) stuff: Stuff,
}

/// Wire mesh between two points of the ground; one looks through it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fence {
    pub(crate) from: V3,
    pub(crate) to: V3,
    pub(crate) height: f32,
}

/// How much of what is behind a fence its wires hide.
pub(crate) const WIRES: f32 = 0.20;
pub(crate) const WIRE: V3 = v(0.16, 0.19, 0.17);

/// A tree: where its trunk stands, how high it is, and how wide its crown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tree {
    pub(crate) at: V3,
    pub(crate) height: f32,
    pub(crate) crown: f32,
}

/// A place.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) mount: Mount,
    pub(crate) ground: Ground,
    pub(crate) solids: Vec<Solid>,
    pub(crate) fences: Vec<Fence>,
    pub(crate) trees: Vec<Tree>,
    pub(crate) lamps: Vec<Spot>,
    pub(crate) indoor: bool,
    /// What lies on the ground and on whatever is flat.
    pub(crate) weather: Weather,
}

/// What a ray meets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meeting {
    pub(crate) distance: f32,
    pub(crate) at: V3,
    pub(crate) normal: V3,
    pub(crate) surface: Surface,
    pub(crate) is_ground: bool,
}

impl Solid {
    /// A box by its corners along the axes.
    pub(crate) fn between(low: V3, high: V3, stuff: Stuff) -> Self {
        Self { centre: (low + high) * 0.5, half: (high - low) * 0.5, stuff }
    }

    /// How far along a ray it is entered, and the outward normal there.
    fn meet(&self, from: V3, ray: V3) -> Option<(f32, V3)> {
        let (o, d) = (from - self.centre, ray);
        let (mut enter, mut leave, mut normal) = (0.0f32, f32::MAX, V3::default());
        let axes = [
            (o.x, d.x, self.half.x, v(1.0, 0.0, 0.0)),
            (o.y, d.y, self.half.y, v(0.0, 1.0, 0.0)),
            (o.z, d.z, self.half.z, v(0.0, 0.0, 1.0)),
        ];
        for (o, d, half, axis) in axes {
            let d = if d.abs() < 1e-9 { 1e-9 } else { d };
            let (a, b) = ((-half - o) / d, (half - o) / d);
            let (near, far) = (a.min(b), a.max(b));
            if near > enter {
                enter = near;
                normal = axis * -d.signum();
            }
            leave = leave.min(far);
        }
        (enter > 1e-4 && enter < leave).then_some((enter, normal))
    }

    fn surface(&self, at: V3, normal: V3, number: u32) -> Surface {
        let p = at - self.centre;
        let (u, w) = if normal.z.abs() > 0.5 {
            (p.x, p.y)
        } else if normal.x.abs() > 0.5 {
            (p.y, p.z + self.half.z)
        } else {
            (p.x, p.z + self.half.z)
        };
        let surface = self.stuff.at(u, w, number);
        // A roof has no windows.
        if normal.z.abs() > 0.5 && matches!(self.stuff, Stuff::Facade(..)) {
            Stuff::Concrete.at(u, w, number)
        } else {
            surface
        }
    }
}

impl Fence {
    /// How far along a ray it is passed.
    pub(crate) fn meet(&self, from: V3, ray: V3) -> Option<f32> {
        let along = self.to - self.from;
        let normal = v(-along.y, along.x, 0.0);
        let distance = (self.from - from).dot(normal) / ray.dot(normal);
        let at = from + ray * distance - self.from;
        let part = at.dot(along) / along.dot(along);
        let inside = distance > 0.0 && (0.0..1.0).contains(&part) && (0.0..self.height).contains(&at.z);
        inside.then_some(distance)
    }
}

impl Place {
    /// The first thing that a ray meets, but for fences.
    pub(crate) fn meet(&self, from: V3, ray: V3) -> Option<Meeting> {
        let ground = (ray.z < -1e-6).then(|| from.z / -ray.z).filter(|d| *d < 300.0);
        let mut nearest = ground.map(|distance| (distance, None));
        for (i, solid) in self.solids.iter().enumerate() {
            if let Some((distance, normal)) = solid.meet(from, ray)
                && nearest.is_none_or(|(d, _)| distance < d)
            {
                nearest = Some((distance, Some((i, normal))));
            }
        }
        let (distance, solid) = nearest?;
        let at = from + ray * distance;
        Some(match solid {
            None => {
                let surface = self.weathered(self.ground.at(at.x, at.y), at);
                Meeting { distance, at, normal: v(0.0, 0.0, 1.0), surface, is_ground: true }
            }
            Some((i, normal)) => {
                let surface = self.solids[i].surface(at, normal, i as u32);
                let surface = if normal.z > 0.7 { self.weathered(surface, at) } else { surface };
                Meeting { distance, at, normal, surface, is_ground: false }
            }
        })
    }

    /// A flat surface with the rain or the snow that lies on it.
    fn weathered(&self, surface: Surface, at: V3) -> Surface {
        match self.weather {
            Weather::Rain if !self.indoor => {
                let puddle = smooth(0.5, 0.62, fractal(at.x * 0.5, at.y * 0.5, 3, 81));
                Surface { albedo: surface.albedo * 0.6, gloss: 0.35 + 0.65 * puddle, ..surface }
            }
            Weather::Snow if !self.indoor => {
                let lies = smooth(0.30, 0.52, fractal(at.x * 0.9, at.y * 0.9, 4, 82));
                Surface { albedo: surface.albedo.mix(grey(0.72), 0.9 * lies), gloss: 0.0, ..surface }
            }
            _ => surface,
        }
    }

    /// Whether nothing stands in the way from a point over such a distance.
    pub(crate) fn is_clear(&self, from: V3, way: V3, distance: f32) -> bool {
        let blocked =
            |s: &Solid| !matches!(s.stuff, Stuff::Shining(_)) && s.meet(from, way).is_some_and(|(d, _)| d < distance);
        !self.solids.iter().any(blocked)
    }
}
