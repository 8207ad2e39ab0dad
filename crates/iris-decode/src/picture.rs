//! A picture of libavcodec's: what it looks like and where its samples are.
#![expect(unsafe_code, reason = "an AVFrame is pointers; here they become slices")]

use std::ffi::c_int;

use ffmpeg_next::{ffi, frame};
use iris_core::{ColorMatrix, ColorRange, PixelFormat, Plane, Size};

use crate::error::Cause;
use crate::log;

use ffi::{AVColorRange as Range, AVColorSpace as Space, AVPixelFormat as Format};

/// An `AVFrame`, empty or holding a reference to a buffer of samples.
pub(crate) struct Picture {
    frame: frame::Video,
    look: Look,
}

/// How the samples of a picture are to be read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Look {
    pub(crate) format: PixelFormat,
    pub(crate) range: ColorRange,
    pub(crate) matrix: ColorMatrix,
    pub(crate) size: Size,
}

const NOTHING: Look =
    Look { format: PixelFormat::Gray, range: ColorRange::Limited, matrix: ColorMatrix::Bt601, size: Size::new(0, 0) };

impl Picture {
    /// An empty one. None if there is no memory.
    pub(crate) fn new() -> Option<Self> {
        let frame = frame::Video::empty();
        // SAFETY: only the pointer is looked at.
        let allocated = unsafe { !frame.as_ptr().is_null() };
        allocated.then_some(Self { frame, look: NOTHING })
    }

    /// For libavcodec or libswscale to put a picture in; then call [`look_at`](Self::look_at).
    pub(crate) fn frame_mut(&mut self) -> &mut frame::Video {
        self.look = NOTHING;
        &mut self.frame
    }

    pub(crate) fn frame(&self) -> &frame::Video {
        &self.frame
    }

    /// The serial number of the access unit it came from.
    pub(crate) fn serial(&self) -> i64 {
        self.fields().pts
    }

    /// libavcodec says that not all of it was there.
    pub(crate) fn is_damaged(&self) -> bool {
        self.fields().flags & ffi::AV_FRAME_FLAG_CORRUPT != 0 || self.fields().decode_error_flags != 0
    }

    /// Its samples lie on a GPU.
    pub(crate) fn is_on_gpu(&self) -> bool {
        self.fields().format == Format::AV_PIX_FMT_CUDA as c_int
    }

    /// Fetches the samples from the GPU into the empty `target`.
    pub(crate) fn fetch(&self, target: &mut Self) -> Result<(), Cause> {
        // SAFETY: both are frames. The target has no samples, so that libavutil allocates them, in a format of its choice.
        let result = unsafe {
            let (from, to) = (self.frame.as_ptr(), target.frame_mut().as_mut_ptr());
            match ffi::av_hwframe_transfer_data(to, from, 0) {
                0.. => ffi::av_frame_copy_props(to, from),
                error => error,
            }
        };
        if result < 0 { Err(Cause::Undecodable(log::describe(result.into()))) } else { Ok(()) }
    }

    /// Reads the look of what it holds, so that its planes can be read. None if its format is none of
    /// [`PixelFormat`]'s and it must be converted.
    pub(crate) fn look_at(&mut self) -> Option<Look> {
        let fields = self.fields();
        let size = Size::new(u32::try_from(fields.width).ok()?, u32::try_from(fields.height).ok()?);
        let format = pixel_format(fields.format)?;
        let look = Look { format, range: range_of(fields), matrix: matrix_of(fields), size };
        let readable = (0..format.planes()).all(|index| {
            let (row_bytes, _) = plane_size(format, size, index);
            !fields.data[index].is_null() && usize::try_from(fields.linesize[index]).is_ok_and(|s| s >= row_bytes)
        });
        self.look = look;
        readable.then_some(look)
    }

