//! What can be wrong with a credential, and with what the application configures.

use std::fmt;

use mls::Refusal;

/// Why a credential is refused, or a policy cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A credential breaks a rule.
    Violation {
        /// Which rule.
        violation: Violation,
        /// The place of the certificate in the credential, from 0, which is the end entity's.
        /// `None` where it is the chain as a whole, or a certificate that was not sent.
        certificate: Option<usize>,
    },
    /// The application passed something that cannot be used.
    Misuse(Misuse),
}

impl Error {
    /// A violation by the certificate in this place.
    pub(crate) fn at(certificate: usize, violation: Violation) -> Self {
        Self::Violation { violation, certificate: Some(certificate) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violation { violation, certificate: Some(place) } => {
                write!(formatter, "certificate {place}: {violation}")
            }
            Self::Violation { violation, certificate: None } => violation.fmt(formatter),
            Self::Misuse(misuse) => misuse.fmt(formatter),
        }
    }
}

impl std::error::Error for Error {}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        Self::Violation { violation, certificate: None }
    }
}

impl From<Misuse> for Error {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

/// Says which certificate and which rule, and nothing that a peer has written.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

wire::violations! {
    /// Ways in which a credential of type `x509` can be wrong. The sections are RFC 9420's; the
    /// rules of paths themselves are in RFC 5280.
    pub enum Violation {
        /// The credential is not of type x509.
        NotX509 = "5.3",
        /// The credential holds no certificate.
        EmptyChain = "5.3",
        /// The credential holds more certificates, or more bytes, than this implementation takes.
        ChainTooLong = "5.3",
        /// A certificate is not the DER encoding of an X.509 certificate, or has bytes after it.
        MalformedCertificate = "5.3",
        /// A certificate is not on the path from the end entity to a trust anchor, or out of order.
        CertificateOutOfPlace = "5.3",
        /// The end entity's key is not the signature key of the leaf or the external sender.
        WrongKey = "5.3",
        /// The end entity's key is of a kind, or in a form, that no cipher suite here signs with.
        UnsupportedKey = "5.3",
        /// The end entity's certificate is one of an authority (RFC 5280, section 4.2.1.9).
        EndEntityIsCa = "5.3.1",
        /// An issuer's certificate is not one of an authority (RFC 5280, section 4.2.1.9).
        IssuerIsNotCa = "5.3.1",
        /// The key may not be used for what it is used for here (RFC 5280, section 4.2.1.3).
        WrongKeyUsage = "5.3.1",
        /// A certificate is for other purposes than the application's (RFC 5280, section 4.2.1.12).
        WrongPurpose = "5.3.1",
        /// More authorities follow an issuer than it allows (RFC 5280, section 4.2.1.9).
        PathLength = "5.3.1",
        /// An issuer does not vouch for such names (RFC 5280, section 4.2.1.10).
        NameConstraint = "5.3.1",
        /// A certificate has a critical extension that is not known here (RFC 5280, section 4.2).
        UnknownCriticalExtension = "5.3.1",
        /// No path leads to a trust anchor.
        UnknownIssuer = "5.3.1",
        /// Finding a path takes more steps than this implementation takes.
        PathTooComplex = "5.3.1",
        /// A signature on the path does not verify.
        InvalidSignature = "5.3.1",
        /// A signature on the path is by an algorithm that the application does not accept.
        UnsupportedSignature = "5.3.1",
        /// The end entity's certificate has no name from which the identity is taken.
        NoIdentity = "5.3.1",
        /// The credential is for another identity or client than the one that it replaces.
        OtherIdentity = "5.3.1",
        /// A certificate has expired.
        Expired = "5.3.2",
        /// A certificate is not valid yet.
        NotYetValid = "5.3.2",
        /// A certificate was revoked.
        Revoked = "5.3.2",
        /// No revocation list that is signed by its issuer and in force says whether a certificate
        /// was revoked.
        RevocationUnknown = "5.3.2",
    }
}

/// How an application can misuse this crate. The number is the place in the list that it passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// There is no trust anchor, so nobody could be accepted.
    NoAnchor,
    /// A trust anchor is not a certificate.
    BadAnchor(usize),
    /// An intermediate certificate is not one of an authority that may sign certificates.
    BadIntermediate(usize),
    /// There is no revocation list. Pass `None` to check no revocation.
    NoRevocationList,
    /// A revocation list is not one, or of a kind that is not supported.
    BadRevocationList(usize),
}

impl fmt::Display for Misuse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnchor => formatter.write_str("there is no trust anchor"),
            Self::BadAnchor(place) => {
                write!(formatter, "trust anchor {place} is not a certificate")
            }
            Self::BadIntermediate(place) => {
                write!(formatter, "intermediate certificate {place} is not an authority's")
            }
            Self::NoRevocationList => formatter.write_str("there is no revocation list"),
            Self::BadRevocationList(place) => {
                write!(formatter, "revocation list {place} is not one that is supported")
            }
        }
    }
}
