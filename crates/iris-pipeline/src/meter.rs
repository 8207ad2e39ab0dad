//! The books: for each camera and stage, `received = emitted + Σ dropped{reason} + in flight`. Counting only; how the
//! counts are published is in [`crate::metrics`].

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use iris_core::DropReason;

const REASONS: usize = DropReason::ALL.len();

/// The counts of one camera at one stage.
#[derive(Debug, Default)]
pub struct StageCount {
    received: AtomicU64,
    emitted: AtomicU64,
    dropped: [AtomicU64; REASONS],
}

impl StageCount {
    pub(crate) fn receive(&self) {
        self.received.fetch_add(1, Relaxed);
    }

    pub(crate) fn emit(&self) {
        self.emitted.fetch_add(1, Relaxed);
    }

    pub(crate) fn drop_one(&self, reason: DropReason) {
        self.drop_many(reason, 1);
    }

    pub(crate) fn drop_many(&self, reason: DropReason, n: u64) {
        self.dropped[reason as usize].fetch_add(n, Relaxed);
    }

    /// How many entered.
    pub fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// How many left for the next stage.
    pub fn emitted(&self) -> u64 {
        self.emitted.load(Relaxed)
    }

    /// How many were dropped for `reason`.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize].load(Relaxed)
    }

    /// How many were dropped in all.
    pub fn dropped_total(&self) -> u64 {
        DropReason::ALL.iter().map(|r| self.dropped(*r)).sum()
    }

    /// How many are inside. Negative only between the two halves of a count in progress.
    pub fn in_flight(&self) -> i64 {
        self.received() as i64 - self.emitted() as i64 - self.dropped_total() as i64
    }
}

/// A camera's counts at the three stages that can lose something.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Access units in, prepared frames out.
    pub decode: StageCount,
    /// Prepared frames in, detections out.
    pub model: StageCount,
    /// Detections in, updates out.
    pub analytics: StageCount,
}

/// The stages of a [`Ledger`] with their names in metrics.
pub struct Stages;

impl Stages {
    /// Each stage's name and counts, in the order of a frame's way.
    pub fn of(ledger: &Ledger) -> [(&'static str, &StageCount); 3] {
        [("decode", &ledger.decode), ("model", &ledger.model), ("analytics", &ledger.analytics)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_entered_is_somewhere() {
        let stage = StageCount::default();
        (0..5).for_each(|_| stage.receive());
        stage.emit();
        stage.drop_many(DropReason::QueueFull, 2);
        stage.drop_one(DropReason::Corrupt);
        assert_eq!((stage.dropped_total(), stage.in_flight()), (3, 1));
        assert_eq!(stage.dropped(DropReason::QueueFull), 2);
    }
}
