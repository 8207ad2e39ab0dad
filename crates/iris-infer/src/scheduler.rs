//! Whose frame a free device takes next. Pure: it holds frames and is told the time; threads that wait on it, and the
//! devices, belong to the pipeline.
//!
//! Each camera has one slot with its latest frame, and a share: a rate and a weight. What a camera is given is counted
//! in periods of its own rate, divided by its weight, and a device takes the frame of the camera that is furthest
//! behind (start-time fair queueing, Goyal et al. 1996). With time to spare every camera gets its rate. Without, all
//! rates sink by the same factor, in proportion to the weights, and none starves: each frame taken puts its camera
//! behind the others. Time in which a camera had nothing to offer is not made up for.
//!
//! Where time is short for decoding too, a camera shows a key frame now and then, and two things are worse than an uneven share:
//! to look at what is over, and not to look at all. So a frame that has waited for 0.4 s goes behind all that have not, one
//! that has waited for 0.6 s is left to be displaced (but a replay's, which waits for it), and a camera that asks for a look
//! a second and more and has waited for two goes first, the longest times its weight.

use std::collections::BTreeMap;
use std::time::Duration;

use iris_core::{CameraId, MonoTime};

/// What a camera is given of the devices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// How many frames a second at most, within one an hour and a thousand a second; as many as come if not given. What
    /// is not a positive number counts as not given.
    pub rate_hz: Option<f32>,
    /// How much of its rate a camera keeps beside others when time is short, 0.001 to 1000, usually 1. What is not a
    /// positive number counts as 1.
    pub weight: f32,
}

impl Default for Share {
    fn default() -> Self {
        Self { rate_hz: None, weight: 1.0 }
    }
}

/// Over how many seconds [`Scheduler::waits`] is averaged, about.
const WAITS_OVER: f64 = 0.5;

/// For how long a frame is fresh, from when on it is over, and from when on a camera starves.
const FRESH: Duration = Duration::from_millis(400);
const OVER: Duration = Duration::from_millis(600);
const STARVES: Duration = Duration::from_secs(2);

/// The longest period of a camera that starves where it waits for seconds: others have time, and would take it from these.
const RESTLESS: Duration = Duration::from_secs(1);

/// How a camera without a rate is counted: as one at the usual rate of video.
const UNPACED: Duration = Duration::from_millis(40);

/// The latest frame of each camera, handed out fairly.
#[derive(Debug)]
pub struct Scheduler<T> {
    slots: BTreeMap<CameraId, Slot<T>>,
    /// The turn of the last frame taken: how far the cameras have come.
    progress: f64,
    waits: Waits,
    /// When a frame was last taken.
    took: MonoTime,
}

/// How long cameras with due frames waited for a device, lately. Time in which a camera had none, or one that was over, does
/// not count: there was nothing to look at.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Waits {
    /// In periods of their rates, so that at one each camera gets about half of its rate.
    pub periods: f64,
    /// In seconds, of those that ask for a look a second and more: others have time.
    pub seconds: f64,
}

#[derive(Debug)]
struct Slot<T> {
    period: Option<Duration>,
    weight: f64,
    held: Option<T>,
    /// Since when it holds that frame, and since when the frame is over, as far as a device has asked.
    since: Option<MonoTime>,
    over: Option<MonoTime>,
    /// A device has a frame of this camera. It gets no second one meanwhile: frames would overtake each other.
    busy: bool,
    /// When the next frame may be taken, by its rate.
    due: MonoTime,
    /// Since when there has been a frame that might be taken.
    ready: Option<MonoTime>,
    /// For how long since then there was none that was not over.
    lacked: Duration,
    /// What the camera was given so far, in seconds of its own rate over its weight. The lowest is next.
    turn: f64,
}

/// What there is to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Take<T> {
    /// This frame.
    Ready(CameraId, T),
    /// Nothing before this time, unless another frame is offered.
    NotBefore(MonoTime),
    /// Nothing until a frame is offered, or a device is done.
    Empty,
}

impl<T> Default for Scheduler<T> {
    fn default() -> Self {
        Self { slots: BTreeMap::new(), progress: 0.0, waits: Waits::default(), took: MonoTime::default() }
    }
}

