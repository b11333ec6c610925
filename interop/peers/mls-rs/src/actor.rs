//! An actor of a script: its keys, its stores, and its client.

use std::time::Duration;

use mls_rs::client_builder::{BaseConfig, WithCryptoProvider, WithIdentityProvider, WithMlsRules};
use mls_rs::crypto::SignatureSecretKey;
use mls_rs::identity::SigningIdentity;
use mls_rs::identity::basic::{BasicCredential, BasicIdentityProvider};
use mls_rs::psk::{ExternalPskId, PreSharedKey};
use mls_rs::storage_provider::KeyPackageData;
use mls_rs::storage_provider::in_memory::{
    InMemoryGroupStateStorage, InMemoryKeyPackageStorage, InMemoryPreSharedKeyStorage,
};
use mls_rs::{CipherSuite, CipherSuiteProvider, CryptoProvider};
use mls_rs_crypto_openssl::OpensslCryptoProvider;

use crate::failure::{Failure, of_crypto};
use crate::rules::Rules;

/// The library's type parameters.
pub(crate) type Config = WithCryptoProvider<
    OpensslCryptoProvider,
    WithIdentityProvider<BasicIdentityProvider, WithMlsRules<Rules, BaseConfig>>,
>;
pub(crate) type Client = mls_rs::Client<Config>;
pub(crate) type Group = mls_rs::Group<Config>;

/// How long key packages and leaves are valid. Conclave accepts 93 days at most, mls-rs would
/// choose a year.
const LIFETIME: Duration = Duration::from_secs(84 * 24 * 60 * 60);

/// For how many epochs messages can still be read and resumption PSKs are kept.
const PAST_EPOCHS_MAX: usize = 64;

pub(crate) fn crypto() -> OpensslCryptoProvider {
    OpensslCryptoProvider::new()
}

/// A signature key with who has it.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) suite: CipherSuite,
    pub(crate) secret: SignatureSecretKey,
    pub(crate) identity: SigningIdentity,
}

impl Signer {
    pub(crate) fn generate(suite: CipherSuite, identity: &[u8]) -> Result<Self, Failure> {
        let provider = crypto().cipher_suite_provider(suite);
        let provider = provider.ok_or_else(|| {
            Failure::invalid(format!("cipher suite {} is not supported", u16::from(suite)))
        })?;
        let (secret, public) = provider.signature_key_generate().map_err(of_crypto)?;
        let credential = BasicCredential::new(identity.to_vec()).into_credential();
        Ok(Self { suite, secret, identity: SigningIdentity::new(credential, public) })
    }

    /// Whether this is the key of the actor in the suite.
    pub(crate) fn is_of(&self, suite: CipherSuite, identity: &[u8]) -> bool {
        self.suite == suite && is_named(&self.identity, identity)
    }
}

/// Whether an identity is the one in the basic credential.
pub(crate) fn is_named(identity: &SigningIdentity, name: &[u8]) -> bool {
    identity.credential.as_basic().is_some_and(|basic| basic.identifier() == name)
}

/// What an actor has of its own.
#[derive(Clone)]
pub(crate) struct Actor {
    pub(crate) signer: Signer,
    pub(crate) client: Client,
    pub(crate) rules: Rules,
    pub(crate) groups: InMemoryGroupStateStorage,
    key_packages: InMemoryKeyPackageStorage,
    psks: InMemoryPreSharedKeyStorage,
    /// The ids of the external PSKs, which the library's store does not tell.
    psk_ids: Vec<ExternalPskId>,
}

impl Actor {
    pub(crate) fn new(signer: Signer, rules: Rules) -> Result<Self, Failure> {
        let groups = InMemoryGroupStateStorage::new().with_max_epoch_retention(PAST_EPOCHS_MAX)?;
        let (key_packages, psks) =
            <(InMemoryKeyPackageStorage, InMemoryPreSharedKeyStorage)>::default();
        let client = mls_rs::Client::builder()
            .key_package_repo(key_packages.clone())
            .psk_store(psks.clone())
            .group_state_storage(groups.clone())
            .key_package_lifetime(LIFETIME)
            .mls_rules(rules.clone())
            .identity_provider(BasicIdentityProvider::new())
            .crypto_provider(crypto())
            .signing_identity(signer.identity.clone(), signer.secret.clone(), signer.suite)
            .build();
        Ok(Self { signer, client, rules, groups, key_packages, psks, psk_ids: Vec::new() })
    }

    pub(crate) fn store_psk(&mut self, psk_id: Vec<u8>, psk_secret: Vec<u8>) {
        let psk_id = ExternalPskId::new(psk_id);
        self.psks.insert(psk_id.clone(), PreSharedKey::new(psk_secret));
        self.psk_ids.push(psk_id);
    }

    /// Takes over the key packages and pre-shared keys of another.
    pub(crate) fn take_over(&mut self, other: &Self) {
        for (id, key_package) in other.key_packages.key_packages() {
            self.key_packages.insert(id, key_package);
        }
        for psk_id in &other.psk_ids {
            if let Some(psk) = other.psks.get(psk_id) {
                self.psks.insert(psk_id.clone(), psk);
                self.psk_ids.push(psk_id.clone());
            }
        }
    }

    /// The private keys of the only key package.
    pub(crate) fn key_package_data(&self) -> Result<KeyPackageData, Failure> {
        let found = self.key_packages.key_packages().pop();
        let found = found.ok_or_else(|| Failure::internal("the new key package is not stored"))?;
        Ok(found.1)
    }
}
