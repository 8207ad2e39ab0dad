//! The system's packages, on the two distributions that the project names.

use std::fs;
use std::process::Command;

use anyhow::{Result, bail};

use crate::shell::{ask, program, run_quietly, say, tools};

/// What is needed, and what for.
const PACKAGES: &[&str] = &[
    // Decoders and demuxers, and their headers for bindgen.
    "libavcodec-dev",
    "libavformat-dev",
    "libavutil-dev",
    "libswscale-dev",
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

/// The browser of the page's tests. On Ubuntu it is no package of the distribution, and those tests do not run.
const BROWSER: &str = "chromium";

const SUPPORTED: &[(&str, &str)] = &[("debian", "12"), ("ubuntu", "24.04")];

/// Installs what is needed and missing. True if there was anything.
pub(super) fn install() -> Result<bool> {
    let browser = has_browser(&system()).then_some(BROWSER);
    require(&PACKAGES.iter().copied().chain(browser).collect::<Vec<_>>())
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
            "setup installs packages on Debian 12 and Ubuntu 24.04 only; install these, or what your system calls \
             them, and make dpkg-query know them: {}",
            missing.join(" ")
        );
    }
    let log = tools().join("apt.log");
    fs::create_dir_all(tools())?;
    say(&format!("setup: installing Debian packages (what apt-get says goes to {})", log.display()));
    run_quietly(apt_get().arg("update"), &log)?;
    run_quietly(apt_get().args(["install", "-y", "--no-install-recommends"]).args(&missing), &log)?;
    Ok(true)
}

fn missing<'a>(installed: &str, packages: &[&'a str]) -> Vec<&'a str> {
    let has = |package: &str| installed.lines().any(|line| line.split_once(' ') == Some((package, "installed")));
    packages.iter().copied().filter(|package| !has(package)).collect()
}

fn system() -> String {
    fs::read_to_string("/etc/os-release").unwrap_or_default()
}

fn has_browser(os_release: &str) -> bool {
    os_release.lines().any(|line| line == "ID=debian")
}

fn is_supported(os_release: &str) -> bool {
    let value = |key: &str| {
        let line = os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches('"')
    };
    SUPPORTED.contains(&(value("ID"), value("VERSION_ID")))
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

    #[test]
    fn packages_that_were_removed_are_missing() {
        let all = PACKAGES.join(" installed\n") + " installed\n";
        assert!(missing(&all, PACKAGES).is_empty());
        assert_eq!(missing(&all, &["ffmpeg", BROWSER]), [BROWSER]);
        assert_eq!(missing(&all.replace("ffmpeg installed", "ffmpeg config-files"), PACKAGES), ["ffmpeg"]);
        assert_eq!(missing(&all.replace("ffmpeg installed", "libffmpeg installed"), PACKAGES), ["ffmpeg"]);
        assert_eq!(missing("", PACKAGES), PACKAGES);
    }

    #[test]
    fn only_the_two_named_systems_are_supported() {
        for (os_release, supported) in [
            ("ID=debian\nVERSION_ID=\"12\"\n", true),
            ("NAME=\"Ubuntu\"\nVERSION_ID=\"24.04\"\nID=ubuntu\nID_LIKE=debian\n", true),
            ("ID=debian\nVERSION_ID=\"13\"\n", false),
            ("ID=fedora\nVERSION_ID=12\n", false),
            ("", false),
        ] {
            assert_eq!(is_supported(os_release), supported, "{os_release:?}");
        }
    }
}
