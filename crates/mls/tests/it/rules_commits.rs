//! Forged commits (RFC 9420, sections 12.2 to 12.4.2): every rule that a receiver checks is checked
//! on the way through a group, and whatever is found leaves no trace.

use std::sync::Arc;

use mls::{BrokenRule, CommitOptions, PathChoice, Propose, Violation};
use protection::Violation as Protection;
use testkit::forge::{DraftCommit, Insider};
use testkit::{Person, Traits, group_of};
use tree::Violation as Tree;
use treekem::Violation as KeyAgreement;
use wire::{
    Extension, ExtensionType, Extensions, LeafNode, PreSharedKeyId, Proposal, ProposalOrRef,
    ProposalType, ProtocolVersion, PskKind, ReInit, ResumptionPskUsage, WireFormat,
};

use crate::features_world::{FORMS, agree, commit_to_all, form, propose_to_all};
use crate::rules_refusal::refused;

const NAMES: [&str; 3] = ["alice", "bob", "carol"];

/// A change of a draft.
type Change = fn(&mut DraftCommit, &Insider);

/// Bob's verdict on a commit of Alice's, the same in both forms.
fn verdict(
    people: &mut [Person],
    proposals: &[Proposal],
    path: bool,
    change: Change,
) -> BrokenRule {
    let [alice, bob, carol] = people else { panic!("three") };
    let verdicts = [WireFormat::PUBLIC_MESSAGE, WireFormat::PRIVATE_MESSAGE].map(|wire_format| {
        let mut insider = Insider::of(alice);
        let listed: Vec<_> = proposals.iter().map(|it| insider.listed(it.clone())).collect();
        let mut draft = insider.draft(&listed, path);
        draft.wire_format = wire_format;
        change(&mut draft, &insider);
        let forged = draft.finish(&insider).content;
        let message = match wire_format {
            WireFormat::PUBLIC_MESSAGE => insider.public(forged),
            _ => insider.private(&forged),
        };
        refused(bob, carol, &message)
    });
    assert_eq!(verdicts[0], verdicts[1]);
    verdicts[0]
}

/// Alice's draft as it is, accepted by everyone.
fn accepted(people: &mut [Person], proposals: &[Proposal], path: bool) {
    for wire_format in [WireFormat::PUBLIC_MESSAGE, WireFormat::PRIVATE_MESSAGE] {
        let mut insider = Insider::of(&people[0]);
        let listed: Vec<_> = proposals.iter().map(|it| insider.listed(it.clone())).collect();
        let mut draft = insider.draft(&listed, path);
        draft.wire_format = wire_format;
        let forged = draft.finish(&insider);
        let message = match wire_format {
            WireFormat::PUBLIC_MESSAGE => insider.public(forged.content),
            _ => insider.private(&forged.content),
        };
        for person in &mut people[1..] {
            assert!(person.group().process(&message, testkit::NOW).is_ok());
        }
    }
}

fn extensions(data: &[u8]) -> Proposal {
    let extension_type = ExtensionType::EXTERNAL_SENDERS;
    let extension_data = data.into();
    Proposal::GroupContextExtensions(Extensions(vec![Extension { extension_type, extension_data }]))
}

#[test]
fn a_commit_lacks_the_path_that_its_proposals_demand() {
    let mut people = group_of(&NAMES, form(FORMS[0]));
    let lists = [vec![], vec![Proposal::Remove(2)], vec![extensions(&[0])]];
    let expected = BrokenRule::Group(Violation::PathMissing);
    for list in lists {
        assert_eq!(verdict(&mut people, &list, false, |_, _| {}), expected);
    }
    // By reference it is the same.
    propose_to_all(&mut people, 1, Propose::Update(Default::default()));
    let [alice, bob, carol] = people.as_mut_slice() else { panic!("three") };
    let mut insider = Insider::of(alice);
    let mut draft = insider.draft(&[], false);
    let (reference, ..) = bob.group().pending_proposals().next().unwrap();
    draft.commit().proposals.push(ProposalOrRef::Reference(reference));
    let message = insider.public(draft.finish(&insider).content);
    assert_eq!(refused(carol, bob, &message), expected);
    // A joiner has to bring its leaf.
    let mut insider = Insider::of(alice);
    insider.signer = Person::new("mallory", Traits::new(1)).signer();
    let mut draft = insider.draft_external(&[]);
    draft.commit().path = None;
    let message = insider.public(draft.finish(&insider).content);
    assert_eq!(refused(bob, carol, &message), expected);
}

