//! mls-rs as a client of the interoperability harness.
