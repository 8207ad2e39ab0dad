//! A yard behind a fence, seen from inside: people pass beyond it, and some come in.

use super::{Casting, GroundRule, Scene, Shape, walk};
use crate::scene::cast::Role;
use crate::scene::figure::skeleton::Act;
use crate::scene::figure::wardrobe::Looks;
use crate::scene::light::Spot;
use crate::scene::place::{Fence, Place, Solid, Tree};
use crate::scene::script::Step;
use crate::scene::setting::Weather;
use crate::scene::space::{Mount, V3, grey, v};
use crate::scene::stuff::{FENCE, Ground, Stuff};
use crate::scene::vehicle::{Kind, lacquer};

pub(super) const SCENE: Scene = Scene {
    name: "yard",
    about: "a yard behind a fence at which people pass, with intruders, a dog, a guard's car and trees",
    place,
    rules,
    cast,
};

fn place() -> Place {
    let mut solids = vec![
        Solid::between(v(6.2, 8.5, 0.0), v(14.0, 20.0, 4.2), Stuff::Brick(v(0.33, 0.15, 0.10))),
        Solid::between(v(-11.5, 9.4, 0.0), v(-8.0, 11.8, 2.6), Stuff::Metal(v(0.06, 0.16, 0.26))),
        Solid::between(v(4.4, 10.4, 0.0), v(5.4, 11.3, 0.9), Stuff::Wood(v(0.34, 0.22, 0.11))),
        Solid::between(v(4.5, 10.5, 0.9), v(5.3, 11.2, 1.6), Stuff::Wood(v(0.30, 0.19, 0.10))),
        Solid::between(v(-40.0, 27.0, 0.0), v(40.0, 28.5, 3.2), Stuff::Hedge),
        Solid::between(v(-26.0, 31.0, 0.0), v(-6.0, 40.0, 7.5), Stuff::Plaster(v(0.46, 0.42, 0.34))),
        Solid::between(v(6.15, 11.0, 0.0), v(6.2, 13.2, 2.4), Stuff::Door(grey(0.35))),
    ];
    let post = |x: f32| {
        Solid::between(v(x - 0.04, FENCE - 0.04, 0.0), v(x + 0.04, FENCE + 0.04, 2.1), Stuff::Metal(grey(0.22)))
    };
    solids.extend((0..12).map(|i| post(-24.0 + i as f32 * 2.4)).filter(|s| !(-1.0..1.0).contains(&s.centre.x)));
    solids.extend([post(-1.2), post(1.2), post(5.0)]);
    Place {
        mount: Mount { at: v(0.0, 0.0, 4.6), pan: -3.0, tilt: 17.0, view: 58.0 },
        ground: Ground::Yard,
        solids,
        fences: vec![
            Fence { from: v(-26.0, FENCE, 0.0), to: v(-1.2, FENCE, 0.0), height: 2.0 },
            Fence { from: v(1.2, FENCE, 0.0), to: v(6.2, FENCE, 0.0), height: 2.0 },
        ],
        trees: vec![
            Tree { at: v(-7.0, FENCE - 1.2, 0.0), height: 5.0, crown: 1.7 },
            Tree { at: v(3.5, 21.0, 0.0), height: 7.0, crown: 2.4 },
            Tree { at: v(-13.0, 22.0, 0.0), height: 6.5, crown: 2.2 },
        ],
        lamps: vec![lamp(v(6.0, 9.5, 4.3), v(-0.6, 0.1, -0.8)), lamp(v(-9.0, 9.3, 4.5), v(0.5, 0.3, -0.8))],
        indoor: false,
        weather: Weather::Clear,
    }
}

fn lamp(at: V3, towards: V3) -> Spot {
    Spot { at, towards: towards.unit(), cone: (0.7, 0.2), colour: v(7.0, 6.6, 5.8) }
}

fn rules() -> Vec<GroundRule> {
    let corners = vec![(-5.4, FENCE - 0.9), (4.2, FENCE - 0.9), (4.2, 8.2), (-5.4, 8.2)];
    vec![GroundRule { name: "yard", shape: Shape::Zone { corners, min_stay: 1.0 }, classes: &["person"] }]
}

fn cast(c: &mut Casting<'_>) {
    for at in c.now_and_then(9.0) {
        let (y, speed) = (c.between(FENCE + 1.2, FENCE + 3.5), c.between(1.0, 1.6));
        let from = if c.between(0.0, 1.0) < 0.5 { 15.0 } else { -15.0 };
        let role = c.passer_by();
        c.add(role, at, (from, y), walk(&[(-from, y)], Act::Walk, speed));
    }
    intruders(c);
    for at in c.each(44.0) {
        let fur = v(0.16, 0.09, 0.04) * c.between(0.5, 1.5);
        let way = [(-0.2, FENCE + 0.5), (-2.5, 11.5), (2.0, 9.6), (-3.0, 10.2), (0.3, FENCE), (9.0, FENCE + 2.5)];
        c.add(Role::Dog { fur }, at, (-9.0, FENCE + 2.0), walk(&way, Act::Walk, 1.9));
    }
    let (kind, colour) = (Kind::any_car(c.rng), lacquer(c.rng));
    let parked = Step::Stay { seconds: c.seconds + 10.0, act: Act::Stand };
    let park = vec![Step::Go { to: (-6.3, 8.9), act: Act::Stand, speed: 50.0 }, parked];
    c.add(Role::Vehicle { kind, lacquer: colour }, -5.0, (-6.9, 8.0), park);
}

fn intruders(c: &mut Casting<'_>) {
    for at in c.each(5.0) {
        let role = Role::Person(Looks::intruder(c.rng));
        let mut steps = walk(&[(0.0, FENCE + 0.6), (0.2, FENCE - 1.4), (2.6, 10.6)], Act::Walk, 1.4);
        steps.push(Step::Stay { seconds: 3.0, act: Act::Crouch });
        steps.extend(walk(&[(-2.4, 9.4)], Act::Sneak, 1.1));
        steps.push(Step::Stay { seconds: 2.0, act: Act::Stand });
        steps.extend(walk(&[(0.0, FENCE), (1.0, FENCE + 2.0), (15.0, FENCE + 3.0)], Act::Run, 3.4));
        c.add(role, at - 4.0, (-5.5, FENCE + 2.2), steps);
    }
    for at in c.each(33.0) {
        let role = Role::Person(Looks::intruder(c.rng));
        let steps = walk(
            &[(0.0, FENCE + 0.4), (-0.6, FENCE - 1.2), (-3.6, 9.2), (3.4, 9.6), (0.2, FENCE), (-12.0, FENCE + 2.5)],
            Act::Run,
            3.0,
        );
        c.add(role, at - 3.0, (9.0, FENCE + 2.4), steps);
    }
    // Somebody who looks in and turns back stays too short for an alarm, and outside.
    for at in c.each(24.0) {
        let role = c.passer_by();
        let mut steps = walk(&[(0.3, FENCE + 1.0)], Act::Walk, 1.3);
        steps.push(Step::Stay { seconds: 4.0, act: Act::Stand });
        steps.extend(walk(&[(13.0, FENCE + 2.0)], Act::Walk, 1.3));
        c.add(role, at - 5.0, (-8.0, FENCE + 2.0), steps);
    }
}
