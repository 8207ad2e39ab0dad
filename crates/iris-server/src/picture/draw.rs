//! Drawing: boxes with labels, trails, zones, lines and text, in sizes that suit the picture's.
//!
//! Edges are smooth: a shape says how much of each pixel it covers, and the pixel takes on that share of its colour.
//! Everything has a dark rim, so that it stands out from any background. What to draw is decided elsewhere.

use iris_core::{ClassId, Image, Point, Rect};

use super::font::{self, ADVANCE, HEIGHT};
use super::{Colour, Picture, cell};

/// Space around text on its plate, in units of the pen.
const PADDING: f32 = 2.5;

/// Draws on one picture.
pub struct Pen<'a> {
    picture: &'a mut Picture,
    unit: f32,
    plates: Vec<Rect<Image>>,
}

/// Whole pixels, from `left` and `top` to before `right` and `bottom`.
#[derive(Clone, Copy)]
struct Bounds {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

impl<'a> Pen<'a> {
    /// A pen whose strokes and letters suit the picture's height: a unit is a pixel at 360 lines and three at 1080.
    pub fn new(picture: &'a mut Picture) -> Self {
        let unit = (picture.size.height as f32 / 360.0).max(1.0);
        Self { picture, unit, plates: Vec::new() }
    }

    /// An object's outline. Its edges lie between pixels and are an even number of them wide, which keeps them crisp.
    pub fn outline(&mut self, rect: Rect<Image>, colour: Colour) {
        let r = rect.clamp_to(self.picture.size);
        let corners = [(r.x0, r.y0), (r.x1, r.y0), (r.x1, r.y1), (r.x0, r.y1), (r.x0, r.y0)];
        let width = 2.0 * (0.8 * self.unit).round();
        self.stroke(&corners.map(|(x, y)| Point::new(x.round(), y.round())), width / self.unit, colour);
    }

    /// Each object that a model sees, with its class and score; each class has a colour.
    pub fn detections<'c>(
        &mut self,
        detections: impl Iterator<Item = (Rect<Image>, f32, ClassId)>,
        class_name: impl Fn(ClassId) -> &'c str,
    ) {
        for (rect, score, class) in detections {
            let colour = Colour::nth(u32::from(class.0));
            self.outline(rect, colour);
            self.label(rect, &format!("{} {score:.2}", class_name(class)), colour);
        }
    }

    /// A corner at each corner and nothing between: for an object whose place is a guess.
    pub fn corners(&mut self, rect: Rect<Image>, colour: Colour) {
        let r = rect.clamp_to(self.picture.size);
        let arm = 0.25 * r.width().min(r.height());
        for (x, y, dx, dy) in
            [(r.x0, r.y0, arm, arm), (r.x1, r.y0, -arm, arm), (r.x1, r.y1, -arm, -arm), (r.x0, r.y1, arm, -arm)]
        {
            let corner = [Point::new(x + dx, y), Point::new(x, y), Point::new(x, y + dy)];
            self.stroke(&corner, 1.2, colour);
        }
    }

    /// What an object is, on a plate at its box: above it, or where there is room and no other plate.
    pub fn label(&mut self, rect: Rect<Image>, text: &str, colour: Colour) {
        let r = rect.clamp_to(self.picture.size);
        let (w, h) = (self.plate_width(text), self.plate_height());
        let rim = self.unit;
        let places = [(r.x0 - rim, r.y0 - h), (r.x0 - rim, r.y1), (r.x0 - rim, r.y0), (r.x1 + rim - w, r.y0 - h)];
        let plates = places.map(|(x, y)| self.keep_inside(Rect::new(x, y, x + w, y + h)));
        let free = |plate: &&Rect<Image>| self.plates.iter().all(|p| p.intersection(plate) == 0.0);
        let plate = *plates.iter().find(free).unwrap_or(&plates[0]);
        self.plate(plate, text, colour);
    }

    /// The way that an object came, oldest place first: thin where it is old.
    pub fn trail(&mut self, points: &[Point<Image>], colour: Colour) {
        for (rim, colour) in [(1.0, Colour::BLACK), (0.0, colour)] {
            for (i, w) in points.windows(2).enumerate() {
                let age = 1.0 - i as f32 / points.len() as f32;
                let width = self.unit * (2.2 - 1.6 * age) + rim * self.unit;
                self.segment(w[0], w[1], width, colour, if rim > 0.0 { 0.5 } else { 1.0 });
            }
        }
    }

