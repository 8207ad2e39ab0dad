//! What is true of a clip: who is where in each frame, and which events the scene's rules must raise and must not. Events
//! are found in the true boxes as Iris finds them in detected ones; files are written elsewhere.

use super::cast::Class;
use super::places::Direction;
use super::rules::{LEAVE_AFTER, Look, Rule};

/// A joint in the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Keypoint {
    /// In pixels.
    pub x: f32,
    /// In pixels.
    pub y: f32,
    /// Whether nothing is in front of it; `None` outside the picture.
    pub shown: Option<bool>,
}

/// Something in a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Who it is, in all frames of the clip.
    pub id: u16,
    /// What it is.
    pub class: Class,
    /// What kind of that, where there are several.
    pub kind: Option<&'static str>,
    /// Left, top, right, bottom of all of it that is inside the picture, in pixels, hidden parts too.
    pub edges: [f32; 4],
    /// The share of that which nothing hides.
    pub visibility: f32,
    /// A person's joints, in COCO's order.
    pub keypoints: Option<[Keypoint; 17]>,
    /// What a person does.
    pub act: Option<&'static str>,
    /// Whether a person wears a helmet, and a vest.
    pub gear: Option<(bool, bool)>,
}

/// All that is true of a clip.
#[derive(Debug, Clone)]
pub struct Truth {
    /// The size of the picture that coordinates are in.
    pub size: (usize, usize),
    /// Frames a second.
    pub fps: u32,
    /// Frame by frame.
    pub frames: Vec<Vec<Seen>>,
}

/// Something that happens, or would to a rule that errs.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    /// The rule that it is about.
    pub rule: &'static str,
    /// `intrusion` or `line_crossing`, as Iris calls them.
    pub kind: &'static str,
    /// Who.
    pub id: u16,
    /// What it is, by COCO's name.
    pub class: &'static str,
    /// From when to when, in seconds of the clip.
    pub seconds: (f32, f32),
    /// In which direction a line was crossed.
    pub direction: Option<Direction>,
    /// Whether the rule must raise it; else why it must not.
    pub verdict: Result<(), &'static str>,
}

/// What is more than walking, standing and working.
const NOTABLE: [&str; 4] = ["fallen", "running", "crouching", "sneaking"];
/// The least of somebody that must be seen to be held against a detector.
const VISIBLE: f32 = 0.35;
/// How much longer or shorter than a zone's least stay a stay must be to be beyond doubt, in seconds.
const MARGIN: f32 = 0.5;

impl Seen {
    /// Moves it in the picture, as when the mast shakes.
    pub(super) fn shift(&mut self, (dx, dy): (f32, f32), (width, height): (usize, usize)) {
        let (w, h) = (width as f32, height as f32);
        let [x0, y0, x1, y1] = self.edges;
        self.edges =
            [(x0 + dx).clamp(0.0, w), (y0 + dy).clamp(0.0, h), (x1 + dx).clamp(0.0, w), (y1 + dy).clamp(0.0, h)];
        for point in self.keypoints.iter_mut().flatten() {
            (point.x, point.y) = (point.x + dx, point.y + dy);
            if !(0.0..w).contains(&point.x) || !(0.0..h).contains(&point.y) {
                point.shown = None;
            }
        }
    }

    /// The middle of its lower edge, as a fraction of the picture.
    fn foot(&self, (width, height): (usize, usize)) -> (f32, f32) {
        let [x0, _, x1, y1] = self.edges;
        (x0.midpoint(x1) / width as f32, y1 / height as f32)
    }
}

/// Where somebody's foot was, frame by frame, as long as it was seen.
type Way = Vec<(f32, (f32, f32))>;

