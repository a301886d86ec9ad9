//! The `compare` command.

fn main() {}
