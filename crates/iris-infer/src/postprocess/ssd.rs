//! SSD (Liu et al. 2016) after its box decoding, as its exports return it: corners in fractions of the input and
//! scores that have been through a softmax or sigmoid.

use iris_core::{ClassId, Rect, Size};

use super::{Candidate, Layout, best, check_len};
use crate::Error;
use crate::manifest::EdgeOrder;

#[derive(Debug)]
pub(super) struct Ssd {
    size: Size,
    order: EdgeOrder,
    /// How many columns of scores come before the first class.
    skip: usize,
    classes: usize,
}

impl Ssd {
    pub(super) fn new(size: Size, order: EdgeOrder, background: bool, classes: usize) -> Self {
        Self { size, order, skip: usize::from(background), classes }
    }

    fn columns(&self) -> usize {
        self.skip + self.classes
    }

    fn rect(&self, [a, b, c, d]: [f32; 4]) -> Rect<iris_core::Model> {
        let (w, h) = (self.size.width as f32, self.size.height as f32);
        match self.order {
            EdgeOrder::Xyxy => Rect::new(a * w, b * h, c * w, d * h),
            EdgeOrder::Yxyx => Rect::new(b * w, a * h, d * w, c * h),
        }
    }
}

impl Layout for Ssd {
    fn shapes(&self) -> Vec<Vec<Option<usize>>> {
        vec![vec![None, Some(4)], vec![None, Some(self.columns())]]
    }

    fn decode(&self, [boxes, scores]: [&[f32]; 2], floor: f32, into: &mut Vec<Candidate>) -> Result<(), Error> {
        check_len(scores, boxes.len() / 4 * self.columns())?;
        for (edges, row) in boxes.as_chunks::<4>().0.iter().zip(scores.chunks_exact(self.columns())) {
            let (class, score) = best(row[self.skip..].iter().copied());
            if score >= floor {
                into.push(Candidate { rect: self.rect(*edges), score, class: ClassId(class as u16) });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_by_hand_in_both_orders() {
        let boxes = [0.25, 0.5, 0.75, 1.0, 0.0, 0.0, 1.0, 1.0];
        let scores = [0.1, 0.2, 0.7, 0.9, 0.05, 0.05];
        for (order, rect) in [
            (EdgeOrder::Xyxy, Rect::<iris_core::Model>::new(50.0, 50.0, 150.0, 100.0)),
            (EdgeOrder::Yxyx, Rect::new(100.0, 25.0, 200.0, 75.0)),
        ] {
            let mut found = Vec::new();
            Ssd::new(Size::new(200, 100), order, true, 2).decode([&boxes, &scores], 0.3, &mut found).unwrap();
            // The second box is background.
            assert_eq!(found, [Candidate { rect, score: 0.7, class: ClassId(1) }]);
        }
    }

    #[test]
    fn without_a_background_the_first_column_is_a_class() {
        let ssd = Ssd::new(Size::new(10, 10), EdgeOrder::Xyxy, false, 3);
        let mut found = Vec::new();
        ssd.decode([&[0.0, 0.0, 1.0, 1.0], &[0.9, 0.05, 0.05]], 0.3, &mut found).unwrap();
        assert_eq!(found[0].class, ClassId(0));
        assert!(ssd.decode([&[0.0; 4], &[0.9; 4]], 0.3, &mut found).is_err());
    }
}