impl Truth {
    /// What happens to the rules, in the order of time.
    pub fn happenings(&self, rules: &[Rule]) -> Vec<Happening> {
        let mut found = Vec::new();
        for (id, class) in self.ids() {
            let way = self.way(id);
            for rule in rules {
                match &rule.look {
                    Look::Zone { polygon, min_stay } => {
                        found.extend(stays(&way, polygon, *min_stay, rule, id, class));
                    }
                    Look::Line { points, direction } => {
                        found.extend(crossings(&way, points, *direction, rule, id, class));
                    }
                }
            }
        }
        found.sort_by(|a, b| a.seconds.0.total_cmp(&b.seconds.0));
        found
    }

    /// What people did that a rule may be about, with from when to when, in seconds: falls, running and the like.
    pub fn actions(&self) -> Vec<(u16, &'static str, (f32, f32))> {
        let mut found: Vec<(u16, &'static str, (f32, f32))> = Vec::new();
        let step = 1.0 / self.fps as f32;
        for (i, seen) in self.frames.iter().enumerate().flat_map(|(i, f)| f.iter().map(move |s| (i, s))) {
            let Some(act) = seen.act.filter(|act| NOTABLE.contains(act)) else { continue };
            let now = i as f32 * step;
            let open = found.iter_mut().rfind(|(id, what, _)| (*id, *what) == (seen.id, act));
            match open {
                Some((_, _, seconds)) if now - seconds.1 < 1.5 * step => seconds.1 = now,
                _ => found.push((seen.id, act, (now, now))),
            }
        }
        found
    }

    /// Everything that is ever seen.
    fn ids(&self) -> Vec<(u16, Class)> {
        let mut ids: Vec<_> = self.frames.iter().flatten().map(|s| (s.id, s.class)).collect();
        ids.sort_by_key(|(id, _)| *id);
        ids.dedup();
        ids
    }

    fn way(&self, id: u16) -> Way {
        let seconds = |frame: usize| frame as f32 / self.fps as f32;
        let at = |(i, frame): (usize, &Vec<Seen>)| {
            let seen = frame.iter().find(|s| s.id == id && s.visibility >= VISIBLE)?;
            Some((seconds(i), seen.foot(self.size)))
        };
        self.frames.iter().enumerate().filter_map(at).collect()
    }
}

fn stays(way: &Way, polygon: &[(f32, f32)], min_stay: f32, rule: &Rule, id: u16, class: Class) -> Vec<Happening> {
    let mut spans: Vec<(f32, f32)> = Vec::new();
    for (time, _) in way.iter().filter(|(_, foot)| contains(polygon, *foot)) {
        match spans.last_mut() {
            Some(span) if time - span.1 <= LEAVE_AFTER => span.1 = *time,
            _ => spans.push((*time, *time)),
        }
    }
    let counts = rule.classes.contains(&class.coco().0);
    let judged = spans.into_iter().filter_map(|seconds| {
        let stay = seconds.1 - seconds.0;
        let verdict = match (counts, stay) {
            (false, _) => Err("class"),
            (true, s) if s >= min_stay + MARGIN => Ok(()),
            (true, s) if s <= min_stay - MARGIN => Err("too short"),
            // So near the limit that either is right.
            _ => return None,
        };
        Some(Happening {
            rule: rule.name,
            kind: "intrusion",
            id,
            class: class.coco().0,
            seconds,
            direction: None,
            verdict,
        })
    });
    judged.collect()
}

fn crossings(
    way: &Way,
    points: &[(f32, f32)],
    wanted: Direction,
    rule: &Rule,
    id: u16,
    class: Class,
) -> Vec<Happening> {
    let counts = rule.classes.contains(&class.coco().0);
    let mut found = Vec::new();
    for (a, b) in way.iter().zip(way.iter().skip(1)) {
        let Some(direction) = points.windows(2).find_map(|l| crossing(l[0], l[1], a.1, b.1)) else { continue };
        let verdict = match counts {
            false => Err("class"),
            true if wanted == Direction::Both || wanted == direction => Ok(()),
            true => Err("direction"),
        };
        let seconds = (a.0, b.0);
        let direction = Some(direction);
        found.push(Happening {
            rule: rule.name,
            kind: "line_crossing",
            id,
            class: class.coco().0,
            seconds,
            direction,
            verdict,
        });
    }
    found
}

/// In which direction a step crosses a piece of a line, seen from the line's first point to its last.
fn crossing(p: (f32, f32), q: (f32, f32), from: (f32, f32), to: (f32, f32)) -> Option<Direction> {
    let side = |a: (f32, f32), b: (f32, f32), c: (f32, f32)| (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0);
    let (before, after) = (side(p, q, from), side(p, q, to));
    let between = (side(from, to, p) < 0.0) != (side(from, to, q) < 0.0);
    // In the picture y points down, so what is on the left has a negative side.
    match (before < 0.0, after < 0.0) {
        (true, false) if between => Some(Direction::LeftToRight),
        (false, true) if between => Some(Direction::RightToLeft),
        _ => None,
    }
}

/// Whether a point is in a polygon, by the even-odd rule.
fn contains(polygon: &[(f32, f32)], (x, y): (f32, f32)) -> bool {
    let edges = polygon.iter().zip(polygon.iter().cycle().skip(1));
    let passed = edges.filter(|(a, b)| (a.1 > y) != (b.1 > y) && x < (b.0 - a.0) * (y - a.1) / (b.1 - a.1) + a.0);
    passed.count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(id: u16, class: Class, x: f32, y: f32) -> Seen {
        let edges = [x - 1.0, y - 4.0, x + 1.0, y];
        Seen { id, class, kind: None, edges, visibility: 1.0, keypoints: None, act: None, gear: None }
    }

    fn zone() -> Rule {
        let polygon = vec![(0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6)];
        Rule { name: "zone", classes: &["person"], look: Look::Zone { polygon, min_stay: 1.0 } }
    }

    fn truth(frames: Vec<Vec<Seen>>) -> Truth {
        Truth { size: (100, 100), fps: 10, frames }
    }

    #[test]
    fn a_long_stay_of_the_right_class_must_be_raised() {
        let frames = |class, n| (0..30).map(|i| vec![at(1, class, if i < n { 50.0 } else { 90.0 }, 50.0)]).collect();
        let verdict = |class, n| truth(frames(class, n)).happenings(&[zone()]).first().map(|h| h.verdict);
        assert_eq!(verdict(Class::Person, 20), Some(Ok(())));
        assert_eq!(verdict(Class::Person, 4), Some(Err("too short")));
        assert_eq!(verdict(Class::Person, 11), None);
        assert_eq!(verdict(Class::Dog, 20), Some(Err("class")));
    }

    #[test]
    fn actions_have_a_beginning_and_an_end() {
        let act = |i| if (3..6).contains(&i) { "fallen" } else { "walking" };
        let frames = (0..10).map(|i| vec![Seen { act: Some(act(i)), ..at(1, Class::Person, 50.0, 50.0) }]).collect();
        let [(1, "fallen", (from, to))] = truth(frames).actions()[..] else { panic!("no fall, or several") };
        assert!((from - 0.3).abs() < 1e-4 && (to - 0.5).abs() < 1e-4);
    }

    #[test]
    fn a_line_tells_both_directions_apart() {
        let rule = |direction| {
            let points = vec![(0.5, 1.0), (0.5, 0.0)];
            Rule { name: "line", classes: &["person"], look: Look::Line { points, direction } }
        };
        let frames: Vec<_> = (0..10).map(|i| vec![at(1, Class::Person, 10.0 + 9.0 * i as f32, 50.0)]).collect();
        let right = truth(frames.clone()).happenings(&[rule(Direction::LeftToRight)]);
        assert_eq!(right.len(), 1);
        assert_eq!((right[0].direction, right[0].verdict), (Some(Direction::LeftToRight), Ok(())));
        let wrong = truth(frames).happenings(&[rule(Direction::RightToLeft)]);
        assert_eq!(wrong[0].verdict, Err("direction"));
    }
}
