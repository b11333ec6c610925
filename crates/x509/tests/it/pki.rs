//! Authorities, and the certificates that they issue, made with `rcgen`.

use std::sync::Arc;
use std::time::Duration;

use crypto::SignaturePublicKey;
use mls::{
    CipherSuite, Client, ClientConfig, Crypto, KeyPackageOptions, LeafNode, NoPsks, Settings,
    SignatureKeyPair, Signer,
};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType,
    SignatureAlgorithm,
};
use testkit::{AcceptAll, NOW, SeededRandom};
use x509::{Error, NameKind, SubjectAltNames, Trust, VerifiedCredential, Violation, X509Policy};

/// Half a year: certificates here are valid from so long before [`NOW`] until so long after.
pub(crate) const HALF_YEAR: u64 = 183 * 24 * 3600;

/// Sets the validity of a certificate.
pub(crate) fn valid(params: &mut CertificateParams, from: u64, to: u64) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(from);
    params.not_after = epoch + Duration::from_secs(to);
}

/// The algorithm that authorities and clients of a suite sign with.
pub(crate) fn algorithm(suite: u16) -> &'static SignatureAlgorithm {
    match suite {
        1 | 3 => &rcgen::PKCS_ED25519,
        2 => &rcgen::PKCS_ECDSA_P256_SHA256,
        5 => &rcgen::PKCS_ECDSA_P521_SHA512,
        7 => &rcgen::PKCS_ECDSA_P384_SHA384,
        _ => panic!("rcgen has no algorithm for suite {suite}"),
    }
}

/// Somebody who issues certificates.
pub(crate) struct Authority {
    /// The authority's own certificate.
    pub(crate) der: Vec<u8>,
    pub(crate) issuer: Issuer<'static, KeyPair>,
}

/// What authorities' certificates look like, unless a test changes it.
fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    valid(&mut params, NOW - HALF_YEAR, NOW + HALF_YEAR);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

impl Authority {
    /// A trust anchor that signs like members of this suite.
    pub(crate) fn root(name: &str, suite: u16) -> Self {
        Self::root_with(name, KeyPair::generate_for(algorithm(suite)).unwrap(), |_| {})
    }

    /// A trust anchor with this key and a changed certificate.
    pub(crate) fn root_with(
        name: &str,
        key: KeyPair,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let mut params = authority_params(name);
        change(&mut params);
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self { der, issuer: Issuer::new(params, key) }
    }

    /// An authority that this one certifies.
    pub(crate) fn authority(&self, name: &str) -> Self {
        self.authority_with(name, |_| {})
    }

    /// An authority that this one certifies, by a changed certificate.
    pub(crate) fn authority_with(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let mut params = authority_params(name);
        change(&mut params);
        let key = KeyPair::generate_for(self.issuer.key().algorithm()).unwrap();
        let der = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        Self { der, issuer: Issuer::new(params, key) }
    }

    /// The certificate of a client.
    pub(crate) fn certify(&self, key: &ClientKey, uri: &str) -> Vec<u8> {
        self.certify_with(key, uri, |_| {})
    }

    /// A changed certificate of a client.
    pub(crate) fn certify_with(
        &self,
        key: &impl PublicKeyData,
        uri: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Vec<u8> {
        let mut params = CertificateParams::default();
        valid(&mut params, NOW - HALF_YEAR, NOW + HALF_YEAR);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.subject_alt_names = vec![uri_name(uri)];
        change(&mut params);
        params.signed_by(key, &self.issuer).unwrap().der().to_vec()
    }
}

pub(crate) fn uri_name(name: &str) -> SanType {
    SanType::URI(Ia5String::try_from(name).unwrap())
}

pub(crate) fn email_name(name: &str) -> SanType {
    SanType::Rfc822Name(Ia5String::try_from(name).unwrap())
}

pub(crate) fn dns_name(name: &str) -> SanType {
    SanType::DnsName(Ia5String::try_from(name).unwrap())
}

/// An extension that nobody knows, or a known one that `rcgen` does not make like this.
pub(crate) fn extension(oid: &[u64], contents: &[u8], critical: bool) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(oid, contents.to_vec());
    extension.set_criticality(critical);
    extension
}

