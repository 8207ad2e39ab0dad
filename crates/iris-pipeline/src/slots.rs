//! prepared → model: one slot a camera, in which a newer frame takes the place of an older one. The scheduler of
//! iris-infer decides whose turn it is; here it meets the threads.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use iris_core::{CameraId, Clock, MonoTime};
use iris_infer::{Scheduler, Share, Take};

/// The slots of all cameras, shared by decoder and model threads.
pub(crate) struct LatestSlots<T> {
    scheduler: Mutex<Scheduler<T>>,
    /// For devices that want frames.
    changed: Condvar,
    /// For devices that do not, or they would swallow what the others are to hear.
    woken: Condvar,
}

impl<T> LatestSlots<T> {
    pub(crate) fn new() -> Self {
        Self { scheduler: Mutex::default(), changed: Condvar::new(), woken: Condvar::new() }
    }

    pub(crate) fn add(&self, camera: CameraId, share: Share) {
        self.lock().add(camera, share);
    }

    /// Closes a camera's slot and gives back what lay in it.
    pub(crate) fn remove(&self, camera: CameraId) -> Option<T> {
        self.lock().remove(camera)
    }

    /// Changes a camera's rate.
    pub(crate) fn set_rate(&self, camera: CameraId, rate_hz: f32) {
        self.lock().set_rate(camera, rate_hz);
    }

    /// How long due frames wait for a device, in periods of their cameras' rates.
    pub(crate) fn waits(&self) -> f64 {
        self.lock().waits()
    }

    /// Whether a frame of this camera is worth preparing now.
    pub(crate) fn wants(&self, camera: CameraId, clock: &dyn Clock) -> bool {
        self.lock().is_due(camera, clock.mono())
    }

    /// Puts a frame into its camera's slot and gives back the one that it displaces, or the frame itself if the
    /// camera has no slot. Never blocks.
    pub(crate) fn put(&self, camera: CameraId, item: T) -> Option<T> {
        let displaced = self.lock().offer(camera, item);
        self.changed.notify_one();
        displaced
    }

    /// Waits for frames in the scheduler's order, and takes those that are ready into `batch`, up to `most` and at most
    /// one a camera. Takes none once `wanted` says so.
    pub(crate) fn take(
        &self,
        most: usize,
        batch: &mut Vec<(CameraId, T)>,
        clock: &dyn Clock,
        wanted: impl Fn(MonoTime) -> bool,
    ) {
        let mut scheduler = self.lock();
        loop {
            let now = clock.mono();
            if !wanted(now) {
                return;
            }
            let until = loop {
                match scheduler.take(now) {
                    Take::Ready(camera, item) => batch.push((camera, item)),
                    Take::NotBefore(due) => break Some(due),
                    Take::Empty => break None,
                }
                if batch.len() >= most {
                    break None;
                }
            };
            if !batch.is_empty() {
                return;
            }
            scheduler = wait(&self.changed, scheduler, until, now);
        }
    }

    /// Waits until that time, or until woken, as long as `rests` says so.
    pub(crate) fn rest(&self, until: Option<MonoTime>, clock: &dyn Clock, rests: impl Fn(MonoTime) -> bool) {
        let mut scheduler = self.lock();
        loop {
            let now = clock.mono();
            if !rests(now) || until.is_some_and(|until| until <= now) {
                return;
            }
            scheduler = wait(&self.woken, scheduler, until, now);
        }
    }

    /// Makes every device that waits ask again what it is to do. Whatever changed its answer comes before this.
    pub(crate) fn wake(&self) {
        // Who asked before the change and does not wait yet holds the lock.
        drop(self.lock());
        self.changed.notify_all();
        self.woken.notify_all();
    }

    /// How many slots there are, and how many are taken.
    pub(crate) fn occupancy(&self) -> (usize, usize) {
        self.lock().occupancy()
    }

