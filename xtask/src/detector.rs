//! Which detector the demo and the benches use.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::shell::root;

/// A detector, and what there is to say of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Detector {
    pub(crate) path: PathBuf,
    pub(crate) note: String,
    /// It is the project's tiny computed one, which finds bright discs and nothing else.
    pub(crate) is_toy: bool,
}

impl Detector {
    /// The one that is asked for, or the best that is at hand: one that the project ships, one that lies beside the
    /// checkout, and else the tiny one.
    pub(crate) fn choose(wish: Option<&Path>) -> Result<Self> {
        if let Some(path) = wish {
            let path = std::path::absolute(path)?;
            if !path.exists() {
                bail!("there is no model at {}", path.display());
            }
            return Ok(Self::trained(path));
        }
        let shared = std::env::var_os("IRIS_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
        let candidates = [root().join("models/iris-n"), shared.join("data/models/yolox_nano.onnx")];
        if let Some(path) = candidates.into_iter().find(|path| path.exists()) {
            return Ok(Self::trained(path));
        }
        let path = root().join("testdata/models/blobs");
        let note =
            "detector: testdata/models/blobs, which finds bright discs only, not people: no trained model is at \
                    hand. Give one with --model yolox_nano.onnx (see docs/guide/models.md) to see alarms."
                .to_owned();
        Ok(Self { path, note, is_toy: true })
    }

    fn trained(path: PathBuf) -> Self {
        Self { note: format!("detector: {}", path.display()), path, is_toy: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_is_asked_for_must_be_there() -> Result<()> {
        let error = Detector::choose(Some(Path::new("/no/such/model"))).expect_err("it is not there").to_string();
        assert_eq!(error, "there is no model at /no/such/model");
        let folder = tempfile::tempdir()?;
        assert_eq!(Detector::choose(Some(folder.path()))?.path, folder.path());
        Ok(())
    }

    #[test]
    fn there_is_always_a_detector() -> Result<()> {
        assert!(Detector::choose(None)?.path.exists());
        Ok(())
    }
}
