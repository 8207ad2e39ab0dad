//! How many frames come from each camera and how many are looked at, a second. The pipeline only counts; here the counts are
//! looked at every two seconds.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use iris_core::{CameraId, Clock, MonoTime};
use iris_pipeline::{Ledger, View};

/// How often the counts are looked at.
const EVERY: Duration = Duration::from_secs(2);
/// How many looks a rate is taken over: ten seconds.
const LOOKS: usize = 6;

/// A camera's counts at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    at: MonoTime,
    frames: u64,
    detections: u64,
}

/// The rates of all cameras. Clones share them.
#[derive(Clone, Default)]
pub struct Rates(Arc<Mutex<HashMap<CameraId, VecDeque<Look>>>>);

/// What a camera does in a second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Rate {
    /// Access units that came.
    pub(super) frames: f64,
    /// Frames that were looked at.
    pub(super) detections: f64,
}

impl Rates {
    /// Looks at the counts as long as somebody holds the rates. Runs on the caller's runtime.
    pub fn start(view: View, clock: Arc<dyn Clock>) -> Self {
        let this = Self::default();
        let rates = Arc::downgrade(&this.0);
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(EVERY);
            while let Some(rates) = rates.upgrade() {
                Self(rates).look(&view, clock.mono());
                tick.tick().await;
            }
        });
        this
    }

    fn look(&self, view: &View, at: MonoTime) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut there = Vec::new();
        view.cameras(|id, _, ledger, _| {
            there.push(id);
            note(all.entry(id).or_default(), Look::of(ledger, at));
        });
        all.retain(|id, _| there.binary_search(id).is_ok());
    }

    pub(super) fn of(&self, camera: CameraId) -> Rate {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&camera).map(rate).unwrap_or_default()
    }
}

impl Look {
    fn of(ledger: &Ledger, at: MonoTime) -> Self {
        Self { at, frames: ledger.decode.received(), detections: ledger.model.emitted() }
    }
}

fn note(looks: &mut VecDeque<Look>, look: Look) {
    // A camera that was changed begins to count anew.
    if looks.back().is_some_and(|last| last.frames > look.frames) {
        looks.clear();
    }
    if looks.len() == LOOKS {
        looks.pop_front();
    }
    looks.push_back(look);
}

fn rate(looks: &VecDeque<Look>) -> Rate {
    let (Some(first), Some(last)) = (looks.front(), looks.back()) else { return Rate::default() };
    let seconds = last.at.since(first.at).as_secs_f64();
    if seconds <= 0.0 {
        return Rate::default();
    }
    let a_second = |from: u64, to: u64| to.saturating_sub(from) as f64 / seconds;
    Rate { frames: a_second(first.frames, last.frames), detections: a_second(first.detections, last.detections) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(second: u64, frames: u64, detections: u64) -> Look {
        Look { at: MonoTime(Duration::from_secs(second)), frames, detections }
    }

    #[test]
    fn a_rate_is_that_of_the_last_ten_seconds() {
        let mut looks = VecDeque::new();
        assert_eq!(rate(&looks), Rate::default());
        note(&mut looks, look(0, 1000, 500));
        assert_eq!(rate(&looks), Rate::default());
        (1..=20).for_each(|n| note(&mut looks, look(2 * n, 1000 + 50 * n, 500 + 10 * n)));
        assert_eq!(rate(&looks), Rate { frames: 25.0, detections: 5.0 });
    }

    #[test]
    fn a_camera_that_begins_anew_has_no_rate_of_before() {
        let mut looks = VecDeque::new();
        note(&mut looks, look(0, 1000, 500));
        note(&mut looks, look(2, 10, 5));
        note(&mut looks, look(4, 30, 9));
        assert_eq!(rate(&looks), Rate { frames: 10.0, detections: 2.0 });
    }
}
