//! The golden runs: one clip through the whole path, each level compared with the text in the repository.

use anyhow::Result;

use crate::setup;
use crate::shell::{program, run as run_command};

pub(crate) fn run(bless: bool) -> Result<()> {
    let mut test = program(setup::path_of("cargo-nextest"));
    test.args(["nextest", "run", "--package", "iris-server", "--test", "golden"]);
    if !bless {
        return run_command(&mut test);
    }
    run_command(test.env("IRIS_BLESS", "1"))?;
    run_command(program("git").args(["--no-pager", "diff", "--stat", "--", "testdata/golden"]))
}
