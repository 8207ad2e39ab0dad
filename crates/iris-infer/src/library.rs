//! Where ONNX Runtime's shared library is looked for, and the one environment that all sessions of the process share.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;

use crate::Error;

const FILE: &str = "libonnxruntime.so";

/// ONNX Runtime allows one environment a process; it is kept for ever, because a second one cannot be made.
static ENVIRONMENT: Mutex<Option<(Environment, PathBuf)>> = Mutex::new(None);

/// The environment, loading the library at the first call. A failure is not remembered: the next call looks again.
pub(crate) fn environment() -> Result<Environment, Error> {
    let mut shared = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((environment, _)) = &*shared {
        return Ok(environment.clone());
    }
    let (environment, path) = load()?;
    *shared = Some((environment.clone(), path));
    Ok(environment)
}

/// The library that was loaded; empty before.
pub(crate) fn path() -> PathBuf {
    let shared = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    shared.as_ref().map(|(_, path)| path.clone()).unwrap_or_default()
}

fn load() -> Result<(Environment, PathBuf), Error> {
    let mut tried = Vec::new();
    for place in places() {
        match ort::init_from(&place) {
            Ok(builder) => return Ok((configure(builder)?, place)),
            Err(e) => tried.push(format!("{}: {e}", place.display())),
        }
    }
    Err(Error::Library { tried })
}

fn configure(builder: ort::environment::EnvironmentBuilder) -> Result<Environment, Error> {
    let environment = builder
        .with_name("iris")
        .with_telemetry(false)
        .with_logger(Arc::new(log))
        .build()
        .map_err(|e| Error::Runtime { doing: "starting", message: e.to_string() })?;
    environment.set_log_level(LogLevel::Warning);
    Ok(environment)
}

fn log(level: LogLevel, _category: &str, _id: &str, location: &str, message: &str) {
    match level {
        LogLevel::Error | LogLevel::Fatal => tracing::error!(location, "ONNX Runtime: {message}"),
        LogLevel::Warning => tracing::warn!(location, "ONNX Runtime: {message}"),
        LogLevel::Info | LogLevel::Verbose => tracing::debug!(location, "ONNX Runtime: {message}"),
    }
}

fn places() -> Vec<PathBuf> {
    let named = env::var_os("ORT_DYLIB_PATH").filter(|p| !p.is_empty()).map(PathBuf::from);
    let exe = env::current_exe().ok();
    let cwd = env::current_dir().ok();
    search(named, exe.as_deref().and_then(Path::parent), cwd.as_deref())
}

/// Where to look, in order. A path that somebody named is the only one, so that a wrong name is noticed.
fn search(named: Option<PathBuf>, exe_dir: Option<&Path>, cwd: Option<&Path>) -> Vec<PathBuf> {
    if let Some(path) = named {
        return vec![path];
    }
    let beside = exe_dir.map(|dir| dir.join(FILE));
    let tools = exe_dir
        .into_iter()
        .chain(cwd)
        .flat_map(Path::ancestors)
        .map(|dir| dir.join(".tools/onnxruntime").join(FILE))
        .find(|path| path.exists())
        .unwrap_or_else(|| Path::new(".tools/onnxruntime").join(FILE));
    beside.into_iter().chain([tools, PathBuf::from(FILE)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_library_is_the_only_one_tried() {
        let named = PathBuf::from("/opt/ort.so");
        assert_eq!(search(Some(named.clone()), Some(Path::new("/bin")), None), [named]);
    }

    #[test]
    fn else_beside_the_program_then_the_tools_then_the_system() {
        let root = tempfile::tempdir().unwrap();
        let tools = root.path().join(".tools/onnxruntime");
        std::fs::create_dir_all(&tools).unwrap();
        std::fs::write(tools.join(FILE), "").unwrap();
        let exe_dir = root.path().join("target/debug");
        let found = search(None, Some(&exe_dir), None);
        assert_eq!(found, [exe_dir.join(FILE), tools.join(FILE), PathBuf::from(FILE)]);
        let from_cwd = search(None, Some(Path::new("/nowhere")), Some(root.path()));
        assert_eq!(from_cwd[1], tools.join(FILE));
    }
}
