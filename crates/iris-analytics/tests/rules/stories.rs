//! Stories in two lines: what one track does, two frames a second, and below it what is told.

use std::time::Duration;

use iris_analytics::rules::{Crossings, Inside, Rule};
use iris_analytics::schedule::{LocalTime, Minute, Schedule, Weekday, Window};
use iris_core::{ClassId, Direction, Epoch, Event, EventKind, TrackState};

use crate::stage::{Look, PERSON, Stage, crossing, intrusion, middle, moment, right_half};

/// Acts a story out and writes down what was told, a letter a frame:
///
/// | acted | means |
/// |---|---|
/// | `o` `#` | outside, inside the right half |
/// | `L` `l` `r` `R` | far and near, left and right of the middle |
/// | `~` `?` | tentative, lost: inside both times |
/// | ` ` | there is no track |
///
/// `S` is a start, `E` an end, `>` and `<` a crossing.
fn act(stage: &mut Stage, story: &str) -> String {
    (0..).zip(story.chars()).map(|(i, c)| told(&stage.frame(i * 500, &look(c)))).collect()
}

fn look(c: char) -> Vec<Look> {
    let (state, x) = match c {
        'o' | 'L' => (TrackState::Confirmed, 0.3),
        '#' | 'R' => (TrackState::Confirmed, 0.7),
        'l' => (TrackState::Confirmed, 0.495),
        'r' => (TrackState::Confirmed, 0.505),
        '~' => (TrackState::Tentative, 0.7),
        '?' => (TrackState::Lost, 0.7),
        ' ' => return Vec::new(),
        other => unreachable!("nobody can act {other:?}"),
    };
    vec![(1, state, x, 0.5)]
}

fn told(events: &[Event]) -> char {
    let letter = |e: &Event| match (&e.kind, e.ended) {
        (EventKind::LineCrossing { direction: Direction::LeftToRight, .. }, _) => '>',
        (EventKind::LineCrossing { direction: Direction::RightToLeft, .. }, _) => '<',
        (_, None) => 'S',
        (_, Some(_)) => 'E',
    };
    match events {
        [] => ' ',
        [e] => letter(e),
        more => unreachable!("{} events at once", more.len()),
    }
}

#[track_caller]
fn check(rule: &Rule, stories: &[(&str, &str, &str)]) {
    for (name, acted, expected) in stories {
        let told = act(&mut Stage::new(vec![rule.clone()]), acted);
        assert_eq!(told.trim_end(), *expected, "{name}\nacted {acted}\ntold  {told}");
    }
}

#[test]
fn a_zone_tells_of_those_who_stay() {
    #[rustfmt::skip]
    check(&intrusion(right_half()), &[
        ("walks in and out",      "oo########oooooooo",
                                  "    S         E"),
        ("runs through",          "oo##ooooo##ooooo",
                                  ""),
        ("steps on the border",   "oo#o##o##oo###oooooo",
                                  "    S             E"),
        ("is there from the start", "####",
                                  "  S"),
        ("vanishes inside",       "oo#####       ",
                                  "    S  E"),
        ("comes twice",           "###ooooooo###ooooo",
                                  "  S    E    S    E"),
        ("never believed",        "~~~~~~~~    ",
                                  ""),
        ("believed late",         "~~~###  ",
                                  "     SE"),
        ("hidden behind a pole",  "###??????????####ooooo",
                                  "  S                  E"),
        ("lost and given up",     "###????  ",
                                  "  S    E"),
        ("lost before told",      "##??????? ",
                                  ""),
        ("hidden, then told",     "#???#  ",
                                  "    SE"),
        ("lost outside",          "###o?????oooo",
                                  "  S      E"),
    ]);
}

#[test]
fn no_minimum_and_no_patience_tell_at_once() {
    let hasty =
        iris_analytics::rules::Intrusion { min_stay: Duration::ZERO, leave_after: Duration::ZERO, ..right_half() };
    #[rustfmt::skip]
    check(&intrusion(hasty), &[
        ("in and out", "oo#o##o",
                       "  SES E"),
    ]);
}

