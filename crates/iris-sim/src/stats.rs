//! What a farm has done, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the start of a farm, over all cameras.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Connections open now.
    pub connections: u64,
    /// Sessions playing now.
    pub playing: u64,
    /// Access units sent.
    pub units: u64,
    /// RTP bytes sent, with headers.
    pub bytes: u64,
    /// Access units not sent because the client did not read fast enough, or waits for a key frame after that.
    pub dropped_units: u64,
    /// RTP packets left out because a fault says so, or because a UDP socket was full.
    pub lost_packets: u64,
}

/// The counters behind [`Stats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: AtomicU64,
    pub(crate) playing: AtomicU64,
    pub(crate) units: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) dropped_units: AtomicU64,
    pub(crate) lost_packets: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self) -> Stats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            connections: get(&self.connections),
            playing: get(&self.playing),
            units: get(&self.units),
            bytes: get(&self.bytes),
            dropped_units: get(&self.dropped_units),
            lost_packets: get(&self.lost_packets),
        }
    }
}

/// Counts one up while it lives.
pub(crate) struct Gauge<'a>(&'a AtomicU64);

impl<'a> Gauge<'a> {
    pub(crate) fn raise(gauge: &'a AtomicU64) -> Self {
        gauge.fetch_add(1, Ordering::Relaxed);
        Self(gauge)
    }
}

impl Drop for Gauge<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Adds to a counter.
pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}
