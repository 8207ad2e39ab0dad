//! What is left out where the machine is too small for its cameras, and how that is noticed. No setting: what counts is
//! whether work comes too late, so this follows whatever else the machine has to do.
//!
//! Detections come first to be fewer: the scheduler gives each camera less of its rate. When cameras get less than half of
//! what they ask for, or access units wait for a decoder, cameras in which nothing moves are cut down to key frames, one
//! after the other, the longest still first. When that is not enough, or cameras wait for a look for longer than a second, which is what
//! else is decoded takes from the model, the groups of pictures of all others are decoded less and less far, down to their key
//! frames, of all to the same part. Events are never left out.

use std::sync::Arc;
use std::time::Duration;

use iris_core::MonoTime;
use iris_infer::Waits;

use crate::camera::Camera;
use crate::ladder::{Attention, Shed};

/// How often it is decided.
const TURN: Duration = Duration::from_millis(500);
/// Access units come too late where each of a turn waited longer than this for a decoder; less than the second is well. It
/// is the least wait that counts: a burst of key frames passes, and only a queue that stands means too much work (Nichols
/// and Jacobson, "Controlling Queue Delay", ACM Queue 2012).
const LATE: Duration = Duration::from_millis(100);
const WELL: Duration = Duration::from_millis(20);
/// How long due frames wait for a device, in periods of their cameras' rates: at one, each gets half of its rate.
const WAITS_LONG: f64 = 1.0;
const WAITS_LITTLE: f64 = 0.5;
/// The same in seconds, beyond which a camera is better off with fewer frames of which one is looked at, and when it is not any more.
const STARVES: f64 = 1.0;
const IS_FED: f64 = 0.5;
/// So many good turns in a row before a camera gets its frames back.
const PATIENCE: u32 = 4;
/// What part of all cameras, or of those that move where the others are shed, is added at a bad turn, and taken away at a good one.
const MORE: f64 = 0.05;
const FEWER: f64 = 0.02;

/// Decides how many cameras are shed. Pure.
#[derive(Debug, Default)]
pub(crate) struct Shedder {
    decided: MonoTime,
    /// The least that an access unit waited for a decoder since.
    lag: Option<Duration>,
    good_turns: u32,
    shed: f64,
}

impl Shedder {
    /// Notes how long an access unit waited for a decoder. True when it is time to [decide](Self::decide).
    pub(crate) fn note(&mut self, now: MonoTime, lag: Duration) -> bool {
        self.lag = Some(self.lag.map_or(lag, |least| least.min(lag)));
        now.since(self.decided) >= TURN
    }

    /// How many of `cameras` are to be shed, of which nothing moves in `still`. `waits` says how long due frames wait for a
    /// device: while that is not for seconds, cameras that move are not shed for it, which would only lower their rates more.
    pub(crate) fn decide(&mut self, now: MonoTime, cameras: usize, still: usize, waits: Waits) -> f64 {
        self.decided = now;
        let lag = self.lag.take().unwrap_or_default();
        let is_good = lag < WELL && waits.periods < WAITS_LITTLE;
        self.good_turns = if is_good { self.good_turns + 1 } else { 0 };
        let (cameras, still) = (cameras as f64, still as f64);
        let those = |are_still: bool| if are_still { cameras } else { cameras - still };
        let more = self.shed + MORE * those(self.shed < still);
        if lag > LATE || waits.seconds > STARVES {
            self.shed = more.min(cameras);
        } else if waits.periods > WAITS_LONG && self.shed < still {
            self.shed = more.min(still);
        } else if self.good_turns > PATIENCE || lag < WELL && waits.seconds < IS_FED && self.shed > still {
            self.shed = (self.shed - FEWER * those(self.shed <= still)).max(0.0);
        }
        tracing::debug!(shed = self.shed, still, ?lag, ?waits, "shedding");
        self.shed
    }
}

/// Sheds `n` cameras, `still` of which do not move: first those of the least weight in which nothing has moved for the longest
/// time. Those that move are all equal: where one of ten is to be shed, a tenth of each is.
pub(crate) fn shed(cameras: Vec<Arc<Camera>>, still: usize, n: f64) {
    let part = part(cameras.len(), still, n);
    for (i, camera) in ranked(cameras, |camera| &camera.attention, |camera| camera.settings.share.weight).enumerate() {
        camera.attention.set_shed(match part {
            Some(part) => Shed::Part(part),
            None if (i as f64) < n => Shed::WhileStill,
            None => Shed::No,
        });
    }
}

/// How many of 255 parts of their groups of pictures those that move get, if not all.
fn part(cameras: usize, still: usize, shed: f64) -> Option<u8> {
    let (cameras, still) = (cameras as f64, still as f64);
    // The cast takes what is too large or no number to the nearest that there is.
    (shed > still).then(|| (255.0 * (cameras - shed) / (cameras - still)) as u8)
}

