//! What makes a list of corners an area.

use iris_core::{Point, Unit};

use super::raw::Fraction;

type P = Point<Unit>;

pub(super) fn points(raw: &[[Fraction; 2]]) -> Vec<P> {
    raw.iter().map(|[x, y]| Point::new(x.0, y.0)).collect()
}

/// Whether at least three corners enclose an area without the outline meeting itself.
pub(super) fn check(corners: &[P]) -> Result<(), String> {
    if corners.len() < 3 {
        return Err(format!("{} corners enclose nothing; at least 3 belong here", corners.len()));
    }
    if let Some((i, j)) = crossing(corners) {
        return Err(format!("the side from corner {i} meets the side from corner {j}; list the corners in order"));
    }
    if area(corners) < 1e-6 {
        return Err("encloses no area".into());
    }
    Ok(())
}

/// The first two sides, by the corners they start at, that share a point which is not their common corner.
fn crossing(corners: &[P]) -> Option<(usize, usize)> {
    let n = corners.len();
    let side = |i: usize| (corners[i], corners[(i + 1) % n]);
    let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
    pairs.into_iter().find(|&(i, j)| {
        let ((a, b), (c, d)) = (side(i), side(j));
        match (j - i == 1, i == 0 && j == n - 1) {
            (true, _) => folds_back(a, b, d),
            (_, true) => folds_back(c, a, b),
            _ => meet(a, b, c, d),
        }
    })
}

/// Whether two sides that follow each other, a to b and b to c, lie on each other; a side without length does.
fn folds_back(a: P, b: P, c: P) -> bool {
    let along = f64::from(b.x - a.x) * f64::from(c.x - b.x) + f64::from(b.y - a.y) * f64::from(c.y - b.y);
    a == b || b == c || (turn(a, b, c) == 0.0 && along < 0.0)
}

fn meet(a: P, b: P, c: P, d: P) -> bool {
    let (abc, abd, cda, cdb) = (turn(a, b, c), turn(a, b, d), turn(c, d, a), turn(c, d, b));
    let crosses = abc * abd < 0.0 && cda * cdb < 0.0;
    let touches = |turn: f64, p: P, q: P, r: P| turn == 0.0 && within(p, q, r);
    crosses || touches(abc, a, b, c) || touches(abd, a, b, d) || touches(cda, c, d, a) || touches(cdb, c, d, b)
}

/// Twice the area of a triangle, negative if it turns left.
fn turn(a: P, b: P, c: P) -> f64 {
    let (ax, ay, bx, by) = (f64::from(a.x), f64::from(a.y), f64::from(b.x), f64::from(b.y));
    (bx - ax) * (f64::from(c.y) - ay) - (by - ay) * (f64::from(c.x) - ax)
}

/// Whether `r`, on the line through `p` and `q`, lies between them.
fn within(p: P, q: P, r: P) -> bool {
    (p.x.min(q.x)..=p.x.max(q.x)).contains(&r.x) && (p.y.min(q.y)..=p.y.max(q.y)).contains(&r.y)
}

fn area(corners: &[P]) -> f64 {
    let origin = corners[0];
    let twice: f64 = corners.windows(2).map(|pair| turn(origin, pair[0], pair[1])).sum();
    twice.abs() / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn polygon(corners: &[(f32, f32)]) -> Result<(), String> {
        check(&corners.iter().map(|&(x, y)| Point::new(x, y)).collect::<Vec<_>>())
    }

    #[test]
    fn outlines_that_meet_themselves_are_refused() {
        assert!(polygon(&[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]).is_ok());
        assert!(polygon(&[(0.0, 0.0), (1.0, 0.0), (0.5, 0.5), (1.0, 1.0), (0.0, 1.0)]).is_ok());
        for bad in [
            &[(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)][..], // a bow tie
            &[(0.0, 0.0), (1.0, 0.0), (1.0, 0.0), (0.0, 1.0)],     // a corner twice
            &[(0.0, 0.0), (1.0, 0.0), (0.5, 0.0)],                 // folded flat
            &[(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)],                 // a line
            &[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.0), (0.0, 1.0)], // touches its own side
            &[(0.0, 0.0), (1.0, 0.0)],
        ] {
            assert!(polygon(bad).is_err(), "{bad:?} was taken");
        }
    }

    proptest! {
        #[test]
        fn corners_round_a_middle_always_make_an_area(radii in prop::collection::vec(0.1f32..0.5, 5..64)) {
            let step = std::f32::consts::TAU / radii.len() as f32;
            let corners: Vec<P> = radii.iter().enumerate().map(|(i, r)| {
                let angle = i as f32 * step;
                Point::new(0.5 + r * angle.cos(), 0.5 + r * angle.sin())
            }).collect();
            prop_assert_eq!(check(&corners), Ok(()));
        }
    }
}
