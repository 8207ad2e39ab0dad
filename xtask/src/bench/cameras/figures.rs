//! What a window of time says: how dear the cameras were, how often they were looked at while they were busy, how old results
//! were, what was lost, and which alarms were right. Only arithmetic.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::truth::{Raised, Score, begins, compare, sum};
use super::clips::{self, Clips};
use super::farm::Visit;
use super::scrape::Scrape;
use super::server::name;
use super::watch::{Look, Watched};
use crate::bench::procs::Usage;

/// Reasons at the stage `decode` for which nobody has looked at a frame; all others are a choice.
const LOST: [&str; 4] = ["queue_full", "awaiting_keyframe", "corrupt", "undisplayed"];

/// What was found at one number of cameras.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub(super) cameras: usize,
    pub(super) seconds: f64,
    /// Seconds of processor time in a second.
    pub(super) cores: f64,
    pub(super) first: Usage,
    pub(super) last: Usage,
    /// The most at any time.
    pub(super) memory_bytes: u64,
    pub(super) frames_a_second: f64,
    /// The share of frames that somebody looked at, be it the gate alone.
    pub(super) looked_at: f64,
    /// By stage and reason.
    pub(super) dropped: BTreeMap<String, u64>,
    /// The age of results in seconds, between the bounds of the histogram in a straight line.
    pub(super) age_p50: Option<f64>,
    pub(super) age_p99: Option<f64>,
    /// Frames that the model looked at, of all cameras.
    pub(super) results_a_second: f64,
    pub(super) busy: Option<Busy>,
    /// Detections a second of a camera on which nobody was seen.
    pub(super) idle_rate: Option<f64>,
    /// Connections beyond each camera's first.
    pub(super) reconnects: u64,
    pub(super) alarms: Score,
    /// Of what was missed, that which is raised where the model looks at every frame of the recording.
    pub(super) missed_by_load: usize,
    /// The mean number of cameras on each rung of the ladder.
    pub(super) rungs: BTreeMap<String, f64>,
}

/// What cameras got while they were busy.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Busy {
    /// How many times a camera was busy.
    pub(super) visits: usize,
    /// Detections a second: the mean and the least of a visit.
    pub(super) mean: f64,
    pub(super) least: f64,
    /// Jain's index of fairness (1984) over the visits: 1 where all got the same.
    pub(super) jain: f64,
    /// The longest time without a result, by the looks between which it must lie.
    pub(super) starved: f64,
}

impl Figures {
    pub(super) fn new(watched: &Watched, clips: &Clips, visits: &[Visit], events: &[Raised]) -> Self {
        let (from, to) = watched.window();
        let seconds = to - from;
        let cameras = watched.looks.first().map_or(0, |look| look.detections.len());
        let stretches = stretches(clips, visits, cameras, (from, to));
        let difference = |count: fn(&Scrape) -> u64| count(&watched.last).saturating_sub(count(&watched.first));
        let received = difference(|scrape| scrape.cameras.values().map(|camera| camera.received).sum());
        let dropped = dropped(watched);
        let lost: u64 = LOST.iter().filter_map(|reason| dropped.get(&format!("decode: {reason}"))).sum();
        let ages = ages(watched);
        let (alarms, missed_by_load) = alarms(clips, visits, events, cameras, (from, to));
        let usage = |usage: Option<&Usage>| usage.copied().unwrap_or_default();
        let looks = watched.looks.len().saturating_sub(1).max(1) as f64;
        Self {
            cameras,
            seconds,
            cores: watched.cpu_seconds / seconds,
            first: usage(watched.usages.first()),
            last: usage(watched.usages.last()),
            memory_bytes: watched.usages.iter().map(|usage| usage.memory_bytes).max().unwrap_or_default(),
            frames_a_second: received as f64 / seconds,
            looked_at: 1.0 - lost as f64 / received.max(1) as f64,
            dropped,
            age_p50: quantile(&ages, 0.50),
            age_p99: quantile(&ages, 0.99),
            results_a_second: difference(|s| s.cameras.values().map(|camera| camera.detections).sum()) as f64 / seconds,
            busy: Busy::new(&watched.looks, &stretches),
            idle_rate: idle_rate(&watched.looks, clips, visits),
            reconnects: difference(|scrape| scrape.cameras.values().map(|camera| camera.connections).sum()),
            alarms,
            missed_by_load,
            rungs: watched.rungs.iter().map(|(rung, n)| (rung.clone(), *n as f64 / looks)).collect(),
        }
    }
}

