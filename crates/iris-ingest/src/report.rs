//! Which changes of state are told. A camera that flaps would fill the log and wake people; here a state is told at
//! once as long as changes are rare, and otherwise when it has become clear. Pure: times are arguments.

use std::time::Duration;

use iris_core::MonoTime;

/// Changes that may be told at once: two whole outages (stalled, offline, live).
const BURST: u32 = 6;
/// How long it takes until one more may be told.
const REFILL: Duration = Duration::from_mins(1);

/// Holds back changes that come too fast (a token bucket), but never the last one.
#[derive(Debug)]
pub(crate) struct Reports<T> {
    shown: Option<T>,
    held: Option<T>,
    tokens: u32,
    refilled: MonoTime,
}

impl<T: Clone + PartialEq> Reports<T> {
    pub(crate) fn new(now: MonoTime) -> Self {
        Self { shown: None, held: None, tokens: BURST, refilled: now }
    }

    /// Takes a new state; returns what is to be told at `now`.
    pub(crate) fn change(&mut self, state: T, now: MonoTime) -> Option<T> {
        self.held = Some(state);
        self.due(now)
    }

    /// When to call [`Reports::due`] next, if something is held.
    pub(crate) fn deadline(&self) -> Option<MonoTime> {
        self.held.is_some().then_some(self.refilled + REFILL)
    }

    /// What is to be told at `now`.
    pub(crate) fn due(&mut self, now: MonoTime) -> Option<T> {
        while self.tokens < BURST && now >= self.refilled + REFILL {
            self.tokens += 1;
            self.refilled = self.refilled + REFILL;
        }
        if self.held == self.shown {
            self.held = None;
        }
        if self.held.is_none() || self.tokens == 0 {
            return None;
        }
        if self.tokens == BURST {
            self.refilled = now;
        }
        self.tokens -= 1;
        self.shown = self.held.take();
        self.shown.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> MonoTime {
        MonoTime(Duration::from_secs(secs))
    }

    #[test]
    fn rare_changes_are_told_at_once_and_only_changes_are() {
        let mut reports = Reports::new(at(0));
        for minute in 0..100 {
            assert_eq!(reports.change(minute % 2, at(60 * minute)), Some(minute % 2));
            assert_eq!(reports.change(minute % 2, at(60 * minute)), None);
            assert_eq!(reports.deadline(), None);
        }
    }

    #[test]
    fn flapping_is_told_once_a_minute_and_the_last_state_is_never_lost() {
        let mut reports = Reports::new(at(0));
        let mut told = Vec::new();
        for second in 0..3600 {
            told.extend(reports.change(second / 2 % 2, at(second)));
        }
        assert!(told.len() <= 60 + BURST as usize, "{} reports", told.len());
        let last = 7;
        let report = reports.change(last, at(3600)).or_else(|| {
            let due = reports.deadline().expect("it is held");
            reports.due(due)
        });
        assert_eq!(report, Some(last));
    }
}
