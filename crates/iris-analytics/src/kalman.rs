//! Where a box will be: a Kalman filter with constant velocity, on four numbers that do not influence each other.
//!
//! Knows nothing of tracks, classes or scores.
//!
//! The state of such a filter has eight dimensions, but with measurement and process noise that are diagonal over
//! centre x, centre y, width and height, its covariance stays block diagonal: four filters of two dimensions each. So
//! they are written out as such. A step is then some forty multiplications instead of the two thousand of dense 8×8
//! products, a 2×2 covariance with one measured number needs no inversion, and no matrix library is needed.

use iris_core::{Image, Rect};

/// A box as centre and size, in pixels. In `f64`, so that the squares of anything an `f32` box can hold stay finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shape {
    /// Centre x, centre y, width, height.
    pub(crate) values: [f64; 4],
}

impl Shape {
    pub(crate) fn new(rect: Rect<Image>) -> Self {
        let [x0, y0, x1, y1] = [rect.x0, rect.y0, rect.x1, rect.y1].map(f64::from);
        Self { values: [f64::midpoint(x0, x1), f64::midpoint(y0, y1), x1 - x0, y1 - y0] }
    }

    /// The box with its corners, kept within a range whose widths and heights an `f32` can hold.
    pub(crate) fn rect(&self) -> Rect<Image> {
        let bound = |v: f64| v.clamp(f64::from(f32::MIN) / 2.0, f64::from(f32::MAX) / 2.0) as f32;
        let [x0, y0, x1, y1] = self.corners().map(bound);
        Rect::new(x0, y0, x1, y1)
    }

    /// The length of the side of a square of the same area: what noise is measured in. At least a pixel.
    pub(crate) fn scale(&self) -> f64 {
        (self.values[2].max(1.0) * self.values[3].max(1.0)).sqrt()
    }

    /// Intersection over union, 0 to 1; 0 for two boxes without area.
    pub(crate) fn iou(&self, other: &Self) -> f64 {
        let (a, b) = (self.corners(), other.corners());
        let width = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
        let height = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
        let shared = width * height;
        let union = self.values[2] * self.values[3] + other.values[2] * other.values[3] - shared;
        if union > 0.0 { shared / union } else { 0.0 }
    }

    /// The box `part` of the way to another, 0 to 1.
    pub(crate) fn towards(&self, other: &Self, part: f64) -> Self {
        Self { values: std::array::from_fn(|i| self.values[i] + part * (other.values[i] - self.values[i])) }
    }

    fn corners(&self) -> [f64; 4] {
        let [cx, cy, w, h] = self.values;
        [cx - w / 2.0, cy - h / 2.0, cx + w / 2.0, cy + h / 2.0]
    }
}

/// How centre (first) and size (second) move and how well they are measured, in units of a box's
/// [scale](Shape::scale) and in seconds.
///
/// Fitted to the MOTChallenge sequences of `docs/guide/tracking.md`, which says how, and what is left without the fit.
mod noise {
    /// Standard deviation of a measurement by a detector that is certain.
    pub(super) const MEASURED: [f64; 2] = [0.12, 0.1];
    /// How much that grows until a detector knows nothing: boxes of low score are loose.
    pub(super) const UNCERTAIN: f64 = 4.0;
    /// Standard deviation of speed before it is known, per second: a walker covers about one scale a second.
    pub(super) const SPEED: [f64; 2] = [1.5, 0.3];
    /// Variance that speed gains a second.
    pub(super) const ACCELERATION: [f64; 2] = [2.0, 0.03];
    /// Variance that position gains a second by what is not speed: gait, a shaking camera.
    pub(super) const JITTER: [f64; 2] = [0.02, 0.05];

    /// The variance of a measurement whose score is `score`, over the square of the scale.
    pub(super) fn measurement(part: usize, score: f32) -> f64 {
        (MEASURED[part] * (1.0 + UNCERTAIN * (1.0 - f64::from(score)))).powi(2)
    }
}

/// Follows one box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BoxFilter {
    axes: [Axis; 4],
}

/// A position, its speed and their covariance.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axis {
    position: f64,
    speed: f64,
    /// The variance of the position, its covariance with the speed, and the variance of the speed.
    pp: f64,
    ps: f64,
    ss: f64,
}

impl BoxFilter {
    /// A filter that has seen one box.
    pub(crate) fn new(seen: &Shape) -> Self {
        let unit = seen.scale().powi(2);
        let axis = |i: usize| Axis {
            position: seen.values[i],
            speed: 0.0,
            pp: noise::measurement(i / 2, 1.0) * unit,
            ps: 0.0,
            ss: noise::SPEED[i / 2].powi(2) * unit,
        };
        Self { axes: std::array::from_fn(axis) }
    }

    /// Moves on by `dt` seconds.
    pub(crate) fn predict(&mut self, dt: f64) {
        let unit = self.shape().scale().powi(2);
        for (i, axis) in self.axes.iter_mut().enumerate() {
            axis.predict(dt, noise::ACCELERATION[i / 2] * unit, noise::JITTER[i / 2] * unit);
        }
    }

    /// Takes in a box seen now with a score from 0 to 1. A lower score counts less: the measurement noise grows with
    /// it (after the NSA filter of Du et al., "GIAOTracker", ICCV workshops 2021, with a floor for certain boxes).
    pub(crate) fn update(&mut self, seen: &Shape, score: f32) {
        let unit = seen.scale().powi(2);
        for (i, axis) in self.axes.iter_mut().enumerate() {
            axis.update(seen.values[i], noise::measurement(i / 2, score) * unit);
        }
    }

