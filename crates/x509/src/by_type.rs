//! A policy for groups in which several types of credentials meet (RFC 9420, section 5.3).

use std::collections::BTreeMap;
use std::sync::Arc;

use mls::{
    Candidate, Credential, CredentialType, ExternalSender, IdentityPolicy, LeafNode, Refusal,
};

/// Asks, for each type of credential, the policy for that type; other types are refused.
///
/// A leaf is never replaced by one with another type of credential: no policy here knows whether a
/// name in one type means the same as a name in another, and a member could otherwise trade a
/// certificate for a mere claim. Clients with credentials of different types are different clients.
///
/// What a basic credential means is the application's to say. Here it is a name, and a directory
/// says which signature keys are whose:
///
/// ```
/// use std::collections::BTreeMap;
/// use std::sync::Arc;
///
/// use mls::{
///     Candidate, Credential, CredentialType, ExternalSender, IdentityPolicy, Refusal,
///     SignaturePublicKey,
/// };
/// use x509::ByCredentialType;
///
/// struct Directory(BTreeMap<Vec<u8>, Vec<SignaturePublicKey>>);
///
/// impl IdentityPolicy for Directory {
///     fn validate_leaf(&self, candidate: &Candidate<'_>) -> Result<(), Refusal> {
///         let leaf = candidate.leaf;
///         let Credential::Basic(name) = &leaf.credential else {
///             return Err(Refusal("not a name".to_owned()));
///         };
///         let keys = self.0.get(name.as_slice());
///         if !keys.is_some_and(|keys| keys.contains(&leaf.signature_key)) {
///             return Err(Refusal("the directory knows another key, or none".to_owned()));
///         }
///         match candidate.predecessor {
///             Some(before) if before.credential != leaf.credential => {
///                 Err(Refusal("a member keeps its name".to_owned()))
///             }
///             _ => Ok(()),
///         }
///     }
///
///     fn validate_external_sender(&self, _: &ExternalSender, _: u64) -> Result<(), Refusal> {
///         Err(Refusal("the directory lists no senders".to_owned()))
///     }
/// }
///
/// # fn certified() -> Arc<dyn IdentityPolicy> { Arc::new(ByCredentialType::new()) }
/// let policy = ByCredentialType::new()
///     .with(CredentialType::BASIC, Arc::new(Directory(BTreeMap::new())))
///     .with(CredentialType::X509, certified()); // an `X509Policy`
/// ```
#[derive(Clone, Default)]
pub struct ByCredentialType {
    policies: BTreeMap<CredentialType, Arc<dyn IdentityPolicy>>,
}

impl ByCredentialType {
    /// Refuses every type.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, but credentials of this type are for `policy` to judge.
    #[must_use]
    pub fn with(
        mut self,
        credential_type: CredentialType,
        policy: Arc<dyn IdentityPolicy>,
    ) -> Self {
        self.policies.insert(credential_type, policy);
        self
    }

    fn policy(&self, credential: &Credential) -> Result<&dyn IdentityPolicy, Refusal> {
        let policy = self.policies.get(&credential.credential_type());
        let refusal = || Refusal("credentials of this type are not accepted".to_owned());
        policy.map(|policy| &**policy).ok_or_else(refusal)
    }
}

impl IdentityPolicy for ByCredentialType {
    fn validate_leaf(&self, candidate: &Candidate<'_>) -> Result<(), Refusal> {
        let policy = self.policy(&candidate.leaf.credential)?;
        let new_type = candidate.leaf.credential.credential_type();
        let old = candidate.predecessor.map(|before| before.credential.credential_type());
        if old.is_some_and(|old| old != new_type) {
            return Err(Refusal("a member's credential stays of its type".to_owned()));
        }
        policy.validate_leaf(candidate)
    }

    fn validate_external_sender(&self, sender: &ExternalSender, now: u64) -> Result<(), Refusal> {
        self.policy(&sender.credential)?.validate_external_sender(sender, now)
    }

    fn client_id(&self, leaf: &LeafNode) -> Option<Vec<u8>> {
        let client_id = self.policy(&leaf.credential).ok()?.client_id(leaf)?;
        let CredentialType(number) = leaf.credential.credential_type();
        Some([number.to_be_bytes().as_slice(), &client_id].concat())
    }
}
