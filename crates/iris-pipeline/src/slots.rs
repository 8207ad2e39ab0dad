//! prepared → model: one slot a camera, in which a newer frame takes the place of an older one, and beside them the
//! requests of other programs. The scheduler of iris-infer and its requests decide whose turn it is; here they meet the
//! threads.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use iris_core::{CameraId, Clock, MonoTime};
use iris_infer::{Batchable, Refused, Requests, Scheduler, Share, Sharing, Take, Taken, Waits};

/// The slots of all cameras and the requests of other programs, shared by decoder and model threads.
pub(crate) struct LatestSlots<T, R> {
    held: Mutex<Held<T, R>>,
    /// For devices that want frames.
    changed: Condvar,
    /// For devices that do not, or they would swallow what the others are to hear.
    woken: Condvar,
}

struct Held<T, R> {
    scheduler: Scheduler<T>,
    requests: Requests<R>,
}

impl<T, R: Batchable> LatestSlots<T, R> {
    pub(crate) fn new(sharing: Sharing) -> Self {
        let held = Held { scheduler: Scheduler::default(), requests: Requests::new(sharing) };
        Self { held: Mutex::new(held), changed: Condvar::new(), woken: Condvar::new() }
    }

    pub(crate) fn add(&self, camera: CameraId, share: Share) {
        self.lock().scheduler.add(camera, share);
    }

    /// Lets a request of another program wait for a device, unless there is no room or no time. Never blocks.
    pub(crate) fn ask(&self, model: usize, request: R, deadline: MonoTime, now: MonoTime) -> Result<(), Refused> {
        self.lock().requests.offer(model, request, deadline, now)?;
        self.changed.notify_one();
        Ok(())
    }

    /// Says that a device worked on requests that it took at once.
    pub(crate) fn worked(&self, before_cameras: bool, time: Duration) {
        self.lock().requests.worked(before_cameras, time);
    }

    /// Says that a device worked for cameras.
    pub(crate) fn worked_for_cameras(&self, time: Duration) {
        self.lock().requests.worked_for_cameras(time);
    }

    /// How many requests of a model may wait, and how many of all do.
    pub(crate) fn requests(&self) -> (usize, usize) {
        let held = self.lock();
        (held.requests.capacity(), held.requests.depth())
    }

    /// Drops all requests that wait.
    pub(crate) fn clear_requests(&self) {
        self.lock().requests.clear();
    }

    /// Closes a camera's slot and gives back what lay in it.
    pub(crate) fn remove(&self, camera: CameraId) -> Option<T> {
        self.lock().scheduler.remove(camera)
    }

    /// Changes a camera's rate.
    pub(crate) fn set_rate(&self, camera: CameraId, rate_hz: f32) {
        self.lock().scheduler.set_rate(camera, rate_hz);
    }

