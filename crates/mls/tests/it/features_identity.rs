//! Who is who (RFC 9420, sections 5.3 and 7.3): the identity policy sees every new leaf with its
//! predecessor, and members change credentials and signature keys under its eyes.

use mls::{
    Candidate, CipherSuite, CommitOptions, Credential, Error, Extension, ExtensionType, Extensions,
    ExternalJoinOptions, ExternalSender, GroupParams, IdentityPolicy, LeafChanges, LeafNode,
    LeafOrigin, Propose, Refusal, SignatureKeyPair, Signer,
};
use std::sync::{Arc, Mutex};
use testkit::{NOW, Person, Traits, group_of};

use crate::features_senders::signer;
use crate::features_world::{
    FORMS, agree, commit_to_all, deliver, external_commit, form, group_info, leaf_of, propose,
};
use crate::rules_refusal::{error, refusal, rows};

/// One question to the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Question {
    origin: LeafOrigin,
    leaf: LeafNode,
    index: u32,
    predecessor: Option<LeafNode>,
    group_id: Vec<u8>,
}

/// A policy that remembers what it was asked, and refuses a name.
#[derive(Default)]
struct Spy {
    asked: Mutex<Vec<Question>>,
    senders: Mutex<Vec<Credential>>,
    refused: Mutex<Option<Credential>>,
}

impl Spy {
    fn refuse(&self, name: &str) {
        *self.refused.lock().unwrap() = Some(Credential::basic(name.as_bytes()));
    }

