//! What grounds and walls are made of: asphalt, grass, tiles, brick, façades. Textures are noise in world metres, so that
//! they have grain at every distance.

use super::noise::{fractal, unit, value};
use super::paint::Surface;
use super::space::{V3, grey, smooth, v};

/// What a solid is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stuff {
    Brick(V3),
    Plaster(V3),
    Concrete,
    /// A wall with rows of windows.
    Facade(V3, u32),
    Metal(V3),
    Wood(V3),
    /// A door or a gate with a frame.
    Door(V3),
    /// A machine's housing with panels and vents.
    Machine(V3),
    Hedge,
    /// Something that shines, such as a lamp's cover.
    Shining(V3),
}

/// What the ground is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ground {
    /// A road along x between two pavements, with a crossing.
    Street,
    /// Gravel and concrete, grass beyond the fence.
    Yard,
    /// Polished tiles.
    Tiles,
    /// A workshop's floor with marked ways.
    Shopfloor,
}

impl Stuff {
    /// The surface at a point of a wall: `u` along it, `z` up, both in metres; `n` tells walls apart.
    pub(crate) fn at(self, u: f32, z: f32, n: u32) -> Surface {
        let grain = |c: V3, scale: f32, depth: f32| {
            Surface::dull(c * (1.0 - depth / 2.0 + depth * fractal(u * scale, z * scale, 3, n)))
        };
        match self {
            Self::Brick(c) => brick(c, u, z, n),
            Self::Plaster(c) => {
                let streak = value(u * 1.7, z * 0.15, n ^ 9) * 0.12;
                grain(c * (1.0 - streak), 2.5, 0.22)
            }
            Self::Concrete => grain(grey(0.30), 3.0, 0.4),
            Self::Facade(c, seed) => facade(c, u, z, seed),
            Self::Metal(c) => Surface { gloss: 0.35, ..grain(c, 1.5, 0.2) },
            Self::Wood(c) => Surface::dull(c * (0.75 + 0.5 * fractal(u * 2.0, z * 18.0, 2, n))),
            Self::Door(c) => {
                let seam = (u * 1.1).rem_euclid(1.0) < 0.03 || (z * 1.4).rem_euclid(1.0) < 0.03;
                Surface { gloss: 0.2, ..grain(c * if seam { 0.6 } else { 1.0 }, 3.0, 0.15) }
            }
            Self::Machine(c) => machine(c, u, z, n),
            Self::Hedge => Surface::dull(v(0.045, 0.085, 0.025) * (0.3 + 1.5 * fractal(u * 9.0, z * 9.0, 3, n))),
            Self::Shining(c) => Surface { glow: c, ..Surface::dull(grey(0.8)) },
        }
    }
}

fn brick(c: V3, u: f32, z: f32, n: u32) -> Surface {
    let row = (z / 0.075).floor();
    let u = u + 0.12 * row.rem_euclid(2.0);
    let (column, mortar) =
        ((u / 0.24).floor(), (z / 0.075).rem_euclid(1.0) < 0.14 || (u / 0.24).rem_euclid(1.0) < 0.05);
    let tone = 0.7 + 0.6 * unit(row as i32 as u32, column as i32 as u32, n);
    let albedo = if mortar { grey(0.28) } else { c * tone };
    Surface::dull(albedo * (0.8 + 0.4 * fractal(u, z, 3, n)))
}

