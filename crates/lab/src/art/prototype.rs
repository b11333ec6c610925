//! The Java program that was published with the ART paper, to the byte: its derivations, its Thrift
//! messages, its chain of stage keys. Written from a description of what it does.
//!
//! 1. The creator agrees with each member's identity and prekey on the secret of its leaf, computes
//!    the tree, and signs it with all identities, prekeys and its setup key.
//! 2. A member computes its leaf, its path and the first stage key.
//! 3. An update is the path's public keys from the root down, with a tag under the stage key. There
//!    is no other authentication: every member can speak for every other.
//!
//! Members cannot be added or removed. What is different: signatures are Ed25519 instead of KCDSA
//! (of the same length), and a node is computed once where the program does it twice.

mod keys;
mod member;
mod newcomer;
mod thrift;
mod warm;

#[cfg(test)]
mod tests;

use crypto::{AeadId, Random, Secret};

use crate::{Adversary, Failure, Loot, Newcomer, Protocol, Tools, WarmGroup};

/// The protocol.
pub struct Prototype;

impl Protocol for Prototype {
    fn name(&self) -> &'static str {
        "art-prototype"
    }

    fn title(&self) -> &'static str {
        "ART, the program published with the paper (2018)"
    }

    fn is_dynamic(&self) -> bool {
        false
    }

    fn newcomer(
        &self,
        tools: &Tools,
        _identity: u32,
        random: &mut dyn Random,
    ) -> Result<Box<dyn Newcomer>, Failure> {
        Ok(Box::new(newcomer::PrototypeNewcomer::generate(tools.suite(), random)?))
    }

    fn warm(
        &self,
        tools: &Tools,
        size: u32,
        random: &mut dyn Random,
    ) -> Result<Box<dyn WarmGroup>, Failure> {
        Ok(Box::new(warm::WarmPrototype::generate(tools.suite(), size, random)?))
    }

    fn adversary(&self, tools: &Tools, loot: Vec<Loot>) -> Result<Box<dyn Adversary>, Failure> {
        Ok(Box::new(member::PrototypeAdversary::new(tools.suite(), loot)?))
    }
}

/// What the program sends when a member says something: its update, and the payload encrypted under
/// the stage key that the update leads to.
pub fn application_message(
    tools: &Tools,
    (update, stage_key): (&[u8], &Secret),
    payload: &[u8],
    random: &mut dyn Random,
) -> Result<Vec<u8>, Failure> {
    let mut nonce = [0; 12];
    random.fill(&mut nonce)?;
    let provider = tools.suite().provider();
    let sealed = provider.aead_seal(AeadId::AES_128_GCM, stage_key, &nonce, &[], payload)?;
    let length = u32::try_from(update.len()).map_err(|_| Failure::Misuse("an update too long"))?;
    Ok([&length.to_be_bytes(), update, &nonce, &sealed].concat())
}
