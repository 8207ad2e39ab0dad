//! JPEG files by libjpeg-turbo, through its interface of planes: as they are coded, without a detour over RGB.
//! Samples are as JPEG has them (JFIF 1.02): full range, BT.601.

#![expect(unsafe_code, reason = "libjpeg-turbo is a C library")]

use std::borrow::Cow;
use std::ffi::{CStr, c_char, c_int, c_uchar, c_ulong, c_void};
use std::ptr;

use iris_core::{PixelFormat, Size};

/// `TJFLAG_NOREALLOC`: the buffer for the file is ours.
const NO_REALLOC: c_int = 1 << 10;
/// `TJFLAG_LIMITSCANS`: a progressive file of more than 500 scans, which may take minutes, is refused.
const LIMIT_SCANS: c_int = 1 << 15;
/// `TJSAMP_420`.
const HALF_CHROMA: c_int = 2;
/// `TJCS_YCbCr` and `TJCS_GRAY`.
const COLOURS: [c_int; 2] = [1, 2];

// The interface of libjpeg-turbo 1.4 to 3, turbojpeg.h.
#[link(name = "turbojpeg")]
unsafe extern "C" {
    fn tjInitCompress() -> *mut c_void;
    fn tjInitDecompress() -> *mut c_void;
    fn tjDestroy(handle: *mut c_void) -> c_int;
    fn tjGetErrorStr2(handle: *mut c_void) -> *const c_char;
    fn tjBufSize(width: c_int, height: c_int, subsamp: c_int) -> c_ulong;
    fn tjPlaneWidth(component: c_int, width: c_int, subsamp: c_int) -> c_int;
    fn tjPlaneHeight(component: c_int, height: c_int, subsamp: c_int) -> c_int;
    fn tjCompressFromYUVPlanes(
        handle: *mut c_void,
        planes: *const *const c_uchar,
        width: c_int,
        strides: *const c_int,
        height: c_int,
        subsamp: c_int,
        file: *mut *mut c_uchar,
        bytes: *mut c_ulong,
        quality: c_int,
        flags: c_int,
    ) -> c_int;
    fn tjDecompressHeader3(
        handle: *mut c_void,
        file: *const c_uchar,
        bytes: c_ulong,
        width: *mut c_int,
        height: *mut c_int,
        subsamp: *mut c_int,
        colours: *mut c_int,
    ) -> c_int;
    fn tjDecompressToYUVPlanes(
        handle: *mut c_void,
        file: *const c_uchar,
        bytes: c_ulong,
        planes: *const *mut c_uchar,
        width: c_int,
        strides: *const c_int,
        height: c_int,
        flags: c_int,
    ) -> c_int;
}

/// What libjpeg-turbo says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JpegError(String);

/// Encodes a picture with halved chroma. `planes`: luma, `size` samples; Cb and Cr, half as many each way, rounded up; rows
/// without gaps. `quality`: 1 to 100.
///
/// # Errors
/// The picture has no pixels, or more than 65,500 one way, or a plane is shorter than that.
pub fn encode_jpeg(planes: [&[u8]; 3], size: Size, quality: u8) -> Result<Vec<u8>, JpegError> {
    let too_large = || JpegError(format!("{size} is no size of a JPEG file"));
    let most = 65_500;
    if size.pixels() == 0 || size.width > most || size.height > most {
        return Err(too_large());
    }
    let luma = even(planes[0], size)?;
    let chroma = size.width.div_ceil(2) as usize * size.height.div_ceil(2) as usize;
    if planes[1].len() < chroma || planes[2].len() < chroma {
        return Err(JpegError(format!("chroma of {size} should have {chroma} samples")));
    }
    // SAFETY: it can be called at any time.
    let handle = Handle::of(unsafe { tjInitCompress() })?;
    let (width, height) = (size.width as c_int, size.height as c_int);
    // SAFETY: takes numbers.
    let mut bytes = unsafe { tjBufSize(width, height, HALF_CHROMA) };
    let mut file: Vec<u8> = Vec::with_capacity(usize::try_from(bytes).map_err(|_| too_large())?);
    let mut start = file.as_mut_ptr();
    let planes = [luma.as_ptr(), planes[1].as_ptr(), planes[2].as_ptr()];
    // SAFETY: without strides, rows lie without gaps: luma's as long as the width rounded up to even, which `even` has seen
    // to, the others half of that. `tjBufSize` bytes are enough for any picture, so that none is allocated.
    let result = unsafe {
        tjCompressFromYUVPlanes(
            handle.0,
            planes.as_ptr(),
            width,
            ptr::null(),
            height,
            HALF_CHROMA,
            &raw mut start,
            &raw mut bytes,
            quality.clamp(1, 100).into(),
            NO_REALLOC,
        )
    };
    if result != 0 {
        return Err(handle.error());
    }
    // SAFETY: so many were written.
    unsafe { file.set_len(bytes as usize) };
    file.shrink_to_fit();
    Ok(file)
}

