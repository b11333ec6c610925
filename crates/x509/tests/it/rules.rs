//! The rules for each certificate and for paths (RFC 9420, section 5.3.1; RFC 5280, sections 4 and
//! 6).

use rcgen::{
    BasicConstraints, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose,
    NameConstraints,
};
use testkit::NOW;
use x509::{Error, ObjectIdentifier, Purpose, Trust, Violation};

use crate::pki::{
    Authority, HALF_YEAR, World, dns_name, email_name, extension, policy, policy_trusting,
    uri_name, valid,
};

/// Edge of `Violation::EndEntityIsCa`.
#[test]
fn an_authority_is_no_member() {
    let world = World::new();
    let chain =
        |is_ca| vec![world.alice_with(|params| params.is_ca = is_ca), world.authority.der.clone()];
    // Without the extension it is none either.
    world.accepts(chain(IsCa::NoCa));
    world.accepts(chain(IsCa::ExplicitNoCa));
    let is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    world.refuses(chain(is_ca), Some(0), Violation::EndEntityIsCa);
}

/// Covers mls-rs #371: basic constraints of issuers were not looked at, so that any member could
/// certify members.
///
/// Edge of `Violation::IssuerIsNotCa`.
#[test]
fn only_an_authority_certifies() {
    let world = World::new();
    let chain = |is_ca| {
        let issuer = world.root.authority_with("Mallory", |params| params.is_ca = is_ca);
        vec![issuer.certify(&world.key, "im:alice@example.com"), issuer.der]
    };
    world.accepts(chain(IsCa::Ca(BasicConstraints::Unconstrained)));
    world.refuses(chain(IsCa::NoCa), Some(1), Violation::IssuerIsNotCa);
    world.refuses(chain(IsCa::ExplicitNoCa), Some(1), Violation::IssuerIsNotCa);
}

/// Edge of `Violation::WrongKeyUsage`.
#[test]
fn keys_are_used_for_what_their_certificates_say() {
    let world = World::new();
    let alice = |usages: &[KeyUsagePurpose]| {
        let alice = world.alice_with(|params| params.key_usages = usages.to_vec());
        vec![alice, world.authority.der.clone()]
    };
    let below = |usages: &[KeyUsagePurpose]| {
        let issuer =
            world.root.authority_with("Authority", |params| params.key_usages = usages.to_vec());
        vec![issuer.certify(&world.key, "im:alice@example.com"), issuer.der]
    };
    use KeyUsagePurpose::{CrlSign, DigitalSignature, KeyAgreement, KeyCertSign};
    world.accepts(alice(&[]));
    world.accepts(alice(&[KeyAgreement, DigitalSignature]));
    world.refuses(alice(&[KeyAgreement]), Some(0), Violation::WrongKeyUsage);
    world.accepts(below(&[]));
    world.accepts(below(&[KeyCertSign]));
    world.refuses(below(&[CrlSign, DigitalSignature]), Some(1), Violation::WrongKeyUsage);
}

/// Edge of `Violation::WrongPurpose`.
#[test]
fn certificates_are_used_for_their_purposes() {
    let world = World::new();
    let alice = |purposes: &[ExtendedKeyUsagePurpose]| {
        let alice = world.alice_with(|params| params.extended_key_usages = purposes.to_vec());
        vec![alice, world.authority.der.clone()]
    };
    use ExtendedKeyUsagePurpose::{Any, ClientAuth, ServerAuth};
    world.accepts(alice(&[]));
    world.accepts(alice(&[ServerAuth, ClientAuth]));
    world.refuses(alice(&[ServerAuth]), Some(0), Violation::WrongPurpose);
    world.refuses(alice(&[Any]), Some(0), Violation::WrongPurpose);
    let issuer = |purposes: &[ExtendedKeyUsagePurpose]| {
        world.root.authority_with("Authority", |params| {
            params.extended_key_usages = purposes.to_vec();
        })
    };
    let accepted = issuer(&[ClientAuth]);
    world.accepts(vec![accepted.certify(&world.key, "im:alice@example.com"), accepted.der]);
    let refused = issuer(&[ServerAuth]);
    let alice = refused.certify(&world.key, "im:alice@example.com");
    world.refuses(vec![alice.clone(), refused.der.clone()], Some(1), Violation::WrongPurpose);
    // Also where the issuer's certificate is not sent.
    let trust = Trust::new([world.root.der.clone()]).unwrap();
    let policy = policy_trusting(trust.with_intermediates([refused.der]).unwrap());
    let refused = policy.verify(&x509::credential([alice]), world.key.public(), NOW);
    assert_eq!(refused, Err(Violation::WrongPurpose.into()));
}