impl<T> Scheduler<T> {
    /// Lets a camera take part, or changes the share of one that does; its slot stays as it is.
    pub fn add(&mut self, camera: CameraId, share: Share) {
        let number = self.slots.len();
        let period = share.rate_hz.and_then(period);
        let weight = if share.weight > 0.0 { f64::from(share.weight).clamp(1e-3, 1e3) } else { 1.0 };
        let slot = self.slots.entry(camera).or_insert_with(|| {
            // Somewhere within its period, evenly with those before it (Weyl's sequence of the golden ratio), so that
            // cameras of one rate that begin together do not come all at once for ever.
            let phase = (number as f64 * 0.618_033_988_749_895).fract();
            Slot::new(self.progress + phase * period.unwrap_or(UNPACED).as_secs_f64() / weight)
        });
        slot.period = period;
        slot.weight = weight;
    }

    /// Changes a camera's rate, in frames a second. The next frame is due a period of the new rate after the last, and what
    /// the camera is ahead of others shrinks or grows with the period.
    pub fn set_rate(&mut self, camera: CameraId, rate_hz: f32) {
        let Some(slot) = self.slots.get_mut(&camera) else { return };
        let (Some(before), Some(after)) = (slot.period, period(rate_hz)) else { return };
        slot.due = MonoTime(slot.due.0.saturating_sub(before) + after);
        if slot.turn > self.progress {
            slot.turn = self.progress + (slot.turn - self.progress) * after.div_duration_f64(before);
        }
        slot.period = Some(after);
    }

    /// How long cameras with due frames waited for a device, lately.
    pub fn waits(&self) -> Waits {
        self.waits
    }

    /// Takes a camera out and returns the frame it held.
    pub fn remove(&mut self, camera: CameraId) -> Option<T> {
        self.slots.remove(&camera)?.held
    }

    /// Whether a frame of this camera could be taken now if a device were free. Where not, preparing one is wasted: a
    /// fresher one will be there when it can.
    pub fn is_due(&self, camera: CameraId, now: MonoTime) -> bool {
        self.slots.get(&camera).is_some_and(|slot| slot.is_due(now))
    }

    /// Puts a frame into its camera's slot and returns the one it displaces. The frame of a camera that does not take
    /// part comes straight back.
    pub fn offer(&mut self, camera: CameraId, frame: T) -> Option<T> {
        let Some(slot) = self.slots.get_mut(&camera) else { return Some(frame) };
        if slot.held.is_none() {
            slot.turn = slot.turn.max(self.progress);
        }
        slot.since = None;
        slot.held.replace(frame)
    }

    /// Takes the frame whose turn it is; until [`done`](Self::done) its camera gets no other device. O(n) in the number
    /// of cameras.
    pub fn take(&mut self, now: MonoTime) -> Take<T> {
        let mut next: Option<(CameraId, Claim)> = None;
        let mut soonest: Option<MonoTime> = None;
        for (camera, slot) in self.slots.iter_mut().filter(|(_, slot)| slot.held.is_some() && !slot.busy) {
            slot.note_frame(now);
            if !slot.is_due(now) {
                soonest = Some(soonest.map_or(slot.due, |time| time.min(slot.due)));
                continue;
            }
            let waited = now.since(*slot.ready.get_or_insert(now));
            if slot.is_over(now) {
                slot.over.get_or_insert(now);
                continue;
            }
            let claim = Claim {
                is_fresh: slot.age(now) < FRESH,
                starves: if slot.is_restless() && waited >= STARVES { waited.as_secs_f64() * slot.weight } else { 0.0 },
                turn: slot.turn,
            };
            if next.is_none_or(|(_, best)| claim.is_before(best)) {
                next = Some((*camera, claim));
            }
        }
        let taken = next.and_then(|(camera, Claim { starves, turn, .. })| {
            if starves == 0.0 {
                self.progress = self.progress.max(turn);
            }
            let slot = self.slots.get_mut(&camera)?;
            let is_restless = slot.is_restless();
            if let (Some(ready), Some(period)) = (slot.ready.take(), slot.period) {
                let waited = now.since(ready).saturating_sub(std::mem::take(&mut slot.lacked)).as_secs_f64();
                let passed = now.since(std::mem::replace(&mut self.took, now)).as_secs_f64();
                let (share, Waits { periods, seconds }) = (passed / (passed + WAITS_OVER), &mut self.waits);
                *periods += (waited / period.as_secs_f64() - *periods) * share;
                if is_restless {
                    *seconds += (waited - *seconds) * share;
                }
            }
            Some((camera, slot.take(now)?))
        });
        match (taken, soonest) {
            (Some((camera, frame)), _) => Take::Ready(camera, frame),
            (None, Some(time)) => Take::NotBefore(time),
            (None, None) => Take::Empty,
        }
    }

