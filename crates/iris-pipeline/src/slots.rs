//! prepared → model: one slot a camera, in which a newer frame takes the place of an older one. The scheduler of
//! iris-infer decides whose turn it is; here it meets the threads.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use iris_core::{CameraId, Clock};
use iris_infer::{Scheduler, Share, Take};

/// The slots of all cameras, shared by decoder and model threads.
pub(crate) struct LatestSlots<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    scheduler: Scheduler<T>,
    open: bool,
}

impl<T> LatestSlots<T> {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State { scheduler: Scheduler::default(), open: true }), changed: Condvar::new() }
    }

    pub(crate) fn add(&self, camera: CameraId, share: Share) {
        self.lock().scheduler.add(camera, share);
    }

    /// Closes a camera's slot and gives back what lay in it.
    pub(crate) fn remove(&self, camera: CameraId) -> Option<T> {
        self.lock().scheduler.remove(camera)
    }

    /// Whether a frame of this camera is worth preparing now.
    pub(crate) fn wants(&self, camera: CameraId, clock: &dyn Clock) -> bool {
        self.lock().scheduler.is_due(camera, clock.mono())
    }

    /// Puts a frame into its camera's slot and gives back the one that it displaces, or the frame itself if the
    /// camera has no slot. Never blocks.
    pub(crate) fn put(&self, camera: CameraId, item: T) -> Option<T> {
        let displaced = self.lock().scheduler.offer(camera, item);
        self.changed.notify_one();
        displaced
    }

    /// Waits for the next frame in the scheduler's order; `None` once the slots are shut.
    pub(crate) fn take(&self, clock: &dyn Clock) -> Option<(CameraId, T)> {
        let mut state = self.lock();
        while state.open {
            let now = clock.mono();
            state = match state.scheduler.take(now) {
                Take::Ready(camera, item) => return Some((camera, item)),
                Take::NotBefore(due) => {
                    let wait = self.changed.wait_timeout(state, due.since(now));
                    wait.unwrap_or_else(PoisonError::into_inner).0
                }
                Take::Empty => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        None
    }

    /// Says that the device is done with the camera's frame that it took.
    pub(crate) fn done(&self, camera: CameraId) {
        self.lock().scheduler.done(camera);
        self.changed.notify_one();
    }

    pub(crate) fn shut(&self) {
        self.lock().open = false;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
