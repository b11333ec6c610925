//! A removed member with everything that it ever held learns nothing of what follows in RFC 9420,
//! also if it has added and removed others before: there is no double join.

use mls::{CommitOptions, HandshakeFormat, MlsMessageBody};
use testkit::forge::Insider;
use testkit::{Person, Traits, group_of};
use treekem::PrivatePath;
use wire::Content;

fn people(count: usize) -> Vec<Person> {
    let names: Vec<String> = (0..count).map(|name| name.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    group_of(&names, || Traits::new(1).handshakes(HandshakeFormat::Public))
}

/// Whoever is at `committer` commits, everybody else follows; returns the commit.
fn commit(people: &mut Vec<Person>, committer: usize, options: CommitOptions) -> mls::MlsMessage {
    let sent = people[committer].commit_and_advance(options);
    let mut place = 0;
    people.retain_mut(|person| {
        place += 1;
        place - 1 == committer || !person.follow(&sent.commit).self_removed
    });
    sent.commit
}

/// How many ciphertexts of the commit's path open with any of these keys, under the GroupContext
/// that its members have now, before its transcript hash.
fn opened(
    keys: &[PrivatePath],
    commit: &mls::MlsMessage,
    before: &Insider,
    after: &Insider,
) -> usize {
    let MlsMessageBody::PublicMessage(message) = &commit.0 else { panic!("not public") };
    let Content::Commit(commit) = &message.content.content else { panic!("not a commit") };
    let path = commit.path.as_ref().expect("the commit has a path");
    let mut context = after.context.clone();
    // The provisional GroupContext: the new tree and epoch, the old transcript (section 12.4.1).
    context.confirmed_transcript_hash = before.context.confirmed_transcript_hash;
    let context = codec::Encode::to_bytes(&context);
    let ciphertexts = path.nodes.iter().flat_map(|node| &node.encrypted_path_secret);
    let opens = |ciphertext| {
        let mut pairs = keys.iter().flat_map(|path| path.nodes().map(|node| path.key_pair(node)));
        pairs.any(|pair| {
            let pair = pair.expect("a node that is held has a key pair");
            let label = "UpdatePathNode";
            before.suite.decrypt_with_label(pair, label, &context, ciphertext).is_ok()
        })
    };
    ciphertexts.filter(|ciphertext| opens(ciphertext)).count()
}

#[test]
fn a_removed_member_recovers_nothing_with_all_keys_it_ever_held() {
    let mut people = people(8);
    for committer in 0..8 {
        commit(&mut people, committer, CommitOptions::new());
    }
    // The one who will be removed has removed and added others, as in the attack of 2018.
    let mut held = vec![Insider::of(&people[2]).private];
    let victim = people[5].group().own_leaf();
    commit(&mut people, 2, CommitOptions::new().remove_member(victim));
    held.push(Insider::of(&people[2]).private);
    let mut newcomer = Person::new("8", Traits::new(1).handshakes(HandshakeFormat::Public));
    let sent = {
        let options = CommitOptions::new().add_member(newcomer.key_package());
        let sent = people[2].commit_and_advance(options);
        for (place, person) in people.iter_mut().enumerate().filter(|(place, _)| *place != 2) {
            assert!(!person.follow(&sent.commit).self_removed, "{place}");
        }
        sent
    };
    newcomer.join(&sent.welcomes[0]);
    people.push(newcomer);
    held.push(Insider::of(&people[2]).private);
    // A commit that it may read: its keys, of now and of before, open exactly one ciphertext.
    let before = Insider::of(&people[2]);
    let ordinary = commit(&mut people, 3, CommitOptions::new());
    assert_eq!(opened(&held, &ordinary, &before, &Insider::of(&people[2])), 1);
    held.push(Insider::of(&people[2]).private);
    // It is removed, and everybody who stays commits once.
    let (before, removed) = (Insider::of(&people[0]), people[2].group().own_leaf());
    let removal = commit(&mut people, 6, CommitOptions::new().remove_member(removed));
    assert_eq!(people.len(), 7);
    assert_eq!(opened(&held, &removal, &before, &Insider::of(&people[0])), 0);
    for committer in 0..people.len() {
        let before = Insider::of(&people[committer]);
        let next = commit(&mut people, committer, CommitOptions::new());
        let after = Insider::of(&people[committer]);
        assert_eq!(opened(&held, &next, &before, &after), 0, "member {committer}");
    }
}