/// A client's signature key, as certificates want it.
#[derive(Clone)]
pub(crate) struct ClientKey {
    pub(crate) signer: Arc<dyn Signer>,
    algorithm: &'static SignatureAlgorithm,
}

impl ClientKey {
    /// A key that follows from a number.
    pub(crate) fn new(suite: u16, seed: u64) -> Self {
        let crypto = Crypto::new(crypto_aws_lc::provider()).suite(CipherSuite(suite)).unwrap();
        let signer = SignatureKeyPair::generate(&crypto, &mut SeededRandom::new(seed)).unwrap();
        Self { signer: Arc::new(signer), algorithm: algorithm(suite) }
    }

    /// As in a leaf.
    pub(crate) fn public(&self) -> &SignaturePublicKey {
        self.signer.public_key()
    }
}

impl PublicKeyData for ClientKey {
    fn der_bytes(&self) -> &[u8] {
        self.public().as_slice()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

/// A policy that trusts one authority, and takes the identity from URIs.
pub(crate) fn policy(root: &Authority) -> X509Policy {
    policy_trusting(Trust::new([root.der.clone()]).unwrap())
}

/// A policy with the identity in URIs.
pub(crate) fn policy_trusting(trust: Trust) -> X509Policy {
    let names = Arc::new(SubjectAltNames::new(NameKind::Uri));
    X509Policy::new(&crypto_aws_lc::provider(), trust, names)
}

/// A root, an authority below, and a client's key: what most tests start from.
pub(crate) struct World {
    pub(crate) root: Authority,
    pub(crate) authority: Authority,
    pub(crate) key: ClientKey,
    pub(crate) policy: X509Policy,
}

impl World {
    pub(crate) fn new() -> Self {
        let root = Authority::root("Root", 2);
        let authority = root.authority("Authority");
        let policy = policy(&root);
        Self { root, authority, key: ClientKey::new(2, 1), policy }
    }

    /// The leaf of a person with this key and chain, as an Add would bring it in.
    pub(crate) fn leaf(&self, key: &ClientKey, chain: Vec<Vec<u8>>) -> LeafNode {
        let crypto = Crypto::new(crypto_aws_lc::provider());
        let client = Client::new(ClientConfig {
            crypto,
            credential: x509::credential(chain),
            signers: vec![Arc::clone(&key.signer)],
            identity: Arc::new(AcceptAll),
            psks: Arc::new(NoPsks),
            settings: Settings::default(),
        });
        let options = KeyPackageOptions::default();
        let random = &mut SeededRandom::new(9);
        let made = client.key_package(CipherSuite(2), options, NOW, random).unwrap();
        made.into_parts().0.leaf_node
    }

    /// Alice's certificate, from the lower authority.
    pub(crate) fn alice(&self) -> Vec<u8> {
        self.authority.certify(&self.key, "im:alice@example.com")
    }

    /// Alice's certificate with a change, from the lower authority.
    pub(crate) fn alice_with(&self, change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        self.authority.certify_with(&self.key, "im:alice@example.com", change)
    }

    /// Alice's certificate and the lower authority's.
    pub(crate) fn chain(&self) -> Vec<Vec<u8>> {
        vec![self.alice(), self.authority.der.clone()]
    }

    /// What the policy says about a chain for Alice's key.
    pub(crate) fn verify(&self, chain: Vec<Vec<u8>>) -> Result<VerifiedCredential, Error> {
        self.policy.verify(&x509::credential(chain), self.key.public(), NOW)
    }

    /// Asserts that a chain for Alice's key is accepted as Alice's.
    pub(crate) fn accepts(&self, chain: Vec<Vec<u8>>) {
        assert_eq!(self.verify(chain).unwrap().identity, b"im:alice@example.com");
    }

    /// Asserts that a chain is refused, for this reason in this certificate.
    pub(crate) fn refuses(
        &self,
        chain: Vec<Vec<u8>>,
        certificate: Option<usize>,
        violation: Violation,
    ) {
        assert_eq!(self.verify(chain), Err(Error::Violation { violation, certificate }));
    }
}
