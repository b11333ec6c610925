//! What a stack cannot do, as its adapter says it.

/// Something that a stack cannot do behind the harness's interface. The adapter answers such a call
/// with `UNIMPLEMENTED`, and the matrix shows it as lacking, not as a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lack {
    /// The RPC, as the service names it: `ReInitCommit`.
    pub rpc: &'static str,
    /// The suites in which it is lacking; all if empty.
    pub suites: &'static [u16],
    /// Why: which function or which value the stack does not have.
    pub why: &'static str,
}