    /// An area with its name.
    pub fn zone(&mut self, corners: &[Point<Image>], name: &str, colour: Colour) {
        self.fill(corners, colour, 0.16);
        let closed: Vec<_> = corners.iter().chain(corners.first()).copied().collect();
        self.stroke(&closed, 1.2, colour);
        if let Some(top) = corners.iter().copied().min_by(|a, b| (a.y + a.x).total_cmp(&(b.y + b.x))) {
            self.name_at(top, name, colour);
        }
    }

    /// A line with its name, and beside its middle an arrow from its left to its right.
    pub fn line(&mut self, points: &[Point<Image>], name: &str, colour: Colour) {
        self.stroke(points, 2.0, colour);
        if let Some(w) = points.windows(2).nth(points.len().saturating_sub(1) / 2) {
            self.arrow(w[0], w[1], colour);
        }
        if let Some(&start) = points.first() {
            self.name_at(start, name, colour);
        }
    }

    /// A text in the top left corner, for the time and the camera's name.
    pub fn stamp(&mut self, text: &str) {
        let margin = 3.0 * self.unit;
        self.name_at(Point::new(margin, margin), text, Colour::WHITE);
    }

    /// To the right of someone who looks from `a` to `b`.
    fn arrow(&mut self, a: Point<Image>, b: Point<Image>, colour: Colour) {
        let (dx, dy) = (b.x - a.x, b.y - a.y);
        let length = dx.hypot(dy).max(1.0);
        let (along, right) = ((dx / length, dy / length), (-dy / length, dx / length));
        let middle = (f32::midpoint(a.x, b.x), f32::midpoint(a.y, b.y));
        let at = |r: f32, f: f32| {
            let (r, f) = (r * self.unit, f * self.unit);
            Point::new(middle.0 + r * right.0 + f * along.0, middle.1 + r * right.1 + f * along.1)
        };
        let (shaft, head) = ([at(-9.0, 0.0), at(10.0, 0.0)], [at(5.0, -5.0), at(10.0, 0.0), at(5.0, 5.0)]);
        self.stroke(&shaft, 1.6, colour);
        self.stroke(&head, 1.6, colour);
    }

    fn name_at(&mut self, corner: Point<Image>, text: &str, colour: Colour) {
        if !text.is_empty() {
            let (w, h) = (self.plate_width(text), self.plate_height());
            let plate = self.keep_inside(Rect::new(corner.x, corner.y, corner.x + w, corner.y + h));
            self.plate(plate, text, colour);
        }
    }

    fn plate_width(&self, text: &str) -> f32 {
        // The last letter needs no gap behind it; the coloured edge is as wide as the padding.
        (((text.chars().count() * ADVANCE) as f32 - 1.0 + 3.0 * PADDING) * self.unit).round()
    }

    fn plate_height(&self) -> f32 {
        ((HEIGHT as f32 + 2.0 * PADDING) * self.unit).round()
    }

    fn keep_inside(&self, plate: Rect<Image>) -> Rect<Image> {
        let (w, h) = (self.picture.size.width as f32, self.picture.size.height as f32);
        let x = plate.x0.min(w - plate.width()).max(0.0).round();
        let y = plate.y0.min(h - plate.height()).max(0.0).round();
        Rect::new(x, y, x + plate.width(), y + plate.height())
    }

    /// A dark plate with light text: their lack of colour keeps the text sharp where a video halves its chroma. The
    /// colour is at its left edge.
    fn plate(&mut self, plate: Rect<Image>, text: &str, colour: Colour) {
        let edge = (PADDING * self.unit).round();
        self.block(plate, Colour::BLACK, 0.72);
        self.block(Rect::new(plate.x0, plate.y0, plate.x0 + edge, plate.y1), colour, 1.0);
        let left = plate.x0 + edge + PADDING * self.unit;
        self.text(left.round(), (plate.y0 + (PADDING + 1.0) * self.unit).round(), text, Colour::WHITE);
        self.plates.push(plate);
    }

    fn text(&mut self, left: f32, top: f32, text: &str, colour: Colour) {
        for (i, c) in text.chars().enumerate() {
            let x = left + (i * ADVANCE) as f32 * self.unit;
            self.letter(x, top, c, colour);
        }
    }

