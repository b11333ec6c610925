//! Garbage where only members can put it: inside what is encrypted. Each piece is refused without a
//! trace; zeros as padding are not garbage.

use codec::{Encode, Writer};
use crypto::Secret;
use mls::{
    BrokenRule, CommitOptions, Error, HandshakeFormat, MlsMessage, MlsMessageBody, Received,
};
use testkit::forge::{Insider, WelcomeForge};
use testkit::{NOW, Person, SeededRandom, Traits, group_of};
use treekem::{JoinerSecret, PskSecret};
use wire::{
    AuthenticatedContent, Content, EncryptedGroupSecrets, GroupSecrets, Proposal, Welcome,
    WireFormat,
};

use crate::hostile_view::{View, assert_group_works, damaged, is_commit, is_refused, rows};

fn three() -> Vec<Person> {
    group_of(&["alice", "bob", "carol"], || Traits::new(1).handshakes(HandshakeFormat::Private))
}

/// What Alice can say, signed for encryption.
fn sayings(alice: &Person) -> [AuthenticatedContent; 3] {
    let mut insider = Insider::of(alice);
    let mut draft = insider.draft(&[], true);
    draft.wire_format = WireFormat::PRIVATE_MESSAGE;
    let commit = draft.finish(&insider).content;
    let sign = |content| insider.sign(WireFormat::PRIVATE_MESSAGE, insider.content(content));
    let application = sign(Content::Application(b"hello".into()));
    [application, sign(Content::Proposal(Proposal::Remove(2))), commit]
}

fn plaintext(content: &AuthenticatedContent) -> Vec<u8> {
    let mut writer = Writer::new();
    content.content.content.encode_body(&mut writer);
    content.auth.encode(&mut writer);
    writer.into_bytes()
}

/// A plaintext in a PrivateMessage of Alice, always under her first key of the epoch.
fn encrypt(alice: &Person, content: &AuthenticatedContent, plaintext: &[u8]) -> MlsMessage {
    Insider::of(alice).encrypt(&content.content, plaintext)
}

#[test]
fn damaged_plaintexts_of_every_kind_of_content_are_refused() {
    let people = &mut three();
    for content in sayings(&people[0]) {
        let before = View::of(&mut people[1]);
        let honest = plaintext(&content);
        for damaged in damaged(&honest, 0, 1) {
            // All that `damaged` appends is a zero, which is padding.
            if damaged.strip_prefix(&*honest) == Some(&[0]) {
                continue;
            }
            let forged = encrypt(&people[0], &content, &damaged);
            assert!(is_refused(people[1].group().process(&forged, NOW)));
        }
        assert!(View::of(&mut people[1]) == before);
        let genuine = encrypt(&people[0], &content, &honest);
        drop(people[1].group().process(&genuine, NOW).unwrap().into_parts());
        people[1].restart();
    }
}

/// Covers the trailing bytes of OpenMLS #2134 where they are hardest to see.
#[test]
fn padding_is_zeros_of_any_length_and_nothing_else() {
    let people = &mut three();
    for content in sayings(&people[0]) {
        let honest = plaintext(&content);
        let not_zero = BrokenRule::Protection(protection::Violation::NonzeroPadding);
        for length in [1, 2, 15, 16, 17, 255, 1000, 70_000] {
            let mut padded = [&honest[..], &vec![0; length]].concat();
            for place in [honest.len(), honest.len() + length / 2, padded.len() - 1] {
                padded[place] = 1;
                let forged = Insider::of(&people[0]).encrypt(&content.content, &padded);
                let refused = people[1].group().process(&forged, NOW).map(|_| ());
                assert!(matches!(refused, Err(Error::Violation(rule)) if rule == not_zero));
                padded[place] = 0;
            }
            let accepted = encrypt(&people[0], &content, &padded);
            let accepted = people[1].group().process(&accepted, NOW).unwrap().into_parts();
            drop(accepted);
            people[1].restart();
        }
    }
}

#[test]
fn content_under_the_name_of_another_kind_is_refused() {
    let people = &mut three();
    let sayings = sayings(&people[0]);
    for (index, content) in sayings.iter().enumerate() {
        for (other, framing) in sayings.iter().enumerate().filter(|(other, _)| *other != index) {
            let forged = encrypt(&people[0], framing, &plaintext(content));
            let outcome = people[1].group().process(&forged, NOW);
            assert!(is_refused(outcome), "{index} as {other}");
        }
    }
    assert_group_works(people);
}