#[test]
fn a_line_tells_of_those_who_are_clearly_across() {
    #[rustfmt::skip]
    check(&crossing(middle()), &[
        ("walks across",           "LLlrRR",
                                   "    >"),
        ("and back",               "LRRLL",
                                   " > <"),
        ("turns round on it",      "LLlrlrrlLL",
                                   ""),
        ("sways on it, then goes", "LlrlrlrlrlrlrR",
                                   "             >"),
        ("first seen on it",       "lrlrR",
                                   "    >"),
        ("crosses unseen",         "LL????RR",
                                   "      >"),
        ("a guess is no crossing", "LL????LL",
                                   ""),
        ("not believed",           "LL~~~~",
                                   ""),
        ("another one comes back", "LL   RRL",
                                   "       <"),
        ("stops just behind it",   "LLrrrrr   ",
                                   ""),
    ]);
}

#[test]
fn one_way_is_told_and_both_are_counted() {
    let mut rule = middle();
    rule.direction = Some(Direction::RightToLeft);
    let mut stage = Stage::new(vec![crossing(rule)]);
    assert_eq!(act(&mut stage, "LRLRLR"), "  < < ");
    let counts: Vec<_> = stage.rules.crossings().map(|(name, counts)| (name.to_string(), counts)).collect();
    assert_eq!(counts, [("door".to_string(), Crossings { left_to_right: 3, right_to_left: 2 })]);
}

#[test]
fn without_rules_each_confirmed_track_is_told() {
    let mut stage = Stage::new(Vec::new());
    assert_eq!(act(&mut stage, "~~oooo??o??    "), "  S        E   ");
    assert_eq!(act(&mut stage, "~~~~    "), "        ");
}

#[test]
fn a_story_has_the_times_of_what_happened_and_not_of_the_telling() {
    let mut stage = Stage::new(vec![intrusion(right_half())]);
    let mut events = Vec::new();
    for (i, c) in (0..).zip("oo####ooooooo".chars()) {
        events.extend(stage.frame(i * 500, &look(c)));
    }
    let [start, end] = &events[..] else { panic!("{events:?}") };
    assert_eq!((start.started, start.ended), (moment(1000), None));
    assert_eq!((end.started, end.ended), (moment(1000), Some(moment(2500))));
    assert_eq!((start.id, start.id.n), (end.id, 1));
    assert_eq!(start.kind, EventKind::Intrusion { zone: "yard".into() });
    assert_eq!((start.evidence.track.n, start.evidence.class), (1, PERSON));
    assert!(end.evidence.best.at.media > start.evidence.best.at.media, "evidence grows with the story");
}

#[test]
fn a_crossing_happened_when_the_line_was_passed() {
    let mut stage = Stage::new(vec![crossing(middle())]);
    let events: Vec<_> = (0..).zip("LlrrrR".chars()).flat_map(|(i, c)| stage.frame(i * 500, &look(c))).collect();
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!((event.started, event.ended), (moment(1000), Some(moment(1000))));
}

#[test]
fn two_people_have_two_stories() {
    let mut stage = Stage::new(vec![intrusion(right_half()), crossing(middle())]);
    let here = |n, x| (n, TrackState::Confirmed, x, 0.5);
    let mut ids = Vec::new();
    ids.extend(stage.frame(0, &[here(1, 0.3), here(2, 0.8)]));
    ids.extend(stage.frame(1000, &[here(1, 0.7), here(2, 0.8)]));
    ids.extend(stage.frame(2000, &[here(1, 0.7), here(2, 0.2)]));
    ids.extend(stage.frame(3000, &[]));
    let told: Vec<_> = ids.iter().map(|e| (e.evidence.track.n, e.id.n, told(std::slice::from_ref(e)))).collect();
    assert_eq!(told, [(2, 1, 'S'), (1, 2, '>'), (1, 3, 'S'), (2, 4, '<'), (1, 3, 'E'), (2, 1, 'E')]);
}

