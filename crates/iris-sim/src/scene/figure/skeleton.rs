//! A person's joints at one moment, from what the person does. Proportions after Drillis and Contini ("Body segment
//! parameters", 1966); a walk is the planted foot moving back under the body and the other one swinging forward, with
//! the knee found by two-bone inverse kinematics. In the person's own space: x ahead, y left, z up, feet at z = 0.

use std::f32::consts::{PI, TAU};

use crate::scene::space::{V3, smooth, v};

/// What a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Walk,
    Run,
    /// Goes bent down.
    Sneak,
    Stand,
    Crouch,
    /// Falls and stays down.
    Fall,
    /// Works with both hands at something in front.
    Work,
    /// Sits on a bicycle.
    Ride,
}

/// How a person holds itself while doing something; lengths are fractions of its height, angles in radians.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Posture {
    hips: f32,
    lean: f32,
    /// The length of a full cycle of two steps.
    stride: f32,
    /// The share of a cycle that a foot is on the ground.
    planted: f32,
    lift: f32,
    /// How far the arms swing, and where about.
    swing: f32,
    reach: f32,
    elbow: f32,
    spread: f32,
    /// 0 upright, 1 flat on the ground.
    fallen: f32,
}

const STAND: Posture = Posture {
    hips: 0.525,
    lean: 0.03,
    stride: 0.0,
    planted: 0.62,
    lift: 0.0,
    swing: 0.0,
    reach: 0.02,
    elbow: 0.25,
    spread: 0.10,
    fallen: 0.0,
};

impl Act {
    /// How a person holds itself that has done this for `time` seconds.
    pub(crate) fn posture(self, time: f32) -> Posture {
        match self {
            Self::Walk => Posture { hips: 0.5, stride: 0.82, lift: 0.045, swing: 0.5, lean: 0.06, ..STAND },
            Self::Run => {
                let gait = Posture { hips: 0.49, stride: 1.3, planted: 0.38, lift: 0.14, ..STAND };
                Posture { swing: 0.8, elbow: 1.5, lean: 0.22, ..gait }
            }
            Self::Sneak => {
                Posture { hips: 0.36, stride: 0.6, lift: 0.05, swing: 0.3, lean: 0.75, elbow: 0.9, reach: 0.7, ..STAND }
            }
            Self::Stand => STAND,
            Self::Crouch => Posture { hips: 0.2, lean: 0.6, reach: 0.9, elbow: 0.7, ..STAND },
            Self::Fall => {
                let fallen = smooth(0.0, 0.9, time);
                Posture { fallen, spread: 0.1 + 0.7 * fallen, reach: fallen * 1.4, ..STAND }
            }
            Self::Work => Posture { lean: 0.2, reach: 0.75, elbow: 0.95, ..STAND },
            Self::Ride => Posture { hips: 0.52, lean: 0.55, reach: 1.05, elbow: 0.25, ..STAND },
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Walk => "walking",
            Self::Run => "running",
            Self::Sneak => "sneaking",
            Self::Stand => "standing",
            Self::Crouch => "crouching",
            Self::Fall => "fallen",
            Self::Work => "working",
            Self::Ride => "riding",
        }
    }
}

impl Posture {
    /// Between this (0) and another one (1).
    pub(crate) fn mix(self, o: Self, t: f32) -> Self {
        let m = |a: f32, b: f32| a + (b - a) * t;
        Self {
            hips: m(self.hips, o.hips),
            lean: m(self.lean, o.lean),
            stride: m(self.stride, o.stride),
            planted: m(self.planted, o.planted),
            lift: m(self.lift, o.lift),
            swing: m(self.swing, o.swing),
            reach: m(self.reach, o.reach),
            elbow: m(self.elbow, o.elbow),
            spread: m(self.spread, o.spread),
            fallen: m(self.fallen, o.fallen),
        }
    }
}

/// How far a person of height 1 gets in a cycle of two steps; what does not walk has no cycle.
pub(crate) fn stride(act: Act) -> Option<f32> {
    Some(act.posture(0.0).stride).filter(|s| *s > 0.0)
}

/// The joints of a person. Pairs are left, then right.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Skeleton {
    pub(crate) pelvis: V3,
    /// Along the back, from the pelvis to the neck.
    pub(crate) spine: V3,
    /// To the left of the pelvis and of the shoulders; unit vectors.
    pub(crate) hip_line: V3,
    pub(crate) shoulder_line: V3,
    pub(crate) neck: V3,
    pub(crate) head: V3,
    /// Where the head looks, and its own up.
    pub(crate) face: V3,
    pub(crate) crown: V3,
    pub(crate) shoulders: [V3; 2],
    pub(crate) elbows: [V3; 2],
    pub(crate) wrists: [V3; 2],
    pub(crate) hips: [V3; 2],
    pub(crate) knees: [V3; 2],
    pub(crate) ankles: [V3; 2],
    /// Where the toes point.
    pub(crate) toes: [V3; 2],
}