    /// Where the centre of the box is going, in pixels a second.
    pub(crate) fn velocity(&self) -> [f64; 2] {
        [self.axes[0].speed, self.axes[1].speed]
    }

    /// Where the box is; a size that was predicted to shrink away stays a pixel.
    pub(crate) fn shape(&self) -> Shape {
        let [cx, cy, w, h] = self.axes.map(|a| a.position);
        Shape { values: [cx, cy, w.max(1.0), h.max(1.0)] }
    }
}

impl Axis {
    /// Constant velocity under white acceleration (Bar-Shalom, Li and Kirubarajan, "Estimation with Applications to
    /// Tracking and Navigation", 2001, §6.2.2), plus a random walk of the position. Noise grows with time as a
    /// variance does, so that one step of two seconds is two steps of one.
    fn predict(&mut self, dt: f64, acceleration: f64, jitter: f64) {
        self.position += self.speed * dt;
        self.pp += dt * (2.0 * self.ps + dt * self.ss) + acceleration * dt.powi(3) / 3.0 + jitter * dt;
        self.ps += dt * self.ss + acceleration * dt * dt / 2.0;
        self.ss += acceleration * dt;
    }

    fn update(&mut self, measured: f64, variance: f64) {
        let total = self.pp + variance;
        let (gain, speed_gain) = (self.pp / total, self.ps / total);
        let surprise = measured - self.position;
        self.position += gain * surprise;
        self.speed += speed_gain * surprise;
        self.ss -= speed_gain * self.ps;
        self.pp *= 1.0 - gain;
        self.ps *= 1.0 - gain;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shape(cx: f64, cy: f64, w: f64, h: f64) -> Shape {
        Shape { values: [cx, cy, w, h] }
    }

    #[test]
    fn it_learns_a_constant_velocity() {
        let mut filter = BoxFilter::new(&shape(100.0, 100.0, 40.0, 80.0));
        for i in 1..=50 {
            filter.predict(0.04);
            filter.update(&shape(100.0 + 2.0 * f64::from(i), 100.0, 40.0, 80.0), 1.0);
        }
        filter.predict(0.4);
        let [cx, cy, w, h] = filter.shape().values;
        assert!((cx - 220.0).abs() < 0.5, "{cx}");
        assert!((cy - 100.0).abs() < 1e-6 && (w - 40.0).abs() < 1e-6 && (h - 80.0).abs() < 1e-6);
    }

    #[test]
    fn a_box_of_low_score_moves_it_less() {
        let moved = |score| {
            let mut filter = BoxFilter::new(&shape(0.0, 0.0, 50.0, 50.0));
            filter.predict(0.04);
            filter.update(&shape(10.0, 0.0, 50.0, 50.0), score);
            filter.shape().values[0]
        };
        assert!(moved(0.1) < moved(0.5) && moved(0.5) < moved(1.0) && moved(1.0) < 10.0);
    }

    #[test]
    fn a_box_without_area_is_followed_all_the_same() {
        let mut filter = BoxFilter::new(&shape(5.0, 5.0, 0.0, 0.0));
        filter.predict(0.0);
        filter.update(&shape(5.0, 5.0, 0.0, 0.0), 1.0);
        assert_eq!(filter.shape().values, [5.0, 5.0, 1.0, 1.0]);
    }

    #[test]
    fn overlap_agrees_with_the_core_type() {
        let (a, b) = (Rect::new(0.0, 0.0, 4.0, 2.0), Rect::new(1.0, 1.0, 5.0, 3.0));
        assert!((Shape::new(a).iou(&Shape::new(b)) - f64::from(a.iou(&b))).abs() < 1e-6);
        assert_eq!(Shape::new(a).rect(), a);
        let most = f32::MAX;
        let all = Shape::new(Rect::new(-most, -most, most, most));
        assert_eq!(all.iou(&all), 1.0, "where f32 would have overflowed");
        assert!(all.rect().width().is_finite());
    }

    proptest! {
        /// The covariance stays one: variances positive, correlation within ±1.
        #[test]
        fn a_covariance_stays_positive(steps in prop::collection::vec((0.0f64..3.0, -1e6f64..1e6, 0.0f32..=1.0), 1..50)) {
            let mut filter = BoxFilter::new(&shape(0.0, 0.0, 30.0, 60.0));
            for (dt, x, score) in steps {
                filter.predict(dt);
                filter.update(&shape(x, -x, 30.0, 60.0), score);
                for a in filter.axes {
                    prop_assert!(a.pp > 0.0 && a.ss > 0.0 && a.ps * a.ps <= a.pp * a.ss * (1.0 + 1e-9), "{a:?}");
                }
            }
        }

        #[test]
        fn two_short_steps_are_one_long_step(dt in 0.001f64..2.0, part in 0.0f64..1.0) {
            let mut once = Axis { position: 1.0, speed: 2.0, pp: 3.0, ps: 0.5, ss: 4.0 };
            let mut twice = once;
            once.predict(dt, 0.7, 0.2);
            twice.predict(dt * part, 0.7, 0.2);
            twice.predict(dt * (1.0 - part), 0.7, 0.2);
            for (a, b) in [(once.position, twice.position), (once.pp, twice.pp), (once.ps, twice.ps), (once.ss, twice.ss)] {
                prop_assert!((a - b).abs() < 1e-9 * a.abs().max(1.0), "{a} {b}");
            }
        }
    }
}
