//! No group at all: a Diffie-Hellman ratchet with everybody, as the ART paper's program has it for
//! comparison. A message to the group is one message for each other member.
//!
//! A session opens with a key agreement of identity, prekey and ephemeral keys, and every message
//! brings a new ratchet key. Bytes are those of that program: Thrift structures of a number, a key,
//! and a key (71 bytes) or an encrypted payload (99 bytes, if the payload has 32).

use crypto::{HpkeKeyPair, HpkePublicKey, Random, Secret, Suite};

use crate::Failure;

const NONCE: [u8; 12] = [0; 12];

/// Somebody with an identity key and a prekey.
pub(super) struct Person {
    identity: HpkeKeyPair,
    prekey: HpkeKeyPair,
}

/// One side of a session.
pub(super) struct Session {
    root: Secret,
    own: HpkeKeyPair,
    peer: HpkePublicKey,
}

/// A structure of a number and two byte strings in Thrift's compact protocol.
fn structure(number: u32, first: &[u8], second: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x15];
    write_number(&mut bytes, u64::from(number) * 2);
    for part in [first, second] {
        bytes.push(0x18);
        write_number(&mut bytes, u64::try_from(part.len()).unwrap_or(u64::MAX));
        bytes.extend_from_slice(part);
    }
    bytes.push(0);
    bytes
}

fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

/// The last byte string of such a structure, which has a known length.
fn last_part(bytes: &[u8], length: usize) -> Result<&[u8], Failure> {
    let end = bytes.len().checked_sub(1).ok_or(Failure::Message("too short".into()))?;
    let start = end.checked_sub(length).ok_or(Failure::Message("too short".into()))?;
    Ok(&bytes[start..end])
}

fn dh(suite: &Suite, own: &HpkeKeyPair, peer: &HpkePublicKey) -> Result<Secret, Failure> {
    Ok(suite.provider().dh(suite.params().kem, &own.private_key, peer)?)
}

impl Person {
    pub(super) fn new(suite: &Suite, random: &mut dyn Random) -> Result<Self, Failure> {
        let identity = suite.generate_key_pair(random)?;
        Ok(Self { identity, prekey: suite.generate_key_pair(random)? })
    }

    /// Opens a session with somebody; returns both sides of it and the message that it takes.
    pub(super) fn open(
        &self,
        suite: &Suite,
        (number, other): (u32, &Self),
        random: &mut dyn Random,
    ) -> Result<(Session, Session, Vec<u8>), Failure> {
        let ephemeral = suite.generate_key_pair(random)?;
        let (identity, key) = (&self.identity.public_key, &ephemeral.public_key);
        let message = structure(number, identity.as_slice(), key.as_slice());
        let root = |shared: [Secret; 3]| -> Result<Secret, Failure> {
            let shared = shared.iter().flat_map(|it| it.expose().iter().copied()).collect();
            let zeros = Secret::zeros(suite.hash_length());
            Ok(suite.extract(&zeros, &Secret::from_vec(shared))?)
        };
        let ours = root([
            dh(suite, &self.identity, &other.prekey.public_key)?,
            dh(suite, &ephemeral, &other.identity.public_key)?,
            dh(suite, &ephemeral, &other.prekey.public_key)?,
        ])?;
        let theirs = root([
            dh(suite, &other.prekey, identity)?,
            dh(suite, &other.identity, key)?,
            dh(suite, &other.prekey, key)?,
        ])?;
        let peer = other.prekey.public_key.clone();
        let other = Session { root: theirs, own: other.prekey.duplicate(), peer: key.clone() };
        Ok((Session { root: ours, own: ephemeral, peer }, other, message))
    }
}

impl Session {
    /// Turns the ratchet; returns the key of one message.
    fn turn(&mut self, suite: &Suite) -> Result<Secret, Failure> {
        let shared = dh(suite, &self.own, &self.peer)?;
        self.root = suite.extract(&self.root, &shared)?;
        let length = suite.params().aead_key_length;
        Ok(suite.expand_with_label(&self.root, "message", &[], length)?)
    }

    /// Encrypts under a new ratchet key.
    pub(super) fn send(
        &mut self,
        suite: &Suite,
        (number, payload): (u32, &[u8]),
        random: &mut dyn Random,
    ) -> Result<Vec<u8>, Failure> {
        self.own = suite.generate_key_pair(random)?;
        let key = self.turn(suite)?;
        // Each key serves one message; the program sends a nonce all the same.
        let sealed = suite.aead_seal(&key, &NONCE, &[], payload)?;
        let sealed = [NONCE.as_slice(), &sealed].concat();
        Ok(structure(number, self.own.public_key.as_slice(), &sealed))
    }

    /// Decrypts the next message, of this payload length.
    pub(super) fn receive(
        &mut self,
        suite: &Suite,
        message: &[u8],
        payload: usize,
    ) -> Result<Secret, Failure> {
        let sealed = NONCE.len() + payload + 16;
        let key = self.peer.as_slice().len();
        let both = last_part(message, key + 2 + sealed)?;
        self.peer = HpkePublicKey::from(both[..key].to_vec());
        let opening = self.turn(suite)?;
        let sealed = &last_part(message, sealed)?[NONCE.len()..];
        Ok(suite.aead_open(&opening, &NONCE, &[], sealed)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Seeded, Tools};

    #[test]
    fn sessions_have_the_sizes_of_the_program_and_talk_both_ways() {
        let (tools, mut random) = (Tools::new().unwrap(), Seeded::new(1));
        let suite = tools.suite();
        let [one, two] = [(); 2].map(|()| Person::new(suite, &mut random).unwrap());
        let (mut here, mut there, opening) = one.open(suite, (3, &two), &mut random).unwrap();
        assert_eq!(opening.len(), 71);
        for _ in 0..3 {
            let message = here.send(suite, (3, &[7; 32]), &mut random).unwrap();
            assert_eq!(message.len(), 99);
            assert_eq!(there.receive(suite, &message, 32).unwrap().expose(), [7; 32]);
            let message = there.send(suite, (64, &[8; 32]), &mut random).unwrap();
            assert_eq!(message.len(), 100);
            assert_eq!(here.receive(suite, &message, 32).unwrap().expose(), [8; 32]);
        }
        let mut broken = here.send(suite, (3, &[7; 32]), &mut random).unwrap();
        broken[60] ^= 1;
        assert!(there.receive(suite, &broken, 32).is_err());
    }
}
