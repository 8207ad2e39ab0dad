//! The generated files of the repository, and the check that they are what would be generated.
//!
//! All are generated into a shadow of the repository's tree, and the shadow is compared with the tree or copied over it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::shell::{cargo, root, run as run_command, say};
use crate::ui;

const SCHEMA: &str = "config/iris.schema.json";
const OPENAPI: &str = "api/openapi.json";
/// The API's types as the page knows them.
const PAGE_TYPES: &str = "ui/src/api/schema.ts";
const TEST_MODELS: &str = "testdata/models";
/// The messages of gRPC, and the same in Rust.
const PROTOCOL: &str = "api/inference.proto";
const MESSAGES: &str = "crates/iris-server/src/oip/grpc/messages.rs";

pub(crate) fn run(check: bool) -> Result<()> {
    let shadow = root().join("target/codegen");
    empty(&shadow)?;
    generate(&shadow)?;
    let stale = stale(&shadow, root())?;
    match (stale.is_empty(), check) {
        (true, _) => say("generated files are up to date"),
        (false, true) => bail!("not what would be generated: {}; run `cargo xtask codegen`", names(&stale)),
        (false, false) => write(&stale, &shadow)?,
    }
    Ok(())
}

fn generate(shadow: &Path) -> Result<()> {
    for (file, command) in [(SCHEMA, "schema"), (OPENAPI, "openapi")] {
        let file = shadow.join(file);
        fs::create_dir_all(file.parent().unwrap_or(shadow))?;
        run_command(
            cargo(["run", "--quiet", "--package", "iris-server", "--bin", "iris", "--", command])
                .stdout(fs::File::create(file)?),
        )?;
    }
    ui::types(&shadow.join(OPENAPI), &shadow.join(PAGE_TYPES))?;
    messages(&shadow.join(MESSAGES))?;
    let models = shadow.join(TEST_MODELS);
    fs::create_dir_all(&models)?;
    run_command(cargo(["run", "--quiet", "--package", "iris-infer", "--example", "make-blobs", "--"]).arg(models))
}

/// Writes the messages of gRPC in Rust. Done here and not whenever the server is compiled, so that nobody who compiles it
/// needs a compiler of protocols.
fn messages(file: &Path) -> Result<()> {
    let (api, name) = PROTOCOL.split_once('/').context("the protocol lies in a folder")?;
    let protocol = protox::compile([name], [root().join(api)]).with_context(|| format!("cannot read {PROTOCOL}"))?;
    let mut config = prost_build::Config::new();
    // Bytes are not copied out of a message, and maps have an order.
    config.bytes(["."]).btree_map(["."]);
    let modules = config.generate(vec![(prost_build::Module::from_parts(["messages"]), protocol.file[0].clone())])?;
    let code = modules.into_values().next().context("a protocol gives a module")?;
    fs::create_dir_all(file.parent().unwrap_or(file))?;
    fs::write(
        file,
        format!("//! The messages of gRPC. Generated from `{PROTOCOL}` by `cargo xtask codegen`.\n\n{code}"),
    )?;
    Ok(())
}

fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    Ok(())
}

/// The files of `shadow`, by their path within it, that `tree` lacks or has otherwise. Sorted.
fn stale(shadow: &Path, tree: &Path) -> Result<Vec<PathBuf>> {
    let mut stale = files(shadow)?;
    stale.sort();
    for path in &mut stale {
        *path = path.strip_prefix(shadow)?.to_owned();
    }
    stale.retain(|path| fs::read(shadow.join(path)).ok() != fs::read(tree.join(path)).ok());
    Ok(stale)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

fn write(stale: &[PathBuf], shadow: &Path) -> Result<()> {
    for path in stale {
        let to = root().join(path);
        fs::create_dir_all(to.parent().unwrap_or(&to))?;
        fs::copy(shadow.join(path), &to).with_context(|| format!("cannot write {}", to.display()))?;
        say(&format!("wrote {}", path.display()));
    }
    Ok(())
}

fn names(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_is_what_is_missing_or_different() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let (shadow, tree) = (folder.path().join("shadow"), folder.path().join("tree"));
        for (path, generated, present) in
            [("same", "1", Some("1")), ("a/missing", "2", None), ("a/b/changed", "3", Some("4"))]
        {
            for (root, text) in [(&shadow, Some(generated)), (&tree, present)] {
                let path = root.join(path);
                fs::create_dir_all(path.parent().unwrap_or(&path))?;
                text.map_or(Ok(()), |text| fs::write(path, text))?;
            }
        }
        fs::write(tree.join("of no concern"), "")?;
        assert_eq!(stale(&shadow, &tree)?, [Path::new("a/b/changed"), Path::new("a/missing")]);
        Ok(())
    }
}
