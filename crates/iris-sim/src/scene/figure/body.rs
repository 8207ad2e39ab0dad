//! What is drawn of a person: tubes along the limbs, a torso, a head, and clothes as further tubes about them.

use super::skeleton::Skeleton;
use super::wardrobe::{Cut, Looks};
use crate::scene::mesh::{Mesh, Ring};
use crate::scene::paint::Paint;
use crate::scene::space::{V3, v};

const TOP: u16 = 0;
const BOTTOM: u16 = 1;
const SKIN: u16 = 2;
const SHOES: u16 = 3;
const HEAD: u16 = 4;
const HAIR: u16 = 5;
const HAT: u16 = 6;
const VEST: u16 = 7;
const BAG: u16 = 8;

/// The paints that [`mesh`] speaks of.
pub(crate) fn paints(looks: &Looks) -> Vec<Paint> {
    let cloth = |albedo, n| Paint::Cloth { albedo, seed: looks.seed.wrapping_add(n) };
    let hat =
        looks.helmet.map_or(cloth(looks.cap.unwrap_or(looks.top), 3), |albedo| Paint::Plain { albedo, gloss: 0.5 });
    vec![
        cloth(looks.top, 0),
        cloth(looks.bottom, 1),
        Paint::Plain { albedo: looks.skin, gloss: 0.03 },
        Paint::Plain { albedo: looks.shoes, gloss: 0.1 },
        Paint::Head { skin: looks.skin, hair: looks.hair, long: looks.long_hair },
        Paint::Hair { albedo: looks.hair },
        hat,
        Paint::Vest { albedo: looks.vest.unwrap_or(looks.top) },
        cloth(looks.backpack.unwrap_or(looks.top), 4),
    ]
}

/// The triangles of a person in this pose.
pub(crate) fn mesh(s: &Skeleton, looks: &Looks) -> Mesh {
    let mut mesh = Mesh::default();
    torso(&mut mesh, s, looks);
    for side in 0..2 {
        leg(&mut mesh, s, looks, side);
        arm(&mut mesh, s, looks, side);
    }
    head(&mut mesh, s, looks);
    if looks.backpack.is_some() {
        backpack(&mut mesh, s, looks);
    }
    mesh
}

/// Half width and half depth of the trunk at heights above the hips, for a height of 1.75 m.
const TRUNK: [(f32, f32, f32); 10] = [
    (-0.10, 0.100, 0.085),
    (-0.04, 0.165, 0.118),
    (0.06, 0.165, 0.118),
    (0.16, 0.148, 0.108),
    (0.28, 0.158, 0.116),
    (0.38, 0.172, 0.122),
    (0.45, 0.178, 0.112),
    (0.495, 0.150, 0.090),
    (0.53, 0.085, 0.070),
    (0.56, 0.054, 0.056),
];

/// A ring about the spine, so far above the hips; `wider` in metres.
fn about_spine(s: &Skeleton, looks: &Looks, (at, a, b): (f32, f32, f32), wider: f32, paint: u16) -> Ring {
    let scale = looks.height / 1.75;
    let line = s.hip_line.mix(s.shoulder_line, (at / 0.45).clamp(0.0, 1.0)).unit();
    let ahead = line.cross(s.spine).unit();
    let belly = 0.02 * (at - 0.05).max(0.0) * (0.4 - at).max(0.0) * 25.0 * (looks.girth - 0.9);
    let centre = s.pelvis + s.spine * (at * scale) + ahead * (belly * 2.0);
    let girth = if at < 0.5 { looks.girth } else { 1.0 };
    let half = |r: f32| (r * girth + wider) * scale;
    Ring { centre, a: line * half(a), b: -(ahead * half(b + belly)), paint }
}

