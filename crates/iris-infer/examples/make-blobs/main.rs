//! Writes the tiny detector that tests and demos use where no trained model is at hand, into `testdata/models/blobs` or
//! the folder named on the command line. The same bytes every time; they are checked in.

mod blobs;
mod onnx;

use std::env;
use std::fs;
use std::io;
use std::path::PathBuf;

fn main() -> io::Result<()> {
    let default = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/models/blobs");
    let folder = env::args_os().nth(1).map_or_else(default, PathBuf::from);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("model.onnx"), blobs::model(&blobs::Variant::default()))?;
    fs::write(folder.join("model.toml"), blobs::MANIFEST)
}
