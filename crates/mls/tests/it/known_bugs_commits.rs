//! Bugs that other implementations had in commits: order, indices, rollback, successors of leaves.

use std::sync::Arc;

use mls::{
    BrokenRule, Candidate, CommitOptions, Credential, Digest, Error, Extensions, HandshakeFormat,
    IdentityPolicy, LeafChanges, LeafOrigin, Misuse, Propose, Received, Refusal, Secret,
    SignatureKeyPair, Violation,
};
use testkit::forge::{DraftCommit, Insider};
use testkit::{NOW, Person, TestPsks, Traits, assert_agreement, group_of};
use wire::{
    Content, LeafNode, LeafNodeSource, PreSharedKeyId, Proposal, ProposalOrRef, PskKind, Sender,
};

use crate::hostile_view::{View, assert_group_works, broken_rule, refusal};

fn traits() -> Traits {
    Traits::new(1).handshakes(HandshakeFormat::Public)
}

fn three() -> Vec<Person> {
    group_of(&["alice", "bob", "carol"], traits)
}

fn tree_rule(violation: tree::Violation) -> BrokenRule {
    BrokenRule::Tree(violation, None)
}

/// The rule that Bob finds broken in a commit that Alice drafts; the group works afterwards.
fn rule_against(
    people: &mut [Person],
    spoil: impl FnOnce(&mut DraftCommit, &Insider),
) -> BrokenRule {
    let mut insider = Insider::of(&people[0]);
    let mut draft = insider.draft(&[], true);
    spoil(&mut draft, &insider);
    let forged = draft.finish(&insider);
    let rule = broken_rule(&mut people[1], &insider.public(forged.content));
    assert_group_works(people);
    rule
}

fn by_value(proposal: Proposal) -> ProposalOrRef {
    ProposalOrRef::Proposal(Arc::new(proposal))
}

/// Covers OpenMLS #1943 and #1928: the same pre-shared key twice in one commit.
#[test]
fn a_commit_with_the_same_psk_twice_is_refused_and_with_another_nonce_accepted() {
    let psks = || TestPsks([(b"psk".to_vec(), vec![7; 32])].into());
    let people = &mut group_of(&["alice", "bob", "carol"], || Traits { psks: psks(), ..traits() });
    let id = PreSharedKeyId {
        kind: PskKind::External { psk_id: b"psk".into() },
        psk_nonce: vec![1; 32].into(),
    };
    for count in [2, 3] {
        let rule = rule_against(people, |draft, insider| {
            let proposals = (0..count).map(|_| by_value(Proposal::PreSharedKey(id.clone())));
            draft.commit().proposals.extend(proposals);
            let psks: Vec<_> =
                (0..count).map(|_| (id.clone(), Secret::from_slice(&[7; 32]))).collect();
            draft.set_psks(&insider.suite, &psks);
        });
        assert_eq!(rule, tree_rule(tree::Violation::DuplicatePsk));
    }
    let psk = || Propose::ExternalPsk(b"psk".to_vec());
    let options = CommitOptions::new().propose(psk()).propose(psk());
    let sent = people[0].commit_and_advance(options);
    people[1..].iter_mut().for_each(|person| drop(person.follow(&sent.commit)));
    assert_group_works(people);
}

/// Covers OpenMLS #514: a commit with a wrong confirmation tag left the group half changed.
#[test]
fn a_commit_with_a_wrong_tag_leaves_the_epoch_unchanged_and_the_right_one_is_accepted() {
    let people = &mut three();
    let mut insider = Insider::of(&people[0]);
    let forged = insider.draft(&[], true).finish(&insider);
    let mut wrong = forged.content.clone();
    wrong.auth.confirmation_tag = Some(vec![0; 32].into());
    for _ in 0..2 {
        let rule = broken_rule(&mut people[1], &insider.public(wrong.clone()));
        assert_eq!(rule, BrokenRule::KeyAgreement(treekem::Violation::WrongConfirmationTag));
    }
    people[1].follow(&insider.public(forged.content));
    let secrets = &forged.next.secrets;
    assert!(people[1].group().epoch_authenticator() == secrets.epoch_authenticator());
}