#[test]
fn a_commit_without_its_tag_and_a_proposal_with_one_are_refused() {
    let people = &mut three();
    let [application, proposal, mut commit] = sayings(&people[0]);
    let tag = commit.auth.confirmation_tag.take();
    let forged = encrypt(&people[0], &commit, &plaintext(&commit));
    let refused = people[1].group().process(&forged, NOW).map(|_| ());
    assert!(matches!(refused, Err(Error::Malformed(_))));
    for mut content in [application, proposal] {
        content.auth.confirmation_tag.clone_from(&tag);
        let forged = encrypt(&people[0], &content, &plaintext(&content));
        let refused = people[1].group().process(&forged, NOW).map(|_| ());
        let not_zero = BrokenRule::Protection(protection::Violation::NonzeroPadding);
        assert!(matches!(refused, Err(Error::Violation(rule)) if rule == not_zero));
    }
    commit.auth.confirmation_tag = tag;
    let genuine = encrypt(&people[0], &commit, &plaintext(&commit));
    assert!(is_commit(people[1].process(&genuine)));
}

/// An invited newcomer, and the Welcome in the open.
struct Invited {
    dave: Person,
    genuine: MlsMessage,
    forge: WelcomeForge,
}

fn invited() -> Invited {
    let mut people = three();
    let mut dave = Person::new("dave", Traits::new(1));
    let options = CommitOptions::new().add_member(dave.key_package());
    let mut sent = people[0].commit_and_advance(options);
    let genuine = sent.welcomes.swap_remove(0);
    let forge = WelcomeForge::open(&dave, &genuine, &[]);
    Invited { dave, genuine, forge }
}

impl Invited {
    fn group_secrets(&self) -> Vec<u8> {
        let group_secrets = GroupSecrets {
            joiner_secret: self.forge.joiner_secret.duplicate(),
            path_secret: self.forge.path_secret.as_ref().map(Secret::duplicate),
            psks: Vec::new(),
        };
        group_secrets.to_bytes()
    }

    /// A Welcome with any bytes as its two plaintexts.
    fn seal(&self, group_secrets: &[u8], group_info: &[u8]) -> MlsMessage {
        let WelcomeForge { suite, joiner_secret, key_package, new_member, .. } = &self.forge;
        let joiner_secret = JoinerSecret::from(joiner_secret.duplicate());
        let member_secret = joiner_secret.member_secret(suite, &PskSecret::none(suite)).unwrap();
        let welcome_secret = member_secret.welcome_secret(suite).unwrap();
        let encrypted_group_info = welcome_secret.seal(suite, group_info).unwrap();
        let context = ("Welcome", &*encrypted_group_info);
        let plaintext = Secret::from_slice(group_secrets);
        let random = &mut SeededRandom::new(1);
        let sealed = suite.encrypt_with_label(&key_package.init_key, context, &plaintext, random);
        let entry = EncryptedGroupSecrets {
            new_member: *new_member,
            encrypted_group_secrets: sealed.unwrap(),
        };
        let cipher_suite = suite.id();
        let secrets = vec![entry];
        let welcome = Welcome { cipher_suite, secrets, encrypted_group_info };
        MlsMessage(MlsMessageBody::Welcome(welcome))
    }

    fn is_refused(&self, welcome: &MlsMessage) -> bool {
        self.dave.client.join(&self.dave.store, welcome, None, NOW).is_err()
    }
}

#[test]
fn damaged_group_secrets_in_a_welcome_are_refused() {
    let mut invited = invited();
    let (group_secrets, group_info) =
        (invited.group_secrets(), invited.forge.group_info.to_bytes());
    let before = rows(&invited.dave);
    for damaged in damaged(&group_secrets, 0, 1) {
        assert!(invited.is_refused(&invited.seal(&damaged, &group_info)));
    }
    assert!(!invited.is_refused(&invited.seal(&group_secrets, &group_info)));
    assert!(rows(&invited.dave) == before);
    invited.dave.join(&invited.genuine);
}

#[test]
fn a_damaged_group_info_in_a_welcome_is_refused() {
    let mut invited = invited();
    let (group_secrets, group_info) =
        (invited.group_secrets(), invited.forge.group_info.to_bytes());
    let before = rows(&invited.dave);
    for damaged in damaged(&group_info, 0, 1) {
        assert!(invited.is_refused(&invited.seal(&group_secrets, &damaged)));
    }
    assert!(rows(&invited.dave) == before);
    invited.dave.join(&invited.genuine);
    let said = invited.dave.say("hello");
    assert!(matches!(invited.dave.process(&said), Received::OwnMessage { .. }));
}
