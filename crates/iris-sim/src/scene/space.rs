//! Vectors and the pinhole camera. The world is in metres: x to the right, y away from the camera, z up, and the
//! ground at z = 0. What stands in it is elsewhere.

use std::ops::{Add, Mul, Neg, Sub};

/// A point, a direction or a linear colour.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct V3 {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) z: f32,
}

/// Shorthand for the constructor.
pub(crate) const fn v(x: f32, y: f32, z: f32) -> V3 {
    V3 { x, y, z }
}

/// The same value in all three components.
pub(crate) const fn grey(l: f32) -> V3 {
    v(l, l, l)
}

impl V3 {
    pub(crate) fn dot(self, o: Self) -> f32 {
        self.x * o.x + self.y * o.y + self.z * o.z
    }

    pub(crate) fn cross(self, o: Self) -> Self {
        v(self.y * o.z - self.z * o.y, self.z * o.x - self.x * o.z, self.x * o.y - self.y * o.x)
    }

    pub(crate) fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    /// The same direction with length 1; nearly zero vectors stay so.
    pub(crate) fn unit(self) -> Self {
        self * (1.0 / self.length().max(1e-9))
    }

    /// Component by component: a colour seen in the light of another.
    pub(crate) fn tint(self, o: Self) -> Self {
        v(self.x * o.x, self.y * o.y, self.z * o.z)
    }

    pub(crate) fn mix(self, o: Self, t: f32) -> Self {
        self + (o - self) * t
    }

    /// The brightness of a linear colour (ITU-R BT.709).
    pub(crate) fn luma(self) -> f32 {
        self.dot(v(0.2126, 0.7152, 0.0722))
    }

    /// Turned about the vertical axis, counter-clockwise seen from above.
    pub(crate) fn turn(self, angle: f32) -> Self {
        let (s, c) = angle.sin_cos();
        v(self.x * c - self.y * s, self.x * s + self.y * c, self.z)
    }
}

impl Add for V3 {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        v(self.x + o.x, self.y + o.y, self.z + o.z)
    }
}

impl Sub for V3 {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        v(self.x - o.x, self.y - o.y, self.z - o.z)
    }
}

impl Mul<f32> for V3 {
    type Output = Self;
    fn mul(self, s: f32) -> Self {
        v(self.x * s, self.y * s, self.z * s)
    }
}

impl Neg for V3 {
    type Output = Self;
    fn neg(self) -> Self {
        self * -1.0
    }
}

/// 0 below `a`, 1 above `b`, smooth between.
pub(crate) fn smooth(a: f32, b: f32, x: f32) -> f32 {
    let t = ((x - a) / (b - a)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Two unit vectors at right angles to a direction and to each other.
pub(crate) fn across(direction: V3) -> (V3, V3) {
    let d = direction.unit();
    let helper = if d.z.abs() < 0.9 { v(0.0, 0.0, 1.0) } else { v(1.0, 0.0, 0.0) };
    let a = helper.cross(d).unit();
    (a, d.cross(a))
}

/// Where the camera hangs and how it looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mount {
    pub(crate) at: V3,
    /// Degrees to the right of straight ahead.
    pub(crate) pan: f32,
    /// Degrees below the horizon.
    pub(crate) tilt: f32,
    /// Degrees of view from the left to the right edge.
    pub(crate) view: f32,
}

/// Nothing nearer than this is drawn, in metres.
pub(crate) const NEAR: f32 = 0.4;

/// A pinhole camera with a picture of a given size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Camera {
    pub(crate) at: V3,
    right: V3,
    up: V3,
    forward: V3,
    /// The focal length in pixels.
    focal: f32,
    centre: (f32, f32),
}

impl Camera {
    pub(crate) fn new(mount: Mount, width: usize, height: usize) -> Self {
        let (pan, tilt) = (mount.pan.to_radians(), mount.tilt.to_radians());
        let forward = v(pan.sin() * tilt.cos(), pan.cos() * tilt.cos(), -tilt.sin());
        let right = v(pan.cos(), -pan.sin(), 0.0);
        let (w, h) = (width as f32, height as f32);
        let focal = w / 2.0 / (mount.view.to_radians() / 2.0).tan();
        Self { at: mount.at, right, up: right.cross(forward), forward, focal, centre: (w / 2.0, h / 2.0) }
    }

    /// Where a point is in the picture, in pixels, and its distance along the view.
    pub(crate) fn project(&self, p: V3) -> V3 {
        let d = p - self.at;
        let depth = d.dot(self.forward);
        let scale = self.focal / depth.max(1e-3);
        v(self.centre.0 + scale * d.dot(self.right), self.centre.1 - scale * d.dot(self.up), depth)
    }

    /// The direction in which a pixel looks, so long that it advances 1 along the view.
    pub(crate) fn ray(&self, x: f32, y: f32) -> V3 {
        self.forward + self.right * ((x - self.centre.0) / self.focal) + self.up * ((self.centre.1 - y) / self.focal)
    }

    /// How many pixels a metre takes at this distance along the view.
    pub(crate) fn pixels_per_metre(&self, depth: f32) -> f32 {
        self.focal / depth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_looks_at_what_is_projected_to_it() {
        let mount = Mount { at: v(1.0, -2.0, 5.0), pan: 20.0, tilt: 25.0, view: 70.0 };
        let camera = Camera::new(mount, 640, 360);
        for p in [v(0.0, 8.0, 0.0), v(4.0, 12.0, 1.7), v(3.0, 30.0, 4.0)] {
            let seen = camera.project(p);
            let back = camera.at + camera.ray(seen.x, seen.y) * seen.z;
            assert!((back - p).length() < 1e-3, "{p:?} came back as {back:?}");
        }
    }

    #[test]
    fn up_is_up_and_right_is_right() {
        let mount = Mount { at: v(0.0, 0.0, 5.0), pan: 0.0, tilt: 30.0, view: 70.0 };
        let camera = Camera::new(mount, 640, 360);
        let (foot, head, beside) = (v(0.0, 10.0, 0.0), v(0.0, 10.0, 1.8), v(1.0, 10.0, 0.0));
        assert!(camera.project(head).y < camera.project(foot).y);
        assert!(camera.project(beside).x > camera.project(foot).x);
    }
}