/// Covers OpenMLS #1797: the tree was truncated at the wrong moment. Covers #1793 as far as it
/// applies: there is no SelfRemove here, but a removed leaf is free for the Add of the same commit.
#[test]
fn removing_the_rightmost_members_and_adding_in_one_commit_keeps_all_in_agreement() {
    for (removed, place) in [(&[4][..], 4), (&[3, 4], 3), (&[1, 4], 1), (&[2, 3, 4], 2)] {
        let mut people = group_of(&["a", "b", "c", "d", "e"], traits);
        assert_group_works(&mut people);
        let mut new = Person::new("new", traits());
        let mut options = CommitOptions::new().add_member(new.key_package());
        for &index in removed {
            let member = people[0].group().member(index).unwrap().index;
            options = options.remove_member(member);
        }
        let sent = people[0].commit_and_advance(options);
        let mut index = 0;
        people.retain(|_| {
            index += 1;
            !removed.contains(&(index - 1))
        });
        people[1..].iter_mut().for_each(|person| drop(person.follow(&sent.commit)));
        new.join(&sent.welcomes[0]);
        assert_eq!(new.group().own_leaf().as_u32(), place);
        people.push(new);
        assert_group_works(&mut people);
    }
}

/// Covers OpenMLS #2149: a new signer that was passed was silently not used.
#[test]
fn a_new_signer_is_in_the_leaf_and_signs_from_then_on() {
    let people = &mut three();
    let suite = people[0].group().suite().clone();
    let new = |number: u64| {
        let random = &mut testkit::SeededRandom::new(number);
        Arc::new(SignatureKeyPair::generate(&suite, random).unwrap())
    };
    let (first, second) = (new(1), new(2));
    let with = |signer: &Arc<SignatureKeyPair>| LeafChanges {
        signer: Some(Arc::clone(signer) as Arc<dyn mls::Signer>),
        ..LeafChanges::default()
    };
    let key_of = |person: &mut Person| {
        let member = person.group().member(0).unwrap();
        member.leaf.signature_key.clone()
    };
    // By the path of a commit.
    let sent =
        people[0].commit_and_advance(CommitOptions { leaf: with(&first), ..Default::default() });
    people[1..].iter_mut().for_each(|person| drop(person.follow(&sent.commit)));
    assert_eq!(&key_of(&mut people[1]), mls::Signer::public_key(&*first));
    let said = people[0].say("signed with the new key");
    people[1..].iter_mut().for_each(|person| drop(person.hear(&said)));
    // By an Update that someone else commits.
    let proposed = {
        let Person { group, store, random, .. } = &mut people[0];
        let propose = Propose::Update(with(&second));
        let made = group.as_mut().unwrap().propose(propose, b"", NOW, random).unwrap();
        made.save(store).unwrap()
    };
    people[1..].iter_mut().for_each(|person| drop(person.process(&proposed)));
    let sent = people[1].commit_and_advance(CommitOptions::new());
    people[0].follow(&sent.commit);
    people[2].follow(&sent.commit);
    assert_eq!(&key_of(&mut people[1]), mls::Signer::public_key(&*second));
    let said = people[0].say("and again");
    people[1..].iter_mut().for_each(|person| drop(person.hear(&said)));
}

/// Covers mls-rs #360: the leaf of a commit without a parent hash, or with another.
#[test]
fn a_leaf_of_a_path_with_an_empty_or_wrong_parent_hash_is_refused() {
    for parent_hash in [&[][..], &[0; 32], &[0; 31]].map(|hash| Digest::new(hash).unwrap()) {
        let rule = rule_against(&mut three(), |draft, insider| {
            draft.change_leaf(insider, |leaf| {
                let source = LeafNodeSource::Commit { parent_hash };
                leaf.leaf_node_source = source;
            });
        });
        assert_eq!(rule, tree_rule(tree::Violation::PathLeafParentHash));
    }
}

