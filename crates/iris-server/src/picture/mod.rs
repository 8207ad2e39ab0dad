//! Pictures for people: evidence, annotated frames, still images.
//!
//! A [`Picture`] is made from a decoder's frame when, and only when, somebody is going to look at it. What the model
//! sees does not pass through here.

mod colour;
mod draw;
mod error;
mod font;
mod jpeg;
mod still;
mod video;

use iris_core::{Frame, PixelFormat, Size};

pub use colour::{Colour, Encoding};
pub use draw::Pen;
pub use error::{Error, ErrorKind};
pub use still::{MAX_PIXELS, decode_still, read_still};
pub use video::VideoWriter;

/// A picture to draw on, in the encoding of the frame it came from: luma in full resolution, two chroma planes at half of it each
/// way, rounded up. So cameras send them, and so JPEG files and videos hold them: a frame passes through without loss.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    size: Size,
    encoding: Encoding,
    planes: [Vec<u8>; 3],
}

impl Picture {
    /// A picture of one colour.
    pub fn new(size: Size, encoding: Encoding, colour: Colour) -> Self {
        let mut this = Self { size, encoding, planes: Default::default() };
        this.make_room();
        for (plane, sample) in this.planes.iter_mut().zip(encoding.encode(colour)) {
            plane.fill(sample);
        }
        this
    }

    /// A picture of the colours that `rgb` tells of each pixel, row after row, in [`Encoding::JPEG`].
    pub fn of_rgb(size: Size, rgb: impl Fn(usize) -> [u8; 3]) -> Self {
        let mut this = Self::new(size, Encoding::JPEG, Colour::BLACK);
        this.load_rgb(|x, y| rgb(y * size.width as usize + x));
        this
    }

    /// A copy of a frame.
    pub fn of(frame: &Frame) -> Self {
        let mut this = Self::new(Size::new(0, 0), Encoding::JPEG, Colour::BLACK);
        this.load(frame);
        this
    }

    /// Becomes a copy of a frame, in the memory it already has.
    pub fn load(&mut self, frame: &Frame) {
        self.size = frame.size;
        self.encoding = match frame.format {
            PixelFormat::Rgb => Encoding::JPEG,
            // Gray from a JPEG camera is full, from any other as its frame says.
            _ => Encoding { range: frame.range, matrix: frame.matrix },
        };
        self.make_room();
        match frame.format {
            PixelFormat::Rgb => {
                let plane = frame.plane(0);
                self.load_rgb(|x, y| std::array::from_fn(|i| plane.data[y * plane.stride + 3 * x + i]));
            }
            _ => self.load_yuv(frame),
        }
    }

    fn make_room(&mut self) {
        let size = self.size;
        for (i, plane) in self.planes.iter_mut().enumerate() {
            plane.resize(plane_size(size, i).pixels() as usize, 0);
        }
    }

    /// Chroma is the mean of two by two pixels.
    fn load_rgb(&mut self, rgb: impl Fn(usize, usize) -> [u8; 3]) {
        let (width, height, convert) = (self.width(), self.height(), self.encoding.of_rgb());
        let half = width.div_ceil(2);
        for y in (0..height).step_by(2) {
            for x in (0..width).step_by(2) {
                let (mut sums, mut pixels) = ([0_u16; 2], 0);
                for (x, y) in cell(x, y).filter(|(x, y)| *x < width && *y < height) {
                    let [luma, cb, cr] = convert.apply(rgb(x, y));
                    self.planes[0][y * width + x] = luma;
                    sums = [sums[0] + u16::from(cb), sums[1] + u16::from(cr)];
                    pixels += 1;
                }
                for (plane, sum) in self.planes[1..].iter_mut().zip(sums) {
                    plane[y / 2 * half + x / 2] = ((sum + pixels / 2) / pixels) as u8;
                }
            }
        }
    }

