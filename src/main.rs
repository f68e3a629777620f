//! The becamera binary.

fn main() {}
