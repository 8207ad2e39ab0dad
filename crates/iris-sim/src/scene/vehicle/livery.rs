//! The paint of a vehicle: lacquer, glass, lights, plates, seams of doors, each where its form has it.

use super::{Form, Kind};
use crate::scene::paint::Surface;
use crate::scene::space::{V3, grey, v};

/// Which part of a vehicle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Body,
    Glass,
    Tyre,
    Rim,
    Cargo,
}

/// How a part of a vehicle is painted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Livery {
    pub(crate) part: Part,
    pub(crate) form: Form,
    pub(crate) lacquer: V3,
    /// Its lamps are lit.
    pub(crate) lit: bool,
}

const RUBBER: Surface = Surface::dull(grey(0.018));

impl Livery {
    /// The surface at a point in the vehicle's own space.
    pub(crate) fn at(&self, p: V3) -> Surface {
        match self.part {
            Part::Body => self.body(p),
            Part::Glass => self.glass(p),
            Part::Tyre => RUBBER,
            Part::Rim => rim(p),
            Part::Cargo => self.cargo(p),
        }
    }

    fn painted(&self) -> Surface {
        Surface { gloss: 1.0, ..Surface::dull(self.lacquer) }
    }

    fn body(&self, p: V3) -> Surface {
        if p.z < 0.27 || self.is_arch(p) {
            return RUBBER;
        }
        let f = &self.form;
        let (front, back) = (f.length / 2.0 - p.x, p.x + f.length / 2.0);
        let side = p.y.abs() / (f.width / 2.0);
        if front < 0.5
            && let Some(found) = self.nose(front, side, p)
        {
            return found;
        }
        if back < 0.35
            && let Some(found) = self.tail(back, side, p)
        {
            return found;
        }
        if side > 0.8 && self.is_seam(p) {
            return Surface::dull(self.lacquer * 0.25);
        }
        self.painted()
    }

    fn is_arch(&self, p: V3) -> bool {
        let near = |axle: f32| (p.x - axle).hypot(p.z - self.form.wheel) < self.form.wheel + 0.055;
        p.y.abs() > self.form.width * 0.38 && (near(self.form.axles.0) || near(self.form.axles.1))
    }

    fn is_seam(&self, p: V3) -> bool {
        let [foot, top, rear, _] = self.form.glass;
        let middle = foot.midpoint(rear) - 0.15;
        let doors =
            [foot - 0.1, middle, if self.form.kind == Kind::Van { middle - 1.3 } else { rear.min(middle - 0.9) }];
        let handle = |x: f32| (p.x - x - 0.14).abs() < 0.09 && (p.z - self.form.belt + 0.13).abs() < 0.022;
        let seam = p.z > 0.32 && doors.iter().any(|x| (p.x - x).abs() < 0.014);
        seam || handle(doors[1]) || handle(doors[2]) || ((p.z - 0.36).abs() < 0.02 && p.x < top + 0.9 && p.x > rear)
    }

    fn nose(&self, front: f32, side: f32, p: V3) -> Option<Surface> {
        let lamp = self.form.belt - 0.27;
        if side > 0.56 && (p.z - lamp).abs() < 0.085 && front < 0.45 {
            let glow = if self.lit { v(9.0, 8.6, 7.6) } else { grey(0.04) };
            return Some(Surface { glow, gloss: 1.0, ..Surface::dull(grey(0.5)) });
        }
        if front > 0.25 {
            return None;
        }
        if side < 0.28 && (p.z - 0.42).abs() < 0.055 {
            return Some(Surface::dull(grey(0.72)));
        }
        let grille = side < 0.52 && (p.z - lamp).abs() < 0.07;
        let intake = side < 0.75 && p.z < 0.40;
        (grille || intake).then_some(Surface { gloss: 0.3, ..Surface::dull(grey(0.015)) })
    }

    fn tail(&self, back: f32, side: f32, p: V3) -> Option<Surface> {
        if side > 0.62 && (p.z - self.form.belt + 0.14).abs() < 0.11 {
            let glow = if self.lit { v(1.6, 0.06, 0.04) } else { grey(0.0) };
            return Some(Surface { glow, gloss: 1.0, ..Surface::dull(v(0.30, 0.01, 0.01)) });
        }
        if back > 0.2 {
            return None;
        }
        if side < 0.28 && (p.z - 0.66).abs() < 0.06 {
            return Some(Surface::dull(grey(0.72)));
        }
        (p.z < 0.42).then_some(Surface { gloss: 0.2, ..Surface::dull(grey(0.03)) })
    }

    fn glass(&self, p: V3) -> Surface {
        let [foot, top, rear, _] = self.form.glass;
        let middle = foot.midpoint(rear) - 0.15;
        let on_side = p.y.abs() > self.form.width * 0.33 && p.x < top + 0.35 && p.x > rear - 0.2;
        let is_blind = self.form.kind == Kind::Van && p.x < middle + 0.9;
        let is_pillar = on_side && ((p.x - middle).abs() < 0.05 || (p.x - rear - 0.1).abs() < 0.07);
        let is_edge = p.z > self.form.height - 0.075 || p.z < self.form.belt + 0.03;
        if is_blind || is_pillar || is_edge {
            return self.painted();
        }
        Surface { gloss: 1.6, ..Surface::dull(grey(0.022)) }
    }

    /// The box of a truck: white panels with a stripe of colour.
    fn cargo(&self, p: V3) -> Surface {
        let rib = (p.x * 1.6).rem_euclid(1.0) < 0.04;
        let albedo = if (p.z - 1.35).abs() < 0.22 && p.y.abs() > 0.9 { self.lacquer } else { grey(0.62) };
        Surface { gloss: 0.25, ..Surface::dull(albedo * if rib { 0.7 } else { 1.0 }) }
    }
}

/// Five spokes; `x` is the turn about the axle.
fn rim(p: V3) -> Surface {
    let gap = (0.3..0.8).contains(&(p.x * 5.0).fract());
    Surface { gloss: 0.4, ..Surface::dull(grey(if gap { 0.05 } else { 0.28 })) }
}
