//! A corridor with doors: people come and go, some wait, one falls, and some pass a line they should not.

use super::{Casting, Direction, GroundRule, Scene, Shape, walk};
use crate::scene::cast::Role;
use crate::scene::figure::skeleton::Act;
use crate::scene::figure::wardrobe::Looks;
use crate::scene::light::Spot;
use crate::scene::place::{Place, Solid};
use crate::scene::script::Step;
use crate::scene::setting::Weather;
use crate::scene::space::{Mount, grey, v};
use crate::scene::stuff::{Ground, Stuff};

pub(super) const SCENE: Scene = Scene {
    name: "corridor",
    about: "a corridor with doors: people who pass, wait, fall, and go where only staff may",
    place,
    rules,
    cast,
};

const HALF: f32 = 1.7;
const END: f32 = 20.0;
const CEILING: f32 = 3.0;

fn place() -> Place {
    let wall = Stuff::Plaster(v(0.58, 0.57, 0.52));
    let mut solids = vec![
        Solid::between(v(-HALF - 0.3, -2.0, 0.0), v(-HALF, END, CEILING), wall),
        Solid::between(v(HALF, -2.0, 0.0), v(HALF + 0.3, END, CEILING), wall),
        Solid::between(v(-HALF, END, 0.0), v(HALF, END + 0.3, CEILING), wall),
        Solid::between(v(-HALF, -2.0, CEILING), v(HALF, END, CEILING + 0.2), Stuff::Plaster(grey(0.65))),
        Solid::between(v(-0.9, END - 0.06, 0.0), v(0.9, END, 2.15), Stuff::Door(v(0.16, 0.26, 0.34))),
        Solid::between(v(-HALF, 6.2, 0.0), v(-HALF + 0.38, 7.4, 0.9), Stuff::Wood(v(0.32, 0.2, 0.1))),
        Solid::between(v(HALF - 0.3, 11.4, 0.0), v(HALF - 0.02, 11.7, 0.75), Stuff::Metal(v(0.45, 0.04, 0.03))),
    ];
    for (i, y) in [4.2, 8.2, 12.6, 16.2].into_iter().enumerate() {
        let x = if i % 2 == 0 { HALF - 0.03 } else { -HALF - 0.02 };
        solids.push(Solid::between(v(x, y, 0.0), v(x + 0.05, y + 1.0, 2.1), Stuff::Door(v(0.30, 0.19, 0.10))));
    }
    for x in [-HALF, HALF - 0.02] {
        solids.push(Solid::between(v(x, -2.0, 0.0), v(x + 0.02, END, 0.1), Stuff::Plaster(grey(0.12))));
    }
    let lights = [2.0f32, 6.0, 10.0, 14.0, 18.0];
    let cover =
        |y: f32| Solid::between(v(-0.6, y, CEILING - 0.05), v(0.6, y + 0.3, CEILING), Stuff::Shining(grey(2.5)));
    solids.extend(lights.map(cover));
    let lamp = |y: f32| Spot {
        at: v(0.0, y, CEILING - 0.1),
        towards: v(0.0, 0.0, -1.0),
        cone: (0.5, -0.2),
        colour: v(2.0, 1.98, 1.85),
    };
    Place {
        mount: Mount { at: v(0.35, 0.0, 2.75), pan: -1.5, tilt: 17.0, view: 74.0 },
        ground: Ground::Tiles,
        solids,
        fences: Vec::new(),
        trees: Vec::new(),
        lamps: lights.map(lamp).to_vec(),
        indoor: true,
        weather: Weather::Clear,
    }
}

fn rules() -> Vec<GroundRule> {
    vec![
        GroundRule {
            name: "staff-only",
            shape: Shape::Line { points: vec![(-HALF, 9.5), (HALF, 9.5)], direction: Direction::RightToLeft },
            classes: &["person"],
        },
        GroundRule {
            name: "archive-door",
            shape: Shape::Zone { corners: vec![(-0.1, 7.6), (HALF, 7.6), (HALF, 4.0), (-0.1, 4.0)], min_stay: 3.0 },
            classes: &["person"],
        },
    ]
}

fn cast(c: &mut Casting<'_>) {
    for at in c.now_and_then(13.0) {
        let (x, speed) = (c.between(-1.2, -0.5), c.between(1.0, 1.5));
        let role = c.passer_by();
        // From the far end to a door on the near side: against the direction that counts.
        c.add(role, at, (0.0, END - 0.4), walk(&[(x, 15.0), (x, 5.0), (x, 0.8)], Act::Walk, speed));
    }
    for at in c.each(3.0) {
        let (role, x) = (c.passer_by(), c.between(-0.9, -0.2));
        c.add(role, at, (x, 0.8), walk(&[(x, 8.0), (0.2, END - 0.5)], Act::Walk, 1.35));
    }
    for at in c.each(14.0) {
        let role = c.passer_by();
        let mut steps = walk(&[(0.9, 5.2)], Act::Walk, 1.2);
        steps.push(Step::Stay { seconds: 9.0, act: Act::Stand });
        steps.extend(walk(&[(0.2, 0.8)], Act::Walk, 1.2));
        c.add(role, at, (0.3, 0.8), steps);
    }
    for at in c.each(33.0) {
        let looks = Looks::passer_by(c.rng);
        let mut steps = walk(&[(-0.4, 8.2)], Act::Walk, 1.3);
        steps.push(Step::Stay { seconds: 8.0, act: Act::Fall });
        c.add(Role::Person(looks), at, (-0.2, 0.8), steps);
    }
    for at in c.each(50.0) {
        let role = c.passer_by();
        c.add(role, at, (-0.6, 0.8), walk(&[(-0.5, 9.0), (0.0, END - 0.5)], Act::Run, 3.2));
    }
}
