//! A scene, frame by frame: who is where, what it looks like, and what is true of it. The order of all that happens to a
//! frame stands here; how it is done, in the modules it calls.

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::canvas::{Canvas, Extent, SCENERY, Scene, Source};
use super::cast::{Actor, Thing};
use super::light::{Light, Spot};
use super::mesh::Mesh;
use super::paint::Paint;
use super::place::{Place, Tree};
use super::places::Casting;
use super::plate::{Plate, SAMPLES};
use super::sensor::{Sensor, Yuv, halve};
use super::setting::{Hour, Setting};
use super::space::{Camera, V3, grey, v};
use super::tree;
use super::truth::{Keypoint, Seen};
use super::weather::{Sky, shifted};
use super::{Cast, Recipe};

/// The fewest samples that something must show to be in the truth.
const LEAST: usize = 12;
/// How far beside the picture somebody's foot is when nothing of them, nor their shadow, is in it; in widths of the picture.
const BESIDE: f32 = 0.25;

/// A scene being rendered.
pub(crate) struct Film {
    place: Place,
    light: Light,
    setting: Setting,
    seed: u32,
    pub(crate) camera: Camera,
    fine: Camera,
    plate: Plate,
    canvas: Canvas,
    actors: Vec<Actor>,
    trees: Vec<(Tree, Mesh)>,
    leaves: Vec<Paint>,
    sensors: Vec<Sensor>,
    /// Whether things cast shadows.
    shadows: bool,
}

/// One frame: the picture, if asked for also at half the size, and its truth.
pub(crate) struct Shot {
    pub(crate) pictures: Vec<Yuv>,
    pub(crate) seen: Vec<Seen>,
}

impl Film {
    /// Builds the scene, with pictures of its size and, if asked for, of half of it.
    pub(crate) fn new(recipe: &Recipe) -> Self {
        let Recipe { scene, setting, seed, size: (width, height), .. } = recipe;
        let (seed, width, height) = (*seed, *width, *height);
        let place = Place { weather: setting.weather, ..(scene.place)() };
        let mut light = setting.light(place.indoor);
        light.lamps.clone_from(&place.lamps);
        if light.infrared {
            light.lamps = vec![illuminator(&place)];
            light.lamps_on = 1.0;
        } else if setting.hour == Hour::Day && !place.indoor {
            light.lamps_on = 0.0;
        }
        let camera = Camera::new(place.mount, width, height);
        let fine = Camera::new(place.mount, width * SAMPLES, height * SAMPLES);
        let plate = Plate::draw(&place, &light, &camera, width, height);
        let grow = |(i, t): (usize, &Tree)| (*t, tree::mesh(t, i as u32 + 1));
        let mut sensors = vec![Sensor::new(width, height)];
        sensors.extend(recipe.small.then(|| Sensor::new(width / 2, height / 2)));
        Self {
            actors: cast(recipe, &camera),
            canvas: Canvas::new(&plate),
            trees: place.trees.iter().enumerate().map(grow).collect(),
            leaves: tree::paints(),
            seed: seed as u32 ^ (seed >> 32) as u32,
            setting: setting.clone(),
            place,
            light,
            camera,
            fine,
            plate,
            sensors,
            shadows: true,
        }
    }

    /// The frame of this number, at this time in seconds.
    pub(crate) fn shoot(&mut self, frame: u32, time: f32) -> Shot {
        let things = self.things(time);
        let (mut picture, mut seen, light) = self.compose(&things, time);
        let setting = self.setting.clone();
        let sky = Sky { setting: &setting, indoor: self.place.indoor, seed: self.seed };
        let width = self.plate.width;
        sky.cover(&mut picture, width, &light, time, frame);
        let (dx, dy) = sky.shake(time);
        let shift = (dx * width as f32, dy * width as f32);
        if shift != (0.0, 0.0) {
            picture = shifted(&picture, width, shift);
            for seen in &mut seen {
                seen.shift(shift, (width, self.plate.height));
            }
        }
        let half = (self.sensors.len() > 1).then(|| halve(&picture, width));
        let pictures = [Some(picture), half].into_iter().flatten().zip(&self.sensors);
        let pictures = pictures.map(|(mut p, sensor)| sensor.develop(&mut p, &light, frame, self.seed)).collect();
        Shot { pictures, seen }
    }

