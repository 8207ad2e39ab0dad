//! Who may depend on whom: `server → pipeline → {ingest, decode, infer, analytics, flow} → core`.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use crate::{no_breach, read, root};

/// The edges between the crates of this workspace. A new crate, or a new edge, needs a decision record.
const EDGES: &[(&str, &[&str])] = &[
    ("iris-core", &[]),
    ("iris-flow", &[]),
    ("iris-ingest", &["iris-core"]),
    ("iris-decode", &["iris-core"]),
    ("iris-infer", &["iris-core"]),
    ("iris-analytics", &["iris-core"]),
    ("iris-pipeline", &["iris-core", "iris-flow", "iris-ingest", "iris-decode", "iris-infer", "iris-analytics"]),
    (
        "iris-server",
        &["iris-core", "iris-flow", "iris-ingest", "iris-decode", "iris-infer", "iris-analytics", "iris-pipeline"],
    ),
    ("iris-sim", &["iris-core"]),
    ("xtask", &[]),
];

/// Tests may also stand on the simulated cameras.
const TEST_ONLY: &str = "iris-sim";

/// Outside crates that only some may use, and why.
const RESERVED: &[(&str, &[&str], &str)] = &[
    ("tokio", &["iris-ingest", "iris-pipeline", "iris-server", "iris-sim", "xtask"], "stages know no runtime"),
    (
        "serde",
        &["iris-infer", "iris-server", "iris-sim", "xtask"],
        "only binaries and the manifest reader know wire formats",
    ),
    ("serde_json", &["iris-server", "iris-sim", "xtask"], "only binaries know wire formats"),
    ("toml", &["iris-infer", "iris-server"], "only the configuration and the manifest reader parse it"),
    ("anyhow", &["iris-server", "iris-sim", "xtask"], "libraries have an error type of their own"),
    ("ffmpeg-next", &["iris-ingest", "iris-decode", "iris-server", "iris-sim"], "FFmpeg is called in few places"),
    ("ort", &["iris-infer"], "everyone else sees the `Runtime` trait"),
    ("retina", &["iris-ingest"], "everyone else sees packets"),
    ("rusqlite", &["iris-server"], "everyone else sees the store's trait"),
];

/// Crates without I/O, threads and clocks may use these outside crates and no other.
const PURE: &[(&str, &[&str])] = &[
    ("iris-core", &["bytes", "smallvec", "thiserror"]),
    ("iris-flow", &["loom"]),
    ("iris-analytics", &["geo", "nalgebra", "smallvec", "thiserror"]),
];

fn workspace() -> Metadata {
    let mut command = MetadataCommand::new();
    command.manifest_path(root().join("Cargo.toml")).no_deps();
    command.exec().expect("cargo metadata reads the workspace")
}

/// The names of what a package depends on outside its tests, or in its tests alone.
fn dependencies(package: &Package, in_tests: bool) -> impl Iterator<Item = &str> {
    let chosen = move |kind| (kind == DependencyKind::Development) == in_tests;
    package.dependencies.iter().filter(move |dependency| chosen(dependency.kind)).map(|dependency| &*dependency.name)
}

fn lookup<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    table.iter().find(|(row, _)| *row == name).map(|(_, value)| *value)
}

#[test]
fn the_edges_between_the_crates_are_those_of_the_design() {
    let mut breaches = Vec::new();
    for package in &workspace().packages {
        let Some(allowed) = lookup(EDGES, &package.name) else {
            breaches.push(format!("{} is a new crate: add it to EDGES, with a decision record", package.name));
            continue;
        };
        let known = |name: &&str| lookup(EDGES, name).is_some();
        for name in dependencies(package, false).filter(known).filter(|name| !allowed.contains(name)) {
            breaches.push(format!("{} must not depend on {name}", package.name));
        }
        for name in dependencies(package, true).filter(known) {
            // A crate may name itself, to switch on a feature for its tests.
            if name != package.name.as_str() && name != TEST_ONLY && !allowed.contains(&name) {
                breaches.push(format!("the tests of {} must not depend on {name}", package.name));
            }
        }
    }
    no_breach("the way of a frame is server → pipeline → {siblings} → core", &breaches);
}

#[test]
fn reserved_crates_are_used_where_they_belong() {
    let mut breaches = Vec::new();
    for package in &workspace().packages {
        for (name, users, why) in RESERVED {
            if !users.contains(&package.name.as_str()) && dependencies(package, false).any(|found| found == *name) {
                breaches.push(format!("{} depends on {name}: {why}", package.name));
            }
        }
    }
    no_breach("some outside crates are reserved", &breaches);
}

#[test]
fn pure_crates_stay_pure() {
    let mut breaches = Vec::new();
    for package in &workspace().packages {
        let Some(allowed) = lookup(PURE, &package.name) else { continue };
        let inside = |name: &str| name.starts_with("iris-");
        for name in dependencies(package, false).filter(|name| !inside(name) && !allowed.contains(name)) {
            breaches.push(format!("{} depends on {name}; allowed are {allowed:?}", package.name));
        }
    }
    no_breach("these crates do no I/O, so what they may use is a closed list", &breaches);
}

#[test]
fn every_crate_inherits_the_lints_and_the_dependencies_of_the_workspace() {
    let mut breaches = Vec::new();
    for package in &workspace().packages {
        let manifest = package.manifest_path.strip_prefix(root()).expect("a member lies in the repository");
        let text = read(manifest.as_std_path()).expect("a manifest is text");
        if !text.contains("[lints]\nworkspace = true\n") {
            breaches.push(format!("{manifest}: add `[lints]` with `workspace = true`"));
        }
        for name in own_versions(&text) {
            breaches.push(format!("{manifest}: write `{name}.workspace = true`, with its version in the root"));
        }
    }
    no_breach("a crate says what it is, the workspace how it is built", &breaches);
}

/// The dependencies of a manifest that are not taken from the workspace.
fn own_versions(manifest: &str) -> Vec<&str> {
    let mut in_dependencies = false;
    let mut found = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_dependencies = line.ends_with("dependencies]");
        } else if in_dependencies && line.contains('=') && !line.contains("workspace = true") {
            found.push(line.split(['=', '.']).next().unwrap_or(line).trim());
        }
    }
    found
}

#[test]
fn dependencies_come_from_the_registry_or_from_this_repository() {
    let mut breaches = Vec::new();
    for package in &workspace().packages {
        for dependency in &package.dependencies {
            let is_inside = dependency.path.as_ref().is_some_and(|path| path.starts_with(root()));
            let is_registered =
                dependency.source.as_ref().is_some_and(|source| source.to_string().starts_with("registry+"));
            if !is_inside && !is_registered {
                breaches.push(format!("{} takes {} from elsewhere", package.name, dependency.name));
            }
        }
    }
    no_breach("no git, no path outside the repository", &breaches);
}

#[test]
fn a_version_of_ones_own_is_seen() {
    let manifest = "[package]\nname = \"a\"\n[dependencies]\nb.workspace = true\nc = \"1\"\n\
                    [dev-dependencies]\nd = { workspace = true, features = [] }\ne.path = \"../e\"\n[lib]\nf = 1\n";
    assert_eq!(own_versions(manifest), ["c", "e"]);
}