    fn letter(&mut self, left: f32, top: f32, c: char, colour: Colour) {
        let (glyph, unit) = (font::glyph(c), self.unit);
        let cell = Rect::new(left, top, left + (ADVANCE as f32) * unit, top + (HEIGHT as f32) * unit);
        // The edge of interpolated ink is made one pixel wide at any size.
        let cover = |x: f32, y: f32| (font::ink(glyph, (x - left) / unit, (y - top) / unit) - 0.45) * unit + 0.45;
        self.shade(cell, colour, 1.0, cover);
    }

    /// Joined segments with a dark rim; `width` in units.
    fn stroke(&mut self, points: &[Point<Image>], width: f32, colour: Colour) {
        for (width, colour, alpha) in [(width + 2.0, Colour::BLACK, 0.6), (width, colour, 1.0)] {
            for w in points.windows(2) {
                self.segment(w[0], w[1], width * self.unit, colour, alpha);
            }
        }
    }

    /// A straight stroke with round ends; `width` in pixels. By two rows, so that a long diagonal costs its length.
    fn segment(&mut self, a: Point<Image>, b: Point<Image>, width: f32, colour: Colour, alpha: f32) {
        let reach = width / 2.0 + 1.0;
        let (dx, dy) = (b.x - a.x, b.y - a.y);
        let square = (dx * dx + dy * dy).max(f32::MIN_POSITIVE);
        let cover = |x: f32, y: f32| {
            let along = (((x - a.x) * dx + (y - a.y) * dy) / square).clamp(0.0, 1.0);
            width / 2.0 + 0.5 - (x - a.x - along * dx).hypot(y - a.y - along * dy)
        };
        let rows = self.bounds(Rect::new(0.0, a.y.min(b.y) - reach, 1.0, a.y.max(b.y) + reach));
        for y in (rows.top & !1..rows.bottom).step_by(2) {
            let (upper, lower) = (y as f32, y as f32 + 2.0);
            // Where the stroke's axis passes within its reach of these two rows.
            let on_axis = |y: f32| a.x + ((y - a.y) * dy.signum() / dy.abs().max(1e-3)).clamp(0.0, 1.0) * dx;
            let (p, q) = (on_axis(upper - reach), on_axis(lower + reach));
            let rows = Rect::new(p.min(q) - reach, upper, p.max(q) + reach, lower);
            self.shade(rows, colour, alpha, cover);
        }
    }

    fn block(&mut self, rect: Rect<Image>, colour: Colour, alpha: f32) {
        self.mix(self.bounds(rect), colour, |_, _| alpha);
    }

    /// Fills a polygon by the even-odd rule.
    fn fill(&mut self, corners: &[Point<Image>], colour: Colour, alpha: f32) {
        let cuts = |y: usize| {
            let middle = y as f32 + 0.5;
            let edges = corners.iter().zip(corners.iter().cycle().skip(1));
            let crossed = edges.filter(|(a, b)| (a.y <= middle) != (b.y <= middle));
            let mut cuts: Vec<f32> =
                crossed.map(|(a, b)| a.x + (middle - a.y) / (b.y - a.y) * (b.x - a.x)).map(f32::round).collect();
            cuts.sort_by(f32::total_cmp);
            cuts
        };
        let (width, height) = (self.picture.width(), self.picture.height());
        for top in (0..height).step_by(2) {
            let rows = [cuts(top), cuts(top + 1)];
            let share = |x: usize, y: usize| {
                let inside = rows[y - top].iter().filter(|cut| **cut <= x as f32).count() % 2 == 1;
                if inside { alpha } else { 0.0 }
            };
            let ends = rows.iter().filter_map(|cuts| cuts.first().zip(cuts.last()));
            let (left, right) = ends.fold((f32::MAX, 0.0), |(l, r), (a, b)| (a.min(l), b.max(r)));
            let column = |x: f32| (x.max(0.0) as usize).min(width);
            let bounds = Bounds { left: column(left), top, right: column(right), bottom: (top + 2).min(height) };
            self.mix(bounds, colour, share);
        }
    }

