//! Comparing a level's text with the golden one, and saying what differs.

use std::fmt::Write;
use std::path::{Path, PathBuf};

/// How many differing lines are shown.
const SHOWN: usize = 5;

/// What lies in `testdata`.
pub(crate) fn testdata(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(path)
}

/// Compares a level's text with the golden file, or takes it as right where `IRIS_BLESS` is 1.
pub(crate) fn check(name: &str, made: &str) {
    let path = testdata("golden").join(name);
    if std::env::var_os("IRIS_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, made).expect("the golden file can be written");
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    if let Some(difference) = difference(&golden, made, alike) {
        panic!(
            "testdata/golden/{name} (-) is not what comes out now (+)\n{difference}\
             If the change is meant, run `cargo xtask golden --bless` and look at what git shows."
        );
    }
}

/// The first lines that differ by `same`, with their numbers; none if there are none.
pub(crate) fn difference(golden: &str, made: &str, same: fn(&str, &str) -> bool) -> Option<String> {
    let (golden, made): (Vec<_>, Vec<_>) = (golden.lines().collect(), made.lines().collect());
    let pair = |i: usize| (golden.get(i).copied(), made.get(i).copied());
    let differs = |i: &usize| match pair(*i) {
        (Some(a), Some(b)) => !same(a, b),
        _ => true,
    };
    let differing: Vec<usize> = (0..golden.len().max(made.len())).filter(differs).collect();
    if differing.is_empty() {
        return None;
    }
    let mut text = format!("{} lines differ, of {} before and {} now:\n", differing.len(), golden.len(), made.len());
    for &i in differing.iter().take(SHOWN) {
        let (a, b) = pair(i);
        let lines =
            [('-', a), ('+', b)].map(|(sign, line)| line.map_or(String::new(), |line| format!("{sign} {line}\n")));
        write!(text, "line {}:\n{}{}", i + 1, lines[0], lines[1]).expect("a string takes all");
    }
    Some(text)
}

pub(crate) fn identical(a: &str, b: &str) -> bool {
    a == b
}

/// Whether two lines say the same. Processors differ in the last bits of a sum, which may turn the last digit of a
/// rounded number: a decimal number that stands alone may differ by one in its last place, or by a hundredth. Whole
/// numbers, and those in a longer word, such as times, may not.
pub(crate) fn alike(a: &str, b: &str) -> bool {
    let (a, b) = (words(a), words(b));
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a == b || are_near(a, b))
}

fn words(line: &str) -> Vec<&str> {
    line.split([' ', ',', '[', ']']).collect()
}

fn are_near(a: &str, b: &str) -> bool {
    let (Some((a, step)), Some((b, other))) = (decimal(a), decimal(b)) else { return false };
    // A little more, because decimal fractions are not exact in binary.
    (a - b).abs() <= step.min(other).max(0.01) * 1.001
}

/// A decimal number and the worth of its last digit.
fn decimal(word: &str) -> Option<(f64, f64)> {
    let (_, digits) = word.split_once('.')?;
    Some((word.parse().ok()?, 0.1_f64.powi(digits.len() as i32)))
}

#[test]
fn only_the_last_place_of_a_number_may_differ() {
    for (a, b) in [
        ("7 10.4 0.87", "7 10.5 0.86"),
        ("3,1,10.999,4.002,1.0", "3,1,11.000,4.000,0.99"),
        ("{\"box\":[1.0,2.5]}", "{\"box\":[1.1,2.5]}"),
    ] {
        assert!(alike(a, b), "{a} and {b}");
    }
    for (a, b) in [
        ("10.4", "10.6"),
        ("0.87", "0.85"),
        ("3,1,10.999", "3,2,10.999"),
        ("7", "8"),
        ("{\"media_start\":1.2}", "{\"media_start\":1.3}"),
        ("1.0 2.0", "1.0"),
    ] {
        assert!(!alike(a, b), "{a} and {b}");
    }
}

#[test]
fn a_difference_shows_the_first_lines_and_their_numbers() {
    assert_eq!(difference("a\nb\n", "a\nb\n", identical), None);
    let text = difference("a\nb\nc\n", "a\nx\n", identical).expect("two lines differ");
    assert_eq!(text, "2 lines differ, of 3 before and 2 now:\nline 2:\n- b\n+ x\nline 3:\n- c\n");
    let many = difference("", &"x\n".repeat(100), identical).expect("all lines differ");
    assert_eq!(many.lines().count(), 1 + 2 * SHOWN);
}
