//! LAY-1: the group key of every group key agreement drives the real key schedule and message
//! protection, through a whole conversation.

use std::collections::BTreeMap;
use std::sync::Arc;

use crypto::{CipherSuite, SignatureKeyPair, SignaturePublicKey, Signer};
use lab::conversation::{Heard, Voice};
use lab::{Newcomer, PROTOCOLS, Protocol, Seeded, Tools, art};

/// A group that talks.
struct Talk {
    tools: Tools,
    random: Seeded,
    voices: BTreeMap<u32, Voice>,
    keys: BTreeMap<u32, SignaturePublicKey>,
}

impl Talk {
    fn new(protocol: &dyn Protocol, tools: Tools, size: u32) -> Self {
        let mut random = Seeded::new(3);
        let mut person = |slot| protocol.newcomer(&tools, slot, &mut random).unwrap();
        let creator = person(0);
        let others: Vec<Box<dyn Newcomer>> = (1..size).map(person).collect();
        let packages: Vec<_> = others.iter().map(|other| other.key_package()).collect();
        let (creator, welcome) = creator.create(&packages, &mut random).unwrap();
        let (voices, keys) = (BTreeMap::new(), BTreeMap::new());
        let mut talk = Self { tools, random, voices, keys };
        talk.enter(creator);
        others.into_iter().for_each(|other| talk.enter(other.join(&welcome).unwrap()));
        talk
    }

    fn enter(&mut self, member: Box<dyn lab::Member>) {
        let slot = member.slot();
        let signer = SignatureKeyPair::generate(self.tools.suite(), &mut self.random).unwrap();
        self.keys.insert(slot, signer.public_key().clone());
        let voice = Voice::new(&self.tools, b"talk", member, Arc::new(signer)).unwrap();
        self.voices.insert(slot, voice);
    }

    /// Everybody says something and everybody else hears it, once.
    fn everybody_speaks(&mut self) {
        let keys = self.keys.clone();
        let key_of = |slot: u32| keys.get(&slot).cloned();
        for slot in self.voices.keys().copied().collect::<Vec<_>>() {
            let words = format!("here is {slot}").into_bytes();
            let speaker = self.voices.get_mut(&slot).unwrap();
            let message = speaker.say(&words, &mut self.random).unwrap();
            for (_, voice) in self.voices.iter_mut().filter(|(other, _)| **other != slot) {
                let mut changed = message.clone();
                *changed.last_mut().unwrap() ^= 1;
                assert!(voice.hear(&changed, &key_of).is_err());
                let heard = Heard { slot, words: words.clone() };
                assert_eq!(voice.hear(&message, &key_of).unwrap(), heard);
                assert!(voice.hear(&message, &key_of).is_err());
            }
        }
        let mut tags = self.voices.values().map(Voice::confirmation_tag);
        let first = tags.next().unwrap();
        assert!(tags.all(|tag| tag == first));
    }

    /// Everybody moves on; who does not is removed from the room.
    fn deliver(&mut self, message: &[u8]) -> Vec<Voice> {
        let mut gone = Vec::new();
        for (slot, mut voice) in std::mem::take(&mut self.voices) {
            match voice.process(message) {
                Ok(()) => drop(self.voices.insert(slot, voice)),
                Err(_) => gone.push(voice),
            }
        }
        gone
    }
}

/// Talks, updates, brings somebody in and puts somebody out, and talks in between.
fn converse(protocol: &dyn Protocol, tools: Tools) {
    let mut talk = Talk::new(protocol, tools, 5);
    talk.everybody_speaks();
    for slot in [3, 0] {
        let voice = talk.voices.get_mut(&slot).unwrap();
        let sent = voice.member().update(&mut talk.random).unwrap();
        assert!(talk.deliver(&sent.message).is_empty());
        talk.everybody_speaks();
    }
    if !protocol.is_dynamic() {
        return;
    }
    let before = talk.voices.get_mut(&2).unwrap().say(b"before", &mut talk.random).unwrap();
    let newcomer = protocol.newcomer(&talk.tools, 5, &mut talk.random).unwrap();
    let adder = talk.voices.get_mut(&1).unwrap();
    let sent = adder.member().add(&newcomer.key_package(), &mut talk.random).unwrap();
    assert!(talk.deliver(&sent.message).is_empty());
    talk.enter(newcomer.join(&sent.welcome).unwrap());
    talk.everybody_speaks();
    let keys = talk.keys.clone();
    let key_of = |slot: u32| keys.get(&slot).cloned();
    assert!(talk.voices.get_mut(&5).unwrap().hear(&before, &key_of).is_err());
    let sent = talk.voices.get_mut(&5).unwrap().member().remove(2, &mut talk.random).unwrap();
    let mut gone = talk.deliver(&sent.message);
    assert_eq!(gone.len(), 1);
    talk.everybody_speaks();
    let after = talk.voices.get_mut(&4).unwrap().say(b"after", &mut talk.random).unwrap();
    assert!(gone[0].hear(&after, &key_of).is_err());
}

#[test]
fn a_whole_conversation_runs_over_every_group_key_agreement() {
    for protocol in PROTOCOLS {
        println!("{}", protocol.name());
        converse(*protocol, Tools::new().unwrap());
    }
}

#[test]
fn a_whole_conversation_runs_over_art_in_every_cipher_suite() {
    for suite in 1..=7 {
        converse(&art::MODERN, Tools::with_suite(CipherSuite(suite)).unwrap());
    }
}
