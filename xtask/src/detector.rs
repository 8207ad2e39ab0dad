//! Which detector the demo and the benches use.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::shell::root;

/// The folder or file of the one that is asked for, or of the one that the project ships.
pub(crate) fn choose(wish: Option<&Path>) -> Result<PathBuf> {
    let path = wish.map_or_else(|| Ok(root().join("models/iris-n")), std::path::absolute)?;
    if !path.exists() {
        bail!("there is no model at {}", path.display());
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_is_asked_for_must_be_there() -> Result<()> {
        let error = choose(Some(Path::new("/no/such/model"))).expect_err("it is not there").to_string();
        assert_eq!(error, "there is no model at /no/such/model");
        let folder = tempfile::tempdir()?;
        assert_eq!(choose(Some(folder.path()))?, folder.path());
        assert!(choose(None)?.exists());
        Ok(())
    }
}
