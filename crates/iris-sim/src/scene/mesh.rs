//! Triangles with what their paint needs, and the shapes they are built from: tubes through rings, ellipsoids, boxes.
//! What colour they have is the paint's business.

use std::f32::consts::TAU;

use super::space::{V3, across, v};

/// A corner of triangles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vertex {
    pub(crate) at: V3,
    pub(crate) normal: V3,
    /// Where it is on the thing itself, for paint that must move with it.
    pub(crate) local: V3,
}

/// What is drawn with one paint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Triangle {
    pub(crate) corners: [u32; 3],
    /// The number of its paint.
    pub(crate) paint: u16,
}

/// A thing made of triangles.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mesh {
    pub(crate) vertices: Vec<Vertex>,
    pub(crate) triangles: Vec<Triangle>,
}

/// A cross-section of a tube: an ellipse about a centre.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ring {
    pub(crate) centre: V3,
    /// The half axes of the ellipse.
    pub(crate) a: V3,
    pub(crate) b: V3,
    pub(crate) paint: u16,
}

impl Mesh {
    pub(crate) fn triangle(&mut self, corners: [u32; 3], paint: u16) {
        self.triangles.push(Triangle { corners, paint });
    }

    pub(crate) fn quad(&mut self, [a, b, c, d]: [u32; 4], paint: u16) {
        self.triangle([a, b, c], paint);
        self.triangle([a, c, d], paint);
    }

    pub(crate) fn vertex(&mut self, at: V3, normal: V3, local: V3) -> u32 {
        self.vertices.push(Vertex { at, normal, local });
        self.vertices.len() as u32 - 1
    }

    /// A tube through the rings, closed at both ends; each piece has the paint of its first ring. `local` is the turn
    /// (0 to 1, from the direction of `a` towards `b`), the length along the tube in metres, and 0.
    pub(crate) fn tube(&mut self, rings: &[Ring], sides: u32) {
        let mut along = 0.0;
        let first = self.vertices.len() as u32;
        for (i, ring) in rings.iter().enumerate() {
            if i > 0 {
                along += (ring.centre - rings[i - 1].centre).length();
            }
            let before = rings[i.saturating_sub(1)];
            let after = rings[(i + 1).min(rings.len() - 1)];
            for side in 0..=sides {
                let turn = side as f32 / sides as f32;
                let rim = |r: &Ring| r.centre + r.a * (turn * TAU).cos() + r.b * (turn * TAU).sin();
                let around = ring.b * (turn * TAU).cos() - ring.a * (turn * TAU).sin();
                let normal = around.cross(rim(&after) - rim(&before)).unit();
                let outward = rim(ring) - ring.centre;
                let normal = if normal.dot(outward) < 0.0 { -normal } else { normal };
                self.vertex(rim(ring), normal, v(turn, along, 0.0));
            }
        }
        let row = sides + 1;
        for (i, ring) in rings.iter().enumerate().take(rings.len() - 1) {
            for side in 0..sides {
                let a = first + i as u32 * row + side;
                self.quad([a, a + 1, a + row + 1, a + row], ring.paint);
            }
        }
        if let [start, next, ..] = rings {
            self.cap(first, sides, *start, start.centre - next.centre, 0.0);
        }
        if let [.., before, end] = rings {
            self.cap(first + (rings.len() as u32 - 1) * row, sides, *end, end.centre - before.centre, along);
        }
    }

    /// Closes an end of a tube whose last ring begins with vertex `first`.
    fn cap(&mut self, first: u32, sides: u32, ring: Ring, outward: V3, along: f32) {
        let normal = ring.a.cross(ring.b).unit();
        let normal = if normal.dot(outward) < 0.0 { -normal } else { normal };
        let middle = self.vertex(ring.centre, normal, v(0.5, along, 0.0));
        for side in 0..sides {
            self.triangle([middle, first + side, first + side + 1], ring.paint);
        }
    }

    /// An ellipsoid with the given half axes. `local` is the unit sphere's point.
    pub(crate) fn ellipsoid(&mut self, centre: V3, axes: [V3; 3], paint: u16, detail: u32) {
        self.dome(centre, axes, 1.0, paint, detail);
    }

    /// The share of an ellipsoid that lies nearest to the end of its third axis: a half is a dome.
    pub(crate) fn dome(&mut self, centre: V3, axes: [V3; 3], share: f32, paint: u16, detail: u32) {
        let first = self.vertices.len() as u32;
        let (rows, sides) = (detail, detail * 2);
        let inverse = axes.map(|a| a * (1.0 / a.dot(a).max(1e-9)));
        for row in 0..=rows {
            let (s, c) = (row as f32 / rows as f32 * share * TAU / 2.0).sin_cos();
            for side in 0..=sides {
                let (t, u) = (side as f32 / sides as f32 * TAU).sin_cos();
                let p = v(s * u, s * t, c);
                let on = |axes: [V3; 3]| axes[0] * p.x + axes[1] * p.y + axes[2] * p.z;
                self.vertex(centre + on(axes), on(inverse).unit(), p);
            }
        }
        for row in 0..rows {
            for side in 0..sides {
                let a = first + row * (sides + 1) + side;
                self.quad([a, a + 1, a + sides + 2, a + sides + 1], paint);
            }
        }
    }

    /// A box about a centre with the given half axes. `local` is in the box's own metres.
    pub(crate) fn block(&mut self, centre: V3, axes: [V3; 3], paint: u16) {
        for (i, sign) in (0..3).flat_map(|i| [(i, 1.0), (i, -1.0)]) {
            let (n, s, t) = (axes[i] * sign, axes[(i + 1) % 3], axes[(i + 2) % 3]);
            let corners = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)].map(|(a, b)| {
                let p = n + s * a + t * b;
                let local = v(p.dot(axes[0].unit()), p.dot(axes[1].unit()), p.dot(axes[2].unit()));
                self.vertex(centre + p, n.unit(), local)
            });
            self.quad(corners, paint);
        }
    }

    /// A round bar between two points.
    pub(crate) fn bar(&mut self, from: V3, to: V3, radius: f32, paint: u16, sides: u32) {
        let (a, b) = across(to - from);
        let ring = |centre| Ring { centre, a: a * radius, b: b * radius, paint };
        self.tube(&[ring(from), ring(to)], sides);
    }
}
