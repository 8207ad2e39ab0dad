//! What a surface looks like at a point of it, before light falls on it: cloth, skin and hair, lacquer, leaves. The shape
//! is the mesh's, the light the light's.

use super::noise::{fractal, unit, value};
use super::space::{V3, grey, smooth, v};
use super::vehicle::livery::Livery;

/// A point of a surface. Colours are linear.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surface {
    pub(crate) albedo: V3,
    /// How strongly it mirrors the sky, 0 to 1.
    pub(crate) gloss: f32,
    /// How much light it sends out itself.
    pub(crate) glow: V3,
    /// How much more of a lamp's light it throws back to where it came from, as reflective tape does.
    pub(crate) retro: f32,
}

impl Surface {
    pub(crate) const fn dull(albedo: V3) -> Self {
        Self { albedo, gloss: 0.0, glow: grey(0.0), retro: 0.0 }
    }
}

/// A kind of surface.
#[derive(Debug, Clone)]
pub(crate) enum Paint {
    Plain {
        albedo: V3,
        gloss: f32,
    },
    Cloth {
        albedo: V3,
        seed: u32,
    },
    /// A face and the hair about it, on an ellipsoid whose axes are ahead, left and up.
    Head {
        skin: V3,
        hair: V3,
        long: bool,
    },
    Hair {
        albedo: V3,
    },
    /// A safety vest with reflective bands, on a torso's tube.
    Vest {
        albedo: V3,
    },
    Leaf {
        albedo: V3,
    },
    Fur {
        albedo: V3,
        seed: u32,
    },
    Vehicle(Livery),
}

impl Paint {
    /// The surface at a point given in the thing's own space.
    pub(crate) fn at(&self, local: V3) -> Surface {
        match self {
            Self::Plain { albedo, gloss } => Surface { gloss: *gloss, ..Surface::dull(*albedo) },
            Self::Cloth { albedo, seed } => Surface::dull(cloth(*albedo, local, *seed)),
            Self::Head { skin, hair, long } => Surface::dull(head(*skin, *hair, *long, local)),
            Self::Hair { albedo } => {
                let strand = value(local.x * 14.0 + local.y * 9.0, local.z * 3.0, 11);
                Surface { gloss: 0.08, ..Surface::dull(*albedo * (0.7 + 0.6 * strand)) }
            }
            Self::Vest { albedo } => vest(*albedo, local),
            Self::Leaf { albedo } => Surface::dull(*albedo * (0.55 + 0.9 * unit(local.x.to_bits(), 3, 7))),
            Self::Fur { albedo, seed } => {
                Surface::dull(*albedo * (0.65 + 0.7 * fractal(local.x * 9.0, local.y * 14.0, 2, *seed)))
            }
            Self::Vehicle(livery) => livery.at(local),
        }
    }
}

/// Folds run across the limb, and get closer where it bends.
fn cloth(albedo: V3, local: V3, seed: u32) -> V3 {
    let folds = value(local.x * 7.0 + 2.0 * value(local.y * 5.0, 0.5, seed), local.y * 13.0, seed);
    let weave = value(local.x * 40.0, local.y * 60.0, seed ^ 1);
    let dirt = value(local.x * 3.0, local.y * 3.0, seed ^ 2);
    albedo * (0.62 + 0.5 * folds + 0.12 * weave + 0.18 * dirt)
}

fn head(skin: V3, hair: V3, long: bool, p: V3) -> V3 {
    let (low, back) = if long { (-0.75, 0.30) } else { (-0.25, 0.05) };
    let line = 0.52 + 0.1 * value(p.y * 4.0, 0.0, 3);
    if p.z > line || (p.x < back && p.z > low) {
        return hair;
    }
    let side = p.y.abs();
    let eye = smooth(0.16, 0.08, (p.z - 0.12).abs()) * smooth(0.24, 0.14, (side - 0.36).abs());
    let brow = smooth(0.07, 0.03, (p.z - 0.30).abs()) * smooth(0.30, 0.20, (side - 0.38).abs());
    let mouth = smooth(0.08, 0.04, (p.z + 0.46).abs()) * smooth(0.32, 0.22, side);
    let nose = smooth(0.12, 0.02, (p.z + 0.16).abs()) * smooth(0.20, 0.10, side);
    let cheek = skin.tint(v(1.05, 0.95, 0.92));
    let shaded = cheek * (1.0 - 0.62 * eye - 0.25 * nose);
    shaded.mix(hair, 0.7 * brow).mix(skin.tint(v(0.75, 0.4, 0.4)), 0.8 * mouth)
}

fn vest(albedo: V3, p: V3) -> Surface {
    let band = |at: f32| (p.y - at).abs() < 0.028;
    let brace = (p.x - 0.09).abs() < 0.02
        || (p.x - 0.91).abs() < 0.02
        || (p.x - 0.41).abs() < 0.02
        || (p.x - 0.59).abs() < 0.02;
    if band(0.10) || band(0.22) || (p.y > 0.24 && brace) {
        return Surface { retro: 6.0, ..Surface::dull(grey(0.62)) };
    }
    let folds = value(p.x * 9.0, p.y * 9.0, 21);
    Surface { retro: 0.3, ..Surface::dull(albedo * (0.75 + 0.4 * folds)) }
}
