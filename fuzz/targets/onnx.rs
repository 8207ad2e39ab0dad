//! Any bytes as a model's file: they pass or are refused, in time that grows with their number.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    iris_infer::onnx::check(bytes).ok();
});
