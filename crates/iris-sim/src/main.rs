//! The command `iris-sim`.

fn main() {}