/// Edge of `Violation::WrongPurpose`.
#[test]
fn a_purpose_can_be_required_or_of_no_interest() {
    let world = World::new();
    let messaging = ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 5, 5, 7, 3, 40]);
    let chain = |purposes: &[&ExtendedKeyUsagePurpose]| {
        let alice = world.alice_with(|params| {
            params.extended_key_usages = purposes.iter().map(|&it| it.clone()).collect();
        });
        x509::credential([alice, world.authority.der.clone()])
    };
    let server = ExtendedKeyUsagePurpose::ServerAuth;
    let wrong = Err(Error::Violation { violation: Violation::WrongPurpose, certificate: Some(0) });
    let verify = |purpose, purposes: &[_]| {
        let policy = policy(&world.root).purpose(purpose);
        policy.verify(&chain(purposes), world.key.public(), NOW).map(|_| ())
    };
    // The issuer does not restrict its purposes, which is enough.
    assert_eq!(verify(Purpose::INSTANT_MESSAGING, &[&messaging]), Ok(()));
    assert_eq!(verify(Purpose::INSTANT_MESSAGING, &[&server]), wrong);
    assert_eq!(verify(Purpose::INSTANT_MESSAGING, &[]), wrong);
    assert_eq!(verify(Purpose::ANY, &[&server]), Ok(()));
    assert_eq!(verify(Purpose::ANY, &[]), Ok(()));
    let own = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
    assert_eq!(verify(Purpose::required(own), &[&server]), Ok(()));
    assert_eq!(verify(Purpose::if_restricted(own), &[]), Ok(()));
    assert_eq!(verify(Purpose::if_restricted(own), &[&messaging]), wrong);
}

/// Edge of `Violation::PathLength`.
#[test]
fn an_authority_limits_how_many_authorities_follow() {
    let world = World::new();
    for (limit, accepted) in [(1, true), (0, false)] {
        let upper = world.root.authority_with("Upper", |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(limit));
        });
        let lower = upper.authority("Lower");
        let alice = lower.certify(&world.key, "im:alice@example.com");
        let chain = vec![alice, lower.der, upper.der];
        if accepted {
            world.accepts(chain);
        } else {
            world.refuses(chain, None, Violation::PathLength);
        }
    }
}

/// Edge of `Violation::NameConstraint`.
#[test]
fn an_authority_vouches_for_the_names_that_it_may_vouch_for() {
    let world = World::new();
    let issuer = world.root.authority_with("Authority", |params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("example.com".to_owned())],
            excluded_subtrees: vec![],
        });
    });
    let chain = |host: &str| {
        let names = vec![uri_name("im:alice@example.com"), dns_name(host)];
        let alice = issuer.certify_with(&world.key, "", |params| params.subject_alt_names = names);
        vec![alice, issuer.der.clone()]
    };
    world.accepts(chain("chat.example.com"));
    world.refuses(chain("chat.example.org"), None, Violation::NameConstraint);
}

/// A documented limit: refused even where the name is permitted. RFC 5280, section 4.2.1.10: "the
/// application MUST either process the constraint or reject the certificate".
#[test]
fn constraints_that_are_not_evaluated_refuse_everybody() {
    let world = World::new();
    let email = world.root.authority_with("Authority", |params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::Rfc822Name("example.com".to_owned())],
            excluded_subtrees: vec![],
        });
    });
    let names = vec![email_name("alice@example.com")];
    let alice = email.certify_with(&world.key, "", |params| params.subject_alt_names = names);
    world.refuses(vec![alice, email.der], None, Violation::NameConstraint);
    // Permitted: one URI, "example.com".
    let name = [&[0x86, 11][..], b"example.com"].concat();
    let subtrees = [&[0x30, 17, 0xa0, 15, 0x30, 13][..], &name].concat();
    let uri = world.root.authority_with("Authority", |params| {
        params.custom_extensions = vec![extension(&[2, 5, 29, 30], &subtrees, true)];
    });
    let alice = uri.certify(&world.key, "https://example.com/alice");
    world.refuses(vec![alice, uri.der], None, Violation::NameConstraint);
}

/// Edge of `Violation::UnknownCriticalExtension`.
#[test]
fn a_critical_extension_that_nobody_knows_refuses_its_certificate() {
    let world = World::new();
    for (critical, accepted) in [(false, true), (true, false)] {
        let unknown = || vec![extension(&[1, 2, 3, 4], &[5, 0], critical)];
        let alice = world.alice_with(|params| params.custom_extensions = unknown());
        let issuer =
            world.root.authority_with("Authority", |params| params.custom_extensions = unknown());
        let below = issuer.certify(&world.key, "im:alice@example.com");
        let in_end_entity = vec![alice, world.authority.der.clone()];
        let in_issuer = vec![below, issuer.der];
        if accepted {
            world.accepts(in_end_entity);
            world.accepts(in_issuer);
        } else {
            world.refuses(in_end_entity, Some(0), Violation::UnknownCriticalExtension);
            world.refuses(in_issuer, None, Violation::UnknownCriticalExtension);
        }
    }
}

