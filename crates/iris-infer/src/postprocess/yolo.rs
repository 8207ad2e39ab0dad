//! `YOLOv5`, v8 and 11 as their exports return them: boxes decoded to input pixels as centre and size, scores through a
//! sigmoid. v5 has a row a box with objectness; v8 and 11 have a row a channel and none.

use iris_core::{ClassId, Rect};

use super::{Candidate, Layout, best, check_len};
use crate::Error;
use crate::manifest::YoloStyle;

#[derive(Debug)]
pub(super) struct Yolo {
    style: YoloStyle,
    channels: usize,
}

impl Yolo {
    pub(super) fn new(style: YoloStyle, classes: usize) -> Self {
        let geometry = match style {
            YoloStyle::V5 => 5,
            YoloStyle::V8 => 4,
        };
        Self { style, channels: geometry + classes }
    }
}

impl Layout for Yolo {
    fn shapes(&self) -> Vec<Vec<Option<usize>>> {
        match self.style {
            YoloStyle::V5 => vec![vec![None, Some(self.channels)]],
            YoloStyle::V8 => vec![vec![Some(self.channels), None]],
        }
    }

    fn decode(&self, [data, _]: [&[f32]; 2], floor: f32, into: &mut Vec<Candidate>) -> Result<(), Error> {
        let boxes = data.len() / self.channels;
        check_len(data, boxes * self.channels)?;
        match self.style {
            YoloStyle::V5 => data.chunks_exact(self.channels).for_each(|row| v5(row, floor, into)),
            YoloStyle::V8 => (0..boxes).for_each(|i| v8(data, boxes, i, floor, into)),
        }
        Ok(())
    }
}

fn v5(row: &[f32], floor: f32, into: &mut Vec<Candidate>) {
    if row[4] < floor {
        return;
    }
    let (class, class_score) = best(row[5..].iter().copied());
    push([row[0], row[1], row[2], row[3]], row[4] * class_score, class, floor, into);
}

fn v8(data: &[f32], boxes: usize, i: usize, floor: f32, into: &mut Vec<Candidate>) {
    let (class, score) = best(data[4 * boxes..].iter().skip(i).step_by(boxes).copied());
    push([0, 1, 2, 3].map(|channel| data[channel * boxes + i]), score, class, floor, into);
}

fn push([cx, cy, w, h]: [f32; 4], score: f32, class: usize, floor: f32, into: &mut Vec<Candidate>) {
    if score >= floor {
        into.push(Candidate { rect: Rect::from_center(cx, cy, w, h), score, class: ClassId(class as u16) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(style: YoloStyle, data: &[f32]) -> Vec<Candidate> {
        let mut found = Vec::new();
        Yolo::new(style, 2).decode([data, &[]], 0.3, &mut found).unwrap();
        found
    }

    #[test]
    fn v5_multiplies_objectness_by_the_class() {
        let rows = [[10.0, 20.0, 4.0, 8.0, 0.5, 0.2, 0.8], [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.1]];
        let found = decode(YoloStyle::V5, rows.as_flattened());
        assert_eq!(found, [Candidate { rect: Rect::new(8.0, 16.0, 12.0, 24.0), score: 0.4, class: ClassId(1) }]);
    }

    #[test]
    fn v8_reads_down_the_columns() {
        // Three boxes; channels cx, cy, w, h, first class, second class.
        let channels =
            [[1.0, 10.0, 5.0], [1.0, 20.0, 5.0], [2.0, 4.0, 2.0], [2.0, 8.0, 2.0], [0.1, 0.9, 0.2], [0.2, 0.1, 0.4]];
        let found = decode(YoloStyle::V8, channels.as_flattened());
        assert_eq!(
            found,
            [
                Candidate { rect: Rect::new(8.0, 16.0, 12.0, 24.0), score: 0.9, class: ClassId(0) },
                Candidate { rect: Rect::new(4.0, 4.0, 6.0, 6.0), score: 0.4, class: ClassId(1) },
            ]
        );
    }

    #[test]
    fn a_torn_row_is_refused() {
        assert!(Yolo::new(YoloStyle::V5, 2).decode([&[0.0; 10], &[]], 0.3, &mut Vec::new()).is_err());
    }
}
