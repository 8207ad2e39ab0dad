//! Compiles the few lines of C that take FFmpeg's log lines.

fn main() {
    println!("cargo::rerun-if-changed=src/log.c");
    cc::Build::new().file("src/log.c").warnings_into_errors(true).compile("iris_log");
}
