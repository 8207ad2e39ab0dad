//! The training package, which is Python: its tests and its checks, in an environment that its lock file describes.

use anyhow::Result;

use crate::setup;
use crate::shell::{program, root, run};

/// Its tests draw their own pictures, and need no data and no GPU.
pub(crate) fn test() -> Result<()> {
    uv(&["pytest"])
}

/// Its format, its lints and its types.
pub(crate) fn check() -> Result<()> {
    uv(&["ruff", "format", "--check", "."])?;
    uv(&["ruff", "check", "."])?;
    uv(&["mypy"])
}

/// Runs one of its programs. The first time this fetches `PyTorch`, which is large.
fn uv(args: &[&str]) -> Result<()> {
    let mut uv = program(setup::uv()?);
    // The machine's own Python will do; none is downloaded. PyTorch's threads must not spin while they wait for each other.
    let uv =
        uv.current_dir(root().join("training")).env("UV_PYTHON_DOWNLOADS", "never").env("OMP_WAIT_POLICY", "PASSIVE");
    run(uv.args(["run", "--frozen", "--quiet"]).args(args))
}