/// Covers mls-rs #286 and #173: a leaf index near the end of its type.
#[test]
fn a_remove_of_a_leaf_that_no_tree_has_is_refused_alone_and_in_a_commit() {
    let people = &mut three();
    for index in [3, 4, 7, 8, 1 << 30, (1 << 31) - 1, 1 << 31, u32::MAX - 1, u32::MAX] {
        let blank = tree_rule(tree::Violation::RemoveOfBlank);
        let insider = Insider::of(&people[0]);
        let proposal = Content::Proposal(Proposal::Remove(index));
        let proposal = insider.say_publicly(insider.content(proposal));
        assert_eq!(broken_rule(&mut people[1], &proposal), blank);
        let rule = rule_against(people, |draft, _| {
            draft.commit().proposals.push(by_value(Proposal::Remove(index)));
        });
        assert_eq!(rule, blank);
    }
}

/// Covers amethyst #2471, #2477 and #3499: an own commit applied twice.
#[test]
fn an_own_commit_is_applied_once() {
    let people = &mut three();
    let made = people[0].commit(CommitOptions::new());
    let stored = |person: &mut Person| {
        let Person { group, store, .. } = person;
        group.as_ref().unwrap().pending_commits(store).unwrap()
    };
    let again = stored(&mut people[0]).pop().unwrap();
    assert_eq!(again.id(), made.pending.id());
    people[0].advance(made.pending);
    let before = View::of(&mut people[0]);
    let refused = people[0].group().advance(again).map(|_| ());
    assert!(matches!(refused, Err(Error::Misuse(Misuse::StaleEpoch))));
    assert!(stored(&mut people[0]).is_empty());
    // Its echo comes late, and after a restart.
    for _ in 0..2 {
        let echo = people[0].process(&made.commit);
        assert!(matches!(echo, Received::OwnCommit(_) | Received::OtherEpoch { epoch: 1 }));
        people[0].restart();
    }
    assert!(View::of(&mut people[0]) == before);
    people[1..].iter_mut().for_each(|person| drop(person.follow(&made.commit)));
    // Those who followed it do not follow it twice either.
    assert!(matches!(people[1].process(&made.commit), Received::OtherEpoch { epoch: 1 }));
    assert_group_works(people);
}

/// Lets a leaf replace another only if the credential stays.
struct SameCredential;

impl IdentityPolicy for SameCredential {
    fn validate_leaf(&self, candidate: &Candidate<'_>) -> Result<(), Refusal> {
        match candidate.predecessor {
            Some(old) if old.credential != candidate.leaf.credential => {
                Err(Refusal("another credential".into()))
            }
            None if matches!(candidate.origin, LeafOrigin::Update | LeafOrigin::CommitPath) => {
                Err(Refusal("no predecessor".into()))
            }
            _ => Ok(()),
        }
    }

    fn validate_external_sender(&self, _: &mls::ExternalSender, _: u64) -> Result<(), Refusal> {
        Ok(())
    }
}

/// Covers darkmatter #143 and mdk #634: a member took another's name in the leaf of its path.
#[test]
fn a_credential_swap_in_a_path_or_update_comes_before_the_policy() {
    let people = &mut group_of(&["alice", "bob", "carol"], || Traits {
        identity: Arc::new(SameCredential),
        ..traits()
    });
    let swap = |leaf: &mut LeafNode| leaf.credential = Credential::basic(b"carol");
    let mut insider = Insider::of(&people[0]);
    let mut draft = insider.draft(&[], true);
    draft.change_leaf(&insider, swap);
    let forged = insider.public(draft.finish(&insider).content);
    assert!(matches!(refusal(&mut people[1], &forged), Error::Refused(_)));

    let mut leaf = (*insider.tree.leaf(insider.leaf).unwrap()).clone();
    leaf.encryption_key = insider.suite.generate_key_pair(&mut insider.random).unwrap().public_key;
    leaf.leaf_node_source = LeafNodeSource::Update;
    for is_swapped in [true, false] {
        if is_swapped {
            swap(&mut leaf);
        } else {
            leaf.credential = Credential::basic(b"alice");
        }
        insider.sign_leaf(&mut leaf, 0);
        let proposal = Content::Proposal(Proposal::Update(Box::new(leaf.clone())));
        let update = insider.say_publicly(insider.content(proposal));
        match is_swapped {
            true => assert!(matches!(refusal(&mut people[1], &update), Error::Refused(_))),
            false => drop(people[1].process(&update)),
        }
    }
}

