//! The state of a follower (RFC 9420, sections 8.2 and 12.4.3): where it starts, what a commit
//! makes of it, and that it can be kept.

use std::collections::BTreeMap;

use codec::{Encode, Writer};
use crypto::{CipherSuite, CryptoError, Digest};
use testkit::{mutations, truncations};
use tree::{
    Error, LeafIndex, Misuse, PublicGroup, PublicReceived, RatchetTree, TreeSize, Violation,
};
use wire::{
    Extensions, GroupInfo, Node, Proposal, ProposalOrRef, ProtocolVersion, PublicMessage, Sender,
};

use crate::forge::{CHECKS, Group, broken, extension};
use crate::public_forge::{TAG, by_value, crypto, receive, stage};
use crate::rules_external::{init, own};
use crate::rules_proposal::reinit;

fn follow(info: &GroupInfo) -> Result<PublicGroup, Error> {
    PublicGroup::new(&crypto(), info, None, &CHECKS)
}

/// Edge of `Violation::UnsupportedVersion`.
#[test]
fn a_group_is_of_a_version_and_suite_that_are_known() {
    let group = Group::of(2);
    let of = |version| group.info(0, |info| info.group_context.version = ProtocolVersion(version));
    for version in [0, 2, 0x0a0a] {
        assert_eq!(broken(follow(&of(version))), Violation::UnsupportedVersion);
    }
    assert!(follow(&of(1)).is_ok());
    let suite = group.info(0, |info| info.group_context.cipher_suite = CipherSuite(0x0a0a));
    assert!(matches!(follow(&suite), Err(Error::Crypto(CryptoError::Unsupported))));
}

/// Edge of `Violation::GroupInfoSigner`.
/// Edge of `Violation::GroupInfoSignature`.
#[test]
fn a_group_info_is_signed_by_a_member() {
    let mut group = Group::of(6);
    let removes = [group.remove(3)];
    group.commit(0, &removes);
    let right = group.info(5, |_| {});
    let follower = follow(&right).unwrap();
    let judge = |info: &GroupInfo| {
        let rules = (broken(follow(info)), broken(follower.verify_group_info(info)));
        assert_eq!(rules.0, rules.1);
        rules.0
    };
    for nobody in [3, 6, 7, 8, 1 << 31, u32::MAX] {
        let info = GroupInfo { signer: nobody, ..right.clone() };
        assert_eq!(judge(&info), Violation::GroupInfoSigner);
    }
    let other = GroupInfo { signer: 4, ..right.clone() };
    assert_eq!(judge(&other), Violation::GroupInfoSignature);
    let other = GroupInfo { confirmation_tag: vec![1; 32].into(), ..right.clone() };
    assert_eq!(judge(&other), Violation::GroupInfoSignature);
    let other = GroupInfo { signature: Default::default(), ..right.clone() };
    assert_eq!(judge(&other), Violation::GroupInfoSignature);
    assert!(follower.verify_group_info(&right).is_ok());
}

#[test]
fn the_tree_comes_with_the_group_info_or_beside_it() {
    let group = Group::of(3);
    let bare = group.info(0, |info| info.extensions = Extensions::default());
    let missing = follow(&bare).map(|_| ());
    assert_eq!(missing, Err(Error::Misuse(Misuse::RatchetTreeMissing)));
    let beside = PublicGroup::new(&crypto(), &bare, Some(group.tree.to_nodes()), &CHECKS);
    assert_eq!(beside.unwrap().members().count(), 3);
    let other = Some(Group::of(2).tree.to_nodes());
    let wrong = PublicGroup::new(&crypto(), &bare, other, &CHECKS);
    assert_eq!(broken(wrong), Violation::WrongTreeHash);
    let twice = group.info(0, |info| {
        info.extensions.0.extend([extension(0xf000), extension(0xf000)]);
    });
    assert_eq!(broken(follow(&twice)), Violation::DuplicateExtension);
    assert_eq!(broken(group.follower().verify_group_info(&twice)), Violation::DuplicateExtension);
}

/// Edge of `Violation::GroupInfoOfAnotherState`.
#[test]
fn a_member_vouches_for_the_very_state_that_is_followed() {
    let group = Group::of(3);
    let follower = group.follower();
    let judge =
        |change: &dyn Fn(&mut GroupInfo)| follower.verify_group_info(&group.info(1, change));
    assert!(judge(&|_| {}).is_ok());
    assert!(judge(&|info| info.extensions = Extensions::default()).is_ok());
    let zeros = Digest::new(&[0; 32]).unwrap();
    let others: [&dyn Fn(&mut GroupInfo); 4] = [
        &|info| info.confirmation_tag = vec![1; 32].into(),
        &|info| info.group_context.confirmed_transcript_hash = zeros,
        &|info| info.group_context.tree_hash = zeros,
        &|info| info.group_context.extensions.0.push(extension(1)),
    ];
    for other in others {
        assert_eq!(broken(judge(other)), Violation::GroupInfoOfAnotherState);
    }
    let epoch = judge(&|info| info.group_context.epoch += 1);
    assert_eq!(broken(epoch), Violation::WrongEpoch);
    let other_group = judge(&|info| info.group_context.group_id = b"other".into());
    assert_eq!(broken(other_group), Violation::WrongGroup);
    let tree =
        wire::Extension::new(wire::ExtensionType::RATCHET_TREE, &Group::of(2).tree.to_nodes());
    let other_tree = judge(&|info| info.extensions.set(tree.clone()));
    assert_eq!(broken(other_tree), Violation::WrongTreeHash);
}

