//! X.509 credentials: whatever is changed in a chain or in the trust, nobody is taken for somebody
//! else.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use codec::{Decode, Encode};
use crypto::SignaturePublicKey;
use mls::Credential;
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType,
};
use testkit::NOW;
use x509::{Error, NameKind, Revocation, SubjectAltNames, Trust, X509Policy};

use crate::Outcome;
use crate::input::Input;

/// Half a year, before and after [`NOW`].
const HALF_YEAR: u64 = 183 * 24 * 3600;

/// Whose the certificate is.
const NAME: &str = "im:alice@example.com";

/// A chain of three, and what verifies it.
struct Certified {
    root: Vec<u8>,
    credential: Credential,
    key: SignaturePublicKey,
    policy: X509Policy,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(NOW - HALF_YEAR);
    params.not_after = epoch + Duration::from_secs(NOW + HALF_YEAR);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn key() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key can be made")
}

fn policy(trust: Trust) -> X509Policy {
    let names = Arc::new(SubjectAltNames::new(NameKind::Uri));
    X509Policy::new(&crypto_aws_lc::provider(), trust, names)
}

impl Certified {
    fn new() -> Self {
        let (root_key, middle_key, own_key) = (key(), key(), key());
        let root = authority("Root")
            .self_signed(&root_key)
            .expect("the parameters make a certificate")
            .der()
            .to_vec();
        let issuer = Issuer::new(authority("Root"), root_key);
        let middle = authority("Middle")
            .signed_by(&middle_key, &issuer)
            .expect("the parameters make a certificate");
        let issuer = Issuer::new(authority("Middle"), middle_key);
        let mut own = params("Alice");
        own.is_ca = IsCa::ExplicitNoCa;
        own.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        own.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        own.subject_alt_names =
            vec![SanType::URI(Ia5String::try_from(NAME).expect("the name is ASCII"))];
        let own = own.signed_by(&own_key, &issuer).expect("the parameters make a certificate");
        let policy = policy(Trust::new([root.clone()]).expect("the parameters make a certificate"));
        let credential = x509::credential([own.der().to_vec(), middle.der().to_vec()]);
        Self { root, credential, key: own_key.der_bytes().to_vec().into(), policy }
    }

    /// The verdict on a credential for Alice's key: hers, or a rule that it breaks.
    fn verify(&self, policy: &X509Policy, credential: &Credential) -> Outcome {
        match policy.verify(credential, &self.key, NOW) {
            Ok(verified) => {
                assert_eq!(verified.identity, NAME.as_bytes(), "taken for somebody else");
                Outcome::Accepted
            }
            Err(Error::Violation { .. }) => Outcome::Refused,
            Err(error) => panic!("not the fault of who shows the chain: {error}"),
        }
    }
}

/// An octet chooses what is changed; the rest are changes.
pub(crate) fn run(bytes: &[u8]) -> Outcome {
    thread_local! {
        static CERTIFIED: OnceCell<Certified> = const { OnceCell::new() };
    }
    let input = &mut Input::new(bytes);
    CERTIFIED.with(|certified| {
        let certified = certified.get_or_init(Certified::new);
        match input.byte() % 4 {
            0 => match Credential::from_bytes(&input.change(&certified.credential.to_bytes())) {
                Err(_) => Outcome::Refused,
                Ok(credential) => certified.verify(&certified.policy, &credential),
            },
            1 => one_certificate(certified, input),
            2 => match Trust::new([input.change(&certified.root)]) {
                Err(_) => Outcome::Refused,
                Ok(trust) => certified.verify(&policy(trust), &certified.credential),
            },
            _ => match Revocation::new([input.change(&certified.root).as_slice()]) {
                Err(_) => Outcome::Refused,
                Ok(_) => Outcome::Accepted,
            },
        }
    })
}

/// One certificate of the chain, with the lengths around it right.
fn one_certificate(certified: &Certified, input: &mut Input<'_>) -> Outcome {
    let Credential::X509(chain) = &certified.credential else { return Outcome::Refused };
    let mut chain: Vec<Vec<u8>> = chain.iter().map(|der| der.to_vec()).collect();
    let place = usize::from(input.byte()) % chain.len();
    let honest = std::mem::take(&mut chain[place]);
    chain[place] = input.change(&honest);
    let is_honest = chain[place] == honest;
    let outcome = certified.verify(&certified.policy, &x509::credential(chain));
    // Ed25519 leaves nothing in a certificate that could change with its signature still right.
    assert_eq!(outcome == Outcome::Accepted, is_honest, "another certificate is accepted");
    outcome
}