/// A camera and a time for which it was busy.
type Stretch = (usize, (f64, f64));

/// All that lie in the window. Without clips of busy cameras, every camera is busy all the time.
fn stretches(clips: &Clips, visits: &[Visit], cameras: usize, window: (f64, f64)) -> Vec<Stretch> {
    if clips.busy.is_empty() {
        return (0..cameras).map(|camera| (camera, window)).collect();
    }
    let seen = |visit: &Visit| {
        let (from, to) = clips.busy[visit.clip].seen;
        (visit.camera, (visit.from + from, visit.from + to))
    };
    visits.iter().map(seen).filter(|(_, (from, to))| window.0 <= *from && *to <= window.1).collect()
}

impl Busy {
    fn new(looks: &[Look], stretches: &[Stretch]) -> Option<Self> {
        let rates: Vec<f64> = stretches.iter().map(|(camera, span)| rate(looks, *camera, *span)).collect();
        let (n, sum) = (rates.len(), rates.iter().sum::<f64>());
        let squares: f64 = rates.iter().map(|rate| rate * rate).sum();
        let starved = stretches.iter().map(|(camera, span)| starved(looks, *camera, *span));
        (n > 0).then(|| Self {
            visits: n,
            mean: sum / n as f64,
            least: rates.iter().copied().fold(f64::INFINITY, f64::min),
            jain: if squares > 0.0 { sum * sum / (n as f64 * squares) } else { 1.0 },
            starved: starved.fold(0.0, f64::max),
        })
    }
}

/// A camera's results a second in a span of time.
fn rate(looks: &[Look], camera: usize, (from, to): (f64, f64)) -> f64 {
    (count_at(looks, camera, to) - count_at(looks, camera, from)) / (to - from)
}

/// A camera's results until then, in a straight line between two looks.
fn count_at(looks: &[Look], camera: usize, at: f64) -> f64 {
    let count = |look: &Look| look.detections[camera] as f64;
    let after = looks.partition_point(|look| look.at < at);
    match (after.checked_sub(1).map(|before| &looks[before]), looks.get(after)) {
        (Some(a), Some(b)) => count(a) + (count(b) - count(a)) * (at - a.at) / (b.at - a.at),
        (Some(only), None) | (None, Some(only)) => count(only),
        (None, None) => 0.0,
    }
}

/// The longest time in the span for which looks cannot rule out that no result came: from the look before the one that showed a
/// result to the look that shows the next.
fn starved(looks: &[Look], camera: usize, (from, to): (f64, f64)) -> f64 {
    let (mut longest, mut since) = (0.0_f64, from);
    for pair in looks.windows(2).filter(|pair| pair[1].at > from && pair[0].at < to) {
        if pair[1].detections[camera] > pair[0].detections[camera] {
            longest = longest.max(pair[1].at.min(to) - since);
            since = pair[0].at.max(from);
        }
    }
    longest.max(to - since)
}

/// Results a second of cameras while nobody visits them.
fn idle_rate(looks: &[Look], clips: &Clips, visits: &[Visit]) -> Option<f64> {
    if clips.busy.is_empty() {
        return None;
    }
    let (mut results, mut seconds) = (0.0, 0.0);
    let (first, last) = (looks.first()?, looks.last()?);
    for camera in 0..first.detections.len() {
        results += count_at(looks, camera, last.at) - count_at(looks, camera, first.at);
        seconds += last.at - first.at;
        for visit in visits.iter().filter(|visit| visit.camera == camera) {
            let span = (visit.from.max(first.at), visit.to.min(last.at));
            if span.0 < span.1 {
                results -= rate(looks, camera, span) * (span.1 - span.0);
                seconds -= span.1 - span.0;
            }
        }
    }
    (seconds > 0.0).then(|| results / seconds)
}

