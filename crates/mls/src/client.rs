//! A client (RFC 9420, section 2): credential, signature keys, rules; where groups start from.

use std::sync::Arc;

use crypto::{CipherSuite, Crypto, HpkePublicKey, Random, SignaturePublicKey, Signer, Suite};
use tree::{Checks, IdentityPolicy, PskPurpose};
use wire::{
    Capabilities, Credential, ExtensionType, Extensions, LeafNode, LeafNodeSource, ProtocolVersion,
};

use crate::{Error, Misuse, NoPsks, PskStore, Settings, grease};

/// Who a client is and what rules it follows.
#[derive(Clone)]
pub struct ClientConfig {
    /// The cipher suites and the backend.
    pub crypto: Crypto,
    /// What the client shows in new leaves.
    pub credential: Credential,
    /// The client's signature keys: for a new leaf, the first one whose scheme is the suite's; for
    /// an existing leaf, the one whose public key is in it.
    pub signers: Vec<Arc<dyn Signer>>,
    /// Who may be in groups with this client.
    pub identity: Arc<dyn IdentityPolicy>,
    /// The application's pre-shared keys.
    pub psks: Arc<dyn PskStore>,
    /// The application's choices.
    pub settings: Settings,
}

impl ClientConfig {
    /// A client with one signature key, default settings and no pre-shared keys.
    #[must_use]
    pub fn new(
        crypto: Crypto,
        credential: Credential,
        signer: Arc<dyn Signer>,
        identity: Arc<dyn IdentityPolicy>,
    ) -> Self {
        let (signers, psks) = (vec![signer], Arc::new(NoPsks));
        let settings = Settings::default();
        Self { crypto, credential, signers, identity, psks, settings }
    }
}

/// A client. Cheap to clone; holds no state that changes.
///
/// * Prepare: [`Client::key_package`].
/// * Start: [`Client::create_group`], [`Client::join`], [`Client::join_external`],
///   [`Client::reinitialize`], [`Client::branch`].
/// * Come back: [`Client::load_group`], [`Client::complete_join`].
#[derive(Clone)]
pub struct Client {
    pub(crate) config: Arc<ClientConfig>,
}

/// What a new leaf shows, beyond its keys.
#[derive(Clone, Default)]
pub struct LeafChanges {
    /// Another credential; the identity policy of every member judges it against the old one.
    pub credential: Option<Credential>,
    /// Another signature key. Keep the signer in [`ClientConfig::signers`] for later sessions.
    pub signer: Option<Arc<dyn Signer>>,
    /// Other extensions, replacing the old ones.
    pub extensions: Option<Extensions>,
}

impl Client {
    /// A client with this configuration.
    #[must_use]
    pub fn new(config: ClientConfig) -> Self {
        Self { config: Arc::new(config) }
    }

    /// The client's settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.config.settings
    }

    /// The client's configuration.
    #[must_use]
    pub fn config(&self) -> &ClientConfig {
        &self.config
    }

    pub(crate) fn suite(&self, id: CipherSuite) -> Result<Suite, Error> {
        self.config.crypto.suite(id).ok_or(Error::Misuse(Misuse::UnknownCipherSuite))
    }

    /// The signer for new leaves in a suite.
    pub(crate) fn current_signer(&self, suite: &Suite) -> Result<Arc<dyn Signer>, Error> {
        let mut signers = self.config.signers.iter();
        let signer = signers.find(|signer| signer.scheme() == suite.params().signature);
        signer.cloned().ok_or(Error::Misuse(Misuse::NoSigner))
    }

    /// The signer with this public key.
    pub(crate) fn signer_for(&self, key: &SignaturePublicKey) -> Option<Arc<dyn Signer>> {
        self.config.signers.iter().find(|signer| signer.public_key() == key).cloned()
    }

    /// What the client supports, without any GREASE (section 13.5).
    pub(crate) fn capabilities(&self) -> Capabilities {
        let ClientConfig { crypto, settings, credential, .. } = &*self.config;
        let mut credentials = settings.credentials.clone();
        if !credentials.contains(&credential.credential_type()) {
            credentials.push(credential.credential_type());
        }
        Capabilities {
            versions: vec![ProtocolVersion::MLS10],
            cipher_suites: crypto.suites().collect(),
            extensions: settings.extensions.clone(),
            proposals: settings.proposals.clone(),
            credentials,
        }
    }

    /// Whether the client supports all these extensions of a GroupContext (section 13.4).
    pub(crate) fn supports_extensions(&self, extensions: &Extensions) -> bool {
        let supported = |extension_type: ExtensionType| {
            extension_type.is_default() || self.config.settings.extensions.contains(&extension_type)
        };
        extensions.types().all(supported)
    }

    /// A leaf that is not signed yet, with the client's present capabilities.
    pub(crate) fn unsigned_leaf(
        &self,
        encryption_key: HpkePublicKey,
        signature_key: SignaturePublicKey,
        leaf_node_source: LeafNodeSource,
        random: &mut dyn Random,
    ) -> Result<LeafNode, Error> {
        let mut capabilities = self.capabilities();
        let mut extensions = Extensions::default();
        if self.config.settings.grease {
            grease::leaf(&mut capabilities, &mut extensions, random)?;
        }
        Ok(LeafNode {
            encryption_key,
            signature_key,
            credential: self.config.credential.clone(),
            capabilities,
            leaf_node_source,
            extensions,
            signature: Default::default(),
        })
    }

    /// The checks on what is received or sent at a time.
    pub(crate) fn checks(&self, now: u64, sending: bool) -> Checks<'_> {
        Checks {
            identity: &*self.config.identity,
            lifetimes: self.config.settings.lifetimes,
            now,
            sending,
            psk_purpose: PskPurpose::Ordinary,
        }
    }
}

/// Signs a leaf for its place (section 7.2); `placement` is ignored for a key package's.
pub(crate) fn sign_leaf(
    suite: &Suite,
    signer: &dyn Signer,
    leaf: &mut LeafNode,
    placement: (&[u8], u32),
) -> Result<(), Error> {
    let signed = leaf.to_be_signed(placement);
    leaf.signature = suite.sign_with_label(signer, LeafNode::SIGNATURE_LABEL, &signed)?.into();
    Ok(())
}
