//! Which certificates a credential may hold, and in which order (RFC 9420, section 5.3).

use mls::Credential;
use rcgen::PublicKeyData;
use testkit::NOW;
use x509::{CHAIN_BYTES_MAX, CHAIN_CERTIFICATES_MAX, Error, Misuse, Trust, Violation};

use crate::pki::{Authority, ClientKey, HALF_YEAR, World, extension, policy, policy_trusting};

#[test]
fn chains_of_every_kind_of_key_are_accepted_and_say_who_and_until_when() {
    for suite in [1, 2, 3, 5, 7] {
        let root = Authority::root("Root", suite);
        let authority = root.authority("Authority");
        let key = ClientKey::new(suite, 1);
        let certificate = authority.certify(&key, "im:alice@example.com");
        let credential = x509::credential([certificate, authority.der.clone()]);
        let verified = policy(&root).verify(&credential, key.public(), NOW).unwrap();
        assert_eq!(verified.identity, b"im:alice@example.com");
        assert_eq!(verified.not_after, NOW + HALF_YEAR);
    }
}

#[test]
fn authorities_may_sign_with_other_algorithms_than_members() {
    let root = Authority::root("Root", 7);
    let key = ClientKey::new(1, 1);
    let credential = x509::credential([root.certify(&key, "im:alice@example.com")]);
    assert!(policy(&root).verify(&credential, key.public(), NOW).is_ok());
}

#[test]
fn both_backends_give_the_same_verdict() {
    let world = World::new();
    let names = std::sync::Arc::new(x509::SubjectAltNames::new(x509::NameKind::Uri));
    let trust = Trust::new([world.root.der.clone()]).unwrap();
    let pure = x509::X509Policy::new(&crypto_rustcrypto::provider(), trust, names);
    let verify = |chain| pure.verify(&x509::credential(chain), world.key.public(), NOW);
    assert_eq!(verify(world.chain()), world.verify(world.chain()));
    let mut damaged = world.chain();
    *damaged[0].last_mut().unwrap() ^= 1;
    assert_eq!(verify(damaged.clone()), world.verify(damaged));
}

/// Edge of `Violation::NotX509`.
#[test]
fn only_credentials_of_type_x509_are_judged() {
    let world = World::new();
    world.accepts(world.chain());
    let basic = Credential::basic(b"alice");
    let refused = world.policy.verify(&basic, world.key.public(), NOW);
    assert_eq!(refused, Err(Violation::NotX509.into()));
}

/// Edge of `Violation::EmptyChain`.
#[test]
fn one_certificate_is_a_chain_and_none_is_not() {
    let world = World::new();
    world.accepts(vec![world.root.certify(&world.key, "im:alice@example.com")]);
    world.refuses(vec![], None, Violation::EmptyChain);
}

/// Edge of `Violation::ChainTooLong`.
#[test]
fn eight_certificates_are_accepted_and_nine_are_not() {
    let world = World::new();
    let mut authorities = vec![world.root.authority("1")];
    for name in ["2", "3", "4", "5", "6"] {
        authorities.push(authorities.last().unwrap().authority(name));
    }
    let alice = authorities.last().unwrap().certify(&world.key, "im:alice@example.com");
    let mut chain = vec![alice];
    chain.extend(authorities.iter().rev().map(|authority| authority.der.clone()));
    chain.push(world.root.der.clone());
    assert_eq!(chain.len(), CHAIN_CERTIFICATES_MAX);
    world.accepts(chain.clone());
    chain.push(world.root.der.clone());
    world.refuses(chain, None, Violation::ChainTooLong);
}

/// Edge of `Violation::ChainTooLong`.
#[test]
fn as_many_bytes_as_a_leaf_may_have_are_accepted_and_one_more_is_not() {
    let world = World::new();
    let padded = |padding: usize| {
        let big = extension(&[1, 2, 3], &vec![4; padding], false);
        let authority =
            world.root.authority_with("Authority", |params| params.custom_extensions = vec![big]);
        let alice = authority.certify(&world.key, "im:alice@example.com");
        vec![alice, authority.der]
    };
    let size = |chain: &[Vec<u8>]| chain.iter().map(Vec::len).sum::<usize>();
    // ECDSA signatures vary in length, so exactly this size takes a few attempts.
    let sized = |wanted: usize| {
        let mut padding = CHAIN_BYTES_MAX - 2000;
        loop {
            let chain = padded(padding);
            match size(&chain) {
                found if found == wanted => return chain,
                found => padding = padding + wanted - found,
            }
        }
    };
    world.accepts(sized(CHAIN_BYTES_MAX));
    world.refuses(sized(CHAIN_BYTES_MAX + 1), None, Violation::ChainTooLong);
}

