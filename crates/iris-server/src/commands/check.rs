//! `iris check`: every problem of a configuration.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::config::{self, Config, Problem};

pub(super) fn check(path: &Path) -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    match config::load(path) {
        Ok(config) => {
            writeln!(out, "{}: no problem found; {}", path.display(), summary(&config))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) => {
            writeln!(out, "{}", list(&problems))?;
            Ok(ExitCode::FAILURE)
        }
    }
}

fn summary(config: &Config) -> String {
    let enabled = config.cameras.iter().filter(|c| c.enabled).count();
    let rules: usize = config.cameras.iter().map(|c| c.zones.len() + c.lines.len()).sum();
    format!(
        "{} cameras ({enabled} enabled), {rules} zones and lines, {} sinks",
        config.cameras.len(),
        config.sinks.len()
    )
}

/// The problems, one a line.
pub(super) fn list(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}
