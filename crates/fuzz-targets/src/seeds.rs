//! The corpus to start from, made from our own messages.
//!
//! Decoders get every structure that a generated test vector contains, and what else they read.
//! Instructions get every honest start without a change and with one of each kind.

use codec::Encode;
use crypto::{Crypto, HpkeCiphertext};
use delivery_api::{Problem, PublicKey, id, inbox, key_package, log, service};
use mls::{HandshakeFormat, MlsMessage, MlsMessageBody};
use testkit::{SeededRandom, Traits, group_of};
use vectors::messages::{Entry, Structure};
use vectors::{Scale, Vector};
use wire::{AuthenticatedContent, Content};

use crate::decoders::{BODIES, Decoder, TEXTS, WIRE};
use crate::scene::Scene;

/// A change of each kind, somewhere near the middle of a message.
const CHANGES: [&[u8]; 8] = [
    &[],
    &[0, 0, 40, 3, 1, 2, 3, 4],
    &[1, 0, 90, 2],
    &[2, 0, 60, 4, 9, 9, 9, 9],
    &[3, 0, 70, 8],
    &[4, 0, 120],
    &[5, 0, 20, 30, 0, 80],
    &[6, 0, 33, 1],
];

/// So many starts, each with every change.
fn instructions(starts: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let with = |start: &Vec<u8>| CHANGES.map(|change| [start, change].concat());
    starts.iter().flat_map(with).collect()
}

/// The entries of a generated vector file, in the first suites.
fn entries() -> Vec<Entry> {
    let crypto = Crypto::new(crypto_aws_lc::provider());
    let made = Entry::generate(&crypto, Scale::Small, &mut SeededRandom::new(9420));
    let mut made = made.expect("vectors can be made");
    made.truncate(2);
    made
}

/// What an octet says that chooses a decoder.
fn number(table: &[Decoder], name: &str) -> u8 {
    let place = table.iter().position(|(known, _)| *known == name);
    place.and_then(|place| u8::try_from(place).ok()).expect("the table has the name")
}

pub(crate) fn message() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for entry in entries() {
        let messages = entry.structures().filter(|(_, it, _)| matches!(it, Structure::Message(..)));
        seeds.extend(messages.map(|(_, _, bytes)| bytes.to_vec()));
    }
    seeds.extend(Scene::new(HandshakeFormat::Public).messages.iter().map(Encode::to_bytes));
    seeds
}

pub(crate) fn wire() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let mut add = |name: &str, bytes: &[u8]| {
        seeds.push([&[number(WIRE, name)], bytes].concat());
    };
    for entry in entries() {
        for (_, structure, bytes) in entry.structures() {
            match structure {
                Structure::Add => add("KeyPackage", bytes),
                Structure::Commit => add("Commit", bytes),
                Structure::GroupContextExtensions => add("Extensions", bytes),
                Structure::GroupSecrets => add("GroupSecrets", bytes),
                Structure::PreSharedKey => add("PreSharedKeyId", bytes),
                Structure::RatchetTree => add("RatchetTreeNodes", bytes),
                Structure::ReInit => add("ReInit", bytes),
                Structure::Update => add("LeafNode", bytes),
                Structure::ExternalInit | Structure::Message(..) | Structure::Remove => {}
            }
        }
    }
    for MlsMessage(body) in Scene::new(HandshakeFormat::Public).messages {
        match body {
            MlsMessageBody::PrivateMessage(message) => add("PrivateMessage", &message.to_bytes()),
            MlsMessageBody::PublicMessage(message) => {
                add("PublicMessage", &message.to_bytes());
                parts(message.into_authenticated_content(), &mut add);
            }
            _ => {}
        }
    }
    seeds
}

/// The structures within a public message.
fn parts(content: AuthenticatedContent, add: &mut impl FnMut(&str, &[u8])) {
    add("AuthenticatedContent", &content.to_bytes());
    add("FramedContent", &content.content.to_bytes());
    add("Sender", &content.content.sender.to_bytes());
    match content.content.content {
        Content::Proposal(proposal) => add("Proposal", &proposal.to_bytes()),
        Content::Commit(commit) => {
            commit.proposals.iter().for_each(|it| add("ProposalOrRef", &it.to_bytes()));
            if let Some(path) = &commit.path {
                add("UpdatePath", &path.to_bytes());
                add("Capabilities", &path.leaf_node.capabilities.to_bytes());
                add("Credential", &path.leaf_node.credential.to_bytes());
                path.nodes.iter().for_each(|node| add("UpdatePathNode", &node.to_bytes()));
                let sealed = path.nodes.iter().flat_map(|node| &node.encrypted_path_secret);
                sealed.for_each(|it: &HpkeCiphertext| add("HpkeCiphertext", &it.to_bytes()));
            }
        }
        Content::Application(_) => {}
    }
}

