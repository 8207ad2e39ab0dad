//! The page: its packages, its build, its checks and tests. What the page itself is stands in `ui/`.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::Hasher;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::shell::{ask, cargo, program, root, run, say, tools};

/// The oldest Node that the page's build runs on.
const NODE: (u32, u32) = (20, 19);
/// What is built from, below `ui/`.
const SOURCES: [&str; 6] = ["index.html", "package-lock.json", "public", "src", "tsconfig.json", "vite.config.ts"];
const PACKAGES: &str = "package-lock.json";

/// Installs the page's packages and builds it, each unless that was done with these sources. True if something was.
pub(crate) fn build() -> Result<bool> {
    let installed = unless_done("ui-packages", &[PACKAGES], "node_modules", || {
        require_node(&ask(program("node").arg("--version")).unwrap_or_default())?;
        say("setup: installing the packages of the page");
        run(&mut npm(&["ci", "--no-progress"]))
    })?;
    let built = unless_done("ui-page", &SOURCES, "dist/page/index.html", || {
        say("setup: building the page");
        run(&mut npm(&["run", "--silent", "build"]))
    })?;
    Ok(installed || built)
}

/// Format, lints and types.
pub(crate) fn check() -> Result<()> {
    run(&mut npm(&["run", "--silent", "check"]))
}

/// Writes the types of the API that `document` describes.
pub(crate) fn types(document: &Path, types: &Path) -> Result<()> {
    run(npm(&["run", "--silent", "types", "--"]).arg(document).arg("--output").arg(types))
}

/// The tests of the page by itself.
pub(crate) fn test() -> Result<()> {
    run(&mut npm(&["run", "--silent", "test"]))
}

/// The tests of the page in a browser, some of them on the real server.
pub(crate) fn browser() -> Result<()> {
    run(&mut cargo(["build", "--quiet", "--package", "iris-server", "--package", "iris-sim", "--bins"]))?;
    run(&mut npm(&["run", "--silent", "browser"]))
}

fn npm(args: &[&str]) -> std::process::Command {
    let mut npm = program("npm");
    npm.args(["--prefix", "ui"]).args(args);
    npm
}

fn require_node(version: &str) -> Result<()> {
    let mut parts = version.trim().trim_start_matches('v').split('.').map(|part| part.parse().unwrap_or(0));
    let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if found < NODE {
        bail!("the page needs Node {}.{} or newer with npm; found {:?}", NODE.0, NODE.1, version.trim());
    }
    Ok(())
}

/// Does something with files below `ui/` that makes `result`, unless it was done with these very files.
fn unless_done(name: &str, files: &[&str], result: &str, act: impl FnOnce() -> Result<()>) -> Result<bool> {
    let ui = root().join("ui");
    let stamp = tools().join("stamps").join(name);
    let files: Vec<_> = files.iter().map(|file| ui.join(file)).collect();
    let now = format!("{} {:016x}", ui.display(), hash(&files)?);
    if ui.join(result).exists() && fs::read_to_string(&stamp).is_ok_and(|done| done == now) {
        return Ok(false);
    }
    act()?;
    fs::create_dir_all(stamp.parent().unwrap_or(&stamp))?;
    fs::write(&stamp, now).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(true)
}

/// A fingerprint of files and folders, of their names and what is in them.
fn hash(paths: &[PathBuf]) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        feed(&mut hasher, path)?;
    }
    Ok(hasher.finish())
}

fn feed(hasher: &mut DefaultHasher, path: &Path) -> Result<()> {
    hasher.write(path.as_os_str().as_encoded_bytes());
    if !path.is_dir() {
        hasher.write(&fs::read(path).with_context(|| format!("cannot read {}", path.display()))?);
        return Ok(());
    }
    let mut entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    entries.sort();
    entries.iter().try_for_each(|entry| feed(hasher, entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_versions_of_node_are_refused() {
        for (version, is_enough) in
            [("v20.19.0\n", true), ("v22.1.0", true), ("v20.18.9", false), ("v18.20.4", false), ("", false)]
        {
            assert_eq!(require_node(version).is_ok(), is_enough, "{version:?}");
        }
    }

    #[test]
    fn a_fingerprint_sees_names_and_contents() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let of = |name: &str, text: &str| -> Result<u64> {
            let tree = folder.path().join("tree");
            fs::create_dir_all(&tree)?;
            fs::write(tree.join(name), text)?;
            let hash = hash(std::slice::from_ref(&tree))?;
            fs::remove_dir_all(tree)?;
            Ok(hash)
        };
        assert_eq!(of("a", "1")?, of("a", "1")?);
        assert_ne!(of("a", "1")?, of("a", "2")?);
        assert_ne!(of("a", "1")?, of("b", "1")?);
        Ok(())
    }
}
