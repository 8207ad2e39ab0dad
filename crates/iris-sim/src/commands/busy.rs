//! Cameras that are busy once in a while: the clips that they show then, and a log of when they did.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use iris_core::{Clock as _, clock::SystemClock};
use iris_sim::visits::{Turn, Visits};
use iris_sim::{Clip, Farm, Fault};
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::faults::Reel;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Clips that a camera shows once in a while, each from beginning to end, in place of its own. They show the places of
    /// the --clip files, in the same order, and there are as many or a multiple.
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "clips", conflicts_with = "scenes")]
    busy: Vec<PathBuf>,
    /// The share of the cameras that are busy at any time.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, requires = "busy")]
    busy_share: f64,
    /// Write down when which camera is busy, as it begins: a JSON line each, with `camera`, `clip` (the number of the --busy
    /// file), `from` and `to` in seconds since 1970.
    #[arg(long, value_name = "FILE", requires = "busy")]
    busy_log: Option<PathBuf>,
}

/// What cameras show when they are busy, and when.
pub(crate) struct Busy {
    clips: Vec<Arc<Clip>>,
    /// None where nobody is ever busy.
    visits: Option<Visits>,
    log: Option<File>,
}

impl Busy {
    /// Reads the clips.
    pub(crate) fn open(args: &Args, reels: &[Reel], cameras: usize, seed: u64) -> anyhow::Result<Self> {
        if args.busy.is_empty() {
            return Ok(Self { clips: Vec::new(), visits: None, log: None });
        }
        let clips = args.busy.iter().map(|path| Ok(Arc::new(Clip::open(path)?))).collect::<anyhow::Result<Vec<_>>>()?;
        if let Some(i) = (0..clips.len()).find(|i| clips[*i].codec() != reels[i % reels.len()].own.codec()) {
            bail!("--busy: {} has another codec than the clip whose place it takes", args.busy[i].display());
        }
        let lengths = clips.iter().map(|clip| clip.length()).collect();
        let visits = Visits::new(cameras, reels.len(), lengths, args.busy_share, seed);
        let visits = visits.context("--busy: as many files as --clip or a multiple, and a share above 0, at most 1")?;
        let create = |path: &PathBuf| File::create(path).with_context(|| format!("cannot write {}", path.display()));
        Ok(Self { clips, visits: Some(visits), log: args.busy_log.as_ref().map(create).transpose()? })
    }

    /// Lets the cameras be busy, for ever.
    pub(crate) async fn follow(self, farm: &Farm, reels: &[Reel]) -> anyhow::Result<()> {
        let Self { clips, visits, mut log } = self;
        let (start, wall) = (Instant::now(), SystemClock::new().wall().unix_micros as f64 * 1e-6);
        for Turn { at, camera, clip, .. } in visits.into_iter().flatten() {
            sleep_until(start + at).await;
            if let (Some(clip), Some(log)) = (clip, &mut log) {
                let (from, length) = (wall + at.as_secs_f64(), clips[clip].length().as_secs_f64());
                let line = json!({"camera": camera, "clip": clip, "from": from, "to": from + length});
                writeln!(log, "{line}").context("cannot write --busy-log")?;
            }
            let shown = clip.map_or(&reels[camera % reels.len()].own, |clip| &clips[clip]);
            farm.set(camera, Fault::Switch(Arc::clone(shown)))?;
        }
        std::future::pending().await
    }
}