fn facade(c: V3, u: f32, z: f32, seed: u32) -> Surface {
    let (column, row) = ((u / 2.6).floor(), ((z - 0.6) / 3.0).floor());
    let (x, y) = ((u / 2.6).rem_euclid(1.0), ((z - 0.6) / 3.0).rem_euclid(1.0));
    let in_window = (0.24..0.76).contains(&x) && (0.12..0.68).contains(&y) && row >= 0.0;
    if !in_window {
        let sill = (0.20..0.80).contains(&x) && (0.08..0.12).contains(&y) && row >= 0.0;
        let base = if z < 0.6 {
            grey(0.22)
        } else if sill {
            grey(0.5)
        } else {
            c
        };
        return Surface::dull(base * (0.85 + 0.3 * fractal(u * 1.3, z * 1.3, 3, seed)));
    }
    let frame = (x - 0.5).abs() < 0.02 || !(0.27..0.73).contains(&x) || !(0.15..0.65).contains(&y);
    if frame {
        return Surface::dull(grey(0.55));
    }
    let curtain = unit(column as i32 as u32, row as i32 as u32, seed);
    let drawn = y > 0.68 - 0.45 * (curtain - 0.3);
    Surface { gloss: 0.8, ..Surface::dull(if drawn { grey(0.35) } else { grey(0.02) }) }
}

fn machine(c: V3, u: f32, z: f32, n: u32) -> Surface {
    let vent = (0.5..0.8).contains(&z) && (u * 0.9).rem_euclid(1.0) < 0.6 && (z * 25.0).rem_euclid(1.0) < 0.5;
    let seam = (u * 1.3).rem_euclid(1.0) < 0.02 || (z * 1.2).rem_euclid(1.0) < 0.025;
    let screen = (1.15..1.4).contains(&z) && (0.1..0.5).contains(&u.rem_euclid(2.0));
    if screen {
        return Surface { glow: v(0.02, 0.06, 0.09), gloss: 0.5, ..Surface::dull(grey(0.03)) };
    }
    let albedo = if vent || seam { grey(0.03) } else { c };
    Surface { gloss: 0.25, ..Surface::dull(albedo * (0.85 + 0.3 * fractal(u * 2.0, z * 2.0, 2, n))) }
}

impl Ground {
    /// The surface at a point of the ground, in metres.
    pub(crate) fn at(self, x: f32, y: f32) -> Surface {
        match self {
            Self::Street => street(x, y),
            Self::Yard => yard(x, y),
            Self::Tiles => tiles(x, y),
            Self::Shopfloor => shopfloor(x, y),
        }
    }
}

fn asphalt(x: f32, y: f32, tone: f32) -> V3 {
    let patches = fractal(x * 0.35, y * 0.35, 3, 4);
    let grit = value(x * 22.0, y * 22.0, 5) * 0.5 + value(x * 60.0, y * 60.0, 6) * 0.5;
    let crack = smooth(0.016, 0.004, (value(x * 0.8, y * 0.8, 8) - 0.5).abs());
    v(1.0, 0.99, 0.97) * (tone * (0.72 + 0.36 * patches + 0.26 * grit) * (1.0 - 0.35 * crack))
}

/// Worn paint on a road.
fn marked(base: V3, is_line: bool, x: f32, y: f32) -> V3 {
    if !is_line {
        return base;
    }
    let worn = smooth(0.25, 0.6, fractal(x * 5.0, y * 5.0, 3, 12));
    base.mix(grey(0.62), 0.35 + 0.6 * worn)
}

/// The road's edges, in metres from the camera's mast.
pub(crate) const ROAD: (f32, f32) = (10.0, 17.5);

fn street(x: f32, y: f32) -> Surface {
    let (near, far) = ROAD;
    if (near..far).contains(&y) {
        let middle = near.midpoint(far);
        let dash = (y - middle).abs() < 0.07 && x.rem_euclid(5.0) < 2.6;
        let track = smooth(0.5, 0.0, ((y - middle).abs() - 1.1).abs()) * 0.10;
        return Surface::dull(marked(asphalt(x, y, 0.115 * (1.0 - track)), dash, x, y));
    }
    let from_road = (near - y).max(y - far);
    if from_road < 0.22 {
        let joint = x.rem_euclid(1.0) < 0.03;
        return Surface::dull(grey(if joint { 0.16 } else { 0.36 }) * (0.85 + 0.3 * value(x * 9.0, y * 9.0, 2)));
    }
    if y > far + 3.2 || y < near - 5.5 {
        return Surface::dull(grass(x, y));
    }
    Surface::dull(slabs(x, y, 0.5, v(0.30, 0.29, 0.27)))
}

