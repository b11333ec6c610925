//! X.509 credentials (RFC 9420, section 5.3): members who are certified by an authority.
//!
//! * To accept members with certificates, put an [`X509Policy`] into the client's configuration.
//! * To say whom to trust, make a [`Trust`]; to say which name is the identity,
//!   [`SubjectAltNames`], or [`Names`] of your own.
//! * To show a certificate, use [`credential`], and a signer whose key is in the certificate.
//! * To renew a certificate, commit or propose an Update with the new credential, and the new
//!   signer if the key is new as well ([`mls::LeafChanges`]).
//! * To refuse revoked certificates, pass lists to [`X509Policy::set_revocation`].
//! * To accept other types of credentials beside these, use [`ByCredentialType`].
//!
//! What is refused says which certificate breaks which [`Violation`], and repeats nothing that a
//! peer has written. Paths are validated by `webpki`, structures are read by `x509-cert`,
//! signatures are verified by the crypto provider; `docs/decisions/x509.md` says why.
//!
//! # Limits
//!
//! * An authority with constraints on URIs, e-mail addresses or directory names certifies nobody
//!   here: `webpki` refuses what it does not evaluate. Constraints on DNS names are applied.
//! * ECDSA only with the hash of the cipher suites: P-256 with SHA-256, P-384 with SHA-384, P-521
//!   with SHA-512. Others, and RSA, are for [`X509Policy::algorithms`].
//! * Neither certificate policies (RFC 5280, section 6.1.1) nor OCSP.
//!
//! # Example
//!
//! ```no_run
//! use std::sync::Arc;
//! use x509::{NameKind, SubjectAltNames, Trust, X509Policy};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let trust = Trust::new([std::fs::read("authority.der")?])?;
//! let names = Arc::new(SubjectAltNames::new(NameKind::Email));
//! let policy = Arc::new(X509Policy::new(&crypto_aws_lc::provider(), trust, names));
//! // ClientConfig { identity: policy.clone(), .. }
//!
//! // Later: who has to be removed, or reminded to renew?
//! # fn group() -> mls::Group { unreachable!() }
//! # let (group, now) = (group(), 0);
//! for member in group.members() {
//!     match policy.verify(&member.leaf.credential, &member.leaf.signature_key, now) {
//!         Ok(verified) if verified.not_after < now + 7 * 24 * 3600 => println!("expires soon"),
//!         Ok(_) => {}
//!         Err(error) => println!("member {:?}: {error}", member.index),
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod algorithms;
mod by_type;
mod certificate;
mod error;
mod names;
mod path;
mod policy;
mod revocation;

use mls::Credential;

pub use by_type::ByCredentialType;
pub use certificate::Purpose;
pub use error::{Error, Misuse, Violation};
pub use names::{Clients, NameKind, Names, SubjectAltNames};
pub use path::Trust;
// What the interfaces above are made of.
pub use pki_types::SignatureVerificationAlgorithm;
pub use policy::{CHAIN_BYTES_MAX, CHAIN_CERTIFICATES_MAX, Expiry, VerifiedCredential, X509Policy};
pub use revocation::Revocation;
pub use x509_cert::Certificate;
pub use x509_cert::der::asn1::ObjectIdentifier;

/// The credential of a chain of DER certificates, the end entity's first, each followed by the one
/// of its issuer. Leave out what other members have, at least the trust anchor.
#[must_use]
pub fn credential(chain: impl IntoIterator<Item = Vec<u8>>) -> Credential {
    Credential::X509(chain.into_iter().map(Into::into).collect())
}