/// Edge of `Violation::MalformedCertificate`.
#[test]
fn a_certificate_is_der_and_nothing_else() {
    let world = World::new();
    world.accepts(world.chain());
    for place in 0..2 {
        let changes: [fn(&mut Vec<u8>); 4] = [
            |der| der.push(0),
            |der| der.clear(),
            |der| *der = b"not a certificate".to_vec(),
            // The contents without the outer header.
            |der| *der = der[4..].to_vec(),
        ];
        for change in changes {
            let mut chain = world.chain();
            change(&mut chain[place]);
            world.refuses(chain, Some(place), Violation::MalformedCertificate);
        }
    }
}

#[test]
fn an_extension_that_is_there_twice_is_refused() {
    let world = World::new();
    // keyUsage with digitalSignature, a second time.
    let twice = extension(&[2, 5, 29, 15], &[3, 2, 7, 0x80], true);
    let alice = world.alice_with(|params| params.custom_extensions = vec![twice]);
    let chain = vec![alice, world.authority.der.clone()];
    world.refuses(chain, Some(0), Violation::MalformedCertificate);
}

/// Edge of `Violation::CertificateOutOfPlace`.
#[test]
fn each_certificate_follows_one_that_it_certifies() {
    let world = World::new();
    let lower = world.authority.authority("Lower");
    let alice = lower.certify(&world.key, "im:alice@example.com");
    let upper = || world.authority.der.clone();
    world.accepts(vec![alice.clone(), lower.der.clone(), upper()]);
    // In the wrong order, twice, and with one that has nothing to do with it.
    let swapped = vec![alice.clone(), upper(), lower.der.clone()];
    world.refuses(swapped, Some(2), Violation::CertificateOutOfPlace);
    let twice = vec![alice.clone(), lower.der.clone(), upper(), upper()];
    world.refuses(twice, Some(3), Violation::CertificateOutOfPlace);
    let other = world.root.authority("Other").der;
    let beside = vec![alice, lower.der.clone(), other, upper()];
    world.refuses(beside, Some(2), Violation::CertificateOutOfPlace);
}

/// Edge of `Violation::CertificateOutOfPlace`.
#[test]
fn a_chain_may_end_with_its_anchor_but_not_go_on_after_it() {
    let world = World::new();
    let mut chain = world.chain();
    chain.push(world.root.der.clone());
    world.accepts(chain.clone());
    chain.push(world.root.authority("Other").der);
    world.refuses(chain.clone(), Some(3), Violation::CertificateOutOfPlace);
    // An anchor's namesake is not an anchor.
    chain.truncate(2);
    chain.push(Authority::root("Root", 2).der);
    world.refuses(chain, Some(2), Violation::CertificateOutOfPlace);
}

#[test]
fn the_end_entity_comes_first() {
    let world = World::new();
    let mut chain = world.chain();
    chain.reverse();
    world.refuses(chain, Some(0), Violation::EndEntityIsCa);
}

/// Edge of `Violation::UnknownIssuer`.
#[test]
fn certificates_that_everyone_has_may_be_left_out_anywhere() {
    let world = World::new();
    let middle = world.authority.authority("Middle");
    let lower = middle.authority("Lower");
    let alice = lower.certify(&world.key, "im:alice@example.com");
    let all = [&world.authority, &middle, &lower].map(|authority| authority.der.clone());
    let trust = Trust::new([world.root.der.clone()]).unwrap();
    let knowing = policy_trusting(trust.with_intermediates(all.clone()).unwrap());
    // Each subset of the issuers, in order.
    for subset in 0..8 {
        let mut chain = vec![alice.clone()];
        for (bit, der) in all.iter().enumerate().rev() {
            if subset & (1 << bit) != 0 {
                chain.push(der.clone());
            }
        }
        let credential = x509::credential(chain.clone());
        assert!(knowing.verify(&credential, world.key.public(), NOW).is_ok(), "{subset}");
        if subset != 7 {
            world.refuses(chain, None, Violation::UnknownIssuer);
        }
    }
}

