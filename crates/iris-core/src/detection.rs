//! What a model saw in one frame.

use crate::{FrameKey, Image, Moment, Rect, Size};

/// A class by its place in the model manifest's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub u16);

/// The boxes of one frame as a structure of arrays, in image space, validated when made.
#[derive(Debug, Clone, PartialEq)]
pub struct Detections {
    key: FrameKey,
    at: Moment,
    size: Size,
    boxes: Vec<Rect<Image>>,
    scores: Vec<f32>,
    classes: Vec<ClassId>,
}

/// Why arrays are not detections.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidDetections {
    /// The arrays differ in length.
    #[error("{boxes} boxes, {scores} scores and {classes} classes do not make detections")]
    Lengths {
        /// How many boxes.
        boxes: usize,
        /// How many scores.
        scores: usize,
        /// How many classes.
        classes: usize,
    },
    /// A box has an edge that is not a number, or its corners are out of order.
    #[error("box {index} is {rect:?}")]
    Box {
        /// Which one.
        index: usize,
        /// The box.
        rect: Rect<Image>,
    },
    /// A score lies outside 0 to 1.
    #[error("score {index} is {score}, not between 0 and 1")]
    Score {
        /// Which one.
        index: usize,
        /// The score.
        score: f32,
    },
}

impl Detections {
    /// Checks and takes the boxes of a frame of `size` pixels: arrays of one length, finite boxes with ordered
    /// corners, scores from 0 to 1.
    pub fn new(
        key: FrameKey,
        at: Moment,
        size: Size,
        boxes: Vec<Rect<Image>>,
        scores: Vec<f32>,
        classes: Vec<ClassId>,
    ) -> Result<Self, InvalidDetections> {
        if boxes.len() != scores.len() || boxes.len() != classes.len() {
            let (boxes, scores, classes) = (boxes.len(), scores.len(), classes.len());
            return Err(InvalidDetections::Lengths { boxes, scores, classes });
        }
        if let Some((index, rect)) = boxes.iter().enumerate().find(|(_, r)| !r.is_valid()) {
            return Err(InvalidDetections::Box { index, rect: *rect });
        }
        if let Some((index, score)) = scores.iter().enumerate().find(|(_, s)| !(0.0..=1.0).contains(*s)) {
            return Err(InvalidDetections::Score { index, score: *score });
        }
        Ok(Self { key, at, size, boxes, scores, classes })
    }

    /// A frame in which nothing was seen.
    pub fn empty(key: FrameKey, at: Moment, size: Size) -> Self {
        Self { key, at, size, boxes: Vec::new(), scores: Vec::new(), classes: Vec::new() }
    }

    /// The frame.
    pub fn key(&self) -> FrameKey {
        self.key
    }

    /// When the frame was taken.
    pub fn at(&self) -> Moment {
        self.at
    }

    /// The picture's size.
    pub fn size(&self) -> Size {
        self.size
    }

    /// How many boxes there are.
    pub fn len(&self) -> usize {
        self.boxes.len()
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.boxes.is_empty()
    }

    /// The boxes.
    pub fn boxes(&self) -> &[Rect<Image>] {
        &self.boxes
    }

    /// Their scores, 0 to 1.
    pub fn scores(&self) -> &[f32] {
        &self.scores
    }

    /// Their classes.
    pub fn classes(&self) -> &[ClassId] {
        &self.classes
    }

    /// Box, score and class together.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Rect<Image>, f32, ClassId)> + '_ {
        (0..self.len()).map(|i| (self.boxes[i], self.scores[i], self.classes[i]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CameraId, Epoch, MediaTime};

    fn make(rect: Rect<Image>, score: f32) -> Result<Detections, InvalidDetections> {
        let camera = CameraId::new("c").expect("a valid id");
        let key = FrameKey { camera, epoch: Epoch::first(1), seq: 0 };
        let at = Moment { media: MediaTime::ZERO, wall: None };
        Detections::new(key, at, Size::new(10, 10), vec![rect], vec![score], vec![ClassId(0)])
    }

    #[test]
    fn only_boxes_that_mean_something_are_taken() {
        let good = Rect::new(1.0, 1.0, 2.0, 2.0);
        assert!(make(good, 0.5).is_ok());
        assert!(matches!(make(good, f32::NAN), Err(InvalidDetections::Score { .. })));
        assert!(matches!(make(good, 1.1), Err(InvalidDetections::Score { .. })));
        for bad in
            [Rect::new(f32::NAN, 0.0, 1.0, 1.0), Rect::new(0.0, 0.0, f32::INFINITY, 1.0), Rect::new(2.0, 0.0, 1.0, 1.0)]
        {
            assert!(matches!(make(bad, 0.5), Err(InvalidDetections::Box { .. })));
        }
    }
}
