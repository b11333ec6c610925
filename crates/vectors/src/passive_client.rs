//! `passive-client-*`: a client that joins by a Welcome and follows every commit (RFC 9420,
//! sections 12.4.2 and 12.4.3.1).
//!
//! Three kinds share one format: joining only, one commit of each sort, and many commits of any
//! sort.

mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use crypto::{Crypto, HpkeKeyPair, Random, Secret, SignatureKeyPair, Signer, Suite};
use mls::{Client, ClientConfig, Group, MemoryStorage, PskStore, Received, Settings, StagedCommit};
use serde::{Deserialize, Serialize};
use wire::{Credential, KeyPackage, MlsMessage, MlsMessageBody, RatchetTreeNodes};

use crate::failure::{At, expect_bytes};
use crate::keys::{hpke_key_pair, signature_key_pair};
use crate::kind::{for_each_suite, suite};
use crate::tree_validation::{ANY_LIFETIME, AnyIdentity};
use crate::{Failure, Hex, Scale, Vector};

/// What the client has, and what it hears.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The suite.
    pub cipher_suite: u16,
    /// The application's pre-shared keys.
    pub external_psks: Vec<ExternalPsk>,
    /// `MLSMessage` with the client's key package.
    pub key_package: Hex,
    /// The private key of the leaf's `signature_key`.
    pub signature_priv: Hex,
    /// The private key of the leaf's `encryption_key`.
    pub encryption_priv: Hex,
    /// The private key of the key package's `init_key`.
    pub init_priv: Hex,
    /// `MLSMessage` with the Welcome.
    pub welcome: Hex,
    /// The tree, if it is not in the Welcome.
    pub ratchet_tree: Option<Hex>,
    /// The `epoch_authenticator` of the epoch that is joined.
    pub initial_epoch_authenticator: Hex,
    /// What follows.
    pub epochs: Vec<Epoch>,
}

/// An external pre-shared key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalPsk {
    /// The application's name for it.
    pub psk_id: Hex,
    /// The key.
    pub psk: Hex,
}

/// A commit, and the proposals that were sent before it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// `MLSMessage` with a proposal each.
    pub proposals: Vec<Hex>,
    /// `MLSMessage` with the commit.
    pub commit: Hex,
    /// The `epoch_authenticator` of the epoch that the commit leads to.
    pub epoch_authenticator: Hex,
}

/// The time at which everything happens, in seconds since 1970. Lifetimes are not compared with it.
const NOW: u64 = 1_700_000_000;

/// Pre-shared keys by their id.
#[derive(Clone, Default)]
struct Psks(BTreeMap<Vec<u8>, Vec<u8>>);

impl PskStore for Psks {
    fn external(&self, psk_id: &[u8]) -> Option<Secret> {
        self.0.get(psk_id).map(|psk| Secret::from_slice(psk))
    }
}

/// A client that accepts whatever a vector shows, as long as it obeys the RFC.
fn client(crypto: &Crypto, signer: Arc<dyn Signer>, psks: Psks, settings: Settings) -> Client {
    Client::new(ClientConfig {
        crypto: crypto.clone(),
        credential: Credential::basic(b"a client of a test vector"),
        signers: vec![signer],
        identity: Arc::new(AnyIdentity),
        psks: Arc::new(psks),
        settings,
    })
}

fn settings() -> Settings {
    Settings { lifetimes: ANY_LIFETIME, grease: false, ..Settings::default() }
}

/// The client's private keys, which are those of the key package.
struct PrivateKeys {
    signer: SignatureKeyPair,
    init: HpkeKeyPair,
    encryption: HpkeKeyPair,
}

impl Scenario {
    fn key_package(&self) -> Result<KeyPackage, Failure> {
        match self.key_package.decode::<MlsMessage>()?.0 {
            MlsMessageBody::KeyPackage(key_package) => Ok(*key_package),
            _ => Err(Failure::new("is not a key package")),
        }
    }

    fn private_keys(
        &self,
        suite: &Suite,
        key_package: &KeyPackage,
    ) -> Result<PrivateKeys, Failure> {
        let leaf = &key_package.leaf_node;
        let signer = signature_key_pair(suite, &self.signature_priv).at("signature_priv")?;
        let public_key = Hex::from(leaf.signature_key.as_slice());
        expect_bytes("signature_priv", signer.public_key().as_slice(), &public_key)?;
        let encryption = hpke_key_pair(suite, &self.encryption_priv).at("encryption_priv")?;
        let public_key = Hex::from(leaf.encryption_key.as_slice());
        expect_bytes("encryption_priv", encryption.public_key.as_slice(), &public_key)?;
        let init = hpke_key_pair(suite, &self.init_priv).at("init_priv")?;
        let public_key = Hex::from(key_package.init_key.as_slice());
        expect_bytes("init_priv", init.public_key.as_slice(), &public_key)?;
        Ok(PrivateKeys { signer, init, encryption })
    }