    /// Colours each pixel of an area by `alpha` times the share that `cover` says at its centre; shares below 0 and
    /// above 1 are clamped.
    fn shade(&mut self, area: Rect<Image>, colour: Colour, alpha: f32, cover: impl Fn(f32, f32) -> f32) {
        let share = |x: usize, y: usize| alpha * cover(x as f32 + 0.5, y as f32 + 0.5).clamp(0.0, 1.0);
        self.mix(self.bounds(area), colour, share);
    }

    /// Mixes a colour into pixels by the share that each is to have of it, 0 to 1; into the chroma of two by two pixels by the
    /// mean of their shares.
    fn mix(
        &mut self,
        Bounds { left, top, right, bottom }: Bounds,
        colour: Colour,
        share: impl Fn(usize, usize) -> f32,
    ) {
        let (width, height) = (self.picture.width(), self.picture.height());
        let (half, [luma, cb, cr]) = (width.div_ceil(2), self.picture.encoding.encode(colour));
        for y in (top & !1..bottom).step_by(2) {
            for x in (left & !1..right).step_by(2) {
                let (mut sum, mut pixels) = (0, 0);
                for (x, y) in cell(x, y).filter(|(x, y)| *x < width && *y < height) {
                    pixels += 1;
                    if (left..right).contains(&x) && (top..bottom).contains(&y) {
                        let share = (share(x, y) * 256.0) as u32;
                        blend(&mut self.picture.planes[0][y * width + x], luma, share);
                        sum += share;
                    }
                }
                for (plane, sample) in self.picture.planes[1..].iter_mut().zip([cb, cr]) {
                    blend(&mut plane[y / 2 * half + x / 2], sample, sum / pixels);
                }
            }
        }
    }

    fn bounds(&self, rect: Rect<Image>) -> Bounds {
        let column = |x: f32| (x.max(0.0) as usize).min(self.picture.width());
        let row = |y: f32| (y.max(0.0) as usize).min(self.picture.height());
        Bounds { left: column(rect.x0), top: row(rect.y0), right: column(rect.x1.ceil()), bottom: row(rect.y1.ceil()) }
    }
}

/// `share`: of 256.
fn blend(sample: &mut u8, with: u8, share: u32) {
    *sample = ((u32::from(*sample) * (256 - share) + u32::from(with) * share + 128) >> 8) as u8;
}

#[cfg(test)]
mod tests {
    use iris_core::Size;
    use proptest::prelude::*;

    use super::super::Encoding;
    use super::*;

    const GREY: Colour = Colour([90, 90, 90]);
    const GREEN: Colour = Colour([60, 230, 60]);

    fn picture(width: u32, height: u32) -> Picture {
        Picture::new(Size::new(width, height), Encoding::JPEG, GREY)
    }

    fn points(list: &[(f32, f32)]) -> Vec<Point<Image>> {
        list.iter().map(|&(x, y)| Point::new(x, y)).collect()
    }

    fn luma(picture: &Picture, x: usize, y: usize) -> u8 {
        picture.planes()[0][y * picture.width() + x]
    }

    fn is(picture: &Picture, x: usize, y: usize, colour: Colour) -> bool {
        luma(picture, x, y) == Encoding::JPEG.encode(colour)[0]
    }

    #[test]
    fn an_outline_has_a_dark_rim_and_leaves_its_inside_alone() {
        for (width, height, edge) in [(640, 360, 2), (1920, 1080, 4)] {
            let mut picture = picture(width, height);
            Pen::new(&mut picture).outline(Rect::new(100.0, 100.0, 200.0, 300.0), GREEN);
            let row: Vec<_> = (80..220).map(|x| is(&picture, x, 200, GREEN)).collect();
            assert_eq!(row.iter().filter(|c| **c).count(), 2 * edge, "two crisp edges");
            assert!((90..110).any(|x| luma(&picture, x, 200) < 60), "a rim");
            assert!(is(&picture, 150, 200, GREY) && is(&picture, 50, 50, GREY));
        }
    }

