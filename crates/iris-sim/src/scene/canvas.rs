//! A frame being put together: the plate, the shadows that fall on it, and the things in front of it, each sample with
//! the one that is nearest.

use super::light::{Light, infrared_of_things};
use super::mesh::Mesh;
use super::paint::{Paint, Surface};
use super::place::{WIRE, WIRES};
use super::plate::{Plate, SAMPLES};
use super::raster::{Area, Hit, Tile, fill};
use super::space::{Camera, NEAR, V3, grey, v};

/// What each sample and each pixel of a frame shows.
#[derive(Debug)]
pub(crate) struct Canvas {
    /// By sample.
    depth: Vec<f32>,
    colour: Vec<V3>,
    owner: Vec<u16>,
    /// By pixel: how much of the sun, and of the sky, things keep off the ground.
    shade: Vec<f32>,
    contact: Vec<f32>,
    /// The linear picture.
    pub(crate) picture: Vec<V3>,
}

/// The owner of samples that show no thing, and of scenery that moves.
const NOBODY: u16 = 0;
pub(crate) const SCENERY: u16 = u16::MAX;

/// Where a thing is in the picture, and how much of it is seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// Left, top, right, bottom, in pixels.
    pub(crate) edges: [f32; 4],
    /// How many samples it would have if nothing were in front of it.
    pub(crate) samples: usize,
}

/// From where shadows are cast.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source {
    /// From this direction.
    Far(V3),
    /// From this point.
    Near(V3),
}

impl Canvas {
    pub(crate) fn new(plate: &Plate) -> Self {
        let (pixels, samples) = (plate.pixels.len(), plate.depth.len());
        Self {
            depth: plate.depth.clone(),
            colour: vec![grey(0.0); samples],
            owner: vec![NOBODY; samples],
            shade: vec![0.0; pixels],
            contact: vec![0.0; pixels],
            picture: vec![grey(0.0); pixels],
        }
    }

    /// Begins a new frame.
    pub(crate) fn clear(&mut self, plate: &Plate) {
        self.depth.copy_from_slice(&plate.depth);
        self.owner.fill(NOBODY);
        self.shade.fill(0.0);
        self.contact.fill(0.0);
    }

    /// Draws a mesh and says where it is; `None` if that is outside the picture.
    pub(crate) fn draw(&mut self, mesh: &Mesh, paints: &[Paint], owner: u16, scene: &Scene<'_>) -> Option<Extent> {
        let (width, height) = (scene.plate.width * SAMPLES, scene.plate.height * SAMPLES);
        let tile = Tile::of(mesh, scene.fine, width, height)?;
        let (mut low, mut high, mut samples) = ((usize::MAX, usize::MAX), (0, 0), 0);
        for (x, y, hit) in tile.covered() {
            low = (low.0.min(x), low.1.min(y));
            high = (high.0.max(x + 1), high.1.max(y + 1));
            samples += 1;
            let index = y * width + x;
            if hit.depth < self.depth[index] + 0.01 && (hit.depth < self.depth[index] || self.owner[index] == NOBODY) {
                self.depth[index] = hit.depth;
                self.owner[index] = owner;
                self.colour[index] = scene.colour(mesh, paints, hit, x, y, index);
            }
        }
        let pixels = |n: usize| n as f32 / SAMPLES as f32;
        let edges = [low.0, low.1, high.0, high.1].map(pixels);
        (samples > 0).then_some(Extent { edges, samples })
    }

    /// How many samples show this owner inside its extent.
    pub(crate) fn visible(&self, owner: u16, extent: &Extent, plate: &Plate) -> usize {
        let [x0, y0, x1, y1] = extent.edges.map(|e| (e * SAMPLES as f32) as usize);
        let width = plate.width * SAMPLES;
        (y0..y1).map(|y| self.owner[y * width + x0..y * width + x1].iter().filter(|o| **o == owner).count()).sum()
    }

    /// Whether the sample at a point of the picture shows this owner; `None` outside.
    pub(crate) fn shows(&self, owner: u16, at: V3, plate: &Plate) -> Option<bool> {
        let inside = at.z > NEAR && at.x >= 0.0 && at.y >= 0.0;
        let (x, y) = ((at.x * SAMPLES as f32) as usize, (at.y * SAMPLES as f32) as usize);
        let (width, height) = (plate.width * SAMPLES, plate.height * SAMPLES);
        (inside && x < width && y < height).then(|| self.owner[y * width + x] == owner)
    }

    /// Lets the shadow of a mesh fall on the ground: of the sun or a lamp, and the darkness where it stands.
    pub(crate) fn cast_shadow(&mut self, mesh: &Mesh, source: Option<(Source, f32)>, scene: &Scene<'_>) {
        if let Some((source, strength)) = source {
            let soft = if matches!(source, Source::Far(_)) { 1 } else { 2 };
            shadow(&mut self.shade, mesh, source, strength, soft, scene);
        }
        let depth = mesh.vertices.first().map_or(10.0, |p| scene.camera.project(p.at).z.max(1.0));
        let soft = (scene.camera.pixels_per_metre(depth) * 0.08).clamp(1.0, 6.0) as usize;
        shadow(&mut self.contact, mesh, Source::Far(v(0.0, 0.0, 1.0)), 0.75, soft, scene);
    }