/// Who is shed first comes first. Other threads see motion meanwhile, so each is asked once: an order that changes while
/// it is sorted by is none.
fn ranked<C>(
    cameras: Vec<C>,
    attention: impl Fn(&C) -> &Attention,
    weight: impl Fn(&C) -> f32,
) -> impl Iterator<Item = C> {
    let rank = |camera: C| (attention(&camera).moves(), weight(&camera), attention(&camera).moved(), camera);
    let mut ranked: Vec<_> = cameras.into_iter().map(rank).collect();
    ranked.sort_by(|(a_moves, a_weight, a_moved, _), (b_moves, b_weight, b_moved, _)| {
        a_moves.cmp(b_moves).then(a_weight.total_cmp(b_weight)).then(a_moved.cmp(b_moved))
    });
    ranked.into_iter().map(|(.., camera)| camera)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use super::*;

    /// Turns of a machine that can do `capacity` units of work, where a camera is one and a shed one a tenth: how many
    /// cameras are shed after each.
    fn turns(shedder: &mut Shedder, turns: u64, cameras: usize, capacity: f64) -> Vec<f64> {
        let mut shed = 0.0;
        (1..=turns)
            .map(|turn| {
                let work = cameras as f64 - shed * 0.9;
                let lag = Duration::from_secs_f64(((work / capacity - 1.0) * 2.0).max(0.01));
                let now = MonoTime(shedder.decided.0 + TURN);
                assert!(shedder.note(now, lag), "{turn}");
                shed = shedder.decide(now, cameras, cameras, Waits::default());
                shed
            })
            .collect()
    }

    #[test]
    fn it_finds_what_the_machine_can_do_and_follows_it() {
        let mut shedder = Shedder::default();
        assert!(turns(&mut shedder, 100, 200, 250.0).iter().all(|shed| *shed == 0.0), "it is large enough");
        let settled = *turns(&mut shedder, 200, 400, 250.0).last().expect("turns");
        // 233 shed and 167 not are 190; 250 are 233 not shed and 167 shed.
        assert!((150.0..=210.0).contains(&settled), "{settled}");
        let smaller = *turns(&mut shedder, 200, 400, 100.0).last().expect("turns");
        assert!((320.0..=370.0).contains(&smaller), "another program took cores: {smaller}");
        let freed = *turns(&mut shedder, 400, 400, 500.0).last().expect("turns");
        assert_eq!(freed, 0.0);
    }

    #[test]
    fn cameras_may_move_while_they_are_ranked() {
        let cameras: Vec<Attention> = (0..200).map(|_| Attention::default()).collect();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut n = 1u64;
                while !over.load(Relaxed) {
                    n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    cameras[(n >> 33) as usize % cameras.len()].note_moved(MonoTime(Duration::from_micros(n >> 40)));
                }
            });
            for _ in 0..1000 {
                assert_eq!(ranked(cameras.iter().collect(), |camera| camera, |_| 1.0).count(), cameras.len());
            }
            over.store(true, Relaxed);
        });
        for (i, camera) in cameras.iter().enumerate() {
            camera.note_moved(MonoTime(Duration::from_secs(1000 - i as u64)));
        }
        let first = ranked(cameras.iter().collect(), |camera| camera, |_| 1.0).next().expect("one");
        assert!(std::ptr::eq(first, &raw const cameras[199]), "it has been still for the longest time");
    }

    #[test]
    fn frames_that_wait_for_a_device_count_as_well() {
        let mut shedder = Shedder::default();
        let mut decide =
            |turn, periods, seconds| shedder.decide(MonoTime(turn * TURN), 40, 30, Waits { periods, seconds });
        assert_eq!(decide(1, 1.5, 0.2), 2.0);
        assert_eq!(decide(2, 0.7, 0.1), 2.0, "neither good nor bad");
        let most = (3..60).map(|turn| decide(turn, 9.0, 0.9)).fold(0.0, f64::max);
        assert_eq!(most, 30.0, "those that move are left alone");
        assert_eq!(decide(60, 9.0, 1.1), 30.5, "not where they are not looked at for seconds");
        assert_eq!(decide(61, 9.0, 0.9), 30.5);
        assert_eq!(decide(62, 3.0, 0.4), 30.3);
    }

    #[test]
    fn of_one_camera_a_little_is_shed_at_a_time() {
        let mut shedder = Shedder::default();
        let mut parts = (1..=25).map(|turn| {
            shedder.note(MonoTime(turn * TURN), 2 * LATE);
            part(1, 0, shedder.decide(MonoTime(turn * TURN), 1, 0, Waits::default()))
        });
        assert_eq!([parts.next(), parts.next()], [Some(Some(242)), Some(Some(229))]);
        assert_eq!(parts.last(), Some(Some(0)));
    }

    #[test]
    fn those_that_move_are_shed_in_part_and_alike() {
        let parts = [0.0, 30.0, 31.0, 35.0, 39.0, 40.0].map(|shed| part(40, 30, shed));
        assert_eq!(parts, [None, None, Some(229), Some(127), Some(25), Some(0)]);
        assert_eq!(part(40, 40, 40.0), None, "none moves");
    }
}
