//! Pictures in formats that the rest of Iris does not read (10 bits, 4:1:1, RGB, …) become I420 of 8 bits, by
//! libswscale, in recycled memory.
#![expect(unsafe_code, reason = "libswscale is C, and an AVFrame over pooled memory is made by hand")]

use std::ffi::c_int;
use std::ptr;

use ffmpeg_next::software::scaling;
use ffmpeg_next::{ffi, format, frame};
use iris_core::PixelFormat;

use crate::error::Cause;
use crate::picture::{Look, Picture};

/// What vector instructions may read or write past a row, and what they like rows to start at.
const ALIGN: usize = 64;

/// Converts the pictures of one camera.
pub(crate) struct Converter {
    scaler: Option<Scaler>,
}

impl Converter {
    pub(crate) const fn new() -> Self {
        Self { scaler: None }
    }

    /// Puts `source` into the empty `target` as I420.
    pub(crate) fn convert(&mut self, source: &Picture, target: &mut Picture) -> Result<Look, Cause> {
        let from = Definition::of(source.frame());
        let scaler = match self.scaler.take() {
            Some(scaler) if scaler.from == from => scaler,
            _ => Scaler::new(from)?,
        };
        let scaler = self.scaler.insert(scaler);
        scaler.run(source.frame(), target.frame_mut())?;
        target.look_at().filter(|look| look.format == PixelFormat::I420).ok_or(Cause::Damaged)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Definition {
    format: format::Pixel,
    width: u32,
    height: u32,
}

impl Definition {
    fn of(frame: &frame::Video) -> Self {
        Self { format: frame.format(), width: frame.width(), height: frame.height() }
    }

    /// Strides and rows of the planes of an I420 picture of this size.
    fn target(self) -> ([usize; 3], [usize; 3]) {
        let (width, height) = (self.width as usize, self.height as usize);
        let chroma = width.div_ceil(2).next_multiple_of(ALIGN);
        ([width.next_multiple_of(ALIGN), chroma, chroma], [height, height.div_ceil(2), height.div_ceil(2)])
    }

    /// Whether libswscale makes limited range of what was full: it does so with RGB and with the formats whose name
    /// says that they are full (yuvj), and with no others.
    fn is_compressed(self) -> bool {
        let full = [format::Pixel::YUVJ411P, format::Pixel::YUVJ440P];
        let is_rgb = self.format.descriptor().is_some_and(|it| it.name().starts_with("gbr"));
        is_rgb || full.contains(&self.format)
    }
}

/// libswscale's context from one definition to I420, and the memory of the results.
struct Scaler {
    from: Definition,
    context: *mut ffi::SwsContext,
    buffers: *mut ffi::AVBufferPool,
}

// SAFETY: both are owned, used through `&mut self` only, and bound to no thread.
unsafe impl Send for Scaler {}

impl Scaler {
    fn new(from: Definition) -> Result<Self, Cause> {
        let (strides, rows) = from.target();
        let bytes: usize = strides.iter().zip(rows).map(|(stride, rows)| stride * rows).sum();
        let (width, height, format) = (from.width as c_int, from.height as c_int, from.format.into());
        let to = ffi::AVPixelFormat::AV_PIX_FMT_YUV420P;
        let (flags, none) = (scaling::Flags::BICUBIC.bits(), ptr::null_mut());
        // SAFETY: filters and parameters may be null. The pool allocates with libavutil's own allocator.
        let scaler = unsafe {
            let context = ffi::sws_getContext(width, height, format, width, height, to, flags, none, none, ptr::null());
            Self { from, context, buffers: ffi::av_buffer_pool_init(bytes + ALIGN, None) }
        };
        if scaler.context.is_null() {
            return Err(Cause::Undecodable(format!("pixel format {:?} cannot be converted", from.format)));
        }
        if scaler.buffers.is_null() { Err(Cause::OutOfMemory) } else { Ok(scaler) }
    }

    fn run(&mut self, source: &frame::Video, target: &mut frame::Video) -> Result<(), Cause> {
        let (strides, rows) = self.from.target();
        // SAFETY: `source` has the format and size that the context was made for. `target` is empty and owned; it gets
        // a buffer of the size that `new` reckoned from the same strides and rows, which its planes lie in one after
        // the other, and returns it to the pool when it is cleared.
        unsafe {
            let (source, target) = (&*source.as_ptr(), &mut *target.as_mut_ptr());
            let buffer = ffi::av_buffer_pool_get(self.buffers);
            if buffer.is_null() {
                return Err(Cause::OutOfMemory);
            }
            target.buf[0] = buffer;
            let mut start = (*buffer).data;
            for plane in 0..3 {
                target.data[plane] = start;
                target.linesize[plane] = strides[plane] as c_int;
                start = start.add(strides[plane] * rows[plane]);
            }
            target.format = ffi::AVPixelFormat::AV_PIX_FMT_YUV420P as c_int;
            (target.width, target.height) = (source.width, source.height);
            target.color_range =
                if self.from.is_compressed() { ffi::AVColorRange::AVCOL_RANGE_MPEG } else { source.color_range };
            target.colorspace = source.colorspace;
            let from = (source.data.as_ptr().cast::<*const u8>(), source.linesize.as_ptr());
            let to = (target.data.as_ptr(), target.linesize.as_ptr());
            ffi::sws_scale(self.context, from.0, from.1, 0, source.height, to.0, to.1);
        }
        Ok(())
    }
}

impl Drop for Scaler {
    fn drop(&mut self) {
        // SAFETY: both are ours and may be null. Buffers that are still out keep their pool until they return.
        unsafe {
            ffi::sws_freeContext(self.context);
            ffi::av_buffer_pool_uninit(&raw mut self.buffers);
        }
    }
}
