//! The life of a real group whose handshake messages are public, watched from outside step by step:
//! the follower has the members' tree and context after each commit, in memory and reloaded.

use mls::{
    CommitOptions, ExternalJoinOptions, GroupInfoOptions, GroupParams, HandshakeFormat, PathChoice,
    Propose, external_proposal,
};
use testkit::{AcceptAll, NOW, Person, Traits, group_of};
use tree::rules::LifetimeRules;
use tree::{
    Checks, Error, Misuse, PskPurpose, PublicChange, PublicGroup, PublicReceived, RatchetTree,
};
use wire::{
    Credential, Extension, ExtensionType, Extensions, ExternalSender, GroupInfo, MlsMessage,
    MlsMessageBody, Proposal, RatchetTreeNodes,
};

use crate::public_forge::crypto;

fn traits() -> Traits {
    Traits::new(1).handshakes(HandshakeFormat::Public)
}

fn checks() -> Checks<'static> {
    Checks {
        identity: &AcceptAll,
        lifetimes: LifetimeRules::default(),
        now: NOW,
        sending: false,
        psk_purpose: PskPurpose::Ordinary,
    }
}

/// The GroupInfo of a member's epoch, with the key for external commits.
fn message_of_info(person: &mut Person, ratchet_tree: bool) -> MlsMessage {
    let options = GroupInfoOptions { ratchet_tree, external_pub: true };
    let Person { group, random, .. } = person;
    group.as_ref().unwrap().group_info(options, random).unwrap()
}

fn info(person: &mut Person) -> GroupInfo {
    match message_of_info(person, true).0 {
        MlsMessageBody::GroupInfo(info) => *info,
        _ => panic!("a GroupInfo"),
    }
}

/// A group with its follower.
struct Watched {
    people: Vec<Person>,
    follower: PublicGroup,
}

impl Watched {
    fn new(names: &[&str]) -> Self {
        let mut people = group_of(names, traits);
        let info = info(&mut people[0]);
        let follower = PublicGroup::new(&crypto(), &info, None, &checks()).unwrap();
        let mut watched = Self { people, follower };
        watched.compare();
        watched
    }

    /// The follower and every member are in one state, and the follower's survives its storage.
    fn compare(&mut self) {
        let Self { people, follower } = self;
        let nodes = follower.tree().to_nodes();
        for person in &mut *people {
            assert_eq!(person.group().ratchet_tree(), nodes);
            assert_eq!(person.group().context(), follower.context());
            let pending = person.group().pending_proposals().count();
            assert_eq!(pending, follower.proposals().count());
        }
        let stored: RatchetTreeNodes =
            codec::Decode::from_bytes(&codec::Encode::to_bytes(&nodes)).unwrap();
        let tree = RatchetTree::from_nodes(stored).unwrap();
        let loaded = PublicGroup::load(&crypto(), &follower.head(), tree).unwrap();
        assert_eq!(loaded.interim_transcript_hash(), follower.interim_transcript_hash());
        *follower = loaded;
        let info = info(&mut people[0]);
        follower.verify_group_info(&info).unwrap();
    }

    /// A proposal reaches the follower and all members but its sender.
    fn propose(&mut self, message: &MlsMessage, sender: Option<usize>) {
        let received = self.follower.process(message, &checks()).unwrap();
        assert!(matches!(received, PublicReceived::Proposal(_)));
        for (number, person) in self.people.iter_mut().enumerate() {
            if Some(number) != sender {
                person.process(message);
            }
        }
        self.compare();
    }

    fn proposes(&mut self, sender: usize, proposal: Propose) {
        let Person { group, random, store, .. } = &mut self.people[sender];
        let proposed = group.as_mut().unwrap().propose(proposal, b"", NOW, random).unwrap();
        let proposed = proposed.save(store).unwrap();
        self.propose(&proposed, Some(sender));
    }

    fn watch(&mut self, commit: &MlsMessage) -> PublicChange {
        match self.follower.process(commit, &checks()).unwrap() {
            PublicReceived::Commit(staged) => self.follower.advance(*staged).unwrap(),
            PublicReceived::Proposal(_) => panic!("a commit"),
        }
    }

    /// A member commits; the others follow, and so does the follower. Whoever leaves is dropped.
    fn commit(&mut self, sender: usize, options: CommitOptions) -> PublicChange {
        let sent = self.people[sender].commit_and_advance(options);
        let change = self.watch(&sent.commit);
        let mut stay = Vec::new();
        for (number, mut person) in std::mem::take(&mut self.people).into_iter().enumerate() {
            if number == sender || !person.follow(&sent.commit).self_removed {
                stay.push(person);
            }
        }
        self.people = stay;
        change
    }

    fn join(&mut self, mut person: Person, resync: bool) -> PublicChange {
        let info = message_of_info(&mut self.people[0], true);
        let options = ExternalJoinOptions { resync, ..ExternalJoinOptions::default() };
        let Person { client, store, random, .. } = &mut person;
        let join = client.join_external(store, &info, options, NOW, random).unwrap();
        let join = join.save(store).unwrap();
        self.people.iter_mut().for_each(|member| drop(member.follow(&join.commit)));
        let joined = person.client.complete_join(&person.store, &join.pending).unwrap();
        person.group = Some(joined.save(&mut person.store).unwrap());
        self.people.push(person);
        let change = self.watch(&join.commit);
        self.compare();
        change
    }
}

