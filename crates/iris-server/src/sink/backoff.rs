//! How long to wait after a failure.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(5);

/// The time to the next try after so many failures: doubled each time from one second to five minutes, less a random
/// part of up to half, so that those who failed together do not return together.
pub(super) fn delay(failures: u32) -> Duration {
    let full = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST);
    full.mul_f64(rand::random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_five_minutes_with_jitter() {
        for (failures, full) in [(0, 1), (1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (u32::MAX, 300)] {
            let full = Duration::from_secs(full);
            let delays: Vec<Duration> = (0..100).map(|_| delay(failures)).collect();
            assert!(delays.iter().all(|d| (full / 2..=full).contains(d)), "{failures}: {delays:?}");
            assert!(delays.iter().any(|d| *d != delays[0]), "no jitter after {failures}");
        }
    }
}