/// The transcript as section 8.2 writes it.
fn transcript(group: &Group, before: &[u8], commit: &PublicMessage) -> (Digest, Digest) {
    let mut writer = Writer::new();
    writer.write(before);
    wire::WireFormat::PUBLIC_MESSAGE.encode(&mut writer);
    commit.content.encode(&mut writer);
    commit.auth.signature.encode(&mut writer);
    let confirmed = group.suite.hash(writer.as_slice()).unwrap();
    let mut writer = Writer::new();
    writer.write(confirmed.as_slice());
    writer.opaque(&TAG);
    (confirmed, group.suite.hash(writer.as_slice()).unwrap())
}

#[test]
fn a_commit_leads_to_the_epoch_that_the_rfc_defines() {
    let mut group = Group::of(4);
    let mut follower = group.follower();
    let update = group.update(2);
    let proposed = group.proposes(2, &update.proposal);
    let reference = proposed.clone().into_authenticated_content();
    let reference = reference.proposal_ref(&group.suite).unwrap();
    assert!(receive(&mut follower, proposed).is_ok());
    let list = [update, group.add(), group.remove(3)];
    let mut named = vec![ProposalOrRef::Reference(reference)];
    named.extend(by_value(&list[1..]));
    let commit = group.commits(0, &list, named);
    let before = follower.interim_transcript_hash().0;
    let (confirmed, interim) = transcript(&group, before.as_slice(), &commit);

    let old = follower.context().clone();
    let staged = stage(&mut follower, commit);
    assert_eq!(follower.context(), &old, "nothing has changed yet");
    let change = staged.change();
    let indices = |leaves: &[(LeafIndex, _)]| {
        leaves.iter().map(|(index, _)| index.as_u32()).collect::<Vec<u32>>()
    };
    assert_eq!((change.epoch, change.committer.as_u32(), change.external), (2, 0, false));
    assert_eq!(indices(&change.added), [3]);
    assert_eq!(indices(&change.removed), [3]);
    assert_eq!(indices(&change.updated), [2, 0]);
    assert_eq!(&change.authenticated_data[..], b"aad");
    follower.advance(staged).unwrap();
    assert_eq!(follower.context().confirmed_transcript_hash, confirmed);
    assert_eq!(follower.interim_transcript_hash().0, interim);
    assert_eq!(follower.epoch(), 2);
    let tree_hash = follower.tree().clone().tree_hash(follower.suite()).unwrap();
    assert_eq!(follower.context().tree_hash, tree_hash);
}

#[test]
fn an_external_commit_adds_its_sender_and_a_resync_replaces_it() {
    let mut group = Group::of(3);
    let mut follower = group.follower();
    let dave = group.person();
    let join = group.joins(&dave, &[init()]);
    let staged = stage(&mut follower, join);
    assert!(staged.change().external && staged.change().updated.is_empty());
    assert_eq!(staged.change().added[0].0.as_u32(), 3);
    follower.advance(staged).unwrap();
    group.catch_up(&follower);
    let again = [init(), own(Proposal::Remove(3))];
    let resync = group.joins(&dave, &again);
    let staged = stage(&mut follower, resync);
    assert_eq!((staged.change().added.len(), staged.change().removed.len()), (1, 1));
    follower.advance(staged).unwrap();
    group.catch_up(&follower);
    assert_eq!(follower.members().count(), 4);
    let twice = group.message(
        Sender::Member(3),
        wire::Content::Proposal(Proposal::Remove(0)),
        &dave,
        |_| {},
    );
    assert!(receive(&mut follower, twice).is_ok(), "Dave is a member now");
}

#[test]
fn of_two_commits_one_wins() {
    let mut group = Group::of(3);
    let mut follower = group.follower();
    let (first, second) = (group.commits(0, &[], vec![]), group.commits(1, &[], vec![]));
    let (first, second) = (stage(&mut follower, first), stage(&mut follower, second));
    follower.advance(second).unwrap();
    let context = follower.context().clone();
    let stale = follower.advance(first).map(|_| ());
    assert_eq!(stale, Err(Error::Misuse(Misuse::StaleCommit)));
    assert_eq!(follower.context(), &context);
}

#[test]
fn a_refused_message_changes_nothing_and_the_right_one_still_counts() {
    let mut group = Group::warm(5);
    let mut follower = group.follower();
    let add = [group.add()];
    let right = group.commits(1, &add, by_value(&add));
    let head = follower.head();
    for (number, bytes) in mutations(&right.to_bytes()).enumerate() {
        // One in some, to be done in time; which ones differs by place and kind of change.
        if number % 13 != 0 {
            continue;
        }
        let Ok(message) = codec::Decode::from_bytes(&bytes) else { continue };
        let only_tags = |message: &PublicMessage| {
            (&message.content, &message.auth.signature) == (&right.content, &right.auth.signature)
        };
        let unseen = only_tags(&message);
        assert_eq!(receive(&mut follower, message).is_ok(), unseen, "change {number}");
    }
    assert_eq!(follower.head(), head);
    let staged = stage(&mut follower, right);
    assert!(follower.advance(staged).is_ok());
}

