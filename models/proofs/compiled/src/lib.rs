//! Functions of the crates under plain names, so that a symbolic executor finds them in the machine
//! code: nothing is computed here, but for the mutants, which the proofs must refute.
//!
//! Unsafe for two reasons only: a plain name is an unsafe attribute, and the bytes to decode come
//! as an address and a length.

mod decoders;
mod mutants;
mod tree_math;
