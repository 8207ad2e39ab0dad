//! `iris track`: a tracker alone on detections in MOTChallenge's format.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use iris_analytics::mot::{self, Row, Scores, Sequence};
use iris_analytics::{Profile, TrackerKind};
use iris_core::{CameraId, Epoch, Size};

use crate::cli::{ScoresArg, TrackArgs};

/// What is assumed of a sequence that says nothing of itself.
const FRAME_RATE: u32 = 25;

pub(super) fn track(args: &TrackArgs) -> Result<ExitCode> {
    let rows = mot::parse(&read(&args.detections)?).with_context(|| args.detections.display().to_string())?;
    if rows.is_empty() {
        bail!("{}: there is no detection in it", args.detections.display());
    }
    let sequence = sequence(args, &rows)?;
    let (camera, epoch) = (CameraId::new("mot")?, Epoch::first(1));
    let mut tracker = TrackerKind::from(args.tracker).build(camera, epoch, Profile::default());
    let mut out = String::new();
    for detections in sequence.detections(rows, args.scores.into(), camera, epoch) {
        mot::write(tracker.update(&detections?), &mut out)?;
    }
    fs::write(&args.out, out).with_context(|| format!("cannot write {}", args.out.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The sequence as the command line or a `seqinfo.ini` beside the detections describes it; else as its rows suggest.
fn sequence(args: &TrackArgs, rows: &[Row]) -> Result<Sequence> {
    let path = args.detections.with_file_name("seqinfo.ini");
    let mut sequence = if path.is_file() {
        Sequence::parse(&read(&path)?).with_context(|| path.display().to_string())?
    } else {
        suggested(rows)
    };
    if let Some(fps) = args.fps {
        sequence.frame_rate = fps;
    }
    Ok(sequence)
}

fn suggested(rows: &[Row]) -> Sequence {
    let most = |of: fn(&Row) -> f32| rows.iter().map(of).fold(1.0, f32::max).ceil() as u32;
    let frames = rows.iter().map(|row| row.frame).max().unwrap_or(0);
    Sequence { frame_rate: FRAME_RATE, frames, size: Size::new(most(|r| r.rect.x1), most(|r| r.rect.y1)) }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

impl From<ScoresArg> for Scores {
    fn from(arg: ScoresArg) -> Self {
        match arg {
            ScoresArg::Probability => Self::Probability,
            ScoresArg::Acf => Self::ACF,
        }
    }
}