#[test]
fn a_follower_sees_members_come_change_and_go() {
    let mut group = Watched::new(&["alice", "bob", "carol", "dave"]);
    group.commit(0, CommitOptions::new());
    group.compare();

    group.proposes(1, Propose::Update(Default::default()));
    let carols_leaf = group.people[2].group().own_leaf();
    group.proposes(3, Propose::Remove(carols_leaf));
    let change = group.commit(0, CommitOptions::new());
    assert_eq!((change.updated.len(), change.removed.len()), (2, 1));
    group.compare();

    let mut erin = Person::new("erin", traits());
    let key_package = erin.key_package();
    group.proposes(1, Propose::Add(Box::new(key_package)));
    let options = CommitOptions { path: PathChoice::IfRequired, ..CommitOptions::new() };
    let sent = group.people[2].commit_and_advance(options);
    assert_eq!(group.watch(&sent.commit).added[0].0, carols_leaf);
    group.people[..2].iter_mut().for_each(|person| drop(person.follow(&sent.commit)));
    erin.join(&sent.welcomes[0]);
    group.people.push(erin);
    group.compare();
    (0..4).for_each(|committer| drop(group.commit(committer, CommitOptions::new())));
    group.compare();
}

#[test]
fn a_follower_sees_joins_from_outside() {
    let mut group = Watched::new(&["alice", "bob"]);
    let change = group.join(Person::new("carol", traits()), false);
    assert!(change.external && change.removed.is_empty());
    let mut carol = group.people.pop().unwrap();
    let old_leaf = carol.group().own_leaf();
    let change = group.join(carol, true);
    assert_eq!(change.removed[0].0, old_leaf);
    group.commit(0, CommitOptions::new());
    group.compare();
}

#[test]
fn a_follower_sees_proposals_from_outside() {
    let mut group = Watched::new(&["alice", "bob", "carol"]);
    let server = Person::new("server", traits());
    let signer = server.signer();
    let sender = ExternalSender {
        signature_key: signer.public_key().clone(),
        credential: Credential::basic(b"server"),
    };
    let senders = Extension::new(ExtensionType::EXTERNAL_SENDERS, &vec![sender]);
    let extensions = Propose::GroupContextExtensions(Extensions(vec![senders]));
    assert!(group.commit(0, CommitOptions::new().propose(extensions)).extensions_changed);
    group.compare();

    let (suite, context) = (group.follower.suite().clone(), group.follower.context().clone());
    let sender = (0, &*signer);
    let remove = external_proposal(&suite, &context, sender, Proposal::Remove(2), b"").unwrap();
    group.propose(&remove, None);
    let mut dave = Person::new("dave", traits());
    let key_package = dave.key_package();
    let add = dave.client.propose_self(&context, key_package, b"").unwrap();
    group.propose(&add, None);
    let change = group.commit(1, CommitOptions::new());
    assert_eq!((change.added.len(), change.removed.len()), (1, 1));
    group.compare();
}

#[test]
fn a_follower_can_be_there_from_the_first_epoch() {
    let mut alice = Person::new("alice", traits());
    let params = GroupParams::new(alice.suite);
    let made = alice.client.create_group(&alice.store, params, NOW, &mut alice.random);
    alice.group = Some(alice.save(made));
    let info = info(&mut alice);
    let follower = PublicGroup::new(&crypto(), &info, None, &checks()).unwrap();
    assert_eq!((follower.epoch(), follower.members().count()), (0, 1));
    let mut group = Watched { people: vec![alice], follower };
    let mut bob = Person::new("bob", traits());
    let options = CommitOptions::new().add_member(bob.key_package());
    let sent = group.people[0].commit_and_advance(options);
    group.watch(&sent.commit);
    bob.join(&sent.welcomes[0]);
    group.people.push(bob);
    group.compare();
}

/// What a follower does not see: a group that encrypts its handshake messages.
#[test]
fn a_follower_says_that_it_cannot_follow_encrypted_messages() {
    let traits = || Traits::new(1).handshakes(HandshakeFormat::Private);
    let mut people = group_of(&["alice", "bob"], traits);
    let info = info(&mut people[0]);
    let mut follower = PublicGroup::new(&crypto(), &info, None, &checks()).unwrap();
    let said = people[0].say("hello");
    let commit = people[1].commit(CommitOptions::new()).commit;
    for message in [said, commit] {
        let result = follower.process(&message, &checks()).map(|_| ());
        assert_eq!(result, Err(Error::Misuse(Misuse::Encrypted)));
    }
}

/// What a follower cannot see, as its documentation says: a commit whose MACs are wrong. A member
/// that sends one leads it away from the others, and the next GroupInfo shows it.
#[test]
fn a_follower_led_away_by_a_wrong_tag_is_found_out_by_a_group_info() {
    let mut group = Watched::new(&["alice", "bob"]);
    let sent = group.people[1].commit(CommitOptions::new());
    let MlsMessageBody::PublicMessage(mut forged) = sent.commit.0.clone() else { panic!("public") };
    forged.auth.confirmation_tag = Some(vec![7; 32].into());
    let forged = MlsMessage(MlsMessageBody::PublicMessage(forged));
    assert!(group.people[0].group().process(&forged, NOW).is_err());
    let mut away = group.follower.clone();
    match away.process(&forged, &checks()).unwrap() {
        PublicReceived::Commit(staged) => drop(away.advance(*staged).unwrap()),
        PublicReceived::Proposal(_) => panic!("a commit"),
    }
    group.people[0].follow(&sent.commit);
    group.people[1].advance(sent.pending);
    group.watch(&sent.commit);
    group.compare();
    let info = info(&mut group.people[0]);
    assert!(away.verify_group_info(&info).is_err());
}
