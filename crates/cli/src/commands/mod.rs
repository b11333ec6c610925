//! The commands, one file each.

pub(crate) mod account;
pub(crate) mod ca;
pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod device;
pub(crate) mod doctor;
pub(crate) mod fetch;
pub(crate) mod group;
pub(crate) mod history;
pub(crate) mod inspect;
pub(crate) mod interop;
pub(crate) mod lab;
pub(crate) mod man;
pub(crate) mod mls;
mod policy;
pub(crate) mod receive;
mod recovery;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod service;
pub(crate) mod vectors;
