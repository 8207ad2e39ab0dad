//! `iris models list`: what can be pulled, and what is there.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::catalogue::{Catalogue, installed};

pub(super) fn list(folder: &Path, catalogue: Option<&Path>) -> Result<ExitCode> {
    let catalogue = Catalogue::load(catalogue)?;
    let there = installed(folder)?;
    let mut out = std::io::stdout().lock();
    let mut row = |name: &str, size: &str, licence: &str, state: &str, about: &str| {
        writeln!(out, "{name:<14} {size:>9}  {licence:<12}  {state:<22}  {about}")
    };
    row("name", "size", "licence", "state", "what")?;
    for entry in &catalogue.models {
        let verified = if entry.verified { "verified" } else { "unverified" };
        let is_there = there.iter().any(|(name, model)| *name == entry.name && model.sha256 == entry.sha256);
        let state = if is_there { format!("{verified}, installed") } else { verified.to_owned() };
        let size = format!("{:.1} MB", entry.size as f64 / 1e6);
        row(&entry.name, &size, &entry.licence, &state, &entry.about)?;
    }
    for (name, model) in there {
        if !catalogue.models.iter().any(|entry| entry.name == name && entry.sha256 == model.sha256) {
            let licence = model.licence.as_deref().unwrap_or("-");
            row(&name, "-", licence, "own, installed", &format!("{} classes", model.classes.len()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
