//! Cars, vans, trucks and bicycles: their shape ([`shape`]) and how they are painted ([`livery`]). Where they drive is the
//! script's business.

pub(crate) mod bicycle;
pub(crate) mod livery;
pub(crate) mod shape;

use rand::RngExt;
use rand::rngs::StdRng;

use super::space::{V3, grey, v};

/// What is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Hatchback,
    Saloon,
    Estate,
    Van,
    Truck,
}

/// A vehicle's measures, in metres from its middle on the ground; x is ahead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) kind: Kind,
    pub(crate) length: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
    pub(crate) belt: f32,
    /// Where the windscreen begins and ends, then the rear window from its top to its foot, from the front to the back.
    pub(crate) glass: [f32; 4],
    pub(crate) wheel: f32,
    /// How far the axles are ahead of and behind the middle.
    pub(crate) axles: (f32, f32),
}

impl Kind {
    pub(crate) fn form(self) -> Form {
        let car = Form {
            kind: self,
            length: 4.3,
            width: 1.8,
            height: 1.47,
            belt: 0.93,
            glass: [0.95, 0.25, -1.45, -1.95],
            wheel: 0.32,
            axles: (1.33, -1.28),
        };
        match self {
            Self::Hatchback => Form { length: 4.1, axles: (1.28, -1.22), ..car },
            Self::Saloon => {
                Form { length: 4.6, height: 1.44, glass: [0.95, 0.2, -0.95, -1.65], axles: (1.42, -1.36), ..car }
            }
            Self::Estate => {
                Form { length: 4.7, height: 1.55, glass: [1.1, 0.4, -1.95, -2.28], axles: (1.42, -1.38), ..car }
            }
            Self::Van => Form {
                length: 5.3,
                width: 2.0,
                height: 2.25,
                belt: 1.2,
                glass: [2.15, 1.35, -2.5, -2.62],
                wheel: 0.36,
                axles: (1.75, -1.6),
                ..car
            },
            Self::Truck => Form {
                length: 6.8,
                width: 2.3,
                height: 2.5,
                belt: 1.45,
                glass: [3.2, 2.85, 1.5, 1.45],
                wheel: 0.45,
                axles: (2.3, -1.9),
                ..car
            },
        }
    }

    pub(crate) fn any_car(rng: &mut StdRng) -> Self {
        [Self::Hatchback, Self::Saloon, Self::Estate][rng.random_range(0..3)]
    }
}

/// The colours of cars as they are sold: mostly white, grey and black.
pub(crate) fn lacquer(rng: &mut StdRng) -> V3 {
    const COMMON: [V3; 10] = [
        grey(0.72),
        grey(0.68),
        grey(0.36),
        grey(0.25),
        grey(0.10),
        grey(0.02),
        v(0.02, 0.05, 0.18),
        v(0.30, 0.015, 0.02),
        v(0.10, 0.18, 0.30),
        v(0.05, 0.10, 0.06),
    ];
    COMMON[rng.random_range(0..COMMON.len())] * rng.random_range(0.85..1.1)
}
