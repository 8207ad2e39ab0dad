//! Trees: a trunk and leaves in clusters, which sway in the wind.

use std::f32::consts::TAU;

use super::mesh::{Mesh, Ring};
use super::noise::unit;
use super::paint::Paint;
use super::place::Tree;
use super::space::{V3, smooth, v};

const BARK: u16 = 0;
const LEAF: u16 = 1;
const CLUSTERS: u32 = 16;
const LEAVES: u32 = 110;

/// The paints that [`mesh`] speaks of.
pub(crate) fn paints() -> Vec<Paint> {
    let bark = Paint::Cloth { albedo: v(0.10, 0.075, 0.055), seed: 5 };
    vec![bark, Paint::Leaf { albedo: v(0.050, 0.095, 0.022) }]
}

/// The triangles of a tree at rest.
pub(crate) fn mesh(tree: &Tree, seed: u32) -> Mesh {
    let mut mesh = Mesh::default();
    let r = 0.028 * tree.height;
    let ring = |z: f32, r: f32| Ring {
        centre: tree.at + v(0.06 * z.sin(), 0.05 * (z * 1.3).cos(), z),
        a: v(r, 0.0, 0.0),
        b: v(0.0, r, 0.0),
        paint: BARK,
    };
    let top = tree.height;
    mesh.tube(&[ring(0.0, r * 1.3), ring(top * 0.2, r), ring(top * 0.5, r * 0.8), ring(top * 0.8, r * 0.3)], 8);
    let middle = tree.at + v(0.0, 0.0, tree.height - tree.crown);
    for cluster in 0..CLUSTERS {
        let way = direction(cluster, seed);
        let centre = middle + v(way.x, way.y, way.z * 0.9) * (tree.crown * 0.72);
        mesh.bar(ring(top * 0.45, r).centre, centre, r * 0.18, BARK, 4);
        for leaf in 0..LEAVES {
            let out = direction(cluster * 1000 + leaf, seed ^ 1);
            let far = unit(cluster, leaf, seed ^ 2).sqrt() * tree.crown * 0.48;
            leaf_at(&mut mesh, centre + out * far, out.mix(way, 0.4).unit(), cluster * 1000 + leaf, seed);
        }
    }
    mesh
}

fn leaf_at(mesh: &mut Mesh, at: V3, normal: V3, number: u32, seed: u32) {
    let size = 0.10 + 0.10 * unit(number, 1, seed ^ 3);
    let a = direction(number, seed ^ 4) * size;
    let b = direction(number, seed ^ 5) * (size * 0.8);
    let local = v(unit(number, 2, seed), 0.0, 0.0);
    let corners = [at - a - b, at + a - b, at + a + b, at - a + b].map(|p| mesh.vertex(p, normal, local));
    mesh.quad(corners, LEAF);
}

/// A direction by lot.
fn direction(number: u32, seed: u32) -> V3 {
    let (turn, z) = (unit(number, 11, seed) * TAU, unit(number, 12, seed) * 2.0 - 1.0);
    let r = (1.0 - z * z).sqrt();
    v(r * turn.cos(), r * turn.sin(), z)
}

/// The tree as the wind bends it; 0 is calm, 1 a storm.
pub(crate) fn swayed(tree: &Tree, rest: &Mesh, time: f32, wind: f32) -> Mesh {
    let mut mesh = rest.clone();
    let phase = tree.at.x * 0.7;
    let gust = 0.5 + 0.5 * (time * 0.55 + phase).sin() * (time * 0.23).cos();
    let bend = wind * (0.12 + 0.40 * gust) * (1.0 + 0.35 * (time * 2.7 + phase).sin());
    for vertex in &mut mesh.vertices {
        let up = smooth(0.15, 1.0, vertex.at.z / tree.height);
        let flutter = wind * 0.07 * (time * 7.0 + vertex.at.x * 5.0 + vertex.at.z * 3.0).sin();
        vertex.at = vertex.at + v(bend + flutter, 0.3 * bend, -0.15 * bend * bend + flutter * 0.5) * up;
    }
    mesh
}
