//! What all these tests share: the project's clip and model, files made by the `ffmpeg` command, events as they are read.

use std::path::{Path, PathBuf};
use std::process::Command;

use iris_server::message::Message;
use iris_sim::{Builder, Farm};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::process::run;

pub(crate) fn testdata(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(path);
    path.canonicalize().expect("it is checked in").display().to_string()
}

/// Three discs on a dark ground, 320×180, 8 s at 10 frames/s.
pub(crate) fn clip() -> String {
    testdata("golden/blobs.mp4")
}

/// What finds them.
pub(crate) fn model() -> String {
    testdata("models/blobs")
}

/// A folder that goes with its handle.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), bytes).expect("it can be written");
        self.path(name)
    }

    /// What `ffmpeg -i CLIP WORDS… NAME` makes of the clip.
    pub(crate) fn convert(&self, name: &str, words: &str) -> String {
        let mut command = ffmpeg("ffmpeg", &["-nostdin", "-y", "-i", &clip()]);
        command.args(words.split_whitespace()).arg(self.path(name));
        run(command).good();
        self.path(name)
    }

    /// All files below it.
    pub(crate) fn files(&self, name: &str) -> Vec<PathBuf> {
        let mut folders = vec![PathBuf::from(self.path(name))];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let to = if entry.path().is_dir() { &mut folders } else { &mut files };
                to.push(entry.path());
            }
        }
        files
    }
}

fn ffmpeg(program: &str, words: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(["-loglevel", "error"]).args(words);
    command
}

/// A video's codec and how many frames can be read from it, by another program.
pub(crate) fn probe(path: &str) -> (String, u32) {
    let entries = "stream=codec_name,nb_read_frames";
    let words = ["-count_frames", "-show_entries", entries, "-of", "csv=print_section=0", path];
    let told = run(ffmpeg("ffprobe", &words)).good();
    let (codec, frames) = told.trim().split_once(',').expect("two columns");
    (codec.to_owned(), frames.parse().expect("a number"))
}

/// How long a video says it is, in seconds.
pub(crate) fn duration(path: &str) -> f64 {
    let words = ["-show_entries", "format=duration", "-of", "csv=print_section=0", path];
    run(ffmpeg("ffprobe", &words)).good().trim().parse().expect("a number")
}

/// When the pictures of a video are shown, in seconds.
pub(crate) fn times(path: &str) -> Vec<f64> {
    let words = ["-show_entries", "frame=pts_time", "-of", "csv=print_section=0", path];
    let told = run(ffmpeg("ffprobe", &words)).good();
    let lines = told.lines().map(|line| line.trim_matches(',')).filter(|line| !line.is_empty());
    lines.map(|line| line.parse().expect("a number")).collect()
}

/// Events as they were written, one a line.
pub(crate) fn events(lines: &str) -> Vec<Message> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// What cameras and receivers run on.
pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}

pub(crate) fn farm(runtime: &Runtime, builder: Builder) -> Farm {
    runtime.block_on(builder.clip(clip()).start()).expect("the farm starts")
}

/// That a file is a JPEG picture of this size.
pub(crate) fn assert_jpeg(path: impl AsRef<Path>, width: u32, height: u32) {
    let path = path.as_ref();
    let reader = image::ImageReader::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let reader = reader.with_guessed_format().expect("readable");
    assert_eq!(reader.format(), Some(image::ImageFormat::Jpeg));
    let picture = reader.decode().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!((picture.width(), picture.height()), (width, height));
}
