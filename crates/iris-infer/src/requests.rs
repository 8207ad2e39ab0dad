//! What other programs ask of the devices, beside the cameras. Pure, as the [`Scheduler`](crate::Scheduler) is: it holds
//! requests and is told the time.
//!
//! Requests wait in one bounded queue a model, and the queues take turns. One is refused at once when its queue is full, or
//! when those before it will probably take longer than it may wait.
//!
//! **Whose turn it is.** A device takes a camera's frame if one is due, else a request. While requests wait, each second in
//! which a device works for cameras makes it owe them their share of that second; what is owed is paid first. So of a
//! device's time requests get at least their share as long as they ask, and cameras at least the rest, or all that they
//! need: the deficit counter of Shreedhar and Varghese (1996), with time as its unit.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use iris_core::MonoTime;

/// The most that can be owed or be ahead, in seconds.
const MOST_OWED: f64 = 1.0;
/// By how much longer than at the mean pace those before a request may take, so that it is in time all the same.
const MARGIN: f64 = 1.25;
/// Over how many requests the pace is averaged.
const PACE_OVER: f64 = 16.0;

/// How requests share the devices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sharing {
    /// The share of each device's time that requests get at least while they wait and cameras need it all, 0 to 1.
    pub share: f64,
    /// How many requests of a model wait at most.
    pub queue: usize,
}

impl Default for Sharing {
    fn default() -> Self {
        Self { share: 0.2, queue: 64 }
    }
}

/// Why a request is not let in, and when it may be worth while to ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The model's queue is full.
    Full(Duration),
    /// Those before it will take longer than it may wait.
    Late(Duration),
}

/// A request whose turn it is.
#[derive(Debug, PartialEq, Eq)]
pub struct Taken<T> {
    /// The number of its model.
    pub model: usize,
    /// What is asked.
    pub request: T,
    /// Cameras wait meanwhile.
    pub before_cameras: bool,
}

/// The requests that wait.
#[derive(Debug)]
pub struct Requests<T> {
    sharing: Sharing,
    /// By the number of the model.
    queues: BTreeMap<usize, VecDeque<Waiting<T>>>,
    /// The model whose turn it was.
    last: usize,
    /// Seconds of a device that cameras have had and requests should; negative where requests are ahead.
    owed: f64,
    /// Seconds from one request taken to the next, while some waited.
    pace: Mean,
    /// Seconds of a device for one request.
    service: Mean,
    /// When the last request was taken, if others have waited ever since.
    taken: Option<MonoTime>,
}

#[derive(Debug)]
struct Waiting<T> {
    request: T,
    deadline: MonoTime,
}

/// A mean that forgets.
#[derive(Debug, Default)]
struct Mean(Option<f64>);

impl Mean {
    fn note(&mut self, value: f64) {
        self.0 = Some(self.0.map_or(value, |mean| mean + (value - mean) / PACE_OVER));
    }

    fn get(&self) -> f64 {
        self.0.unwrap_or_default()
    }
}

impl<T> Requests<T> {
    /// Without requests yet.
    pub fn new(sharing: Sharing) -> Self {
        let (pace, service) = (Mean::default(), Mean::default());
        Self { sharing, queues: BTreeMap::new(), last: 0, owed: 0.0, pace, service, taken: None }
    }

    /// Lets a request wait for its turn, to be answered before `deadline`. One for which none waits is always let in.
    ///
    /// # Errors
    /// Why not.
    pub fn offer(&mut self, model: usize, request: T, deadline: MonoTime, now: MonoTime) -> Result<(), Refused> {
        self.drop_late(now);
        let own = self.queues.get(&model).map_or(0, VecDeque::len);
        // The queues take turns, so that no model's queue counts for more than its own and the one request.
        let before: usize = self.queues.values().map(|queue| queue.len().min(own + 1)).sum();
        // And one more, because the next may have been taken just now.
        let wait = Duration::from_secs_f64((before + 1) as f64 * self.pace.get());
        if own >= self.sharing.queue {
            return Err(Refused::Full(wait));
        }
        if before > 0 && now + wait.mul_f64(MARGIN) + Duration::from_secs_f64(self.service.get()) > deadline {
            return Err(Refused::Late(wait));
        }
        self.queues.entry(model).or_default().push_back(Waiting { request, deadline });
        Ok(())
    }

    /// Whether a device is to take a request now. `cameras`: whether a frame is due.
    pub fn is_turn(&self, cameras: bool) -> bool {
        self.depth() > 0 && (!cameras || self.owed > 0.0)
    }

