//! Subcommands of cargo that no package registry carries built: compiled here, once, unless the machine has them.

use anyhow::Result;

use super::path_of;
use crate::shell::{ask, cargo, program, run, say, tools};

pub(super) struct CargoTool {
    pub(super) name: &'static str,
    /// What is installed if the tool is missing; another version that is there already serves as well.
    pub(super) version: &'static str,
    /// What `cargo install` is told about features.
    pub(super) features: &'static [&'static str],
}

impl CargoTool {
    /// Compiles the tool if there is none. True if something was done.
    pub(super) fn install(&self) -> Result<bool> {
        if ask(program(path_of(self.name)).arg("--version")).is_some() {
            return Ok(false);
        }
        say(&format!("setup: compiling {} {} into {} (minutes)", self.name, self.version, tools().display()));
        let mut install = cargo(["install", self.name, "--version", self.version, "--locked", "--root"]);
        install.arg(tools()).args(self.features);
        // Compiled in half the time, and fast enough: these tools wait for others.
        install.arg("--debug").env("CARGO_PROFILE_DEV_DEBUG", "0");
        // A shared target folder would keep a gigabyte that nothing needs again.
        run(install.env_remove("CARGO_TARGET_DIR"))?;
        Ok(true)
    }
}
