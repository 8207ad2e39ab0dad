//! When a device counts as lost, and when it is tried again: a circuit breaker (Nygard, Release It!, 2007). Pure: what
//! happened and what time it is go in, decisions come out.

use std::time::Duration;

use iris_core::{Backoff, MonoTime};

/// So many failures in a row, and the device is lost. One alone may have been the frame's fault.
const FAILURES: u32 = 3;
/// The first pause before a lost device is tried again; it doubles each time that fails.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// A device's luck so far.
#[derive(Debug)]
pub(crate) struct Breaker {
    /// Runs that failed since one succeeded.
    failures: u32,
    /// It is lost, and to be tried again then.
    retry_at: Option<MonoTime>,
    backoff: Backoff,
}

impl Breaker {
    /// Of a device that works. Those with different seeds are tried again at different times.
    pub(crate) const fn new(seed: u64) -> Self {
        Self { failures: 0, retry_at: None, backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, seed) }
    }

    /// If it is lost, when to try it again.
    pub(crate) const fn retry_at(&self) -> Option<MonoTime> {
        self.retry_at
    }

    /// A run succeeded: all is well again.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
        self.backoff.reset();
    }

    /// A run failed. Returns whether the device is lost by that.
    pub(crate) fn failed(&mut self, now: MonoTime) -> bool {
        self.failures += 1;
        let lost = self.failures >= FAILURES;
        if lost {
            self.lose(now);
        }
        lost
    }

    /// It is lost, without a run: it could not even be loaded.
    pub(crate) fn lose(&mut self, now: MonoTime) {
        self.retry_at = Some(now + self.backoff.pause());
    }

    /// It was tried again and could be loaded. It works, but the first run that fails loses it again.
    pub(crate) fn recovered(&mut self) {
        self.retry_at = None;
        self.failures = FAILURES - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> MonoTime {
        MonoTime(Duration::from_secs(secs))
    }

    #[test]
    fn a_device_is_lost_when_it_fails_three_times_in_a_row() {
        let mut breaker = Breaker::new(1);
        assert!(!breaker.failed(at(0)) && !breaker.failed(at(0)));
        breaker.succeeded();
        assert!(!breaker.failed(at(1)) && !breaker.failed(at(1)));
        assert_eq!(breaker.retry_at(), None);
        assert!(breaker.failed(at(2)));
        assert!(breaker.retry_at().is_some_and(|at_time| at_time > at(2) && at_time <= at(3)));
    }

    #[test]
    fn each_attempt_that_fails_doubles_the_pause_up_to_a_minute() {
        let mut breaker = Breaker::new(2);
        let mut now = at(0);
        for longest in [1, 2, 4, 8, 16, 32, 60, 60].map(Duration::from_secs) {
            breaker.lose(now);
            let pause = breaker.retry_at().expect("it is lost").since(now);
            assert!((longest / 2..=longest).contains(&pause), "{pause:?} of {longest:?}");
            now = now + pause;
        }
    }

    #[test]
    fn one_that_loads_but_fails_at_once_is_lost_again_for_longer_and_a_good_run_forgives_all() {
        let mut breaker = Breaker::new(3);
        (0..5).for_each(|_| breaker.lose(at(0)));
        breaker.recovered();
        assert_eq!(breaker.retry_at(), None);
        assert!(breaker.failed(at(100)), "it is on trial");
        assert!(breaker.retry_at().is_some_and(|time| time >= at(116)));
        breaker.recovered();
        breaker.succeeded();
        assert!(!breaker.failed(at(200)), "it has proved itself");
        breaker.lose(at(200));
        assert!(breaker.retry_at().is_some_and(|time| time <= at(201)));
    }
}
