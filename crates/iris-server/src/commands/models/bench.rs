//! `iris models bench`: what an inference costs on one core.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use iris_infer::manifest::Input;
use iris_infer::{ElementType, Model, OrtRuntime, Runtime, Value};
use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// Inferences before time is taken, and how many are measured at least and at most.
const WARM_UP: usize = 3;
const FEWEST: usize = 10;
const MOST: usize = 10_000;

pub(super) fn bench(models: Vec<PathBuf>, seconds: f64) -> Result<ExitCode> {
    let models = if models.is_empty() { vec![Model::BUILT_IN.into()] } else { models };
    let mut core = CpuSet::new();
    core.set(sched_getcpu());
    sched_setaffinity(None, &core).context("cannot stay on one core")?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:>9}  {:>9}  {:>6}  {:>9}  {:>9}  model", "CPU p50", "CPU p95", "runs", "input", "file")?;
    let mut code = ExitCode::SUCCESS;
    for path in models {
        // One that cannot be measured does not keep the others from it.
        match measure(&path, seconds) {
            Ok(row) => writeln!(out, "{row}  {}", path.display())?,
            Err(error) => {
                tracing::error!("model {}: {}", path.display(), crate::commands::explain(&error));
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

/// Processor time of this process, in seconds.
fn spent() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn measure(path: &Path, seconds: f64) -> Result<String> {
    let model = Model::open(path)?;
    let mut runtime = OrtRuntime::load(&model.onnx, 1)?;
    let (input, outputs) = grey(&model, &runtime)?;
    let mut run = || -> Result<f64> {
        let before = spent();
        runtime.infer(std::slice::from_ref(&input), &outputs)?;
        Ok(spent() - before)
    };
    (0..WARM_UP).try_for_each(|_| run().map(drop))?;
    let (mut times, mut total) = (Vec::new(), 0.0);
    while times.len() < FEWEST || (total < seconds && times.len() < MOST) {
        let time = run()?;
        total += time;
        times.push(time);
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| 1000.0 * times[((times.len() - 1) as f64 * share).round() as usize];
    let size = picture(&model)?.size();
    Ok(format!(
        "{:>6.2} ms  {:>6.2} ms  {:>6}  {:>9}  {:>6.1} MB",
        at(0.5),
        at(0.95),
        times.len(),
        format!("{}x{}", size.width, size.height),
        model.onnx.len() as f64 / 1e6,
    ))
}

/// A picture without anything in it, as the model takes it, and the names of the outputs.
fn grey(model: &Model, runtime: &OrtRuntime) -> Result<(Value, Vec<String>)> {
    let signature = runtime.signature();
    let port = signature.inputs.first().context("the model has no input")?;
    let data_type = port.data_type().context("its input holds no numbers")?;
    let picture = picture(model)?;
    let size = picture.size();
    let shape = vec![1, 3, size.height as usize, size.width as usize];
    let bytes = Value::byte_size(data_type, &shape).context("its input is too large")?;
    let fill = if picture.element == ElementType::U8 { 114 } else { 0 };
    let value = Value { name: port.name.clone(), data_type, shape, bytes: vec![fill; bytes].into() };
    Ok((value, signature.outputs.iter().map(|port| port.name.clone()).collect()))
}

fn picture(model: &Model) -> Result<&Input> {
    model.manifest.input.as_ref().context("its manifest describes no picture")
}
