//! Programs in Python, with all that they need, in a folder of their own.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::wheel::{PYTHON, write};
use crate::shell::{program, run, say, tools};

/// Installs what `requirements` pins by version and hash, unless that was done before. The folder for `PYTHONPATH`.
pub(super) fn install(name: &str, requirements: &str) -> Result<PathBuf> {
    let (folder, stamp) = (tools().join(name), tools().join("stamps").join(name));
    if folder.exists() && fs::read_to_string(&stamp).is_ok_and(|done| done == requirements) {
        return Ok(folder);
    }
    say(&format!("setup: installing {name} below {}", tools().display()));
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let list = tools().join(format!("{name}.txt"));
    write(&list, requirements)?;
    let mut pip = program(PYTHON);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]);
    run(pip.args(["--only-binary=:all:", "--target"]).arg(&folder).arg("--requirement").arg(&list))?;
    write(&stamp, requirements)?;
    Ok(folder)
}