pub(crate) fn delivery() -> Vec<Vec<u8>> {
    let key = PublicKey::new([3; 32]);
    let entry = log::Append {
        head: id::Position(7),
        idempotency_key: id::IdempotencyKey::new(&[5; 16]).expect("16 bytes are enough"),
        lane: log::Lane::Application,
        bytes: b"opaque".into(),
    };
    let upload = key_package::UploadKeyPackages {
        suite: 1,
        not_after_seconds: testkit::NOW,
        replace: true,
        key_packages: vec![b"one".into(), b"two".into()],
        last_resort: Some(b"last".into()),
    };
    let bodies: [(&str, Vec<u8>); 6] = [
        ("log::CreateLog", log::CreateLog { join_key: Some(key), anchors: Vec::new() }.to_bytes()),
        ("log::Append", entry.to_bytes()),
        ("inbox::Acknowledge", inbox::Acknowledge { numbers: vec![1, 2, 3] }.to_bytes()),
        ("key_package::UploadKeyPackages", upload.to_bytes()),
        ("key_package::ClaimKeyPackage", key_package::ClaimKeyPackage { suite: 1 }.to_bytes()),
        ("service::ServiceInfo", service::ServiceInfo { version: 1, key }.to_bytes()),
    ];
    let digits = "a1".repeat(32);
    let texts: [(&str, Vec<u8>); 7] = [
        ("Problem", Problem::UnknownLog.to_bytes()),
        ("Problem", Problem::BeyondEnd { end: id::Position(8) }.to_bytes()),
        ("Authorization", format!("Conclave-1 {digits} 17 {digits}{digits}").into_bytes()),
        ("Route", b"GET /v1/health".to_vec()),
        ("Route", format!("GET /v1/logs/{digits}/entries?after=7&limit=10&wait=3").into_bytes()),
        ("Route", format!("POST /v1/devices/{digits}/inbox").into_bytes()),
        ("Name", b"alice-1".to_vec()),
    ];
    let body = bodies.iter().map(|(name, bytes)| [&[number(BODIES, name)], &**bytes].concat());
    let beyond = u8::try_from(BODIES.len()).expect("there are few bodies");
    let text =
        texts.iter().map(|(name, bytes)| [&[beyond + number(&TEXTS, name)], &**bytes].concat());
    body.chain(text).collect()
}

pub(crate) fn group() -> Vec<Vec<u8>> {
    let count = Scene::new(HandshakeFormat::Public).messages.len();
    let count = u8::try_from(count).expect("there are few messages");
    let starts = (0..2).flat_map(|form| (0..count).map(move |message| vec![form, message]));
    let starts: Vec<_> = starts.collect();
    // Every message as it is, and a few with changes: the fuzzer does the rest.
    starts.iter().cloned().chain(instructions(&starts[1..4])).collect()
}

pub(crate) fn insider() -> Vec<Vec<u8>> {
    let mut starts: Vec<Vec<u8>> =
        (0..2).flat_map(|form| (0..7).map(move |it| vec![form, it])).collect();
    // Plaintexts as other content, commits with other parts, proposals of each kind.
    starts.extend((0..9).map(|pair| vec![0, 0, pair / 3, pair % 3]));
    starts.extend((0..16).map(|part| vec![part % 2, 3, part % 3, part / 2]));
    starts.extend((0..8).map(|kind| vec![0, 2, kind, kind]));
    starts.iter().cloned().chain(instructions(&starts[..14])).collect()
}

pub(crate) fn joining() -> Vec<Vec<u8>> {
    let mut starts: Vec<Vec<u8>> = (0..6).map(|what| vec![what]).collect();
    starts.extend((0..8).map(|secrets| vec![2, secrets]));
    instructions(&starts)
}

pub(crate) fn rows() -> Vec<Vec<u8>> {
    let starts: Vec<Vec<u8>> = (0..64).map(|row| vec![0, row]).collect();
    starts.iter().cloned().chain(instructions(&starts[..8])).collect()
}

pub(crate) fn chain() -> Vec<Vec<u8>> {
    instructions(&[vec![0], vec![1, 0], vec![1, 1], vec![2], vec![3]])
}

pub(crate) fn tree() -> Vec<Vec<u8>> {
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let mut seeds = Vec::new();
    for count in [1, 2, 3, 5, 7] {
        let mut people = group_of(&names[..count], || Traits::new(1));
        seeds.push(people[0].group().ratchet_tree().to_bytes());
        // With a path, and with a blank leaf.
        people[0].commit_and_advance(mls::CommitOptions::new());
        let second = people[0].group().member(1).map(|member| member.index);
        seeds.push(people[0].group().ratchet_tree().to_bytes());
        if let Some(second) = second {
            people[0].commit_and_advance(mls::CommitOptions::new().remove_member(second));
            seeds.push(people[0].group().ratchet_tree().to_bytes());
        }
    }
    let mut scene = Scene::new(HandshakeFormat::Public);
    seeds.push(scene.alice.group().ratchet_tree().to_bytes());
    seeds
}