/// Edge of `Violation::InvalidSignature`.
#[test]
fn every_signature_on_the_path_verifies() {
    let world = World::new();
    world.accepts(world.chain());
    // The right name, another key.
    let impostor = Authority::root("Root", 2);
    let alice = impostor.certify(&world.key, "im:alice@example.com");
    world.refuses(vec![alice], None, Violation::InvalidSignature);
    let lower = impostor.authority("Authority");
    let alice = lower.certify(&world.key, "im:alice@example.com");
    world.refuses(vec![alice.clone(), lower.der], None, Violation::InvalidSignature);
    world.refuses(vec![alice, world.authority.der.clone()], None, Violation::InvalidSignature);
}

/// Edge of `Violation::UnsupportedSignature`.
#[test]
fn authorities_sign_with_algorithms_that_the_application_accepts() {
    let key = || KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let root = Authority::root_with("Root", key(), |_| {});
    let world = World { policy: policy(&root), ..World::new() };
    let chain = || vec![root.certify(&world.key, "im:alice@example.com")];
    world.refuses(chain(), None, Violation::UnsupportedSignature);
    let rsa = webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256;
    let accepting = policy(&root).algorithms(&[rsa]);
    let accepted = accepting.verify(&x509::credential(chain()), world.key.public(), NOW);
    assert!(accepted.is_ok());
}

/// Edge of `Violation::PathTooComplex`.
#[test]
fn a_search_for_a_path_ends() {
    let world = World::new();
    // Authorities with one name and different keys: each may have certified each other.
    let maze = |count: usize| {
        let authorities = (0..count).map(|_| Authority::root("Root", 2).der);
        let alice = Authority::root("Root", 2).certify(&world.key, "im:alice@example.com");
        std::iter::once(alice).chain(authorities).collect::<Vec<_>>()
    };
    world.refuses(maze(3), None, Violation::InvalidSignature);
    world.refuses(maze(7), None, Violation::PathTooComplex);
}

/// Edge of `Violation::Expired`.
#[test]
fn a_certificate_is_valid_up_to_its_last_second() {
    let world = World::new();
    let alice = |to| {
        let alice = world.alice_with(|params| valid(params, NOW - HALF_YEAR, to));
        vec![alice, world.authority.der.clone()]
    };
    world.accepts(alice(NOW));
    assert_eq!(world.verify(alice(NOW + 9)).unwrap().not_after, NOW + 9);
    world.refuses(alice(NOW - 1), Some(0), Violation::Expired);
    let below = |to| {
        let issuer =
            world.root.authority_with("Authority", |params| valid(params, NOW - HALF_YEAR, to));
        vec![issuer.certify(&world.key, "im:alice@example.com"), issuer.der]
    };
    world.accepts(below(NOW));
    assert_eq!(world.verify(below(NOW + 9)).unwrap().not_after, NOW + 9);
    world.refuses(below(NOW - 1), Some(1), Violation::Expired);
    let refused = below(NOW - 1);
    let trust = Trust::new([world.root.der.clone()]).unwrap();
    let trust = trust.with_intermediates([refused[1].clone()]).unwrap();
    let credential = x509::credential([refused[0].clone()]);
    let refused = policy_trusting(trust).verify(&credential, world.key.public(), NOW);
    assert_eq!(refused, Err(Violation::Expired.into()));
}

/// Edge of `Violation::NotYetValid`.
#[test]
fn a_certificate_is_valid_from_its_first_second() {
    let world = World::new();
    for (from, accepted) in [(NOW, true), (NOW + 1, false)] {
        let alice = world.alice_with(|params| valid(params, from, NOW + HALF_YEAR));
        let issuer =
            world.root.authority_with("Authority", |params| valid(params, from, NOW + HALF_YEAR));
        let below = vec![issuer.certify(&world.key, "im:alice@example.com"), issuer.der];
        let alice = vec![alice, world.authority.der.clone()];
        if accepted {
            world.accepts(alice);
            world.accepts(below);
        } else {
            world.refuses(alice, Some(0), Violation::NotYetValid);
            world.refuses(below, Some(1), Violation::NotYetValid);
        }
    }
}

#[test]
fn an_anchor_does_not_expire() {
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let root = Authority::root_with("Root", key, |params| valid(params, 1, 2));
    let world = World { policy: policy(&root), ..World::new() };
    world.accepts(vec![root.certify(&world.key, "im:alice@example.com")]);
}
