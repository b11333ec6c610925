//! Runs Conclave and its peers against each other.

fn main() {}
