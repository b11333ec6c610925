//! What the groups of 2018 had in common, whatever their tree computed: left-balanced trees whose
//! leaves are set by members for themselves and for others, signed messages, a key schedule.

mod adversary;
mod book;
mod key_tree;
mod member;
mod merge;
mod messages;
mod newcomer;
mod nodes;
mod profile;
mod protocol;
mod view;
mod warm;

use codec::{Opaque, Reader, Writer};
use crypto::Suite;

pub use book::Book;
pub use key_tree::KeyTree;
pub use nodes::{Candidates, NodeKey, Nodes, changed_nodes};
pub use protocol::GroupProtocol;

use crate::Failure;

/// What a group is made with.
#[derive(Clone)]
pub struct Setup {
    /// The cipher suite.
    pub suite: Suite,
    /// How keys are handed out and scheduled.
    pub profile: Profile,
    /// The group.
    pub group_id: Opaque,
}

/// How leaf secrets reach their owners, and how one epoch leads to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// As in draft-01: leaf secrets are drawn by whoever sets the leaf.
    Draft01,
    /// By RFC 9420's functions; see [`BookRule`].
    Modern(BookRule),
}

/// What is done with the book of owners when a member is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookRule {
    /// Nothing: the leaves that the member had set for others stay, and it knows them.
    Ignored,
    /// Every leaf that the member had set for others is set anew.
    Respected,
}

/// A message that is not what it should be.
pub(crate) fn broken(what: &str) -> Failure {
    Failure::Message(what.to_owned())
}

/// Appends `opaque<0..2^16-1>` as in 2018: two bytes of length, then what `contents` appends.
pub(crate) fn write_short_vector(
    writer: &mut Writer,
    contents: impl FnOnce(&mut Writer) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut inner = Writer::new();
    contents(&mut inner)?;
    let length = u16::try_from(inner.as_slice().len());
    let length = length.map_err(|_| Failure::Misuse("a vector of over 65535 bytes"))?;
    writer.write(&length.to_be_bytes());
    writer.write(inner.as_slice());
    Ok(())
}

/// The contents of what [`write_short_vector`] appended.
pub(crate) fn short_vector<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Failure> {
    let length = u16::from_be_bytes(reader.array()?);
    Ok(reader.take(usize::from(length))?)
}
