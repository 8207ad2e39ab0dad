//! The raw grid of YOLOX (Ge et al. 2021, §2.1, exported with `decode_in_inference` off): for each cell the box's
//! centre relative to the cell and the logarithm of its size, both in strides, then objectness and class scores that
//! have been through a sigmoid.

use iris_core::{ClassId, Rect, Size};

use super::grid::{Cell, grid};
use super::{Candidate, Layout, best, check_len};
use crate::Error;

#[derive(Debug)]
pub(super) struct Yolox {
    cells: Vec<Cell>,
    columns: usize,
}

impl Yolox {
    pub(super) fn new(size: Size, strides: &[u32], classes: usize) -> Self {
        Self { cells: grid(size, strides), columns: 5 + classes }
    }
}

impl Layout for Yolox {
    fn shapes(&self) -> Vec<Vec<Option<usize>>> {
        vec![vec![Some(self.cells.len()), Some(self.columns)]]
    }

    fn decode(&self, [data, _]: [&[f32]; 2], floor: f32, into: &mut Vec<Candidate>) -> Result<(), Error> {
        check_len(data, self.cells.len() * self.columns)?;
        for (cell, row) in self.cells.iter().zip(data.chunks_exact(self.columns)) {
            // A class score is at most 1, so most cells need no look at theirs.
            if row[4] < floor {
                continue;
            }
            let (class, class_score) = best(row[5..].iter().copied());
            let score = row[4] * class_score;
            if score >= floor {
                let (cx, cy) = ((row[0] + cell.x) * cell.stride, (row[1] + cell.y) * cell.stride);
                let rect = Rect::from_center(cx, cy, row[2].exp() * cell.stride, row[3].exp() * cell.stride);
                into.push(Candidate { rect, score, class: ClassId(class as u16) });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_by_hand() {
        // 32×16 at strides 8 and 16: cells 0 to 7 and 8 to 9. Cell 9 is column 1, row 0 of stride 16.
        let yolox = Yolox::new(Size::new(32, 16), &[8, 16], 2);
        assert_eq!(yolox.shapes(), [[Some(10), Some(7)]]);
        let mut data = vec![0.0; 70];
        data[63..].copy_from_slice(&[0.25, 0.5, 2f32.ln(), 0.5f32.ln(), 0.8, 0.1, 0.5]);
        data[14..21].copy_from_slice(&[0.0, 0.0, 0.0, 0.0, 0.9, 0.1, 0.2]);
        let mut found = Vec::new();
        yolox.decode([&data, &[]], 0.3, &mut found).unwrap();
        // Centre (1.25 · 16, 0.5 · 16), size (2 · 16, 0.5 · 16); the other cell scores 0.9 · 0.2 = 0.18.
        let [one] = found[..] else { panic!("{found:?}") };
        assert_eq!((one.score, one.class), (0.4, ClassId(1)));
        assert!(one.rect.iou(&Rect::new(4.0, 4.0, 36.0, 12.0)) > 0.9999, "{:?}", one.rect);
    }

    #[test]
    fn a_wrong_length_is_refused() {
        let yolox = Yolox::new(Size::new(32, 16), &[8, 16], 2);
        assert!(yolox.decode([&[0.0; 69], &[]], 0.3, &mut Vec::new()).is_err());
    }
}