/// Edge of `Violation::PathMissing`.
#[test]
fn a_commit_of_what_demands_no_path_is_accepted_without_one() {
    let mut people = group_of(&NAMES, form(FORMS[0]));
    let group_id = people[0].group().group_id().to_vec();
    let psk = Propose::ResumptionPsk { group_id, epoch: people[0].group().epoch() };
    let newcomer = Person::new("dave", Traits::new(1)).key_package();
    let options = CommitOptions { path: PathChoice::IfRequired, ..CommitOptions::new() };
    let sent = commit_to_all(&mut people, 0, options.propose(psk).add_member(newcomer));
    assert!(sent.change.updated.is_empty(), "there was no path");
    agree(&mut people);
}

fn psk(kind: PskKind, nonce: usize) -> Proposal {
    Proposal::PreSharedKey(PreSharedKeyId { kind, psk_nonce: vec![1; nonce].into() })
}

fn resumption(usage: ResumptionPskUsage) -> PskKind {
    PskKind::Resumption { usage, psk_group_id: b"group".as_slice().into(), psk_epoch: 0 }
}

fn push(draft: &mut DraftCommit, proposals: impl IntoIterator<Item = Proposal>) {
    let listed = proposals.into_iter().map(|it| ProposalOrRef::Proposal(Arc::new(it)));
    draft.commit().proposals.extend(listed);
}

fn reinit(version: u16) -> Proposal {
    Proposal::ReInit(ReInit {
        group_id: b"next".as_slice().into(),
        version: ProtocolVersion(version),
        cipher_suite: crypto::CipherSuite(1),
        extensions: Extensions::default(),
    })
}

fn own_leaf(insider: &Insider) -> LeafNode {
    (*insider.tree.leaf(insider.leaf).unwrap()).clone()
}

#[test]
fn lists_of_proposals_that_contradict_themselves_are_refused() {
    let cases: [(Tree, Change); 16] = [
        (Tree::CommitterRemovesItself, |draft, _| push(draft, [Proposal::Remove(0)])),
        (Tree::CommitterUpdatesItself, |draft, insider| {
            push(draft, [Proposal::Update(Box::new(own_leaf(insider)))]);
        }),
        (Tree::RemoveOfBlank, |draft, _| push(draft, [Proposal::Remove(3)])),
        (Tree::RemoveOfBlank, |draft, _| push(draft, [Proposal::Remove(u32::MAX)])),
        (Tree::MultipleProposalsForLeaf, |draft, _| {
            push(draft, [Proposal::Remove(2), Proposal::Remove(2)]);
        }),
        (Tree::ReInitNotAlone, |draft, _| push(draft, [reinit(1), Proposal::Remove(2)])),
        (Tree::ReInitVersion, |draft, _| push(draft, [reinit(0)])),
        (Tree::MultipleGroupContextExtensions, |draft, _| {
            push(draft, [extensions(&[0]), extensions(&[0])]);
        }),
        (Tree::DuplicateExtension, |draft, _| {
            let Proposal::GroupContextExtensions(mut list) = extensions(&[0]) else { return };
            list.0.push(list.0[0].clone());
            push(draft, [Proposal::GroupContextExtensions(list)]);
        }),
        (Tree::ExternalInitByMember, |draft, _| {
            push(draft, [Proposal::ExternalInit(vec![0; 32].into())]);
        }),
        (Tree::DuplicatePsk, |draft, _| {
            let kind = resumption(ResumptionPskUsage::Application);
            push(draft, [psk(kind.clone(), 32), psk(kind, 32)]);
        }),
        (Tree::PskNonceLength, |draft, _| {
            push(draft, [psk(resumption(ResumptionPskUsage::Application), 31)]);
        }),
        (Tree::PskUsage, |draft, _| {
            push(draft, [psk(resumption(ResumptionPskUsage::Branch), 32)]);
        }),
        (Tree::UnsupportedProposalType, |draft, _| {
            push(draft, [Proposal::Other(ProposalType(0xf0f0), b"x".as_slice().into())]);
        }),
        (Tree::ExtensionNotSupportedByMembers, |draft, _| {
            let extension_type = ExtensionType(0xf0c0);
            let extension = Extension { extension_type, extension_data: Default::default() };
            push(draft, [Proposal::GroupContextExtensions(Extensions(vec![extension]))]);
        }),
        (Tree::RequiredCapabilities, |draft, _| {
            let required = wire::RequiredCapabilities {
                proposal_types: vec![ProposalType(0xf0f0)],
                ..Default::default()
            };
            let extension = Extension::new(ExtensionType::REQUIRED_CAPABILITIES, &required);
            push(draft, [Proposal::GroupContextExtensions(Extensions(vec![extension]))]);
        }),
    ];
    let mut people = group_of(&NAMES, form(FORMS[0]));
    for (expected, change) in cases {
        let rule = verdict(&mut people, &[], true, change);
        assert_eq!(rule, BrokenRule::Tree(expected, None), "{expected:?}");
    }
    agree(&mut people);
}

