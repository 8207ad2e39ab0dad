//! Still images from files, under limits, as frames that a model can look at.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use iris_core::frame::{FrameInfo, OwnedPlanes};
use iris_core::{ColorMatrix, ColorRange, Frame, FrameKey, MediaTime, Moment, PixelFormat, Size, Stamps};
use iris_decode::{DecodedJpeg, Reduction, decode_jpeg};

use super::Error;

/// The most pixels of a still image.
pub const MAX_PIXELS: u64 = 20_000_000;
/// The most bytes that decoding one may allocate: 20 million pixels of RGB, and a few for the decoder.
pub(super) const MAX_BYTES: u64 = 64 << 20;

/// Reads a JPEG, PNG or WebP file as [`decode_still`] does.
pub fn read_still(path: &Path, key: FrameKey) -> Result<Frame, Error> {
    let mut file = Vec::new();
    // No picture that is small enough is larger as a file.
    let read = File::open(path).and_then(|f| f.take(MAX_BYTES).read_to_end(&mut file));
    read.map_err(|source| Error::Read { path: path.to_owned(), source })?;
    decode_still(&file, path, key, |whole| whole).map(|(frame, _)| frame)
}

/// Decodes a JPEG, PNG or WebP file, recognised by its content and turned upright, as a frame of [`PixelFormat::Rgb`], or of
/// the planes that a JPEG file holds. The frame may be smaller than the picture, whose size stands beside it, but not smaller
/// than `needed` says for that size. The limits are checked before anything is allocated. Errors call the file `path`.
pub fn decode_still(
    file: &[u8],
    path: &Path,
    key: FrameKey,
    needed: impl FnOnce(Size) -> Size,
) -> Result<(Frame, Size), Error> {
    let io = |source| Error::Read { path: path.to_owned(), source };
    let decode = |source| Error::Decode { path: path.to_owned(), source };
    let mut reader = ImageReader::new(Cursor::new(file)).with_guessed_format().map_err(io)?;
    let is_jpeg = reader.format() == Some(ImageFormat::Jpeg);
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
    if is_jpeg && is_cut_off(file) {
        return Err(Error::CutOff { path: path.to_owned() });
    }
    if is_jpeg && orientation == Orientation::NoTransforms {
        let reduction = Reduction::to_at_least(needed(size), size);
        if let Some(DecodedJpeg { format, planes }) = decode_jpeg(file, size, reduction) {
            return Ok((frame(key, format, reduction.of(size), planes), size));
        }
    }
    let mut image = DynamicImage::from_decoder(decoder).map_err(decode)?;
    image.apply_orientation(orientation);
    let image = image.into_rgb8();
    let (size, stride) = (Size::new(image.width(), image.height()), 3 * image.width() as usize);
    Ok((frame(key, PixelFormat::Rgb, size, vec![(image.into_raw(), stride)]), size))
}

/// Whether no end of image follows the last start of a scan (ITU-T T.81 §B.1.1.3), neither of which can stand in a scan's
/// data. The decoder would leave the rest grey and say nothing.
fn is_cut_off(jpeg: &[u8]) -> bool {
    if jpeg.ends_with(&[0xff, 0xd9]) {
        // As nearly all files do; the other search goes back through all of a scan.
        return false;
    }
    let last = |marker| jpeg.windows(2).rposition(|two| two == [0xff, marker]);
    last(0xd9) < last(0xda)
}

fn frame(key: FrameKey, format: PixelFormat, size: Size, planes: Vec<(Vec<u8>, usize)>) -> Frame {
    let info = FrameInfo {
        key,
        at: Moment { media: MediaTime::ZERO, wall: None },
        stamps: Stamps::default(),
        format,
        range: ColorRange::Full,
        matrix: ColorMatrix::Bt601,
        size,
    };
    Frame::new(info, OwnedPlanes::new(planes))
}
