//! From the end entity to a trust anchor (RFC 5280, section 6), by `webpki`.
//!
//! `webpki` takes the other certificates as a heap from which it picks. Here their order has a
//! meaning: every certificate that was sent must be on the path that is found, in the order sent.
//! Others may stand between them ("A chain MAY omit any non-leaf certificates that supported peers
//! are known to already possess", RFC 9420, section 5.3); the application supplies those.

use std::cell::Cell;
use std::time::Duration;

use pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, VerifiedPath};

use crate::certificate::Presented;
use crate::revocation::Revocation;
use crate::{Error, Misuse, Purpose, Violation};

/// Whom the application trusts to certify its users.
pub struct Trust {
    anchors: Vec<TrustAnchor<'static>>,
    anchor_certificates: Vec<CertificateDer<'static>>,
    intermediates: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// Trust anchors, as DER certificates. Of an anchor only name, key and name constraints count:
    /// it was chosen by the application, so it does not expire here.
    pub fn new(anchors: impl IntoIterator<Item = Vec<u8>>) -> Result<Self, Error> {
        let certificates: Vec<_> = anchors.into_iter().map(CertificateDer::from).collect();
        let parsed = certificates.iter().enumerate().map(|(place, certificate)| {
            let anchor = webpki::anchor_from_trusted_cert(certificate);
            let anchor = anchor.map_err(|_| Misuse::BadAnchor(place))?;
            Ok(anchor.to_owned())
        });
        let anchors = parsed.collect::<Result<Vec<_>, Error>>()?;
        if anchors.is_empty() {
            return Err(Misuse::NoAnchor.into());
        }
        Ok(Self { anchors, anchor_certificates: certificates, intermediates: Vec::new() })
    }

    /// The same with intermediate certificates, as DER, that members may leave out of their chains.
    pub fn with_intermediates(
        mut self,
        intermediates: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<Self, Error> {
        for (place, der) in intermediates.into_iter().enumerate() {
            let bad = |_| Misuse::BadIntermediate(place);
            Presented::parse(place, &der)
                .and_then(|certificate| certificate.check_issuer(Purpose::ANY))
                .map_err(bad)?;
            self.intermediates.push(CertificateDer::from(der));
        }
        Ok(self)
    }

    /// Whether this is the certificate of an anchor, byte for byte.
    pub(crate) fn is_anchor(&self, der: &[u8]) -> bool {
        self.anchor_certificates.iter().any(|anchor| anchor.as_ref() == der)
    }
}

/// What a path is checked against.
pub(crate) struct PathRules<'a> {
    pub(crate) trust: &'a Trust,
    pub(crate) algorithms: &'a [&'a dyn SignatureVerificationAlgorithm],
    pub(crate) purpose: Purpose,
    pub(crate) revocation: Option<&'a Revocation>,
}

impl PathRules<'_> {
    /// Verifies the chain that was sent, the end entity's certificate first, at a time in seconds
    /// since 1970.
    pub(crate) fn verify(&self, chain: &[&[u8]], time: u64) -> Result<(), Error> {
        let (end_entity, sent) = chain.split_first().ok_or(Violation::EmptyChain)?;
        let end_entity = CertificateDer::from(*end_entity);
        let end_entity = EndEntityCert::try_from(&end_entity)
            .map_err(|error| Error::Violation { violation: of(&error), certificate: Some(0) })?;
        // Those that were sent come first, so that the path through them is tried first.
        let sent_der = sent.iter().map(|der| CertificateDer::from(*der));
        let known = self.trust.intermediates.iter().map(|der| CertificateDer::from(der.as_ref()));
        let others: Vec<_> = sent_der.chain(known).collect();
        let lists = self.revocation.map(Revocation::lists);
        let revocation = match (self.revocation, &lists) {
            (Some(rules), Some(lists)) => Some(rules.options(lists)?),
            _ => None,
        };
        let out_of_place = Cell::new(None);
        let in_order = |path: &VerifiedPath<'_>| match first_out_of_place(path, sent) {
            None => Ok(()),
            Some(place) => {
                out_of_place.set(Some(place));
                // The search goes on: another path may use all of them.
                Err(webpki::Error::UnknownIssuer)
            }
        };
        let verified = end_entity.verify_for_usage(
            self.algorithms,
            &self.trust.anchors,
            &others,
            UnixTime::since_unix_epoch(Duration::from_secs(time)),
            self.purpose,
            revocation,
            Some(&in_order),
        );
        match (verified, out_of_place.get()) {
            (Ok(_), _) => Ok(()),
            (Err(_), Some(place)) => Err(Error::at(place, Violation::CertificateOutOfPlace)),
            (Err(error), None) => Err(of(&error).into()),
        }
    }
}

/// The place in the chain of the first certificate that a path does not use, or not in this order.
fn first_out_of_place(path: &VerifiedPath<'_>, sent: &[&[u8]]) -> Option<usize> {
    let mut path = path.intermediate_certificates();
    let unused = sent.iter().position(|der| !path.any(|on_path| on_path.der().as_ref() == *der));
    // The end entity's certificate has place 0.
    unused.map(|index| index + 1)
}

/// The rule that an error of `webpki` is about. It ranks errors of several attempted paths, the
/// most telling first.
fn of(error: &webpki::Error) -> Violation {
    use webpki::Error as E;
    match error {
        E::CertExpired { .. } => Violation::Expired,
        E::CertNotValidYet { .. } => Violation::NotYetValid,
        E::CaUsedAsEndEntity => Violation::EndEntityIsCa,
        E::EndEntityUsedAsCa => Violation::IssuerIsNotCa,
        E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => Violation::WrongPurpose,
        E::PathLenConstraintViolated | E::MaximumPathDepthExceeded => Violation::PathLength,
        E::NameConstraintViolation => Violation::NameConstraint,
        E::UnsupportedCriticalExtension => Violation::UnknownCriticalExtension,
        E::InvalidSignatureForPublicKey => Violation::InvalidSignature,
        E::UnsupportedSignatureAlgorithmContext(_)
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Violation::UnsupportedSignature,
        E::CertRevoked => Violation::Revoked,
        E::UnknownRevocationStatus
        | E::CrlExpired { .. }
        | E::InvalidCrlSignatureForPublicKey
        | E::IssuerNotCrlSigner
        | E::UnsupportedCrlSignatureAlgorithmContext(_)
        | E::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => Violation::RevocationUnknown,
        E::MaximumPathBuildCallsExceeded
        | E::MaximumSignatureChecksExceeded
        | E::MaximumNameConstraintComparisonsExceeded => Violation::PathTooComplex,
        E::UnknownIssuer | E::CertDistrusted => Violation::UnknownIssuer,
        // What is left concerns the encoding, of certificates or of what is in them.
        _ => Violation::MalformedCertificate,
    }
}
