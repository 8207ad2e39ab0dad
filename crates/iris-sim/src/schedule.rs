//! Faults by schedule: what goes wrong with which camera, when and for how long, as written on the command line. Pure:
//! whoever runs a farm waits for the moments and does what they say.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::clip::CLOCK_RATE;
use crate::{Clip, Error, Fault};

/// Something that goes wrong: `CAMERA:KIND[=VALUE]@START[+DURATION]`, with times in seconds since the farm started. Without
/// a duration it lasts for ever; `all` is every camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Disturbance {
    /// The number of the camera; all of them if not given.
    pub camera: Option<usize>,
    kind: Kind,
    start: Duration,
    lasting: Option<Duration>,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Kill,
    Stall,
    Mute,
    Garbage,
    Freeze,
    /// So many of a thousand packets.
    Lose(u16),
    /// So many ticks.
    Jump(i64),
    /// Gone and back, each for so long.
    Flap(Duration),
    Size,
    Codec,
}

/// Another clip that a camera can switch to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Other {
    /// The same in another size.
    Size,
    /// The same in the other codec.
    Codec,
}

/// What is to be done at a moment.
#[derive(Debug, Clone)]
pub enum Action {
    /// Set this fault.
    Set(Fault),
    /// Switch to another clip.
    Switch(Other),
    /// Switch back to the camera's own clip.
    Back,
}

/// Every kind, and what it is, for help texts.
pub const KINDS: &str = "kill, stall, mute, garbage, freeze, lose=PERMILLE, jump=SECONDS, flap=SECONDS, size, codec";

/// The most moments of one disturbance: a flapping camera without an end would have no last one.
const MOST: usize = 10_000;

impl Disturbance {
    /// What must be done and when, in order.
    pub fn moments(&self) -> Vec<(Duration, Action)> {
        let end = self.lasting.map(|lasting| self.start + lasting);
        let during = |begin: Action, over: Action| {
            let over = end.map(|end| (end, over));
            [(self.start, begin)].into_iter().chain(over).collect()
        };
        let fault = |fault| during(Action::Set(fault), Action::Set(Fault::None));
        match self.kind {
            Kind::Kill => fault(Fault::Kill),
            Kind::Stall => fault(Fault::Stall),
            Kind::Mute => fault(Fault::NeverAnswer),
            Kind::Garbage => fault(Fault::Garbage),
            Kind::Freeze => fault(Fault::Freeze),
            Kind::Lose(per_mille) => fault(Fault::Lose { per_mille }),
            Kind::Jump(ticks) => vec![(self.start, Action::Set(Fault::Jump(ticks)))],
            Kind::Size => during(Action::Switch(Other::Size), Action::Back),
            Kind::Codec => during(Action::Switch(Other::Codec), Action::Back),
            Kind::Flap(each) => self.flapping(each),
        }
    }

    /// Gone first, and back at the end.
    fn flapping(&self, each: Duration) -> Vec<(Duration, Action)> {
        let end = self.lasting.map_or(Duration::MAX, |lasting| self.start + lasting);
        let turn = |i: usize| {
            let fault = if i.is_multiple_of(2) { Fault::Kill } else { Fault::None };
            (self.start + each * i as u32, Action::Set(fault))
        };
        let mut moments: Vec<_> = (0..MOST).map(turn).take_while(|(at, _)| *at < end).collect();
        if end < Duration::MAX {
            moments.push((end, Action::Set(Fault::None)));
        }
        moments
    }

    /// The other clip that it needs.
    pub fn other(&self) -> Option<Other> {
        match self.kind {
            Kind::Size => Some(Other::Size),
            Kind::Codec => Some(Other::Codec),
            _ => None,
        }
    }
}

impl Action {
    /// The fault that does it, given the camera's own clip and the other ones.
    pub fn fault(self, own: &Arc<Clip>, other: impl Fn(Other) -> Option<Arc<Clip>>) -> Option<Fault> {
        match self {
            Self::Set(fault) => Some(fault),
            Self::Switch(which) => other(which).map(Fault::Switch),
            Self::Back => Some(Fault::Switch(Arc::clone(own))),
        }
    }
}

impl FromStr for Disturbance {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).ok_or_else(|| Error::Disturbance { text: text.into(), kinds: KINDS })
    }
}

fn parse(text: &str) -> Option<Disturbance> {
    let (camera, rest) = text.split_once(':')?;
    let (kind, times) = rest.split_once('@')?;
    let (start, lasting) = times.split_once('+').map_or((times, None), |(start, lasting)| (start, Some(lasting)));
    let (kind, value) = kind.split_once('=').map_or((kind, None), |(kind, value)| (kind, Some(value)));
    let kind = match (kind, value) {
        ("kill", None) => Kind::Kill,
        ("stall", None) => Kind::Stall,
        ("mute", None) => Kind::Mute,
        ("garbage", None) => Kind::Garbage,
        ("freeze", None) => Kind::Freeze,
        ("size", None) => Kind::Size,
        ("codec", None) => Kind::Codec,
        ("lose", Some(value)) => Kind::Lose(value.parse().ok().filter(|n| *n <= 1000)?),
        ("jump", Some(value)) => Kind::Jump((value.parse::<f64>().ok()? * CLOCK_RATE as f64) as i64),
        ("flap", Some(value)) => Kind::Flap(seconds(value).filter(|each| *each >= Duration::from_millis(100))?),
        _ => return None,
    };
    let camera = if camera == "all" { None } else { Some(camera.parse().ok()?) };
    let lasting = match lasting {
        Some(lasting) => Some(seconds(lasting)?),
        None => None,
    };
    Some(Disturbance { camera, kind, start: seconds(start)?, lasting })
}

/// A number of seconds below a month, whole or not.
fn seconds(text: &str) -> Option<Duration> {
    let value = text.parse::<f64>().ok().filter(|s| (0.0..=2_678_400.0).contains(s))?;
    Some(Duration::from_secs_f64(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let disturbance: Disturbance = text.parse().expect("a disturbance");
        disturbance.moments().iter().map(|(at, action)| format!("{} {action:?}", at.as_secs_f64())).collect()
    }

    #[test]
    fn a_schedule_says_what_happens_when() {
        assert_eq!(told("0:stall@10+5"), ["10 Set(Stall)", "15 Set(None)"]);
        assert_eq!(told("0:kill@2"), ["2 Set(Kill)"]);
        assert_eq!(told("all:lose=50@1.5+1"), ["1.5 Set(Lose { per_mille: 50 })", "2.5 Set(None)"]);
        assert_eq!(told("3:jump=-2@4"), ["4 Set(Jump(-180000))"]);
        assert_eq!(told("1:codec@4+4"), ["4 Switch(Codec)", "8 Back"]);
        let flapping = ["5 Set(Kill)", "7 Set(None)", "9 Set(Kill)", "10 Set(None)"];
        assert_eq!(told("1:flap=2@5+5"), flapping);
    }

    #[test]
    fn what_is_no_schedule_is_refused_with_the_kinds() {
        for text in [
            "",
            "0",
            "0:stall",
            "x:stall@1",
            "0:stall@-1",
            "0:lose@1",
            "0:lose=1001@1",
            "0:kill=3@1",
            "0:kill@1+x",
            "0:flap=0@1",
        ] {
            let error = text.parse::<Disturbance>().expect_err(text).to_string();
            assert!(error.contains("CAMERA:KIND") && error.contains("flap=SECONDS"), "{error}");
        }
    }
}
