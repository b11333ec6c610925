//! The identity policy for credentials of type `x509` (RFC 9420, sections 5.3 and 5.3.1).
//!
//! A credential is verified in this order, and refused at the first rule that it breaks:
//!
//! 1. its size and the encoding of each certificate;
//! 2. each certificate that was sent: authority or not, usages, time;
//! 3. the end entity's key, which must be the leaf's;
//! 4. the path to a trust anchor: signatures, constraints, revocation;
//! 5. the identity, and that it is the one of the leaf that is replaced.

use std::sync::{Arc, PoisonError, RwLock};

use crypto::{Provider, SignaturePublicKey};
use mls::{Candidate, Credential, ExternalSender, IdentityPolicy, LeafNode, LeafOrigin, Refusal};
use pki_types::SignatureVerificationAlgorithm;

use crate::algorithms::{self, Algorithm};
use crate::certificate::Presented;
use crate::path::PathRules;
use crate::{Error, Names, Purpose, Revocation, Trust, Violation};

/// The most certificates in a credential: the end entity, the six authorities below an anchor that
/// `webpki` follows, and the anchor itself.
pub const CHAIN_CERTIFICATES_MAX: usize = 8;

/// The most bytes in all certificates of a credential: as many as a leaf may have. An external
/// sender's credential, which is in no leaf, has no other limit.
pub const CHAIN_BYTES_MAX: usize = 1 << 16;

/// Where the time that the caller passes decides whether a certificate is still valid.
///
/// Members who disagree about a commit are in different groups from then on, so they must not judge
/// it by clocks that differ. Pass the time at which the delivery service ordered a message, not the
/// time at which it is processed; what remains is this choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiry {
    /// Everywhere.
    Everywhere,
    /// Where a credential is new, and in the tree of a group that is joined. A member's leaf that
    /// is replaced by one with the same credential and key brings in nothing new, so it is not
    /// judged again, whatever has expired or been revoked meanwhile: such a member is to be
    /// removed.
    #[default]
    UnlessKept,
    /// Only where a credential is new. In the tree of a group that is joined, certificates are
    /// judged at a time at which those that were sent were valid, so a member who should have
    /// renewed its certificate keeps nobody out (section 5.3.2). An external sender does: it is
    /// judged the same way when a group names it first and when somebody joins.
    OnlyNew,
}

/// What a credential proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCredential {
    /// Whose it is, as [`Names::identity`] has read it.
    pub identity: Vec<u8>,
    /// The last second at which all certificates that were sent are valid; renew before.
    pub not_after: u64,
}

/// Accepts leaves and external senders with an X.509 certificate from a trusted authority.
///
/// * Set up: [`X509Policy::new`], [`X509Policy::purpose`], [`X509Policy::expiry`],
///   [`X509Policy::algorithms`].
/// * While running: [`X509Policy::set_revocation`].
/// * To look at a member again, or at oneself: [`X509Policy::verify`].
pub struct X509Policy {
    trust: Trust,
    names: Arc<dyn Names>,
    algorithms: Vec<Algorithm>,
    more_algorithms: Vec<&'static dyn SignatureVerificationAlgorithm>,
    purpose: Purpose,
    expiry: Expiry,
    revocation: RwLock<Option<Arc<Revocation>>>,
}

impl X509Policy {
    /// A policy that verifies signatures with `provider`, for client certificates, without
    /// revocation.
    #[must_use]
    pub fn new(provider: &Arc<dyn Provider>, trust: Trust, names: Arc<dyn Names>) -> Self {
        Self {
            trust,
            names,
            algorithms: algorithms::all(provider),
            more_algorithms: Vec::new(),
            purpose: Purpose::CLIENT_AUTH,
            expiry: Expiry::default(),
            revocation: RwLock::new(None),
        }
    }

    /// The same for certificates with another purpose.
    #[must_use]
    pub fn purpose(mut self, purpose: Purpose) -> Self {
        self.purpose = purpose;
        self
    }

    /// The same with another choice about time.
    #[must_use]
    pub fn expiry(mut self, expiry: Expiry) -> Self {
        self.expiry = expiry;
        self
    }

