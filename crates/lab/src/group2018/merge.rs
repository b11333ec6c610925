//! Several updates of one epoch as one step (draft-01, "Merging Updates"): they are applied in an
//! agreed order, so a node gets the key of the last that sets it, and every one of their roots goes
//! into the key schedule.
//!
//! All were made for the tree as it was before the first, so each path is opened there.

use std::sync::Arc;

use crypto::Secret;

use super::KeyTree;
use super::messages::{Change, Handshake};
use super::profile::EpochKeys;
use super::view::View;
use crate::Failure;

/// The group after the steps, each given with the tree as it would be after it alone. The keys of
/// the new epoch come out if the init secret and the roots of all steps are known.
pub(crate) fn merge<T: KeyTree>(
    mut view: View<T>,
    mut init_secret: Option<Secret>,
    steps: &[(Handshake, T)],
) -> Result<(View<T>, Option<EpochKeys>), Failure> {
    let epoch = view.epoch;
    let mut last = None;
    for (message, after) in steps {
        if !matches!(message.content.change, Change::Update) {
            return Err(Failure::NotMergeable);
        }
        let leaf = view.leaf(message.content.sender)?;
        for node in view.tree.nodes().shape().path(leaf) {
            match after.nodes().private_key(node) {
                Some(key) => view.tree.nodes_mut().keep(node, Arc::clone(key)),
                None => {
                    let key = after.nodes().public_key(node)?.clone();
                    view.tree.nodes_mut().overwrite(node, key);
                }
            }
        }
        view.epoch = epoch;
        view.advance(message)?;
        // The root is by now the one of this step.
        last = match &init_secret {
            Some(init) if view.tree.nodes().root_secret().is_some() => Some(view.keys(init)?),
            _ => None,
        };
        init_secret = last.as_ref().map(|keys: &EpochKeys| keys.init_secret.duplicate());
    }
    Ok((view, last))
}
