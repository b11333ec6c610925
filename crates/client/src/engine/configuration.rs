//! What the MLS library is told of an account. A group's policy says more of the group (`policy`).

use super::keys::Keys;
use crate::Error;
use crate::id::LOG_EXTENSION;
use crate::policy::POLICY_EXTENSION;
use crate::rescue::RESCUE_EXTENSION;
use authentication::AccountPolicy;
use crypto::{Crypto, Signer};
use mls::{Client, ClientConfig, NoPsks, Settings};
use std::sync::Arc;

/// The MLS client of an account.
pub(super) fn client(
    crypto: &Crypto,
    keys: &Keys,
    policy: &Arc<AccountPolicy>,
) -> Result<Client, Error> {
    let credential = match &keys.credential {
        Some(credential) => credential.to_credential(),
        // Nothing is made with it: a credential comes before everything else.
        None => wire::Credential::basic(&[]),
    };
    let settings = Settings {
        extensions: vec![LOG_EXTENSION, POLICY_EXTENSION, RESCUE_EXTENSION],
        credentials: vec![wire::CredentialType::BASIC],
        // The service refuses what was protected under an older head, so nothing of a past epoch
        // follows a newer commit, and its keys can go at once.
        past_epochs_max: 0,
        // Who has lost the group comes back like this (`rejoin`); nobody else comes in.
        external_commits: mls::ExternalCommitPolicy::ResyncOnly,
        ..Settings::default()
    };
    Ok(Client::new(ClientConfig {
        crypto: crypto.clone(),
        credential,
        signers: vec![Arc::clone(&keys.signature) as Arc<dyn Signer>],
        identity: Arc::clone(policy) as Arc<dyn tree::IdentityPolicy>,
        psks: Arc::new(NoPsks),
        settings,
    }))
}