fn torso(mesh: &mut Mesh, s: &Skeleton, looks: &Looks) {
    let loose = if looks.cut == Cut::Shirt { 0.006 } else { 0.02 };
    let rings = TRUNK.map(|ring| {
        let paint = if ring.0 < 0.0 {
            BOTTOM
        } else if ring.0 > 0.52 && looks.cut != Cut::Hood {
            SKIN
        } else {
            TOP
        };
        let wider = if paint == TOP { loose } else { 0.004 };
        about_spine(s, looks, ring, wider, paint)
    });
    mesh.tube(&rings, 12);
    if looks.vest.is_some() {
        let rings = TRUNK[2..8].iter().map(|ring| about_spine(s, looks, *ring, loose + 0.014, VEST));
        mesh.tube(&rings.collect::<Vec<_>>(), 16);
    }
    // The hem of a jacket, or the skirts of a coat.
    let hem = about_spine(s, looks, (-0.03, 0.174, 0.128), loose, TOP);
    let hips = about_spine(s, looks, (0.06, 0.172, 0.125), loose, TOP);
    let waist = about_spine(s, looks, (0.12, 0.150, 0.108), loose, TOP);
    mesh.tube(&[hem, hips, waist], 12);
    if looks.cut == Cut::Coat {
        let (low, wide) = skirt(s, looks);
        let hips = about_spine(s, looks, (0.0, 0.17, 0.125), 0.03, TOP);
        mesh.tube(&[Ring { centre: low, a: hips.a * 1.15, b: hips.b * wide, paint: TOP }, hips, waist], 12);
    }
}

/// The middle of a coat's lower edge, and how much deeper it is than at the hips.
fn skirt(s: &Skeleton, looks: &Looks) -> (V3, f32) {
    let knees = s.knees[0].mix(s.knees[1], 0.5);
    let apart = (s.knees[0] - s.knees[1]).length() / looks.height;
    (s.pelvis.mix(knees, 0.85), 1.0 + apart * 3.0)
}

/// Rings along a bent limb: the radius at the start, the middle and the end of both of its bones.
fn limb([from, bend, to]: [V3; 3], front: V3, radii: [f32; 6], paints: [u16; 2]) -> Vec<Ring> {
    let at = |i: usize| match i {
        0 => from,
        1 => from.mix(bend, 0.45),
        2 => from.mix(bend, 0.9),
        3 => bend.mix(to, 0.1),
        4 => bend.mix(to, 0.4),
        _ => to,
    };
    let ring = |i: usize| {
        let axis = if i < 2 {
            bend - from
        } else if i > 3 {
            to - bend
        } else {
            to - from
        }
        .unit();
        let aside = axis.cross(front).unit();
        let ahead = aside.cross(axis);
        Ring { centre: at(i), a: aside * radii[i], b: ahead * radii[i], paint: paints[usize::from(i > 2)] }
    };
    (0..6).map(ring).collect()
}

fn leg(mesh: &mut Mesh, s: &Skeleton, looks: &Looks, side: usize) {
    let scale = looks.height / 1.75 * (0.6 + 0.4 * looks.girth);
    let bones = [s.hips[side], s.knees[side], s.ankles[side]];
    let ahead = s.hip_line.cross(s.spine).unit();
    let front = ahead.mix(s.toes[side], 0.5);
    let bare = looks.shorts;
    let shin = if bare { [0.056, 0.055, 0.038] } else { [0.070, 0.068, 0.060] };
    let radii = [0.098, 0.090, 0.072, shin[0], shin[1], shin[2]].map(|r: f32| r * scale);
    mesh.tube(&limb(bones, front, radii, [BOTTOM, if bare { SKIN } else { BOTTOM }]), 9);
    shoe(mesh, s.ankles[side], s.toes[side], looks.height / 1.75);
}

fn shoe(mesh: &mut Mesh, ankle: V3, toes: V3, scale: f32) {
    let up = v(0.0, 0.0, 1.0);
    let up = (up - toes * up.dot(toes)).unit();
    let aside = toes.cross(up).unit();
    let ring = |ahead: f32, half: f32, low: f32, high: f32| Ring {
        centre: ankle + (toes * ahead + up * low.midpoint(high)) * scale,
        a: aside * (half * scale),
        b: up * ((high - low) / 2.0 * scale),
        paint: SHOES,
    };
    let rings = [
        ring(-0.085, 0.025, -0.075, -0.01),
        ring(-0.05, 0.042, -0.08, 0.035),
        ring(0.03, 0.046, -0.08, 0.02),
        ring(0.12, 0.050, -0.08, -0.025),
        ring(0.18, 0.030, -0.078, -0.045),
    ];
    mesh.tube(&rings, 8);
}

