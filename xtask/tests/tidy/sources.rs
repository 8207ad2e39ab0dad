//! What every file is like.

use std::path::{Path, PathBuf};

use crate::{files, no_breach, read};

const MOST_LINES: usize = 700;

/// The crates that call C. Each use is announced by an attribute on the one module that needs it.
const MAY_BE_UNSAFE: [&str; 3] = ["crates/iris-decode", "crates/iris-infer", "crates/iris-ingest"];

/// Marks of unfinished or silenced work, cut in two so that this file does not hold them.
const UNFINISHED: [(&str, &str); 6] =
    [("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("to", "do!("), ("unimple", "mented!("), ("#[ign", "ore")];

/// Roots of paths that exist on one machine only.
const ELSEWHERE: [(&str, &str); 4] = [("\"/ho", "me/"), ("\"/ro", "ot/"), ("\"/Us", "ers/"), ("/wo", "rk/")];

/// Words that say nothing.
const EMPTY: [(&str, &str); 6] =
    [("blaz", "ing"), ("cutting", "-edge"), ("effort", "less"), ("lever", "age"), ("seam", "less"), ("util", "ize")];

fn rust_files() -> impl Iterator<Item = PathBuf> {
    files().into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
}

/// Every line of every text file of the project, as `path:line` with its text.
fn lines() -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for path in files().iter().filter(|path| is_written_here(path)) {
        for (index, line) in read(path).unwrap_or_default().lines().enumerate() {
            lines.push((format!("{}:{}", path.display(), index + 1), line.to_owned()));
        }
    }
    lines
}

fn is_written_here(path: &Path) -> bool {
    !path.starts_with("testdata")
        && !path.starts_with("models")
        && !path.ends_with("Cargo.lock")
        && !path.ends_with("package-lock.json")
}

fn places_of(needles: &[(&str, &str)]) -> Vec<String> {
    let needles: Vec<_> = needles.iter().map(|(head, tail)| [*head, *tail].concat()).collect();
    let found = |line: &str| needles.iter().find(|needle| line.contains(*needle)).cloned();
    lines().iter().filter_map(|(place, line)| found(line).map(|needle| format!("{place}: {needle}"))).collect()
}

#[test]
fn every_module_says_what_it_is() {
    let in_src = |path: &PathBuf| path.iter().any(|folder| folder == "src");
    let says = |path: &PathBuf| read(path).is_some_and(|text| text.starts_with("//!"));
    let silent: Vec<_> = rust_files().filter(|path| in_src(path) && !says(path)).collect();
    no_breach("a Rust file starts with `//!`: what it is and what does not belong in it", &names(&silent));
}

#[test]
fn no_file_is_too_long_to_read() {
    let is_long = |path: &PathBuf| read(path).is_some_and(|text| text.lines().count() > MOST_LINES);
    let long: Vec<_> = rust_files().filter(is_long).collect();
    no_breach(&format!("a Rust file has at most {MOST_LINES} lines; split it by what it is about"), &names(&long));
}

#[test]
fn nothing_is_left_unfinished() {
    no_breach("finish it, or open an issue", &places_of(&UNFINISHED));
}

#[test]
fn nothing_points_outside_the_repository() {
    no_breach("this path exists on one machine only", &places_of(&ELSEWHERE));
}

#[test]
fn no_word_says_nothing() {
    no_breach("say what it does, in plain words", &places_of(&EMPTY));
}

#[test]
fn unsafe_code_stays_where_c_is_called() {
    let allowed = |path: &PathBuf| MAY_BE_UNSAFE.iter().any(|folder| path.starts_with(folder));
    let switch = ["(unsafe", "_code"].concat();
    let has = |path: &PathBuf| read(path).is_some_and(|text| text.contains(&switch));
    let found: Vec<_> = rust_files().filter(|path| !allowed(path) && has(path)).collect();
    no_breach("only decode, infer and the demuxer of ingest may be unsafe", &names(&found));
}

#[test]
fn text_ends_with_a_newline_and_has_no_trailing_spaces() {
    let mut breaches: Vec<_> =
        lines().into_iter().filter(|(_, line)| line.ends_with([' ', '\t'])).map(|(at, _)| at).collect();
    for path in files().iter().filter(|path| is_written_here(path)) {
        if read(path).is_some_and(|text| !text.is_empty() && !text.ends_with('\n')) {
            breaches.push(format!("{}: no newline at the end", path.display()));
        }
    }
    no_breach("trailing spaces, or none of the newline", &breaches);
}

fn names(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| path.display().to_string()).collect()
}
