//! A street: traffic both ways, people on both pavements, some who cross where they should not.

use super::{Casting, Direction, GroundRule, Scene, Shape, walk};
use crate::scene::cast::Role;
use crate::scene::figure::skeleton::Act;
use crate::scene::figure::wardrobe::{Cut, Looks};
use crate::scene::light::Spot;
use crate::scene::place::{Place, Solid, Tree};
use crate::scene::script::Step;
use crate::scene::setting::Weather;
use crate::scene::space::{Mount, V3, grey, v};
use crate::scene::stuff::{Ground, ROAD, Stuff};
use crate::scene::vehicle::{Kind, lacquer};

pub(super) const SCENE: Scene = Scene {
    name: "street",
    about: "a road with cars, vans, trucks and cyclists, people on both pavements, and some who cross",
    place,
    rules,
    cast,
};

fn place() -> Place {
    let mut solids = Vec::new();
    let walls = [v(0.42, 0.36, 0.27), v(0.50, 0.48, 0.44), v(0.36, 0.20, 0.14), v(0.30, 0.32, 0.33)];
    for (i, colour) in walls.into_iter().enumerate() {
        let x = -34.0 + i as f32 * 17.0;
        let depth = 22.0 + (i % 2) as f32 * 0.6;
        let stuff = if i == 2 { Stuff::Brick(colour) } else { Stuff::Facade(colour, i as u32 * 7 + 3) };
        solids.push(Solid::between(v(x, depth, 0.0), v(x + 17.0, depth + 8.0, 9.0 + i as f32), stuff));
        let door = v(x + 6.0, depth - 0.05, 0.0);
        solids.push(Solid::between(door, door + v(1.1, 0.1, 2.2), Stuff::Door(v(0.10, 0.06, 0.04))));
    }
    for x in [-9.0, 4.5, 17.0] {
        solids.push(Solid::between(v(x, ROAD.1 + 0.5, 0.0), v(x + 0.14, ROAD.1 + 0.64, 6.5), Stuff::Metal(grey(0.2))));
    }
    solids.push(Solid::between(v(7.2, 7.2, 0.0), v(7.7, 7.6, 1.0), Stuff::Metal(v(0.05, 0.12, 0.07))));
    solids.push(Solid::between(v(-8.0, 20.4, 0.0), v(-6.4, 20.9, 0.45), Stuff::Wood(v(0.25, 0.15, 0.08))));
    let lamps = [-9.0, 4.5, 17.0].map(|x| lamp(v(x, ROAD.1 - 0.8, 6.4)));
    let near = [-6.0, 8.0].map(|x| lamp(v(x, ROAD.0 - 2.0, 6.8)));
    Place {
        mount: Mount { at: v(0.0, 0.0, 4.6), pan: 4.0, tilt: 17.0, view: 60.0 },
        ground: Ground::Street,
        solids,
        fences: Vec::new(),
        trees: vec![
            Tree { at: v(-12.5, 19.6, 0.0), height: 6.5, crown: 2.0 },
            Tree { at: v(10.5, 20.2, 0.0), height: 7.0, crown: 2.2 },
        ],
        lamps: lamps.into_iter().chain(near).collect(),
        indoor: false,
        weather: Weather::Clear,
    }
}

fn lamp(at: V3) -> Spot {
    Spot { at, towards: v(0.0, 0.0, -1.0), cone: (0.75, 0.15), colour: v(9.0, 6.6, 3.9) }
}

fn rules() -> Vec<GroundRule> {
    let middle = ROAD.0.midpoint(ROAD.1);
    vec![
        GroundRule {
            name: "jaywalking",
            shape: Shape::Line { points: vec![(-8.0, middle), (9.0, middle)], direction: Direction::Both },
            classes: &["person"],
        },
        GroundRule {
            name: "wrong-way",
            shape: Shape::Line {
                points: vec![(1.5, ROAD.0 + 0.2), (1.5, middle - 0.05)],
                direction: Direction::LeftToRight,
            },
            classes: &["car", "truck", "bus"],
        },
    ]
}

fn cast(c: &mut Casting<'_>) {
    traffic(c);
    pedestrians(c);
    for at in c.each(7.0) {
        let (x, side) = (c.between(-3.0, 3.0), c.between(-1.0, 1.0));
        let role = c.passer_by();
        let speed = c.between(1.2, 1.6);
        let steps = walk(&[(x - 4.0, 8.6), (x, 9.2), (x + side, 18.4), (x + 14.0, 19.3)], Act::Walk, speed);
        c.add(role, at - 5.0, (x - 12.0, 8.2), steps);
    }
    for at in c.each(24.0) {
        let role = c.passer_by();
        let steps = walk(&[(4.0, 18.6), (2.0, 8.8), (-13.0, 8.0)], Act::Run, 3.4);
        c.add(role, at, (13.0, 19.0), steps);
    }
    for at in c.each(38.0) {
        let (kind, colour) = (Kind::any_car(c.rng), lacquer(c.rng));
        let steps = walk(&[(26.0, 13.85)], Act::Stand, 6.0);
        c.add(Role::Vehicle { kind, lacquer: colour }, at, (-26.0, 13.85), steps);
    }
}

/// Cars on the near lane go left, those on the far lane right, as seen from the mast.
fn traffic(c: &mut Casting<'_>) {
    for (lane, from) in [(11.9, 30.0), (15.8, -30.0)] {
        for at in c.now_and_then(9.0) {
            let kind = match c.between(0.0, 1.0) {
                x if x < 0.68 => Kind::any_car(c.rng),
                x if x < 0.86 => Kind::Van,
                _ => Kind::Truck,
            };
            let (colour, speed) = (lacquer(c.rng), c.between(7.0, 9.0));
            c.add(Role::Vehicle { kind, lacquer: colour }, at, (from, lane), walk(&[(-from, lane)], Act::Stand, speed));
        }
    }
    for at in c.now_and_then(21.0) {
        let looks = Looks { cut: Cut::Jumper, ..Looks::passer_by(c.rng) };
        let (bicycle, speed) = (lacquer(c.rng), c.between(4.0, 5.5));
        c.add(Role::Cyclist { looks, bicycle }, at, (22.0, 10.7), walk(&[(-22.0, 10.7)], Act::Stand, speed));
    }
}

fn pedestrians(c: &mut Casting<'_>) {
    for (low, high, apart) in [(7.2, 9.3, 5.0), (18.2, 20.2, 8.0)] {
        for at in c.now_and_then(apart) {
            let (y, speed, from) =
                (c.between(low, high), c.between(1.0, 1.6), if c.between(0.0, 1.0) < 0.5 { 14.0 } else { -14.0 });
            let role = c.passer_by();
            c.add(role, at, (from, y), walk(&[(-from, y)], Act::Walk, speed));
        }
    }
    for at in c.each(2.0) {
        let role = c.passer_by();
        let mut steps = walk(&[(5.5, 8.4)], Act::Walk, 1.3);
        steps.push(Step::Stay { seconds: 18.0, act: Act::Stand });
        steps.extend(walk(&[(-14.0, 7.8)], Act::Walk, 1.3));
        c.add(role, at - 4.0, (12.0, 8.0), steps);
    }
}
