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

    /// Changes a camera's rate.
    pub(crate) fn set_rate(&self, camera: CameraId, rate_hz: f32) {
        self.lock().scheduler.set_rate(camera, rate_hz);
    }

    /// How long due frames wait for a device, in periods of their cameras' rates.
    pub(crate) fn waits(&self) -> f64 {
        self.lock().scheduler.waits()
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

    /// How many slots there are, and how many are taken.
    pub(crate) fn occupancy(&self) -> (usize, usize) {
        self.lock().scheduler.occupancy()
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

#[cfg(test)]
mod tests {
    use super::*;
    use iris_core::clock::ManualClock;
    use std::sync::Arc;
    use std::time::Duration;

    fn camera(name: &str) -> CameraId {
        CameraId::new(name).expect("a valid id")
    }

    fn slots(cameras: &[&str], rate_hz: Option<f32>) -> LatestSlots<u32> {
        let slots = LatestSlots::new();
        for name in cameras {
            slots.add(camera(name), Share { rate_hz, weight: 1.0 });
        }
        slots
    }

    #[test]
    fn a_newer_frame_takes_the_place_of_an_older_one() {
        let (slots, clock) = (slots(&["a"], None), ManualClock::default());
        assert_eq!(slots.put(camera("a"), 1), None);
        assert_eq!(slots.put(camera("a"), 2), Some(1));
        assert_eq!(slots.put(camera("b"), 3), Some(3), "there is no camera b");
        assert_eq!(slots.take(&clock), Some((camera("a"), 2)));
        assert_eq!(slots.occupancy(), (1, 0));
        assert_eq!(slots.put(camera("a"), 4), None);
        assert_eq!(slots.occupancy(), (1, 1));
        assert_eq!(slots.remove(camera("a")), Some(4));
    }

    #[test]
    fn a_frame_is_wanted_when_the_rate_calls_for_it() {
        let (slots, clock) = (slots(&["a"], Some(2.0)), ManualClock::default());
        clock.advance(Duration::from_secs(1));
        assert!(slots.wants(camera("a"), &clock));
        slots.put(camera("a"), 1);
        assert!(slots.take(&clock).is_some());
        slots.done(camera("a"));
        assert!(!slots.wants(camera("a"), &clock));
        clock.advance(Duration::from_millis(500));
        assert!(slots.wants(camera("a"), &clock));
        assert!(!slots.wants(camera("b"), &clock), "there is no camera b");
    }

    #[test]
    fn devices_share_the_cameras_and_each_camera_has_one_at_a_time() {
        let slots = Arc::new(slots(&["a", "b", "c"], None));
        let devices: Vec<_> = (0..3)
            .map(|n| {
                let slots = Arc::clone(&slots);
                let work = move || {
                    let mut seen = Vec::new();
                    while let Some((camera, frame)) = slots.take(&ManualClock::default()) {
                        seen.push((camera, frame));
                        slots.done(camera);
                    }
                    seen
                };
                std::thread::Builder::new().name(format!("device-{n}")).spawn(work).expect("a thread")
            })
            .collect();
        let mut displaced = 0;
        for frame in 0..300 {
            displaced += ["a", "b", "c"].iter().filter(|name| slots.put(camera(name), frame).is_some()).count();
        }
        let left: usize = ["a", "b", "c"].iter().filter(|name| slots.remove(camera(name)).is_some()).count();
        slots.shut();
        let seen: Vec<_> = devices.into_iter().map(|device| device.join().expect("no panic")).collect();
        assert_eq!(seen.iter().map(Vec::len).sum::<usize>() + displaced + left, 900, "each frame went one way");
        for (own, name) in seen.iter().flat_map(|own| ["a", "b", "c"].map(|name| (own, name))) {
            let frames: Vec<u32> = own.iter().filter(|(id, _)| *id == camera(name)).map(|(_, frame)| *frame).collect();
            assert!(frames.is_sorted(), "frames of {name} overtook each other: {frames:?}");
        }
    }
}