fn arm(mesh: &mut Mesh, s: &Skeleton, looks: &Looks, side: usize) {
    let scale = looks.height / 1.75 * (0.6 + 0.4 * looks.girth);
    let bones = [s.shoulders[side], s.elbows[side], s.wrists[side]];
    let front = s.shoulder_line.cross(s.spine).unit();
    let sleeve = if looks.cut == Cut::Shirt {
        [0.066, 0.060, 0.046, 0.042, 0.041, 0.029]
    } else {
        [0.074, 0.066, 0.058, 0.054, 0.052, 0.042]
    };
    let lower = if looks.cut == Cut::Shirt { SKIN } else { TOP };
    mesh.tube(&limb(bones, front, sleeve.map(|r: f32| r * scale), [TOP, lower]), 9);
    let along = (s.wrists[side] - s.elbows[side]).unit();
    let aside = along.cross(front).unit();
    let axes = [along * (0.088 * scale), aside * (0.026 * scale), along.cross(aside) * (0.043 * scale)];
    mesh.ellipsoid(s.wrists[side] + along * (0.07 * scale), axes, SKIN, 5);
}

fn head(mesh: &mut Mesh, s: &Skeleton, looks: &Looks) {
    let scale = looks.height / 1.75;
    let left = s.crown.cross(s.face).unit();
    let axes = |r: f32| [s.face * (0.098 * r * scale), left * (0.078 * r * scale), s.crown * (0.122 * r * scale)];
    mesh.bar(s.neck - s.spine * 0.04, s.head - s.crown * (0.05 * scale), 0.056 * scale, SKIN, 8);
    mesh.ellipsoid(s.head, axes(1.0), HEAD, 9);
    let nose = s.head + (s.face * 0.1 - s.crown * 0.015) * scale;
    mesh.ellipsoid(nose, [s.face * 0.02, left * 0.014, s.crown * 0.026], SKIN, 4);
    let lower = |d: f32| s.head - s.face * (0.018 * scale) + s.crown * (d * scale);
    if looks.helmet.is_some() {
        mesh.dome(lower(0.028), axes(1.32), 0.52, HAT, 8);
        let brim = s.head + (s.crown * 0.03 + s.face * 0.035) * scale;
        mesh.ellipsoid(brim, [s.face * (0.155 * scale), left * (0.118 * scale), s.crown * 0.012], HAT, 6);
    } else if looks.cut == Cut::Hood {
        mesh.dome(
            lower(0.01),
            [left * (0.1 * scale), s.crown * (0.14 * scale), s.face * (-0.125 * scale)],
            0.62,
            TOP,
            8,
        );
    } else if looks.cap.is_some() {
        mesh.dome(lower(0.02), axes(1.12), 0.5, HAT, 8);
        let peak = s.head + (s.crown * 0.04 + s.face * 0.11) * scale;
        mesh.ellipsoid(peak, [s.face * (0.08 * scale), left * (0.07 * scale), s.crown * 0.01], HAT, 5);
    } else {
        mesh.dome(lower(0.014), axes(1.07), 0.56, HAIR, 8);
    }
    if looks.long_hair && looks.helmet.is_none() && looks.cut != Cut::Hood {
        let back = s.head - (s.face * 0.05 + s.crown * 0.08) * scale;
        mesh.ellipsoid(back, [s.face * (0.055 * scale), left * (0.085 * scale), s.crown * (0.15 * scale)], HAIR, 6);
    }
}

fn backpack(mesh: &mut Mesh, s: &Skeleton, looks: &Looks) {
    let scale = looks.height / 1.75;
    let ahead = s.shoulder_line.cross(s.spine).unit();
    let at = |up: f32| s.pelvis + (s.spine * up - ahead * 0.19) * scale;
    let ring = |up: f32, a: f32, b: f32| Ring {
        centre: at(up),
        a: s.shoulder_line * (a * scale),
        b: -(ahead * (b * scale)),
        paint: BAG,
    };
    let rings = [
        ring(0.04, 0.10, 0.05),
        ring(0.08, 0.145, 0.09),
        ring(0.3, 0.15, 0.095),
        ring(0.44, 0.12, 0.06),
        ring(0.47, 0.06, 0.03),
    ];
    mesh.tube(&rings, 10);
}
