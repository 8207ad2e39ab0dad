//! Decoded pictures. The type is here; the memory behind it belongs to the decoder's pool.

use std::fmt;

use crate::{FrameKey, Moment, Size, Stamps};

/// How samples lie in a frame's planes; 8 bits a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// Y, U, V; chroma halved both ways.
    I420,
    /// Y, U, V; chroma halved across (many MJPEG cameras).
    I422,
    /// Y, U, V; chroma in full.
    I444,
    /// Y, then U and V interleaved; chroma halved both ways (hardware decoders).
    Nv12,
    /// Luma only.
    Gray,
    /// Red, green, blue interleaved (still pictures).
    Rgb,
}

impl PixelFormat {
    /// How many planes it has.
    pub const fn planes(self) -> usize {
        match self {
            Self::I420 | Self::I422 | Self::I444 => 3,
            Self::Nv12 => 2,
            Self::Gray | Self::Rgb => 1,
        }
    }
}

/// The range of luma samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColorRange {
    /// 16 to 235 (ITU-R BT.601 §2.5.3).
    Limited,
    /// 0 to 255 (JPEG).
    Full,
}

/// The matrix between RGB and YUV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColorMatrix {
    /// ITU-R BT.601: standard definition and JPEG.
    Bt601,
    /// ITU-R BT.709: high definition.
    Bt709,
}

/// One plane of samples: `height` rows, each starting `stride` bytes after the one before.
#[derive(Clone, Copy)]
pub struct Plane<'a> {
    /// The samples, with padding at the end of rows.
    pub data: &'a [u8],
    /// Bytes from row to row.
    pub stride: usize,
}

/// The memory of one frame, lent by a pool.
pub trait FrameBuffer: Send + Sync {
    /// Plane `index` of the frame, below [`PixelFormat::planes`].
    fn plane(&self, index: usize) -> Plane<'_>;
    /// Takes the memory back. Called once, when the frame is dropped.
    fn recycle(self: Box<Self>);
}

/// A decoded picture. It moves; dropping it returns its memory to the pool. Who keeps one for long takes a
/// [copy](Frame::detached).
pub struct Frame {
    /// Its name: that of the access unit it came from.
    pub key: FrameKey,
    /// When it was taken.
    pub at: Moment,
    /// When it passed each stage.
    pub stamps: Stamps,
    /// How samples lie in the planes.
    pub format: PixelFormat,
    /// The range of its samples.
    pub range: ColorRange,
    /// The matrix of its colours.
    pub matrix: ColorMatrix,
    /// The visible picture.
    pub size: Size,
    buffer: Option<Box<dyn FrameBuffer>>,
}

/// What a frame is besides its memory: the arguments of [`Frame::new`].
#[derive(Debug, Clone, Copy)]
pub struct FrameInfo {
    /// See [`Frame::key`].
    pub key: FrameKey,
    /// See [`Frame::at`].
    pub at: Moment,
    /// See [`Frame::stamps`].
    pub stamps: Stamps,
    /// See [`Frame::format`].
    pub format: PixelFormat,
    /// See [`Frame::range`].
    pub range: ColorRange,
    /// See [`Frame::matrix`].
    pub matrix: ColorMatrix,
    /// See [`Frame::size`].
    pub size: Size,
}

impl Frame {
    /// A frame over memory that holds its planes.
    pub fn new(info: FrameInfo, buffer: Box<dyn FrameBuffer>) -> Self {
        let FrameInfo { key, at, stamps, format, range, matrix, size } = info;
        Self { key, at, stamps, format, range, matrix, size, buffer: Some(buffer) }
    }

    /// Plane `index`, below [`PixelFormat::planes`]; empty for one that the format does not have.
    pub fn plane(&self, index: usize) -> Plane<'_> {
        match &self.buffer {
            Some(buffer) if index < self.format.planes() => buffer.plane(index),
            _ => Plane { data: &[], stride: 0 },
        }
    }

    /// The same picture in memory of its own. A decoder's pool never shrinks, and grows by each frame that is kept while
    /// the next is decoded: what is kept for seconds must not be its.
    #[must_use]
    pub fn detached(&self) -> Self {
        let copy = |index| {
            let Plane { data, stride } = self.plane(index);
            (data.to_vec(), stride)
        };
        let Self { key, at, stamps, format, range, matrix, size, .. } = *self;
        let planes = (0..format.planes()).map(copy).collect();
        Self::new(FrameInfo { key, at, stamps, format, range, matrix, size }, OwnedPlanes::new(planes))
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            buffer.recycle();
        }
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} {} {:?})", self.key, self.size, self.format)
    }
}

/// Planes in ordinary memory, owned by the frame: still pictures, pictures that are kept, and tests.
pub struct OwnedPlanes {
    planes: Vec<(Vec<u8>, usize)>,
}

impl OwnedPlanes {
    /// Planes as (samples, stride).
    pub fn new(planes: Vec<(Vec<u8>, usize)>) -> Box<Self> {
        Box::new(Self { planes })
    }
}

impl FrameBuffer for OwnedPlanes {
    fn plane(&self, index: usize) -> Plane<'_> {
        let (data, stride) = &self.planes[index];
        Plane { data, stride: *stride }
    }

    fn recycle(self: Box<Self>) {}
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::{CameraId, Epoch, MediaTime};

    struct Lent {
        sample: [u8; 1],
        returned: Arc<AtomicU32>,
    }

    impl FrameBuffer for Lent {
        fn plane(&self, _: usize) -> Plane<'_> {
            Plane { data: &self.sample, stride: 1 }
        }

        fn recycle(self: Box<Self>) {
            self.returned.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn frame(returned: &Arc<AtomicU32>) -> Frame {
        let camera = CameraId::new("c").expect("a valid id");
        let info = FrameInfo {
            key: FrameKey { camera, epoch: Epoch::first(1), seq: 0 },
            at: Moment { media: MediaTime::ZERO, wall: None },
            stamps: Stamps::default(),
            format: PixelFormat::Nv12,
            range: ColorRange::Limited,
            matrix: ColorMatrix::Bt709,
            size: Size::new(1, 1),
        };
        Frame::new(info, Box::new(Lent { sample: [7], returned: Arc::clone(returned) }))
    }

    #[test]
    fn memory_goes_back_once_when_the_frame_is_dropped() {
        let returned = Arc::default();
        let frame = frame(&returned);
        let moved = [frame];
        assert_eq!(returned.load(Ordering::SeqCst), 0);
        drop(moved);
        assert_eq!(returned.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_copy_outlives_the_memory_of_the_pool() {
        let returned = Arc::default();
        let frame = frame(&returned);
        let copy = frame.detached();
        drop(frame);
        assert_eq!(returned.load(Ordering::SeqCst), 1);
        assert_eq!((copy.plane(1).data, copy.plane(1).stride), (&[7][..], 1));
        assert_eq!((copy.format, copy.size), (PixelFormat::Nv12, Size::new(1, 1)));
    }

    #[test]
    fn a_plane_that_the_format_does_not_have_is_empty() {
        let frame = frame(&Arc::default());
        assert_eq!((frame.plane(1).data, frame.plane(1).stride), (&[7][..], 1));
        assert_eq!((frame.plane(2).data.len(), frame.plane(2).stride), (0, 0));
    }
}
