//! Compiles the server anew when the page was built anew. The folder exists in every checkout; the page in it may not.

fn main() {
    println!("cargo::rerun-if-changed=../../ui/dist");
}
