//! `FastestDet`: one level at stride 16, a plane a channel: objectness, the box's centre (tanh, in cells, from the
//! cell's corner) and size (sigmoid, in fractions of the input), then class probabilities. The score is
//! objectness^0.6 · class^0.4, as its author weighs them.

use iris_core::{ClassId, Rect, Size};

use super::{Candidate, Layout, best, check_len, sigmoid};
use crate::Error;

const STRIDE: u32 = 16;

#[derive(Debug)]
pub(super) struct Fastestdet {
    size: Size,
    columns: usize,
    rows: usize,
    channels: usize,
}

impl Fastestdet {
    pub(super) fn new(size: Size, classes: usize) -> Self {
        let (columns, rows) = ((size.width / STRIDE) as usize, (size.height / STRIDE) as usize);
        Self { size, columns, rows, channels: 5 + classes }
    }

    fn rect(&self, cell: usize, [x, y, w, h]: [f32; 4]) -> Rect<iris_core::Model> {
        let (column, row) = ((cell % self.columns) as f32, (cell / self.columns) as f32);
        let (cx, cy) = ((x.tanh() + column) * STRIDE as f32, (y.tanh() + row) * STRIDE as f32);
        Rect::from_center(cx, cy, sigmoid(w) * self.size.width as f32, sigmoid(h) * self.size.height as f32)
    }
}

impl Layout for Fastestdet {
    fn shapes(&self) -> Vec<Vec<Option<usize>>> {
        vec![vec![Some(self.channels), Some(self.rows), Some(self.columns)]]
    }

    fn decode(&self, [data, _]: [&[f32]; 2], floor: f32, into: &mut Vec<Candidate>) -> Result<(), Error> {
        let cells = self.rows * self.columns;
        check_len(data, cells * self.channels)?;
        for i in 0..cells {
            let channel = |c: usize| data[c * cells + i];
            let (class, class_score) = best(data[5 * cells..].iter().skip(i).step_by(cells).copied());
            let score = channel(0).powf(0.6) * class_score.powf(0.4);
            if score >= floor {
                let rect = self.rect(i, [1, 2, 3, 4].map(channel));
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
        // 32×16: two cells. Cell 1: centre at its corner (16, 0), half the input wide and high.
        let fastestdet = Fastestdet::new(Size::new(32, 16), 2);
        assert_eq!(fastestdet.shapes(), [[Some(7), Some(1), Some(2)]]);
        let channels = [[0.1, 1.0], [0.0; 2], [0.0; 2], [0.0; 2], [0.0; 2], [0.0, 0.0], [0.0, 1.0]];
        let mut found = Vec::new();
        fastestdet.decode([channels.as_flattened(), &[]], 0.3, &mut found).unwrap();
        let rect = Rect::new(8.0, -4.0, 24.0, 4.0);
        assert_eq!(found, [Candidate { rect, score: 1.0, class: ClassId(1) }]);
    }
}