    /// Takes the request whose turn it is. Those whose deadline has passed are dropped.
    pub fn take(&mut self, cameras: bool, now: MonoTime) -> Option<Taken<T>> {
        self.drop_late(now);
        let waits = |(_, queue): &(&usize, &VecDeque<Waiting<T>>)| !queue.is_empty();
        let after = self.queues.range(self.last + 1..).find(waits);
        let model = *after.or_else(|| self.queues.iter().find(waits))?.0;
        let request = self.queues.get_mut(&model)?.pop_front()?.request;
        self.last = model;
        if let Some(before) = self.taken {
            self.pace.note(now.since(before).as_secs_f64());
        }
        self.taken = (self.depth() > 0).then_some(now);
        if !cameras {
            // Nobody is owed what was there for all.
            self.owed = 0.0;
        }
        Some(Taken { model, request, before_cameras: cameras })
    }

    /// A device has worked on a request that it took.
    pub fn worked(&mut self, before_cameras: bool, time: Duration) {
        self.service.note(time.as_secs_f64());
        if self.pace.0.is_none() {
            self.pace.note(time.as_secs_f64());
        }
        if before_cameras {
            self.owe(-time.as_secs_f64() * (1.0 - self.sharing.share));
        }
    }

    /// A device has worked for cameras.
    pub fn worked_for_cameras(&mut self, time: Duration) {
        if self.depth() > 0 {
            self.owe(time.as_secs_f64() * self.sharing.share);
        } else {
            // Time in which nobody asked is not made up for.
            self.owed = self.owed.min(0.0);
        }
    }

    /// Drops all that wait.
    pub fn clear(&mut self) {
        self.queues.clear();
    }

    /// How many requests wait.
    pub fn depth(&self) -> usize {
        self.queues.values().map(VecDeque::len).sum()
    }

    /// How many could wait, for all models of which some were asked.
    pub fn capacity(&self) -> usize {
        self.sharing.queue * self.queues.len()
    }

    fn owe(&mut self, seconds: f64) {
        self.owed = (self.owed + seconds).clamp(-MOST_OWED, MOST_OWED);
    }

