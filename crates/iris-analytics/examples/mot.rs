//! Runs a tracker over a MOTChallenge detection file and prints the tracks:
//!
//! ```text
//! cargo run --release -p iris-analytics --example mot -- ocsort SEQUENCE/seqinfo.ini DET.txt [acf] > TRACKS.txt
//! ```
//!
//! `acf` says that the scores are ACF's; otherwise they are taken for probabilities.

use std::error::Error;
use std::fs::read_to_string;
use std::io::Write;

use iris_analytics::mot::{Scores, Sequence, parse, write};
use iris_analytics::{Profile, TrackerKind};
use iris_core::{CameraId, Epoch};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [tracker, seqinfo, detections, rest @ ..] = &arguments[..] else {
        return Err("usage: mot TRACKER SEQINFO DETECTIONS [acf]".into());
    };
    let scores = if rest.iter().any(|arg| arg == "acf") { Scores::ACF } else { Scores::Probability };
    let (camera, epoch) = (CameraId::new("mot")?, Epoch::first(1));
    let mut tracker = tracker.parse::<TrackerKind>()?.build(camera, epoch, Profile::default());
    let sequence = Sequence::parse(&read_to_string(seqinfo)?)?;
    let mut tracks = String::new();
    for frame in sequence.detections(parse(&read_to_string(detections)?)?, scores, camera, epoch) {
        write(tracker.update(&frame?), &mut tracks)?;
    }
    Ok(std::io::stdout().write_all(tracks.as_bytes())?)
}
