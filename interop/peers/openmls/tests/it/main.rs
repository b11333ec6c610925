//! OpenMLS behind the harness's interface: by scenarios, and by what its answers contain.

mod calls;
mod scenarios;
