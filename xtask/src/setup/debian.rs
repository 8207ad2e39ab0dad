//! The system's packages, on the distributions that the project names. But for the browser they are called the same;
//! on Ubuntu half of them lie in `universe`, which its images have enabled.

use std::fs;
use std::process::Command;

use anyhow::{Result, bail};

use crate::shell::{ask, program, run_quietly, say, tools};

/// What is needed, and what for.
const PACKAGES: &[&str] = &[
    // Decoders, demuxers and encoders, and their headers for bindgen.
    "libavcodec-dev",
    "libavformat-dev",
    "libavutil-dev",
    "libswscale-dev",
    "libturbojpeg0-dev",
    "libclang-dev",
    "pkg-config",
    // Generate and read the clips of the tests, and the certificates of their servers.
    "ffmpeg",
    "openssl",
    // An RTSP server that is not ours, the independent peer of ingest's tests.
    "gir1.2-gst-rtsp-server-1.0",
    "gstreamer1.0-plugins-base",
    "gstreamer1.0-plugins-good",
    "gstreamer1.0-plugins-bad",
    "gstreamer1.0-plugins-ugly",
    "python3-gi",
    // Fetches the wheels.
    "python3-pip",
];

/// The browser of the page's tests. Ubuntu has it only as a snap, which neither runs in a container nor sees temporary
/// folders; there the tests say that they did not run, unless `IRIS_CHROMIUM` names another.
const BROWSER: &str = "chromium";

const SUPPORTED: &[(&str, &str)] = &[("debian", "12"), ("debian", "13"), ("ubuntu", "24.04")];

/// Installs what is needed and missing. True if there was anything.
pub(super) fn install() -> Result<bool> {
    require(&packages(&system()))
}

/// Installs those of these packages that are missing. True if there were any.
pub(super) fn require(packages: &[&str]) -> Result<bool> {
    let query = ask(program("dpkg-query").args(["-W", "-f=${Package} ${db:Status-Status}\n"]));
    let (missing, system) = (missing(&query.unwrap_or_default(), packages), system());
    if missing.is_empty() {
        return Ok(false);
    }
    if !is_supported(&system) {
        bail!(
            "setup installs packages on Debian 12 and 13 and Ubuntu 24.04 only; install these, or what your system calls \
             them, and make dpkg-query know them: {}",
            missing.join(" ")
        );
    }
    let log = tools().join("apt.log");
    fs::create_dir_all(tools())?;
    say(&format!("setup: installing the system's packages (what apt-get says goes to {})", log.display()));
    run_quietly(apt_get().arg("update"), &log)?;
    run_quietly(apt_get().args(["install", "-y", "--no-install-recommends"]).args(&missing), &log)?;
    Ok(true)
}

/// What this system must have.
fn packages(os_release: &str) -> Vec<&'static str> {
    let browser = (value(os_release, "ID") == "debian").then_some(BROWSER);
    PACKAGES.iter().copied().chain(browser).collect()
}

fn system() -> String {
    fs::read_to_string("/etc/os-release").unwrap_or_default()
}

fn missing<'a>(installed: &str, needed: &[&'a str]) -> Vec<&'a str> {
    let has = |package: &str| installed.lines().any(|line| line.split_once(' ') == Some((package, "installed")));
    needed.iter().copied().filter(|package| !has(package)).collect()
}

fn is_supported(os_release: &str) -> bool {
    SUPPORTED.contains(&(value(os_release, "ID"), value(os_release, "VERSION_ID")))
}

/// A value of os-release(5), empty if it is not there.
fn value<'a>(os_release: &'a str, key: &str) -> &'a str {
    let line = os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    line.unwrap_or_default().trim_matches(['"', '\''])
}

fn apt_get() -> Command {
    let is_root = ask(program("id").arg("-u")).is_some_and(|id| id.trim() == "0");
    let mut command = program(if is_root { "env" } else { "sudo" });
    if !is_root {
        command.arg("env");
    }
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\n\
                          VERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n";
    const UBUNTU: &str = "PRETTY_NAME=\"Ubuntu 24.04.3 LTS\"\nNAME=\"Ubuntu\"\nVERSION_ID=\"24.04\"\n\
                          VERSION_CODENAME=noble\nID=ubuntu\nID_LIKE=debian\nUBUNTU_CODENAME=noble\n";

    #[test]
    fn packages_that_were_removed_are_missing() {
        let all = PACKAGES.join(" installed\n") + " installed\n";
        assert!(missing(&all, PACKAGES).is_empty());
        assert_eq!(missing(&all.replace("ffmpeg installed", "ffmpeg config-files"), PACKAGES), ["ffmpeg"]);
        assert_eq!(missing(&all.replace("ffmpeg installed", "libffmpeg installed"), PACKAGES), ["ffmpeg"]);
        assert_eq!(missing("", PACKAGES), PACKAGES);
    }

    #[test]
    fn only_debian_has_the_browser() {
        let common = [PACKAGES, &[BROWSER]].concat();
        for (os_release, expected) in [
            (DEBIAN, common.as_slice()),
            (UBUNTU, PACKAGES),
            ("ID=\"debian\"\nVERSION_ID=13\n", &common),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", PACKAGES),
            ("", PACKAGES),
        ] {
            assert_eq!(packages(os_release), expected, "{os_release:?}");
        }
    }

    #[test]
    fn only_the_named_systems_are_supported() {
        for (os_release, supported) in [
            (DEBIAN, true),
            (UBUNTU, true),
            ("ID='ubuntu'\nVERSION_ID='24.04'\n", true),
            ("ID=debian\nVERSION_ID=\"13\"\n", true),
            ("ID=debian\nVERSION_ID=\"11\"\n", false),
            ("ID=ubuntu\nVERSION_ID=\"22.04\"\n", false),
            ("ID=fedora\nVERSION_ID=12\n", false),
            ("", false),
        ] {
            assert_eq!(is_supported(os_release), supported, "{os_release:?}");
        }
    }
}
