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
//!
//! **Batches.** Where a model asks for it, requests at the front of its queue that go together are taken together. While a
//! batch is not full it waits for more, for a moment and never so long that one of it would be late; a device that has
//! something else to do does that meanwhile.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use iris_core::MonoTime;

use crate::manifest::Batching;

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

/// What [`Requests`] asks of a request.
pub trait Batchable {
    /// How it is put together with others, if at all.
    fn batching(&self) -> Option<Batching>;
    /// How many images it holds.
    fn images(&self) -> usize;
    /// Whether both can be run at once: all is equal but the images and how many there are.
    fn goes_with(&self, other: &Self) -> bool;
}

/// Why a request is not let in, and when it may be worth while to ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The model's queue is full.
    Full(Duration),
    /// Those before it will take longer than it may wait.
    Late(Duration),
}

/// Requests whose turn it is.
#[derive(Debug, PartialEq, Eq)]
pub struct Taken<T> {
    /// The number of their model.
    pub model: usize,
    /// What is asked: at least one, and several that go together.
    pub requests: Vec<T>,
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
    /// Seconds of a device for what it takes at once.
    service: Mean,
    /// When the last request was taken, if others have waited ever since.
    taken: Option<MonoTime>,
}

#[derive(Debug)]
struct Waiting<T> {
    request: T,
    since: MonoTime,
    deadline: MonoTime,
}

/// The batch at the front of a queue.
struct Front {
    /// How many requests it has.
    count: usize,
    /// When it is to be taken, if no more come.
    ripe: MonoTime,
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

impl<T: Batchable> Requests<T> {
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
        let delay = request.batching().map_or(Duration::ZERO, |batching| batching.delay);
        if before > 0 && now + wait.mul_f64(MARGIN) + delay + Duration::from_secs_f64(self.service.get()) > deadline {
            return Err(Refused::Late(wait));
        }
        self.queues.entry(model).or_default().push_back(Waiting { request, since: now, deadline });
        Ok(())
    }

    /// Whether a device is to take requests now. `cameras`: whether a frame is due.
    pub fn is_turn(&self, cameras: bool, now: MonoTime) -> bool {
        (!cameras || self.owed > 0.0) && self.ripe_at().is_some_and(|ripe| ripe <= now)
    }

    /// From when on there is something to take, unless more comes; none if nothing waits.
    pub fn ripe_at(&self) -> Option<MonoTime> {
        self.queues.values().filter_map(|queue| Some(self.front(queue)?.ripe)).min()
    }

    /// Takes the requests whose turn it is. Those whose deadline has passed are dropped.
    pub fn take(&mut self, cameras: bool, now: MonoTime) -> Option<Taken<T>> {
        self.drop_late(now);
        let ripe = |(model, queue): (&usize, &VecDeque<Waiting<T>>)| {
            self.front(queue).filter(|front| front.ripe <= now).map(|front| (*model, front.count))
        };
        let after = self.queues.range(self.last + 1..).find_map(ripe);
        let (model, count) = after.or_else(|| self.queues.iter().find_map(ripe))?;
        let requests = self.queues.get_mut(&model)?.drain(..count).map(|waiting| waiting.request).collect();
        self.last = model;
        self.queues.retain(|_, queue| !queue.is_empty());
        if let Some(before) = self.taken {
            self.pace.note(now.since(before).as_secs_f64() / count as f64);
        }
        self.taken = (self.depth() > 0).then_some(now);
        if !cameras {
            // Nobody is owed what was there for all.
            self.owed = 0.0;
        }
        Some(Taken { model, requests, before_cameras: cameras })
    }

    /// A device has worked on requests that it took at once.
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

    /// How many of a model could wait.
    pub fn capacity(&self) -> usize {
        self.sharing.queue
    }

