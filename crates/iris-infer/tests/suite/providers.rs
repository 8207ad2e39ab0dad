//! Execution providers other than the CPU: where there is a GPU they pass the suite of all runtimes, and where there is none
//! they say what is missing.

use std::path::Path;

use iris_infer::{ErrorKind, Model, OrtRuntime, Provider};

use crate::blobs::Variant;
use crate::runtimes::whole_suite;
use crate::support::{blobs_manifest, blobs_model};

fn providers(engines: &Path) -> [Provider; 2] {
    let tensorrt = Provider::TensorRt { index: 0, fp16: false, batch: 4, engines: engines.to_owned() };
    [Provider::Cuda { index: 0 }, tensorrt]
}

/// Whether this machine has a GPU and a build of ONNX Runtime that can use it; says that `test` was not run if not.
#[expect(clippy::print_stdout, reason = "what did not run is reported")]
fn can_use(provider: &Provider, test: &str) -> bool {
    if !Path::new("/dev/nvidia0").exists() {
        println!("not run: {test} on {provider}: no GPU");
        return false;
    }
    match provider.check() {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::Provider => {
            println!("not run: {test} on {provider}: {error}");
            false
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_gpu_passes_the_suite_of_all_runtimes() {
    let engines = tempfile::tempdir().unwrap();
    for provider in providers(engines.path()) {
        if can_use(&provider, "a_gpu_passes_the_suite_of_all_runtimes") {
            whole_suite(&move |onnx: &[u8]| {
                // What it decodes to is not asked here, only what the graph returns.
                let model = Model::new(blobs_manifest(&[]), onnx.to_vec())?;
                Ok(Box::new(OrtRuntime::open(&model, &provider)?))
            });
        }
    }
}

#[test]
fn a_gpu_is_given_a_name_that_people_know() {
    let names = providers(Path::new("engines")).map(|provider| (provider.to_string(), provider.kind()));
    assert_eq!(names[0], ("GPU 0 by CUDA".to_owned(), "cuda"));
    assert_eq!(names[1], ("GPU 0 by TensorRT".to_owned(), "tensorrt"));
}

#[test]
fn a_provider_that_is_missing_is_an_error_and_never_another_one_in_its_place() {
    let engines = tempfile::tempdir().unwrap();
    let model = blobs_model(&Variant::default(), &[]);
    for provider in providers(engines.path()) {
        let Err(error) = provider.check() else { continue };
        assert_eq!(error.kind(), ErrorKind::Provider, "{error}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("{provider} cannot be used: ")), "{text}");
        for part in ["libonnxruntime.so says", "ORT_DYLIB_PATH", "libonnxruntime_providers_cuda.so"] {
            assert!(text.contains(part), "{text}");
        }
        let refused = OrtRuntime::open(&model, &provider).err().expect("no session without its provider");
        assert_eq!(refused.to_string(), text);
    }
    assert!(Provider::Cpu.check().is_ok());
}
