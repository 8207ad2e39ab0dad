//! Greedy non-maximum suppression: of overlapping boxes of one class the strongest stays.

use super::Candidate;

/// How many candidates, the strongest, are compared with each other.
pub const MAX_CANDIDATES: usize = 1000;

/// Leaves the boxes that no stronger box of the same class overlaps by more than `iou`, strongest first. In place, and
/// O(n²) in the at most [`MAX_CANDIDATES`] strongest candidates.
pub fn suppress(candidates: &mut Vec<Candidate>, iou: f32) {
    let stronger = |a: &Candidate, b: &Candidate| b.score.total_cmp(&a.score);
    if candidates.len() > MAX_CANDIDATES {
        candidates.select_nth_unstable_by(MAX_CANDIDATES, stronger);
        candidates.truncate(MAX_CANDIDATES);
    }
    candidates.sort_unstable_by(stronger);
    let mut kept = 0;
    for i in 0..candidates.len() {
        let one = candidates[i];
        let stands = |other: &Candidate| other.class != one.class || other.rect.iou(&one.rect) <= iou;
        if candidates[..kept].iter().all(stands) {
            candidates[kept] = one;
            kept += 1;
        }
    }
    candidates.truncate(kept);
}

#[cfg(test)]
mod tests {
    use iris_core::{ClassId, Rect};
    use proptest::prelude::*;

    use super::*;

    fn candidate(x: f32, score: f32, class: u16) -> Candidate {
        Candidate { rect: Rect::new(x, 0.0, x + 10.0, 10.0), score, class: ClassId(class) }
    }

    #[test]
    fn the_strongest_of_a_class_stays() {
        // Shifted by 2 of 10, boxes share 8 / 12 = 0.67; by 6, 4 / 16 = 0.25.
        let mut all = vec![candidate(2.0, 0.5, 0), candidate(0.0, 0.9, 0), candidate(6.0, 0.4, 0)];
        suppress(&mut all, 0.45);
        assert_eq!(all, [candidate(0.0, 0.9, 0), candidate(6.0, 0.4, 0)]);
    }

    #[test]
    fn classes_do_not_suppress_each_other() {
        let mut all = vec![candidate(0.0, 0.5, 0), candidate(0.0, 0.9, 1)];
        suppress(&mut all, 0.45);
        assert_eq!(all.len(), 2);
    }

    #[test]
    fn a_box_is_suppressed_only_by_one_that_stays() {
        // Each overlaps its neighbour by 0.67 and the one after by 0.43.
        let mut all = vec![candidate(0.0, 0.9, 0), candidate(2.0, 0.8, 0), candidate(4.0, 0.7, 0)];
        suppress(&mut all, 0.45);
        assert_eq!(all, [candidate(0.0, 0.9, 0), candidate(4.0, 0.7, 0)]);
    }

    proptest! {
        #[test]
        fn what_stays_does_not_overlap_and_what_goes_did(
            boxes in prop::collection::vec((0.0f32..200.0, 0.0f32..1.0, 0u16..3), 0..1300),
        ) {
            let before: Vec<Candidate> = boxes.iter().map(|&(x, score, class)| candidate(x, score, class)).collect();
            let mut after = before.clone();
            suppress(&mut after, 0.5);
            prop_assert!(after.is_sorted_by(|a, b| a.score >= b.score));
            let clash = |a: &Candidate, b: &Candidate| a.class == b.class && a.rect.iou(&b.rect) > 0.5;
            for (i, a) in after.iter().enumerate() {
                prop_assert!(!after[..i].iter().any(|b| clash(a, b)));
            }
            if before.len() <= MAX_CANDIDATES {
                for gone in before.iter().filter(|c| !after.contains(c)) {
                    prop_assert!(after.iter().any(|b| clash(gone, b) && b.score >= gone.score));
                }
            }
        }
    }
}
