//! `iris models add`: a model of one's own, from a folder, a file or an address.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use iris_infer::onnx::MAX_FILE;
use iris_infer::{Manifest, inspect};
use toml::{Table, Value};

use super::pull::{download, tell};
use crate::catalogue::Newcomer;
use crate::download::Remote;

pub(super) fn add(
    name: &str,
    source: &str,
    sha256: Option<&str>,
    manifest: Option<&Path>,
    folder: &Path,
) -> Result<ExitCode> {
    let is_remote = source.contains("://");
    if is_remote && sha256.is_none() {
        bail!("{source}: say with --sha256 what the file must be");
    }
    let newcomer = Newcomer::new(folder, name)?;
    let onnx = newcomer.onnx();
    if is_remote {
        download(&Remote { url: source, sha256, most: MAX_FILE }, &newcomer)?;
    }
    let from = if is_remote { &onnx } else { Path::new(source) };
    let settle = || -> Result<_> {
        let info = inspect(from).with_context(|| format!("model {}", from.display()))?;
        if let Some(expected) = sha256.filter(|expected| *expected != info.sha256) {
            bail!("{}: its SHA-256 should be {expected}, but is {}", from.display(), info.sha256);
        }
        let described = manifest.map(Path::to_owned).or_else(|| from.is_dir().then(|| from.join("model.toml")));
        let manifest = match described {
            Some(path) => read(&path).with_context(|| path.display().to_string())?,
            None => guessed(&info.manifest?)?,
        };
        let file = if from.is_dir() { from.join("model.onnx") } else { from.to_owned() };
        if file != onnx {
            fs::copy(&file, &onnx).with_context(|| format!("cannot copy {}", file.display()))?;
        }
        Ok((newcomer.settle(manifest, &info.sha256)?, info.sha256))
    };
    let (place, sha256) = settle().inspect_err(|_| newcomer.leave())?;
    tell(name, place, &sha256)
}

fn read(path: &Path) -> Result<Table> {
    Ok(toml::from_str(&fs::read_to_string(path)?)?)
}

/// What the shapes of a bare file gave away, as it would have been written.
fn guessed(manifest: &Manifest) -> Result<Table> {
    let parts = [
        ("task", Value::from("detect")),
        ("classes", manifest.classes.clone().into()),
        ("input", Value::try_from(&manifest.input)?),
        ("output", Value::try_from(&manifest.output)?),
        ("thresholds", Value::try_from(manifest.thresholds)?),
    ];
    Ok(parts.into_iter().map(|(key, value)| (key.to_owned(), short(value))).collect())
}

/// Numbers with as many digits as it takes to tell them apart as `f32`.
fn short(value: Value) -> Value {
    match value {
        Value::Float(number) => Value::Float((number as f32).to_string().parse().unwrap_or(number)),
        Value::Array(list) => list.into_iter().map(short).collect::<Vec<_>>().into(),
        Value::Table(table) => table.into_iter().map(|(key, value)| (key, short(value))).collect::<Table>().into(),
        other => other,
    }
}
