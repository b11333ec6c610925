//! Messages whose numbers or sizes are at their end: how long and how much memory a refusal takes.
//! The memory of the message itself is not counted; it was there before.

use std::sync::Arc;

use codec::{Decode, Encode};
use mls::{HandshakeFormat, MlsMessage, MlsMessageBody, Proposal, RatchetTreeNodes, WireFormat};
use testkit::forge::Insider;
use testkit::{NOW, Person, Traits, group_of};
use wire::{AuthenticatedContent, ProposalOrRef, SenderData};

use super::{HeapProbe, Stage};
use crate::Failure;
use crate::record::{Repetition, Series, try_time};

/// A number of proposals that a commit has room for, and no group.
const PROPOSALS: usize = 1_000_000;

/// Blank leaves on the wire; a tree of 2^31 would not fit into any message.
const BLANK_NODES: usize = 1 << 26;

/// What a receiver does with bytes, and whether it refused them.
type Refusal<'a> = Box<dyn FnMut() -> Result<bool, Failure> + 'a>;

/// Three refusals.
pub fn hostile(mut stage: Stage<'_>) -> Result<(), Failure> {
    let probe = stage.heap.ok_or("the allocator of this program does not count")?;
    let traits = || Traits::new(stage.setting.suite).handshakes(HandshakeFormat::Public);
    let mut people = group_of(&["alice", "bob", "carol"], traits);
    let distant = distant_generation(&mut people)?;
    let crowded = crowded_commit(&mut people)?;
    // A length of four bytes begins with the bits 10 (section 2.1.2).
    let length = u32::try_from(BLANK_NODES)? | 0x8000_0000;
    let mut tree = length.to_be_bytes().to_vec();
    tree.resize(tree.len() + BLANK_NODES, 0);
    refuse(&mut stage, probe, "a message of generation 2^32-1", processing(&mut people, distant))?;
    let commit = processing(&mut people, crowded);
    refuse(&mut stage, probe, "a commit with a million proposals", commit)?;
    let decoding = Box::new(|| Ok(RatchetTreeNodes::from_bytes(&tree).is_err()));
    refuse(&mut stage, probe, "a ratchet tree of 2^26 nodes", decoding)?;
    stage.recorder.finish()
}

fn refuse(
    stage: &mut Stage<'_>,
    probe: HeapProbe,
    name: &str,
    mut receive: Refusal<'_>,
) -> Result<(), Failure> {
    let mut series = Series::default();
    let mut highest = 0;
    for _ in 0..3 {
        let ((refused, time), peak) = probe.peak_of(|| try_time(&mut receive))?;
        if !refused {
            return Err(format!("{name} was accepted").into());
        }
        series.add(Repetition { time, ..Repetition::default() }, None);
        highest = highest.max(peak);
    }
    stage.recorder.figure(&format!("{name}: heap"), highest)?;
    stage.recorder.series(name, series)
}

/// Bob reads the bytes of a message and processes it.
fn processing(people: &mut [Person], message: Vec<u8>) -> Refusal<'_> {
    let bob = &mut people[1];
    Box::new(move || {
        let Ok(message) = MlsMessage::from_bytes(&message) else { return Ok(true) };
        Ok(bob.group().process(&message, NOW).is_err())
    })
}

/// Alice encrypts, and says of the message that it is the last of her ratchet.
fn distant_generation(people: &mut [Person]) -> Result<Vec<u8>, Failure> {
    let insider = Insider::of(&people[0]);
    let said = people[0].say("far away");
    let MlsMessageBody::PrivateMessage(message) = said.0 else {
        return Err("application data is encrypted".into());
    };
    let sender =
        SenderData { leaf_index: insider.leaf.as_u32(), generation: u32::MAX, reuse_guard: [0; 4] };
    Ok(insider.seal_sender(sender, message).to_bytes())
}

/// Alice commits to remove Carol a million times.
fn crowded_commit(people: &mut [Person]) -> Result<Vec<u8>, Failure> {
    let mut insider = Insider::of(&people[0]);
    let mut draft = insider.draft(&[], true);
    let proposal = ProposalOrRef::Proposal(Arc::new(Proposal::Remove(2)));
    draft.commit().proposals.extend(std::iter::repeat_n(proposal, PROPOSALS));
    let signed = insider.sign(draft.wire_format, draft.content);
    let MlsMessageBody::PublicMessage(mut message) = insider.public(signed).0 else {
        return Err("it is public".into());
    };
    message.auth.confirmation_tag = Some(vec![0; 32].into());
    let wire_format = WireFormat::PUBLIC_MESSAGE;
    let content =
        AuthenticatedContent { wire_format, content: message.content, auth: message.auth };
    Ok(insider.public(content).to_bytes())
}
