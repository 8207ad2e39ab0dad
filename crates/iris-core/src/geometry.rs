//! Where it is. Every coordinate carries its space in its type, and only [`Letterbox`] and [`Size`] convert between
//! them, so that pixels of the picture and pixels of the model's input cannot be mixed.

use std::fmt;
use std::marker::PhantomData;

/// A coordinate space.
pub trait Space: Copy + Send + Sync + 'static {
    /// Its name in error messages.
    const NAME: &'static str;
}

/// Pixels of the camera's picture, the origin at its top left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image;
/// Pixels of the model's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Model;
/// Fractions of the picture, 0 to 1 in both directions. What configuration uses, so that it outlives a change of
/// resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit;

impl Space for Image {
    const NAME: &'static str = "image";
}
impl Space for Model {
    const NAME: &'static str = "model";
}
impl Space for Unit {
    const NAME: &'static str = "unit";
}

/// A width and a height in whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl Size {
    /// A size.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// How many pixels it holds.
    pub const fn pixels(self) -> u64 {
        self.width as u64 * self.height as u64
    }

    /// A fraction of the picture in pixels of this picture.
    pub fn to_image(self, p: Point<Unit>) -> Point<Image> {
        Point::new(p.x * self.width as f32, p.y * self.height as f32)
    }

    /// A position in this picture as a fraction of it.
    pub fn to_unit(self, p: Point<Image>) -> Point<Unit> {
        Point::new(p.x / self.width as f32, p.y / self.height as f32)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// A position.
#[derive(Clone, Copy, PartialEq)]
pub struct Point<S: Space> {
    /// To the right.
    pub x: f32,
    /// Down.
    pub y: f32,
    space: PhantomData<S>,
}

impl<S: Space> Point<S> {
    /// A position.
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y, space: PhantomData }
    }
}

impl<S: Space> fmt::Debug for Point<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:.2}, {:.2})", S::NAME, self.x, self.y)
    }
}

/// An axis-aligned box from (`x0`, `y0`) to (`x1`, `y1`), with `x0 <= x1` and `y0 <= y1`.
#[derive(Clone, Copy, PartialEq)]
pub struct Rect<S: Space> {
    /// Left edge.
    pub x0: f32,
    /// Top edge.
    pub y0: f32,
    /// Right edge.
    pub x1: f32,
    /// Bottom edge.
    pub y1: f32,
    space: PhantomData<S>,
}

impl<S: Space> Rect<S> {
    /// A box from its corners.
    pub const fn new(x0: f32, y0: f32, x1: f32, y1: f32) -> Self {
        Self { x0, y0, x1, y1, space: PhantomData }
    }

    /// A box from its centre and size.
    pub fn from_center(cx: f32, cy: f32, width: f32, height: f32) -> Self {
        Self::new(cx - width / 2.0, cy - height / 2.0, cx + width / 2.0, cy + height / 2.0)
    }

    /// Across.
    pub fn width(&self) -> f32 {
        self.x1 - self.x0
    }

    /// Down.
    pub fn height(&self) -> f32 {
        self.y1 - self.y0
    }

    /// Width by height.
    pub fn area(&self) -> f32 {
        self.width() * self.height()
    }

    /// The middle.
    pub fn center(&self) -> Point<S> {
        Point::new(f32::midpoint(self.x0, self.x1), f32::midpoint(self.y0, self.y1))
    }

    /// The middle of the lower edge: where a person or car stands on the ground.
    pub fn foot(&self) -> Point<S> {
        Point::new(f32::midpoint(self.x0, self.x1), self.y1)
    }

    /// Whether every edge is a number and the corners are in order.
    pub fn is_valid(&self) -> bool {
        [self.x0, self.y0, self.x1, self.y1].iter().all(|v| v.is_finite()) && self.x0 <= self.x1 && self.y0 <= self.y1
    }

    /// The area that two boxes share.
    pub fn intersection(&self, other: &Self) -> f32 {
        let w = self.x1.min(other.x1) - self.x0.max(other.x0);
        let h = self.y1.min(other.y1) - self.y0.max(other.y0);
        w.max(0.0) * h.max(0.0)
    }

    /// Intersection over union, 0 to 1; 0 for two boxes without area.
    pub fn iou(&self, other: &Self) -> f32 {
        let shared = self.intersection(other);
        let union = self.area() + other.area() - shared;
        if union > 0.0 { shared / union } else { 0.0 }
    }
}

impl Rect<Image> {
    /// The part that lies inside the picture.
    #[must_use]
    pub fn clamp_to(&self, size: Size) -> Self {
        let (w, h) = (size.width as f32, size.height as f32);
        Self::new(self.x0.clamp(0.0, w), self.y0.clamp(0.0, h), self.x1.clamp(0.0, w), self.y1.clamp(0.0, h))
    }

    /// The box in fractions of the picture.
    pub fn to_unit(self, size: Size) -> Rect<Unit> {
        let (a, b) = (size.to_unit(Point::new(self.x0, self.y0)), size.to_unit(Point::new(self.x1, self.y1)));
        Rect::new(a.x, a.y, b.x, b.y)
    }
}

