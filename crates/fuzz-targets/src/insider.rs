//! Messages of a member who deviates: changed before they are signed, tagged and encrypted, so that
//! what is wrong with them is what they say.
//!
//! What is accepted may be anything that the rules allow; what must hold is in
//! [`Scene::deliver`].

use codec::{Encode, Writer};
use testkit::forge::{DraftCommit, Insider};
use wire::{
    AuthenticatedContent, Commit, Content, FramedContent, MlsMessage, Proposal, WireFormat,
};

use crate::Outcome;
use crate::group::with_scene;
use crate::input::Input;
use crate::scene::Scene;

/// An octet chooses the form of handshakes, one what is changed; the rest are changes.
pub(crate) fn run(bytes: &[u8]) -> Outcome {
    with_scene(&mut Input::new(bytes), |scene, input| {
        let mut alice = Insider::of(&scene.alice);
        let made = match input.byte() % 7 {
            0 => plaintext(&mut alice, input),
            1 => content(&alice, input),
            2 => proposal(&mut alice, scene, input),
            3 => commit(&mut alice, input),
            4 => leaf(&mut alice, input),
            5 => external_commit(&mut alice, scene, input),
            _ => private_framing(&mut alice, input),
        };
        made.map_or(Outcome::Refused, |message| scene.deliver(&message.to_bytes()))
    })
}

/// The commit that the insider starts from: with a path, and a proposal in place.
fn draft(alice: &mut Insider) -> DraftCommit {
    let proposals = [alice.listed(Proposal::Remove(3))];
    alice.draft(&proposals, true)
}

/// Honest content of each type, signed for encryption.
fn sayings(alice: &mut Insider) -> [AuthenticatedContent; 3] {
    let mut commit = draft(alice);
    commit.wire_format = WireFormat::PRIVATE_MESSAGE;
    let commit = commit.finish(alice).content;
    let sign = |content| alice.sign(WireFormat::PRIVATE_MESSAGE, alice.content(content));
    let application = sign(Content::Application(b"hello".into()));
    [application, sign(Content::Proposal(Proposal::Remove(3))), commit]
}

/// What is inside the encryption: content, signature, tag and padding.
fn plaintext(alice: &mut Insider, input: &mut Input<'_>) -> Option<MlsMessage> {
    let sayings = sayings(alice);
    let (framing, said) = (input.choose(&sayings), input.choose(&sayings));
    let mut plaintext = Writer::new();
    said.content.content.encode_body(&mut plaintext);
    said.auth.encode(&mut plaintext);
    let plaintext = input.change(plaintext.as_slice());
    Some(alice.encrypt(&framing.content, &plaintext))
}

/// Content with any sender, epoch and body, signed by Alice.
fn content(alice: &Insider, input: &mut Input<'_>) -> Option<MlsMessage> {
    let said = alice.content(Content::Proposal(Proposal::Remove(3)));
    let content: FramedContent = input.vary(&said)?;
    let mut signed = alice.sign(WireFormat::PUBLIC_MESSAGE, content);
    if matches!(signed.content.content, Content::Commit(_)) {
        signed.auth.confirmation_tag = Some(alice.confirmation_tag.clone());
    }
    Some(alice.public(signed))
}

/// Alice's content as she would send it, in the open or encrypted.
fn say(alice: &mut Insider, content: Content, input: &mut Input<'_>) -> MlsMessage {
    let content = alice.content(content);
    match input.byte() % 2 {
        0 => alice.say_publicly(content),
        _ => alice.say_privately(content),
    }
}

/// A proposal of each kind, with other values.
fn proposal(alice: &mut Insider, scene: &Scene, input: &mut Input<'_>) -> Option<MlsMessage> {
    let group = scene.alice.group.as_ref().expect("Alice is in the group");
    let known: Vec<_> = group.pending_proposals().map(|(_, _, proposal)| proposal).collect();
    let kind = usize::from(input.byte()) % known.len();
    let is_private = input.byte();
    let changed: Proposal = input.vary(known[kind])?;
    Some(say(alice, Content::Proposal(changed), &mut Input::new(&[is_private])))
}

/// A commit that says something else than what its next epoch was made from.
fn commit(alice: &mut Insider, input: &mut Input<'_>) -> Option<MlsMessage> {
    let mut draft = draft(alice);
    let is_private = input.byte().is_multiple_of(2);
    restructure(draft.commit(), input);
    let changed: Commit = input.vary(&*draft.commit())?;
    *draft.commit() = changed;
    if is_private {
        draft.wire_format = WireFormat::PRIVATE_MESSAGE;
    }
    let signed = draft.finish(alice).content;
    Some(if is_private { alice.private(&signed) } else { alice.public(signed) })
}

/// Leaves out, repeats and exchanges parts of a commit, lengths and all.
fn restructure(commit: &mut Commit, input: &mut Input<'_>) {
    let what = input.byte();
    let nodes = commit.path.as_mut().map(|path| &mut path.nodes);
    match (what % 8, nodes) {
        (1, _) => commit.proposals.clear(),
        (2, _) => commit.proposals.extend_from_within(..),
        (3, _) => commit.path = None,
        (4, Some(nodes)) => drop(nodes.pop()),
        (5, Some(nodes)) => nodes.extend_from_within(..1),
        (6, Some(nodes)) => nodes.reverse(),
        (7, Some(nodes)) => nodes.iter_mut().for_each(|node| {
            drop(node.encrypted_path_secret.pop());
        }),
        _ => {}
    }
}

/// Another leaf in the path, signed.
fn leaf(alice: &mut Insider, input: &mut Input<'_>) -> Option<MlsMessage> {
    let mut draft = draft(alice);
    let changed = input.vary(&draft.path().leaf_node)?;
    draft.change_leaf(alice, |leaf| *leaf = changed);
    let signed = draft.finish(alice).content;
    Some(alice.public(signed))
}

/// An external commit with Erin's key.
fn external_commit(
    alice: &mut Insider,
    scene: &Scene,
    input: &mut Input<'_>,
) -> Option<MlsMessage> {
    alice.signer = scene.erin.signer();
    let mut draft = alice.draft_external(&[]);
    restructure(draft.commit(), input);
    let changed: Commit = input.vary(&*draft.commit())?;
    *draft.commit() = changed;
    let signed = draft.finish(alice).content;
    Some(alice.public(signed))
}

/// An encrypted message whose frame or sender data is another.
fn private_framing(alice: &mut Insider, input: &mut Input<'_>) -> Option<MlsMessage> {
    let said = alice.content(Content::Application(b"hello".into()));
    let honest = alice.say_privately(said);
    let mls::MlsMessageBody::PrivateMessage(message) = honest.0 else { return None };
    let leaf_index = u32::from(input.byte() % 8);
    let generation = u32::from(input.byte()) << (input.byte() % 25);
    let sender = wire::SenderData { leaf_index, generation, reuse_guard: [0; 4] };
    let changed = input.vary(&message)?;
    Some(alice.seal_sender(sender, changed))
}
