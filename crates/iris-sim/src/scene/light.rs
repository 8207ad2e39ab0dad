//! The light of an hour and a weather, and how a surface looks in it. What casts shadows on what is decided elsewhere.

use super::paint::Surface;
use super::space::{V3, grey, smooth, v};

/// A lamp that shines into a cone; a cone of more than a half turn is a bulb.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot {
    pub(crate) at: V3,
    pub(crate) towards: V3,
    /// The cosines of the angles at which the cone is half bright at its rim and dark.
    pub(crate) cone: (f32, f32),
    /// The radiance it causes on a white surface a metre away.
    pub(crate) colour: V3,
}

impl Spot {
    /// What falls on a white surface with this normal at this point.
    pub(crate) fn on(&self, at: V3, normal: V3) -> V3 {
        let way = self.at - at;
        let distance = way.length().max(0.3);
        let way = way * (1.0 / distance);
        let (inner, outer) = self.cone;
        let beam = smooth(outer, inner, -way.dot(self.towards));
        self.colour * (beam * normal.dot(way).max(0.0) / (distance * distance))
    }
}

/// All the light there is in a scene.
#[derive(Debug, Clone)]
pub(crate) struct Light {
    /// Towards the sun, and its radiance on a white surface; black when it does not shine.
    pub(crate) sun_at: V3,
    pub(crate) sun: V3,
    /// From above, from the horizon, and thrown back by the ground.
    pub(crate) sky: V3,
    pub(crate) horizon: V3,
    pub(crate) bounce: V3,
    /// Lamps that stay where they are, and how bright they are now, 0 to 1.
    pub(crate) lamps: Vec<Spot>,
    pub(crate) lamps_on: f32,
    /// Lamps that move, such as those of cars.
    pub(crate) beams: Vec<Spot>,
    /// The camera sees infrared and lights the scene itself.
    pub(crate) infrared: bool,
    /// What the brightness is multiplied with, and how much the sensor's noise is above that of a bright day.
    pub(crate) exposure: f32,
    pub(crate) noise: f32,
}

impl Light {
    /// What the sky looks like in a direction; what is below the horizon is the ground.
    pub(crate) fn environment(&self, direction: V3) -> V3 {
        let up = direction.unit().z;
        if up < 0.0 {
            return self.bounce.mix(self.horizon, smooth(-0.12, 0.0, up) * 0.6);
        }
        self.horizon.mix(self.sky, up.sqrt())
    }

    /// What falls on a surface with this normal from sky and ground.
    pub(crate) fn ambient(&self, normal: V3) -> V3 {
        let up = normal.z * 0.5 + 0.5;
        self.bounce * (1.0 - up) + self.sky.mix(self.horizon, 0.35) * up
    }

    /// What falls on it from lamps that stay.
    fn lamps(&self, at: V3, normal: V3) -> V3 {
        if self.lamps_on <= 0.0 {
            return grey(0.0);
        }
        self.lamps.iter().fold(grey(0.0), |sum, lamp| sum + lamp.on(at, normal)) * self.lamps_on
    }

    /// What falls on it from lamps that move.
    pub(crate) fn beams(&self, at: V3, normal: V3) -> V3 {
        self.beams.iter().fold(grey(0.0), |sum, lamp| sum + lamp.on(at, normal))
    }

    /// The colour of a surface as seen along `view`, in the sun or in shadow.
    pub(crate) fn shade(&self, surface: &Surface, at: V3, normal: V3, view: V3, sunlit: f32) -> V3 {
        let n = if normal.dot(view) > 0.0 { -normal } else { normal };
        let sun = self.sun * (n.dot(self.sun_at).max(0.0) * sunlit);
        let lamps = (self.lamps(at, n) + self.beams(at, n)) * (1.0 + surface.retro);
        let diffuse = surface.albedo.tint(sun + self.ambient(n) + lamps);
        let colour = diffuse + surface.glow;
        if surface.gloss <= 0.0 {
            return colour;
        }
        colour + self.gleam(n, view, sunlit) * surface.gloss
    }

    /// What a lacquered surface mirrors: the sky, more at grazing angles (Schlick 1994), and the sun.
    fn gleam(&self, n: V3, view: V3, sunlit: f32) -> V3 {
        let facing = (-n.dot(view)).clamp(0.0, 1.0);
        let mirrored = view - n * (2.0 * n.dot(view));
        let fresnel = 0.05 + 0.95 * (1.0 - facing).powi(5);
        let glint = mirrored.dot(self.sun_at).max(0.0).powi(200) * 12.0 * sunlit;
        self.environment(mirrored) * fresnel + self.sun * (glint * fresnel)
    }
}

/// The colours that a place has in near infrared: leaves are bright, and all is grey.
pub(crate) fn infrared(albedo: V3) -> V3 {
    let green = (albedo.y - albedo.x.max(albedo.z)).max(0.0);
    grey((albedo.luma() * 0.8 + green * 1.6).clamp(0.02, 0.9))
}

/// The colours that things have there: cloth, skin, fur and lacquer are bright, even where they are dark to the eye.
pub(crate) fn infrared_of_things(albedo: V3) -> V3 {
    grey((albedo.luma().powf(0.35) * 0.75).clamp(0.05, 0.9))
}

/// Towards the sun at a height and a direction in degrees, the latter to the right of where the camera looks.
pub(crate) fn sun_at(height: f32, direction: f32) -> V3 {
    let (h, d) = (height.to_radians(), direction.to_radians());
    v(h.cos() * d.sin(), h.cos() * d.cos(), h.sin())
}
