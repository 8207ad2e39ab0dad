//! Trying a model before this process loads it. A file that passes [`crate::onnx`] may still crash ONNX Runtime, hang it or
//! take all memory, and with it the process. So a program may say how a model is tried elsewhere first; then no session is
//! made of one that failed. Starting processes is the program's business and not done here.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use sha2::{Digest, Sha256};

use crate::runtime::{Port, Runtime};
use crate::{Error, Model, OrtRuntime, Value};

/// What tries the bytes of a model's file, such as a process that calls [`run`], and why they failed.
pub type Trial = Box<dyn Fn(&[u8]) -> Result<(), String> + Send + Sync>;

static TRIAL: OnceLock<Trial> = OnceLock::new();
/// The SHA-256 of the files that passed. Those that failed are tried again: the machine may have been too busy.
static PASSED: Mutex<Option<HashSet<[u8; 32]>>> = Mutex::new(None);
/// Whoever holds it tries a model: of many who ask for one at once, one tries it, and no two models are tried at once.
static TRYING: Mutex<()> = Mutex::new(());

/// Has every model but the built-in one tried before this process makes its first session of it. As there is one ONNX Runtime
/// a process, there is one trial: the first that was given.
pub fn before_loading(trial: Trial) {
    if TRIAL.set(trial).is_err() {
        tracing::warn!("how models are tried was said already");
    }
}

/// Tries a model unless it passed before, or nobody said how.
pub(crate) fn pass(onnx: &[u8]) -> Result<(), Error> {
    let Some(trial) = TRIAL.get() else { return Ok(()) };
    if onnx == Model::BUILT_IN_ONNX {
        return Ok(());
    }
    let digest = Sha256::digest(onnx).into();
    if has_passed(&digest) {
        return Ok(());
    }
    let _one_at_a_time = lock(&TRYING);
    if !has_passed(&digest) {
        trial(onnx).map_err(|why| Error::Unsafe { why })?;
        lock(&PASSED).get_or_insert_default().insert(digest);
    }
    Ok(())
}

fn has_passed(digest: &[u8; 32]) -> bool {
    lock(&PASSED).as_ref().is_some_and(|passed| passed.contains(digest))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The trial itself: loads a model for the CPU and runs it once on zeros. One that leaves more open than its batch is only
/// loaded: which sizes it can take is not in its file.
///
/// # Errors
/// It does not load, or does not run.
pub fn run(onnx: &[u8]) -> Result<(), Error> {
    let mut runtime = OrtRuntime::load(onnx, 1)?;
    let signature = runtime.signature().clone();
    let Some(inputs) = signature.inputs.iter().map(zeros).collect::<Option<Vec<_>>>() else { return Ok(()) };
    let outputs: Vec<String> = signature.outputs.into_iter().map(|port| port.name).collect();
    runtime.infer(&inputs, &outputs).map(drop)
}

/// Zeros for an input, with a batch of one.
fn zeros(port: &Port) -> Option<Value> {
    let data_type = port.data_type()?;
    let mut shape = port.shape.clone();
    if let Some(batch) = shape.first_mut() {
        batch.get_or_insert(1);
    }
    let shape: Vec<usize> = shape.into_iter().collect::<Option<_>>()?;
    let size = Value::byte_size(data_type, &shape)?;
    Some(Value { name: port.name.clone(), data_type, shape, bytes: vec![0; size].into() })
}