    /// The same with more algorithms that *authorities* may sign with, such as RSA. The end
    /// entity's key is always one that a cipher suite signs with.
    #[must_use]
    pub fn algorithms(
        mut self,
        algorithms: &[&'static dyn SignatureVerificationAlgorithm],
    ) -> Self {
        self.more_algorithms.extend_from_slice(algorithms);
        self
    }

    /// From now on revocation is checked by these rules; with `None`, not at all.
    ///
    /// All members should come to the same verdict: give them the same lists, and remove who was
    /// revoked instead of waiting for the next leaf to be refused.
    pub fn set_revocation(&self, revocation: Option<Revocation>) {
        // A thread that panicked left what was there: it is changed by one assignment.
        let mut current = self.revocation.write().unwrap_or_else(PoisonError::into_inner);
        *current = revocation.map(Arc::new);
    }

    /// Verifies a credential, and that it is for this key, at a time in seconds since 1970. Here
    /// every certificate must be valid, whatever [`Expiry`] says.
    pub fn verify(
        &self,
        credential: &Credential,
        signature_key: &SignaturePublicKey,
        now: u64,
    ) -> Result<VerifiedCredential, Error> {
        let chain = self.parse(credential)?;
        self.verify_chain(&chain, signature_key, now)
    }

    /// The certificates of a credential, each parsed and none verified.
    fn parse<'a>(&self, credential: &'a Credential) -> Result<Chain<'a>, Error> {
        let Credential::X509(certificates) = credential else {
            return Err(Violation::NotX509.into());
        };
        let bytes: usize = certificates.iter().map(|der| der.len()).sum();
        if certificates.len() > CHAIN_CERTIFICATES_MAX || bytes > CHAIN_BYTES_MAX {
            return Err(Violation::ChainTooLong.into());
        }
        let mut der: Vec<&[u8]> = certificates.iter().map(|der| der.as_slice()).collect();
        // A chain may end with its anchor, which the application has already.
        if der.len() > 1 && der.last().is_some_and(|last| self.trust.is_anchor(last)) {
            der.pop();
        }
        let mut parsed = der.iter().enumerate().map(|(place, der)| Presented::parse(place, der));
        let end_entity = parsed.next().ok_or(Violation::EmptyChain)??;
        let issuers = parsed.collect::<Result<_, _>>()?;
        Ok(Chain { der, end_entity, issuers })
    }

    fn verify_chain(
        &self,
        chain: &Chain<'_>,
        signature_key: &SignaturePublicKey,
        time: u64,
    ) -> Result<VerifiedCredential, Error> {
        chain.end_entity.check_end_entity(self.purpose)?;
        chain.issuers.iter().try_for_each(|issuer| issuer.check_issuer(self.purpose))?;
        chain.all().try_for_each(|certificate| certificate.check_time(time))?;
        chain.end_entity.check_key(signature_key.as_slice())?;
        let algorithms = self.algorithms.iter().map(|it| it as &dyn SignatureVerificationAlgorithm);
        let algorithms: Vec<_> =
            algorithms.chain(self.more_algorithms.iter().map(|&it| it as _)).collect();
        let revocation = self.revocation.read().unwrap_or_else(PoisonError::into_inner).clone();
        let rules = PathRules {
            trust: &self.trust,
            algorithms: &algorithms,
            purpose: self.purpose,
            revocation: revocation.as_deref(),
        };
        rules.verify(&chain.der, time)?;
        let identity = self.names.identity(&chain.end_entity.certificate);
        let identity = identity.ok_or(Error::at(0, Violation::NoIdentity))?;
        Ok(VerifiedCredential { identity, not_after: chain.not_after() })
    }

    fn verify_leaf(&self, candidate: &Candidate<'_>) -> Result<(), Error> {
        let Candidate { leaf, origin, predecessor, now, .. } = *candidate;
        let chain = self.parse(&leaf.credential)?;
        let is_kept = |before: &LeafNode| {
            before.credential == leaf.credential && before.signature_key == leaf.signature_key
        };
        // "Whenever a new credential is introduced in the group, it MUST be validated" (section
        // 5.3.1). One who joins from outside introduces it anew, even over a former self.
        let stays = matches!(origin, LeafOrigin::Update | LeafOrigin::CommitPath);
        if self.expiry != Expiry::Everywhere && stays && predecessor.is_some_and(is_kept) {
            return Ok(());
        }
        let excused = self.expiry == Expiry::OnlyNew && origin == LeafOrigin::Tree;
        let time = if excused { now.min(chain.not_after()) } else { now };
        let verified = self.verify_chain(&chain, &leaf.signature_key, time)?;
        predecessor.map_or(Ok(()), |before| self.check_successor(before, &chain, &verified))
    }

    /// "The AS MUST also verify that the set of presented identifiers in the new credential is
    /// valid as a successor to the set of presented identifiers in the old credential" (section
    /// 5.3.1): here it is the same set. The old credential was verified when it came in, and may
    /// have expired since.
    fn check_successor(
        &self,
        before: &LeafNode,
        chain: &Chain<'_>,
        verified: &VerifiedCredential,
    ) -> Result<(), Error> {
        let before = self.parse(&before.credential);
        let before = before.map_err(|_| Violation::OtherIdentity)?.end_entity.certificate;
        let is_same = self.names.identity(&before).as_ref() == Some(&verified.identity)
            && self.names.client_id(&before) == self.names.client_id(&chain.end_entity.certificate);
        if is_same { Ok(()) } else { Err(Error::at(0, Violation::OtherIdentity)) }
    }
}

/// The certificates of a credential.
struct Chain<'a> {
    /// As sent, but for an anchor at the end.
    der: Vec<&'a [u8]>,
    end_entity: Presented,
    issuers: Vec<Presented>,
}

impl Chain<'_> {
    fn all(&self) -> impl Iterator<Item = &Presented> {
        std::iter::once(&self.end_entity).chain(&self.issuers)
    }

    /// The last second at which all are valid.
    fn not_after(&self) -> u64 {
        let ends = self.issuers.iter().map(Presented::not_after);
        ends.fold(self.end_entity.not_after(), u64::min)
    }
}

impl IdentityPolicy for X509Policy {
    fn validate_leaf(&self, candidate: &Candidate<'_>) -> Result<(), Refusal> {
        Ok(self.verify_leaf(candidate)?)
    }

    fn validate_external_sender(&self, sender: &ExternalSender, now: u64) -> Result<(), Refusal> {
        self.verify(&sender.credential, &sender.signature_key, now)?;
        Ok(())
    }

    fn client_id(&self, leaf: &LeafNode) -> Option<Vec<u8>> {
        let Credential::X509(certificates) = &leaf.credential else { return None };
        let end_entity = Presented::parse(0, certificates.first()?).ok()?;
        self.names.client_id(&end_entity.certificate)
    }
}
