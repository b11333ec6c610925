//! The crate's public functions, on official test vectors and against forged input.

mod key_schedule;
mod psk;
mod vectors;
