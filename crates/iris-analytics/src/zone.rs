//! Places in the picture: polygons and polylines in fractions of it, checked when made.
//!
//! Only geometry. What it means to be in a zone, or to have crossed a line, is said in [`crate::rules`].

use geo::line_intersection::{LineIntersection, line_intersection};
use geo::{Coord, Intersects, Kernel, Orientation, Polygon, algorithm::kernels::RobustKernel};
use iris_core::{Direction, Point, Rect, Size, Unit};

/// The most points of a zone or line. People draw a few; a file with more is broken or hostile.
pub const MAX_POINTS: usize = 256;

/// Why points do not make a zone or a line. Points are counted from 0, as they stand in the configuration.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidShape {
    /// Too few to enclose an area, or to have a direction.
    #[error("{found} points are too few: a {shape} has at least {least}")]
    TooFew {
        /// "zone" or "line".
        shape: &'static str,
        /// How many there are.
        found: usize,
        /// How many there must be.
        least: usize,
    },
    /// More than [`MAX_POINTS`].
    #[error("{found} points are too many: at most {MAX_POINTS}")]
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// A point is not inside the picture.
    #[error("point {index} is ({}, {}): both must be between 0 and 1, as fractions of the picture", point.x, point.y)]
    Outside {
        /// Which one.
        index: usize,
        /// Where it is.
        point: Point<Unit>,
    },
    /// Two neighbours are the same.
    #[error("points {first} and {second} are the same")]
    Repeated {
        /// One.
        first: usize,
        /// The other.
        second: usize,
    },
    /// Two edges cross, touch or overlap.
    #[error("the edge after point {first} meets the edge after point {second}: a shape must not cross itself")]
    Crossing {
        /// The point where one edge begins.
        first: usize,
        /// The point where the other begins.
        second: usize,
    },
}

/// A polygon in the picture, without holes, that does not touch itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    points: Vec<Point<Unit>>,
    polygon: Polygon<f64>,
}

impl Zone {
    /// Checks and takes the corners, in either direction of turning; the first is not repeated at the end.
    pub fn new(points: Vec<Point<Unit>>) -> Result<Self, InvalidShape> {
        check("zone", &points, 3)?;
        check_simple(&points, true)?;
        let polygon = Polygon::new(points.iter().copied().map(coord).collect(), Vec::new());
        Ok(Self { points, polygon })
    }

    /// The corners.
    pub fn points(&self) -> &[Point<Unit>] {
        &self.points
    }

    /// Whether a point lies in the zone or on its border.
    pub fn contains(&self, p: Point<Unit>) -> bool {
        self.polygon.intersects(&coord(p))
    }

    /// The share of a box that lies in the zone, 0 to 1; 0 for a box without area.
    ///
    /// The zone is clipped against the box after Sutherland and Hodgman (Reentrant Polygon Clipping, CACM 17, 1974).
    /// What a concave zone leaves of the clip's edges runs along them there and back, and so adds no area.
    pub fn share_of(&self, rect: Rect<Unit>, scratch: &mut Scratch) -> f32 {
        let Scratch { from, to } = scratch;
        from.clear();
        from.extend_from_slice(&self.points);
        clip(from, to, |p| p.x - rect.x0);
        clip(to, from, |p| rect.x1 - p.x);
        clip(from, to, |p| p.y - rect.y0);
        clip(to, from, |p| rect.y1 - p.y);
        if rect.area() > 0.0 { (area(from) / rect.area()).min(1.0) } else { 0.0 }
    }
}

/// Memory that [`Zone::share_of`] uses again from call to call.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    from: Vec<Point<Unit>>,
    to: Vec<Point<Unit>>,
}

/// A line of one or more segments, with a direction: from its first point to its last.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    points: Vec<Point<Unit>>,
}

impl Line {
    /// Checks and takes the points.
    pub fn new(points: Vec<Point<Unit>>) -> Result<Self, InvalidShape> {
        check("line", &points, 2)?;
        check_simple(&points, false)?;
        Ok(Self { points })
    }

    /// The points.
    pub fn points(&self) -> &[Point<Unit>] {
        &self.points
    }