    /// Plane `index`, below the planes of its format.
    pub(crate) fn plane(&self, index: usize) -> Plane<'_> {
        let (row_bytes, rows) = plane_size(self.look.format, self.look.size, index);
        let stride = self.fields().linesize[index] as usize;
        if row_bytes == 0 || rows == 0 {
            return Plane { data: &[], stride };
        }
        // SAFETY: `look_at` has seen that the pointer is not null and the stride positive and no less than a row. The
        // frame's reference keeps the buffer alive as long as `self` is borrowed, nobody writes to a picture once it
        // was given out, and the buffer holds `rows` rows of `stride` bytes, of which the last may end with its samples.
        let data = unsafe { std::slice::from_raw_parts(self.fields().data[index], stride * (rows - 1) + row_bytes) };
        Plane { data, stride }
    }

    /// Lets go of the samples, so that the buffer returns to where it came from.
    pub(crate) fn clear(&mut self) {
        // SAFETY: the frame is valid; after this it is an empty one.
        unsafe { ffi::av_frame_unref(self.frame_mut().as_mut_ptr()) };
    }

    fn fields(&self) -> &ffi::AVFrame {
        // SAFETY: `new` has seen that it is not null; it is owned by `self` and changed only through `&mut self`.
        unsafe { &*self.frame.as_ptr() }
    }
}

/// The format that needs no conversion.
fn pixel_format(format: c_int) -> Option<PixelFormat> {
    let known = [
        (Format::AV_PIX_FMT_YUV420P, PixelFormat::I420),
        (Format::AV_PIX_FMT_YUVJ420P, PixelFormat::I420),
        (Format::AV_PIX_FMT_YUV422P, PixelFormat::I422),
        (Format::AV_PIX_FMT_YUVJ422P, PixelFormat::I422),
        (Format::AV_PIX_FMT_YUV444P, PixelFormat::I444),
        (Format::AV_PIX_FMT_YUVJ444P, PixelFormat::I444),
        (Format::AV_PIX_FMT_NV12, PixelFormat::Nv12),
        (Format::AV_PIX_FMT_GRAY8, PixelFormat::Gray),
    ];
    known.iter().find(|(theirs, _)| *theirs as c_int == format).map(|(_, ours)| *ours)
}

/// Bytes in a row, and rows, of a plane.
fn plane_size(format: PixelFormat, size: Size, index: usize) -> (usize, usize) {
    let (width, height) = (size.width as usize, size.height as usize);
    match (format, index) {
        (PixelFormat::Rgb, _) => (3 * width, height),
        (_, 0) | (PixelFormat::I444, _) => (width, height),
        (PixelFormat::I422, _) => (width.div_ceil(2), height),
        (PixelFormat::Nv12, _) => (2 * width.div_ceil(2), height.div_ceil(2)),
        (PixelFormat::I420 | PixelFormat::Gray, _) => (width.div_ceil(2), height.div_ceil(2)),
    }
}

fn range_of(frame: &ffi::AVFrame) -> ColorRange {
    let full = Range::AVCOL_RANGE_JPEG as u32;
    // SAFETY: a C enum is read as the integer that it is, so that a value that the bindings do not know is no matter.
    let range = unsafe { (&raw const frame.color_range).cast::<u32>().read() };
    let named_full = [Format::AV_PIX_FMT_YUVJ420P, Format::AV_PIX_FMT_YUVJ422P, Format::AV_PIX_FMT_YUVJ444P];
    let is_full = range == full || named_full.iter().any(|named| *named as c_int == frame.format);
    if is_full { ColorRange::Full } else { ColorRange::Limited }
}

/// The matrix as the stream states it; where it does not, what everyone assumes: BT.709 from 720 lines on.
fn matrix_of(frame: &ffi::AVFrame) -> ColorMatrix {
    // SAFETY: as in `range_of`.
    let space = unsafe { (&raw const frame.colorspace).cast::<u32>().read() };
    let is = |known: &[Space]| known.iter().any(|known| *known as u32 == space);
    let unstated = is(&[Space::AVCOL_SPC_UNSPECIFIED, Space::AVCOL_SPC_RESERVED]);
    let like_601 = [Space::AVCOL_SPC_BT470BG, Space::AVCOL_SPC_SMPTE170M, Space::AVCOL_SPC_FCC, Space::AVCOL_SPC_RGB];
    if is(&like_601) || (unstated && frame.height < 720) {
        ColorMatrix::Bt601
    } else {
        // BT.2020 and SMPTE 240M lie far nearer to it than to BT.601.
        ColorMatrix::Bt709
    }
}