    /// Whether there is a frame to take. O(n) in the number of cameras.
    pub fn is_ready(&self, now: MonoTime) -> bool {
        self.slots.values().any(|slot| slot.held.is_some() && !slot.busy && slot.is_due(now) && !slot.is_over(now))
    }

    /// How many cameras take part, and how many of their frames wait.
    pub fn occupancy(&self) -> (usize, usize) {
        (self.slots.len(), self.slots.values().filter(|slot| slot.held.is_some()).count())
    }

    /// Says that the device is done with the frame of this camera that it took.
    pub fn done(&mut self, camera: CameraId) {
        if let Some(slot) = self.slots.get_mut(&camera) {
            slot.busy = false;
        }
    }
}

/// What speaks for taking a camera's frame.
#[derive(Clone, Copy)]
struct Claim {
    is_fresh: bool,
    /// For how long the camera has starved, in seconds times its weight.
    starves: f64,
    turn: f64,
}

impl Claim {
    fn is_before(self, other: Self) -> bool {
        let order = self.is_fresh.cmp(&other.is_fresh).then(self.starves.total_cmp(&other.starves));
        order.then(other.turn.total_cmp(&self.turn)).is_gt()
    }
}

impl<T> Slot<T> {
    fn new(turn: f64) -> Self {
        let due = MonoTime::default();
        let (since, over, ready, lacked) = (None, None, None, Duration::ZERO);
        Self { period: None, weight: 1.0, held: None, since, over, busy: false, due, ready, lacked, turn }
    }

    /// Notes when a device first sees the frame.
    fn note_frame(&mut self, now: MonoTime) {
        if self.since.is_none() {
            self.since = Some(now);
            self.lacked += self.over.take().map_or(Duration::ZERO, |over| now.since(over));
        }
    }

    /// A little early is in time: the beat of the camera's frames is not that of its rate, and a frame that comes just
    /// before it is due would otherwise wait for the one after it. The rate stays a limit, because the beat goes on.
    fn is_due(&self, now: MonoTime) -> bool {
        self.due <= now + self.period.unwrap_or_default() / 8
    }

    /// For how long it has held its frame.
    fn age(&self, now: MonoTime) -> Duration {
        self.since.map_or(Duration::ZERO, |since| now.since(since))
    }

    fn is_restless(&self) -> bool {
        self.period.unwrap_or(UNPACED) <= RESTLESS
    }

    fn is_over(&self, now: MonoTime) -> bool {
        self.period.is_some() && self.age(now) >= OVER
    }

    fn take(&mut self, now: MonoTime) -> Option<T> {
        let frame = self.held.take()?;
        self.busy = true;
        self.turn += self.period.unwrap_or(UNPACED).as_secs_f64() / self.weight;
        self.due = match self.period {
            // On the camera's own beat while it keeps up, so that small delays do not add up to a lower rate.
            Some(period) if now.since(self.due) < period => self.due + period,
            Some(period) => now + period,
            None => now,
        };
        Some(frame)
    }
}