#[test]
fn paths_that_do_not_fit_are_refused() {
    let cases: [(Tree, Change); 8] = [
        (Tree::PathLengthMismatch, |draft, _| drop(draft.path().nodes.pop())),
        (Tree::PathLengthMismatch, |draft, _| {
            let mut node = draft.path().nodes[0].clone();
            node.encryption_key = fresh_key(9);
            draft.path().nodes.push(node);
        }),
        (Tree::PathKeyInTree, |draft, _| {
            let leaf_key = draft.path().leaf_node.encryption_key.clone();
            draft.path().nodes[0].encryption_key = leaf_key;
        }),
        (Tree::PathKeyInTree, |draft, insider| {
            let bobs = &insider.tree.member(1).unwrap().1.encryption_key;
            draft.path().nodes[0].encryption_key = bobs.clone();
        }),
        (Tree::InvalidEncryptionKey, |draft, _| {
            draft.path().nodes[0].encryption_key = vec![0; 32].into();
        }),
        (Tree::PathLeafParentHash, |draft, _| {
            draft.path().nodes[0].encryption_key = fresh_key(8);
        }),
        (Tree::WrongLeafNodeSource, |draft, insider| {
            draft.change_leaf(insider, |leaf| {
                leaf.leaf_node_source = wire::LeafNodeSource::Update;
            });
        }),
        (Tree::InvalidLeafSignature, |draft, _| {
            draft.path().leaf_node.signature = vec![0; 64].into();
        }),
    ];
    let mut people = group_of(&NAMES, form(FORMS[0]));
    for (index, (expected, change)) in cases.into_iter().enumerate() {
        let rule = verdict(&mut people, &[], true, change);
        assert_eq!(rule, BrokenRule::Tree(expected, None), "case {index}");
    }
    agree(&mut people);
}

/// Two members who conspire cannot share a signature key.
#[test]
fn a_path_with_the_signature_key_of_another_member_is_refused() {
    let mut people = group_of(&NAMES, form(FORMS[0]));
    let [alice, bob, carol] = people.as_mut_slice() else { panic!("three") };
    let (mut insider, accomplice) = (Insider::of(alice), Insider::of(carol));
    let mut draft = insider.draft(&[], true);
    let key = accomplice.signer.public_key().clone();
    draft.change_leaf(&accomplice, |leaf| leaf.signature_key = key);
    let message = insider.public(draft.finish(&insider).content);
    let expected = BrokenRule::Tree(Tree::DuplicateSignatureKey, None);
    assert_eq!(refused(bob, carol, &message), expected);
}

/// A public key of suite 1 that nobody else has.
fn fresh_key(seed: u64) -> crypto::HpkePublicKey {
    let suite = Traits::new(1).crypto.suite(crypto::CipherSuite(1)).unwrap();
    let mut random = testkit::SeededRandom::new(seed);
    suite.generate_key_pair(&mut random).unwrap().public_key
}

