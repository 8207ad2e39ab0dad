//! A workshop with a machine that only people with helmet and vest may come near.

use super::{Casting, GroundRule, Scene, Shape, walk};
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
    name: "workshop",
    about: "a workshop: workers with and without helmet and vest, a zone by the machine, one who falls",
    place,
    rules,
    cast,
};

fn place() -> Place {
    let steel = Stuff::Metal(v(0.14, 0.20, 0.28));
    let mut solids = vec![
        Solid::between(v(-9.0, 20.0, 0.0), v(11.0, 20.4, 6.0), Stuff::Concrete),
        Solid::between(v(-9.4, -2.0, 0.0), v(-9.0, 20.0, 6.0), Stuff::Plaster(v(0.42, 0.44, 0.42))),
        Solid::between(v(11.0, -2.0, 0.0), v(11.4, 20.0, 6.0), Stuff::Plaster(v(0.42, 0.44, 0.42))),
        Solid::between(v(-9.0, -2.0, 6.0), v(11.0, 20.0, 6.2), Stuff::Metal(grey(0.25))),
        Solid::between(v(3.4, 12.4, 0.0), v(6.0, 14.0, 1.9), Stuff::Machine(v(0.10, 0.24, 0.17))),
        Solid::between(v(3.9, 12.0, 0.0), v(5.4, 12.4, 0.95), Stuff::Machine(v(0.22, 0.23, 0.22))),
        Solid::between(v(7.5, 8.0, 0.0), v(10.5, 10.0, 1.6), Stuff::Machine(v(0.30, 0.26, 0.12))),
        Solid::between(v(-8.4, 18.9, 0.0), v(-3.0, 19.8, 2.4), steel),
        Solid::between(v(-8.9, 9.0, 0.0), v(-7.9, 14.0, 0.95), Stuff::Wood(v(0.30, 0.19, 0.10))),
        Solid::between(v(-8.8, 9.4, 0.95), v(-8.2, 10.4, 1.35), Stuff::Metal(v(0.4, 0.05, 0.03))),
        Solid::between(v(-6.4, 6.6, 0.0), v(-5.2, 7.6, 0.75), Stuff::Wood(v(0.36, 0.24, 0.13))),
        Solid::between(v(-0.8, 19.9, 0.0), v(2.2, 20.0, 3.2), Stuff::Door(grey(0.4))),
    ];
    for x in [-4.0, 2.6, 9.0] {
        solids.push(Solid::between(v(x, 18.0, 0.0), v(x + 0.3, 18.3, 6.0), Stuff::Metal(v(0.4, 0.3, 0.04))));
    }
    let lamp = |x: f32, y: f32| Spot {
        at: v(x, y, 5.8),
        towards: v(0.0, 0.0, -1.0),
        cone: (0.6, -0.1),
        colour: v(6.2, 6.2, 5.9),
    };
    let lamps = [5.0, 11.0, 17.0].into_iter().flat_map(|y| [lamp(-4.0, y), lamp(4.0, y)]).collect();
    Place {
        mount: Mount { at: v(0.0, 0.0, 4.3), pan: 2.0, tilt: 19.0, view: 62.0 },
        ground: Ground::Shopfloor,
        solids,
        fences: Vec::new(),
        trees: Vec::new(),
        lamps,
        indoor: true,
        weather: Weather::Clear,
    }
}

fn rules() -> Vec<GroundRule> {
    let corners = vec![(2.2, 12.3), (6.4, 12.3), (6.4, 9.5), (2.2, 9.5)];
    vec![GroundRule { name: "machine", shape: Shape::Zone { corners, min_stay: 2.0 }, classes: &["person"] }]
}

fn cast(c: &mut Casting<'_>) {
    let mut seconds = c.seconds;
    while seconds > -1.0 {
        let bench = Role::Person(Looks::worker(c.rng, true, true));
        let work = Step::Stay { seconds: 40.0, act: Act::Work };
        c.add(
            bench,
            c.seconds - seconds - 4.0,
            (-6.0, 11.0),
            vec![Step::Go { to: (-7.3, 11.2), act: Act::Walk, speed: 1.2 }, work],
        );
        seconds -= 60.0;
    }
    for at in c.now_and_then(14.0) {
        let (x, helmet, vest) = (c.between(-1.9, 0.9), c.between(0.0, 1.0) < 0.75, c.between(0.0, 1.0) < 0.7);
        let role = Role::Person(Looks::worker(c.rng, helmet, vest));
        let (near, far) = ((x, 5.4), (x, 18.6));
        let (from, to) = if c.between(0.0, 1.0) < 0.5 { (near, far) } else { (far, near) };
        c.add(role, at, from, walk(&[to], Act::Walk, 1.2));
    }
    for (first, helmet, vest) in [(3.0, true, true), (26.0, false, false), (42.0, true, false)] {
        for at in c.each(first) {
            let role = Role::Person(Looks::worker(c.rng, helmet, vest));
            let mut steps = walk(&[(0.5, 9.0), (4.4, 11.0), (4.6, 11.3)], Act::Walk, 1.3);
            steps.push(Step::Stay { seconds: 6.0, act: Act::Work });
            steps.extend(walk(&[(1.0, 9.2), (-0.6, 5.2)], Act::Walk, 1.3));
            c.add(role, at, (-0.6, 5.4), steps);
        }
    }
    for at in c.each(16.0) {
        let role = Role::Person(Looks::worker(c.rng, true, true));
        let mut steps = walk(&[(-3.2, 10.5)], Act::Walk, 1.3);
        steps.push(Step::Stay { seconds: 9.0, act: Act::Fall });
        c.add(role, at, (-0.5, 18.0), steps);
    }
}
