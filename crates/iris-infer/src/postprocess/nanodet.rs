//! Generalised focal loss heads (Li et al. 2020, §3) as `NanoDet` exports them: for each cell the class scores, through
//! a sigmoid, and for each side of the box a distribution over 0 to `reg_max` strides, whose mean is the distance.

use iris_core::{ClassId, Rect, Size};

use super::grid::{Cell, grid};
use super::{Candidate, Layout, best, check_len};
use crate::Error;

#[derive(Debug)]
pub(super) struct Nanodet {
    cells: Vec<Cell>,
    classes: usize,
    bins: usize,
    offset: f32,
}

impl Nanodet {
    pub(super) fn new(size: Size, strides: &[u32], reg_max: u32, offset: f32, classes: usize) -> Self {
        Self { cells: grid(size, strides), classes, bins: reg_max as usize + 1, offset }
    }

    fn columns(&self) -> usize {
        self.classes + 4 * self.bins
    }

    fn rect(&self, cell: &Cell, sides: &[f32]) -> Rect<iris_core::Model> {
        let side = |i: usize| mean(&sides[i * self.bins..][..self.bins]) * cell.stride;
        let (x, y) = ((cell.x + self.offset) * cell.stride, (cell.y + self.offset) * cell.stride);
        Rect::new(x - side(0), y - side(1), x + side(2), y + side(3))
    }
}

impl Layout for Nanodet {
    fn shapes(&self) -> Vec<Vec<Option<usize>>> {
        vec![vec![Some(self.cells.len()), Some(self.columns())]]
    }

    fn decode(&self, [data, _]: [&[f32]; 2], floor: f32, into: &mut Vec<Candidate>) -> Result<(), Error> {
        check_len(data, self.cells.len() * self.columns())?;
        for (cell, row) in self.cells.iter().zip(data.chunks_exact(self.columns())) {
            let (scores, sides) = row.split_at(self.classes);
            let (class, score) = best(scores.iter().copied());
            if score >= floor {
                let rect = self.rect(cell, sides);
                into.push(Candidate { rect, score, class: ClassId(class as u16) });
            }
        }
        Ok(())
    }
}

/// The mean of the bins' numbers under the softmax of `logits`.
fn mean(logits: &[f32]) -> f32 {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (mut sum, mut weighted) = (0.0, 0.0);
    for (i, logit) in logits.iter().enumerate() {
        let weight = (logit - top).exp();
        sum += weight;
        weighted += weight * i as f32;
    }
    weighted / sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_distributions_by_hand() {
        assert_eq!(mean(&[0.0, 0.0, 0.0]), 1.0);
        // Weights 1 and 3: a quarter of 0 and three quarters of 1.
        assert!((mean(&[0.0, 3f32.ln()]) - 0.75).abs() < 1e-6);
        assert!((mean(&[-1000.0, 1000.0]) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_cell_by_hand() {
        // One level of 2×1 cells, one class, distances 0 or 1 stride. Even logits mean half a stride.
        for (offset, expected) in
            [(0.0, Rect::new(4.0, -4.0, 12.0, 4.0)), (0.5, Rect::<iris_core::Model>::new(8.0, 0.0, 16.0, 8.0))]
        {
            let nanodet = Nanodet::new(Size::new(16, 8), &[8], 1, offset, 1);
            assert_eq!(nanodet.shapes(), [[Some(2), Some(9)]]);
            let mut data = [0.0; 18];
            data[9] = 0.6;
            let mut found = Vec::new();
            nanodet.decode([&data, &[]], 0.3, &mut found).unwrap();
            assert_eq!(found, [Candidate { rect: expected, score: 0.6, class: ClassId(0) }]);
        }
    }
}
