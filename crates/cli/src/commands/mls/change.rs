//! What changes in a group, in words and as JSON.

use super::{credential_name, psk_name};
use crate::output::hex;
use mls::{EpochChange, Group, LeafNode, Proposal, ProposalSender};
use serde_json::{Value, json};
use std::sync::Arc;

/// The name of the member at a leaf.
fn name_at(group: &Group, leaf: u32) -> String {
    match group.member(leaf) {
        Some(member) => credential_name(&member.leaf.credential),
        None => "nobody".to_owned(),
    }
}

/// A proposal in one line.
pub(super) fn proposal_line(group: &Group, proposal: &Proposal) -> String {
    proposal_text(proposal, |leaf| name_at(group, leaf))
}

/// The same with the names of members from elsewhere.
pub(super) fn proposal_text(proposal: &Proposal, name_at: impl Fn(u32) -> String) -> String {
    match proposal {
        Proposal::Add(key_package) => {
            format!("add {}", credential_name(&key_package.leaf_node.credential))
        }
        Proposal::Update(leaf) => {
            format!("update the keys of {}", credential_name(&leaf.credential))
        }
        Proposal::Remove(leaf) => format!("remove {} at leaf {leaf}", name_at(*leaf)),
        Proposal::PreSharedKey(psk) => format!("mix in the {}", psk_name(&psk.kind)),
        Proposal::ReInit(reinit) => {
            let (id, suite) = (hex(&reinit.group_id), reinit.cipher_suite.0);
            format!("continue as group {id} with suite {suite}")
        }
        Proposal::ExternalInit(_) => "join by an external commit".to_owned(),
        Proposal::GroupContextExtensions(extensions) => {
            let types: Vec<_> = extensions.types().map(|it| format!("{:#06x}", it.0)).collect();
            format!("set the extensions of the group to [{}]", types.join(", "))
        }
        Proposal::Other(proposal_type, body) => {
            format!("proposal of type {:#06x}, {} bytes", proposal_type.0, body.len())
        }
    }
}

/// Who proposes.
pub(super) fn sender_line(group: &Group, sender: ProposalSender) -> String {
    match sender {
        ProposalSender::Member(leaf) => name_at(group, leaf.as_u32()),
        ProposalSender::External(index) => format!("external sender {index}"),
        ProposalSender::NewMember => "a new member".to_owned(),
        ProposalSender::Joiner => "the joiner".to_owned(),
    }
}

type Places = [(mls::LeafIndex, Arc<LeafNode>)];

fn places(places: &Places) -> Value {
    let place = |(index, leaf): &(mls::LeafIndex, Arc<LeafNode>)| {
        let name = credential_name(&leaf.credential);
        json!({"leaf": index.as_u32(), "name": name})
    };
    places.iter().map(place).collect()
}

fn names(places: &Places) -> String {
    let names: Vec<_> = places.iter().map(|(_, leaf)| credential_name(&leaf.credential)).collect();
    names.join(", ")
}

/// A change of epoch in one line.
pub(super) fn line(change: &EpochChange) -> String {
    let mut parts = vec![format!("epoch {}", change.epoch)];
    for (verb, places) in
        [("added", &change.added), ("removed", &change.removed), ("updated", &change.updated)]
    {
        if !places.is_empty() {
            parts.push(format!("{verb} {}", names(places)));
        }
    }
    parts.extend(change.psks.iter().map(|psk| format!("mixed in the {}", psk_name(&psk.kind))));
    let others = change.other.iter().map(|(_, proposal_type, body)| {
        format!("proposal of type {:#06x}, {} bytes", proposal_type.0, body.len())
    });
    parts.extend(others);
    if change.extensions_changed {
        parts.push("extensions changed".to_owned());
    }
    if let Some(reinit) = &change.reinit {
        parts.push(format!("closed in favour of group {}", hex(&reinit.group_id)));
    }
    if change.self_removed {
        parts.push("this client is removed".to_owned());
    }
    parts.join("; ")
}

/// A change of epoch for programs.
pub(super) fn fields(group_id: &[u8], change: &EpochChange) -> Value {
    let reinit = change
        .reinit
        .as_ref()
        .map(|reinit| json!({"group": hex(&reinit.group_id), "suite": reinit.cipher_suite.0}));
    let other = |(_, proposal_type, body): &(_, mls::ProposalType, Vec<u8>)| {
        let body = hex(body);
        json!({"proposal_type": proposal_type.0, "body": body})
    };
    json!({
        "group": hex(group_id),
        "epoch": change.epoch,
        "committer": change.committer.map(mls::LeafIndex::as_u32),
        "external": change.external,
        "added": places(&change.added),
        "removed": places(&change.removed),
        "updated": places(&change.updated),
        "psks": change.psks.iter().map(|psk| psk_name(&psk.kind)).collect::<Vec<_>>(),
        "other": change.other.iter().map(other).collect::<Vec<_>>(),
        "extensions_changed": change.extensions_changed,
        "reinit": reinit,
        "self_removed": change.self_removed,
    })
}
