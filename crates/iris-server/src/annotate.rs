//! What the analytics saw, drawn into the frames: boxes with their numbers, the ways they came, zones and lines.
//!
//! Keeps what a single frame does not show: trails, open intrusions, counts. How things are drawn is
//! [`crate::picture`]'s business; what is right to report was decided before.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use iris_analytics::rules::{Rule, RuleKind};
use iris_core::{
    Direction, Event, EventId, EventKind, Frame, Label, MediaTime, Moment, Point, Size, Track, TrackId, TrackState,
    Tracks, Unit,
};

use crate::picture::{Colour, Pen, Picture};

/// How much of its way a track trails behind it.
const TRAIL: Duration = Duration::from_secs(3);

/// Draws a camera's tracks, zones and lines into its frames, one after another.
pub struct Annotator {
    classes: Vec<String>,
    places: Vec<Place>,
    trails: BTreeMap<TrackId, VecDeque<(MediaTime, Point<Unit>)>>,
    picture: Picture,
}

/// A zone or line, and what goes on there.
struct Place {
    name: Label,
    points: Vec<Point<Unit>>,
    state: State,
}

enum State {
    Zone { open: Vec<EventId> },
    Line { right: u64, left: u64 },
}

impl Annotator {
    /// For a camera with these rules. A class without a name in `classes` is shown by its number.
    pub fn new(classes: Vec<String>, rules: &[Rule]) -> Self {
        let picture = Picture::new(Size::new(0, 0), crate::picture::Encoding::JPEG, Colour::BLACK);
        Self { classes, places: rules.iter().map(Place::new).collect(), trails: BTreeMap::new(), picture }
    }

    /// A frame with what is known about it, and with what `events` told with it.
    pub fn draw(&mut self, frame: &Frame, tracks: &Tracks, events: &[Event]) -> &Picture {
        for event in events {
            self.places.iter_mut().for_each(|place| place.heed(event));
        }
        self.follow(tracks);
        self.picture.load(frame);
        let mut pen = Pen::new(&mut self.picture);
        for place in &self.places {
            place.draw(&mut pen, frame.size);
        }
        // Labels come last, so that no box runs through them.
        let shown = || tracks.live.iter().filter(|t| t.state != TrackState::Tentative);
        for track in shown() {
            let colour = Colour::nth(track.id.n);
            let trail = self.trails.get(&track.id).into_iter().flatten();
            pen.trail(&trail.map(|&(_, p)| frame.size.to_image(p)).collect::<Vec<_>>(), colour);
            match track.state {
                TrackState::Lost => pen.corners(track.rect, colour),
                _ => pen.outline(track.rect, colour),
            }
        }
        for track in shown().filter(|t| t.state == TrackState::Confirmed) {
            pen.label(track.rect, &label(&self.classes, track), Colour::nth(track.id.n));
        }
        pen.stamp(&stamp(frame.at));
        &self.picture
    }

    fn follow(&mut self, tracks: &Tracks) {
        self.trails.retain(|id, _| tracks.live.binary_search_by_key(id, |t| t.id).is_ok());
        for track in tracks.live.iter().filter(|t| t.state == TrackState::Confirmed) {
            let trail = self.trails.entry(track.id).or_default();
            trail.push_back((tracks.at.media, tracks.size.to_unit(track.rect.clamp_to(tracks.size).foot())));
            while trail.front().is_some_and(|(then, _)| tracks.at.media.since(*then) > TRAIL) {
                trail.pop_front();
            }
        }
    }
}

impl Place {
    fn new(rule: &Rule) -> Self {
        let (points, state) = match &rule.kind {
            RuleKind::Intrusion(rule) => (rule.zone.points(), State::Zone { open: Vec::new() }),
            RuleKind::Crossing(rule) => (rule.line.points(), State::Line { right: 0, left: 0 }),
        };
        Self { name: rule.name.clone(), points: points.to_vec(), state }
    }

    fn heed(&mut self, event: &Event) {
        match (&mut self.state, &event.kind) {
            (State::Zone { open }, EventKind::Intrusion { zone }) if *zone == self.name => {
                open.retain(|id| *id != event.id);
                if event.ended.is_none() {
                    open.push(event.id);
                }
            }
            (State::Line { right, left }, EventKind::LineCrossing { line, direction }) if *line == self.name => {
                match direction {
                    Direction::LeftToRight => *right += 1,
                    Direction::RightToLeft => *left += 1,
                }
            }
            _ => {}
        }
    }

