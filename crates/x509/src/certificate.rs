//! What is checked of each certificate that was sent (RFC 5280, section 4), so that a refusal can
//! say which one it is about. `path` checks the certificates together.
//!
//! Usage of keys is checked here only, because `webpki` does not look at it. The rest `webpki`
//! checks again, also in the certificates that were not sent.

use x509_cert::Certificate;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};

use crate::{Error, Violation, algorithms};

/// A certificate as it was sent, parsed.
pub(crate) struct Presented {
    /// Its place in the credential.
    pub(crate) place: usize,
    pub(crate) certificate: Certificate,
}

/// What the end entity's key may be used for (RFC 5280, section 4.2.1.12, "extended key usage").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose {
    purpose: Option<ObjectIdentifier>,
    must_be_named: bool,
}

impl Purpose {
    /// Certificates for any purpose are accepted. For authorities that certify nothing else.
    pub const ANY: Self = Self { purpose: None, must_be_named: false };

    /// `id-kp-clientAuth`, unless the certificate does not restrict its purposes.
    pub const CLIENT_AUTH: Self =
        Self::if_restricted(ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2"));

    /// `id-kp-imUri` (RFC 9734), which was made for clients of messaging systems; it must be there.
    pub const INSTANT_MESSAGING: Self =
        Self::required(ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.40"));

    /// A purpose that the end entity's certificate must name. Issuers that restrict their purposes
    /// must name it too.
    #[must_use]
    pub const fn required(purpose: ObjectIdentifier) -> Self {
        Self { purpose: Some(purpose), must_be_named: true }
    }

    /// A purpose that every certificate that restricts its purposes must name.
    #[must_use]
    pub const fn if_restricted(purpose: ObjectIdentifier) -> Self {
        Self { purpose: Some(purpose), must_be_named: false }
    }

    /// Whether a certificate with these purposes will do; `None` if it does not restrict them.
    fn allows(&self, named: Option<&[ObjectIdentifier]>, is_end_entity: bool) -> bool {
        match (self.purpose, named) {
            (None, _) => true,
            (Some(_), None) => !(self.must_be_named && is_end_entity),
            (Some(purpose), Some(named)) => named.contains(&purpose),
        }
    }
}

/// For `webpki`, which asks about every certificate on the path without saying which it is.
impl webpki::ExtendedKeyUsageValidator for Purpose {
    fn validate(&self, purposes: webpki::KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        let Some(purpose) = self.purpose else { return Ok(()) };
        let wanted = webpki::KeyPurposeId::new(purpose.as_bytes());
        let mut restricted = false;
        for named in purposes {
            restricted = true;
            if named? == wanted {
                return Ok(());
            }
        }
        if !restricted {
            // Whether the end entity's must be restricted was checked before.
            return Ok(());
        }
        // The contents of the error are not used: the purpose is this one.
        let context = webpki::RequiredEkuNotFoundContext {
            required: webpki::KeyUsage::client_auth(),
            present: Vec::new(),
        };
        Err(webpki::Error::RequiredEkuNotFoundContext(context))
    }
}

/// One value of an extension, or the lack of it; an extension that is there twice is malformed.
macro_rules! extension {
    ($presented:expr, $extension:ty) => {
        match $presented.certificate.tbs_certificate().get_extension::<$extension>() {
            Ok(found) => Ok(found.map(|(_, value)| value)),
            Err(_) => Err($presented.refused(Violation::MalformedCertificate)),
        }
    };
}

impl Presented {
    pub(crate) fn parse(place: usize, der: &[u8]) -> Result<Self, Error> {
        let certificate = Certificate::from_der(der);
        let certificate =
            certificate.map_err(|_| Error::at(place, Violation::MalformedCertificate))?;
        Ok(Self { place, certificate })
    }

    fn refused(&self, violation: Violation) -> Error {
        Error::at(self.place, violation)
    }

    /// The rules for the first certificate.
    pub(crate) fn check_end_entity(&self, purpose: Purpose) -> Result<(), Error> {
        if self.is_ca()? {
            return Err(self.refused(Violation::EndEntityIsCa));
        }
        if extension!(self, KeyUsage)?.is_some_and(|usage| !usage.digital_signature()) {
            return Err(self.refused(Violation::WrongKeyUsage));
        }
        self.check_purpose(purpose, true)
    }

    /// The rules for the others.
    pub(crate) fn check_issuer(&self, purpose: Purpose) -> Result<(), Error> {
        if !self.is_ca()? {
            return Err(self.refused(Violation::IssuerIsNotCa));
        }
        if extension!(self, KeyUsage)?.is_some_and(|usage| !usage.key_cert_sign()) {
            return Err(self.refused(Violation::WrongKeyUsage));
        }
        self.check_purpose(purpose, false)
    }

    fn is_ca(&self) -> Result<bool, Error> {
        Ok(extension!(self, BasicConstraints)?.is_some_and(|constraints| constraints.ca))
    }

    fn check_purpose(&self, purpose: Purpose, is_end_entity: bool) -> Result<(), Error> {
        let named = extension!(self, ExtendedKeyUsage)?;
        let named = named.as_ref().map(|ExtendedKeyUsage(named)| named.as_slice());
        if purpose.allows(named, is_end_entity) {
            Ok(())
        } else {
            Err(self.refused(Violation::WrongPurpose))
        }
    }

    /// The certificate is valid at a time, in seconds since 1970.
    pub(crate) fn check_time(&self, time: u64) -> Result<(), Error> {
        let validity = self.certificate.tbs_certificate().validity();
        if time < validity.not_before.to_unix_duration().as_secs() {
            return Err(self.refused(Violation::NotYetValid));
        }
        if time > self.not_after() {
            return Err(self.refused(Violation::Expired));
        }
        Ok(())
    }

    /// The last second at which the certificate is valid.
    pub(crate) fn not_after(&self) -> u64 {
        let validity = self.certificate.tbs_certificate().validity();
        validity.not_after.to_unix_duration().as_secs()
    }

    /// "The public key encoded in the subjectPublicKeyInfo of the end-entity certificate MUST be
    /// identical to the signature_key in the LeafNode containing this credential" (RFC 9420,
    /// section 5.3). Both are the raw key of EdDSA or the uncompressed point of ECDSA.
    pub(crate) fn check_key(&self, signature_key: &[u8]) -> Result<(), Error> {
        let info = self.certificate.tbs_certificate().subject_public_key_info();
        let algorithm = info.algorithm.to_der();
        let algorithm = algorithm.map_err(|_| self.refused(Violation::MalformedCertificate))?;
        // Every known identifier is short: two bytes of header, then the contents.
        let scheme = algorithm.get(2..).and_then(algorithms::scheme);
        let scheme = scheme.ok_or(self.refused(Violation::UnsupportedKey))?;
        let key = info.subject_public_key.as_bytes();
        // The suite, which is not known here, follows from the length.
        if key.map(<[u8]>::len) != algorithms::key_length(scheme) {
            return Err(self.refused(Violation::UnsupportedKey));
        }
        if key == Some(signature_key) { Ok(()) } else { Err(self.refused(Violation::WrongKey)) }
    }
}
