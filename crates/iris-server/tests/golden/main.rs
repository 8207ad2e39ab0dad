//! The golden runs: one clip of three discs through the whole path, each level as text that is compared with what the
//! repository holds in `testdata/golden`. Levels up to detections are made by the stages themselves, tracks and events
//! by the pipeline, with the rules of `testdata/golden/iris.toml`.
//!
//! `cargo xtask golden` compares; `cargo xtask golden --bless` takes what is there now as right and shows what changed.

mod levels;
mod replay;
mod text;

use text::{check, difference, identical};

const ONE_CORE: usize = 1;
const TWO_CORES: usize = 2;

#[test]
fn packets() {
    check_twice("packets.txt", levels::packets);
}

#[test]
fn frames() {
    check_twice("frames.txt", levels::frames);
}

#[test]
fn detections() {
    check_twice("detections.txt", levels::detections);
}

fn check_twice(name: &str, level: fn() -> String) {
    let made = level();
    assert_same(name, "the second run", &made, &level());
    check(name, &made);
}

#[test]
fn tracks_and_events_are_the_same_again_and_on_two_cores() {
    let first = replay::run(ONE_CORE);
    for (what, cores) in [("the second run", ONE_CORE), ("the run on two cores", TWO_CORES)] {
        let again = replay::run(cores);
        assert_same("tracks.txt", what, &first.tracks, &again.tracks);
        assert_same("events.jsonl", what, &first.events, &again.events);
    }
    check("tracks.txt", &first.tracks);
    check("events.jsonl", &first.events);
}

/// On one machine nothing may differ, not even a number's last digit.
fn assert_same(name: &str, what: &str, first: &str, other: &str) {
    if let Some(difference) = difference(first, other, identical) {
        panic!("{name}: {what} differs from the first (-)\n{difference}");
    }
}
