//! A dog: in its own space x is ahead, y left, z up.

use std::f32::consts::TAU;

use super::mesh::{Mesh, Ring};
use super::paint::Paint;
use super::space::{V3, grey, v};

const FUR: u16 = 0;
const NOSE: u16 = 1;

/// How much of a metre a dog gets in a cycle of its gait.
pub(crate) const STRIDE: f32 = 0.8;

/// The paints that [`mesh`] speaks of.
pub(crate) fn paints(albedo: V3, seed: u32) -> Vec<Paint> {
    vec![Paint::Fur { albedo, seed }, Paint::Plain { albedo: grey(0.015), gloss: 0.2 }]
}

/// The triangles of a dog at a point of its gait's cycle.
pub(crate) fn mesh(cycle: f32) -> Mesh {
    let mut mesh = Mesh::default();
    let bob = (cycle * 2.0 * TAU).sin() * 0.012;
    let at = |x: f32, z: f32| v(x, 0.0, z + bob);
    let ring =
        |x: f32, z: f32, a: f32, b: f32| Ring { centre: at(x, z), a: v(0.0, a, 0.0), b: v(0.0, 0.0, b), paint: FUR };
    let trunk = [
        ring(-0.40, 0.52, 0.05, 0.06),
        ring(-0.33, 0.52, 0.105, 0.115),
        ring(-0.12, 0.51, 0.10, 0.105),
        ring(0.12, 0.49, 0.12, 0.145),
        ring(0.28, 0.50, 0.11, 0.135),
        ring(0.40, 0.60, 0.075, 0.09),
        ring(0.48, 0.69, 0.06, 0.07),
    ];
    mesh.tube(&trunk, 10);
    mesh.ellipsoid(at(0.54, 0.74), [v(0.11, 0.0, -0.02), v(0.0, 0.075, 0.0), v(0.015, 0.0, 0.08)], FUR, 6);
    mesh.ellipsoid(at(0.67, 0.70), [v(0.09, 0.0, -0.02), v(0.0, 0.04, 0.0), v(0.01, 0.0, 0.042)], FUR, 5);
    mesh.ellipsoid(at(0.755, 0.70), [v(0.02, 0.0, 0.0), v(0.0, 0.02, 0.0), v(0.0, 0.0, 0.018)], NOSE, 4);
    for side in [1.0, -1.0] {
        let ear = at(0.50, 0.82) + v(0.0, side * 0.06, 0.0);
        mesh.ellipsoid(ear, [v(0.03, 0.0, 0.0), v(0.0, 0.018, 0.0), v(0.0, side * 0.01, 0.06)], FUR, 4);
    }
    let wag = (cycle * TAU * 1.5).sin() * 0.08;
    mesh.bar(at(-0.40, 0.55), at(-0.62, 0.70) + v(0.0, wag, 0.0), 0.022, FUR, 6);
    for (i, (x, y)) in [(0.24, 0.08), (0.24, -0.08), (-0.30, 0.08), (-0.30, -0.08)].into_iter().enumerate() {
        let phase = cycle + if i == 0 || i == 3 { 0.0 } else { 0.5 };
        leg(&mut mesh, at(x, 0.44) + v(0.0, y, 0.0), phase, i < 2);
    }
    mesh
}

fn leg(mesh: &mut Mesh, hip: V3, phase: f32, is_front: bool) {
    let (sin, cos) = (phase * TAU).sin_cos();
    let foot = v(hip.x + 0.17 * sin, hip.y, 0.03 + 0.09 * cos.max(0.0));
    let bend = if is_front { 0.03 } else { -0.07 };
    let knee = hip.mix(foot, 0.5) + v(bend, 0.0, 0.01);
    let ring = |centre: V3, r: f32| Ring { centre, a: v(0.0, r, 0.0), b: v(r, 0.0, 0.0), paint: FUR };
    mesh.tube(&[ring(hip, 0.07), ring(knee, 0.038), ring(foot, 0.025)], 7);
    mesh.ellipsoid(foot + v(0.02, 0.0, -0.005), [v(0.045, 0.0, 0.0), v(0.0, 0.03, 0.0), v(0.0, 0.0, 0.025)], FUR, 4);
}
