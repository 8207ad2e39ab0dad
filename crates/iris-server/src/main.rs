//! The command `iris`.

fn main() {}
