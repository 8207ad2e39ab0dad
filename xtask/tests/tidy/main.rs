//! What the compiler cannot check about this workspace: who may depend on whom, and what every file must be like.
//!
//! A failure says which file breaks which rule, and what to do instead.

mod dependencies;
mod documents;
mod sources;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in a folder of the repository")
}

/// The files that are, or are about to be, under version control, by their path from the root.
fn files() -> Vec<PathBuf> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(root());
    let output = git.output().expect("git must be installed to list the files");
    assert!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).expect("file names are UTF-8");
    names.lines().map(PathBuf::from).filter(|path| root().join(path).is_file()).collect()
}

/// The text of a file; `None` if it is not text.
fn read(path: &Path) -> Option<String> {
    let bytes = std::fs::read(root().join(path)).expect("a listed file can be read");
    String::from_utf8(bytes).ok()
}

/// Fails with all breaches of a rule, not only the first.
fn no_breach(rule: &str, breaches: &[String]) {
    assert!(breaches.is_empty(), "{rule}:\n  {}", breaches.join("\n  "));
}
