//! `secret-tree`: the keys of every sender's ratchets, and of the sender data (RFC 9420, sections
//! 6.3.2 and 9).

use crypto::{Crypto, Random, Secret, Suite};
use protection::{MessageKey, RatchetKind, RatchetLimits, SecretTree, SenderDataKey};
use serde::{Deserialize, Serialize};
use tree::{LeafIndex, TreeSize};

use crate::failure::{At, expect_bytes};
use crate::kind::{for_each_suite, random_bytes, suite};
use crate::{Failure, Hex, Scale, Vector};

/// The secret tree of one epoch.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The suite.
    pub cipher_suite: u16,
    /// The key of the sender data of one ciphertext.
    pub sender_data: SenderData,
    /// The root of the tree.
    pub encryption_secret: Hex,
    /// For each leaf, some generations in ascending order.
    pub leaves: Vec<Vec<Generation>>,
}

/// The key of the sender data of one ciphertext.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SenderData {
    /// `sender_data_secret`.
    pub sender_data_secret: Hex,
    /// The ciphertext that is sampled.
    pub ciphertext: Hex,
    /// `sender_data_key`.
    pub key: Hex,
    /// `sender_data_nonce`.
    pub nonce: Hex,
}

/// The keys of one generation of both ratchets.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generation {
    /// The generation.
    pub generation: u32,
    /// `handshake_ratchet_key`.
    pub handshake_key: Hex,
    /// `handshake_ratchet_nonce`.
    pub handshake_nonce: Hex,
    /// `application_ratchet_key`.
    pub application_key: Hex,
    /// `application_ratchet_nonce`.
    pub application_nonce: Hex,
}

impl SenderData {
    fn verify(&self, suite: &Suite) -> Result<(), Failure> {
        let secret = self.sender_data_secret.secret();
        let derived = SenderDataKey::derive(suite, &secret, self.ciphertext.as_slice())?;
        expect_bytes("key", derived.key().expose(), &self.key)?;
        expect_bytes("nonce", derived.nonce().expose(), &self.nonce)
    }

    fn generate(suite: &Suite, random: &mut dyn Random) -> Result<Self, Failure> {
        let secret = Secret::random(suite.hash_length(), random)?;
        let ciphertext = Hex(random_bytes(77, random)?);
        let derived = SenderDataKey::derive(suite, &secret, ciphertext.as_slice())?;
        Ok(Self {
            sender_data_secret: (&secret).into(),
            ciphertext,
            key: derived.key().into(),
            nonce: derived.nonce().into(),
        })
    }
}

/// Uses the keys of a generation up, as receiving a message would.
fn keys(
    suite: &Suite,
    tree: &mut SecretTree,
    leaf: LeafIndex,
    generation: u32,
) -> Result<Generation, Failure> {
    let mut take = |kind| -> Result<MessageKey, Failure> {
        let found = tree.lookup(suite, leaf, kind, generation)?;
        tree.apply(found.update)?;
        Ok(found.key)
    };
    let handshake = take(RatchetKind::Handshake)?;
    let application = take(RatchetKind::Application)?;
    Ok(Generation {
        generation,
        handshake_key: handshake.key().into(),
        handshake_nonce: handshake.nonce().into(),
        application_key: application.key().into(),
        application_nonce: application.nonce().into(),
    })
}

impl Generation {
    fn verify(&self, suite: &Suite, tree: &mut SecretTree, leaf: LeafIndex) -> Result<(), Failure> {
        let computed = keys(suite, tree, leaf, self.generation)?;
        expect_bytes("handshake_key", computed.handshake_key, &self.handshake_key)?;
        expect_bytes("handshake_nonce", computed.handshake_nonce, &self.handshake_nonce)?;
        expect_bytes("application_key", computed.application_key, &self.application_key)?;
        expect_bytes("application_nonce", computed.application_nonce, &self.application_nonce)
    }
}

impl Vector for Entry {
    fn verify(&self, crypto: &Crypto, _: &mut dyn Random) -> Result<(), Failure> {
        let suite = suite(crypto, self.cipher_suite)?;
        self.sender_data.verify(&suite).at("sender_data")?;
        let leaves = u32::try_from(self.leaves.len())?;
        let size = TreeSize::from_leaves(leaves).at("full tree of these leaves")?;
        let root = self.encryption_secret.secret();
        let mut tree = SecretTree::new(size, root, RatchetLimits::default());
        for (leaf, generations) in size.iter_leaves().zip(&self.leaves) {
            // Later generations first, so that keys of skipped generations count as well.
            for entry in generations.iter().rev() {
                let place = format!("leaves[{}], generation {}", leaf.as_u32(), entry.generation);
                entry.verify(&suite, &mut tree, leaf).at(place)?;
            }
        }
        Ok(())
    }

    fn generate(
        crypto: &Crypto,
        scale: Scale,
        random: &mut dyn Random,
    ) -> Result<Vec<Self>, Failure> {
        let sizes: &[u32] = match scale {
            Scale::Small => &[1, 4],
            Scale::Full => &[1, 8, 32],
        };
        for_each_suite(crypto, |suite| {
            let sizes = sizes.iter().filter_map(|&leaves| TreeSize::from_leaves(leaves));
            sizes.map(|size| Self::of(suite, size, random)).collect()
        })
    }
}

/// The generations that are generated: the first, and one that skips some.
const GENERATIONS: [u32; 2] = [0, 15];

impl Entry {
    fn of(suite: &Suite, size: TreeSize, random: &mut dyn Random) -> Result<Self, Failure> {
        let root = Secret::random(suite.hash_length(), random)?;
        let encryption_secret = Hex::from(&root);
        let mut tree = SecretTree::new(size, root, RatchetLimits::default());
        let mut generations =
            |leaf| GENERATIONS.iter().map(|&number| keys(suite, &mut tree, leaf, number)).collect();
        Ok(Self {
            cipher_suite: suite.id().0,
            sender_data: SenderData::generate(suite, random)?,
            encryption_secret,
            leaves: size.iter_leaves().map(&mut generations).collect::<Result<_, Failure>>()?,
        })
    }
}
