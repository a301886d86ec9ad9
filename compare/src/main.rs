//! The same questions to both.

fn main() {}