    /// Says that the device is done with the camera's frame that it took.
    pub(crate) fn done(&self, camera: CameraId) {
        self.lock().done(camera);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Scheduler<T>> {
        self.scheduler.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait<'a, T>(on: &Condvar, held: MutexGuard<'a, T>, until: Option<MonoTime>, now: MonoTime) -> MutexGuard<'a, T> {
    match until {
        Some(until) => on.wait_timeout(held, until.since(now)).unwrap_or_else(PoisonError::into_inner).0,
        None => on.wait(held).unwrap_or_else(PoisonError::into_inner),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use iris_core::clock::ManualClock;
    use std::cell::Cell;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
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

    /// The next frame, if one is ready.
    fn take(slots: &LatestSlots<u32>, clock: &ManualClock) -> Option<(CameraId, u32)> {
        take_many(slots, 1, clock).pop()
    }

    fn take_many(slots: &LatestSlots<u32>, most: usize, clock: &ManualClock) -> Vec<(CameraId, u32)> {
        let (mut batch, asked) = (Vec::new(), Cell::new(false));
        slots.take(most, &mut batch, clock, |_| !asked.replace(true));
        batch
    }

    #[test]
    fn a_newer_frame_takes_the_place_of_an_older_one() {
        let (slots, clock) = (slots(&["a"], None), ManualClock::default());
        assert_eq!(slots.put(camera("a"), 1), None);
        assert_eq!(slots.put(camera("a"), 2), Some(1));
        assert_eq!(slots.put(camera("b"), 3), Some(3), "there is no camera b");
        assert_eq!(take(&slots, &clock), Some((camera("a"), 2)));
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
        assert!(take(&slots, &clock).is_some());
        slots.done(camera("a"));
        assert!(!slots.wants(camera("a"), &clock));
        clock.advance(Duration::from_millis(500));
        assert!(slots.wants(camera("a"), &clock));
        assert!(!slots.wants(camera("b"), &clock), "there is no camera b");
    }

    #[test]
    fn a_batch_holds_one_frame_a_camera_and_no_more_than_fit() {
        let (slots, clock) = (slots(&["a", "b", "c"], None), ManualClock::default());
        assert!(["a", "b", "c"].iter().all(|name| slots.put(camera(name), 1).is_none()));
        assert_eq!(take_many(&slots, 2, &clock), [(camera("a"), 1), (camera("b"), 1)]);
        slots.put(camera("a"), 2);
        assert_eq!(take_many(&slots, 8, &clock), [(camera("c"), 1)], "a device still has a frame of a");
        slots.done(camera("a"));
        assert_eq!(take_many(&slots, 8, &clock), [(camera("a"), 2)]);
    }

    #[test]
    fn who_waits_is_woken_and_asks_again() {
        let slots = Arc::new(slots(&["a"], None));
        let (ended, lost) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(true)));
        let device = |name: &str| {
            let (slots, ended, lost) = (Arc::clone(&slots), Arc::clone(&ended), Arc::clone(&lost));
            let work = move || {
                let (clock, mut batch) = (ManualClock::default(), Vec::new());
                slots.rest(None, &clock, |_| lost.load(SeqCst));
                slots.take(1, &mut batch, &clock, |_| !ended.load(SeqCst));
                batch
            };
            std::thread::Builder::new().name(name.into()).spawn(work).expect("a thread")
        };
        let devices = [device("one"), device("two")];
        lost.store(false, SeqCst);
        slots.wake();
        ended.store(true, SeqCst);
        slots.wake();
        assert!(devices.into_iter().all(|device| device.join().expect("no panic").is_empty()));
    }

    #[test]
    fn devices_share_the_cameras_and_each_camera_has_one_at_a_time() {
        let slots = Arc::new(slots(&["a", "b", "c"], None));
        let ended = Arc::new(AtomicBool::new(false));
        let devices: Vec<_> = (0..3)
            .map(|n| {
                let (slots, ended) = (Arc::clone(&slots), Arc::clone(&ended));
                let work = move || {
                    let (mut seen, mut batch) = (Vec::new(), Vec::new());
                    while !ended.load(SeqCst) {
                        slots.take(n + 1, &mut batch, &ManualClock::default(), |_| !ended.load(SeqCst));
                        for (camera, _) in &batch {
                            slots.done(*camera);
                        }
                        seen.append(&mut batch);
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
        ended.store(true, SeqCst);
        slots.wake();
        let seen: Vec<_> = devices.into_iter().map(|device| device.join().expect("no panic")).collect();
        assert_eq!(seen.iter().map(Vec::len).sum::<usize>() + displaced + left, 900, "each frame went one way");
        for (own, name) in seen.iter().flat_map(|own| ["a", "b", "c"].map(|name| (own, name))) {
            let frames: Vec<u32> = own.iter().filter(|(id, _)| *id == camera(name)).map(|(_, frame)| *frame).collect();
            assert!(frames.is_sorted(), "frames of {name} overtook each other: {frames:?}");
        }
    }
}
