//! Certificates and chains made by another library, judged one by one and in the lives of groups.

#![allow(clippy::unwrap_used, reason = "tests")]

mod chains;
mod damage;
mod handmade;
mod life;
mod names;
mod pki;
mod policy;
mod revocation;
mod rules;