fn slabs(x: f32, y: f32, size: f32, albedo: V3) -> V3 {
    let (i, j) = ((x / size).floor() as i32 as u32, (y / size).floor() as i32 as u32);
    let joint = (x / size).rem_euclid(1.0).min((y / size).rem_euclid(1.0)) < 0.025;
    let tone = 0.82 + 0.3 * unit(i, j, 31);
    let dirt = fractal(x * 0.9, y * 0.9, 4, 32);
    albedo * (tone * (0.75 + 0.5 * dirt) * if joint { 0.6 } else { 1.0 })
}

fn grass(x: f32, y: f32) -> V3 {
    let patches = fractal(x * 0.5, y * 0.5, 3, 41);
    let blades = value(x * 16.0, y * 9.0, 42) * 0.6 + value(x * 45.0, y * 25.0, 43) * 0.4;
    v(0.055, 0.085, 0.022).mix(v(0.13, 0.12, 0.045), patches * 0.7) * (0.45 + 1.0 * blades)
}

/// Where the fence of the yard stands.
pub(crate) const FENCE: f32 = 13.5;

fn yard(x: f32, y: f32) -> Surface {
    let edge = FENCE + 0.5 + 0.4 * value(x * 0.8, 0.0, 51);
    if y > edge + 12.0 || (y > FENCE - 0.5 && y < edge) {
        return Surface::dull(grass(x, y));
    }
    if y < 7.0 + 0.3 * value(x, 1.0, 52) {
        return Surface::dull(asphalt(x, y, 0.14));
    }
    let bay = y < FENCE - 0.5 && (x.rem_euclid(6.0) - 3.0).abs() > 2.96;
    let stain = smooth(0.6, 0.75, fractal(x * 0.4, y * 0.4, 3, 53));
    let base = slabs(x, y, 3.0, v(0.27, 0.26, 0.24)) * (1.0 - 0.3 * stain);
    Surface::dull(base * (0.85 + 0.3 * value(x * 25.0, y * 25.0, 54)) * if bay { 0.7 } else { 1.0 })
}

fn tiles(x: f32, y: f32) -> Surface {
    let (i, j) = ((x / 0.6).floor() as i32 as u32, (y / 0.6).floor() as i32 as u32);
    let joint = (x / 0.6).rem_euclid(1.0).min((y / 0.6).rem_euclid(1.0)) < 0.015;
    let marble = fractal(x * 3.0, y * 3.0, 4, hash_of(i, j));
    let tone = if (i.wrapping_add(j)) % 7 == 0 { 0.30 } else { 0.42 };
    let albedo = v(1.0, 0.98, 0.94) * (tone * (0.86 + 0.28 * marble) * if joint { 0.6 } else { 1.0 });
    Surface { gloss: 0.45, ..Surface::dull(albedo) }
}

fn hash_of(i: u32, j: u32) -> u32 {
    super::noise::hash(i, j, 61)
}

fn shopfloor(x: f32, y: f32) -> Surface {
    let line = |at: f32, p: f32| (p - at).abs() < 0.06;
    let hatch = (2.2..6.6).contains(&x) && (9.5..14.5).contains(&y);
    let rim = hatch && ((x - 4.4).abs() > 2.05 || (y - 12.0).abs() > 2.35);
    let oil = smooth(0.6, 0.72, fractal(x * 0.7, y * 0.7, 3, 71));
    let base = v(0.22, 0.23, 0.23) * ((0.75 + 0.4 * fractal(x * 1.1, y * 1.1, 4, 72)) * (1.0 - 0.35 * oil));
    let albedo = if rim && (x + y).rem_euclid(0.5) < 0.25 {
        v(0.62, 0.42, 0.03)
    } else if line(-2.2, x) || line(1.2, x) {
        v(0.55, 0.5, 0.4)
    } else {
        base
    };
    Surface { gloss: 0.2, ..Surface::dull(albedo * (0.85 + 0.3 * value(x * 20.0, y * 20.0, 73))) }
}