    fn segments(&self) -> impl Iterator<Item = (Point<Unit>, Point<Unit>)> + '_ {
        self.points.windows(2).map(|w| (w[0], w[1]))
    }

    /// How often a straight step crosses the line: from left to right counts +1, back counts -1.
    ///
    /// Sides are half-open, so a step that ends on the line and one that goes on from there count once between them,
    /// and a step through a corner counts once.
    pub fn crossings(&self, from: Point<Unit>, to: Point<Unit>) -> i32 {
        self.segments().map(|(a, b)| crossing(a, b, from, to)).sum()
    }

    /// The distance in pixels from a point to the line, in a picture of `size`.
    pub fn distance(&self, p: Point<Unit>, size: Size) -> f32 {
        let px = |p: Point<Unit>| size.to_image(p);
        let to_segment = |(a, b)| {
            let (a, b, p) = (px(a), px(b), px(p));
            let (dx, dy) = (b.x - a.x, b.y - a.y);
            let along = ((p.x - a.x) * dx + (p.y - a.y) * dy) / (dx * dx + dy * dy).max(f32::MIN_POSITIVE);
            let along = along.clamp(0.0, 1.0);
            (p.x - a.x - along * dx).hypot(p.y - a.y - along * dy)
        };
        self.segments().map(to_segment).fold(f32::INFINITY, f32::min)
    }
}

/// The direction of a number of crossings, as [`Line::crossings`] counts them.
pub(crate) fn direction(net: i32) -> Option<Direction> {
    match net.signum() {
        1 => Some(Direction::LeftToRight),
        -1 => Some(Direction::RightToLeft),
        _ => None,
    }
}

fn crossing(a: Point<Unit>, b: Point<Unit>, from: Point<Unit>, to: Point<Unit>) -> i32 {
    // The picture's y runs down, so what people see on the left is clockwise to the kernel, whose y runs up.
    let left = |p, q, r| RobustKernel::orient2d(coord(p), coord(q), coord(r)) == Orientation::Clockwise;
    let (left_before, left_after) = (left(a, b, from), left(a, b, to));
    if left_before == left_after || left(from, to, a) == left(from, to, b) {
        return 0;
    }
    if left_before { 1 } else { -1 }
}

fn coord(p: Point<Unit>) -> Coord<f64> {
    Coord { x: f64::from(p.x), y: f64::from(p.y) }
}

fn check(shape: &'static str, points: &[Point<Unit>], least: usize) -> Result<(), InvalidShape> {
    let found = points.len();
    if found < least {
        return Err(InvalidShape::TooFew { shape, found, least });
    }
    if found > MAX_POINTS {
        return Err(InvalidShape::TooMany { found });
    }
    let inside = |v: f32| (0.0..=1.0).contains(&v);
    match points.iter().position(|p| !inside(p.x) || !inside(p.y)) {
        Some(index) => Err(InvalidShape::Outside { index, point: points[index] }),
        None => Ok(()),
    }
}

/// Every pair of edges is compared: at most 32 000, once, when the configuration is read.
fn check_simple(points: &[Point<Unit>], closed: bool) -> Result<(), InvalidShape> {
    let n = points.len();
    let edges = if closed { n } else { n - 1 };
    let edge = |i: usize| geo::Line::new(coord(points[i]), coord(points[(i + 1) % n]));
    if let Some(first) = (0..edges).find(|&i| points[i] == points[(i + 1) % n]) {
        return Err(InvalidShape::Repeated { first, second: (first + 1) % n });
    }
    for first in 0..edges {
        for second in first + 1..edges {
            let neighbours = second == first + 1 || (closed && first == 0 && second == n - 1);
            let meet = line_intersection(edge(first), edge(second));
            if meet.is_some_and(|m| !neighbours || matches!(m, LineIntersection::Collinear { .. })) {
                return Err(InvalidShape::Crossing { first, second });
            }
        }
    }
    Ok(())
}

/// Keeps the part of a polygon where `depth` is not negative.
fn clip(polygon: &[Point<Unit>], kept: &mut Vec<Point<Unit>>, depth: impl Fn(Point<Unit>) -> f32) {
    kept.clear();
    let Some(&last) = polygon.last() else { return };
    let mut before = last;
    for &p in polygon {
        let (d0, d1) = (depth(before), depth(p));
        if (d0 < 0.0) != (d1 < 0.0) {
            let t = d0 / (d0 - d1);
            kept.push(Point::new(before.x + t * (p.x - before.x), before.y + t * (p.y - before.y)));
        }
        if d1 >= 0.0 {
            kept.push(p);
        }
        before = p;
    }
}