/// Luma with an even number of columns and rows, the last ones repeated where they are missing.
fn even(luma: &[u8], size: Size) -> Result<Cow<'_, [u8]>, JpegError> {
    let (width, height) = (size.width as usize, size.height as usize);
    let luma = luma.get(..width * height);
    let luma = luma.ok_or_else(|| JpegError(format!("luma of {size} should have {} samples", size.pixels())))?;
    if width.is_multiple_of(2) && height.is_multiple_of(2) {
        return Ok(Cow::Borrowed(luma));
    }
    let mut out = Vec::with_capacity((width + 1) * (height + 1));
    for y in 0..height.next_multiple_of(2) {
        let row = &luma[y.min(height - 1) * width..][..width];
        out.extend_from_slice(row);
        if !width.is_multiple_of(2) {
            out.push(row[width - 1]);
        }
    }
    Ok(Cow::Owned(out))
}

/// The planes of a JPEG file as they are coded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedJpeg {
    /// How samples lie in them: one of [`I420`](PixelFormat::I420), [`I422`](PixelFormat::I422),
    /// [`I444`](PixelFormat::I444) and [`Gray`](PixelFormat::Gray).
    pub format: PixelFormat,
    /// Samples, and bytes from row to row.
    pub planes: Vec<(Vec<u8>, usize)>,
}

/// How much smaller than its file says a picture is decoded, each way. What is not needed is not transformed: the low
/// frequencies of a block alone make a smaller one (libjpeg's scaled inverse transforms).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reduction {
    /// As it is.
    #[default]
    None,
    /// To a half.
    Half,
    /// To a quarter.
    Quarter,
    /// To an eighth.
    Eighth,
}

impl Reduction {
    /// The strongest that leaves at least the size `needed`.
    pub fn to_at_least(needed: Size, size: Size) -> Self {
        let leaves = |this: &Self| {
            let left = this.of(size);
            left.width >= needed.width && left.height >= needed.height
        };
        [Self::Eighth, Self::Quarter, Self::Half].into_iter().find(leaves).unwrap_or_default()
    }

    /// What it leaves of a size, rounded up.
    pub fn of(self, size: Size) -> Size {
        let part = 1 << self as u32;
        Size::new(size.width.div_ceil(part), size.height.div_ceil(part))
    }
}

