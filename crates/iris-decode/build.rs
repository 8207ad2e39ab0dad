//! Compiles the few lines of C that take FFmpeg's log lines and tell glibc how to keep memory.

fn main() {
    let files = ["src/log.c", "src/memory.c"];
    for file in files {
        println!("cargo::rerun-if-changed={file}");
    }
    cc::Build::new().files(files).warnings_into_errors(true).compile("iris_decode");
}
