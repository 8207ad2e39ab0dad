//! Measures: the divan benches of the workspace, compiled for release.

use anyhow::Result;

use crate::shell::{cargo, run as run_command};

pub(crate) fn run(name: Option<&str>) -> Result<()> {
    // A pattern, so that bench targets run and unit tests do not.
    let mut bench = cargo(["bench", "--workspace", "--bench", "*", "--"]);
    run_command(bench.args(name))
}