    /// The batch at the front of a queue. Only the front, so that requests stay in their order.
    fn front(&self, queue: &VecDeque<Waiting<T>>) -> Option<Front> {
        let first = queue.front()?;
        let Some(Batching { max, delay }) = first.request.batching() else {
            return Some(Front { count: 1, ripe: first.since });
        };
        // While nobody knows how long a run takes, nobody waits.
        let service = self.service.0.map_or(Duration::MAX, Duration::from_secs_f64);
        let (mut count, mut images, mut latest) = (0, 0, first.since + delay);
        for waiting in queue {
            images += waiting.request.images();
            if count > 0 && (images > max || !first.request.goes_with(&waiting.request)) {
                return Some(Front { count, ripe: first.since });
            }
            count += 1;
            latest = latest.min(MonoTime(waiting.deadline.0.saturating_sub(service)));
        }
        Some(Front { count, ripe: if images < max { latest } else { first.since } })
    }

    fn owe(&mut self, seconds: f64) {
        self.owed = (self.owed + seconds).clamp(-MOST_OWED, MOST_OWED);
    }

    /// Nobody waits any more for what is too late.
    fn drop_late(&mut self, now: MonoTime) {
        self.queues.retain(|_, queue| {
            queue.retain(|waiting| waiting.deadline > now);
            !queue.is_empty()
        });
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

    impl Batchable for u64 {
        fn batching(&self) -> Option<Batching> {
            None
        }

        fn images(&self) -> usize {
            1
        }

        fn goes_with(&self, _: &Self) -> bool {
            false
        }
    }

    fn requests(share: f64, queue: usize) -> Requests<u64> {
        Requests::new(Sharing { share, queue })
    }

    /// A request of so many images, with others of its form.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Images(usize, char);

    impl Batchable for Images {
        fn batching(&self) -> Option<Batching> {
            Some(Batching { max: 8, delay: Duration::from_millis(5) })
        }

        fn images(&self) -> usize {
            self.0
        }

        fn goes_with(&self, other: &Self) -> bool {
            self.1 == other.1
        }
    }

    /// What is taken at once, and when, from a device that is free all the time; each request comes at its time in ms and must
    /// be answered `within` ms.
    fn batches(coming: &[(u64, Images)], within: u64) -> Vec<(u64, Vec<Images>)> {
        let (mut requests, mut taken) = (Requests::new(Sharing::default()), Vec::new());
        requests.worked(false, Duration::from_millis(1));
        for now in 0..100 {
            for (at, request) in coming.iter().filter(|(at, _)| *at == now) {
                requests.offer(0, *request, ms(at + within), ms(now)).expect("there is room");
            }
            while requests.is_turn(false, ms(now)) {
                taken.push((now, requests.take(false, ms(now)).expect("it is the turn of one").requests));
            }
        }
        assert_eq!(requests.depth(), 0);
        taken
    }

    #[test]
    fn requests_that_go_together_are_taken_together_when_they_are_enough_or_have_waited() {
        let a = Images(1, 'a');
        assert_eq!(batches(&[(0, a), (3, a), (7, a)], 1000), [(5, vec![a, a]), (12, vec![a])], "they have waited");
        assert_eq!(batches(&[(0, a); 9], 1000), [(0, vec![a; 8]), (5, vec![a])], "eight are enough");
        let five = Images(5, 'a');
        assert_eq!(batches(&[(0, five), (1, five)], 1000), [(1, vec![five]), (6, vec![five])], "the next is too many");
        let many = Images(20, 'a');
        assert_eq!(batches(&[(0, many)], 1000), [(0, vec![many])], "what is more by itself is taken by itself");
        let b = Images(1, 'b');
        let expected = [(2, vec![a]), (3, vec![b]), (8, vec![a])];
        assert_eq!(batches(&[(0, a), (2, b), (3, a)], 1000), expected, "the order is kept");
    }

    #[test]
    fn nobody_waits_for_others_past_their_deadline() {
        let a = Images(1, 'a');
        assert_eq!(batches(&[(0, a)], 3), [(2, vec![a])], "a run takes 1 ms");
        let mut requests = Requests::new(Sharing::default());
        requests.offer(0, a, late(), ms(0)).expect("there is room");
        assert!(requests.is_turn(false, ms(0)), "nobody knows yet how long a run takes");
        requests.worked(false, Duration::from_millis(2));
        assert_eq!(requests.ripe_at(), Some(ms(5)));
        requests.offer(0, a, ms(20), ms(1)).expect("there is time");
        requests.worked(false, Duration::from_millis(258));
        assert_eq!(requests.ripe_at(), Some(ms(2)), "a run takes 18 ms on average");
    }

    #[test]
    fn a_batch_that_is_not_full_does_not_hold_up_cameras_nor_other_models() {
        let mut requests = Requests::new(Sharing { share: 0.5, queue: 8 });
        requests.worked(false, Duration::from_millis(1));
        requests.offer(0, Images(1, 'a'), late(), ms(0)).expect("there is room");
        requests.worked_for_cameras(Duration::from_millis(10));
        assert!(!requests.is_turn(true, ms(4)), "it waits for more");
        assert!(requests.is_turn(true, ms(5)), "it is owed its share");
        requests.offer(1, Images(8, 'a'), late(), ms(1)).expect("there is room");
        assert_eq!(requests.take(true, ms(1)).map(|taken| taken.model), Some(1));
    }

    /// A device that takes `camera` ms a frame and `request` ms a request, of which both always wait. The share of time that
    /// requests get.
    fn shared(share: f64, camera: u64, request: u64) -> f64 {
        let mut requests = requests(share, 1);
        let (mut for_requests, mut now) = (0, 0);
        while now < 100_000 {
            // A refusal only says that one waits already.
            requests.offer(0, 0, late(), ms(now)).ok();
            if requests.is_turn(true, ms(now)) {
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
        assert!(!requests.is_turn(false, ms(0)), "nothing waits");
        requests.offer(0, 1, late(), ms(0)).expect("there is room");
        assert!(!requests.is_turn(true, ms(0)) && requests.is_turn(false, ms(0)));
        requests.worked_for_cameras(Duration::from_millis(40));
        assert!(requests.is_turn(true, ms(40)), "10 ms are owed");
        assert_eq!(requests.take(true, ms(40)), Some(Taken { model: 0, requests: vec![1], before_cameras: true }));
        requests.worked(true, Duration::from_millis(40));
        requests.offer(0, 2, late(), ms(80)).expect("there is room");
        assert!(!requests.is_turn(true, ms(80)), "30 ms of 40 were ahead of their share");
        requests.worked_for_cameras(Duration::from_millis(81));
        assert!(requests.is_turn(true, ms(161)));
    }

    #[test]
    fn what_nobody_asked_for_is_not_owed() {
        let mut requests = requests(0.5, 4);
        requests.worked_for_cameras(Duration::from_secs(10));
        requests.offer(0, 1, late(), ms(10_000)).expect("there is room");
        assert!(!requests.is_turn(true, ms(10_000)));
        assert_eq!(requests.take(false, ms(10_000)).map(|taken| taken.before_cameras), Some(false));
        requests.worked(false, Duration::from_secs(10));
        requests.offer(0, 2, late(), ms(20_000)).expect("there is room");
        requests.worked_for_cameras(Duration::from_millis(1));
        assert!(requests.is_turn(true, ms(20_001)), "time that was there for all was not taken from cameras");
    }

    #[test]
    fn a_full_queue_refuses_and_those_of_other_models_do_not() {
        let mut requests = requests(0.2, 2);
        for n in 0..2 {
            requests.offer(0, n, late(), ms(0)).expect("there is room");
        }
        assert_eq!(requests.offer(0, 2, late(), ms(0)), Err(Refused::Full(Duration::ZERO)));
        requests.offer(1, 3, late(), ms(0)).expect("another model's");
        assert_eq!(requests.depth(), 3);
    }

    #[test]
    fn models_take_turns() {
        let mut requests = requests(0.2, 8);
        for (model, n) in [(0, 1), (0, 2), (0, 3), (1, 4), (2, 5), (2, 6)] {
            requests.offer(model, n, late(), ms(0)).expect("there is room");
        }
        let taken: Vec<u64> =
            std::iter::from_fn(|| requests.take(false, ms(0))).flat_map(|taken| taken.requests).collect();
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
            let taken = if requests.is_turn(true, ms(now)) { requests.take(true, ms(now)) } else { None };
            now += 10;
            match taken {
                Some(Taken { requests: taken, .. }) => {
                    let asked = taken[0];
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