    fn load_yuv(&mut self, frame: &Frame) {
        let (width, half) = (self.width().max(1), self.width().div_ceil(2).max(1));
        let [luma, cb, cr] = &mut self.planes;
        for (y, row) in luma.chunks_exact_mut(width).enumerate() {
            row.copy_from_slice(row_of(frame, 0, y, width));
        }
        for (y, (cb, cr)) in cb.chunks_exact_mut(half).zip(cr.chunks_exact_mut(half)).enumerate() {
            load_chroma(frame, y, cb, cr);
        }
    }

    /// Its size.
    pub fn size(&self) -> Size {
        self.size
    }

    /// How its samples are coded.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Luma, Cb and Cr, a byte a sample, row after row.
    pub fn planes(&self) -> [&[u8]; 3] {
        self.planes.each_ref().map(Vec::as_slice)
    }

    /// The picture as RGB, three bytes a pixel.
    pub fn to_rgb(&self) -> Vec<u8> {
        let convert = self.encoding.to_rgb();
        let pixels = (0..self.height()).flat_map(|y| (0..self.width()).map(move |x| (x, y)));
        pixels.flat_map(|(x, y)| convert.apply(self.get(x, y))).collect()
    }

    /// The picture in another encoding.
    #[must_use]
    pub fn recode(mut self, encoding: Encoding) -> Self {
        if encoding == self.encoding {
            return self;
        }
        let convert = self.encoding.to(encoding);
        if encoding.matrix == self.encoding.matrix {
            // Then no plane depends on another.
            for (plane, channel) in self.planes.iter_mut().zip(0..) {
                for sample in plane {
                    *sample = convert.apply_to(channel, *sample);
                }
            }
        } else {
            let (width, half) = (self.width().max(1), self.width().div_ceil(2).max(1));
            let [luma, cb, cr] = &mut self.planes;
            for (y, row) in luma.chunks_exact_mut(width).enumerate() {
                let chroma = y / 2 * half..;
                for (two, (cb, cr)) in row.chunks_mut(2).zip(cb[chroma.clone()].iter().zip(&cr[chroma])) {
                    for y in two {
                        *y = convert.apply([*y, *cb, *cr])[0];
                    }
                }
            }
            // Grey stays grey, so that chroma does not depend on luma.
            for (cb, cr) in cb.iter_mut().zip(cr) {
                [_, *cb, *cr] = convert.apply([0, *cb, *cr]);
            }
        }
        self.encoding = encoding;
        self
    }

    /// The whole picture, as large as it goes, in the middle of a black one of another size.
    #[must_use]
    pub fn fit(&self, size: Size) -> Self {
        let mut out = Self::new(size, self.encoding, Colour::BLACK);
        if self.size.pixels() == 0 || size.pixels() == 0 {
            return out;
        }
        let fitted = iris_core::Letterbox::fit(self.size, size, true);
        let inner = fitted.inner();
        let scaled = |i: usize| scale(&self.planes[i], plane_size(self.size, i), plane_size(inner, i));
        let scaled = Self { size: inner, encoding: self.encoding, planes: [scaled(0), scaled(1), scaled(2)] };
        out.paste(&scaled, fitted.pad_x as usize, fitted.pad_y as usize);
        out
    }

    /// Puts a picture of the same encoding onto this one. Its corner moves to where a sample of chroma begins.
    fn paste(&mut self, tile: &Self, left: usize, top: usize) {
        for (i, (plane, tile_plane)) in self.planes.iter_mut().zip(&tile.planes).enumerate() {
            let (width, tile_width) =
                (plane_size(self.size, i).width as usize, plane_size(tile.size, i).width as usize);
            let (left, top) = if i == 0 { (left & !1, top & !1) } else { (left / 2, top / 2) };
            for (row, from) in plane.chunks_exact_mut(width).skip(top).zip(tile_plane.chunks_exact(tile_width)) {
                row[left..][..tile_width].copy_from_slice(from);
            }
        }
    }

    fn width(&self) -> usize {
        self.size.width as usize
    }

    fn height(&self) -> usize {
        self.size.height as usize
    }

