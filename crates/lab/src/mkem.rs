//! The naive third candidate: a flat group with multi-recipient encryption (Smart, 2005).
//!
//! Every member has a key pair. An update gives its sender a new one and encrypts a fresh secret to
//! everybody else; a remove does the same and leaves one out; an add tells the newcomer the next
//! group key and everybody else that there is a newcomer. The group key hashes all secrets, so
//! updates of one epoch merge as a sequence. Messages carry a MAC under the group key, like ART's;
//! nobody signs. There is no double join, since there are no nodes that two could share.

mod adversary;
mod member;
mod message;
mod seal;

use std::sync::Arc;

use codec::{Decode, Encode, Reader};
use crypto::{HpkeKeyPair, HpkePublicKey, Random, Secret, Suite};

use crate::{Adversary, Failure, Loot, Member, Newcomer, Protocol, Tools, WarmGroup};
use member::MkemMember;
use message::{Leaves, Welcome};
use seal::Form;

/// A flat group.
#[derive(Clone, Copy)]
pub struct Mkem {
    form: Form,
}

impl Mkem {
    /// With one ephemeral key for all recipients of a message.
    pub const SHARED_EPHEMERAL: Self = Self { form: Form::SharedEphemeral };

    /// With HPKE for each recipient.
    pub const HPKE: Self = Self { form: Form::Hpke };
}

/// What all members share in an epoch.
struct GroupKey(Secret);

impl From<Secret> for GroupKey {
    fn from(secret: Secret) -> Self {
        Self(secret)
    }
}

impl GroupKey {
    fn as_secret(&self) -> &Secret {
        &self.0
    }

    fn duplicate(&self) -> Self {
        Self(self.0.duplicate())
    }

    /// The secret of a message that brings none.
    fn added_secret(suite: &Suite) -> Secret {
        Secret::zeros(suite.hash_length())
    }

    /// `K := H(K, K')`, bound to the message.
    fn next(&self, suite: &Suite, secret: &Secret, message: &[u8]) -> Result<Self, Failure> {
        let extracted = suite.extract(&self.0, secret)?;
        let context = suite.hash(message)?;
        let length = suite.hash_length();
        Ok(Self(suite.expand_with_label(&extracted, "mKEM next", context.as_slice(), length)?))
    }

    /// The tag of a message.
    fn tag(&self, suite: &Suite, message: &[u8]) -> Result<Secret, Failure> {
        Ok(suite.mac(&suite.derive_secret(&self.0, "mKEM tag")?, message)?)
    }

    fn epoch_secret(&self, suite: &Suite) -> Secret {
        // The label and the length suit every hash, so this does not fail.
        suite.derive_secret(&self.0, "mKEM epoch").unwrap_or_else(|_| Secret::zeros(0))
    }
}

impl Protocol for Mkem {
    fn name(&self) -> &'static str {
        match self.form {
            Form::Hpke => "mkem-hpke",
            Form::SharedEphemeral => "mkem",
        }
    }

    fn title(&self) -> &'static str {
        match self.form {
            Form::Hpke => "flat, HPKE for each recipient",
            Form::SharedEphemeral => "flat, mKEM with a shared ephemeral key",
        }
    }

    fn is_mergeable(&self) -> bool {
        true
    }

    fn newcomer(
        &self,
        tools: &Tools,
        _identity: u32,
        random: &mut dyn Random,
    ) -> Result<Box<dyn Newcomer>, Failure> {
        let key_pair = tools.suite().generate_key_pair(random)?;
        Ok(Box::new(MkemNewcomer { tools: tools.clone(), protocol: *self, key_pair }))
    }

    fn warm(
        &self,
        tools: &Tools,
        size: u32,
        random: &mut dyn Random,
    ) -> Result<Box<dyn WarmGroup>, Failure> {
        let pairs = (0..size).map(|_| tools.suite().generate_key_pair(random));
        let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
        let leaves = pairs.iter().map(|pair| Some(pair.public_key.clone())).collect();
        let key = Secret::random(tools.suite().hash_length(), random)?;
        let (tools, leaves) = (tools.clone(), Arc::new(Leaves(leaves)));
        Ok(Box::new(MkemWarmGroup { tools, protocol: *self, pairs, leaves, key, size }))
    }

    fn adversary(&self, tools: &Tools, loot: Vec<Loot>) -> Result<Box<dyn Adversary>, Failure> {
        Ok(Box::new(adversary::MkemAdversary::new(tools, *self, loot)?))
    }
}

struct MkemNewcomer {
    tools: Tools,
    protocol: Mkem,
    key_pair: HpkeKeyPair,
}

impl Newcomer for MkemNewcomer {
    fn key_package(&self) -> Vec<u8> {
        self.key_pair.public_key.as_slice().to_vec()
    }

    fn create(
        self: Box<Self>,
        others: &[Vec<u8>],
        random: &mut dyn Random,
    ) -> Result<(Box<dyn Member>, Vec<u8>), Failure> {
        let Self { tools, protocol, key_pair } = *self;
        let suite = tools.suite();
        let key = Secret::random(suite.hash_length(), random)?;
        let others: Vec<_> = others.iter().map(|key| HpkePublicKey::from(key.clone())).collect();
        let own = std::iter::once(Some(key_pair.public_key.clone()));
        let leaves = Leaves(own.chain(others.iter().cloned().map(Some)).collect());
        let joiners = leaves.slots().skip(1).collect();
        let mut welcome = Welcome { epoch: 0, leaves, joiners, sealed: Default::default() };
        let head = welcome.head();
        welcome.sealed = protocol.form.seal((suite, &head), &others, &key, random)?.into();
        let setup = if others.is_empty() { Vec::new() } else { welcome.to_bytes() };
        let leaves = Arc::new(welcome.leaves);
        let member = MkemMember::new((tools, protocol), key_pair, leaves, key.into(), 0)?;
        Ok((Box::new(member), setup))
    }

    fn join(self: Box<Self>, welcome: &[u8]) -> Result<Box<dyn Member>, Failure> {
        let Self { tools, protocol, key_pair } = *self;
        let mut reader = Reader::new(welcome);
        let welcome = Welcome::decode(&mut reader)?;
        reader.finish()?;
        let slot = welcome.leaves.slot_of(&key_pair.public_key);
        let position = welcome.joiners.iter().position(|joiner| Some(*joiner) == slot);
        let position = position.ok_or(Failure::Message("not for this key".into()))?;
        let context = (tools.suite(), &*welcome.head());
        let key = protocol.form.open(context, &key_pair, position, &welcome.sealed)?;
        let Welcome { epoch, leaves, .. } = welcome;
        let leaves = Arc::new(leaves);
        Ok(Box::new(MkemMember::new((tools, protocol), key_pair, leaves, key.into(), epoch)?))
    }
}

struct MkemWarmGroup {
    tools: Tools,
    protocol: Mkem,
    pairs: Vec<HpkeKeyPair>,
    leaves: Arc<Leaves>,
    key: Secret,
    size: u32,
}

impl WarmGroup for MkemWarmGroup {
    fn size(&self) -> u32 {
        self.size
    }

    fn member(&self, slot: u32) -> Result<Box<dyn Member>, Failure> {
        let pair = usize::try_from(slot).ok().and_then(|slot| self.pairs.get(slot));
        let pair = pair.ok_or(Failure::Misuse("an empty slot"))?.duplicate();
        let (key, leaves) = (self.key.duplicate().into(), Arc::clone(&self.leaves));
        let own = (self.tools.clone(), self.protocol);
        Ok(Box::new(MkemMember::new(own, pair, leaves, key, u64::from(self.size))?))
    }
}