    fn draw(&self, pen: &mut Pen<'_>, size: Size) {
        let points: Vec<_> = self.points.iter().map(|&p| size.to_image(p)).collect();
        match &self.state {
            State::Zone { open } if open.is_empty() => pen.zone(&points, &self.name, Colour::AMBER),
            State::Zone { .. } => pen.zone(&points, &self.name, Colour::RED),
            State::Line { right, left } => {
                pen.line(&points, &format!("{}  >{right}  <{left}", self.name), Colour::AMBER);
            }
        }
    }
}

fn label(classes: &[String], track: &Track) -> String {
    let (n, percent) = (track.id.n, (track.score * 100.0).round());
    match classes.get(usize::from(track.class.0)) {
        Some(class) => format!("{class} {n}  {percent}%"),
        None => format!("class {} {n}  {percent}%", track.class.0),
    }
}

/// The wall clock's time in UTC where it is known, else the position in the recording.
fn stamp(at: Moment) -> String {
    let wall = at.wall.and_then(|wall| jiff::Timestamp::from_microsecond(wall.unix_micros).ok());
    if let Some(wall) = wall {
        return wall.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    }
    let tenths = (at.media.as_secs_f64().max(0.0) * 10.0) as u64;
    let (hours, minutes, seconds) = (tenths / 36_000, tenths / 600 % 60, tenths / 10 % 60);
    format!("{hours}:{minutes:02}:{seconds:02}.{}", tenths % 10)
}

#[cfg(test)]
mod tests {
    use iris_analytics::rules::{Crossing, Intrusion};
    use iris_analytics::schedule::Schedule;
    use iris_analytics::zone::{Line, Zone};
    use iris_core::frame::{FrameInfo, OwnedPlanes};
    use iris_core::{
        Best, CameraId, ClassId, ColorMatrix, ColorRange, Epoch, Evidence, FrameKey, PixelFormat, Rect, Stamps,
        WallTime,
    };

    use super::*;
    use crate::picture::Encoding;

    const SIZE: Size = Size::new(320, 180);
    const ENCODING: Encoding = Encoding { range: ColorRange::Limited, matrix: ColorMatrix::Bt601 };

    fn key() -> FrameKey {
        FrameKey { camera: CameraId::new("c").expect("a valid id"), epoch: Epoch::first(1), seq: 0 }
    }

    fn moment(ms: i64) -> Moment {
        Moment { media: MediaTime::from_millis(ms), wall: None }
    }

    fn frame(ms: i64) -> Frame {
        let (luma, chroma) = (320 * 180, 160 * 90);
        let Encoding { range, matrix } = ENCODING;
        let stamps = Stamps::default();
        let info =
            FrameInfo { key: key(), at: moment(ms), stamps, format: PixelFormat::I420, range, matrix, size: SIZE };
        let planes = vec![(vec![120; luma], 320), (vec![128; chroma], 160), (vec![128; chroma], 160)];
        Frame::new(info, OwnedPlanes::new(planes))
    }

    /// A track whose feet are at (`x`, 120).
    fn track(n: u32, state: TrackState, x: f32) -> Track {
        let rect = Rect::new(x - 10.0, 80.0, x + 10.0, 120.0);
        let best = Best { key: key(), at: moment(0), rect, score: 0.875 };
        let id = TrackId { camera: key().camera, epoch: key().epoch, n };
        Track {
            id,
            class: ClassId(0),
            rect,
            velocity: [0.0; 2],
            score: 0.875,
            state,
            first: moment(0),
            last: moment(0),
            best,
        }
    }

    fn tracks(ms: i64, live: Vec<Track>) -> Tracks {
        Tracks { key: key(), at: moment(ms), size: SIZE, live, ended: Vec::new() }
    }

    fn event(n: u32, kind: EventKind, ended: Option<Moment>) -> Event {
        let track = track(1, TrackState::Confirmed, 100.0);
        let evidence = Evidence { track: track.id, class: track.class, best: track.best, size: SIZE };
        let id = EventId { camera: key().camera, epoch: key().epoch, n };
        Event { id, kind, started: moment(0), ended, evidence }
    }

    fn rules() -> Vec<Rule> {
        let points = |list: &[(f32, f32)]| list.iter().map(|&(x, y)| Point::new(x, y)).collect();
        let zone = Zone::new(points(&[(0.5, 0.2), (0.9, 0.2), (0.9, 0.9), (0.5, 0.9)])).expect("a zone");
        let line = Line::new(points(&[(0.2, 0.9), (0.2, 0.2)])).expect("a line");
        let rule = |name: &str, kind| Rule { name: name.into(), classes: Vec::new(), schedule: Schedule::Always, kind };
        vec![
            rule("yard", RuleKind::Intrusion(Intrusion::new(zone))),
            rule("door", RuleKind::Crossing(Crossing::new(line))),
        ]
    }