/// What was dropped in the window, by stage and reason.
fn dropped(watched: &Watched) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for (camera, counts) in &watched.last.cameras {
        let before = watched.first.cameras.get(camera);
        for (key, n) in &counts.dropped {
            let before = before.and_then(|counts| counts.dropped.get(key)).copied().unwrap_or(0);
            *sums.entry(format!("{}: {}", key.0, key.1)).or_default() += n.saturating_sub(before);
        }
    }
    sums.retain(|_, n| *n > 0);
    sums
}

/// The histogram of the results' ages in the window: how many were at most so old.
fn ages(watched: &Watched) -> Vec<(f64, f64)> {
    let before = |bound: f64| watched.first.ages.iter().find(|(b, _)| *b == bound).map_or(0.0, |(_, n)| *n);
    watched.last.ages.iter().map(|(bound, n)| (*bound, n - before(*bound))).collect()
}

/// A quantile of a histogram, in a straight line between two bounds; the last finite bound where it lies beyond.
fn quantile(ages: &[(f64, f64)], share: f64) -> Option<f64> {
    let wanted = ages.last().map(|(_, n)| n * share).filter(|n| *n > 0.0)?;
    let at = ages.iter().position(|(_, n)| *n >= wanted)?;
    let (low, below) = at.checked_sub(1).map_or((0.0, 0.0), |before| ages[before]);
    let (high, within) = ages[at];
    if high.is_infinite() {
        return Some(low);
    }
    Some(low + (high - low) * (wanted - below) / (within - below))
}