/// The time between two frames at a rate within one an hour and a thousand a second.
fn period(rate_hz: f32) -> Option<Duration> {
    let rate = (rate_hz > 0.0).then(|| rate_hz.clamp(1.0 / 3600.0, 1000.0));
    rate.map(|rate| Duration::from_secs_f64(f64::from(rate).recip()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn camera(i: usize) -> CameraId {
        CameraId::new(&format!("c{i}")).expect("a valid id")
    }

    fn ms(t: u64) -> MonoTime {
        MonoTime(Duration::from_millis(t))
    }

    fn share(rate_hz: f32, weight: f32) -> Share {
        Share { rate_hz: Some(rate_hz), weight }
    }

    /// Cameras that offer `fps` frames a second to a device that takes `service` ms a frame, for `seconds`. Returns
    /// frames served, offered and displaced for each camera, and the longest time between two frames of each, in ms.
    struct Sim {
        served: Vec<u64>,
        offered: Vec<u64>,
        displaced: Vec<u64>,
        held: Vec<u64>,
        longest: Vec<u64>,
    }

    fn simulate(shares: &[Share], fps: u64, service: u64, seconds: u64) -> Sim {
        let n = shares.len();
        let mut scheduler = Scheduler::default();
        shares.iter().enumerate().for_each(|(i, share)| scheduler.add(camera(i), *share));
        let index: BTreeMap<CameraId, usize> = (0..n).map(|i| (camera(i), i)).collect();
        let [mut served, mut offered, mut displaced, mut last, mut longest] = [(); 5].map(|()| vec![0; n]);
        let mut free_at = 0;
        let mut in_service = None;
        for now in (0..seconds * 1000).step_by(5) {
            for i in 0..n {
                // Spread over the period, as real cameras are.
                if (now + i as u64 * 15).is_multiple_of(1000 / fps) {
                    offered[i] += 1;
                    displaced[i] += u64::from(scheduler.offer(camera(i), ()).is_some());
                }
            }
            if now >= free_at {
                in_service.take().into_iter().for_each(|camera| scheduler.done(camera));
            }
            if now >= free_at
                && let Take::Ready(camera, ()) = scheduler.take(ms(now))
            {
                in_service = Some(camera);
                let i = index[&camera];
                served[i] += 1;
                longest[i] = longest[i].max(now - last[i]);
                last[i] = now;
                free_at = now + service;
            }
        }
        let held = (0..n).map(|i| u64::from(scheduler.remove(camera(i)).is_some())).collect();
        Sim { served, offered, displaced, held, longest }
    }

    /// Jain's index of fairness: 1 if all are equal, 1/n if one has everything.
    fn jain(x: &[f64]) -> f64 {
        let sum: f64 = x.iter().sum();
        sum * sum / (x.len() as f64 * x.iter().map(|v| v * v).sum::<f64>())
    }

    #[test]
    fn the_newest_frame_displaces_the_one_before() {
        let mut scheduler = Scheduler::default();
        assert_eq!(scheduler.offer(camera(0), 1), Some(1), "nobody knows this camera");
        scheduler.add(camera(0), Share::default());
        assert_eq!(scheduler.take(ms(0)), Take::Empty);
        assert_eq!(scheduler.offer(camera(0), 2), None);
        assert_eq!(scheduler.offer(camera(0), 3), Some(2));
        assert_eq!(scheduler.take(ms(2)), Take::Ready(camera(0), 3));
        assert_eq!(scheduler.take(ms(2)), Take::Empty);
        assert_eq!(scheduler.offer(camera(0), 4), None);
        assert_eq!(scheduler.take(ms(2)), Take::Empty, "a device has a frame of this camera");
        scheduler.done(camera(0));
        assert_eq!(scheduler.remove(camera(0)), Some(4));
        assert_eq!(scheduler.remove(camera(0)), None);
    }

    #[test]
    fn a_rate_is_a_limit() {
        let mut scheduler = Scheduler::default();
        scheduler.add(camera(0), share(8.0, 1.0));
        scheduler.offer(camera(0), 1);
        assert_eq!(scheduler.take(ms(1000)), Take::Ready(camera(0), 1));
        scheduler.done(camera(0));
        scheduler.offer(camera(0), 2);
        assert_eq!(scheduler.take(ms(1060)), Take::NotBefore(ms(1125)));
        assert!(!scheduler.is_due(camera(0), ms(1109)) && scheduler.is_due(camera(0), ms(1110)), "a little early");
        assert_eq!(scheduler.take(ms(1125)), Take::Ready(camera(0), 2));
    }

    #[test]
    fn a_rate_can_change_while_the_next_frame_waits() {
        let mut scheduler = Scheduler::default();
        scheduler.add(camera(0), share(1.0, 1.0));
        scheduler.offer(camera(0), 1);
        assert_eq!(scheduler.take(ms(1000)), Take::Ready(camera(0), 1));
        scheduler.done(camera(0));
        scheduler.offer(camera(0), 2);
        assert_eq!(scheduler.take(ms(1100)), Take::NotBefore(ms(2000)));
        scheduler.set_rate(camera(0), 4.0);
        assert_eq!(scheduler.take(ms(1100)), Take::NotBefore(ms(1250)));
        scheduler.set_rate(camera(0), 0.5);
        assert_eq!(scheduler.take(ms(1300)), Take::NotBefore(ms(3000)));
    }

    #[test]
    fn it_says_how_long_frames_wait() {
        let with = |service| {
            let mut scheduler = Scheduler::default();
            (0..10).for_each(|i| scheduler.add(camera(i), share(5.0, 1.0)));
            let (mut taken, mut now) = (0, 0);
            while taken < 500 {
                (0..10).for_each(|i| _ = scheduler.offer(camera(i), ()));
                match scheduler.take(ms(now)) {
                    Take::Ready(camera, ()) => {
                        scheduler.done(camera);
                        (taken, now) = (taken + 1, now + service);
                    }
                    _ => now += 1,
                }
            }
            scheduler.waits().periods
        };
        // 50 frames a second are asked for.
        assert!(with(15) < 0.5, "{}", with(15));
        assert!(with(40) > 0.8, "25 are done: {}", with(40));
        assert!(with(100) > 3.0, "10 are done: {}", with(100));
    }

    #[test]
    fn time_without_a_frame_worth_a_look_is_no_wait() {
        let mut scheduler = Scheduler::default();
        (0..2).for_each(|i| scheduler.add(camera(i), share(5.0, 1.0)));
        (0..2).for_each(|i| _ = scheduler.offer(camera(i), i));
        assert_eq!(scheduler.take(ms(1000)), Take::Ready(camera(0), 0));
        assert_eq!(scheduler.take(ms(1700)), Take::Empty, "the other's is over");
        scheduler.offer(camera(1), 2);
        assert_eq!(scheduler.take(ms(3000)), Take::Ready(camera(1), 2));
        // Not two seconds, but 0.7; four fifths of that, since the average is over half a second and two have passed.
        assert!((scheduler.waits().seconds - 0.56).abs() < 0.01, "{:?}", scheduler.waits());
    }

    #[test]
    fn a_changed_share_keeps_the_frame() {
        let mut scheduler = Scheduler::default();
        scheduler.add(camera(0), share(1.0, 1.0));
        scheduler.offer(camera(0), 1);
        scheduler.add(camera(0), share(5.0, 2.0));
        assert_eq!(scheduler.take(ms(0)), Take::Ready(camera(0), 1));
    }

    #[test]
    fn shares_that_make_no_sense_are_harmless() {
        let mut scheduler = Scheduler::default();
        for (i, value) in [f32::NAN, f32::INFINITY, -1.0, 0.0, f32::MIN_POSITIVE].into_iter().enumerate() {
            scheduler.add(camera(i), share(value, value));
            scheduler.offer(camera(i), i);
        }
        for _ in 0..5 {
            assert!(matches!(scheduler.take(ms(0)), Take::Ready(..)));
        }
    }

    #[test]
    fn with_time_to_spare_each_gets_its_rate() {
        let sim = simulate(&[share(10.0, 1.0), share(4.0, 1.0), Share::default()], 25, 5, 20);
        for (served, rate) in sim.served.iter().zip([10.0, 4.0, 25.0]) {
            assert!((*served as f64 / 20.0 - rate).abs() <= 0.1 * rate, "{served} in 20 s instead of {rate} a second");
        }
    }

    #[test]
    fn whoever_shows_a_frame_now_and_then_is_not_passed_over_for_long() {
        let shares: Vec<Share> = (0..40).map(|i| share(if i < 20 { 6.0 } else { 1.5 }, 1.0)).collect();
        // One frame a second from each, and thirty can be done: those that are left are not always of the low rate.
        let sim = simulate(&shares, 1, 33, 60);
        assert!(sim.longest.iter().all(|ms| *ms <= 4000), "{:?}", sim.longest);
    }

    #[test]
    fn what_is_over_waits_for_what_is_new() {
        let mut scheduler = Scheduler::default();
        (0..2).for_each(|i| scheduler.add(camera(i), share(5.0, 1.0)));
        scheduler.offer(camera(0), 1);
        scheduler.offer(camera(1), 2);
        assert_eq!(scheduler.take(ms(1000)), Take::Ready(camera(0), 1));
        scheduler.done(camera(0));
        scheduler.offer(camera(0), 3);
        assert_eq!(scheduler.take(ms(1450)), Take::Ready(camera(0), 3), "the other's is 0.45 s old");
        assert_eq!(scheduler.take(ms(1599)), Take::Ready(camera(1), 2));
        scheduler.done(camera(1));
        scheduler.offer(camera(1), 4);
        assert_eq!(scheduler.take(ms(1650)), Take::NotBefore(ms(1799)));
        assert_eq!(scheduler.take(ms(2250)), Take::Empty, "it is over");
        assert_eq!(scheduler.offer(camera(1), 5), Some(4));
        assert_eq!(scheduler.take(ms(2260)), Take::Ready(camera(1), 5));
    }

    #[test]
    fn overload_lowers_different_rates_by_the_same_factor() {
        let rates = [10.0, 5.0, 2.0, 10.0, 5.0, 2.0];
        let shares: Vec<Share> = rates.iter().map(|rate| share(*rate, 1.0)).collect();
        // 34 frames a second asked for, 10 possible.
        let sim = simulate(&shares, 25, 100, 200);
        let kept: Vec<f64> = sim.served.iter().zip(rates).map(|(n, rate)| *n as f64 / f64::from(rate)).collect();
        assert!(jain(&kept) > 0.99, "{kept:?}");
    }

    #[test]
    fn whoever_asks_for_a_look_now_and_then_does_not_take_it_from_the_busy() {
        let shares: Vec<Share> = (0..200).map(|i| share(if i < 20 { 8.0 } else { 0.25 }, 1.0)).collect();
        // 205 frames a second asked for, 67 possible.
        let sim = simulate(&shares, 10, 15, 120);
        let (busy, still) = sim.served.split_at(20);
        assert!(busy.iter().all(|n| (250..=400).contains(n)), "each a third of 8 a second: {busy:?}");
        assert!(still.iter().all(|n| (7..=13).contains(n)), "each a third of one in 4 s: {still:?}");
        assert!(sim.longest[..20].iter().all(|ms| *ms <= 1000), "{:?}", sim.longest);
    }

    #[test]
    fn whoever_begins_to_ask_for_more_does_not_wait_for_the_turn_of_the_old_rate() {
        let mut scheduler = Scheduler::default();
        (0..20).for_each(|i| scheduler.add(camera(i), share(if i == 0 { 0.25 } else { 8.0 }, 1.0)));
        let (mut first, mut now) = (Vec::new(), 0);
        while now < 20_000 {
            (0..20).for_each(|i| _ = scheduler.offer(camera(i), ()));
            if let Take::Ready(taken, ()) = scheduler.take(ms(now)) {
                scheduler.done(taken);
                if taken == camera(0) {
                    first.push(now);
                    scheduler.set_rate(taken, 8.0);
                }
            }
            // A third of what is asked for.
            now += 20;
        }
        let longest = first.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(longest.is_some_and(|ms| ms <= 500), "{longest:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn equals_get_equal_parts_of_ten_times_too_little(n in 3usize..40, rate in 2u32..12) {
            let service = 10_000 / (u64::from(rate) * n as u64) ;
            let sim = simulate(&vec![share(rate as f32, 1.0); n], 25, service.max(1), 60);
            let served: Vec<f64> = sim.served.iter().map(|v| *v as f64).collect();
            prop_assert!(jain(&served) >= 0.95, "{served:?}");
        }

        #[test]
        fn weights_are_respected(weights in prop::collection::vec(1u8..8, 2..12)) {
            let shares: Vec<Share> = weights.iter().map(|w| share(10.0, f32::from(*w))).collect();
            let heaviest = weights.iter().max().map_or(1, |w| u64::from(*w));
            let all: u64 = weights.iter().map(|w| u64::from(*w)).sum();
            // So little time that even the heaviest gets half its rate.
            let sim = simulate(&shares, 25, 200 * heaviest / all + 1, 200);
            let for_weight: Vec<f64> =
                sim.served.iter().zip(&weights).map(|(n, w)| *n as f64 / f64::from(*w)).collect();
            prop_assert!(jain(&for_weight) > 0.98, "{:?} for {weights:?}", sim.served);
        }

        #[test]
        fn nobody_starves_and_nothing_is_lost(
            shares in prop::collection::vec((prop::option::of(0.5f32..25.0), 0.2f32..8.0), 1..20), service in 1u64..200,
        ) {
            let shares: Vec<Share> = shares.into_iter().map(|(rate_hz, weight)| Share { rate_hz, weight }).collect();
            let sim = simulate(&shares, 25, service, 120);
            // In proportion to rate and weight, each would wait this long.
            let part = |s: &Share| f64::from(s.rate_hz.unwrap_or(25.0) * s.weight);
            let all: f64 = shares.iter().map(part).sum();
            for (i, share) in shares.iter().enumerate() {
                let fair = (service as f64 * all / part(share)).max(1000.0 / f64::from(share.rate_hz.unwrap_or(25.0)));
                let bound = 2.0 * fair + (service * shares.len() as u64) as f64 + 100.0;
                prop_assert!(sim.longest[i] as f64 <= bound, "{} ms, fair {fair}", sim.longest[i]);
                prop_assert!(sim.served[i] > 0);
                prop_assert_eq!(sim.offered[i], sim.served[i] + sim.displaced[i] + sim.held[i]);
            }
        }
    }
}