#[test]
fn a_path_through_what_was_sent_is_preferred_to_one_through_what_is_known() {
    let world = World::new();
    // Another certificate of the same authority: same name, same key.
    let renewed = world.root.authority_with("Authority", |_| {});
    let trust = Trust::new([world.root.der.clone()]).unwrap();
    let trust = trust.with_intermediates([renewed.der]).unwrap();
    let policy = policy_trusting(trust);
    assert!(policy.verify(&x509::credential(world.chain()), world.key.public(), NOW).is_ok());
}

#[test]
fn another_anchor_certifies_nobody_here() {
    let world = World::new();
    let stranger = Authority::root("Stranger", 2);
    let alice = stranger.certify(&world.key, "im:alice@example.com");
    world.refuses(vec![alice.clone()], None, Violation::UnknownIssuer);
    // Sending the anchor along does not make it trusted.
    world.refuses(vec![alice, stranger.der], None, Violation::UnknownIssuer);
}

#[test]
fn several_anchors_are_all_trusted() {
    let world = World::new();
    let other = Authority::root("Other", 1);
    let policy = policy_trusting(Trust::new([other.der.clone(), world.root.der.clone()]).unwrap());
    let by_other = vec![other.certify(&world.key, "im:alice@example.com")];
    for chain in [by_other, world.chain()] {
        assert!(policy.verify(&x509::credential(chain), world.key.public(), NOW).is_ok());
    }
}

#[test]
fn what_the_application_trusts_must_be_certificates_of_authorities() {
    let world = World::new();
    let misuse = |trust: Result<Trust, Error>| match trust.err().unwrap() {
        Error::Misuse(misuse) => misuse,
        other => panic!("{other}"),
    };
    assert_eq!(misuse(Trust::new([])), Misuse::NoAnchor);
    let anchors = [world.root.der.clone(), b"nothing".to_vec()];
    assert_eq!(misuse(Trust::new(anchors)), Misuse::BadAnchor(1));
    for bad in [world.alice(), b"nothing".to_vec()] {
        let trust = Trust::new([world.root.der.clone()]).unwrap();
        let trust = trust.with_intermediates([world.authority.der.clone(), bad]);
        assert_eq!(misuse(trust), Misuse::BadIntermediate(1));
    }
}

/// Edge of `Violation::WrongKey`.
#[test]
fn the_end_entity_holds_the_signature_key_of_the_leaf() {
    for suite in [1, 2, 5, 7] {
        let root = Authority::root("Root", suite);
        let (key, other) = (ClientKey::new(suite, 1), ClientKey::new(suite, 2));
        let credential = x509::credential([root.certify(&key, "im:alice@example.com")]);
        let policy = policy(&root);
        assert!(policy.verify(&credential, key.public(), NOW).is_ok());
        let mut almost = key.public().as_slice().to_vec();
        *almost.last_mut().unwrap() ^= 1;
        let longer = [key.public().as_slice(), &[0]].concat();
        for wrong in [other.public().as_slice().to_vec(), almost, longer, vec![]] {
            let refused = policy.verify(&credential, &wrong.into(), NOW);
            let violation = Violation::WrongKey;
            assert_eq!(refused, Err(Error::Violation { violation, certificate: Some(0) }));
        }
    }
}

/// Edge of `Violation::UnsupportedKey`.
#[test]
fn the_end_entitys_key_is_one_that_a_cipher_suite_signs_with() {
    let world = World::new();
    world.accepts(world.chain());
    let rsa = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let certificate = world.root.certify_with(&rsa, "im:alice@example.com", |_| {});
    let credential = x509::credential([certificate]);
    let key = rsa.der_bytes().to_vec().into();
    let violation = Violation::UnsupportedKey;
    let expected = Err(Error::Violation { violation, certificate: Some(0) });
    assert_eq!(world.policy.verify(&credential, &key, NOW), expected);
}