/// The events of all cameras against the truth of the visits that lie in the window. What began while another visit went on,
/// or outside the window, is not judged.
fn alarms(
    clips: &Clips,
    visits: &[Visit],
    events: &[Raised],
    cameras: usize,
    (from, to): (f64, f64),
) -> (Score, usize) {
    if clips.busy.is_empty() {
        return (Score::default(), 0);
    }
    let happenings = |visit: &Visit| {
        let clips::Busy { must_raise, raised_whole, .. } = &clips.busy[visit.clip];
        must_raise.iter().map(|happening| happening.after(visit.from)).zip(raised_whole).collect::<Vec<_>>()
    };
    let judge = |camera: usize| {
        let (whole, cut): (Vec<&Visit>, Vec<_>) = visits
            .iter()
            .filter(|visit| visit.camera == camera)
            .partition(|visit| from <= visit.from && visit.to <= to);
        let (truth, raised_whole): (Vec<_>, Vec<bool>) = whole.into_iter().flat_map(happenings).unzip();
        let is_judged = |event: &&Raised| {
            let at = event.from();
            let is_cut = cut.iter().any(|visit| visit.from <= at && at <= visit.to);
            event.camera == name(camera) && (from..=to).contains(&at) && !is_cut
        };
        let raised: Vec<_> = events.iter().filter(is_judged).cloned().collect();
        let missed =
            begins(&truth, &raised).iter().zip(raised_whole).filter(|(at, whole)| at.is_none() && *whole).count();
        (compare(&truth, &raised, (to - from) as u32), missed)
    };
    let (scores, missed): (Vec<_>, Vec<usize>) = (0..cameras).map(judge).unzip();
    (sum(&scores), missed.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks twice a second at two cameras: one with five results a second, one whose results stop for three seconds.
    fn looks() -> Vec<Look> {
        let steady = |i: u64| i * 5 / 2;
        let stops = |i: u64| if (8..=14).contains(&i) { steady(8) } else { steady(i) };
        (0..=40).map(|i| Look { at: 100.0 + i as f64 / 2.0, detections: vec![steady(i), stops(i)] }).collect()
    }

    fn clips() -> Clips {
        let must_raise = serde_json::from_str(
            r#"[{"rule": "yard", "kind": "intrusion", "direction": null, "from": 1.0, "to": 3.0}]"#,
        );
        let busy = clips::Busy {
            video: "a.mp4".into(),
            must_raise: must_raise.expect("a happening"),
            raised_whole: vec![true],
            seen: (1.0, 4.0),
        };
        Clips { quiet: Vec::new(), rules: Vec::new(), busy: vec![busy] }
    }

    fn visit(camera: usize, from: f64) -> Visit {
        Visit { camera, clip: 0, from, to: from + 5.0 }
    }

    #[test]
    fn a_busy_camera_is_judged_by_the_time_in_which_somebody_is_seen() {
        let stretches = stretches(&clips(), &[visit(0, 98.0), visit(1, 110.0), visit(0, 117.0)], 2, (100.0, 120.0));
        assert_eq!(stretches, [(1, (111.0, 114.0))]);
    }

    #[test]
    fn rates_fairness_and_starvation() {
        let busy = Busy::new(&looks(), &[(0, (102.0, 112.0)), (1, (102.0, 112.0))]).expect("two visits");
        assert_eq!((busy.visits, busy.mean, busy.least), (2, 5.0, 5.0));
        assert!((busy.jain - 1.0).abs() < 1e-9);
        assert_eq!(busy.starved, 4.0, "from the look before the last result to the one with the next");
        let uneven = Busy::new(&looks(), &[(0, (104.0, 107.0)), (1, (104.0, 107.0))]).expect("two visits");
        assert_eq!((uneven.least, uneven.jain, uneven.starved), (0.0, 0.5, 3.0));
        assert_eq!(Busy::new(&looks(), &[]), None);
    }

    #[test]
    fn results_of_visits_are_not_idle_ones() {
        let looks = looks();
        assert_eq!(idle_rate(&looks, &clips(), &[]), Some(5.0));
        let rate = idle_rate(&looks, &clips(), &[Visit { to: 107.0, ..visit(1, 104.0) }]).expect("idle time");
        assert!((rate - 200.0 / 37.0).abs() < 1e-9, "{rate}");
    }

    #[test]
    fn quantiles_lie_between_the_bounds() {
        let ages = [(0.1, 50.0), (0.2, 90.0), (f64::INFINITY, 100.0)];
        assert_eq!(quantile(&ages, 0.5), Some(0.1));
        assert!((quantile(&ages, 0.7).expect("one") - 0.15).abs() < 1e-9);
        assert_eq!(quantile(&ages, 0.99), Some(0.2));
        assert_eq!(quantile(&[(0.1, 0.0)], 0.5), None);
    }

    #[test]
    fn only_visits_in_the_window_are_held_against_alarms() {
        let event = |camera: &str, at: f64| -> Raised {
            let text = format!(
                r#"{{"camera": "{camera}", "rule": "yard", "kind": "intrusion", "direction": null, "state": "ended",
                     "start": null, "media_start": {at}, "media_end": {at}}}"#
            );
            serde_json::from_str(&text).expect("an event")
        };
        let events = [event("c0", 112.0), event("c0", 118.0), event("c1", 105.0), event("c1", 99.0)];
        let visits = [visit(0, 110.0), visit(1, 110.0), visit(0, 117.0)];
        let score = alarms(&clips(), &visits, &events, 2, (100.0, 120.0));
        assert_eq!(score, (Score { hits: 1, misses: 1, repeats: 0, false_alarms: 1, seconds: 40 }, 1));
        let mut clips = clips();
        clips.busy[0].raised_whole = vec![false];
        assert_eq!(alarms(&clips, &visits, &events, 2, (100.0, 120.0)).1, 0, "nor is it found in every frame");
    }
}
