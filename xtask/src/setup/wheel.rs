//! Files out of Python wheels: the package registry carries builds of native programs and checks nothing but a hash.

use std::env::consts::ARCH;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::shell::{program, run, say, tools};

/// Debian's own, whatever other Python the user has first in the path: its pip is one of the packages.
pub(crate) const PYTHON: &str = "/usr/bin/python3";

/// One release of a package, with the hash of its wheel for each architecture.
pub(super) struct Wheel {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    pub(super) python: &'static str,
    pub(super) platform: &'static str,
    pub(super) sha256: [(&'static str, &'static str); 2],
    /// From a path in the wheel to one below `.tools`.
    pub(super) files: &'static [(&'static str, &'static str)],
}

impl Wheel {
    /// Downloads, checks and unpacks the wheel, unless that was done before. True if something was done.
    pub(super) fn install(&self) -> Result<bool> {
        let stamp = tools().join("stamps").join(self.name);
        let requirement = self.requirement()?;
        let is_present = self.files.iter().all(|(_, to)| tools().join(to).exists());
        if is_present && fs::read_to_string(&stamp).is_ok_and(|done| done == requirement) {
            return Ok(false);
        }
        say(&format!("setup: installing {} {} below {}", self.name, self.version, tools().display()));
        let scratch = tools().join(format!("tmp-{}-{}", self.name, std::process::id()));
        let result = self.fetch(&requirement, &scratch);
        fs::remove_dir_all(&scratch).with_context(|| format!("cannot remove {}", scratch.display()))?;
        result?;
        write(&stamp, &requirement)?;
        Ok(true)
    }

    /// A line of a requirements file that accepts this wheel alone.
    fn requirement(&self) -> Result<String> {
        let Some((_, sha256)) = self.sha256.iter().find(|(arch, _)| *arch == ARCH) else {
            bail!("no wheel of {} {} is pinned for the processor architecture {ARCH}", self.name, self.version);
        };
        Ok(format!("{}=={} --hash=sha256:{sha256}\n", self.name, self.version))
    }

    fn fetch(&self, requirement: &str, scratch: &Path) -> Result<()> {
        let list = scratch.join("requirements.txt");
        write(&list, requirement)?;
        let mut pip = program(PYTHON);
        pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
        pip.args(["--only-binary=:all:", "--require-hashes", "--python-version", self.python]);
        pip.arg("--platform").arg(format!("{}_{ARCH}", self.platform));
        run(pip.arg("--dest").arg(scratch).arg("--requirement").arg(&list))?;
        let wheel = only_wheel(scratch)?;
        run(program(PYTHON).args(["-m", "zipfile", "--extract"]).arg(wheel).arg(scratch))?;
        self.files.iter().try_for_each(|(from, to)| place(&scratch.join(from), &tools().join(to)))
    }
}

fn only_wheel(folder: &Path) -> Result<std::path::PathBuf> {
    let entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let wheel = entries.into_iter().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|e| e == "whl"));
    wheel.with_context(|| format!("pip left no wheel in {}", folder.display()))
}

/// Renames, so that a process that has the old file loaded keeps it whole.
fn place(from: &Path, to: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let failed = || format!("cannot put {} at {}", from.display(), to.display());
    fs::create_dir_all(to.parent().unwrap_or(to)).with_context(failed)?;
    fs::set_permissions(from, fs::Permissions::from_mode(0o755)).with_context(failed)?;
    fs::rename(from, to).with_context(failed)
}

pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    let failed = || format!("cannot write {}", path.display());
    fs::create_dir_all(path.parent().unwrap_or(path)).with_context(failed)?;
    fs::write(path, text).with_context(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_pins_version_and_hash() {
        let wheel = Wheel {
            name: "thing",
            version: "1.2",
            python: "3.11",
            platform: "manylinux",
            sha256: [(ARCH, "00ff"), ("vax", "beef")],
            files: &[],
        };
        assert_eq!(wheel.requirement().ok().as_deref(), Some("thing==1.2 --hash=sha256:00ff\n"));
        let elsewhere = Wheel { sha256: [("vax", "beef"), ("pdp11", "0")], ..wheel };
        let error = elsewhere.requirement().expect_err("not a vax").to_string();
        assert!(error.contains("thing 1.2") && error.contains(ARCH), "{error}");
    }

    #[test]
    fn files_are_placed_in_folders_that_do_not_exist_yet() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let (from, to) = (folder.path().join("a"), folder.path().join("x/y/b"));
        write(&from, "text")?;
        place(&from, &to)?;
        assert_eq!(fs::read_to_string(&to)?, "text");
        assert!(place(&from, &to).is_err(), "the first was moved away");
        Ok(())
    }

    #[test]
    fn the_wheel_is_found_among_other_files() -> Result<()> {
        let folder = tempfile::tempdir()?;
        write(&folder.path().join("requirements.txt"), "")?;
        assert!(only_wheel(folder.path()).is_err());
        write(&folder.path().join("a-1.whl"), "")?;
        assert_eq!(only_wheel(folder.path())?, folder.path().join("a-1.whl"));
        Ok(())
    }
}
