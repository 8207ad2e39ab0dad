//! The same as the suite, on recordings of real scenes where they are at hand.

mod common;

use std::path::{Path, PathBuf};

use common::{Clip, feed, md5};
use iris_decode::{Decoder, FramePool, Limits};

fn clips() -> Vec<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("IRIS_SHARED").map_or(beside, PathBuf::from);
    let entries = std::fs::read_dir(shared.join("data/clips")).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "mp4")).collect()
}

#[test]
fn recordings_are_what_ffmpeg_says() {
    let clips = clips();
    if clips.is_empty() {
        println!("not run: recordings_are_what_ffmpeg_says: no shared clips");
    }
    for path in clips {
        let clip = Clip::open(path.clone());
        let reference = clip.reference("", "-map 0:v:0 -frames:v 60");
        let mut hashes = Vec::new();
        let mut decoder = Decoder::new(FramePool::new(), Limits::default());
        let errors = feed(&mut decoder, &clip.packets[..60], |frame| hashes.push(md5(&frame)));
        assert_eq!(errors, [], "{}", path.display());
        // Some may be held back for reordering.
        assert!(hashes.len() > 50, "{}: {}", path.display(), hashes.len());
        assert_eq!(hashes, reference[..hashes.len()], "{}", path.display());
    }
}
