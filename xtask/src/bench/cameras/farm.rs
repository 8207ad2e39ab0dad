//! The simulated cameras, in a process of their own, and what was to be seen on them when.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::clips::Clips;
use crate::child::Child;
use crate::shell::release;

/// A running simulator.
pub(super) struct Farm {
    pub(super) process: Child,
    /// What camera i's number follows.
    url: String,
    log: PathBuf,
}

/// How many cameras there are and what they do.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) cameras: usize,
    /// The share of busy ones.
    pub(super) busy: f64,
    pub(super) seed: u64,
    /// As `iris-sim serve --fault` takes them.
    pub(super) faults: Vec<String>,
}

/// A time for which a camera was busy, in seconds since 1970.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Visit {
    pub(super) camera: usize,
    /// The number of the clip that it showed.
    pub(super) clip: usize,
    pub(super) from: f64,
    pub(super) to: f64,
}

impl Farm {
    /// Starts it; its log and that of its visits go to `folder`.
    pub(super) async fn start(plan: &Plan, clips: &Clips, folder: &Path) -> Result<Self> {
        let log = folder.join("visits.jsonl");
        let mut args = vec!["serve".to_owned(), "--listen=127.0.0.1:0".to_owned(), "--report=60".to_owned()];
        args.extend([format!("--cameras={}", plan.cameras), format!("--seed={}", plan.seed), "--clip".to_owned()]);
        args.extend(clips.quiet.iter().map(|path| path.display().to_string()));
        if !clips.busy.is_empty() {
            args.extend([format!("--busy-share={}", plan.busy), format!("--busy-log={}", log.display())]);
            args.push("--busy".to_owned());
            args.extend(clips.busy.iter().map(|clip| clip.video.display().to_string()));
        }
        args.extend(plan.faults.iter().map(|fault| format!("--fault={fault}")));
        let mut process = Child::start(&release("iris-sim"), &args, Some(&folder.join("iris-sim.log")))?;
        let first = process.find("rtsp://").await?;
        let url = first.strip_suffix('0').context("its first camera is not number 0")?.to_owned();
        Ok(Self { process, url, log })
    }

    /// The address of a camera.
    pub(super) fn url(&self, camera: usize) -> String {
        format!("{}{camera}", self.url)
    }

    /// The visits so far, in order.
    pub(super) fn visits(&self) -> Result<Vec<Visit>> {
        if !self.log.exists() {
            return Ok(Vec::new());
        }
        let text = fs::read_to_string(&self.log).context("cannot read the visits")?;
        text.lines().map(|line| serde_json::from_str(line).context("cannot read a visit")).collect()
    }
}
