//! How the process gives memory back.

#![expect(unsafe_code, reason = "the C library is asked")]

use std::ffi::c_int;

/// Pictures are larger, and what is allocated for an access unit mostly smaller.
const LARGE: c_int = 128 << 10;

unsafe extern "C" {
    /// In `memory.c`.
    fn iris_return_large_blocks(from_bytes: c_int);
}

/// From now on the memory of a picture goes back to the system when it is freed. glibc starts so, but after the first such
/// block it keeps larger and larger ones, between smaller ones that live longer: up to 70 MB more than what was in use
/// (docs/adr/0012). Does nothing with other C libraries.
pub fn return_large_blocks() {
    // SAFETY: it takes a number, and may be called at any time.
    unsafe { iris_return_large_blocks(LARGE) }
}