const SIDES: [f32; 2] = [1.0, -1.0];
const THIGH: f32 = 0.245;
const SHIN: f32 = 0.242;
const ANKLE: f32 = 0.045;

/// The joints of a person of this height in metres. `cycle` counts gait cycles, `idle` (any number that grows with
/// time) moves what never stands quite still.
pub(crate) fn pose(p: Posture, height: f32, cycle: f32, idle: f32) -> Skeleton {
    let h = height;
    let phase = |side: usize| (cycle + 0.5 * side as f32).rem_euclid(1.0);
    let feet = [0, 1].map(|side| foot(&p, phase(side), SIDES[side], h));
    // Lowest when a foot is put down.
    let bob = (cycle * 2.0 * TAU).cos() * 0.0175 * p.stride.min(1.0);
    let sway = (idle * 0.7).sin() * 0.008;
    let upright = v(0.0, sway * h, (p.hips - bob) * h);
    let down = v(0.42 * h, 0.0, 0.075 * h);
    let pelvis = upright.mix(down, p.fallen);
    let lean = p.lean + p.fallen * (PI / 2.0 - 0.08 - p.lean);
    let spine = v(lean.sin(), 0.0, lean.cos());
    let ahead = v(lean.cos(), 0.0, -lean.sin());
    let twist = (cycle * TAU).sin() * 0.16 * p.swing;
    let (hip_line, shoulder_line) = (across(twist), across(-twist * 1.4));
    let neck = pelvis + spine * (0.305 * h);
    let crown = spine.mix(v(0.0, 0.0, 1.0), 0.55 * (1.0 - p.fallen)).unit();
    let glance = (idle * 0.43).sin() * (idle * 0.17).cos() * if p.stride > 0.0 { 0.25 } else { 0.8 };
    let face = (across(glance).cross(crown)).unit();
    let arm = |side: usize| arm(&p, SIDES[side], phase(1 - side), spine, ahead, shoulder_line, idle);
    let shoulders = SIDES.map(|s| pelvis + spine * (0.272 * h) + shoulder_line * (0.106 * h * s));
    let elbows = [0, 1].map(|i| shoulders[i] + arm(i).0 * (0.175 * h));
    let wrists = [0, 1].map(|i| elbows[i] + arm(i).1 * (0.15 * h));
    let hips = SIDES.map(|s| pelvis + hip_line * (0.052 * h * s));
    let lain = |i: usize| hips[i] - spine * (0.48 * h) + v(0.0, SIDES[i] * 0.06 * h, 0.0);
    let ankles = [0, 1].map(|i| feet[i].0.mix(lain(i), p.fallen));
    let knees = [0, 1].map(|i| knee(hips[i], ankles[i], h, ahead));
    let ankles = [0, 1].map(|i| within_reach(hips[i], ankles[i], h));
    let toes = [0, 1].map(|i| feet[i].1.mix(v(0.3, 0.0, -1.0), p.fallen).unit());
    let head = neck + crown * (0.085 * h) + face * (0.012 * h);
    Skeleton {
        pelvis,
        spine,
        hip_line,
        shoulder_line,
        neck,
        head,
        face,
        crown,
        shoulders,
        elbows,
        wrists,
        hips,
        knees,
        ankles,
        toes,
    }
}

/// To the left, turned by an angle.
fn across(angle: f32) -> V3 {
    v(-angle.sin(), angle.cos(), 0.0)
}

/// The ankle of a foot and where its toes point, at a phase of its cycle that begins when it is put down.
fn foot(p: &Posture, phase: f32, side: f32, h: f32) -> (V3, V3) {
    let (reach, much) = (p.stride * p.planted, p.stride.min(1.0));
    let (x, z, pitch) = if phase < p.planted {
        let t = phase / p.planted;
        // At its end the foot rolls over its toes: the heel rises, and the ankle comes ahead.
        let roll = smooth(0.55, 1.0, t);
        (0.4 - t + 0.2 * roll, 0.075 * much * roll, 0.75 * roll)
    } else {
        let t = (phase - p.planted) / (1.0 - p.planted);
        let up = (t * PI).sin();
        let fall = smooth(1.0, 0.0, t);
        (0.4 - 0.8 * fall, 0.075 * much * fall + p.lift * up, 0.75 * fall - 0.25 * t * up)
    };
    let pitch = pitch * much;
    let at = v(reach * x, side * (0.05 + 0.01 * f32::from(p.stride == 0.0)), ANKLE + z) * h;
    (at, v(pitch.cos(), side * 0.12, -pitch.sin()).unit())
}

