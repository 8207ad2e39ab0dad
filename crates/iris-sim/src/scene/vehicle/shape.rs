//! The body of a vehicle as cross-sections along its length, and its wheels. In its own space: x ahead, y left, z up.

use super::livery::{Livery, Part};
use super::{Form, Kind};
use crate::scene::mesh::{Mesh, Ring};
use crate::scene::paint::Paint;
use crate::scene::space::{V3, smooth, v};

const BODY: u16 = 0;
const GLASS: u16 = 1;
const TYRE: u16 = 2;
const RIM: u16 = 3;
const CARGO: u16 = 4;

/// The paints that [`mesh`] speaks of.
pub(crate) fn paints(form: Form, lacquer: V3, lit: bool) -> Vec<Paint> {
    [Part::Body, Part::Glass, Part::Tyre, Part::Rim, Part::Cargo]
        .map(|part| Paint::Vehicle(Livery { part, form, lacquer, lit }))
        .to_vec()
}

/// The triangles of a vehicle that stands at the origin.
pub(crate) fn mesh(form: &Form) -> Mesh {
    let mut mesh = Mesh::default();
    shell(&mut mesh, form);
    for axle in [form.axles.0, form.axles.1] {
        for side in [1.0, -1.0] {
            wheel(&mut mesh, form, axle, side);
        }
    }
    if form.kind == Kind::Truck {
        let shell = mesh.vertices.len();
        let (front, back) = (form.glass[3] - 0.25, -form.length / 2.0);
        let half = v((front - back) / 2.0, 0.0, 0.0);
        let centre = v(front.midpoint(back), 0.0, 1.95);
        mesh.block(centre, [half, v(0.0, form.width / 2.0 + 0.03, 0.0), v(0.0, 0.0, 1.15)], CARGO);
        for vertex in &mut mesh.vertices[shell..] {
            vertex.local = vertex.at;
        }
    }
    for side in [1.0, -1.0] {
        let at = v(form.glass[1] + 0.45, side * (form.width / 2.0 + 0.06), form.belt + 0.06);
        mesh.ellipsoid(at, [v(0.09, 0.0, 0.0), v(0.0, 0.1, 0.0), v(0.0, 0.0, 0.07)], BODY, 5);
    }
    mesh
}

/// Where the sections are, from the front to the back; close together where the form bends.
fn stations(form: &Form) -> Vec<f32> {
    let half = form.length / 2.0;
    let [foot, top, rear, end] = form.glass;
    let tail = if form.kind == Kind::Truck { end - 0.1 } else { -half };
    let mut at =
        vec![half, half - 0.06, half - 0.22, half - 0.5, foot + 0.05, foot, foot.midpoint(top), top, top - 0.25];
    at.extend([0.25, 0.5, 0.75].map(|t| top - 0.25 + (rear - top + 0.25) * t));
    at.extend([rear, rear.midpoint(end), end, end - 0.06, tail + 0.1, tail]);
    at.retain(|x| (tail..=half).contains(x));
    at.sort_by(|a, b| b.total_cmp(a));
    at
}

/// How high the lower body is at x, and the roof or the bonnet.
fn heights(form: &Form, x: f32) -> (f32, f32) {
    let half = form.length / 2.0;
    let [foot, top, rear, end] = form.glass;
    let nose = 1.0 - smooth(half - 0.9, half + 0.25, x) * 0.35 - smooth(half - 0.1, half, x) * 0.12;
    let tail = 1.0 - smooth(-half + 0.12, -half, x) * 0.10;
    let belt = form.belt * nose * tail;
    let up = smooth(foot + 0.02, top - 0.15, x) * smooth(end - 0.02, rear + 0.15, x);
    (belt, belt + (form.height - form.belt) * up)
}

/// Half of a section from the sill up to the middle of the roof.
fn section(form: &Form, x: f32) -> [V3; 7] {
    let half = form.length / 2.0;
    let plan = 1.0 - 0.16 * smooth(half - 0.5, half, x.abs()).powi(2);
    let w = form.width / 2.0 * plan;
    let (belt, roof) = heights(form, x);
    let up = ((roof - belt) / (form.height - form.belt)).clamp(0.0, 1.0);
    let slope = if form.belt > 1.0 { 0.10 } else { 0.22 };
    let edge = w * (0.94 - slope * up);
    let low = 0.20 + 0.05 * smooth(half - 0.3, half, x.abs());
    [
        v(x, w * 0.90, low),
        v(x, w * 0.985, low + 0.14),
        v(x, w, belt * 0.66),
        v(x, w * 0.965, belt - 0.02),
        v(x, edge, roof - 0.045 * up),
        v(x, edge * 0.72, roof + 0.012),
        v(x, 0.0, roof + 0.022),
    ]
}

fn shell(mesh: &mut Mesh, form: &Form) {
    let at = stations(form);
    let rows: Vec<[V3; 7]> = at.iter().map(|x| section(form, *x)).collect();
    for side in [1.0, -1.0] {
        let mirror = |p: V3| v(p.x, p.y * side, p.z);
        for i in 0..rows.len() - 1 {
            for strip in 0..6 {
                let corners = [rows[i][strip], rows[i][strip + 1], rows[i + 1][strip + 1], rows[i + 1][strip]];
                panel(mesh, corners.map(mirror), strip_paint(form, at[i], at[i + 1], strip));
            }
        }
        for row in [&rows[0], &rows[rows.len() - 1]] {
            for strip in 0..5 {
                let flat = |p: V3| v(p.x, 0.0, p.z);
                let corners = [row[strip], row[strip + 1], flat(row[strip + 1]), flat(row[strip])];
                panel(mesh, corners.map(mirror), BODY);
            }
        }
    }
}

/// Whether a piece of the shell is glass: the sides between belt and roof, the windscreen and the rear window.
fn strip_paint(form: &Form, from: f32, to: f32, strip: usize) -> u16 {
    let [foot, top, rear, end] = form.glass;
    let middle = from.midpoint(to);
    let in_cabin = middle < foot && middle > end;
    let in_pane = (middle < foot && middle > top) || (middle < rear && middle > end);
    let has_rear_window = form.kind != Kind::Truck || middle > top;
    let is_glass = (strip == 3 && in_cabin) || (strip > 3 && in_pane && has_rear_window);
    if is_glass { GLASS } else { BODY }
}

/// A flat piece that looks slightly bulged: its corners lean outward.
fn panel(mesh: &mut Mesh, corners: [V3; 4], paint: u16) {
    let middle = corners.iter().fold(V3::default(), |sum, c| sum + *c) * 0.25;
    let flat = (corners[2] - corners[0]).cross(corners[3] - corners[1]).unit();
    let out = v(middle.x * 0.1, middle.y, middle.z - 0.6);
    let flat = if flat.dot(out) < 0.0 { -flat } else { flat };
    let ids = corners.map(|c| mesh.vertex(c, (flat + (c - middle) * 0.16).unit(), c));
    mesh.quad(ids, paint);
}

fn wheel(mesh: &mut Mesh, form: &Form, axle: f32, side: f32) {
    let r = form.wheel;
    let ring = |aside: f32, radius: f32, paint| Ring {
        centre: v(axle, side * (form.width / 2.0 - aside), r),
        a: v(radius, 0.0, 0.0),
        b: v(0.0, 0.0, radius),
        paint,
    };
    let rings = [
        ring(0.24, r, TYRE),
        ring(0.04, r, TYRE),
        ring(0.015, r * 0.92, TYRE),
        ring(0.01, r * 0.66, RIM),
        ring(0.02, r * 0.12, RIM),
    ];
    mesh.tube(&rings, 18);
}
