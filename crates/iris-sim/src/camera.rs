//! One camera: what it plays, what is wrong with it, and where in its clip its sessions begin. It has no task of its own;
//! each connection plays the camera for its client.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::watch;

use crate::Clip;
use crate::clip::CLOCK_RATE;
use crate::fault::Control;

/// A camera, as all its connections share it.
#[derive(Debug)]
pub(crate) struct Camera {
    pub(crate) control: watch::Sender<Control>,
    pub(crate) place: Place,
    seed: u64,
    sessions: AtomicU64,
}

impl Camera {
    pub(crate) fn new(clip: Arc<Clip>, place: Place, seed: u64) -> Self {
        Self { control: watch::Sender::new(Control::new(clip)), place, seed, sessions: AtomicU64::new(0) }
    }

    /// The random numbers of this camera's next session.
    pub(crate) fn next_session(&self) -> StdRng {
        StdRng::seed_from_u64(self.seed ^ self.sessions.fetch_add(1, Ordering::Relaxed))
    }
}

/// The n-th of numbers from 0 to 1 that never crowd, however many there are: multiples of the golden ratio's fraction
/// (Knuth, The Art of Computer Programming, vol. 3, §6.4).
pub(crate) fn golden(n: usize) -> f64 {
    (n as f64 * 0.618_033_988_749_895).fract()
}

/// Where in its clip a camera begins, and how long after being asked, as a fraction of what there is: 0 for the first
/// camera of a clip, spread evenly over the others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place(f64);

impl Place {
    /// The place of a clip's n-th camera.
    pub(crate) fn of(n: usize) -> Self {
        Self(golden(n))
    }

    /// The number of the start to begin at.
    pub(crate) fn start(self, clip: &Clip) -> usize {
        (self.0 * clip.starts().len() as f64) as usize
    }

    /// How long the first unit waits: less than the time between two key frames, and less than a second.
    pub(crate) fn delay(self, clip: &Clip) -> Duration {
        let between = clip.duration() as f64 / clip.starts().len() as f64 / CLOCK_RATE as f64;
        Duration::from_secs_f64(self.0 * between.min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::tests::clip;

    #[test]
    fn cameras_of_one_clip_begin_at_different_places_and_moments() {
        let units: Vec<_> = (0..500).map(|i| (i * 9000, i * 9000, i % 10 == 0)).collect();
        let clip = clip(&units, 9000).expect("key frames");
        assert_eq!((Place::of(0).start(&clip), Place::of(0).delay(&clip)), (0, Duration::ZERO));
        let mut starts: Vec<_> = (0..30).map(|n| Place::of(n).start(&clip)).collect();
        let mut delays: Vec<_> = (0..30).map(|n| Place::of(n).delay(&clip)).collect();
        starts.sort_unstable();
        starts.dedup();
        delays.sort_unstable();
        assert_eq!(starts.len(), 30);
        assert!(starts.iter().all(|s| *s < clip.starts().len()));
        assert!(delays.windows(2).all(|d| d[1] > d[0] + Duration::from_millis(10)), "{delays:?}");
        assert!(delays.iter().all(|d| *d < Duration::from_secs(1)));
    }
}
