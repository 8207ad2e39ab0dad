//! DETR (Carion et al. 2020, §3) and its kin: a set of boxes as centre and size in fractions of the input, and class
//! logits. With softmax the last column is "no object"; with sigmoid there is none.

use iris_core::{ClassId, Rect, Size};

use super::{Candidate, Layout, best, check_len, sigmoid};
use crate::Error;
use crate::manifest::Activation;

#[derive(Debug)]
pub(super) struct Detr {
    size: Size,
    activation: Activation,
    classes: usize,
}

impl Detr {
    pub(super) fn new(size: Size, activation: Activation, classes: usize) -> Self {
        Self { size, activation, classes }
    }

    fn columns(&self) -> usize {
        match self.activation {
            Activation::Softmax => self.classes + 1,
            Activation::Sigmoid => self.classes,
        }
    }

    fn score(&self, logits: &[f32]) -> (usize, f32) {
        let (class, logit) = best(logits[..self.classes].iter().copied());
        match self.activation {
            Activation::Sigmoid => (class, sigmoid(logit)),
            Activation::Softmax => (class, 1.0 / logits.iter().map(|other| (other - logit).exp()).sum::<f32>()),
        }
    }
}

impl Layout for Detr {
    fn shapes(&self) -> Vec<Vec<Option<usize>>> {
        vec![vec![None, Some(4)], vec![None, Some(self.columns())]]
    }

    fn decode(&self, [boxes, logits]: [&[f32]; 2], floor: f32, into: &mut Vec<Candidate>) -> Result<(), Error> {
        check_len(logits, boxes.len() / 4 * self.columns())?;
        let (w, h) = (self.size.width as f32, self.size.height as f32);
        for ([cx, cy, bw, bh], row) in boxes.as_chunks::<4>().0.iter().zip(logits.chunks_exact(self.columns())) {
            let (class, score) = self.score(row);
            if score >= floor {
                let rect = Rect::from_center(cx * w, cy * h, bw * w, bh * h);
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
    fn softmax_leaves_the_last_column_to_nothing() {
        let detr = Detr::new(Size::new(100, 50), Activation::Softmax, 2);
        // Weights 1, 3, 1 of 5, and 1, 1, 8 of 10.
        let logits = [0.0, 3f32.ln(), 0.0, 0.0, 0.0, 8f32.ln()];
        let mut found = Vec::new();
        detr.decode([&[0.5, 0.5, 0.2, 0.4, 0.1, 0.1, 0.1, 0.1], &logits], 0.3, &mut found).unwrap();
        let [one] = found[..] else { panic!("{found:?}") };
        assert!((one.score - 0.6).abs() < 1e-6 && one.class == ClassId(1));
        assert!(one.rect.iou(&Rect::new(40.0, 15.0, 60.0, 35.0)) > 0.9999);
    }

    #[test]
    fn sigmoid_judges_each_class_by_itself() {
        let detr = Detr::new(Size::new(100, 50), Activation::Sigmoid, 2);
        let mut found = Vec::new();
        detr.decode([&[0.5, 0.5, 1.0, 1.0], &[3f32.ln(), -5.0]], 0.3, &mut found).unwrap();
        assert!((found[0].score - 0.75).abs() < 1e-6 && found[0].class == ClassId(0));
        assert_eq!(found[0].rect, Rect::new(0.0, 0.0, 100.0, 50.0));
    }
}
