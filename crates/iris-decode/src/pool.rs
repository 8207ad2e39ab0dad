//! The shells in which pictures travel, lent to frames and taken back. The samples themselves lie in libavcodec's own
//! buffer pools, one a context, to which a shell returns them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use iris_core::{FrameBuffer, Plane};

use crate::picture::Picture;

/// Lends shells to frames. Shared by the decoders of all cameras; it grows to as many as are out at once.
#[derive(Default)]
pub struct FramePool {
    // The boxes stay as they are from loan to loan: that is what the pool is for.
    #[expect(clippy::vec_box, reason = "a frame owns its memory as a box")]
    idle: Mutex<Vec<Box<Shell>>>,
    outstanding: AtomicUsize,
}

impl FramePool {
    /// An empty pool.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// How many frames are out.
    pub fn outstanding(&self) -> usize {
        self.outstanding.load(Ordering::Relaxed)
    }

    /// How many shells wait to be lent again.
    pub fn idle(&self) -> usize {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// An empty shell. None if there is no memory.
    pub(crate) fn take(&self) -> Option<Box<Shell>> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.or_else(|| Some(Box::new(Shell { picture: Picture::new()?, pool: None })))
    }

    /// Takes back a shell that was not lent.
    pub(crate) fn put(&self, mut shell: Box<Shell>) {
        shell.picture.clear();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(shell);
    }

    /// Makes a shell one that finds back by itself when the frame is dropped.
    pub(crate) fn lend(self: &Arc<Self>, shell: &mut Shell) {
        self.outstanding.fetch_add(1, Ordering::Relaxed);
        shell.pool = Some(Arc::clone(self));
    }
}

/// A picture that knows where it belongs.
pub(crate) struct Shell {
    pub(crate) picture: Picture,
    /// Set while it is lent; an idle shell must not keep its pool alive.
    pool: Option<Arc<FramePool>>,
}

impl FrameBuffer for Shell {
    fn plane(&self, index: usize) -> Plane<'_> {
        self.picture.plane(index)
    }

    fn recycle(mut self: Box<Self>) {
        if let Some(pool) = self.pool.take() {
            pool.outstanding.fetch_sub(1, Ordering::Relaxed);
            pool.put(self);
        }
    }
}
