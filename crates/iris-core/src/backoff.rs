//! How long to wait after failures in a row. Pure: no clock, and no randomness but the seed.

use std::time::Duration;

/// Pauses that double with each failure in a row.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
    random: u64,
}

impl Backoff {
    /// Pauses from `first` up to `longest`. Those with different seeds spread their attempts differently.
    pub const fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        Self { first, longest, failures: 0, random: seed }
    }

    /// The pause after one more failure: half to the whole of what has doubled, so that those who fail together do not
    /// return together.
    pub fn pause(&mut self) -> Duration {
        let whole = self.first.saturating_mul(1 << self.failures.min(16)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        // SplitMix64 (Steele, Lea, Flood 2014): all that spreading needs.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let unit = ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
        whole.mul_f64(0.5 + unit / 2.0)
    }

    /// What comes next is the first failure again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_start_anew() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30), 7);
        for whole in [1, 2, 4, 8, 16, 30, 30].map(Duration::from_secs) {
            let pause = backoff.pause();
            assert!((whole / 2..=whole).contains(&pause), "{pause:?} of {whole:?}");
        }
        backoff.reset();
        assert!(backoff.pause() <= Duration::from_secs(1));
    }

    #[test]
    fn those_who_fail_together_return_apart() {
        let pause = |seed| Backoff::new(Duration::from_secs(1), Duration::from_secs(30), seed).pause();
        let mut pauses: Vec<Duration> = (0..200).map(pause).collect();
        pauses.sort();
        let busiest = pauses.windows(40).map(|w| w[39].saturating_sub(w[0])).min().expect("200 pauses");
        assert!(busiest > Duration::from_millis(50), "40 of 200 within {busiest:?}");
    }
}