/// The directions of the upper arm and the forearm.
fn arm(p: &Posture, side: f32, phase: f32, spine: V3, ahead: V3, out: V3, idle: f32) -> (V3, V3) {
    let fidget = (idle * 2.6 + side).sin() * 0.12 * p.reach.min(1.0) * (1.0 - p.fallen);
    let angle = p.reach + fidget + p.swing * ((phase - 0.15) * TAU).sin();
    let bend = p.elbow + 0.35 * p.swing * (1.0 + ((phase - 0.15) * TAU).sin()) * 0.5;
    let along = |a: f32| spine * -a.cos() + ahead * a.sin();
    let upper = (along(angle) + out * (side * p.spread)).unit();
    let fore = (along(angle + bend) + out * (side * p.spread * 0.3)).unit();
    (upper, fore)
}

/// The ankle, brought so near that the leg reaches it.
fn within_reach(hip: V3, ankle: V3, h: f32) -> V3 {
    let leg = ankle - hip;
    let longest = (THIGH + SHIN) * h * 0.995;
    if leg.length() > longest { hip + leg.unit() * longest } else { ankle }
}

/// The knee between a hip and an ankle, bent ahead.
fn knee(hip: V3, ankle: V3, h: f32, ahead: V3) -> V3 {
    let (thigh, shin) = (THIGH * h, SHIN * h);
    let leg = within_reach(hip, ankle, h) - hip;
    let length = leg.length().max(1e-3);
    let along = (thigh * thigh - shin * shin + length * length) / (2.0 * length);
    let aside = (thigh * thigh - along * along).max(0.0).sqrt();
    let axis = leg * (1.0 / length);
    let bend = (ahead - axis * ahead.dot(axis)).unit();
    hip + axis * along + bend * aside
}

impl Skeleton {
    /// The same skeleton elsewhere.
    pub(crate) fn map(&self, place: impl Fn(V3) -> V3, turn: impl Fn(V3) -> V3) -> Self {
        Self {
            pelvis: place(self.pelvis),
            spine: turn(self.spine),
            hip_line: turn(self.hip_line),
            shoulder_line: turn(self.shoulder_line),
            neck: place(self.neck),
            head: place(self.head),
            face: turn(self.face),
            crown: turn(self.crown),
            shoulders: self.shoulders.map(&place),
            elbows: self.elbows.map(&place),
            wrists: self.wrists.map(&place),
            hips: self.hips.map(&place),
            knees: self.knees.map(&place),
            ankles: self.ankles.map(&place),
            toes: self.toes.map(&turn),
        }
    }

    /// The 17 key points of COCO, in its order.
    pub(crate) fn keypoints(&self, height: f32) -> [V3; 17] {
        let left = self.crown.cross(self.face);
        let on_head =
            |ahead: f32, aside: f32, up: f32| self.head + (self.face * ahead + left * aside + self.crown * up) * height;
        let [eye_l, eye_r] = SIDES.map(|s| on_head(0.048, 0.018 * s, 0.012));
        let [ear_l, ear_r] = SIDES.map(|s| on_head(0.0, 0.043 * s, 0.002));
        let pairs = [self.shoulders, self.elbows, self.wrists, self.hips, self.knees, self.ankles];
        let mut points = [on_head(0.058, 0.0, -0.006); 17];
        points[1..5].copy_from_slice(&[eye_l, eye_r, ear_l, ear_r]);
        points[5..].copy_from_slice(pairs.as_flattened());
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f32, b: f32) -> bool {
        (a - b).abs() < 0.01
    }

    #[test]
    fn limbs_keep_their_length_in_every_posture() {
        let acts = [Act::Walk, Act::Run, Act::Sneak, Act::Stand, Act::Crouch, Act::Fall, Act::Work];
        for (act, i) in acts.iter().flat_map(|a| (0..20).map(move |i| (a, i))) {
            let s = pose(act.posture(i as f32 * 0.1), 1.8, i as f32 / 20.0, i as f32);
            for side in 0..2 {
                let thigh = (s.knees[side] - s.hips[side]).length();
                let shin = (s.ankles[side] - s.knees[side]).length();
                assert!(near(thigh, THIGH * 1.8) && near(shin, SHIN * 1.8), "{act:?} {i}: {thigh} {shin}");
            }
        }
    }

    #[test]
    fn a_planted_foot_does_not_slide() {
        let (height, posture) = (1.75, Act::Walk.posture(0.0));
        let place = |cycle: f32| pose(posture, height, cycle, 0.0).ankles[0].x + cycle * posture.stride * height;
        for i in 1..7 {
            let cycle = i as f32 * 0.05;
            assert!(near(place(cycle), place(0.05)), "at {cycle}: {} {}", place(cycle), place(0.05));
        }
    }

    #[test]
    fn a_fallen_person_lies_flat() {
        let height = |act: Act| pose(act.posture(5.0), 1.75, 0.0, 0.0).head.z;
        assert!(height(Act::Stand) > 1.5 && height(Act::Crouch) < 1.2 && height(Act::Fall) < 0.4);
    }
}
