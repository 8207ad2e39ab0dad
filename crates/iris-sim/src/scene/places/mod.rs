//! The scenes: for each its place, its rules and who comes by. What all scenes share is in the modules beside.

mod corridor;
mod street;
mod workshop;
mod yard;

use rand::RngExt;
use rand::rngs::StdRng;

use super::cast::{Actor, Role};
use super::figure::skeleton::Act;
use super::figure::wardrobe::Looks;
use super::place::Place;
use super::script::{Journey, Step};
use super::space::V3;

/// A scene that can be rendered.
#[derive(Debug, Clone, Copy)]
pub struct Scene {
    /// What it is asked for by.
    pub name: &'static str,
    /// What is to be seen, in a line.
    pub about: &'static str,
    pub(crate) place: fn() -> Place,
    pub(crate) rules: fn() -> Vec<GroundRule>,
    pub(crate) cast: fn(&mut Casting<'_>),
}

/// All scenes.
pub const SCENES: [Scene; 4] = [street::SCENE, yard::SCENE, corridor::SCENE, workshop::SCENE];

/// A rule on the ground of a place, in metres.
#[derive(Debug, Clone)]
pub(crate) struct GroundRule {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    /// COCO's names of what counts.
    pub(crate) classes: &'static [&'static str],
}

/// Where a rule looks.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    /// An area in which something should not be for longer than so many seconds.
    Zone { corners: Vec<(f32, f32)>, min_stay: f32 },
    /// A line that should not be crossed, from its left to its right.
    Line { points: Vec<(f32, f32)>, direction: Direction },
}

/// Which crossings of a line count, seen from its first point towards its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// In both directions.
    Both,
    /// From left to right.
    LeftToRight,
    /// From right to left.
    RightToLeft,
}

/// Actors being found for a scene that lasts so many seconds.
pub(crate) struct Casting<'a> {
    pub(crate) rng: &'a mut StdRng,
    pub(crate) seconds: f32,
    pub(crate) actors: Vec<Actor>,
}

/// What happens in a scene happens again after this long, in seconds.
const EVERY: f32 = 60.0;

impl Casting<'_> {
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        self.rng.random_range(low..high)
    }

    pub(crate) fn add(&mut self, role: Role, start: f32, from: (f32, f32), steps: Vec<Step>) {
        self.actors.push(Actor { role, journey: Journey { start, from, steps } });
    }

    /// The moments at which something happens that first happens at `first`.
    pub(crate) fn each(&self, first: f32) -> Vec<f32> {
        let count = ((self.seconds - first) / EVERY).ceil().max(0.0) as u32;
        (0..count).map(|i| first + i as f32 * EVERY).collect()
    }

    /// Moments with about so many seconds between them, the first one soon; some lie before the beginning, so that a
    /// scene does not begin empty.
    pub(crate) fn now_and_then(&mut self, apart: f32) -> Vec<f32> {
        let mut at = -self.between(0.3, 1.0) * apart * 2.0;
        let mut times = Vec::new();
        while at < self.seconds {
            times.push(at);
            at += apart * self.between(0.6, 1.4);
        }
        times
    }

    pub(crate) fn passer_by(&mut self) -> Role {
        Role::Person(Looks::passer_by(self.rng))
    }
}

/// A walk through these points at one speed.
pub(crate) fn walk(points: &[(f32, f32)], act: Act, speed: f32) -> Vec<Step> {
    points.iter().map(|to| Step::Go { to: *to, act, speed }).collect()
}

/// A V3 from a point of the ground.
pub(crate) fn ground((x, y): (f32, f32)) -> V3 {
    V3 { x, y, z: 0.0 }
}