    /// Which pixels of two pictures differ, as their columns and rows.
    fn changed(a: &Picture, b: &Picture) -> Vec<(usize, usize)> {
        let differs = |i: &usize| a.planes()[0][*i] != b.planes()[0][*i];
        (0..320 * 180).filter(differs).map(|i| (i % 320, i / 320)).collect()
    }

    fn draw(annotator: &mut Annotator, ms: i64, live: Vec<Track>, events: &[Event]) -> Picture {
        annotator.draw(&frame(ms), &tracks(ms, live), events).clone()
    }

    #[test]
    fn believed_tracks_are_drawn_and_others_are_not() {
        let annotator = || Annotator::new(vec!["person".into()], &[]);
        let nothing = draw(&mut annotator(), 0, Vec::new(), &[]);
        let drawn = |state| changed(&nothing, &draw(&mut annotator(), 0, vec![track(1, state, 200.0)], &[])).len();
        assert_eq!(drawn(TrackState::Tentative), 0);
        assert!(drawn(TrackState::Lost) > 0, "a guess has corners");
        assert!(drawn(TrackState::Confirmed) > 2 * drawn(TrackState::Lost), "a sighting has edges and a label");
    }

    #[test]
    fn a_trail_is_as_long_as_its_time_and_ends_with_its_track() {
        let mut annotator = Annotator::new(Vec::new(), &[]);
        let id = track(1, TrackState::Confirmed, 0.0).id;
        for i in 0..100 {
            draw(&mut annotator, i * 100, vec![track(1, TrackState::Confirmed, 50.0 + i as f32)], &[]);
        }
        assert_eq!(annotator.trails[&id].len(), 31, "three seconds at ten a second, and both ends");
        draw(&mut annotator, 10_100, vec![track(1, TrackState::Lost, 300.0)], &[]);
        assert_eq!(annotator.trails[&id].len(), 31, "a guess is no way that was taken");
        draw(&mut annotator, 10_200, Vec::new(), &[]);
        assert!(annotator.trails.is_empty());
    }

    #[test]
    fn a_zone_is_red_while_something_is_in_it() {
        let intrusion = |n, ended| event(n, EventKind::Intrusion { zone: "yard".into() }, ended);
        let mut annotator = Annotator::new(Vec::new(), &rules());
        let calm = draw(&mut annotator, 0, Vec::new(), &[]);
        let alarm = draw(&mut annotator, 0, Vec::new(), &[intrusion(1, None), intrusion(2, None)]);
        assert!(changed(&calm, &alarm).contains(&(220, 100)), "its inside has another tint");
        let still = draw(&mut annotator, 0, Vec::new(), &[intrusion(1, Some(moment(5)))]);
        assert_eq!(changed(&alarm, &still), [], "one has left, one has not");
        let over = draw(&mut annotator, 0, Vec::new(), &[intrusion(2, Some(moment(5)))]);
        assert_eq!(changed(&calm, &over), []);
    }

    #[test]
    fn crossings_are_counted_beside_their_line() {
        let crossing = |line: &str, direction| event(1, EventKind::LineCrossing { line: line.into(), direction }, None);
        let mut annotator = Annotator::new(Vec::new(), &rules());
        let before = draw(&mut annotator, 0, Vec::new(), &[]);
        let other = draw(&mut annotator, 0, Vec::new(), &[crossing("window", Direction::LeftToRight)]);
        assert_eq!(changed(&before, &other), []);
        let after = draw(&mut annotator, 0, Vec::new(), &[crossing("door", Direction::LeftToRight)]);
        assert!(!changed(&before, &after).is_empty());
        assert!(matches!(annotator.places[1].state, State::Line { right: 1, left: 0 }));
    }

    #[test]
    fn labels_say_what_who_and_how_sure() {
        let mut track = track(12, TrackState::Confirmed, 0.0);
        assert_eq!(label(&["person".into()], &track), "person 12  88%");
        track.class = ClassId(3);
        assert_eq!(label(&["person".into()], &track), "class 3 12  88%");
    }

    #[test]
    fn stamps_are_wall_time_where_it_is_known() {
        assert_eq!(stamp(moment(0)), "0:00:00.0");
        assert_eq!(stamp(moment(3_723_456)), "1:02:03.4");
        let wall = Some(WallTime { unix_micros: 1_700_000_000_123_456 });
        assert_eq!(stamp(Moment { wall, ..moment(0) }), "2023-11-14 22:13:20 UTC");
    }
}