/// Covers the ts-mls bug that took a commit for external by its proposals and not by its sender.
#[test]
fn the_sender_and_not_the_proposals_decides_whether_a_commit_is_external() {
    let people = &mut three();
    let rule = rule_against(people, |draft, insider| {
        let external = insider.secrets.external_key_pair(&insider.suite).unwrap().public_key;
        let random = &mut testkit::SeededRandom::new(1);
        let sent = treekem::InitSecret::send_external(&insider.suite, &external, random);
        let (kem_output, init_secret) = sent.unwrap();
        draft.commit().proposals.push(by_value(Proposal::ExternalInit(kem_output)));
        draft.init_secret = Some(init_secret);
    });
    assert_eq!(rule, tree_rule(tree::Violation::ExternalInitByMember));

    // A commit of a new member without an ExternalInit, signed as such.
    let mut insider = Insider::of(&people[0]);
    let mut draft = insider.draft(&[], true);
    draft.content.sender = Sender::NewMemberCommit;
    let forged = insider.public(draft.finish(&insider).content);
    let rule = broken_rule(&mut people[1], &forged);
    assert_eq!(rule, tree_rule(tree::Violation::ExternalInitCount));
}

/// Covers mlspp #429: what each kind of sender may propose.
#[test]
fn who_is_not_a_member_may_propose_only_what_section_12_1_8_allows() {
    let people = &mut three();
    let mut insider = Insider::of(&people[0]);
    let leaf = (*insider.tree.leaf(insider.leaf).unwrap()).clone();
    let key_package = Person::new("dave", traits()).key_package();
    let (kem_output, _) = {
        let external = insider.secrets.external_key_pair(&insider.suite).unwrap().public_key;
        treekem::InitSecret::send_external(&insider.suite, &external, &mut insider.random).unwrap()
    };
    let proposals = [
        Proposal::Add(Box::new(key_package)),
        Proposal::Update(Box::new(leaf)),
        Proposal::Remove(2),
        Proposal::ExternalInit(kem_output),
        Proposal::GroupContextExtensions(Extensions::default()),
    ];
    for proposal in proposals {
        let framed = |sender| wire::FramedContent {
            sender,
            ..insider.content(Content::Proposal(proposal.clone()))
        };
        // The group names no external senders.
        for index in [0, 1, u32::MAX] {
            let forged = insider.say_publicly(framed(Sender::External(index)));
            let rule = broken_rule(&mut people[1], &forged);
            assert_eq!(rule, BrokenRule::Group(Violation::ExternalSenderUnknown));
        }
        // A new member signs with the key of its key package, which the insider has not.
        let forged = insider.say_publicly(framed(Sender::NewMemberProposal));
        let rule = broken_rule(&mut people[1], &forged);
        let expected = match proposal {
            Proposal::Add(_) => protection::Violation::InvalidSignature,
            _ => protection::Violation::NewMemberProposalType,
        };
        assert_eq!(rule, BrokenRule::Protection(expected));
        let forged = insider.say_publicly(framed(Sender::NewMemberCommit));
        let rule = broken_rule(&mut people[1], &forged);
        let expected = protection::Violation::NewMemberCommitContent;
        assert_eq!(rule, BrokenRule::Protection(expected));
    }
    assert_agreement(&mut people.iter_mut().collect::<Vec<_>>());
}
