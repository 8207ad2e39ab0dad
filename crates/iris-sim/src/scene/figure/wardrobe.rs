//! What a person looks like: build, skin, hair, clothes. Drawn by lot with the odds of a European street; how it is
//! painted is the body's business.

use rand::RngExt;
use rand::rngs::StdRng;

use crate::scene::space::{V3, grey, v};

/// The cut of a top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// With short sleeves.
    Shirt,
    Jumper,
    /// It reaches to the thighs.
    Coat,
    /// Drawn over the head.
    Hood,
}

/// A person's looks. Colours are linear albedos.
#[derive(Debug, Clone)]
pub(crate) struct Looks {
    /// In metres.
    pub(crate) height: f32,
    /// How stout, about 1.
    pub(crate) girth: f32,
    pub(crate) skin: V3,
    pub(crate) hair: V3,
    pub(crate) long_hair: bool,
    pub(crate) top: V3,
    pub(crate) bottom: V3,
    pub(crate) shoes: V3,
    pub(crate) cut: Cut,
    pub(crate) shorts: bool,
    pub(crate) backpack: Option<V3>,
    pub(crate) cap: Option<V3>,
    pub(crate) helmet: Option<V3>,
    pub(crate) vest: Option<V3>,
    pub(crate) seed: u32,
}

const SKINS: [V3; 5] =
    [v(0.52, 0.33, 0.24), v(0.46, 0.28, 0.20), v(0.36, 0.21, 0.14), v(0.22, 0.12, 0.075), v(0.11, 0.06, 0.04)];
const HAIRS: [V3; 6] = [
    v(0.012, 0.010, 0.009),
    v(0.03, 0.018, 0.012),
    v(0.07, 0.04, 0.02),
    v(0.20, 0.13, 0.06),
    v(0.16, 0.155, 0.15),
    v(0.045, 0.022, 0.012),
];
const TOPS: [V3; 14] = [
    v(0.012, 0.012, 0.014),
    v(0.03, 0.03, 0.034),
    v(0.018, 0.024, 0.05),
    v(0.025, 0.05, 0.13),
    v(0.10, 0.10, 0.10),
    v(0.25, 0.25, 0.26),
    v(0.62, 0.62, 0.60),
    v(0.55, 0.52, 0.42),
    v(0.28, 0.02, 0.025),
    v(0.05, 0.09, 0.04),
    v(0.18, 0.30, 0.50),
    v(0.30, 0.18, 0.08),
    v(0.55, 0.30, 0.05),
    v(0.30, 0.10, 0.18),
];
const BOTTOMS: [V3; 7] = [
    v(0.015, 0.015, 0.018),
    v(0.03, 0.045, 0.09),
    v(0.06, 0.09, 0.16),
    v(0.05, 0.05, 0.05),
    v(0.28, 0.23, 0.15),
    v(0.10, 0.10, 0.09),
    v(0.02, 0.025, 0.04),
];
const ORANGE: V3 = v(0.95, 0.22, 0.02);
const YELLOW: V3 = v(0.75, 0.85, 0.04);

fn pick<T: Copy>(rng: &mut StdRng, from: &[T]) -> T {
    from[rng.random_range(0..from.len())]
}

impl Looks {
    /// Anybody in the street.
    pub(crate) fn passer_by(rng: &mut StdRng) -> Self {
        let vary = |rng: &mut StdRng, c: V3| c * rng.random_range(0.75..1.3);
        let (top, bottom) = (pick(rng, &TOPS), pick(rng, &BOTTOMS));
        Self {
            height: rng.random_range(1.60..1.90),
            girth: rng.random_range(0.94..1.16),
            skin: pick(rng, &SKINS),
            hair: pick(rng, &HAIRS),
            long_hair: rng.random_bool(0.4),
            top: vary(rng, top),
            bottom: vary(rng, bottom),
            shoes: pick(rng, &[grey(0.02), grey(0.5), v(0.08, 0.04, 0.02), grey(0.12)]),
            cut: pick(rng, &[Cut::Shirt, Cut::Shirt, Cut::Jumper, Cut::Jumper, Cut::Coat]),
            shorts: rng.random_bool(0.12),
            backpack: rng.random_bool(0.25).then(|| pick(rng, &TOPS)),
            cap: rng.random_bool(0.12).then(|| pick(rng, &TOPS)),
            helmet: None,
            vest: None,
            seed: rng.random(),
        }
    }

    /// Somebody who does not want to be known.
    pub(crate) fn intruder(rng: &mut StdRng) -> Self {
        let dark = v(0.02, 0.02, 0.025) * rng.random_range(0.7..2.0);
        let cut = pick(rng, &[Cut::Hood, Cut::Hood, Cut::Jumper]);
        let plain = Self::passer_by(rng);
        let clothes = Self { top: dark, bottom: v(0.03, 0.035, 0.05), shoes: grey(0.03), cut, ..plain };
        Self { shorts: false, cap: None, ..clothes }
    }

    /// Somebody at work, with or without what protects.
    pub(crate) fn worker(rng: &mut StdRng, helmet: bool, vest: bool) -> Self {
        let plain = Self::passer_by(rng);
        let overall = pick(rng, &[v(0.03, 0.05, 0.14), v(0.09, 0.09, 0.10), v(0.05, 0.08, 0.06)]);
        let helmet_colour = pick(rng, &[v(0.85, 0.6, 0.03), grey(0.8), v(0.8, 0.2, 0.02), v(0.05, 0.15, 0.5)]);
        Self {
            top: overall,
            bottom: overall * 0.9,
            shoes: grey(0.03),
            cut: Cut::Jumper,
            shorts: false,
            backpack: None,
            cap: None,
            helmet: helmet.then_some(helmet_colour),
            vest: vest.then(|| pick(rng, &[ORANGE, YELLOW])),
            ..plain
        }
    }
}