    /// Nobody waits any more for what is too late.
    fn drop_late(&mut self, now: MonoTime) {
        for queue in self.queues.values_mut() {
            queue.retain(|waiting| waiting.deadline > now);
        }
        if self.depth() == 0 {
            self.taken = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(t: u64) -> MonoTime {
        MonoTime(Duration::from_millis(t))
    }

    fn late() -> MonoTime {
        ms(1_000_000)
    }

    fn requests(share: f64, queue: usize) -> Requests<u32> {
        Requests::new(Sharing { share, queue })
    }

    /// A device that takes `camera` ms a frame and `request` ms a request, of which both always wait. The share of time that
    /// requests get.
    fn shared(share: f64, camera: u64, request: u64) -> f64 {
        let mut requests = requests(share, 1);
        let (mut for_requests, mut now) = (0, 0);
        while now < 100_000 {
            // A refusal only says that one waits already.
            requests.offer(0, 0, late(), ms(now)).ok();
            if requests.is_turn(true) {
                assert!(requests.take(true, ms(now)).expect("one waits").before_cameras);
                requests.worked(true, Duration::from_millis(request));
                (for_requests, now) = (for_requests + request, now + request);
            } else {
                requests.offer(0, 0, late(), ms(now)).ok();
                requests.worked_for_cameras(Duration::from_millis(camera));
                now += camera;
            }
        }
        for_requests as f64 / now as f64
    }

    #[test]
    fn each_side_gets_its_share_however_long_its_work_takes() {
        for share in [0.1, 0.2, 0.5, 0.9] {
            for (camera, request) in [(10, 10), (5, 50), (50, 5)] {
                let got = shared(share, camera, request);
                assert!((got - share).abs() < 0.01, "{got} of {share} with {camera} and {request} ms");
            }
        }
        assert_eq!(shared(0.0, 10, 10), 0.0);
    }

    #[test]
    fn cameras_come_first_until_something_is_owed() {
        let mut requests = requests(0.25, 4);
        assert!(!requests.is_turn(false), "nothing waits");
        requests.offer(0, 1, late(), ms(0)).expect("there is room");
        assert!(!requests.is_turn(true) && requests.is_turn(false));
        requests.worked_for_cameras(Duration::from_millis(40));
        assert!(requests.is_turn(true), "10 ms are owed");
        assert_eq!(requests.take(true, ms(40)), Some(Taken { model: 0, request: 1, before_cameras: true }));
        requests.worked(true, Duration::from_millis(40));
        requests.offer(0, 2, late(), ms(80)).expect("there is room");
        assert!(!requests.is_turn(true), "30 ms of 40 were ahead of their share");
        requests.worked_for_cameras(Duration::from_millis(81));
        assert!(requests.is_turn(true));
    }

    #[test]
    fn what_nobody_asked_for_is_not_owed() {
        let mut requests = requests(0.5, 4);
        requests.worked_for_cameras(Duration::from_secs(10));
        requests.offer(0, 1, late(), ms(10_000)).expect("there is room");
        assert!(!requests.is_turn(true));
        assert_eq!(requests.take(false, ms(10_000)).map(|taken| taken.before_cameras), Some(false));
        requests.worked(false, Duration::from_secs(10));
        requests.offer(0, 2, late(), ms(20_000)).expect("there is room");
        requests.worked_for_cameras(Duration::from_millis(1));
        assert!(requests.is_turn(true), "time that was there for all was not taken from cameras");
    }

    #[test]
    fn a_full_queue_refuses_and_those_of_other_models_do_not() {
        let mut requests = requests(0.2, 2);
        for n in 0..2 {
            requests.offer(0, n, late(), ms(0)).expect("there is room");
        }
        assert_eq!(requests.offer(0, 2, late(), ms(0)), Err(Refused::Full(Duration::ZERO)));
        requests.offer(1, 3, late(), ms(0)).expect("another model's");
        assert_eq!((requests.depth(), requests.capacity()), (3, 4));
    }

    #[test]
    fn models_take_turns() {
        let mut requests = requests(0.2, 8);
        for (model, n) in [(0, 1), (0, 2), (0, 3), (1, 4), (2, 5), (2, 6)] {
            requests.offer(model, n, late(), ms(0)).expect("there is room");
        }
        let taken: Vec<u32> = std::iter::from_fn(|| requests.take(false, ms(0))).map(|taken| taken.request).collect();
        assert_eq!(taken, [4, 5, 1, 6, 2, 3]);
    }

    #[test]
    fn what_cannot_be_in_time_is_refused_at_once_and_says_when_to_come_back() {
        let mut requests = requests(0.2, 100);
        let mut now = 0;
        // Six for a device that takes 10 ms for each.
        for n in 0..6 {
            requests.offer(0, n, late(), ms(now)).expect("there is time");
        }
        for _ in 0..3 {
            requests.take(false, ms(now)).expect("one waits");
            now += 10;
            requests.worked(false, Duration::from_millis(10));
        }
        // Three before it and the one that is worked on, then itself.
        assert_eq!(requests.offer(0, 9, ms(now + 59), ms(now)), Err(Refused::Late(Duration::from_millis(40))));
        requests.offer(0, 9, ms(now + 60), ms(now)).expect("there is time");
        // Nothing before it of its own model, and one of the other's.
        assert_eq!(requests.offer(1, 9, ms(now + 34), ms(now)), Err(Refused::Late(Duration::from_millis(20))));
        requests.offer(1, 9, ms(now + 35), ms(now)).expect("there is time");
    }

    /// 200 requests a second, of which a fifth of a device that takes 10 ms for each answers 20; cameras want all of it.
    #[test]
    fn under_ten_times_the_load_those_let_in_are_in_time_and_cameras_keep_their_share() {
        let mut requests = Requests::new(Sharing { share: 0.2, queue: 64 });
        let (work, patience, minute) = (Duration::from_millis(10), 1000, 60_000);
        let (mut now, mut next, mut answered, mut refused, mut late) = (0, 0, 0, 0, 0);
        while now < minute {
            while next <= now {
                refused += u64::from(requests.offer(0, next, ms(next + patience), ms(next)).is_err());
                next += 5;
            }
            assert!(requests.depth() <= 64);
            let taken = if requests.is_turn(true) { requests.take(true, ms(now)) } else { None };
            now += 10;
            match taken {
                Some(Taken { request: asked, .. }) => {
                    requests.worked(true, work);
                    answered += 1;
                    // Before the pace is known, more are let in than should be.
                    late += u64::from(asked > 1000 && now > asked + patience);
                }
                None => requests.worked_for_cameras(work),
            }
        }
        assert_eq!(late, 0);
        assert!((1190..=1210).contains(&answered), "{answered} answered of 1200");
        // At the start nobody knew how long it takes.
        let (asked, waiting) = (next / 5, requests.depth() as u64);
        assert!(asked - answered - refused - waiting <= 64, "{refused} of {asked} were refused at once");
    }

    #[test]
    fn what_is_too_late_is_dropped_and_leaves_its_place() {
        let mut requests = requests(0.2, 1);
        requests.offer(0, 1, ms(10), ms(0)).expect("there is room");
        requests.offer(0, 2, ms(30), ms(10)).expect("the other is too late now");
        assert_eq!(requests.take(false, ms(30)), None);
        assert_eq!(requests.depth(), 0);
    }

    #[test]
    fn a_stop_of_all_devices_does_not_refuse_for_ever() {
        let mut requests = requests(0.2, 4);
        for n in 0..2 {
            requests.offer(0, n, late(), ms(0)).expect("there is room");
        }
        requests.take(false, ms(0)).expect("one waits");
        requests.take(false, ms(600_000)).expect("one waits");
        requests.worked(false, Duration::from_mins(10));
        requests.offer(0, 9, ms(600_100), ms(600_000)).expect("none waits");
    }
}
