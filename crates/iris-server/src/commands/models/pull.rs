//! `iris models pull`: a model of the catalogue, fetched and checked before it is called one.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use crate::catalogue::{Catalogue, Newcomer, installed, lines};
use crate::download::{Remote, fetch};

pub(super) fn pull(name: &str, folder: &Path, catalogue: Option<&Path>, unverified: bool) -> Result<ExitCode> {
    let catalogue = Catalogue::load(catalogue)?;
    let entry = catalogue.find(name)?;
    if !entry.verified && !unverified {
        bail!(
            "{name} is not verified: nobody here has fetched it and looked at its boxes. --unverified fetches it anyway"
        );
    }
    let there = installed(folder)?;
    if let Some((_, model)) = there.iter().find(|(known, model)| known == name && model.sha256 == entry.sha256) {
        return tell(name, &folder.join(name), model.sha256.as_deref().unwrap_or_default());
    }
    let newcomer = Newcomer::new(folder, name)?;
    let remote = Remote { url: &entry.url, sha256: entry.sha256.as_deref(), most: entry.size };
    let sha256 = download(&remote, &newcomer)?;
    let settled = newcomer.settle(entry.manifest(), &sha256).inspect_err(|_| newcomer.leave());
    tell(name, settled.with_context(|| format!("model {name}"))?, &sha256)
}

/// Fetches a model's graph with a bar on standard error, if that is a terminal. What came of one that cannot be had
/// stays for the next time.
pub(super) fn download(remote: &Remote<'_>, newcomer: &Newcomer) -> Result<String> {
    let bar = ProgressBar::new(0);
    let style = "{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    let fetched = fetch(remote, &newcomer.onnx(), &mut |there, total| {
        bar.set_length(total.unwrap_or(remote.most));
        bar.set_position(there);
    });
    bar.finish_and_clear();
    if fetched.is_err() && !newcomer.onnx().exists() {
        newcomer.leave();
    }
    fetched
}

/// Prints what was put there, and how a configuration names it.
pub(super) fn tell(name: &str, place: &Path, sha256: &str) -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    write!(out, "# SHA-256 {sha256}\n{}", lines(name, place)?)?;
    Ok(ExitCode::SUCCESS)
}