/// Decodes a file whose header says that it has that `size`, reduced. None if it is damaged, or coded in a way that a frame is
/// not: other colours than YCbCr, other sampling.
pub fn decode_jpeg(file: &[u8], size: Size, reduction: Reduction) -> Option<DecodedJpeg> {
    // SAFETY: it can be called at any time.
    let handle = Handle::of(unsafe { tjInitDecompress() }).ok()?;
    let bytes = file.len() as c_ulong;
    let (mut width, mut height, mut subsamp, mut colours) = (0, 0, 0, 0);
    // SAFETY: the file is `bytes` long, and the rest are places for numbers.
    let result = unsafe {
        let (width, height) = (&raw mut width, &raw mut height);
        tjDecompressHeader3(handle.0, file.as_ptr(), bytes, width, height, &raw mut subsamp, &raw mut colours)
    };
    if result != 0 || (width, height) != (size.width as c_int, size.height as c_int) || !COLOURS.contains(&colours) {
        return None;
    }
    // In the order of `TJSAMP`.
    let formats = [PixelFormat::I444, PixelFormat::I422, PixelFormat::I420, PixelFormat::Gray];
    let format = *formats.get(usize::try_from(subsamp).ok()?)?;
    let reduced = reduction.of(size);
    let (width, height) = (c_int::try_from(reduced.width).ok()?, c_int::try_from(reduced.height).ok()?);
    let plane = |component: c_int| {
        // SAFETY: they take numbers.
        let (width, height) =
            unsafe { (tjPlaneWidth(component, width, subsamp), tjPlaneHeight(component, height, subsamp)) };
        let (width, height) = (usize::try_from(width).ok()?, usize::try_from(height).ok()?);
        Some((vec![0; width * height], width))
    };
    let mut planes = (0..format.planes() as c_int).map(plane).collect::<Option<Vec<(Vec<u8>, usize)>>>()?;
    let mut starts = [ptr::null_mut(); 3];
    for (start, (samples, _)) in starts.iter_mut().zip(&mut planes) {
        *start = samples.as_mut_ptr();
    }
    // SAFETY: without strides, rows lie without gaps, and each plane is as large as the library says it is for this width and
    // height. It decodes to the largest of its scales that is not above them, which is this reduction.
    let result = unsafe {
        tjDecompressToYUVPlanes(
            handle.0,
            file.as_ptr(),
            bytes,
            starts.as_ptr(),
            width,
            ptr::null(),
            height,
            LIMIT_SCANS,
        )
    };
    (result == 0).then_some(DecodedJpeg { format, planes })
}

/// Something of the library's that ends with this.
struct Handle(*mut c_void);

impl Handle {
    fn of(handle: *mut c_void) -> Result<Self, JpegError> {
        if handle.is_null() { Err(JpegError("out of memory".into())) } else { Ok(Self(handle)) }
    }

