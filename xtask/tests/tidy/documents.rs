//! What the documents promise is there.

use std::path::{Path, PathBuf};

use crate::{files, no_breach, read};

const RECORDS: &str = "docs/adr";
const PARTS: [&str; 4] = ["\nStatus: ", "\n## Context\n", "\n## Decision\n", "\n## Consequences\n"];

fn text(path: &str) -> String {
    read(Path::new(path)).expect("a document is text")
}

/// The decision records, in order.
fn records() -> Vec<PathBuf> {
    let is_record = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        path.starts_with(RECORDS) && name.starts_with(|c: char| c.is_ascii_digit())
    };
    let mut records: Vec<_> = files().into_iter().filter(is_record).collect();
    records.sort();
    records
}

#[test]
fn decision_records_are_numbered_listed_and_whole() {
    let list = text("docs/adr/README.md");
    let mut breaches = Vec::new();
    for (index, path) in records().iter().enumerate() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let text = read(path).unwrap_or_default();
        if !name.starts_with(&format!("{index:04}-")) {
            breaches.push(format!("{name}: its number should be {index:04}"));
        }
        if !list.contains(&format!("({name})")) {
            breaches.push(format!("{name}: not listed in {RECORDS}/README.md"));
        }
        for part in PARTS.iter().filter(|part| !text.contains(*part)) {
            breaches.push(format!("{name}: lacks `{}`", part.trim()));
        }
    }
    no_breach("decision records follow 0000-template.md", &breaches);
}

#[test]
fn the_architecture_has_a_row_for_each_crate() {
    let map = text("ARCHITECTURE.md");
    let manifests = files().into_iter().filter(|path| path.ends_with("Cargo.toml") && path.starts_with("crates"));
    let crates = manifests.filter_map(|path| Some(path.parent()?.file_name()?.to_str()?.to_owned()));
    let missing: Vec<_> = crates.filter(|name| !map.contains(&format!("\n| `{name}` |"))).collect();
    no_breach("ARCHITECTURE.md lacks a row for these crates", &missing);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut breaches = Vec::new();
    for path in files().iter().filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let folder = path.parent().unwrap_or(Path::new(""));
        for link in links(&read(path).unwrap_or_default()) {
            if !crate::root().join(folder).join(&link).exists() {
                breaches.push(format!("{}: {link}", path.display()));
            }
        }
    }
    no_breach("these links lead nowhere", &breaches);
}

#[test]
fn the_tests_that_hold_against_attacks_are_there() {
    let attacks = text("docs/spec/security.md");
    let (_, table) = attacks.split_once("\n## Attacks\n").expect("the table of attacks");
    let table = table.split("\n## ").next().unwrap_or(table);
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    let named: Vec<&str> = rows
        .flat_map(|row| row.trim_end_matches('|').rsplit('|').next().unwrap_or_default().split('`').skip(1).step_by(2))
        .collect();
    assert!(named.len() > 20, "{named:?}");
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    let code: Vec<String> = files().into_iter().filter(is_rust).filter_map(|path| read(&path)).collect();
    let is_there = |name: &str| code.iter().any(|text| text.contains(&format!("fn {name}(")));
    let missing: Vec<String> = named.into_iter().filter(|name| !is_there(name)).map(str::to_owned).collect();
    no_breach("docs/spec/security.md names tests that are not there", &missing);
}

/// The targets of a document's links to other files.
fn links(markdown: &str) -> Vec<String> {
    let targets = markdown.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let files = targets.map(|(target, _)| target.split('#').next().unwrap_or(target));
    files.filter(|target| !target.is_empty() && !target.contains(':')).map(str::to_owned).collect()
}

#[test]
fn links_to_files_are_found() {
    let markdown = "[a](b.md) [c](https://d) [e](f/g.md#h) [i](#j) ![k](l.png)";
    assert_eq!(links(markdown), ["b.md", "f/g.md", "l.png"]);
}
