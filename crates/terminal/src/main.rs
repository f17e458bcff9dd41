//! terminal
fn main() {}
