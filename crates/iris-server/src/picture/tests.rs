//! Pictures from frames, to JPEG and from files.

use std::path::Path;

use iris_core::frame::{FrameInfo, OwnedPlanes};
use iris_core::{CameraId, ColorMatrix, ColorRange, Epoch, FrameKey, MediaTime, Moment, Stamps};

use super::*;

const BT601: Encoding = Encoding { range: ColorRange::Limited, matrix: ColorMatrix::Bt601 };
const BT709: Encoding = Encoding { range: ColorRange::Limited, matrix: ColorMatrix::Bt709 };
const RED: Colour = Colour([255, 0, 0]);
const BLUE: Colour = Colour([0, 0, 255]);

fn key() -> FrameKey {
    FrameKey { camera: CameraId::new("c").expect("a valid id"), epoch: Epoch::first(1), seq: 0 }
}

/// A frame whose planes have three bytes of padding in each row.
fn frame(format: PixelFormat, encoding: Encoding, size: Size, sample: impl Fn(usize, u32, u32) -> u8) -> Frame {
    let planes = (0..format.planes()).map(|plane| {
        let (w, h) = plane_size(format, plane, size);
        let row = |y| (0..w).map(move |x| (x, y)).chain((0..3).map(move |_| (u32::MAX, y)));
        let data = (0..h).flat_map(row).map(|(x, y)| if x == u32::MAX { 0xAA } else { sample(plane, x, y) });
        (data.collect(), w as usize + 3)
    });
    let at = Moment { media: MediaTime::ZERO, wall: None };
    let Encoding { range, matrix } = encoding;
    let info = FrameInfo { key: key(), at, stamps: Stamps::default(), format, range, matrix, size };
    Frame::new(info, OwnedPlanes::new(planes.collect()))
}

/// Bytes across and rows down.
fn plane_size(format: PixelFormat, plane: usize, size: Size) -> (u32, u32) {
    let (half_w, half_h) = (size.width.div_ceil(2), size.height.div_ceil(2));
    match (format, plane) {
        (PixelFormat::Rgb, _) => (3 * size.width, size.height),
        (PixelFormat::I444 | PixelFormat::Gray, _) | (_, 0) => (size.width, size.height),
        (PixelFormat::I422, _) => (half_w, size.height),
        (PixelFormat::I420, _) => (half_w, half_h),
        (PixelFormat::Nv12, _) => (2 * half_w, half_h),
    }
}

/// Red in its left four columns, blue to the right of them.
fn flag(format: PixelFormat, encoding: Encoding, size: Size) -> Frame {
    let colour = |x| encoding.encode(if x < 4 { RED } else { BLUE });
    frame(format, encoding, size, move |plane, x, _| match (format, plane) {
        (PixelFormat::Rgb, _) => (if x / 3 < 4 { RED } else { BLUE }).0[x as usize % 3],
        (PixelFormat::Nv12, 1) => colour(x / 2 * 2)[1 + x as usize % 2],
        (PixelFormat::I444, plane) => colour(x)[plane],
        (_, 0) => colour(x)[0],
        (_, plane) => colour(2 * x)[plane],
    })
}

#[track_caller]
fn assert_colour(rgb: &[u8], expected: Colour, tolerance: u8) {
    let near = rgb.iter().zip(expected.0).all(|(&a, b)| a.abs_diff(b) <= tolerance);
    assert!(near, "{rgb:?} is not {expected:?}");
}

#[test]
fn a_frame_of_any_format_keeps_its_colours() {
    use PixelFormat::{I420, I422, I444, Nv12, Rgb};
    for format in [I420, I422, I444, Nv12, Rgb] {
        for encoding in [BT601, BT709, Encoding::JPEG] {
            for size in [Size::new(8, 6), Size::new(7, 5)] {
                let picture = Picture::of(&flag(format, encoding, size));
                let pixels = picture.to_rgb();
                assert_eq!(pixels.len() as u64, 3 * size.pixels());
                for (i, rgb) in pixels.chunks_exact(3).enumerate() {
                    let left = i as u32 % size.width < 4;
                    assert_colour(rgb, if left { RED } else { BLUE }, 4);
                }
            }
        }
    }
}

