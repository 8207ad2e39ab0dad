//! What holds whatever the tracks do.

use std::collections::{HashMap, HashSet};

use iris_core::{Event, EventId, EventKind, TrackState};
use proptest::prelude::*;

use crate::stage::{Look, Stage, crossing, intrusion, middle, right_half};

const WALKERS: u32 = 3;

/// What happens in one frame: how long after the one before, and what is seen of each walker.
type Step = (i64, Vec<Option<(TrackState, f32)>>);

fn state() -> impl Strategy<Value = TrackState> {
    prop_oneof![
        6 => Just(TrackState::Confirmed),
        2 => Just(TrackState::Lost),
        1 => Just(TrackState::Tentative),
    ]
}

fn steps(x: std::ops::Range<f32>) -> impl Strategy<Value = Vec<Step>> {
    let walker = proptest::option::weighted(0.9, (state(), x));
    prop::collection::vec((1i64..1500, prop::collection::vec(walker, WALKERS as usize)), 1..60)
}

/// Ids are never used again: a walker who comes back is another one.
fn act(stage: &mut Stage, steps: &[Step], from_ms: i64) -> Vec<Event> {
    let mut ms = from_ms;
    let mut ids: Vec<u32> = (1..=WALKERS).collect();
    let mut events = Vec::new();
    for (wait, walkers) in steps {
        ms += wait;
        let mut looks: Vec<Look> = Vec::new();
        for (id, walker) in ids.iter_mut().zip(walkers) {
            match walker {
                Some((state, x)) => looks.push((*id, *state, *x, 0.5)),
                None => *id += WALKERS,
            }
        }
        looks.sort_by_key(|look| look.0);
        events.extend(stage.frame(ms, &looks));
    }
    events
}

fn stage() -> Stage {
    Stage::new(vec![intrusion(right_half()), crossing(middle())])
}

proptest! {
    #[test]
    fn who_never_enters_is_never_told(steps in steps(0.0..0.499)) {
        prop_assert_eq!(act(&mut stage(), &steps, 0), []);
    }

    #[test]
    fn each_start_has_one_end_and_no_id_is_used_twice(steps in steps(0.0..1.0), rules: bool) {
        let mut stage = if rules { stage() } else { Stage::new(Vec::new()) };
        let mut events = act(&mut stage, &steps, 0);
        events.extend_from_slice(stage.rules.end());
        let (mut open, mut done) = (HashMap::<EventId, Event>::new(), HashSet::new());
        for event in events {
            let once = matches!(event.kind, EventKind::LineCrossing { .. });
            let Some(ended) = event.ended else {
                prop_assert!(!done.contains(&event.id));
                prop_assert!(open.insert(event.id, event).is_none(), "started twice");
                continue;
            };
            prop_assert!(ended.media >= event.started.media);
            match open.remove(&event.id) {
                Some(start) => prop_assert_eq!((start.started, start.kind), (event.started, event.kind)),
                None => prop_assert!(once, "ended but never started"),
            }
            prop_assert!(done.insert(event.id), "ended twice");
        }
        prop_assert!(open.is_empty(), "never ended: {:?}", open);
        let numbers: HashSet<_> = done.iter().map(|id| id.n).collect();
        prop_assert_eq!(numbers, (1..=done.len() as u32).collect::<HashSet<_>>());
    }

    #[test]
    fn the_same_walk_at_another_time_is_the_same_story(steps in steps(0.0..1.0), later in 0i64..10_000_000_000) {
        let shift = |mut event: Event| {
            for moment in [Some(&mut event.started), event.ended.as_mut(), Some(&mut event.evidence.best.at)].into_iter().flatten() {
                moment.media.ticks += later * 90;
            }
            event
        };
        let now: Vec<_> = act(&mut stage(), &steps, 0).into_iter().map(shift).collect();
        prop_assert_eq!(now, act(&mut stage(), &steps, later));
    }

    #[test]
    fn an_end_to_all_tracks_makes_what_follows_a_new_story(before in steps(0.0..1.0), after in steps(0.0..1.0)) {
        let mut went_on = stage();
        act(&mut went_on, &before, 0);
        went_on.frame(1_000_000, &[]);
        went_on.epoch = went_on.epoch.next();
        let mut fresh = stage();
        fresh.epoch = went_on.epoch;
        let story = |events: Vec<Event>| events.into_iter().map(|e| (e.id, e.kind, e.started, e.ended)).collect::<Vec<_>>();
        prop_assert_eq!(
            story(act(&mut went_on, &after, 2_000_000)),
            story(act(&mut fresh, &after, 2_000_000))
        );
    }

    #[test]
    fn ins_less_outs_is_the_change_of_side(xs in prop::collection::vec(0.0f32..1.0, 1..100)) {
        // The ends are clear of the line, so that nothing is left undecided.
        let ends = |x: f32| if x < 0.5 { 0.1 } else { 0.9 };
        let (first, last) = (ends(xs[0]), ends(xs[xs.len() - 1]));
        let mut stage = stage();
        for (i, x) in (0..).zip([first].into_iter().chain(xs).chain([last])) {
            stage.frame(i * 100, &[(1, TrackState::Confirmed, x, 0.5)]);
        }
        let (_, counts) = stage.rules.crossings().next().expect("there is one line");
        let net = counts.left_to_right as i64 - counts.right_to_left as i64;
        prop_assert_eq!(net, i64::from(last > 0.5) - i64::from(first > 0.5));
    }
}