#[test]
fn a_reinit_closes_the_group() {
    let mut group = Group::of(2);
    let mut follower = group.follower();
    let list = [group.proposed(0, Proposal::ReInit(reinit(1)))];
    let commit = group.commits(0, &list, by_value(&list));
    let staged = stage(&mut follower, commit);
    assert!(staged.change().reinit.is_some());
    follower.advance(staged).unwrap();
    group.catch_up(&follower);
    assert_eq!(follower.reinit(), Some(&reinit(1)));
    let more = group.commits(0, &[], vec![]);
    let loaded = PublicGroup::load(&crypto(), &follower.head(), follower.tree().clone());
    for mut follower in [follower, loaded.unwrap()] {
        let result = receive(&mut follower, more.clone()).map(|_| ());
        assert_eq!(result, Err(Error::Misuse(Misuse::Reinitialized)));
    }
}

/// The row of a group and a row per node, as a follower with a database writes them.
struct Rows {
    head: Vec<u8>,
    size: TreeSize,
    nodes: BTreeMap<u32, Node>,
}

impl Rows {
    fn new(group: &PublicGroup) -> Self {
        let nodes = (0..).zip(group.tree().to_nodes().0);
        let nodes = nodes.filter_map(|(number, node)| Some((number, node?))).collect();
        Self { head: group.head(), size: group.tree().size(), nodes }
    }

    /// Writes what differs, and says how many rows that were.
    fn update(&mut self, old: &PublicGroup, new: &PublicGroup) -> usize {
        let changed = new.tree().changed_since(old.tree());
        let cut_off = new.tree().cut_off_since(old.tree());
        for &node in &changed {
            match new.tree().node(node) {
                Some(value) => drop(self.nodes.insert(node.as_u32(), value.clone())),
                None => drop(self.nodes.remove(&node.as_u32())),
            }
        }
        cut_off.iter().for_each(|node| drop(self.nodes.remove(&node.as_u32())));
        (self.head, self.size) = (new.head(), new.tree().size());
        changed.len() + cut_off.len()
    }

    fn load(&self) -> PublicGroup {
        let tree = RatchetTree::from_placed_nodes(self.size, self.nodes.clone());
        let Ok(tree) = tree else { panic!("the rows are a tree") };
        PublicGroup::load(&crypto(), &self.head, tree).unwrap()
    }
}

#[test]
fn a_follower_lives_on_from_its_rows() {
    let mut group = Group::warm(9);
    let mut follower = group.follower();
    let mut rows = Rows::new(&follower);
    for step in 0..8 {
        let update = group.update(2);
        let proposed = group.proposes(2, &update.proposal);
        let Ok(PublicReceived::Proposal(proposal)) = receive(&mut follower, proposed) else {
            panic!("a proposal")
        };
        rows.head = follower.head();
        // Everything in memory is gone, and the pending proposal is not.
        follower = rows.load();
        assert_eq!(follower.proposals().count(), 1);
        let mut list = vec![update];
        match step {
            1 => list.push(group.remove(8)),
            3 => list.push(group.add()),
            5 => list.push(group.remove(1)),
            _ => {}
        }
        let mut named = by_value(&list);
        named[0] = ProposalOrRef::Reference(proposal.reference);
        let commit = group.commits(0, &list, named);
        let staged = stage(&mut follower, commit);
        let old = follower.clone();
        follower.advance(staged).unwrap();
        assert!(rows.update(&old, &follower) <= 4 * 5, "the paths of those concerned");
        let loaded = rows.load();
        assert_eq!(loaded.head(), follower.head());
        assert_eq!(loaded.tree().to_nodes(), follower.tree().to_nodes());
        follower = loaded;
        group.catch_up(&follower);
    }
}

#[test]
fn a_damaged_row_is_refused() {
    let group = Group::of(3);
    let mut follower = group.follower();
    assert!(receive(&mut follower, group.proposes(1, &Proposal::Remove(2))).is_ok());
    let head = follower.head();
    let load = |head: &[u8]| PublicGroup::load(&crypto(), head, follower.tree().clone());
    assert!(load(&head).is_ok());
    assert!(truncations(&head).all(|cut| load(cut).is_err()));
    assert!(load(&[&head[..], &[0]].concat()).is_err(), "trailing bytes");
    for version in [0, 2, 255] {
        let mut other = head.clone();
        other[0] = version;
        assert!(matches!(load(&other), Err(Error::Malformed(_))));
    }
    // A change that decodes may go unnoticed, since rows are this program's own, but never panics.
    mutations(&head).for_each(|changed| drop(load(&changed)));
    let other_tree = PublicGroup::load(&crypto(), &head, Group::of(2).tree);
    assert_eq!(broken(other_tree), Violation::WrongTreeHash);
}
