//! Still images from files, under limits, as frames that a model can look at.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageReader, Limits};
use iris_core::frame::{FrameInfo, OwnedPlanes};
use iris_core::{ColorMatrix, ColorRange, Frame, FrameKey, MediaTime, Moment, PixelFormat, Size, Stamps};

use super::Error;

/// The most pixels of a still image.
pub const MAX_PIXELS: u64 = 20_000_000;
/// The most bytes that decoding one may allocate: 20 million pixels of RGB, and a few for the decoder.
pub(super) const MAX_BYTES: u64 = 64 << 20;

/// Reads a JPEG, PNG or WebP file, recognised by its content and turned upright, as a frame of
/// [`PixelFormat::Rgb`]. The limits are checked before anything is allocated.
pub fn read_still(path: &Path, key: FrameKey) -> Result<Frame, Error> {
    let io = |source| Error::Read { path: path.to_owned(), source };
    let decode = |source| Error::Decode { path: path.to_owned(), source };
    let file = BufReader::new(File::open(path).map_err(io)?);
    let mut reader = ImageReader::new(file).with_guessed_format().map_err(io)?;
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder().map_err(decode)?;
    let (width, height) = decoder.dimensions();
    let size = Size::new(width, height);
    if size.pixels() > MAX_PIXELS || limits.reserve(decoder.total_bytes()).is_err() {
        return Err(Error::TooLarge { path: path.to_owned(), size });
    }
    let orientation = decoder.orientation().map_err(decode)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(decode)?;
    image.apply_orientation(orientation);
    Ok(frame(image.into_rgb8(), key))
}

fn frame(image: image::RgbImage, key: FrameKey) -> Frame {
    let info = FrameInfo {
        key,
        at: Moment { media: MediaTime::ZERO, wall: None },
        stamps: Stamps::default(),
        format: PixelFormat::Rgb,
        range: ColorRange::Full,
        matrix: ColorMatrix::Bt601,
        size: Size::new(image.width(), image.height()),
    };
    let stride = 3 * image.width() as usize;
    Frame::new(info, OwnedPlanes::new(vec![(image.into_raw(), stride)]))
}