    fn get(&self, x: usize, y: usize) -> [u8; 3] {
        let chroma = y / 2 * self.width().div_ceil(2) + x / 2;
        [self.planes[0][y * self.width() + x], self.planes[1][chroma], self.planes[2][chroma]]
    }
}

/// How many samples luma, Cb or Cr has each way.
fn plane_size(size: Size, plane: usize) -> Size {
    if plane == 0 { size } else { Size::new(size.width.div_ceil(2), size.height.div_ceil(2)) }
}

/// The pixels that share the chroma of the one at an even column and row.
fn cell(x: usize, y: usize) -> impl Iterator<Item = (usize, usize)> {
    [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)].into_iter()
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({} {:?})", self.size, self.encoding)
    }
}

/// Many pictures on one, in rows of `columns`, each in a cell of the first one's size: to look at a whole run at once.
pub fn contact_sheet(pictures: &[Picture], columns: usize) -> Option<Picture> {
    let first = pictures.first()?;
    let columns = columns.clamp(1, pictures.len());
    // Even, as all places of chroma are.
    let (width, height) = (first.size.width.next_multiple_of(2), first.size.height.next_multiple_of(2));
    let size = Size::new(width * columns as u32, height * pictures.len().div_ceil(columns) as u32);
    let mut sheet = Picture::new(size, first.encoding, Colour::BLACK);
    for (i, picture) in pictures.iter().enumerate() {
        let tile = picture.fit(Size::new(width, height)).recode(sheet.encoding);
        sheet.paste(&tile, i % columns * tile.width(), i / columns * tile.height());
    }
    Some(sheet)
}

fn row_of(frame: &Frame, plane: usize, y: usize, bytes: usize) -> &[u8] {
    let plane = frame.plane(plane);
    &plane.data[y * plane.stride..][..bytes]
}

/// Row `y` of the halved chroma planes.
fn load_chroma(frame: &Frame, y: usize, cb: &mut [u8], cr: &mut [u8]) {
    let half = cb.len();
    let lower = (2 * y + 1).min(frame.size.height as usize - 1);
    match frame.format {
        PixelFormat::I420 => {
            cb.copy_from_slice(row_of(frame, 1, y, half));
            cr.copy_from_slice(row_of(frame, 2, y, half));
        }
        PixelFormat::Nv12 => {
            for ((both, cb), cr) in row_of(frame, 1, y, 2 * half).as_chunks().0.iter().zip(cb).zip(cr) {
                [*cb, *cr] = *both;
            }
        }
        PixelFormat::I422 => {
            for (i, out) in [(1, cb), (2, cr)] {
                let (upper, lower) = (row_of(frame, i, 2 * y, half), row_of(frame, i, lower, half));
                upper.iter().zip(lower).zip(out).for_each(|((a, b), out)| *out = a.midpoint(*b));
            }
        }
        PixelFormat::I444 => {
            let width = frame.size.width as usize;
            for (i, out) in [(1, cb), (2, cr)] {
                halve((row_of(frame, i, 2 * y, width), row_of(frame, i, lower, width)), out);
            }
        }
        PixelFormat::Gray | PixelFormat::Rgb => {
            cb.fill(128);
            cr.fill(128);
        }
    }
}

/// The means of two by two samples; the last ones are repeated where their number is odd.
fn halve((upper, lower): (&[u8], &[u8]), out: &mut [u8]) {
    for ((a, b), out) in upper.chunks(2).zip(lower.chunks(2)).zip(out) {
        let sum = [a[0], a[a.len() - 1], b[0], b[b.len() - 1]].map(u16::from).iter().sum::<u16>();
        *out = ((sum + 2) / 4) as u8;
    }
}

fn scale(plane: &[u8], from: Size, to: Size) -> Vec<u8> {
    use image::imageops::{FilterType, resize};
    if from == to {
        return plane.to_vec();
    }
    let source = image::ImageBuffer::<image::Luma<u8>, _>::from_raw(from.width, from.height, plane);
    source.map_or_else(Vec::new, |source| resize(&source, to.width, to.height, FilterType::Triangle).into_raw())
}

#[cfg(test)]
mod tests;
