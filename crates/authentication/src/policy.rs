//! The identity policy: a leaf is of the device whose account says so.

use crate::{DeviceCredential, KnownAccounts, Violation, Vouched};
use crypto::{Provider, SignaturePublicKey};
use std::sync::Arc;
use tree::{Candidate, IdentityPolicy, Refusal};
use wire::{Credential, ExternalSender, LeafNode};

/// How long a member may stay after its credential has expired: it may have been away.
pub const EXPIRED_MEMBER_SECONDS: u64 = 90 * 86_400;

/// Accepts leaves with a device credential of an account that is not known to be another.
pub struct AccountPolicy {
    provider: Arc<dyn Provider>,
    known: Arc<KnownAccounts>,
}

impl AccountPolicy {
    /// A policy by what is known. It changes nothing there: a leaf that is judged may still not
    /// come in.
    #[must_use]
    pub const fn new(provider: Arc<dyn Provider>, known: Arc<KnownAccounts>) -> Self {
        Self { provider, known }
    }

    /// What is known of accounts.
    #[must_use]
    pub const fn known(&self) -> &Arc<KnownAccounts> {
        &self.known
    }

    /// Verifies whose a leaf is.
    ///
    /// # Errors
    /// The credential breaks a rule that holds at any time.
    pub fn verify(&self, leaf: &LeafNode) -> Result<Vouched, Violation> {
        self.verify_credential(&leaf.credential, &leaf.signature_key)
    }

    /// Verifies whose a credential for a signature key is.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn verify_credential(
        &self,
        credential: &Credential,
        signature_key: &SignaturePublicKey,
    ) -> Result<Vouched, Violation> {
        let credential = DeviceCredential::read(credential)?;
        credential.verify(&*self.provider, signature_key)?;
        match self.known.get(&credential.statement().name) {
            Some(account) if !account.is_of(&credential) => Err(Violation::OtherAccount),
            _ => Ok(Vouched(credential)),
        }
    }

    /// Whether whoever was verified may be let in, or stay, at a time: neither expired nor missing
    /// from the account's list of devices, nor by a root key that was replaced.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn check_standing(&self, vouched: &Vouched, now: u64) -> Result<(), Violation> {
        let credential = vouched.credential();
        let statement = credential.statement();
        if let Some(account) = self.known.get(&statement.name) {
            let follows = credential.successions().iter().any(|step| step.from() == account.key);
            if account.key != statement.account && !follows {
                return Err(Violation::FormerAccountKey);
            }
            if !account.lists(credential) {
                return Err(Violation::NotListed);
            }
        }
        if !credential.list().names(&statement.device) {
            return Err(Violation::NotListed);
        }
        statement.check_time(now)
    }

    /// Why a member of a group must go, if it must: its device is not listed, or its credential has
    /// expired so long ago that nobody renews it any more. The leaf is one of the group's tree, so
    /// it was verified when it came in.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn check_member(&self, member: &LeafNode, now: u64) -> Result<(), Violation> {
        let credential = DeviceCredential::read(&member.credential)?;
        let statement = credential.statement();
        let is_listed = match self.known.get(&statement.name) {
            Some(account) => account.lists(&credential),
            None => credential.list().names(&statement.device),
        };
        if !is_listed {
            return Err(Violation::NotListed);
        }
        if now.saturating_sub(EXPIRED_MEMBER_SECONDS) > statement.not_after {
            return Err(Violation::Expired);
        }
        Ok(())
    }

    /// RFC 9420, section 5.3.1: whether the successor of a leaf is the same client. Name and device
    /// stay; the signature key may change, and the root key by succession.
    fn check_successor(before: &LeafNode, after: &DeviceCredential) -> Result<(), Violation> {
        let before = DeviceCredential::read(&before.credential)?;
        let (old, new) = (before.statement(), after.statement());
        let is_same = (&old.name, old.device) == (&new.name, new.device);
        let continues = old.account == new.account
            || after.successions().iter().any(|step| step.from() == old.account);
        if is_same && continues { Ok(()) } else { Err(Violation::OtherClient) }
    }
}

impl IdentityPolicy for AccountPolicy {
    fn validate_leaf(&self, candidate: &Candidate<'_>) -> Result<(), Refusal> {
        let vouched = self.verify(candidate.leaf)?;
        if let Some(before) = candidate.predecessor {
            Self::check_successor(before, vouched.credential())?;
        }
        Ok(())
    }

    fn validate_external_sender(&self, _: &ExternalSender, _: u64) -> Result<(), Refusal> {
        Err(Refusal("external senders are no accounts".to_owned()))
    }

    fn client_id(&self, leaf: &LeafNode) -> Option<Vec<u8>> {
        let credential = DeviceCredential::read(&leaf.credential).ok()?;
        let statement = credential.statement();
        // Each device of an account is a client of its own. No name has a blank.
        let name = statement.name.as_str().as_bytes();
        Some([name, b" ", statement.device.as_bytes()].concat())
    }
}
