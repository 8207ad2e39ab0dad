//! The model's input as memory: buffers that go back to their pool when dropped. How pixels get into them is
//! preprocessing; how they get into a model is the runtime.

use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use iris_core::Letterbox;
use serde::{Deserialize, Serialize};

/// The type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ElementType {
    /// 32-bit floating point.
    #[default]
    F32,
    /// Bytes; the model normalises by itself.
    U8,
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::F32 => "f32",
            Self::U8 => "u8",
        })
    }
}

/// A tensor's elements.
#[derive(Debug, Clone, PartialEq)]
pub enum Samples {
    /// As [`ElementType::F32`].
    F32(Vec<f32>),
    /// As [`ElementType::U8`].
    U8(Vec<u8>),
}

impl Samples {
    pub(crate) fn new(element: ElementType, len: usize) -> Self {
        match element {
            ElementType::F32 => Self::F32(vec![0.0; len]),
            ElementType::U8 => Self::U8(vec![0; len]),
        }
    }

    /// Their type.
    pub fn element(&self) -> ElementType {
        match self {
            Self::F32(_) => ElementType::F32,
            Self::U8(_) => ElementType::U8,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::U8(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn clear(&mut self) {
        match self {
            Self::F32(v) => v.clear(),
            Self::U8(v) => v.clear(),
        }
    }
}

/// A buffer and what its padding was last filled for, so that a camera's next frame need not fill it again.
pub(crate) struct Buffer {
    pub(crate) samples: Samples,
    pub(crate) padded_for: Option<Letterbox>,
}

/// Spare buffers of one size. It grows to as many as were ever in use at once.
pub(crate) struct TensorPool {
    shape: [usize; 3],
    element: ElementType,
    spare: Mutex<Vec<Buffer>>,
}

impl TensorPool {
    /// A pool of tensors of `shape` (channels, rows, columns).
    pub(crate) fn new(shape: [usize; 3], element: ElementType) -> Arc<Self> {
        Arc::new(Self { shape, element, spare: Mutex::default() })
    }

    /// A tensor with any contents.
    pub(crate) fn take(self: &Arc<Self>) -> Tensor {
        let spare = self.lock().pop();
        let buffer = spare.unwrap_or_else(|| Buffer {
            samples: Samples::new(self.element, self.shape.iter().product()),
            padded_for: None,
        });
        Tensor { buffer, pool: Arc::clone(self) }
    }

    // A Vec is whole whatever panicked beside it, so a poisoned lock is still good.
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Buffer>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One image as a model takes it: channels × rows × columns, without a batch dimension. Dropping it returns
/// its memory to the pool.
pub struct Tensor {
    pub(crate) buffer: Buffer,
    pool: Arc<TensorPool>,
}

impl Tensor {
    /// Channels, rows, columns.
    pub fn shape(&self) -> [usize; 3] {
        self.pool.shape
    }

    /// The elements, row by row, plane by plane.
    pub fn samples(&self) -> &Samples {
        &self.buffer.samples
    }

    /// A tensor outside any preprocessing, for tests and for feeding a runtime directly.
    ///
    /// # Panics
    /// If `samples` are not as many as `shape` says.
    pub fn from_samples(shape: [usize; 3], samples: Samples) -> Self {
        assert_eq!(samples.len(), shape.iter().product(), "samples do not fill {shape:?}");
        let pool = TensorPool::new(shape, samples.element());
        Self { buffer: Buffer { samples, padded_for: None }, pool }
    }
}

impl Drop for Tensor {
    fn drop(&mut self) {
        let empty = Buffer { samples: Samples::U8(Vec::new()), padded_for: None };
        let buffer = mem::replace(&mut self.buffer, empty);
        self.pool.lock().push(buffer);
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [c, h, w] = self.shape();
        write!(f, "Tensor({c}x{h}x{w} {})", self.pool.element)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_tensor_is_used_again() {
        let pool = TensorPool::new([3, 2, 2], ElementType::F32);
        let first = pool.take();
        let Samples::F32(v) = first.samples() else { panic!("f32 was asked for") };
        let address = v.as_ptr();
        drop(first);
        let second = pool.take();
        assert!(matches!(second.samples(), Samples::F32(v) if v.as_ptr() == address && v.len() == 12));
        let third = pool.take();
        assert!(matches!(third.samples(), Samples::F32(v) if v.as_ptr() != address));
    }
}