    fn join(&self, crypto: &Crypto) -> Result<Follower, Failure> {
        let suite = suite(crypto, self.cipher_suite)?;
        let key_package = self.key_package().at("key_package")?;
        let PrivateKeys { signer, init, encryption } = self.private_keys(&suite, &key_package)?;
        let psks = self.external_psks.iter().map(|psk| (psk.psk_id.0.clone(), psk.psk.0.clone()));
        let client = client(crypto, Arc::new(signer), Psks(psks.collect()), settings());
        let mut storage = MemoryStorage::new();
        client
            .import_key_package(key_package, init.private_key, encryption.private_key)
            .and_then(|effect| effect.save(&mut storage))
            .at("key_package")?;
        let welcome: MlsMessage = self.welcome.decode().at("welcome")?;
        let tree = self.ratchet_tree.as_ref().map(Hex::decode::<RatchetTreeNodes>);
        let tree = tree.transpose().at("ratchet_tree")?;
        let group = client
            .join(&storage, &welcome, tree, NOW)
            .and_then(|effect| effect.save(&mut storage))
            .at("welcome")?;
        Ok(Follower { client, storage, group })
    }

    fn verify(&self, crypto: &Crypto) -> Result<(), Failure> {
        let mut follower = self.join(crypto)?;
        follower.expect_epoch(&self.initial_epoch_authenticator).at("initial epoch")?;
        for (index, epoch) in self.epochs.iter().enumerate() {
            follower.follow(epoch).at(format_args!("epochs[{index}]"))?;
        }
        follower.expect_stored()
    }
}

/// A member that listens.
struct Follower {
    client: Client,
    storage: MemoryStorage,
    group: Group,
}

impl Follower {
    fn process(&mut self, message: &Hex) -> Result<Received, Failure> {
        let message: MlsMessage = message.decode()?;
        Ok(self.group.process(&message, NOW)?.save(&mut self.storage)?)
    }

    fn follow(&mut self, epoch: &Epoch) -> Result<(), Failure> {
        for (index, proposal) in epoch.proposals.iter().enumerate() {
            let place = format!("proposals[{index}]");
            let Received::Proposal(_) = self.process(proposal).at(&place)? else {
                return Err(Failure::new(format!("{place}: is not a proposal of this epoch")));
            };
        }
        let Received::Commit(staged) = self.process(&epoch.commit).at("commit")? else {
            return Err(Failure::new("commit: is not a commit of this epoch"));
        };
        let staged: StagedCommit = *staged;
        self.group.advance(staged)?.save(&mut self.storage)?;
        self.expect_epoch(&epoch.epoch_authenticator)
    }

    fn expect_epoch(&self, authenticator: &Hex) -> Result<(), Failure> {
        let computed = self.group.epoch_authenticator().expose();
        expect_bytes("epoch_authenticator", computed, authenticator)
    }

    /// What was stored on the way is the group as it is now.
    fn expect_stored(&self) -> Result<(), Failure> {
        let stored = self.client.load_group(&self.storage, self.group.group_id())?;
        let stored = stored.at("stored group")?;
        let authenticator = Hex::from(self.group.epoch_authenticator());
        expect_bytes("stored group", stored.epoch_authenticator().expose(), &authenticator)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $entry:ident: $generate:path,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $entry(pub Scenario);

        impl Vector for $entry {
            fn verify(&self, crypto: &Crypto, _: &mut dyn Random) -> Result<(), Failure> {
                self.0.verify(crypto)
            }

            fn generate(
                crypto: &Crypto,
                scale: Scale,
                random: &mut dyn Random,
            ) -> Result<Vec<Self>, Failure> {
                for_each_suite(crypto, |suite| {
                    let scenarios = $generate(crypto, suite, scale, random)?;
                    Ok(scenarios.into_iter().map(Self).collect())
                })
            }
        }
    )*};
}

kinds! {
    /// A client that joins.
    WelcomeEntry: world::welcomes,
    /// A client that follows one commit of each sort.
    CommitEntry: world::commits,
    /// A client that follows many commits of any sort.
    RandomEntry: world::random_commits,
}