/// The area of a polygon, by the shoelace formula.
fn area(polygon: &[Point<Unit>]) -> f32 {
    let Some(&last) = polygon.last() else { return 0.0 };
    let mut before = last;
    let mut twice = 0.0;
    for &p in polygon {
        twice += before.x * p.y - p.x * before.y;
        before = p;
    }
    twice.abs() / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn points(list: &[(f32, f32)]) -> Vec<Point<Unit>> {
        list.iter().map(|&(x, y)| Point::new(x, y)).collect()
    }

    fn zone(list: &[(f32, f32)]) -> Zone {
        Zone::new(points(list)).expect("a zone")
    }

    const SQUARE: [(f32, f32); 4] = [(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)];
    /// Like the letter U.
    const CUP: [(f32, f32); 8] =
        [(0.1, 0.1), (0.3, 0.1), (0.3, 0.7), (0.7, 0.7), (0.7, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9)];

    #[test]
    fn a_shape_that_means_nothing_is_refused_with_the_point() {
        let many: Vec<_> = (0..=MAX_POINTS).map(|i| (i as f32 / 1000.0, 0.5)).collect();
        for (list, message) in [
            (&[(0.0, 0.0), (1.0, 1.0)][..], "2 points are too few: a zone has at least 3"),
            (&many, "257 points are too many: at most 256"),
            (
                &[(0.0, 0.0), (0.5, 1.5), (1.0, 0.0)],
                "point 1 is (0.5, 1.5): both must be between 0 and 1, as fractions of the picture",
            ),
            (
                &[(0.0, 0.0), (0.5, 1.0), (f32::NAN, 0.0)],
                "point 2 is (NaN, 0): both must be between 0 and 1, as fractions of the picture",
            ),
            (&[(0.0, 0.0), (0.0, 0.0), (1.0, 1.0)], "points 0 and 1 are the same"),
            (&[(0.0, 0.0), (0.5, 1.0), (1.0, 1.0), (0.0, 0.0)], "points 3 and 0 are the same"),
            (
                &[(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)],
                "the edge after point 0 meets the edge after point 2: a shape must not cross itself",
            ),
            (
                &[(0.0, 0.0), (1.0, 0.0), (0.5, 0.0)],
                "the edge after point 0 meets the edge after point 1: a shape must not cross itself",
            ),
        ] {
            let error = Zone::new(points(list)).expect_err(message);
            assert_eq!(error.to_string(), message);
        }
        assert!(Line::new(points(&[(0.5, 0.5)])).is_err());
        assert!(Line::new(points(&[(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)])).is_err());
        assert!(Line::new(points(&[(0.0, 0.0), (1.0, 1.0), (1.0, 0.0)])).is_ok(), "a line need not close");
    }

    #[test]
    fn a_border_belongs_to_its_zone() {
        let (square, cup) = (zone(&SQUARE), zone(&CUP));
        for (x, y, in_square, in_cup) in [
            (0.5, 0.5, true, false),
            (0.2, 0.5, true, true),
            (0.8, 0.8, true, true),
            (0.5, 0.7, true, true),
            (0.5, 0.8, true, true),
            (0.1, 0.1, false, true),
            (0.0, 0.0, false, false),
        ] {
            let p = Point::new(x, y);
            assert_eq!((square.contains(p), cup.contains(p)), (in_square, in_cup), "({x}, {y})");
        }
    }

    #[test]
    fn shares_of_boxes() {
        let (square, cup) = (zone(&SQUARE), zone(&CUP));
        let mut scratch = Scratch::default();
        for (rect, in_square, in_cup) in [
            (Rect::new(0.0, 0.0, 1.0, 1.0), 0.36, 0.40),
            (Rect::new(0.3, 0.3, 0.4, 0.4), 1.0, 0.0),
            (Rect::new(0.7, 0.3, 0.9, 0.4), 0.5, 1.0),
            (Rect::new(0.1, 0.2, 0.9, 0.4), 0.75, 0.5),
            (Rect::new(0.9, 0.9, 1.0, 1.0), 0.0, 0.0),
            (Rect::new(0.5, 0.5, 0.5, 0.5), 0.0, 0.0),
        ] {
            let shares = (square.share_of(rect, &mut scratch), cup.share_of(rect, &mut scratch));
            assert!((shares.0 - in_square).abs() < 1e-5 && (shares.1 - in_cup).abs() < 1e-5, "{rect:?}: {shares:?}");
        }
    }

    #[test]
    fn left_is_where_people_who_look_along_the_line_see_it() {
        let up = Line::new(points(&[(0.5, 1.0), (0.5, 0.0)])).expect("a line");
        let (left, on, right) = (Point::new(0.2, 0.5), Point::new(0.5, 0.5), Point::new(0.8, 0.5));
        assert_eq!(direction(up.crossings(left, right)), Some(Direction::LeftToRight));
        assert_eq!(direction(up.crossings(right, left)), Some(Direction::RightToLeft));
        assert_eq!(direction(up.crossings(left, left)), None);
        assert_eq!(up.crossings(left, on) + up.crossings(on, right), 1);
        assert_eq!(up.crossings(left, on) + up.crossings(on, left), 0);
    }

    #[test]
    fn the_end_of_a_line_can_be_walked_round() {
        let line = Line::new(points(&[(0.5, 0.5), (0.5, 0.0)])).expect("a line");
        let round = [(0.2, 0.2), (0.5, 0.8), (0.8, 0.2)].map(|(x, y)| Point::new(x, y));
        assert_eq!(round.windows(2).map(|w| line.crossings(w[0], w[1])).sum::<i32>(), 0);
    }

    #[test]
    fn a_step_through_a_corner_counts_once() {
        let bent = Line::new(points(&[(0.0, 1.0), (0.5, 0.5), (1.0, 1.0)])).expect("a line");
        let (above, corner, below) = (Point::new(0.5, 0.2), Point::new(0.5, 0.5), Point::new(0.5, 0.9));
        assert_eq!(bent.crossings(above, below), 1);
        assert_eq!(bent.crossings(above, corner) + bent.crossings(corner, below), 1);
    }

    #[test]
    fn distances_are_in_pixels() {
        let line = Line::new(points(&[(0.0, 0.5), (0.5, 0.5), (0.5, 1.0)])).expect("a line");
        let size = Size::new(200, 100);
        for (x, y, expected) in [(0.25, 0.2, 30.0), (0.6, 0.9, 20.0), (0.5, 0.5, 0.0), (0.53, 0.46, 52f32.sqrt())] {
            let distance = line.distance(Point::new(x, y), size);
            assert!((distance - expected).abs() < 1e-3, "({x}, {y}): {distance}");
        }
    }

    proptest! {
        #[test]
        fn the_share_is_what_counting_points_says(x0 in 0.0f32..0.9, y0 in 0.0f32..0.9, w in 0.05f32..1.0, h in 0.05f32..1.0) {
            let rect = Rect::new(x0, y0, x0 + w, y0 + h);
            for shape in [&SQUARE[..], &CUP] {
                let zone = zone(shape);
                let share = zone.share_of(rect, &mut Scratch::default());
                let grid = (0..64).flat_map(|i| (0..64).map(move |j| (i as f32 + 0.5, j as f32 + 0.5)));
                let hits = grid.filter(|(i, j)| zone.contains(Point::new(x0 + w * i / 64.0, y0 + h * j / 64.0))).count();
                prop_assert!((share - hits as f32 / 4096.0).abs() < 0.04, "{share} against {hits}");
            }
        }

        #[test]
        fn a_way_round_a_whole_line_sums_to_nothing(steps in prop::collection::vec((0.0f32..1.0, 0.0f32..1.0), 2..30)) {
            let line = Line::new(points(&[(0.4, 0.0), (0.6, 0.5), (0.4, 1.0)])).expect("a line");
            let mut way = points(&steps);
            way.push(way[0]);
            prop_assert_eq!(way.windows(2).map(|w| line.crossings(w[0], w[1])).sum::<i32>(), 0);
        }
    }
}
