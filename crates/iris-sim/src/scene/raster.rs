//! Triangles to samples: a walk over the inside of a triangle, and the nearest triangle of a mesh at each sample of a
//! tile. What a sample looks like is decided by whoever shades it.

use super::mesh::{Mesh, Triangle};
use super::space::{Camera, NEAR, V3};

/// A rectangle of samples: left, top, right, bottom; the last two are outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) x0: usize,
    pub(crate) y0: usize,
    pub(crate) x1: usize,
    pub(crate) y1: usize,
}

impl Area {
    pub(crate) fn width(&self) -> usize {
        self.x1 - self.x0
    }

    /// The whole samples between these edges, cut to a picture; `None` if that is nothing.
    pub(crate) fn around(points: impl Iterator<Item = V3>, width: usize, height: usize) -> Option<Self> {
        let (mut low, mut high) = ((f32::MAX, f32::MAX), (f32::MIN, f32::MIN));
        for p in points {
            low = (low.0.min(p.x), low.1.min(p.y));
            high = (high.0.max(p.x), high.1.max(p.y));
        }
        let cut = |a: f32, end: usize| a.clamp(0.0, end as f32) as usize;
        let area = Self {
            x0: cut(low.0.floor(), width),
            y0: cut(low.1.floor(), height),
            x1: cut(high.0.ceil() + 1.0, width),
            y1: cut(high.1.ceil() + 1.0, height),
        };
        (area.x0 < area.x1 && area.y0 < area.y1).then_some(area)
    }

    /// So many samples more on each side, cut to a picture.
    pub(crate) fn grown(self, by: usize, width: usize, height: usize) -> Self {
        Self {
            x0: self.x0.saturating_sub(by),
            y0: self.y0.saturating_sub(by),
            x1: (self.x1 + by).min(width),
            y1: (self.y1 + by).min(height),
        }
    }
}

/// Calls `inside(x, y, weights)` for each sample of the area whose centre lies in the triangle.
pub(crate) fn fill([a, b, c]: [V3; 3], area: Area, mut inside: impl FnMut(usize, usize, [f32; 3])) {
    let twice = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
    if twice.abs() < 1e-6 {
        return;
    }
    let span = |p: f32, q: f32, r: f32, low: usize, high: usize| {
        let first = p.min(q).min(r).max(low as f32) as usize;
        let last = (p.max(q).max(r) + 1.0).clamp(0.0, high as f32) as usize;
        first..last
    };
    let scale = 1.0 / twice;
    for y in span(a.y, b.y, c.y, area.y0, area.y1) {
        let py = y as f32 + 0.5;
        for x in span(a.x, b.x, c.x, area.x0, area.x1) {
            let px = x as f32 + 0.5;
            let wb = ((px - a.x) * (c.y - a.y) - (py - a.y) * (c.x - a.x)) * scale;
            let wc = ((b.x - a.x) * (py - a.y) - (b.y - a.y) * (px - a.x)) * scale;
            let wa = 1.0 - wb - wc;
            if wa >= 0.0 && wb >= 0.0 && wc >= 0.0 {
                inside(x, y, [wa, wb, wc]);
            }
        }
    }
}

/// What a sample of a tile shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hit {
    pub(crate) triangle: u32,
    /// The distance along the view; infinite where nothing is.
    pub(crate) depth: f32,
    /// How much each corner counts, in space rather than on the picture.
    pub(crate) weights: [f32; 3],
}

const NOTHING: Hit = Hit { triangle: 0, depth: f32::INFINITY, weights: [0.0; 3] };

/// The nearest triangles of a mesh, sample by sample.
#[derive(Debug)]
pub(crate) struct Tile {
    pub(crate) area: Area,
    pub(crate) hits: Vec<Hit>,
}

impl Tile {
    /// A mesh seen by a camera whose picture is made of so many samples; `None` if it is nowhere in it.
    pub(crate) fn of(mesh: &Mesh, camera: &Camera, width: usize, height: usize) -> Option<Self> {
        let seen: Vec<V3> = mesh.vertices.iter().map(|p| camera.project(p.at)).collect();
        let area = Area::around(seen.iter().filter(|p| p.z > NEAR).copied(), width, height)?;
        let mut tile = Self { area, hits: vec![NOTHING; area.width() * (area.y1 - area.y0)] };
        for (number, triangle) in mesh.triangles.iter().enumerate() {
            tile.draw(number as u32, triangle, &seen);
        }
        Some(tile)
    }

    fn draw(&mut self, number: u32, triangle: &Triangle, seen: &[V3]) {
        let corners = triangle.corners.map(|i| seen[i as usize]);
        if corners.iter().any(|p| p.z < NEAR) {
            return;
        }
        let nearness = corners.map(|p| 1.0 / p.z);
        let (area, width) = (self.area, self.area.width());
        fill(corners, area, |x, y, w| {
            let parts = [w[0] * nearness[0], w[1] * nearness[1], w[2] * nearness[2]];
            let depth = 1.0 / (parts[0] + parts[1] + parts[2]);
            let hit = &mut self.hits[(y - area.y0) * width + x - area.x0];
            if depth < hit.depth {
                *hit = Hit { triangle: number, depth, weights: parts.map(|p| p * depth) };
            }
        });
    }

    /// The samples at which there is something.
    pub(crate) fn covered(&self) -> impl Iterator<Item = (usize, usize, &Hit)> {
        let (area, width) = (self.area, self.area.width());
        let place = move |(i, hit)| (area.x0 + i % width, area.y0 + i / width, hit);
        self.hits.iter().enumerate().filter(|(_, hit)| hit.depth < f32::INFINITY).map(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::space::v;

    #[test]
    fn two_triangles_of_a_square_cover_each_sample_once() {
        let area = Area { x0: 0, y0: 0, x1: 10, y1: 10 };
        let [a, b, c, d] = [v(1.0, 1.0, 1.0), v(8.0, 1.0, 1.0), v(8.0, 8.0, 1.0), v(1.0, 8.0, 1.0)];
        let mut count = [[0; 10]; 10];
        fill([a, b, c], area, |x, y, _| count[y][x] += 1);
        fill([a, c, d], area, |x, y, w| {
            assert!((w[0] + w[1] + w[2] - 1.0).abs() < 1e-4);
            count[y][x] += 1;
        });
        for (y, x) in (0..10).flat_map(|y| (0..10).map(move |x| (y, x))) {
            let inside = (1..8).contains(&x) && (1..8).contains(&y);
            assert!(if inside { count[y][x] >= 1 } else { count[y][x] == 0 }, "{x} {y}: {}", count[y][x]);
        }
    }
}
