//! A bicycle, and how its rider sits on it.

use std::f32::consts::TAU;

use crate::scene::figure::skeleton::Skeleton;
use crate::scene::mesh::Mesh;
use crate::scene::paint::Paint;
use crate::scene::space::{V3, grey, v};

const FRAME: u16 = 0;
const TYRE: u16 = 1;

const WHEEL: f32 = 0.34;
const AXLES: [f32; 2] = [0.53, -0.5];
const CRANK: V3 = v(0.0, 0.0, 0.28);
const SADDLE: V3 = v(-0.22, 0.0, 0.95);
const BARS: V3 = v(0.40, 0.0, 1.02);

/// The paints that [`mesh`] speaks of.
pub(crate) fn paints(colour: V3) -> Vec<Paint> {
    vec![Paint::Plain { albedo: colour, gloss: 0.5 }, Paint::Plain { albedo: grey(0.02), gloss: 0.0 }]
}

/// The triangles of a bicycle that stands at the origin and points along x.
pub(crate) fn mesh() -> Mesh {
    let mut mesh = Mesh::default();
    for x in AXLES {
        wheel(&mut mesh, v(x, 0.0, WHEEL));
    }
    let head = v(0.36, 0.0, 0.85);
    let seat = SADDLE - v(0.0, 0.0, 0.06);
    let tubes = [
        (CRANK, head),
        (CRANK, seat),
        (seat, head),
        (v(AXLES[1], 0.0, WHEEL), CRANK),
        (v(AXLES[1], 0.0, WHEEL), seat),
        (v(AXLES[0], 0.0, WHEEL), BARS),
    ];
    for (from, to) in tubes {
        mesh.bar(from, to, 0.022, FRAME, 6);
    }
    mesh.bar(BARS + v(0.0, 0.28, 0.02), BARS - v(0.0, 0.28, -0.02), 0.016, TYRE, 6);
    mesh.ellipsoid(SADDLE, [v(0.13, 0.0, 0.0), v(0.0, 0.07, 0.0), v(0.0, 0.0, 0.04)], TYRE, 5);
    mesh
}

fn wheel(mesh: &mut Mesh, hub: V3) {
    let rim = |i: u32| {
        let (s, c) = (i as f32 / 20.0 * TAU).sin_cos();
        hub + v(c, 0.0, s) * (WHEEL - 0.02)
    };
    for i in 0..20 {
        mesh.bar(rim(i), rim(i + 1), 0.022, TYRE, 5);
    }
    for i in 0..8 {
        mesh.bar(hub, rim(i * 5 / 2), 0.004, FRAME, 3);
    }
}

/// Seats a skeleton: hips on the saddle, hands on the bars, feet on the pedals, which have turned `cycle` times.
pub(crate) fn seat(mut s: Skeleton, height: f32, cycle: f32) -> Skeleton {
    let lift = SADDLE + v(0.02, 0.0, 0.08) - s.pelvis;
    s = s.map(|p| p + lift, |d| d);
    for (i, side) in [1.0, -1.0].into_iter().enumerate() {
        let (sin, cos) = ((cycle + 0.5 * i as f32) * TAU).sin_cos();
        let pedal = CRANK + v(cos * 0.17, side * 0.11, -sin * 0.17);
        s.ankles[i] = pedal + v(-0.06, 0.0, 0.09);
        s.knees[i] = joint(s.hips[i], s.ankles[i], 0.245 * height, 0.242 * height, v(1.0, side * 0.15, 0.3));
        s.toes[i] = v(1.0, 0.0, -0.15).unit();
        s.wrists[i] = BARS + v(-0.05, side * 0.24, 0.05);
        s.elbows[i] = joint(s.shoulders[i], s.wrists[i], 0.175 * height, 0.15 * height, v(-0.2, side, -0.8));
    }
    s
}

/// The joint between two ends of two bones, bent towards a direction.
fn joint(from: V3, to: V3, first: f32, second: f32, bend: V3) -> V3 {
    let reach = to - from;
    let length = reach.length().min((first + second) * 0.995);
    let axis = reach.unit();
    let along = (first * first - second * second + length * length) / (2.0 * length);
    let aside = (first * first - along * along).max(0.0).sqrt();
    from + axis * along + (bend - axis * bend.dot(axis)).unit() * aside
}