    #[test]
    fn text_is_light_on_dark_beside_its_colour() {
        let mut picture = picture(640, 360);
        Pen::new(&mut picture).label(Rect::new(100.0, 100.0, 200.0, 300.0), "person 12", GREEN);
        let all = || (85..100).flat_map(|y| (98..180).map(move |x| (x, y)));
        let share = |test: &dyn Fn(u8) -> bool| all().filter(|&(x, y)| test(luma(&picture, x, y))).count() as f32;
        let (light, dark, whole) = (share(&|v| v > 200), share(&|v| v < 40), all().count() as f32);
        assert!(light / whole > 0.06 && dark / whole > 0.4, "{light} light, {dark} dark of {whole}");
        assert!(all().any(|(x, y)| is(&picture, x, y, GREEN)));
        assert!(is(&picture, 300, 92, GREY), "the plate is as long as its text");
    }

    #[test]
    fn labels_make_room_for_each_other_and_stay_in_the_picture() {
        let mut picture = picture(640, 360);
        let mut pen = Pen::new(&mut picture);
        let boxes = [(100.0, 100.0), (104.0, 102.0), (100.0, 0.0), (600.0, 200.0), (600.0, 340.0)];
        for (x, y) in boxes {
            pen.label(Rect::new(x, y, x + 40.0, y + 80.0), "somebody", GREEN);
        }
        for (i, plate) in pen.plates.iter().enumerate() {
            assert!(plate.x0 >= 0.0 && plate.y0 >= 0.0 && plate.x1 <= 640.0 && plate.y1 <= 360.0, "{plate:?}");
            assert!(pen.plates[..i].iter().all(|other| other.intersection(plate) == 0.0), "{plate:?} overlaps");
        }
    }

    #[test]
    fn a_zone_tints_its_inside_only() {
        let mut picture = picture(640, 360);
        let cup = [
            (100.0, 100.0),
            (150.0, 100.0),
            (150.0, 200.0),
            (250.0, 200.0),
            (250.0, 100.0),
            (300.0, 100.0),
            (300.0, 300.0),
            (100.0, 300.0),
        ];
        Pen::new(&mut picture).zone(&points(&cup), "", GREEN);
        for (x, y, inside) in
            [(125, 150, true), (200, 150, false), (275, 150, true), (200, 250, true), (50, 150, false)]
        {
            assert_eq!(!is(&picture, x, y, GREY), inside, "({x}, {y})");
        }
    }

    #[test]
    fn the_arrow_of_a_line_points_to_its_right() {
        let mut picture = picture(640, 360);
        Pen::new(&mut picture).line(&points(&[(320.0, 300.0), (320.0, 60.0)]), "", GREEN);
        let reach = |xs: &mut dyn Iterator<Item = usize>| xs.filter(|&x| is(&picture, x, 176, GREEN)).count();
        assert!(reach(&mut (325..340)) > 0, "barbs are right of a line that goes up");
        assert_eq!(reach(&mut (300..315)), 0);
    }

    #[test]
    fn a_trail_is_thickest_where_it_is_newest() {
        let mut picture = picture(640, 360);
        let way: Vec<_> = (0..20).map(|i| (100.0 + 10.0 * i as f32, 200.0)).collect();
        Pen::new(&mut picture).trail(&points(&way), GREEN);
        let thickness = |x| (190..210).filter(|&y| !is(&picture, x, y, GREY)).count();
        assert!(thickness(285) > thickness(110), "{} and {}", thickness(285), thickness(110));
    }

    fn coordinate() -> impl Strategy<Value = f32> {
        prop_oneof![6 => -50.0f32..150.0, 1 => -1e9f32..1e9, 1 => Just(f32::NAN), 1 => Just(f32::INFINITY)]
    }

    proptest! {
        #[test]
        fn nothing_that_is_drawn_leaves_the_picture(
            width in 0u32..80, height in 0u32..80, text in "\\PC{0,12}",
            way in prop::collection::vec((coordinate(), coordinate()), 0..5),
            (x0, y0, x1, y1) in (coordinate(), coordinate(), coordinate(), coordinate()),
        ) {
            let mut picture = picture(width, height);
            let mut pen = Pen::new(&mut picture);
            let (rect, way) = (Rect::new(x0, y0, x1, y1), points(&way));
            pen.outline(rect, GREEN);
            pen.corners(rect, GREEN);
            pen.label(rect, &text, GREEN);
            pen.trail(&way, GREEN);
            pen.zone(&way, &text, GREEN);
            pen.line(&way, &text, GREEN);
            pen.stamp(&text);
            prop_assert_eq!(picture.planes()[0].len() as u32, width * height);
        }
    }
}
