//! One monotonic timeline for a camera, whatever its timestamps do. Pure: raw timestamps and arrival times go in,
//! positions come out. It knows nothing of protocols, and compares no wall clocks.
//!
//! A timestamp is believed as long as it goes on from the one before. Where it jumps (a camera that sets its clock,
//! a counter that wraps, a new connection) the old timeline is joined to the new one at the time that has passed by
//! arrival; where it freezes, arrival carries the timeline on. Both are told to the caller, because what depends on
//! durations across that point is a guess.

use std::time::Duration;

use iris_core::{MediaTime, MonoTime, Timebase};

/// A timestamp may run this much ahead of arrival: bursts and lost packets do no more.
const FORWARD: i64 = 10 * 90_000;
/// It may fall this much behind the latest one, for units that are sent in another order than they are shown.
const BACKWARD: i64 = 90_000;
/// This many units in a row that do not go forward are not reordering any more (H.264 §A.3.1: at most 16 frames).
const STUCK: u32 = 17;
/// The step where nothing tells a better one: 25 frames/s.
const NOMINAL: i64 = 3_600;

/// Timestamps as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raw {
    /// When the unit is shown.
    pub pts: Option<MediaTime>,
    /// When it is decoded, where the container says so.
    pub dts: Option<MediaTime>,
}

/// A unit's place on the camera's timeline, in 90 kHz ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// When the unit is shown.
    pub pts: MediaTime,
    /// When it is decoded: greater with every unit.
    pub dts: MediaTime,
    /// The timeline was joined here.
    pub joined: bool,
}

/// The timeline of a camera over all its connections.
#[derive(Debug, Default)]
pub struct Timeline {
    /// Added to raw ticks; unknown before the first unit of a connection.
    offset: Option<i64>,
    last_raw: Option<i64>,
    /// The latest position given out, and when.
    high: Option<(i64, Option<MonoTime>)>,
    /// The last good step forward.
    step: Option<i64>,
    /// Units in a row that did not go forward.
    stuck: u32,
}

impl Timeline {
    /// A new connection begins: its timestamps have nothing to do with those before.
    pub fn reconnect(&mut self) {
        (self.offset, self.last_raw, self.stuck) = (None, None, 0);
    }

    /// Places the next unit in decoding order. `arrival` is when it came, for live sources; recorded ones, whose
    /// positions must not depend on when they are read, have none.
    pub fn place(&mut self, raw: Raw, arrival: Option<MonoTime>) -> Placed {
        let [pts, dts] = [raw.pts, raw.dts].map(|t| t.map(|t| t.rescale(Timebase::VIDEO).ticks));
        let reordered = match (pts, dts) {
            (Some(pts), Some(dts)) => pts.saturating_sub(dts).clamp(-BACKWARD, FORWARD),
            _ => 0,
        };
        let (decode, position, joined) = match (dts.or(pts), self.offset, self.high) {
            // What is shown first is at zero.
            (base, _, None) => self.join(base, -reordered, false),
            (base, None, Some(_)) | (base @ None, ..) => self.join(base, self.passed(arrival), false),
            (Some(base), Some(offset), Some((high, _))) => self.follow(base, offset, high, arrival),
        };
        let shown = position.saturating_add(reordered);
        self.high = Some((decode, arrival));
        Placed { pts: ticks(shown.max(0)), dts: ticks(decode), joined }
    }

    /// Goes on with a known timeline. Returns when the unit is decoded, its position, and whether it was joined.
    fn follow(&mut self, base: i64, offset: i64, high: i64, arrival: Option<MonoTime>) -> (i64, i64, bool) {
        // Wrapping, so that any two timestamps can be joined: the offset is exact, and what overflows is a jump.
        let position = base.wrapping_add(offset);
        let ahead = position.saturating_sub(high);
        let frozen = self.last_raw == Some(base) && self.stuck >= STUCK;
        self.stuck = if ahead > 0 { 0 } else { self.stuck.saturating_add(1) };
        let jumped = ahead < -BACKWARD || ahead > FORWARD.saturating_add(self.waited(arrival));
        if frozen || jumped || self.stuck == STUCK {
            return self.join(Some(base), self.passed(arrival), !frozen);
        }
        self.last_raw = Some(base);
        if ahead > 0 {
            self.step = Some(ahead);
            return (position, position, false);
        }
        // Decoded after its neighbour in any case; shown before it, where that is what its timestamp says.
        let decode = high.saturating_add(1);
        (decode, if ahead == 0 { decode } else { position }, false)
    }

