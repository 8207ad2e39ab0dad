//! What a rule raised, compared with what it must raise.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An event may begin that much earlier or end that much later than what it tells of, in seconds: trackers confirm late,
/// zones are left with delay, and boxes shake.
const TOLERANCE: f64 = 2.0;

/// What a right rule raises and what it must not, as the simulator writes it.
#[derive(Deserialize)]
pub(super) struct Truth {
    pub(super) must_raise: Vec<Happening>,
}

/// Something that happens, in seconds of the clip.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Happening {
    rule: String,
    kind: String,
    direction: Option<String>,
    from: f64,
    to: f64,
}

/// An event as Iris tells it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Raised {
    #[serde(default)]
    pub(super) camera: String,
    rule: Option<String>,
    kind: String,
    direction: Option<String>,
    state: String,
    /// By the wall clock; none for recordings.
    start: Option<Timestamp>,
    media_start: f64,
    media_end: Option<f64>,
}

impl Happening {
    /// The same in a clip that begins at this time.
    pub(super) fn after(&self, begin: f64) -> Self {
        Self { from: self.from + begin, to: self.to + begin, ..self.clone() }
    }

    /// From when to when an event of it may last.
    pub(super) fn span(&self) -> (f64, f64) {
        (self.from - TOLERANCE, self.to + TOLERANCE)
    }
}

impl Raised {
    /// The same with its times in seconds since 1970; `None` for an event of a recording.
    pub(super) fn by_wall_clock(self) -> Option<Self> {
        let start = self.start?.as_microsecond() as f64 * 1e-6;
        let media_end = self.media_end.map(|end| start + end - self.media_start);
        Some(Self { media_start: start, media_end, ..self })
    }

    /// When it began.
    pub(super) fn from(&self) -> f64 {
        self.media_start
    }

    /// Whether it may tell of that.
    fn tells(&self, of: &Happening) -> bool {
        let same = self.rule.as_deref() == Some(&*of.rule) && self.kind == of.kind && self.direction == of.direction;
        let end = self.media_end.unwrap_or(self.media_start);
        let (from, to) = of.span();
        same && self.media_start <= to && end >= from
    }
}

/// How Iris did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Score {
    /// What should have been raised and was.
    pub(super) hits: usize,
    /// What should have been raised and was not.
    pub(super) misses: usize,
    /// Events of something that was raised already.
    pub(super) repeats: usize,
    /// Events of nothing that should be raised.
    pub(super) false_alarms: usize,
    /// How long it watched.
    pub(super) seconds: u32,
}

/// How Iris did.
pub(super) fn compare(truth: &[Happening], raised: &[Raised], seconds: u32) -> Score {
    let (told, rest) = assign(truth, raised);
    let hits = told.iter().flatten().count();
    let repeats = rest.iter().filter(|event| truth.iter().any(|happening| event.tells(happening))).count();
    Score { hits, misses: told.len() - hits, repeats, false_alarms: rest.len() - repeats, seconds }
}

/// When the event that tells of each happening began, in seconds.
pub(super) fn begins(truth: &[Happening], raised: &[Raised]) -> Vec<Option<f64>> {
    let (told, _) = assign(truth, raised);
    told.into_iter().map(|event| event.map(Raised::from)).collect()
}

/// Gives each happening the first event that may tell of it and tells of no other yet. What is left, too.
fn assign<'r>(truth: &[Happening], raised: &'r [Raised]) -> (Vec<Option<&'r Raised>>, Vec<&'r Raised>) {
    let mut rest: Vec<&Raised> = raised.iter().filter(|event| event.state != "started").collect();
    let mut first = |happening: &Happening| {
        let place = rest.iter().position(|event| event.tells(happening))?;
        Some(rest.remove(place))
    };
    let told = truth.iter().map(&mut first).collect();
    (told, rest)
}

/// All of them together.
pub(super) fn sum(scores: &[Score]) -> Score {
    scores.iter().fold(Score::default(), |sum, score| Score {
        hits: sum.hits + score.hits,
        misses: sum.misses + score.misses,
        repeats: sum.repeats + score.repeats,
        false_alarms: sum.false_alarms + score.false_alarms,
        seconds: sum.seconds + score.seconds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn happening(rule: &str, from: f64, to: f64) -> Happening {
        Happening { rule: rule.into(), kind: "intrusion".into(), direction: None, from, to }
    }

    fn raised(rule: &str, from: f64, to: f64) -> Raised {
        let (camera, rule, kind, state) = (String::new(), Some(rule.into()), "intrusion".into(), "ended".into());
        Raised { camera, rule, kind, direction: None, state, start: None, media_start: from, media_end: Some(to) }
    }

    #[test]
    fn each_event_is_a_hit_a_repeat_or_a_false_alarm() {
        let truth = [happening("yard", 10.0, 20.0), happening("yard", 40.0, 50.0), happening("gate", 10.0, 20.0)];
        let raised = [
            raised("yard", 11.0, 14.0),
            raised("yard", 15.0, 21.0),
            raised("yard", 30.0, 31.0),
            raised("gate", 22.5, 25.0),
            Raised { state: "started".into(), ..raised("gate", 11.0, 12.0) },
        ];
        let expected = Score { hits: 1, misses: 2, repeats: 1, false_alarms: 2, seconds: 60 };
        assert_eq!(compare(&truth, &raised, 60), expected);
    }

    #[test]
    fn an_event_tells_of_one_happening_only() {
        let truth = [happening("yard", 10.0, 20.0), happening("yard", 12.0, 18.0)];
        let score = compare(&truth, &[raised("yard", 11.0, 19.0)], 1);
        assert_eq!((score.hits, score.misses, score.repeats), (1, 1, 0));
        assert_eq!(begins(&truth, &[raised("yard", 11.0, 19.0)]), [Some(11.0), None]);
    }

    #[test]
    fn a_crossing_the_other_way_is_something_else() {
        let crossing = |way: &str| Happening {
            kind: "line_crossing".into(),
            direction: Some(way.into()),
            ..happening("line", 5.0, 5.0)
        };
        let event = Raised {
            kind: "line_crossing".into(),
            direction: Some("left_to_right".into()),
            ..raised("line", 5.2, 5.2)
        };
        assert!(event.tells(&crossing("left_to_right")));
        assert!(!event.tells(&crossing("right_to_left")));
    }

    #[test]
    fn events_of_a_camera_are_compared_by_the_wall_clock() {
        let start = Timestamp::from_second(1_000_000).expect("a time");
        let event = Raised { start: Some(start), ..raised("yard", 100.0, 104.5) }.by_wall_clock().expect("a start");
        assert_eq!((event.media_start, event.media_end), (1_000_000.0, Some(1_000_004.5)));
        assert!(event.tells(&happening("yard", 3.0, 6.0).after(1_000_000.0)));
        assert!(!event.tells(&happening("yard", 3.0, 6.0).after(1_000_010.0)));
        assert!(raised("yard", 1.0, 2.0).by_wall_clock().is_none());
    }
}