    fn error(&self) -> JpegError {
        // SAFETY: a text that is there as long as the handle.
        let text = unsafe { CStr::from_ptr(tjGetErrorStr2(self.0)) };
        JpegError(text.to_string_lossy().into_owned())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: it is not used any more.
        unsafe { tjDestroy(self.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Smooth planes, which a JPEG file keeps nearly as they are.
    fn smooth(size: Size) -> [Vec<u8>; 3] {
        let plane = |width: u32, height: u32, phase: u32| {
            let sample = move |x, y| 128.0 + 90.0 * f64::from(x * 2 + y * 3 + phase).mul_add(0.02, 0.0).sin();
            (0..height).flat_map(|y| (0..width).map(move |x| sample(x, y) as u8)).collect()
        };
        let (w, h) = (size.width.div_ceil(2), size.height.div_ceil(2));
        [plane(size.width, size.height, 0), plane(w, h, 40), plane(w, h, 80)]
    }

    fn encode(planes: &[Vec<u8>; 3], size: Size) -> Result<Vec<u8>, JpegError> {
        encode_jpeg(planes.each_ref().map(Vec::as_slice), size, 95)
    }

    #[test]
    fn what_was_encoded_comes_back_whatever_the_size() {
        for (width, height) in [(64, 48), (63, 48), (64, 47), (17, 33), (1, 1), (2, 1), (1, 9)] {
            let size = Size::new(width, height);
            let planes = smooth(size);
            let file = encode(&planes, size).expect("encoded");
            let decoded = decode_jpeg(&file, size, Reduction::None).expect("decoded");
            assert_eq!(decoded.format, PixelFormat::I420);
            for (i, (samples, stride)) in decoded.planes.iter().enumerate() {
                let (w, h) = if i == 0 { (width, height) } else { (width.div_ceil(2), height.div_ceil(2)) };
                let rows = planes[i].chunks(w as usize).zip(samples.chunks(*stride));
                assert_eq!(rows.len(), h as usize, "{size}");
                let most = rows.flat_map(|(a, b)| a.iter().zip(b).map(|(a, b)| a.abs_diff(*b))).max();
                assert!(most < Some(12), "{size}: {most:?} in plane {i}");
            }
        }
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let none: [Vec<u8>; 3] = Default::default();
        for size in [Size::new(0, 5), Size::new(70_000, 1)] {
            let error = encode(&none, size).expect_err("no size of a JPEG file").to_string();
            assert!(error.contains(&size.to_string()), "{error}");
        }
        let [luma, cb, cr] = smooth(Size::new(8, 8));
        let error = encode(&[luma[..60].to_vec(), cb.clone(), cr.clone()], Size::new(8, 8)).expect_err("short");
        assert_eq!(error.to_string(), "luma of 8x8 should have 64 samples");
        let error = encode(&[luma, cb[..15].to_vec(), cr], Size::new(8, 8)).expect_err("short");
        assert_eq!(error.to_string(), "chroma of 8x8 should have 16 samples");
        assert_eq!(decode_jpeg(b"no picture", Size::new(8, 8), Reduction::None), None);
        assert_eq!(decode_jpeg(&[], Size::new(8, 8), Reduction::Half), None);
    }

    #[test]
    fn a_file_of_another_size_than_was_said_is_not_decoded() {
        let size = Size::new(16, 16);
        let file = encode(&smooth(size), size).expect("encoded");
        assert_eq!(decode_jpeg(&file, Size::new(16, 8), Reduction::None), None);
    }

    #[test]
    fn a_reduced_picture_shows_the_means_of_the_whole_one() {
        let reductions = [Reduction::Half, Reduction::Quarter, Reduction::Eighth];
        for (width, height) in [(64, 48), (63, 41), (640, 360), (3, 3), (1, 1)] {
            let size = Size::new(width, height);
            let planes = smooth(size);
            let file = encode(&planes, size).expect("encoded");
            for (reduction, part) in reductions.into_iter().zip([2, 4, 8]) {
                let left = reduction.of(size);
                let decoded = decode_jpeg(&file, size, reduction).expect("decoded");
                let (luma, stride) = &decoded.planes[0];
                assert_eq!((decoded.format, *stride), (PixelFormat::I420, (left.width as usize).next_multiple_of(2)));
                // Blocks at the edge are filled up by what the encoder chose.
                for (x, y) in (0..height / part).flat_map(|y| (0..width / part).map(move |x| (x, y))) {
                    let of = |x: u32, y: u32| u32::from(planes[0][(y * width + x) as usize]);
                    let block = (0..part * part).map(|i| of(x * part + i % part, y * part + i / part));
                    let (mean, is) = (block.sum::<u32>() / (part * part), luma[y as usize * stride + x as usize]);
                    assert!(mean.abs_diff(is.into()) < 8, "{size} {reduction:?} {x} {y}: {is}, not {mean}");
                }
                for (samples, stride) in &decoded.planes[1..] {
                    let (w, h) = (left.width.div_ceil(2) as usize, left.height.div_ceil(2) as usize);
                    assert_eq!((samples.len(), *stride), (w * h, w), "{size} {reduction:?}");
                }
            }
        }
    }

    #[test]
    fn a_picture_is_reduced_as_far_as_it_is_still_large_enough() {
        let (hd, odd) = (Size::new(1280, 720), Size::new(1279, 719));
        for (size, needed, reduction) in [
            (hd, Size::new(416, 234), Reduction::Half),
            (hd, Size::new(640, 360), Reduction::Half),
            (odd, Size::new(640, 360), Reduction::Half),
            (hd, Size::new(640, 361), Reduction::None),
            (hd, Size::new(320, 180), Reduction::Quarter),
            (hd, Size::new(10, 10), Reduction::Eighth),
            (Size::new(4, 4), Size::new(384, 224), Reduction::None),
        ] {
            assert_eq!(Reduction::to_at_least(needed, size), reduction, "{size} to {needed}");
        }
    }

    proptest! {
        #[test]
        fn damage_is_survived(at in proptest::collection::vec((0usize..4000, any::<u8>()), 1..8), cut in 0usize..4000) {
            let size = Size::new(80, 64);
            let mut file = encode(&smooth(size), size).unwrap();
            let len = file.len();
            for (at, byte) in at {
                file[at % len] = byte;
            }
            file.truncate(len - cut % len);
            for reduction in [Reduction::None, Reduction::Half, Reduction::Quarter, Reduction::Eighth] {
                if let Some(decoded) = decode_jpeg(&file, size, reduction) {
                    prop_assert_eq!(decoded.planes.len(), decoded.format.planes());
                }
            }
        }
    }
}
