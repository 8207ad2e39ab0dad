//! What the machine must have before anything can be built or tested. A second run finds everything and does nothing.
//!
//! Versions are pinned here and nowhere else.

mod binary;
mod debian;
mod python;
mod wheel;

use std::path::PathBuf;

use anyhow::Result;

use crate::shell::{say, tools};
use crate::ui;
use binary::CargoTool;
use wheel::Wheel;

pub(crate) use wheel::PYTHON;

/// Loaded by iris-infer at run time; any release from 1.17 on serves its API level. The wheel is that of one Python
/// version, but no Python is ever started from it: only the C library is taken out.
const ONNX_RUNTIME: Wheel = Wheel {
    name: "onnxruntime",
    version: "1.31.1",
    python: "3.11",
    platform: "manylinux_2_28",
    sha256: [
        ("x86_64", "5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f"),
        ("aarch64", "da05378364c44d4407e463982d2bf8d5e4cfea873283757e48beeb41df97b7f3"),
    ],
    // `.cargo/config.toml` names the library's place.
    files: &[
        ("onnxruntime/capi/libonnxruntime.so.1.31.1", "onnxruntime/libonnxruntime.so"),
        ("onnxruntime/LICENSE", "onnxruntime/LICENSE"),
        ("onnxruntime/ThirdPartyNotices.txt", "onnxruntime/ThirdPartyNotices.txt"),
    ],
};

const TYPOS: Wheel = Wheel {
    name: "typos",
    version: "1.52.0",
    python: "3.11",
    platform: "manylinux2014",
    sha256: [
        ("x86_64", "418fd85f7fc11dec14e5482e747f6e916af56da96207cde0cdd69540a4b389f6"),
        ("aarch64", "5e870133c7e9cace94183e4d638697004a1473e79abcd01b8f75e362049a9b5c"),
    ],
    files: &[("typos-1.52.0.data/scripts/typos", "bin/typos")],
};

/// Sets up the training package.
const UV: Wheel = Wheel {
    name: "uv",
    version: "0.13.9",
    python: "3.11",
    platform: "manylinux2014",
    sha256: [
        ("x86_64", "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19"),
        ("aarch64", "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe"),
    ],
    files: &[("uv-0.13.9.data/scripts/uv", "bin/uv")],
};

/// Without its default features: they let it update itself, with a TLS library that takes longer than all the rest.
const NEXTEST: CargoTool =
    CargoTool { name: "cargo-nextest", version: "0.9.151", features: &["--no-default-features"] };
const DENY: CargoTool = CargoTool { name: "cargo-deny", version: "0.20.2", features: &[] };

/// Installs what building, testing and measuring need, and builds the page, which the server takes in when compiled.
pub(crate) fn run() -> Result<()> {
    let changes = [debian::install()?, ONNX_RUNTIME.install()?, NEXTEST.install()?, ui::build()?];
    if changes.contains(&true) {
        say("setup: done");
    }
    Ok(())
}

/// Installs what only `ci` needs.
pub(crate) fn linters() -> Result<()> {
    TYPOS.install()?;
    DENY.install()?;
    Ok(())
}

/// Installs what only the training package needs; the program that sets it up.
pub(crate) fn uv() -> Result<PathBuf> {
    UV.install()?;
    Ok(path_of("uv"))
}

/// Installs what only `fuzz-api` needs; the folder of Python packages.
pub(crate) fn schemathesis() -> Result<PathBuf> {
    python::install("schemathesis", include_str!("schemathesis.txt"))
}

/// Installs what only a test of the server needs, that other programs can ask its models.
pub(crate) fn tritonclient() -> Result<()> {
    python::install("tritonclient", include_str!("tritonclient.txt")).map(drop)
}

/// Installs what only a test of the server needs that only `ci` runs, because it is so much: KServe's SDK.
pub(crate) fn kserve() -> Result<()> {
    python::install("kserve", include_str!("kserve.txt")).map(drop)
}

/// Installs what only a peer of `bench cameras` needs; the folder of Python packages.
pub(crate) fn peers() -> Result<PathBuf> {
    python::install("peers", include_str!("peers.txt"))
}

/// Installs what only the peer of `bench serving` needs; the folder of Python packages.
pub(crate) fn flask() -> Result<PathBuf> {
    python::install("flask", include_str!("flask.txt"))
}

/// Installs another peer of `bench cameras`: the Debian package motion.
pub(crate) fn motion() -> Result<()> {
    debian::require(&["motion"]).map(drop)
}

/// Where the program `name` was installed by this module, or its plain name if it was on the machine before.
pub(crate) fn path_of(name: &str) -> PathBuf {
    let own = tools().join("bin").join(name);
    if own.exists() { own } else { name.into() }
}
