//! The rules of a scene as Iris is told them: zones and lines in fractions of the picture, and as TOML in the form of its
//! configuration.

use std::fmt::Write as _;

use super::places::{Direction, GroundRule, Shape, ground};
use super::space::Camera;

/// A rule in the picture.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name in events.
    pub name: &'static str,
    /// The classes that count, by COCO's names.
    pub classes: &'static [&'static str],
    /// Zone or line.
    pub look: Look,
}

/// Where a rule looks; points are fractions of the picture from its top left.
#[derive(Debug, Clone)]
pub enum Look {
    /// Something should not be in here for longer than `min_stay` seconds.
    Zone {
        /// The corners in order.
        polygon: Vec<(f32, f32)>,
        /// In seconds.
        min_stay: f32,
    },
    /// Something should not cross this.
    Line {
        /// From the first point to the last.
        points: Vec<(f32, f32)>,
        /// Which crossings count.
        direction: Direction,
    },
}

/// How long something must be out of a zone before its stay has ended, in seconds.
pub(super) const LEAVE_AFTER: f32 = 1.0;

impl Rule {
    /// A rule on the ground as a camera of this size sees it.
    pub(super) fn seen(rule: &GroundRule, camera: &Camera, (width, height): (usize, usize)) -> Self {
        let fraction = |p: &(f32, f32)| {
            let p = camera.project(ground(*p));
            (p.x / width as f32, p.y / height as f32)
        };
        let look = match &rule.shape {
            Shape::Zone { corners, min_stay } => {
                Look::Zone { polygon: cut(&corners.iter().map(fraction).collect::<Vec<_>>()), min_stay: *min_stay }
            }
            Shape::Line { points, direction } => {
                let inside = |(x, y): (f32, f32)| (x.clamp(0.0, 1.0), y.clamp(0.0, 1.0));
                let points = points.iter().map(fraction).map(inside).collect();
                Look::Line { points, direction: *direction }
            }
        };
        Self { name: rule.name, classes: rule.classes, look }
    }

    /// Its table in a camera of Iris's configuration.
    fn toml(&self) -> String {
        let list = |points: &[(f32, f32)]| {
            points.iter().map(|(x, y)| format!("[{x:.4}, {y:.4}]")).collect::<Vec<_>>().join(", ")
        };
        let (name, classes) = (self.name, self.classes.iter().map(|c| format!("{c:?}")).collect::<Vec<_>>().join(", "));
        match &self.look {
            Look::Zone { polygon, min_stay } => format!(
                "[[cameras.zones]]\nname = \"{name}\"\npolygon = [{}]\nclasses = [{classes}]\nanchor = \"foot\"\n\
                 min_stay = \"{}ms\"\nleave_after = \"{}ms\"\n",
                list(polygon),
                (min_stay * 1000.0) as u32,
                (LEAVE_AFTER * 1000.0) as u32
            ),
            Look::Line { points, direction } => format!(
                "[[cameras.lines]]\nname = \"{name}\"\npoints = [{}]\ndirection = \"{}\"\nclasses = [{classes}]\n",
                list(points),
                direction.name()
            ),
        }
    }
}

impl Direction {
    /// As Iris's configuration and its events call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::LeftToRight => "left_to_right",
            Self::RightToLeft => "right_to_left",
        }
    }
}

/// All rules of a camera as tables of Iris's configuration.
pub fn toml(rules: &[Rule]) -> String {
    rules.iter().fold(String::new(), |mut text, rule| {
        // A string takes whatever is written to it.
        writeln!(text, "{}", rule.toml()).unwrap_or_default();
        text
    })
}

/// A polygon cut to the picture, edge by edge (Sutherland and Hodgman 1974).
fn cut(polygon: &[(f32, f32)]) -> Vec<(f32, f32)> {
    let inside: [fn((f32, f32)) -> f32; 4] = [|p| p.0, |p| 1.0 - p.0, |p| p.1, |p| 1.0 - p.1];
    let mut points = polygon.to_vec();
    for depth in inside {
        let mut kept = Vec::new();
        for (i, &b) in points.iter().enumerate() {
            let a = points[(i + points.len() - 1) % points.len()];
            let (da, db) = (depth(a), depth(b));
            if (da < 0.0) != (db < 0.0) {
                let t = da / (da - db);
                kept.push(((a.0 + (b.0 - a.0) * t).clamp(0.0, 1.0), (a.1 + (b.1 - a.1) * t).clamp(0.0, 1.0)));
            }
            if db >= 0.0 {
                kept.push(b);
            }
        }
        points = kept;
    }
    points.dedup();
    if points.first() == points.last() {
        points.pop();
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_polygon_is_cut_to_the_picture() {
        let square = [(0.5, 0.5), (1.5, 0.5), (1.5, 1.5), (0.5, 1.5)];
        let mut cut = cut(&square);
        cut.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
        assert_eq!(cut, [(0.5, 0.5), (0.5, 1.0), (1.0, 0.5), (1.0, 1.0)]);
    }
}
