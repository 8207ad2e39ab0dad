//! ONNX Runtime's library missing, in a process of its own, because a process loads it once.

use std::process::Command;

use iris_infer::{ErrorKind, OrtRuntime};

const CHILD: &str = "IRIS_TEST_WITHOUT_LIBRARY";

#[test]
fn a_missing_library_is_an_error_that_says_where_it_was_looked_for() {
    if std::env::var_os(CHILD).is_some() {
        let error = OrtRuntime::load(&[], 1).err().expect("there is no library");
        assert_eq!(error.kind(), ErrorKind::Library);
        let text = error.to_string();
        assert!(text.contains("/nowhere/libonnxruntime.so") && text.contains("cargo xtask setup"), "{text}");
        return;
    }
    let name = "library::a_missing_library_is_an_error_that_says_where_it_was_looked_for";
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name])
        .env(CHILD, "1")
        .env("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so")
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && output.contains("1 passed"), "{output}");
}
