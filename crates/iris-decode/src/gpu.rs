//! An NVIDIA GPU that decodes H.264 and H.265 (NVDEC), through libavcodec's hardware acceleration. Pictures are fetched from it, so
//! that the rest of Iris reads them like all others.
#![expect(unsafe_code, reason = "libavutil's devices are reference-counted pointers")]

use std::ffi::CString;
use std::ptr;
use std::sync::Arc;

use ffmpeg_next::ffi;

use crate::log;

/// An open GPU, for the decoders of all cameras.
#[derive(Debug, PartialEq, Eq)]
pub struct Gpu(*mut ffi::AVBufferRef);

// SAFETY: references are counted atomically (buffer.h), and what they refer to is locked by whoever uses it (hwcontext.h).
unsafe impl Send for Gpu {}
// SAFETY: as above.
unsafe impl Sync for Gpu {}

/// Why a GPU cannot decode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("GPU {index} cannot decode video: {reason}")]
pub struct GpuError {
    index: u32,
    reason: String,
}

impl Gpu {
    /// Opens GPU number `index`, from 0.
    ///
    /// # Errors
    /// There is none, its driver is missing, or this FFmpeg knows nothing of NVIDIA's.
    pub fn open(index: u32) -> Result<Arc<Self>, GpuError> {
        let name = CString::new(index.to_string()).unwrap_or_default();
        let cuda = ffi::AVHWDeviceType::AV_HWDEVICE_TYPE_CUDA;
        let mut device = ptr::null_mut();
        let opened = log::explain(|| {
            // SAFETY: `device` is a place for a reference, the name ends with a zero, and there may be no options.
            let result =
                unsafe { ffi::av_hwdevice_ctx_create(&raw mut device, cuda, name.as_ptr(), ptr::null_mut(), 0) };
            if result < 0 { Err(ffmpeg_next::Error::from(result)) } else { Ok(()) }
        });
        opened.map(|()| Arc::new(Self(device))).map_err(|reason| GpuError { index, reason })
    }

    /// Another reference to it, which whoever gets it gives back; null if there is no memory.
    pub(crate) fn share(&self) -> *mut ffi::AVBufferRef {
        // SAFETY: it is a reference as long as `self` lives.
        unsafe { ffi::av_buffer_ref(self.0) }
    }
}

impl Drop for Gpu {
    fn drop(&mut self) {
        // SAFETY: it is ours. Decoders have references of their own.
        unsafe { ffi::av_buffer_unref(&raw mut self.0) };
    }
}