impl<S: Space> fmt::Debug for Rect<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{:.2} {:.2} {:.2} {:.2}]", S::NAME, self.x0, self.y0, self.x1, self.y1)
    }
}

/// How a picture was put into a model's input: scaled by one factor, then padded. The only way between the two spaces.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Letterbox {
    /// The picture.
    pub image: Size,
    /// The model's input.
    pub model: Size,
    /// Model pixels an image pixel.
    pub scale: f32,
    /// Padding on the left, in model pixels.
    pub pad_x: u32,
    /// Padding at the top, in model pixels.
    pub pad_y: u32,
}

impl Letterbox {
    /// Fits the whole picture into the input, as large as it goes; padding goes to the right and bottom, or, if
    /// `centered`, to both sides.
    pub fn fit(image: Size, model: Size, centered: bool) -> Self {
        let scale = (model.width as f32 / image.width as f32).min(model.height as f32 / image.height as f32);
        let mut this = Self { image, model, scale, pad_x: 0, pad_y: 0 };
        if centered {
            let inner = this.inner();
            this.pad_x = (model.width - inner.width) / 2;
            this.pad_y = (model.height - inner.height) / 2;
        }
        this
    }

    /// The same way for boxes of the picture of which [`image`](Self::image) is a smaller copy.
    #[must_use]
    pub fn of_original(self, original: Size) -> Self {
        // By the longer side, whose rounding counts for less.
        let side = |size: Size| if original.width >= original.height { size.width } else { size.height };
        Self { image: original, scale: self.scale * side(self.image) as f32 / side(original) as f32, ..self }
    }

    /// The size of the scaled picture inside the input, in model pixels; at least one each way.
    pub fn inner(&self) -> Size {
        let scaled = |v: u32, limit: u32| ((v as f32 * self.scale).round() as u32).clamp(1, limit);
        Size::new(scaled(self.image.width, self.model.width), scaled(self.image.height, self.model.height))
    }

    /// From the model's input back to the picture.
    pub fn to_image(&self, r: Rect<Model>) -> Rect<Image> {
        let x = |v: f32| (v - self.pad_x as f32) / self.scale;
        let y = |v: f32| (v - self.pad_y as f32) / self.scale;
        Rect::new(x(r.x0), y(r.y0), x(r.x1), y(r.y1))
    }

    /// From the picture to the model's input.
    pub fn to_model(&self, r: Rect<Image>) -> Rect<Model> {
        let x = |v: f32| v * self.scale + self.pad_x as f32;
        let y = |v: f32| v * self.scale + self.pad_y as f32;
        Rect::new(x(r.x0), y(r.y0), x(r.x1), y(r.y1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_wide_picture_in_a_square_input_is_padded_below() {
        let lb = Letterbox::fit(Size::new(1280, 720), Size::new(416, 416), false);
        assert_eq!(lb.inner(), Size::new(416, 234));
        assert_eq!((lb.pad_x, lb.pad_y), (0, 0));
        assert_eq!(Letterbox::fit(Size::new(1280, 720), Size::new(416, 416), true).pad_y, 91);
    }

    #[test]
    fn iou_of_known_boxes() {
        let a: Rect<Image> = Rect::new(0.0, 0.0, 2.0, 2.0);
        assert_eq!(a.iou(&Rect::new(1.0, 0.0, 3.0, 2.0)), 1.0 / 3.0);
        assert_eq!(a.iou(&Rect::new(5.0, 5.0, 6.0, 6.0)), 0.0);
        let empty: Rect<Image> = Rect::new(1.0, 1.0, 1.0, 1.0);
        assert_eq!(empty.iou(&empty), 0.0);
    }

    proptest! {
        #[test]
        fn a_letterbox_and_its_inverse_meet(
            iw in 16u32..4096, ih in 16u32..4096, mw in 32u32..1024, mh in 32u32..1024, centered: bool,
            x in 0.0f32..1.0, y in 0.0f32..1.0,
        ) {
            let lb = Letterbox::fit(Size::new(iw, ih), Size::new(mw, mh), centered);
            let r = Rect::new(x * iw as f32, y * ih as f32, iw as f32, ih as f32);
            let back = lb.to_image(lb.to_model(r));
            let tolerance = 1e-3 * iw.max(ih) as f32;
            prop_assert!((back.x0 - r.x0).abs() < tolerance && (back.y1 - r.y1).abs() < tolerance);
            let inner = lb.inner();
            prop_assert!(lb.pad_x + inner.width <= mw && lb.pad_y + inner.height <= mh);
            let half = Size::new(iw.div_ceil(2), ih.div_ceil(2));
            let of_half = Letterbox::fit(half, Size::new(mw, mh), false).of_original(Size::new(iw, ih));
            let whole = Letterbox::fit(Size::new(iw, ih), Size::new(mw, mh), false).to_model(r);
            let apart = of_half.to_model(r).x1 - whole.x1;
            prop_assert!(apart.abs() <= 2.0 * whole.x1 / iw.min(ih) as f32 + 1e-3, "{apart} of {}", whole.x1);
        }
    }
}