#[test]
fn gray_stays_gray() {
    let picture = Picture::of(&frame(PixelFormat::Gray, BT601, Size::new(4, 2), |_, x, _| 16 + 50 * x as u8));
    let levels: Vec<_> = picture.to_rgb()[..12].chunks_exact(3).map(|p| (p[0], p[1] == p[0] && p[2] == p[0])).collect();
    assert_eq!(levels, [(0, true), (58, true), (116, true), (175, true)]);
}

#[test]
fn memory_is_used_again_for_the_next_frame() {
    let mut picture = Picture::of(&flag(PixelFormat::I420, BT601, Size::new(64, 64)));
    let memory = picture.planes[0].as_ptr();
    picture.load(&flag(PixelFormat::Nv12, BT709, Size::new(32, 32)));
    assert_eq!((picture.planes[0].as_ptr(), picture.planes[0].len()), (memory, 32 * 32));
}

#[test]
fn a_picture_fits_into_another_size_without_distortion() {
    let red = Picture::new(Size::new(20, 10), Encoding::JPEG, RED);
    let fitted = red.fit(Size::new(40, 40));
    let pixels = fitted.to_rgb();
    let at = |x: usize, y: usize| &pixels[3 * (y * 40 + x)..][..3];
    assert_colour(at(20, 5), Colour::BLACK, 2);
    assert_colour(at(0, 10), RED, 2);
    assert_colour(at(39, 29), RED, 2);
    assert_colour(at(20, 30), Colour::BLACK, 2);
    assert_eq!(red.fit(red.size()), red);
    assert_eq!(red.fit(Size::new(0, 9)).size(), Size::new(0, 9));
}

#[test]
fn a_contact_sheet_holds_all_pictures_in_order() {
    let small = |colour| Picture::new(Size::new(8, 4), BT601, colour);
    let odd_one = Picture::new(Size::new(4, 4), BT709, BLUE);
    let sheet = contact_sheet(&[small(RED), small(BLUE), odd_one], 2).expect("there are pictures");
    assert_eq!(sheet.size(), Size::new(16, 8));
    let pixels = sheet.to_rgb();
    let at = |x: usize, y: usize| &pixels[3 * (y * 16 + x)..][..3];
    assert_colour(at(1, 1), RED, 4);
    assert_colour(at(9, 1), BLUE, 4);
    assert_colour(at(4, 6), BLUE, 4);
    assert_colour(at(0, 6), Colour::BLACK, 4);
    assert_colour(at(12, 6), Colour::BLACK, 4);
    assert!(contact_sheet(&[], 3).is_none());
    assert_eq!(contact_sheet(&[small(RED)], 0).map(|s| s.size()), Some(Size::new(8, 4)));
}

#[test]
fn a_jpeg_shows_what_the_picture_shows() {
    for encoding in [Encoding::JPEG, BT601, BT709] {
        for size in [Size::new(64, 48), Size::new(33, 17)] {
            let mut picture = Picture::new(size, encoding, RED);
            let half = Picture::new(Size::new(16, size.height), encoding, BLUE);
            picture.paste(&half, 16, 0);
            let file = picture.to_jpeg(Picture::QUALITY).expect("encodes");
            let read =
                image::load_from_memory_with_format(&file, image::ImageFormat::Jpeg).expect("decodes").into_rgb8();
            assert_eq!(read.dimensions(), (size.width, size.height));
            assert_colour(&read.get_pixel(4, 8).0, RED, 8);
            assert_colour(&read.get_pixel(24, 8).0, BLUE, 8);
        }
    }
}

#[test]
fn what_jpeg_cannot_hold_is_an_error() {
    for size in [Size::new(70_000, 1), Size::new(1, 70_000), Size::new(0, 0)] {
        let error = Picture::new(size, BT601, RED).to_jpeg(85).expect_err("no such JPEG");
        assert_eq!(error.kind(), ErrorKind::Encode);
        assert!(error.to_string().contains(&size.to_string()), "{error}");
    }
}

fn pixels(width: u32, height: u32) -> image::RgbImage {
    image::RgbImage::from_fn(width, height, |x, y| image::Rgb([8 * x as u8, 8 * y as u8, 77]))
}