#[test]
fn only_the_classes_that_were_named_count() {
    let mut rule = intrusion(right_half());
    rule.classes = vec![ClassId(7)];
    let mut stage = Stage::new(vec![rule]);
    assert_eq!(act(&mut stage, "####").trim(), "");
    stage.class = ClassId(7);
    assert_eq!(act(&mut stage, "###").trim_end(), "  S");
    stage.class = PERSON;
    assert_eq!(act(&mut stage, "##### "), "     E", "a class that wavers does not end the story");
}

#[test]
fn a_schedule_decides_what_may_begin() {
    let minute = |hour| Minute::new(hour, 0).expect("an hour");
    let at = |hour| Some(LocalTime { weekday: Weekday::Monday, minute: minute(hour) });
    let mut rule = intrusion(right_half());
    let night = Window { days: Weekday::ALL.to_vec(), from: minute(20), to: minute(6) };
    rule.schedule = Schedule::During(vec![night]);
    let mut stage = Stage::new(vec![rule]);
    stage.local = at(19);
    assert_eq!(act(&mut stage, "####").trim(), "", "by day it is a yard like any other");
    stage.local = at(20);
    assert_eq!(act(&mut stage, "###").trim_end(), "  S", "a stay is counted from when the rule is on");
    stage.local = at(7);
    assert_eq!(act(&mut stage, "###ooooo").trim_end(), "       E", "what has begun goes on to its end");
}

#[test]
fn the_foot_and_the_body_are_different_places() {
    // The feet are left of the border by a hundredth of the picture; the box is four wide.
    let looks = [(1, TrackState::Confirmed, 0.49, 0.5)];
    for (inside, expected) in [(Inside::Foot, 0), (Inside::Overlap(0.2), 1), (Inside::Overlap(0.3), 0)] {
        let mut rule = right_half();
        rule.inside = inside;
        rule.min_stay = Duration::ZERO;
        assert_eq!(Stage::new(vec![intrusion(rule)]).frame(0, &looks).len(), expected, "{inside:?}");
    }
}

#[test]
fn feet_below_the_picture_stand_on_its_edge() {
    let mut stage = Stage::new(vec![intrusion(right_half())]);
    let looks = [(1, TrackState::Confirmed, 0.7, 1.05)];
    assert!(stage.frame(0, &looks).is_empty());
    assert_eq!(stage.frame(1000, &looks).len(), 1);
}

#[test]
fn a_new_connection_counts_its_events_from_one() {
    let mut stage = Stage::new(Vec::new());
    assert_eq!(stage.frame(0, &look('o'))[0].id.n, 1);
    assert_eq!(stage.frame(500, &[])[0].id.n, 1);
    stage.epoch = Epoch::first(1).next();
    let id = stage.frame(1000, &look('o'))[0].id;
    assert_eq!((id.epoch, id.n), (stage.epoch, 1));
}

#[test]
fn what_is_open_ends_when_the_rules_do() {
    for rules in [Vec::new(), vec![intrusion(right_half()), crossing(middle())]] {
        let mut stage = Stage::new(rules);
        act(&mut stage, "####");
        let ended = stage.rules.end();
        assert_eq!(ended.len(), 1);
        assert_eq!(ended[0].ended, Some(moment(1500)));
        assert!(stage.rules.end().is_empty());
    }
}

#[test]
fn a_track_that_vanishes_without_a_word_ends_its_story() {
    for rules in [Vec::new(), vec![intrusion(right_half())]] {
        let mut stage = Stage::new(rules);
        act(&mut stage, "####");
        let events = stage.frame_without_ended(2000, &[]);
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].ended, Some(moment(1500)));
    }
}
