//! The TreeKEM of RFC 9420, as the real library does it: an adapter over the `mls` crate.
//!
//! A member is an [`mls::Group`] with its stored rows. Handshake messages are PublicMessages, so
//! that the only AEAD operations are those of the tree and of Welcomes; GREASE is off and suites
//! other than the experiment's are not announced, so that sizes are the same in every run. An add,
//! a remove and an update are each a commit with a path, RFC 9420's default.

mod adversary;
mod member;
mod rows;
mod warm;
mod warm_tree;

use std::sync::Arc;

use codec::{Decode, Encode};
use crypto::{Random, SignatureKeyPair, Signer};
use mls::{
    Candidate, Client, ClientConfig, CommitOptions, Credential, CredentialType, ExternalSender,
    GroupParams, HandshakeFormat, IdentityPolicy, KeyPackage, KeyPackageOptions, MlsMessage,
    NewCommit, NoPsks, Refusal, Settings,
};

use crate::{Adversary, Failure, Loot, Member, Newcomer, Protocol, Tools, WarmGroup};
use member::RfcMember;
use rows::Rows;

/// The time at which experiments take place, in seconds since 1970.
const NOW: u64 = 1_800_000_000;

/// RFC 9420.
pub struct Rfc9420;

impl From<mls::Error> for Failure {
    fn from(error: mls::Error) -> Self {
        Self::Message(error.to_string())
    }
}

impl From<codec::DecodeError> for Failure {
    fn from(error: codec::DecodeError) -> Self {
        Self::Message(error.to_string())
    }
}

/// In the laboratory everybody is who they say.
struct AcceptAll;

impl IdentityPolicy for AcceptAll {
    fn validate_leaf(&self, _candidate: &Candidate<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn validate_external_sender(&self, _: &ExternalSender, _: u64) -> Result<(), Refusal> {
        Ok(())
    }
}

/// The client of somebody with this name and signature key.
fn client(tools: &Tools, identity: u32, signer: Arc<SignatureKeyPair>) -> Client {
    Client::new(ClientConfig {
        crypto: tools.crypto().clone(),
        credential: Credential::basic(&identity.to_be_bytes()),
        signers: vec![signer as Arc<dyn Signer>],
        identity: Arc::new(AcceptAll),
        psks: Arc::new(NoPsks),
        settings: Settings {
            handshakes: HandshakeFormat::Public,
            past_epochs_max: 0,
            resumption_psks_max: 0,
            grease: false,
            credentials: vec![CredentialType::BASIC],
            ..Settings::default()
        },
    })
}

impl Protocol for Rfc9420 {
    fn name(&self) -> &'static str {
        "rfc9420"
    }

    fn title(&self) -> &'static str {
        "TreeKEM of RFC 9420"
    }

    fn newcomer(
        &self,
        tools: &Tools,
        identity: u32,
        random: &mut dyn Random,
    ) -> Result<Box<dyn Newcomer>, Failure> {
        let signer = Arc::new(SignatureKeyPair::generate(tools.suite(), random)?);
        let client = client(tools, identity, Arc::clone(&signer));
        let mut rows = Rows::default();
        let options = KeyPackageOptions::default();
        let made = client.key_package(tools.suite().id(), options, NOW, random)?;
        let key_package = made.save(&mut rows)?;
        Ok(Box::new(RfcNewcomer { tools: tools.clone(), client, signer, rows, key_package }))
    }

    fn warm(
        &self,
        tools: &Tools,
        size: u32,
        random: &mut dyn Random,
    ) -> Result<Box<dyn WarmGroup>, Failure> {
        Ok(Box::new(warm::RfcWarmGroup::new(tools, size, random)?))
    }

    fn adversary(&self, tools: &Tools, loot: Vec<Loot>) -> Result<Box<dyn Adversary>, Failure> {
        Ok(Box::new(adversary::RfcAdversary::new(tools, loot)?))
    }
}

struct RfcNewcomer {
    tools: Tools,
    client: Client,
    signer: Arc<SignatureKeyPair>,
    rows: Rows,
    key_package: KeyPackage,
}

impl Newcomer for RfcNewcomer {
    fn key_package(&self) -> Vec<u8> {
        self.key_package.to_bytes()
    }

    fn create(
        self: Box<Self>,
        others: &[Vec<u8>],
        random: &mut dyn Random,
    ) -> Result<(Box<dyn Member>, Vec<u8>), Failure> {
        let Self { tools, client, signer, mut rows, .. } = *self;
        let params = GroupParams::new(tools.suite().id());
        let mut group = client.create_group(&rows, params, NOW, random)?.save(&mut rows)?;
        let mut setup = Vec::new();
        if !others.is_empty() {
            let mut options = CommitOptions::new();
            for other in others {
                options = options.add_member(KeyPackage::from_bytes(other)?);
            }
            let NewCommit { pending, welcomes, .. } =
                group.commit(options, NOW, random)?.save(&mut rows)?;
            group.advance(pending)?.save(&mut rows)?;
            setup = welcomes.into_iter().flat_map(|(welcome, _)| welcome.to_bytes()).collect();
        }
        Ok((Box::new(RfcMember::new(tools, group, signer, rows)), setup))
    }

    fn join(self: Box<Self>, welcome: &[u8]) -> Result<Box<dyn Member>, Failure> {
        let Self { tools, client, signer, mut rows, .. } = *self;
        let welcome = MlsMessage::from_bytes(welcome)?;
        let group = client.join(&rows, &welcome, None, NOW)?.save(&mut rows)?;
        Ok(Box::new(RfcMember::new(tools, group, signer, rows)))
    }
}
