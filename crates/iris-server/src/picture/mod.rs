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

/// A picture to draw on: luma and two chroma planes, all in full resolution, in the encoding of the frame it came from.
///
/// Full chroma makes drawing exact to the pixel and feeds a JPEG encoder as it is. Halved chroma that is repeated
/// here and averaged for a video encoder comes out unchanged where nothing was drawn, so a frame passes through
/// without loss.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    size: Size,
    encoding: Encoding,
    planes: [Vec<u8>; 3],
}

impl Picture {
    /// A picture of one colour.
    pub fn new(size: Size, encoding: Encoding, colour: Colour) -> Self {
        let pixels = size.pixels() as usize;
        Self { size, encoding, planes: encoding.encode(colour).map(|sample| vec![sample; pixels]) }
    }

    /// A picture of the colours that `rgb` tells of each pixel, row after row, in [`Encoding::JPEG`].
    pub fn of_rgb(size: Size, rgb: impl Fn(usize) -> [u8; 3]) -> Self {
        let mut this = Self::new(size, Encoding::JPEG, Colour::BLACK);
        let convert = this.encoding.of_rgb();
        for at in 0..size.pixels() as usize {
            this.set(at, convert.apply(rgb(at)));
        }
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
        for plane in &mut self.planes {
            plane.resize(frame.size.pixels() as usize, 0);
        }
        match frame.format {
            PixelFormat::Rgb => self.load_rgb(frame),
            _ => self.load_yuv(frame),
        }
    }

    fn load_rgb(&mut self, frame: &Frame) {
        let (width, convert) = (self.width(), Encoding::JPEG.of_rgb());
        for y in 0..self.height() {
            let row = y * width..(y + 1) * width;
            let pixels = row_of(frame, 0, y, 3 * width).chunks_exact(3);
            for (i, rgb) in row.zip(pixels) {
                self.set(i, convert.apply([rgb[0], rgb[1], rgb[2]]));
            }
        }
    }

    fn load_yuv(&mut self, frame: &Frame) {
        let width = self.width();
        for y in 0..self.height() {
            let row = y * width..(y + 1) * width;
            let [luma, cb, cr] = &mut self.planes;
            luma[row.clone()].copy_from_slice(row_of(frame, 0, y, width));
            load_chroma(frame, y, &mut cb[row.clone()], &mut cr[row]);
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

    /// Luma, Cb and Cr, a byte a pixel, row after row.
    pub fn planes(&self) -> [&[u8]; 3] {
        self.planes.each_ref().map(Vec::as_slice)
    }

    /// The picture as RGB, three bytes a pixel.
    pub fn to_rgb(&self) -> Vec<u8> {
        let convert = self.encoding.to_rgb();
        (0..self.size.pixels() as usize).flat_map(|i| convert.apply(self.get(i))).collect()
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
            let [luma, cb, cr] = &mut self.planes;
            for ((y, cb), cr) in luma.iter_mut().zip(cb).zip(cr) {
                [*y, *cb, *cr] = convert.apply([*y, *cb, *cr]);
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
        for (plane, target) in self.planes.iter().zip(&mut out.planes) {
            let scaled = scale(plane, self.size, inner);
            let rows = scaled.chunks_exact(inner.width as usize);
            let start = (fitted.pad_y * size.width + fitted.pad_x) as usize;
            for (row, into) in rows.zip(target[start..].chunks_mut(size.width as usize)) {
                into[..row.len()].copy_from_slice(row);
            }
        }
        out
    }

    fn width(&self) -> usize {
        self.size.width as usize
    }

    fn height(&self) -> usize {
        self.size.height as usize
    }

    fn get(&self, i: usize) -> [u8; 3] {
        [self.planes[0][i], self.planes[1][i], self.planes[2][i]]
    }

    fn set(&mut self, i: usize, samples: [u8; 3]) {
        for (plane, sample) in self.planes.iter_mut().zip(samples) {
            plane[i] = sample;
        }
    }
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
    let (cell, rows) = (first.size, pictures.len().div_ceil(columns));
    let size = Size::new(cell.width * columns as u32, cell.height * rows as u32);
    let mut sheet = Picture::new(size, first.encoding, Colour::BLACK);
    for (i, picture) in pictures.iter().enumerate() {
        let tile = picture.fit(cell).recode(sheet.encoding);
        sheet.paste(&tile, i % columns * tile.width(), i / columns * tile.height());
    }
    Some(sheet)
}

impl Picture {
    fn paste(&mut self, tile: &Self, left: usize, top: usize) {
        let (width, tile_width) = (self.width(), tile.width());
        for (plane, tile_plane) in self.planes.iter_mut().zip(&tile.planes) {
            for (y, row) in (0..tile.height()).zip(tile_plane.chunks_exact(tile_width.max(1))) {
                let start = (top + y) * width + left;
                plane[start..start + tile_width].copy_from_slice(row);
            }
        }
    }
}

fn row_of(frame: &Frame, plane: usize, y: usize, bytes: usize) -> &[u8] {
    let plane = frame.plane(plane);
    &plane.data[y * plane.stride..][..bytes]
}

fn load_chroma(frame: &Frame, y: usize, cb: &mut [u8], cr: &mut [u8]) {
    let half = cb.len().div_ceil(2);
    match frame.format {
        PixelFormat::I420 | PixelFormat::I422 => {
            let y = if frame.format == PixelFormat::I420 { y / 2 } else { y };
            repeat(row_of(frame, 1, y, half).iter(), cb);
            repeat(row_of(frame, 2, y, half).iter(), cr);
        }
        PixelFormat::I444 => {
            cb.copy_from_slice(row_of(frame, 1, y, cb.len()));
            cr.copy_from_slice(row_of(frame, 2, y, cr.len()));
        }
        PixelFormat::Nv12 => {
            let row = row_of(frame, 1, y / 2, 2 * half);
            repeat(row.iter().step_by(2), cb);
            repeat(row.iter().skip(1).step_by(2), cr);
        }
        PixelFormat::Gray | PixelFormat::Rgb => {
            cb.fill(128);
            cr.fill(128);
        }
    }
}

fn repeat<'a>(mut samples: impl Iterator<Item = &'a u8>, row: &mut [u8]) {
    let (pairs, rest) = row.as_chunks_mut::<2>();
    for (pair, sample) in pairs.iter_mut().zip(samples.by_ref()) {
        *pair = [*sample; 2];
    }
    rest.iter_mut().zip(samples).for_each(|(last, sample)| *last = *sample);
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
