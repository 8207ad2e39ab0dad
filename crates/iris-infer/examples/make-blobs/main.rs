//! Writes the tiny detector that tests and demos use where no trained model is at hand, into `blobs`, and the model that only
//! takes time, into `busy`, both in `testdata/models` or the folder named on the command line. The same bytes every time; they
//! are checked in.

mod blobs;
mod busy;
mod onnx;

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

fn main() -> io::Result<()> {
    let default = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/models");
    let folder = env::args_os().nth(1).map_or_else(default, PathBuf::from);
    write(&folder.join("blobs"), &blobs::model(&blobs::Variant::default()), blobs::MANIFEST)?;
    write(&folder.join("busy"), &busy::model(), busy::MANIFEST)
}

fn write(folder: &Path, onnx: &[u8], manifest: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("model.onnx"), onnx)?;
    fs::write(folder.join("model.toml"), manifest)
}
