//! `iris models inspect`: what a model takes and gives.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use iris_infer::{Manifest, ModelInfo, inspect as look_into};

pub(super) fn inspect(path: &Path) -> Result<ExitCode> {
    let info = look_into(path).with_context(|| format!("model {}", path.display()))?;
    let mut out = std::io::stdout().lock();
    print_graph(&mut out, &info)?;
    match &info.manifest {
        Ok(manifest) => {
            print_manifest(&mut out, manifest)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            writeln!(out, "not usable  {error}")?;
            Ok(ExitCode::FAILURE)
        }
    }
}

fn print_graph(out: &mut impl Write, info: &ModelInfo) -> Result<()> {
    writeln!(out, "sha256      {}", info.sha256)?;
    if let Some(producer) = &info.producer {
        writeln!(out, "made by     {producer}")?;
    }
    for port in &info.signature.inputs {
        writeln!(out, "input       {port}")?;
    }
    for port in &info.signature.outputs {
        writeln!(out, "output      {port}")?;
    }
    Ok(())
}

fn print_manifest(out: &mut impl Write, manifest: &Manifest) -> Result<()> {
    writeln!(out, "name        {}", manifest.name)?;
    let Ok((input, output)) = manifest.detector() else {
        writeln!(out, "task        {}", manifest.task.label())?;
        return Ok(());
    };
    writeln!(out, "picture     {}x{}, {:?}, {:?}", input.width, input.height, input.color, input.anchor)?;
    writeln!(out, "decoder     {output:?}")?;
    writeln!(out, "thresholds  score {}, IoU {}", manifest.thresholds.score, manifest.thresholds.iou)?;
    writeln!(out, "classes     {}: {}", manifest.classes.len(), manifest.classes.join(", "))?;
    Ok(())
}
