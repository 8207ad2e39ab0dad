//! How often a replay is looked at where a gate stands before its model. A camera's rate goes by the clock (see
//! [`iris_infer::Scheduler`]), a replay's by the times of its pictures, so that it is the same however fast they pass.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use iris_core::MediaTime;

/// A rate and what was looked at last. Only the thread that decodes the replay asks.
#[derive(Debug)]
pub(crate) struct Tempo {
    /// Seconds between two looks, and when the last was, as the bits of an `f64`.
    period: AtomicU64,
    looked: AtomicU64,
}

impl Default for Tempo {
    /// Every picture.
    fn default() -> Self {
        Self { period: AtomicU64::new(0), looked: AtomicU64::new(f64::NEG_INFINITY.to_bits()) }
    }
}

impl Tempo {
    /// From now on so many looks a second.
    pub(crate) fn set_rate(&self, rate_hz: f32) {
        self.period.store(f64::from(rate_hz).recip().to_bits(), Relaxed);
    }

    /// Whether a picture of this time is looked at. Like the scheduler's, a little early is in time.
    pub(crate) fn is_due(&self, at: MediaTime) -> bool {
        let (now, read) = (at.as_secs_f64(), |bits: &AtomicU64| f64::from_bits(bits.load(Relaxed)));
        let is_due = now - read(&self.looked) >= read(&self.period) * 7.0 / 8.0;
        if is_due {
            self.looked.store(now.to_bits(), Relaxed);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(tempo: &Tempo, ms: impl Iterator<Item = i64>) -> Vec<i64> {
        ms.filter(|ms| tempo.is_due(MediaTime::from_millis(*ms))).collect()
    }

    #[test]
    fn pictures_are_thinned_by_their_own_times() {
        let tempo = Tempo::default();
        assert_eq!(looks(&tempo, [0, 100, 100, 200].into_iter()), [0, 100, 100, 200]);
        tempo.set_rate(5.0);
        assert_eq!(looks(&tempo, (3..10).map(|i| i * 100)), [400, 600, 800]);
        // A beat of 90 ms: 180 ms are near enough to 200.
        assert_eq!(looks(&tempo, (11..17).map(|i| i * 90)), [990, 1170, 1350]);
        tempo.set_rate(f32::INFINITY);
        assert_eq!(looks(&tempo, [1400, 1401].into_iter()), [1400, 1401]);
    }
}
