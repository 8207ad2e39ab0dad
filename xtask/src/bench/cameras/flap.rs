//! Cameras that come and go at random, faster than in life: what grows, and whether those that stay are disturbed.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use super::Bench;
use super::farm::Plan;
use super::server::{Server, name};
use super::watch::{Watched, watch};
use crate::bench::procs::Usage;

const MIB: f64 = 1_048_576.0;
/// One of so many cameras stays.
const STEADY: usize = 10;
/// A camera is gone and back for times between these, each with its own, in seconds.
const EACH: (f64, f64) = (0.5, 2.0);
/// When that begins, in seconds: all cameras have been live once by then.
const BEGIN: u32 = 30;

/// What was found.
#[derive(Debug, Serialize)]
pub(super) struct Flaps {
    cameras: usize,
    flapping: usize,
    seconds: f64,
    /// How often the simulator took a camera away.
    breaks: u64,
    /// Connections that were made in the window.
    reconnects: u64,
    /// Those of cameras that stay.
    reconnects_of_steady: u64,
    /// Access units a second that came from a camera that stays.
    frames_of_steady: f64,
    cores: f64,
    /// From time to time.
    usages: Vec<Usage>,
}

/// Measures with so many cameras.
pub(super) async fn run(bench: &Bench, cameras: usize) -> Result<Flaps> {
    let end = Duration::from_secs(bench.args.warm_up) + bench.length + Duration::from_mins(2);
    let each = |camera| {
        let share = (camera as f64 * 0.618_033_988_749_895).fract();
        EACH.0 + (EACH.1 - EACH.0) * share
    };
    let faults = flapping(cameras).map(|camera| format!("{camera}:flap={:.2}@{BEGIN}+{}", each(camera), end.as_secs()));
    let plan = Plan { faults: faults.collect(), ..bench.plan(cameras) };
    bench
        .with_farm("flap", &plan, async |farm, folder| {
            let mut server = Server::start(farm, cameras, &bench.clips, &bench.settings, folder).await?;
            bench.warm_up().await;
            let watched = watch(&server, cameras, bench.length).await?;
            server.process.stop().await?;
            let seconds = bench.length.as_secs_f64();
            let breaks = flapping(cameras).map(|camera| (seconds / each(camera) / 2.0) as u64).sum();
            Ok(Flaps::new(&watched, cameras, breaks))
        })
        .await
}

/// The numbers of those that come and go.
fn flapping(cameras: usize) -> impl Iterator<Item = usize> {
    (0..cameras).filter(|camera| !camera.is_multiple_of(STEADY))
}

impl Flaps {
    fn new(watched: &Watched, cameras: usize, breaks: u64) -> Self {
        let (from, to) = watched.window();
        let seconds = to - from;
        let grown = |camera: usize, count: fn(&super::scrape::Counts) -> u64| {
            let count = |scrape: &super::scrape::Scrape| scrape.cameras.get(&name(camera)).map_or(0, count);
            count(&watched.last).saturating_sub(count(&watched.first))
        };
        let steady: Vec<_> = (0..cameras).filter(|camera| camera.is_multiple_of(STEADY)).collect();
        let frames: u64 = steady.iter().map(|camera| grown(*camera, |counts| counts.received)).sum();
        Self {
            cameras,
            flapping: flapping(cameras).count(),
            seconds,
            breaks,
            reconnects: (0..cameras).map(|camera| grown(camera, |counts| counts.connections)).sum(),
            reconnects_of_steady: steady.iter().map(|camera| grown(*camera, |counts| counts.connections)).sum(),
            frames_of_steady: frames as f64 / steady.len() as f64 / seconds,
            cores: watched.cpu_seconds / seconds,
            usages: watched.usages.clone(),
        }
    }

    /// For people: at the beginning, the most, and at the end.
    pub(super) fn table(&self) -> String {
        let row = |what: &str, value: fn(&Usage) -> f64| {
            let at = |usage: Option<&Usage>| usage.map_or(0.0, value);
            let most = self.usages.iter().map(value).fold(0.0, f64::max);
            format!("| {what} | {:.0} | {most:.0} | {:.0} |\n", at(self.usages.first()), at(self.usages.last()))
        };
        let Self { cameras, flapping, seconds, breaks, reconnects, cores, .. } = self;
        [
            format!("{flapping} of {cameras} cameras went away {breaks} times in {seconds:.0} s; {cores:.3} cores\n"),
            format!("{reconnects} connections were made, {} of cameras that stay, ", self.reconnects_of_steady),
            format!("from each of which {:.2} frames/s came\n\n", self.frames_of_steady),
            "| | first | most | last |\n|---|--:|--:|--:|\n".to_owned(),
            row("MiB", |usage| usage.memory_bytes as f64 / MIB),
            row("threads", |usage| usage.threads as f64),
            row("descriptors", |usage| usage.files as f64),
        ]
        .concat()
    }
}

#[cfg(test)]
mod tests {
    use super::super::scrape::{Counts, Scrape};
    use super::super::watch::Look;
    use super::*;

    #[test]
    fn those_that_stay_are_told_from_those_that_go() {
        let scrape = |connections: u64, received| {
            let counts =
                |i: usize| Counts { connections: if i == 0 { 1 } else { connections }, received, ..Counts::default() };
            Scrape { cameras: (0..10).map(|i| (name(i), counts(i))).collect(), ..Scrape::default() }
        };
        let look = |at| Look { at, detections: Vec::new() };
        let usages = [10, 30, 20].map(|threads| Usage { threads, ..Usage::default() }).to_vec();
        let (first, last) = (scrape(1, 0), scrape(4, 100));
        let watched = Watched { looks: vec![look(0.0), look(10.0)], first, last, usages, ..Watched::default() };
        let flaps = Flaps::new(&watched, 10, 50);
        assert_eq!((flaps.flapping, flaps.reconnects, flaps.reconnects_of_steady), (9, 27, 0));
        assert_eq!(flaps.frames_of_steady, 10.0);
        assert!(flaps.table().contains("| threads | 10 | 30 | 20 |\n"));
    }
}
