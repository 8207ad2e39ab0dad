//! Where somebody goes and what it does on the way, as a function of time alone. What it looks like is the cast's
//! business.

use super::figure::skeleton::{Act, stride};
use super::space::{V3, v};

/// A part of a journey.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// In a straight line to a point, at so many metres a second.
    Go {
        to: (f32, f32),
        act: Act,
        speed: f32,
    },
    Stay {
        seconds: f32,
        act: Act,
    },
}

/// A way through a scene that begins at `start` seconds. Whoever has arrived is gone.
#[derive(Debug, Clone)]
pub(crate) struct Journey {
    pub(crate) start: f32,
    pub(crate) from: (f32, f32),
    pub(crate) steps: Vec<Step>,
}

/// How somebody is at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) at: V3,
    /// In radians from the x axis, counter-clockwise.
    pub(crate) heading: f32,
    pub(crate) act: Act,
    /// How long it has done that, in seconds, and what it did before.
    pub(crate) since: f32,
    pub(crate) before: Act,
    pub(crate) is_moving: bool,
    /// Metres gone, and lengths of a gait's cycle gone, for a height of one metre.
    pub(crate) gone: f32,
    pub(crate) strides: f32,
}

/// Ways are rounded off over this long, in seconds.
const ROUND: f32 = 0.3;

impl Journey {
    /// The moment at this time; `None` before the start and after the end.
    pub(crate) fn at(&self, time: f32) -> Option<Moment> {
        let exact = self.exact(time)?;
        let around = [-ROUND, 0.0, ROUND].map(|d| self.exact(time + d).map_or(exact.at, |m| m.at));
        let at = (around[0] + around[1] + around[2]) * (1.0 / 3.0);
        let way = around[2] - around[0];
        let heading = if way.length() > 0.02 { way.y.atan2(way.x) } else { exact.heading };
        Some(Moment { at, heading, ..exact })
    }

    fn exact(&self, time: f32) -> Option<Moment> {
        let mut left = time - self.start;
        if left < 0.0 {
            return None;
        }
        let mut now = Moment {
            at: v(self.from.0, self.from.1, 0.0),
            heading: self.first_heading(),
            act: Act::Stand,
            since: 0.0,
            before: Act::Stand,
            is_moving: false,
            gone: 0.0,
            strides: 0.0,
        };
        for step in &self.steps {
            let seconds = now.take(step, left);
            if left <= seconds {
                return Some(now);
            }
            left -= seconds;
        }
        None
    }

    fn first_heading(&self) -> f32 {
        let to = self.steps.iter().find_map(|s| if let Step::Go { to, .. } = s { Some(*to) } else { None });
        to.map_or(0.0, |to| (to.1 - self.from.1).atan2(to.0 - self.from.0))
    }
}

impl Moment {
    /// Goes on by a step, for at most `left` seconds, and says how long the step takes.
    fn take(&mut self, step: &Step, left: f32) -> f32 {
        self.is_moving = matches!(step, Step::Go { .. });
        let (seconds, act) = match *step {
            Step::Stay { seconds, act } => (seconds, act),
            Step::Go { to, act, speed } => {
                let way = v(to.0, to.1, 0.0) - self.at;
                let length = way.length();
                let done = (left * speed).min(length);
                self.heading = way.y.atan2(way.x);
                self.at = self.at + way.unit() * done;
                self.gone += done;
                self.strides += stride(act).map_or(0.0, |s| done / s);
                (length / speed, act)
            }
        };
        if act == self.act {
            self.since += left.min(seconds);
        } else {
            self.before = std::mem::replace(&mut self.act, act);
            self.since = left.min(seconds);
        }
        seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back() -> Journey {
        let go = |to| Step::Go { to, act: Act::Walk, speed: 2.0 };
        let stay = Step::Stay { seconds: 3.0, act: Act::Crouch };
        Journey { start: 1.0, from: (0.0, 0.0), steps: vec![go((4.0, 0.0)), stay, go((4.0, 6.0))] }
    }

    #[test]
    fn a_journey_is_a_function_of_time() {
        let journey = there_and_back();
        assert!(journey.at(0.9).is_none() && journey.at(9.1).is_none());
        let half = journey.at(2.0).expect("on the way");
        assert!((half.at.x - 2.0).abs() < 1e-4 && half.heading.abs() < 1e-4 && half.act == Act::Walk);
        let rest = journey.at(5.0).expect("at rest");
        assert!((rest.since - 2.0).abs() < 1e-4 && rest.act == Act::Crouch && rest.before == Act::Walk);
        let last = journey.at(8.0).expect("on the way");
        assert!((last.gone - 8.0).abs() < 1e-3 && (last.heading - std::f32::consts::FRAC_PI_2).abs() < 1e-3);
    }
}
