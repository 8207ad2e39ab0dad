//! Looks at a server for a while: its metrics twice a second, what its process uses, and when which camera had how many
//! results.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use tokio::time::MissedTickBehavior;

use super::scrape::{Counts, Scrape};
use super::server::{Server, name};
use crate::bench::procs::{Usage, cpu_seconds, usage};

/// How often the metrics are asked for: a camera with five results a second has some in each period.
const PERIOD: Duration = Duration::from_millis(500);
/// How many periods lie between two looks at the memory, which is dearer.
const RARELY: usize = 20;

/// What was seen in a window of time.
#[derive(Debug, Default)]
pub(super) struct Watched {
    pub(super) looks: Vec<Look>,
    pub(super) first: Scrape,
    pub(super) last: Scrape,
    /// Processor time in the window.
    pub(super) cpu_seconds: f64,
    /// From time to time, first and last included.
    pub(super) usages: Vec<Usage>,
    /// How many cameras were on each rung, summed over all looks.
    pub(super) rungs: BTreeMap<String, usize>,
}

/// All results so far.
#[derive(Debug, Default, Clone)]
pub(super) struct Look {
    /// In seconds since 1970.
    pub(super) at: f64,
    /// By the cameras' numbers.
    pub(super) detections: Vec<u64>,
}

impl Look {
    fn of(scrape: &Scrape, cameras: usize) -> Self {
        let detections = |camera| scrape.cameras.get(&name(camera)).map_or(0, |counts: &Counts| counts.detections);
        Self { at: now(), detections: (0..cameras).map(detections).collect() }
    }
}

impl Watched {
    /// When the window begins and ends.
    pub(super) fn window(&self) -> (f64, f64) {
        let at = |look: Option<&Look>| look.map_or(0.0, |look| look.at);
        (at(self.looks.first()), at(self.looks.last()))
    }
}

/// Watches the server with so many cameras for so long.
pub(super) async fn watch(server: &Server, cameras: usize, length: Duration) -> Result<Watched> {
    let group = server.process.id().context("the server has ended")?;
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let (mut this, begin) = (Watched::default(), cpu_seconds(group)?);
    this.first = server.scrape().await?;
    this.looks.push(Look::of(&this.first, cameras));
    this.usages.push(usage(group)?);
    let start = this.window().0;
    while this.window().1 - start < length.as_secs_f64() {
        ticks.tick().await;
        this.last = server.scrape().await?;
        this.looks.push(Look::of(&this.last, cameras));
        for (rung, n) in &this.last.rungs {
            *this.rungs.entry(rung.clone()).or_default() += n;
        }
        if this.looks.len().is_multiple_of(RARELY) {
            this.usages.push(usage(group)?);
        }
    }
    this.cpu_seconds = cpu_seconds(group)? - begin;
    this.usages.push(usage(group)?);
    if this.last.cameras.len() < cameras {
        bail!("the server tells of {} cameras of {cameras}", this.last.cameras.len());
    }
    Ok(this)
}

/// In seconds since 1970.
fn now() -> f64 {
    Timestamp::now().as_microsecond() as f64 * 1e-6
}