#[test]
fn stills_are_recognised_by_their_content() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = pixels(20, 10);
    for format in [image::ImageFormat::Png, image::ImageFormat::WebP, image::ImageFormat::Jpeg] {
        let path = folder.path().join("no-extension");
        source.save_with_format(&path, format).expect("written");
        let frame = read_still(&path, key()).expect("read");
        assert_eq!((frame.size, frame.key), (Size::new(20, 10), key()));
        let is_jpeg = format == image::ImageFormat::Jpeg;
        assert_eq!(frame.format == PixelFormat::Rgb, !is_jpeg, "a JPEG file's planes are taken as they are");
        let rgb = if is_jpeg { Picture::of(&frame).to_rgb() } else { frame.plane(0).data.to_vec() };
        let error = rgb.iter().zip(source.iter()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(error <= Some(if is_jpeg { 40 } else { 0 }), "{format:?}: off by {error:?}");
    }
}

#[test]
fn a_grey_jpeg_is_a_grey_frame_and_one_without_its_planes_is_rgb() {
    let path = Path::new("picture.jpg");
    let grey =
        decode_still(&jpeg(&image::DynamicImage::new_luma8(9, 7)), path, key(), |whole| whole).expect("decoded").0;
    assert_eq!((grey.format, grey.size), (PixelFormat::Gray, Size::new(9, 7)));
    let mut file = jpeg(&pixels(16, 8).into());
    // Luma sampled more coarsely than chroma: a frame has no such planes.
    let frame_header = file.windows(2).position(|two| two == b"\xff\xc0").expect("a frame header");
    file[frame_header + 11] = 0x11;
    file[frame_header + 14] = 0x21;
    let odd = decode_still(&file, path, key(), |whole| whole).map(|(frame, _)| frame.format);
    assert!(matches!(odd, Ok(PixelFormat::Rgb) | Err(Error::Decode { .. })), "{odd:?}");
}

#[test]
fn a_still_is_turned_upright() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("phone.jpg");
    // TIFF 6.0 little-endian with one entry: tag 0x0112, SHORT, 1, "turn 90° clockwise".
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let plain = jpeg(&pixels(16, 8).into());
    // Behind the start of the image, a segment APP1 with its length.
    let length = (2 + 6 + exif.len() as u16).to_be_bytes();
    let file = [&plain[..2], b"\xff\xe1", &length, b"Exif\0\0", exif, &plain[2..]].concat();
    std::fs::write(&path, file).expect("written");
    assert_eq!(read_still(&path, key()).expect("read").size, Size::new(8, 16));
}

#[test]
fn a_file_that_is_no_picture_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("written");
        path
    };
    let png = png(&pixels(20, 10));
    let jpeg = jpeg(&pixels(30, 30).into());
    for (path, kind) in [
        (file("truncated.jpg", &jpeg[..jpeg.len() - 10]), ErrorKind::BadPicture),
        (folder.path().join("missing.png"), ErrorKind::Io),
        (folder.path().to_owned(), ErrorKind::Io),
        (file("empty.png", b""), ErrorKind::BadPicture),
        (file("text.jpg", b"not a picture at all"), ErrorKind::BadPicture),
        (file("truncated.png", &png[..png.len() / 2]), ErrorKind::BadPicture),
        (file("header-only.jpg", b"\xff\xd8\xff\xe0"), ErrorKind::BadPicture),
        (file("gif.gif", b"GIF89a\x01\0\x01\0\0\0\0;"), ErrorKind::BadPicture),
        (file("bomb.png", &with_size(png.clone(), 30_000, 30_000)), ErrorKind::BadPicture),
    ] {
        let error = read_still(&path, key()).expect_err("no picture");
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}

#[test]
fn a_still_of_too_many_pixels_is_refused_before_it_is_decoded() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("large.png");
    std::fs::write(&path, with_size(png(&pixels(20, 10)), 5_000, 4_001)).expect("written");
    let error = read_still(Path::new(&path), key()).expect_err("too large");
    assert!(error.to_string().contains("5000x4001 is too large: at most 20 million pixels and 64 MiB"), "{error}");
}

fn jpeg(image: &image::DynamicImage) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    image.write_to(&mut file, image::ImageFormat::Jpeg).expect("encodes");
    file.into_inner()
}

fn png(image: &image::RgbImage) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    image.write_to(&mut file, image::ImageFormat::Png).expect("encodes");
    file.into_inner()
}

/// Makes a PNG say that it is of another size. IHDR is its first chunk (PNG specification, §11.2.1).
fn with_size(mut png: Vec<u8>, width: u32, height: u32) -> Vec<u8> {
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = !png[12..29].iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    });
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    png
}