    /// Takes `base` to lie at `position` from now on.
    fn join(&mut self, base: Option<i64>, position: i64, joined: bool) -> (i64, i64, bool) {
        if let Some(base) = base {
            self.offset = Some(position.wrapping_sub(base));
            self.last_raw = Some(base);
        }
        (position, position, joined)
    }

    /// The latest position plus what has passed since: by arrival, or else by the usual step.
    fn passed(&self, arrival: Option<MonoTime>) -> i64 {
        let (high, since) = self.high.unwrap_or_default();
        let passed = match (since, arrival) {
            (Some(_), Some(_)) => self.waited(arrival),
            _ => self.step.unwrap_or(NOMINAL),
        };
        high.saturating_add(passed.max(1))
    }

    /// How long ago the latest unit arrived.
    fn waited(&self, arrival: Option<MonoTime>) -> i64 {
        match (self.high, arrival) {
            (Some((_, Some(since))), Some(arrival)) => to_ticks(arrival.since(since)),
            _ => 0,
        }
    }
}

fn ticks(n: i64) -> MediaTime {
    MediaTime::from_90khz(n)
}

fn to_ticks(d: Duration) -> i64 {
    (MediaTime::ZERO + d).ticks
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRAME: i64 = 3_600;

    fn shown(pts: i64) -> Raw {
        Raw { pts: Some(ticks(pts)), dts: None }
    }

    /// When a camera's frame arrives that sends one each 40 ms.
    fn arrival(frame: i64) -> MonoTime {
        MonoTime(Duration::from_millis(40 * frame as u64))
    }

    /// Places a live camera's timestamps that arrive 40 ms apart: positions in frames, and where it was joined.
    fn live(raw: &[i64]) -> (Vec<i64>, Vec<usize>) {
        let mut timeline = Timeline::default();
        let placed: Vec<Placed> =
            raw.iter().enumerate().map(|(i, &pts)| timeline.place(shown(pts), Some(arrival(i as i64)))).collect();
        assert!(placed.windows(2).all(|w| w[0].dts < w[1].dts), "{placed:?}");
        let joined = placed.iter().enumerate().filter(|(_, p)| p.joined).map(|(i, _)| i).collect();
        (placed.iter().map(|p| p.pts.ticks / FRAME).collect(), joined)
    }

    #[test]
    fn a_timeline_starts_at_zero_wherever_the_camera_starts() {
        assert_eq!(live(&[7_000_000, 7_003_600, 7_007_200]), (vec![0, 1, 2], vec![]));
    }

    #[test]
    fn jumps_and_wraps_are_joined_at_the_time_that_passed() {
        let hour = 3600 * 90_000;
        let wrap = 1 << 32;
        for (name, raw) in [
            ("forward", [0, FRAME, hour, hour + FRAME, hour + 2 * FRAME]),
            ("back", [hour, hour + FRAME, 0, FRAME, 2 * FRAME]),
            ("wrap", [wrap - 2 * FRAME, wrap - FRAME, 0, FRAME, 2 * FRAME]),
            ("end of range", [0, FRAME, i64::MAX - 2 * FRAME, i64::MAX - FRAME, i64::MAX]),
            ("start of range", [0, FRAME, i64::MIN, i64::MIN + FRAME, i64::MIN + 2 * FRAME]),
        ] {
            assert_eq!(live(&raw), (vec![0, 1, 2, 3, 4], vec![2]), "{name}");
        }
    }

    #[test]
    fn a_frozen_clock_is_noticed_once_and_carried_on_by_arrival() {
        let mut raw = vec![0, FRAME];
        raw.extend([2 * FRAME; 100]);
        let (positions, joined) = live(&raw);
        assert_eq!(joined, [2 + STUCK as usize]);
        assert!((positions.last().unwrap() - 101).abs() <= i64::from(STUCK), "{positions:?}");
    }

    #[test]
    fn a_clock_set_back_by_less_than_reordering_does_is_noticed() {
        let mut raw: Vec<i64> = (0..50).map(|i| i * FRAME).collect();
        raw.extend((0..50).map(|i| (29 + i) * FRAME));
        let (positions, joined) = live(&raw);
        assert_eq!(joined.len(), 1);
        assert!(positions.last().unwrap() >= &80, "{positions:?}");
    }

    #[test]
    fn reordered_units_keep_their_times() {
        let (positions, joined) = live(&[0, 3, 1, 2, 6, 4, 5].map(|i| i * FRAME));
        assert_eq!((positions, joined), (vec![0, 3, 1, 2, 6, 4, 5], vec![]));

        let mut timeline = Timeline::default();
        for (pts, dts) in [(2, 0), (5, 1), (3, 2), (4, 3)] {
            let raw = Raw { pts: Some(ticks(pts * FRAME)), dts: Some(ticks(dts * FRAME)) };
            let placed = timeline.place(raw, None);
            // What is shown first is at zero.
            assert_eq!((placed.pts, placed.dts), (ticks((pts - 2) * FRAME), ticks((dts - 2) * FRAME)));
            assert!(!placed.joined);
        }
    }

    #[test]
    fn connections_share_one_timeline() {
        let mut timeline = Timeline::default();
        for i in 0..10 {
            timeline.place(shown(i * FRAME), Some(arrival(i)));
        }
        timeline.reconnect();
        let placed = timeline.place(shown(123_456_789), Some(arrival(109)));
        assert_eq!((placed.pts.ticks / FRAME, placed.joined), (109, false));
        assert_eq!(timeline.place(shown(123_456_789 + FRAME), Some(arrival(110))).pts.ticks / FRAME, 110);
    }

    #[test]
    fn recorded_positions_do_not_depend_on_when_they_are_read() {
        let raw = [0, 1, 2, 90_000, 90_001, 3, 4].map(|i| i * FRAME);
        let read = || {
            let mut timeline = Timeline::default();
            raw.map(|pts| timeline.place(shown(pts), None).pts.ticks / FRAME)
        };
        assert_eq!(read(), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(read(), read());
    }

    #[test]
    fn units_without_timestamps_are_carried_by_arrival_or_by_the_nominal_rate() {
        let none = Raw { pts: None, dts: None };
        let mut timeline = Timeline::default();
        let live: Vec<i64> = (0..4).map(|i| timeline.place(none, Some(arrival(2 * i))).pts.ticks / FRAME).collect();
        assert_eq!(live, [0, 2, 4, 6]);
        let mut timeline = Timeline::default();
        let recorded: Vec<i64> = (0..4).map(|_| timeline.place(none, None).pts.ticks).collect();
        assert_eq!(recorded, [0, NOMINAL, 2 * NOMINAL, 3 * NOMINAL]);
    }

    proptest! {
        /// Whatever a camera sends: decoding times grow, positions are not negative, and they stay near the time
        /// that has passed by arrival as long as the camera's clock is not ahead of it.
        #[test]
        fn nothing_breaks_it(
            raw in prop::collection::vec((prop::option::of(any::<i64>()), prop::option::of(any::<i64>()), 0_u64..3_000, any::<bool>()), 1..200)
        ) {
            let mut timeline = Timeline::default();
            let (mut now, mut last) = (Duration::ZERO, None::<Placed>);
            for (pts, dts, millis, reconnect) in raw {
                now += Duration::from_millis(millis);
                if reconnect { timeline.reconnect(); }
                let raw = Raw { pts: pts.map(ticks), dts: dts.map(ticks) };
                let placed = timeline.place(raw, Some(MonoTime(now)));
                prop_assert!(placed.pts.ticks >= 0);
                prop_assert!(last.is_none_or(|last| last.dts < placed.dts));
                prop_assert!((placed.pts.ticks - placed.dts.ticks).abs() <= FORWARD);
                last = Some(placed);
            }
        }

        /// A sane camera's intervals survive exactly, whatever its start, rate and network.
        #[test]
        fn a_sane_clock_is_kept(start in any::<u32>(), steps in prop::collection::vec((900_i64..90_000, 0_u64..2_000), 1..200)) {
            let mut timeline = Timeline::default();
            let (mut raw, mut now) = (i64::from(start), Duration::ZERO);
            let first = timeline.place(shown(raw), Some(MonoTime(now)));
            for (step, millis) in steps {
                raw += step;
                now += Duration::from_millis(millis);
                let placed = timeline.place(shown(raw), Some(MonoTime(now)));
                prop_assert!(!placed.joined);
                prop_assert_eq!(placed.pts.ticks - first.pts.ticks, raw - i64::from(start));
            }
        }
    }
}