    fn asked(&self) -> Vec<Question> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl IdentityPolicy for Spy {
    fn validate_leaf(&self, candidate: &Candidate<'_>) -> Result<(), Refusal> {
        assert_eq!(candidate.now, NOW);
        self.asked.lock().unwrap().push(Question {
            origin: candidate.origin,
            leaf: candidate.leaf.clone(),
            index: candidate.index.as_u32(),
            predecessor: candidate.predecessor.cloned(),
            group_id: candidate.group_id.to_vec(),
        });
        if Some(&candidate.leaf.credential) == self.refused.lock().unwrap().as_ref() {
            return Err(Refusal("not this one".to_string()));
        }
        Ok(())
    }

    fn validate_external_sender(&self, sender: &ExternalSender, now: u64) -> Result<(), Refusal> {
        assert_eq!(now, NOW);
        self.senders.lock().unwrap().push(sender.credential.clone());
        if Some(&sender.credential) == self.refused.lock().unwrap().as_ref() {
            return Err(Refusal("not this one".to_string()));
        }
        Ok(())
    }
}

/// Alice, Bob whose policy is a spy, and Carol.
fn watched() -> (Vec<Person>, Arc<Spy>) {
    let spy = Arc::new(Spy::default());
    let mut people = group_of(&["alice"], || Traits::new(1));
    let traits = Traits { identity: Arc::clone(&spy) as _, ..Traits::new(1) };
    let others = vec![Person::new("bob", traits), Person::new("carol", Traits::new(1))];
    crate::features_world::add_to_all(&mut people, 0, others);
    (people, spy)
}

fn leaf(person: &mut Person, index: u32) -> LeafNode {
    (*person.group().member(index).unwrap().leaf).clone()
}

#[test]
fn the_policy_sees_the_whole_tree_of_a_group_that_is_joined() {
    let (mut people, spy) = watched();
    let asked = spy.asked();
    assert_eq!(asked.len(), 3);
    for (index, question) in (0..).zip(&asked) {
        assert_eq!(question.origin, LeafOrigin::Tree);
        assert_eq!((question.index, &question.predecessor), (index, &None));
        assert_eq!(question.leaf, leaf(&mut people[0], index));
        assert_eq!(question.group_id, people[0].group().group_id());
    }
    // And of one that is created.
    let traits = Traits { identity: Arc::clone(&spy) as _, ..Traits::new(1) };
    let mut dave = Person::new("dave", traits);
    dave.create();
    let asked = spy.asked();
    assert_eq!((asked.len(), asked[0].origin), (1, LeafOrigin::Tree));
}

#[test]
fn the_policy_sees_each_new_leaf_of_a_commit_with_the_one_it_replaces() {
    for handshakes in FORMS {
        let (mut people, spy) = watched();
        let before: Vec<_> = (0..3).map(|index| leaf(&mut people[0], index)).collect();
        let mut dave = Person::new("dave", Traits::new(1).handshakes(handshakes));
        let update = propose(&mut people[2], Propose::Update(LeafChanges::default()));
        deliver(&mut people, 2, &update);
        let options = CommitOptions::new().add_member(dave.key_package());
        let made = people[0].commit(options);
        people[0].advance(made.pending);
        spy.asked();
        people[1].follow(&made.commit);
        let mut asked = spy.asked();
        asked.sort_by_key(|question| question.index);
        let after: Vec<_> = (0..4).map(|index| leaf(&mut people[1], index)).collect();
        let expected = [
            (LeafOrigin::CommitPath, 0, Some(&before[0])),
            (LeafOrigin::Update, 2, Some(&before[2])),
            (LeafOrigin::Add, 3, None),
        ];
        assert_eq!(asked.len(), expected.len());
        for (question, (origin, index, predecessor)) in asked.iter().zip(expected) {
            assert_eq!((question.origin, question.index), (origin, index));
            assert_eq!(question.predecessor.as_ref(), predecessor);
            assert_eq!(&question.leaf, &after[usize::try_from(index).unwrap()]);
            assert_eq!(question.group_id, people[0].group().group_id());
        }
    }
}

/// What a member sends itself is judged like what it receives.
#[test]
fn the_policy_sees_what_its_own_client_commits() {
    let (mut people, spy) = watched();
    spy.asked();
    let mut dave = Person::new("dave", Traits::new(1));
    people[1].commit(CommitOptions::new().add_member(dave.key_package()));
    let mut origins: Vec<_> = spy.asked().iter().map(|it| (it.origin, it.index)).collect();
    origins.sort_by_key(|(_, index)| *index);
    assert_eq!(origins, [(LeafOrigin::CommitPath, 1), (LeafOrigin::Add, 3)]);
}

#[test]
fn a_leaf_that_the_policy_refuses_does_not_come_in_on_any_way() {
    let (mut people, spy) = watched();
    let mut mallory = Person::new("mallory", Traits::new(1));
    // A proposal that was taken before the policy knew better.
    let add = |mallory: &mut Person| Propose::Add(Box::new(mallory.key_package()));
    let proposed = propose(&mut people[2], add(&mut mallory));
    deliver(&mut people, 2, &proposed);
    spy.refuse("mallory");
    // By an Add of someone else, by value and by reference.
    let made = people[0].commit(CommitOptions::new());
    assert!(matches!(refusal(&mut people[1], &made.commit), Error::Refused(_)));
    let mut options = CommitOptions::new().add_member(mallory.key_package());
    options.ignore_received = true;
    let made = people[0].commit(options);
    assert!(matches!(refusal(&mut people[1], &made.commit), Error::Refused(_)));
    let proposed = propose(&mut people[2], add(&mut mallory));
    assert!(matches!(refusal(&mut people[1], &proposed), Error::Refused(_)));
    // Bob himself leaves the proposal out.
    let made = people[1].commit(CommitOptions::new());
    assert!(made.pending.change().added.is_empty());
    let own = CommitOptions::new().add_member(mallory.key_package());
    let Person { group, random, .. } = &mut people[1];
    assert!(matches!(error(group.as_mut().unwrap().commit(own, NOW, random)), Error::Refused(_)));
    // From outside.
    let info = group_info(&mut people[0]);
    let commit = external_commit(&mut mallory, &info, ExternalJoinOptions::default());
    assert!(matches!(refusal(&mut people[1], &commit), Error::Refused(_)));
    // By a change of name, through the path and through an Update.
    let renamed = || LeafChanges {
        credential: Some(Credential::basic(b"mallory")),
        ..LeafChanges::default()
    };
    let options = CommitOptions { leaf: renamed(), ignore_received: true, ..CommitOptions::new() };
    let made = people[2].commit(options);
    assert!(matches!(refusal(&mut people[1], &made.commit), Error::Refused(_)));
    let proposed = propose(&mut people[2], Propose::Update(renamed()));
    assert!(matches!(refusal(&mut people[1], &proposed), Error::Refused(_)));
    // In the tree of a group that is joined.
    let mut theirs = group_of(&["mallory"], || Traits::new(1)).remove(0);
    let key_package = people[1].key_package();
    let sent = theirs.commit_and_advance(CommitOptions::new().add_member(key_package));
    let before = rows(&people[1]);
    let joined = people[1].client.join(&people[1].store, &sent.welcomes[0], None, NOW);
    assert!(matches!(error(joined), Error::Refused(_)));
    assert!(rows(&people[1]) == before);
}

/// Whoever knows the group may propose itself, but not keep its members from speaking.
#[test]
fn a_stranger_that_the_policy_refuses_does_not_silence_the_group() {
    let (mut people, spy) = watched();
    let mut mallory = Person::new("mallory", Traits::new(1));
    let context = people[0].group().context().clone();
    let key_package = mallory.key_package();
    let message = mallory.client.propose_self(&context, key_package, b"").unwrap();
    spy.refuse("mallory");
    assert!(matches!(refusal(&mut people[1], &message), Error::Refused(_)));
    assert_eq!(people[1].group().pending_proposals().count(), 0);
    let text = people[1].say("still here");
    assert_eq!(people[0].hear(&text), "still here");
}

#[test]
fn the_policy_judges_external_senders_when_they_come_and_when_it_joins() {
    let (mut people, spy) = watched();
    let senders = |name: &str| {
        let signature_key = signer(1).public_key().clone();
        let credential = Credential::basic(name.as_bytes());
        let sender = ExternalSender { signature_key, credential };
        Extensions(vec![Extension::new(ExtensionType::EXTERNAL_SENDERS, &vec![sender])])
    };
    let options =
        |name| CommitOptions::new().propose(Propose::GroupContextExtensions(senders(name)));
    commit_to_all(&mut people, 0, options("server"));
    assert_eq!(*spy.senders.lock().unwrap(), [Credential::basic(b"server")]);
    spy.refuse("spam");
    let made = people[0].commit(options("spam"));
    assert!(matches!(refusal(&mut people[1], &made.commit), Error::Refused(_)));
    let mut dave = Person::new("dave", Traits::new(1));
    let params = GroupParams { extensions: senders("spam"), ..GroupParams::new(CipherSuite(1)) };
    let Person { client, store, random, .. } = &mut dave;
    let created = client.create_group(store, params, NOW, random);
    dave.group = Some(dave.save(created));
    let key_package = people[1].key_package();
    let sent = dave.commit_and_advance(CommitOptions::new().add_member(key_package));
    let joined = people[1].client.join(&people[1].store, &sent.welcomes[0], None, NOW);
    assert!(matches!(error(joined), Error::Refused(_)));
}

fn new_key(person: &mut Person) -> Arc<dyn Signer> {
    let suite = person.client.config().crypto.suite(CipherSuite(1)).unwrap();
    Arc::new(SignatureKeyPair::generate(&suite, &mut person.random).unwrap())
}

/// The client will have the new key in later sessions too.
fn remember(person: &mut Person, signer: Arc<dyn Signer>) {
    let mut config = person.client.config().clone();
    config.signers.push(signer);
    person.client = mls::Client::new(config);
}

#[test]
fn credential_and_signature_key_change_through_the_path_of_a_commit() {
    for handshakes in FORMS {
        let mut people = group_of(&["alice", "bob", "carol"], form(handshakes));
        let key = new_key(&mut people[1]);
        let leaf = LeafChanges {
            credential: Some(Credential::basic(b"bob the second")),
            signer: Some(Arc::clone(&key)),
            extensions: None,
        };
        let mut dave = Person::new("dave", form(handshakes)());
        let options = CommitOptions { leaf, ..CommitOptions::new() };
        // The Welcome of the same commit is signed with the new key.
        let sent = commit_to_all(&mut people, 1, options.add_member(dave.key_package()));
        dave.join(&sent.welcomes[0]);
        people.push(dave);
        let member = people[3].group().member(1).unwrap().leaf;
        assert_eq!(member.signature_key, *key.public_key());
        assert_eq!(member.credential, Credential::basic(b"bob the second"));
        // At once, and after a restart with the key among the client's.
        let text = people[1].say("it is me");
        assert_eq!(people[0].hear(&text), "it is me");
        remember(&mut people[1], key);
        agree(&mut people);
        commit_to_all(&mut people, 1, CommitOptions::new());
        agree(&mut people);
    }
}

#[test]
fn credential_and_signature_key_change_through_an_update() {
    for handshakes in FORMS {
        let mut people = group_of(&["alice", "bob", "carol"], form(handshakes));
        let key = new_key(&mut people[1]);
        let changes = LeafChanges {
            credential: Some(Credential::basic(b"bob the second")),
            signer: Some(Arc::clone(&key)),
            extensions: None,
        };
        let update = propose(&mut people[1], Propose::Update(changes));
        deliver(&mut people, 1, &update);
        // Until it is committed, the old key signs.
        let carol = leaf_of(&people[2]);
        let proposal = propose(&mut people[1], Propose::Remove(carol));
        deliver(&mut people, 1, &proposal);
        let sent = people[0].commit_and_advance(CommitOptions::new());
        people[1].follow(&sent.commit);
        assert!(people[2].follow(&sent.commit).self_removed);
        people.pop();
        let member = people[0].group().member(1).unwrap().leaf;
        assert_eq!(member.signature_key, *key.public_key());
        let text = people[1].say("it is me");
        assert_eq!(people[0].hear(&text), "it is me");
        remember(&mut people[1], key);
        agree(&mut people);
    }
}