    /// What is there at a time.
    pub(crate) fn things(&self, time: f32) -> Vec<Thing> {
        let lit = matches!(self.setting.hour, Hour::Dusk | Hour::Night | Hour::Infrared);
        self.actors.iter().enumerate().flat_map(|(i, actor)| actor.things(i, time, lit)).collect()
    }

    /// The linear picture of these things in front of the place, and what is seen of each.
    pub(crate) fn compose(&mut self, things: &[Thing], time: f32) -> (Vec<V3>, Vec<Seen>, Light) {
        let sky = Sky { setting: &self.setting, indoor: self.place.indoor, seed: self.seed };
        let mut light = self.light.clone();
        if matches!(self.setting.hour, Hour::Dusk | Hour::Night) {
            light.beams.extend(things.iter().flat_map(headlights));
        }
        sky.change(&mut light, time);
        let wind = sky.wind();
        self.canvas.clear(&self.plate);
        let mut scene =
            Scene { plate: &self.plate, camera: &self.camera, fine: &self.fine, light: &light, sunlit: 1.0 };
        for (tree, rest) in &self.trees {
            let mesh = tree::swayed(tree, rest, time, wind);
            self.canvas.draw(&mesh, &self.leaves, SCENERY, &scene);
            self.canvas.cast_shadow(&mesh, source(&light, tree.at), &scene);
        }
        let mut extents = Vec::with_capacity(things.len());
        for thing in things {
            let clear = self.place.is_clear(thing.at + v(0.0, 0.0, 1.0), light.sun_at, 100.0);
            scene.sunlit = f32::from(clear);
            extents.push(self.canvas.draw(&thing.mesh, &thing.paints, thing.id, &scene));
            if self.shadows && extents.last().is_some_and(Option::is_some) {
                self.canvas.cast_shadow(
                    &thing.mesh,
                    source(&light, thing.at).filter(|_| clear || light.sun.luma() <= 0.0),
                    &scene,
                );
            }
        }
        self.canvas.resolve(&self.plate, &light);
        let seen = things.iter().zip(extents).filter_map(|(t, e)| self.seen(t, &e?)).collect();
        (self.canvas.picture.clone(), seen, light)
    }

    fn seen(&self, thing: &Thing, extent: &Extent) -> Option<Seen> {
        let visible = self.canvas.visible(thing.id, extent, &self.plate);
        if extent.samples < LEAST || visible == 0 {
            return None;
        }
        let keypoints = thing.person.map(|p| {
            p.skeleton.keypoints(p.height).map(|joint| {
                let at = self.camera.project(joint);
                let shown = self.canvas.shows(thing.id, at, &self.plate);
                Keypoint { x: at.x, y: at.y, shown }
            })
        });
        Some(Seen {
            id: thing.id,
            class: thing.class,
            kind: thing.kind,
            edges: extent.edges,
            visibility: visible as f32 / extent.samples as f32,
            keypoints,
            act: thing.person.map(|p| p.act.name()),
            gear: thing.person.map(|p| (p.helmet, p.vest)),
        })
    }
}

/// Who comes, as the recipe asks for.
fn cast(recipe: &Recipe, camera: &Camera) -> Vec<Actor> {
    let (mut rng, seconds) = (StdRng::seed_from_u64(recipe.seed), recipe.seconds as f32);
    let mut casting = Casting { rng: &mut rng, seconds, actors: Vec::new() };
    (recipe.scene.cast)(&mut casting);
    let mut actors = casting.actors;
    let width = recipe.size.0 as f32;
    let is_seen = |actor: &Actor, time| {
        actor.journey.at(time).is_some_and(|now| {
            let V3 { x, z: depth, .. } = camera.project(now.at);
            depth > 0.0 && (-BESIDE..1.0 + BESIDE).contains(&(x / width))
        })
    };
    actors.retain(|actor| match recipe.cast {
        Cast::All => true,
        Cast::Nobody => false,
        Cast::Passing => !is_seen(actor, 0.0) && !is_seen(actor, seconds),
    });
    actors
}

