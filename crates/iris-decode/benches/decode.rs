//! What a frame costs to decode, on one core: `cargo bench -p iris-decode`.
fn main() {
    divan::main();
}
