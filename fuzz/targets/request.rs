//! Any bytes as a request to a model with binary tensors; the first two say where its JSON part ends.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &[u8])| {
    let (json, body) = input;
    let json = (json != u16::MAX).then_some(usize::from(json));
    iris_server::fuzz::request(&Bytes::copy_from_slice(body), json);
});