/// The camera's own infrared lamp.
fn illuminator(place: &Place) -> Spot {
    let (pan, tilt) = (place.mount.pan.to_radians(), place.mount.tilt.to_radians() + 0.02);
    let towards = v(pan.sin() * tilt.cos(), pan.cos() * tilt.cos(), -tilt.sin());
    Spot {
        at: place.mount.at + v(0.0, 0.0, 0.1),
        towards,
        cone: (0.98, 0.70),
        colour: grey(if place.indoor { 14.0 } else { 70.0 }),
    }
}

/// What casts the shadow of something that stands at a point, and how dark: the sun, else the nearest lamp above it.
fn source(light: &Light, at: V3) -> Option<(Source, f32)> {
    if light.sun.luma() > 0.0 {
        return Some((Source::Far(light.sun_at), 1.0));
    }
    if light.infrared || light.lamps_on < 0.1 {
        return None;
    }
    let far = |l: &&Spot| (l.at - at).length();
    let nearest = light.lamps.iter().min_by(|a, b| far(a).total_cmp(&far(b)))?;
    (nearest.at.z > 2.4).then_some((Source::Near(nearest.at), 0.8))
}

/// The headlights of a vehicle.
fn headlights(thing: &Thing) -> Vec<Spot> {
    if !thing.lit {
        return Vec::new();
    }
    let ahead = v(thing.heading.cos(), thing.heading.sin(), 0.0);
    let side = v(-ahead.y, ahead.x, 0.0);
    let towards = (ahead - v(0.0, 0.0, 0.06)).unit();
    let lamp = |s: f32| Spot {
        at: thing.at + ahead * 2.3 + side * (0.65 * s) + v(0.0, 0.0, 0.7),
        towards,
        cone: (0.97, 0.86),
        colour: v(26.0, 25.0, 22.0),
    };
    vec![lamp(1.0), lamp(-1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film(scene: &str, setting: &str) -> Film {
        let setting = setting.parse().expect("known words");
        let recipe = Recipe::new(super::super::Scene::find(scene).expect("a scene"));
        let film = Film::new(&Recipe { setting, seed: 7, seconds: 20, size: (320, 180), ..recipe });
        Film { shadows: false, ..film }
    }

    /// The box about all pixels that differ.
    fn changed(a: &[V3], b: &[V3], width: usize) -> Option<[f32; 4]> {
        let differs = a.iter().zip(b).enumerate().filter(|(_, (a, b))| (**a - **b).length() > 1e-5).map(|(i, _)| i);
        let at = |i: usize| ((i % width) as f32, (i / width) as f32);
        differs.map(at).fold(None, |edges: Option<[f32; 4]>, (x, y)| {
            let [x0, y0, x1, y1] = edges.unwrap_or([x, y, x, y]);
            Some([x0.min(x), y0.min(y), x1.max(x + 1.0), y1.max(y + 1.0)])
        })
    }

    #[test]
    fn boxes_hold_exactly_the_pixels_that_a_thing_changes() {
        let mut tried = 0;
        for (scene, setting) in [("street", "overcast"), ("yard", "infrared"), ("corridor", "day"), ("workshop", "day")]
        {
            let mut film = film(scene, setting);
            for time in [3.0, 9.0, 15.0] {
                let empty = film.compose(&[], time).0;
                for thing in film.things(time) {
                    let (picture, seen, _) = film.compose(std::slice::from_ref(&thing), time);
                    let Some(seen) = seen.first().filter(|s| s.visibility == 1.0) else { continue };
                    let pixels = changed(&empty, &picture, 320).expect("a change");
                    for (edge, pixel) in seen.edges.iter().zip(pixels) {
                        assert!((edge - pixel).abs() <= 1.0, "{scene} {time} {}: {seen:?} {pixels:?}", thing.id);
                    }
                    tried += 1;
                }
            }
        }
        assert!(tried > 20, "{tried}");
    }

    #[test]
    fn what_stands_in_front_hides() {
        let mut film = film("street", "day");
        let mut hidden = 0;
        for time in 0..20 {
            let things = film.things(time as f32);
            let alone: usize = things.iter().filter_map(|t| film.compose(std::slice::from_ref(t), 0.0).1.pop()).count();
            let seen = film.compose(&things, time as f32).1;
            assert!(seen.len() <= alone);
            hidden += seen.iter().filter(|s| s.visibility < 0.9).count();
        }
        assert!(hidden > 0);
    }
}