#[test]
fn path_secrets_that_do_not_open_are_refused() {
    let cases: [(KeyAgreement, Change); 4] = [
        (KeyAgreement::CiphertextCountMismatch, |draft, _| {
            for node in &mut draft.path().nodes {
                node.encrypted_path_secret.push(node.encrypted_path_secret[0].clone());
            }
        }),
        (KeyAgreement::PathSecretUndecryptable, |draft, _| {
            for node in &mut draft.path().nodes {
                for ciphertext in &mut node.encrypted_path_secret {
                    ciphertext.ciphertext = vec![1; 48].into();
                }
            }
        }),
        (KeyAgreement::PathSecretUndecryptable, |draft, _| {
            for node in &mut draft.path().nodes {
                for ciphertext in &mut node.encrypted_path_secret {
                    ciphertext.kem_output = vec![0; 32].into();
                }
            }
        }),
        (KeyAgreement::WrongConfirmationTag, |draft, insider| {
            // A commit secret that does not follow from the path.
            draft.commit_secret = treekem::CommitSecret::without_path(&insider.suite);
        }),
    ];
    let mut people = group_of(&NAMES, form(FORMS[0]));
    for (expected, change) in cases {
        let rule = verdict(&mut people, &[], true, change);
        assert_eq!(rule, BrokenRule::KeyAgreement(expected), "{expected:?}");
    }
    accepted(&mut people, &[], true);
    agree(&mut people);
}

#[test]
fn signatures_and_tags_that_are_wrong_are_refused() {
    let mut people = group_of(&NAMES, form(FORMS[0]));
    let [alice, bob, carol] = people.as_mut_slice() else { panic!("three") };
    let mut insider = Insider::of(alice);
    let forged = insider.draft(&[], true).finish(&insider).content;
    // A byte less, a byte more, a byte changed, nothing.
    let tag = forged.auth.confirmation_tag.clone().unwrap().to_vec();
    let flipped = [&[tag[0] ^ 1], &tag[1..]].concat();
    for wrong in [tag[1..].to_vec(), [&tag[..], &[0]].concat(), flipped, vec![]] {
        let mut changed = forged.clone();
        changed.auth.confirmation_tag = Some(wrong.into());
        let expected = BrokenRule::KeyAgreement(KeyAgreement::WrongConfirmationTag);
        assert_eq!(refused(bob, carol, &insider.public(changed)), expected);
    }
    let mut changed = forged.clone();
    changed.auth.signature = vec![3; 64].into();
    let expected = BrokenRule::Protection(Protection::InvalidSignature);
    assert_eq!(refused(bob, carol, &insider.public(changed)), expected);
    let message = insider.public(forged.clone());
    for wrong in [Some(vec![0; 32]), Some(vec![]), None] {
        let mut message = message.clone();
        let mls::MlsMessageBody::PublicMessage(public) = &mut message.0 else { panic!("public") };
        public.membership_tag = wrong.map(Into::into);
        let expected = BrokenRule::Protection(Protection::InvalidMembershipTag);
        assert_eq!(refused(bob, carol, &message), expected);
    }
    bob.follow(&message);
    carol.follow(&message);
    assert_eq!(bob.hear(&carol.say("the untouched one is good")), "the untouched one is good");
}

/// A signature for one wire format is none for the other.
#[test]
fn content_that_was_signed_for_the_other_wire_format_is_refused() {
    let mut people = group_of(&NAMES, form(FORMS[0]));
    let [alice, bob, carol] = people.as_mut_slice() else { panic!("three") };
    let mut insider = Insider::of(alice);
    let content = insider.content(wire::Content::Proposal(Proposal::Remove(2)));
    let expected = BrokenRule::Protection(Protection::InvalidSignature);
    let public = insider.sign(WireFormat::PUBLIC_MESSAGE, content.clone());
    let message = insider.private(&public);
    assert_eq!(refused(bob, carol, &message), expected);
    let mut private = insider.sign(WireFormat::PRIVATE_MESSAGE, content);
    private.wire_format = WireFormat::PUBLIC_MESSAGE;
    let message = insider.public(private);
    assert_eq!(refused(bob, carol, &message), expected);
    agree(&mut people);
}