    /// How long cameras with due frames wait for a device.
    pub(crate) fn waits(&self) -> Waits {
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

    /// Waits for work. Returns requests if it is their turn; else takes the frames that are ready into `batch`, in the
    /// scheduler's order, up to `most` and at most one a camera. Takes nothing once `wanted` says so.
    pub(crate) fn take(
        &self,
        most: usize,
        batch: &mut Vec<(CameraId, T)>,
        clock: &dyn Clock,
        wanted: impl Fn(MonoTime) -> bool,
    ) -> Option<Taken<R>> {
        let mut held = self.lock();
        loop {
            let now = clock.mono();
            if !wanted(now) {
                return None;
            }
            if held.requests.depth() > 0 {
                let cameras = held.scheduler.is_ready(now);
                if held.requests.is_turn(cameras, now)
                    && let Some(taken) = held.requests.take(cameras, now)
                {
                    self.hand_over(&held);
                    return Some(taken);
                }
            }
            let due = loop {
                match held.scheduler.take(now) {
                    Take::Ready(camera, item) => batch.push((camera, item)),
                    Take::NotBefore(due) => break Some(due),
                    Take::Empty => break None,
                }
                if batch.len() >= most {
                    break None;
                }
            };
            if !batch.is_empty() {
                self.hand_over(&held);
                return None;
            }
            let until = due.into_iter().chain(held.requests.ripe_at()).min();
            held = wait(&self.changed, held, until, now);
        }
    }

    /// Lets another device look after requests that wait for more of their kind: this one has something to do.
    fn hand_over(&self, held: &Held<T, R>) {
        if held.requests.depth() > 0 {
            self.changed.notify_one();
        }
    }

    /// Waits until that time, or until woken, as long as `rests` says so.
    pub(crate) fn rest(&self, until: Option<MonoTime>, clock: &dyn Clock, rests: impl Fn(MonoTime) -> bool) {
        let mut held = self.lock();
        loop {
            let now = clock.mono();
            if !rests(now) || until.is_some_and(|until| until <= now) {
                return;
            }
            held = wait(&self.woken, held, until, now);
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
        self.lock().scheduler.occupancy()
    }

    /// Says that the device is done with the camera's frame that it took.
    pub(crate) fn done(&self, camera: CameraId) {
        self.lock().scheduler.done(camera);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Held<T, R>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
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
    use iris_core::clock::{ManualClock, SystemClock};
    use iris_infer::Batching;
    use std::cell::Cell;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    use std::time::Duration;

    fn camera(name: &str) -> CameraId {
        CameraId::new(name).expect("a valid id")
    }

    #[derive(Debug, PartialEq)]
    struct Asked(&'static str);

    impl Batchable for Asked {
        fn batching(&self) -> Option<Batching> {
            (self.0 == "few").then_some(Batching { max: 8, delay: Duration::from_millis(2) })
        }

        fn images(&self) -> usize {
            1
        }

        fn goes_with(&self, other: &Self) -> bool {
            self == other
        }
    }

    type Slots = LatestSlots<u32, Asked>;

    fn slots(cameras: &[&str], rate_hz: Option<f32>) -> Slots {
        let slots = LatestSlots::new(Sharing { share: 0.5, queue: 2 });
        for name in cameras {
            slots.add(camera(name), Share { rate_hz, weight: 1.0 });
        }
        slots
    }

    /// The next frame, if one is ready.
    fn take(slots: &Slots, clock: &ManualClock) -> Option<(CameraId, u32)> {
        take_many(slots, 1, clock).pop()
    }

    fn take_many(slots: &Slots, most: usize, clock: &ManualClock) -> Vec<(CameraId, u32)> {
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
        // Three that begin together are not served in the order of their names: see `Scheduler::add`.
        assert_eq!(take_many(&slots, 2, &clock), [(camera("a"), 1), (camera("c"), 1)]);
        slots.put(camera("a"), 2);
        assert_eq!(take_many(&slots, 8, &clock), [(camera("b"), 1)], "a device still has a frame of a");
        slots.done(camera("a"));
        assert_eq!(take_many(&slots, 8, &clock), [(camera("a"), 2)]);
    }

    #[test]
    fn requests_come_after_frames_until_they_are_owed_their_share() {
        let (slots, clock) = (slots(&["a"], None), ManualClock::default());
        let (later, mut batch) = (MonoTime(Duration::from_secs(9)), Vec::new());
        let mut next = || {
            let taken = slots.take(1, &mut batch, &clock, |_| true);
            let taken = taken.map(|mut taken| (taken.requests.remove(0).0, taken.before_cameras));
            (taken, batch.pop().map(|(camera, frame)| (slots.done(camera), frame).1))
        };
        for name in ["one", "two"] {
            slots.ask(0, Asked(name), later, MonoTime::default()).expect("there is room");
        }
        assert_eq!(slots.ask(0, Asked("three"), later, MonoTime::default()), Err(Refused::Full(Duration::ZERO)));
        slots.put(camera("a"), 1);
        assert_eq!(next(), (None, Some(1)));
        slots.worked_for_cameras(Duration::from_millis(10));
        slots.put(camera("a"), 2);
        assert_eq!(next(), (Some(("one", true)), None));
        slots.worked(true, Duration::from_millis(10));
        assert_eq!(next(), (None, Some(2)));
        assert_eq!(next(), (Some(("two", false)), None), "no frame is due");
        assert_eq!(slots.requests(), (2, 0));
    }

    #[test]
    fn a_device_waits_for_a_batch_to_fill_and_not_for_ever() {
        let (slots, clock) = (slots(&["a"], None), SystemClock::new());
        slots.worked(false, Duration::from_micros(1));
        let began = clock.mono();
        for _ in 0..2 {
            slots.ask(0, Asked("few"), began + Duration::from_mins(1), began).expect("there is room");
        }
        slots.put(camera("a"), 1);
        let mut batch = Vec::new();
        assert!(slots.take(1, &mut batch, &clock, |_| true).is_none());
        let taken = slots.take(1, &mut Vec::new(), &clock, |_| true).expect("they have waited");
        assert_eq!((taken.requests.len(), batch.len()), (2, 1), "a frame came first");
        assert!(clock.mono().since(began) >= Duration::from_millis(2));
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