    /// Puts plate, shadows and things together.
    pub(crate) fn resolve(&mut self, plate: &Plate, light: &Light) {
        let (width, row) = (plate.width, plate.width * SAMPLES);
        let share = 1.0 / (SAMPLES * SAMPLES) as f32;
        for y in 0..plate.height {
            for x in 0..width {
                let (mut covered, mut sum) = (0, grey(0.0));
                for i in 0..SAMPLES * SAMPLES {
                    let index = (y * SAMPLES + i / SAMPLES) * row + x * SAMPLES + i % SAMPLES;
                    if self.owner[index] != NOBODY {
                        covered += 1;
                        sum = sum + self.colour[index];
                    }
                }
                let behind = SAMPLES * SAMPLES - covered;
                if behind > 0 {
                    sum = sum + self.background(plate, light, y * width + x) * behind as f32;
                }
                self.picture[y * width + x] = sum * share;
            }
        }
    }

    fn background(&self, plate: &Plate, light: &Light, index: usize) -> V3 {
        let pixel = &plate.pixels[index];
        let (shade, contact) = (self.shade[index] * pixel.ground, self.contact[index] * pixel.ground);
        let mut colour = pixel.steady * (1.0 - contact) + pixel.sun * (1.0 - shade);
        colour = colour + pixel.lamps * (light.lamps_on * (1.0 - 0.55 * shade) * (1.0 - contact));
        if !light.beams.is_empty() {
            colour = colour + pixel.albedo.tint(light.beams(pixel.at, pixel.normal)) * (1.0 - contact);
        }
        colour
    }
}

/// What drawing needs to know of the scene: the plate, the camera of its pixels and that of its samples, and the light.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) plate: &'a Plate,
    pub(crate) camera: &'a Camera,
    pub(crate) fine: &'a Camera,
    pub(crate) light: &'a Light,
    /// Whether the sun reaches what is drawn.
    pub(crate) sunlit: f32,
}

impl Scene<'_> {
    fn colour(&self, mesh: &Mesh, paints: &[Paint], hit: &Hit, x: usize, y: usize, index: usize) -> V3 {
        let triangle = &mesh.triangles[hit.triangle as usize];
        let corners = triangle.corners.map(|i| &mesh.vertices[i as usize]);
        let mix = |of: fn(&super::mesh::Vertex) -> V3| {
            of(corners[0]) * hit.weights[0] + of(corners[1]) * hit.weights[1] + of(corners[2]) * hit.weights[2]
        };
        let view = self.fine.ray(x as f32 + 0.5, y as f32 + 0.5).unit();
        let mut surface = paints[usize::from(triangle.paint)].at(mix(|p| p.local));
        if self.light.infrared {
            surface = Surface { albedo: infrared_of_things(surface.albedo), ..surface };
        }
        let colour = self.light.shade(&surface, mix(|p| p.at), mix(|p| p.normal).unit(), view, self.sunlit);
        if self.plate.fence[index] < hit.depth {
            let wire = WIRE.tint(self.light.ambient(v(0.0, -1.0, 0.0)) + self.light.sun * 0.4);
            return colour.mix(wire, WIRES);
        }
        colour
    }
}

/// Marks where the shadow of a mesh falls on the ground, its edge softened over so many pixels.
fn shadow(mask: &mut [f32], mesh: &Mesh, source: Source, strength: f32, soft: usize, scene: &Scene<'_>) {
    let fallen = |p: V3| match source {
        Source::Far(way) => p - way * (p.z / way.z),
        Source::Near(lamp) => p + (p - lamp) * (p.z / (lamp.z - p.z).max(0.2)),
    };
    let (width, height) = (scene.plate.width, scene.plate.height);
    let seen: Vec<V3> = mesh.vertices.iter().map(|p| scene.camera.project(fallen(p.at))).collect();
    let Some(area) = Area::around(seen.iter().filter(|p| p.z > NEAR).copied(), width, height) else { return };
    let area = area.grown(2 * soft + 1, width, height);
    let mut own = vec![0.0; area.width() * (area.y1 - area.y0)];
    for triangle in &mesh.triangles {
        let corners = triangle.corners.map(|i| seen[i as usize]);
        if corners.iter().all(|p| p.z > NEAR) {
            fill(corners, area, |x, y, _| own[(y - area.y0) * area.width() + x - area.x0] = strength);
        }
    }
    blur(&mut own, area.width(), soft);
    for (row, y) in own.chunks(area.width()).zip(area.y0..) {
        for (own, x) in row.iter().zip(area.x0..) {
            let mask = &mut mask[y * width + x];
            *mask = mask.max(*own);
        }
    }
}

/// A box blur of so many pixels to each side, once along rows and once along columns.
fn blur(values: &mut [f32], width: usize, by: usize) {
    let height = values.len() / width;
    let mut line = vec![0.0; width.max(height)];
    for y in 0..height {
        smear(values, y * width, 1, width, by, &mut line);
    }
    for x in 0..width {
        smear(values, x, width, height, by, &mut line);
    }
}

fn smear(values: &mut [f32], first: usize, step: usize, count: usize, by: usize, line: &mut [f32]) {
    for i in 0..count {
        line[i] = values[first + i * step];
    }
    let share = 1.0 / (2 * by + 1) as f32;
    let mut sum: f32 = line[..by.min(count)].iter().sum();
    for i in 0..count {
        sum += line[..count].get(i + by).copied().unwrap_or(0.0);
        values[first + i * step] = sum * share;
        sum -= if i >= by { line[i - by] } else { 0.0 };
    }
}
