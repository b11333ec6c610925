//! Revocation lists (RFC 9420, section 5.3.2; RFC 5280, section 5).

use std::time::Duration;

use rcgen::{
    CertificateRevocationListParams, KeyIdMethod, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use testkit::NOW;
use x509::{Error, Misuse, Revocation, Violation};

use crate::pki::{Authority, HALF_YEAR, World};

/// A list in which an authority revokes the certificates with these serial numbers; the next one is
/// due `next` seconds after now.
pub(crate) fn list(by: &Authority, revoked: &[u64], next: i64) -> Vec<u8> {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let now = epoch + Duration::from_secs(NOW);
    let revoked = revoked.iter().map(|&serial| RevokedCertParams {
        serial_number: SerialNumber::from(serial),
        revocation_time: now,
        reason_code: None,
        invalidity_date: None,
    });
    let next = NOW.checked_add_signed(next).unwrap();
    let params = CertificateRevocationListParams {
        this_update: epoch + Duration::from_secs(NOW - HALF_YEAR),
        next_update: epoch + Duration::from_secs(next),
        crl_number: SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(&by.issuer).unwrap().der().to_vec()
}

/// A world in which alice's certificate has number 7 and the authority's has number 5.
fn world() -> (World, Vec<Vec<u8>>) {
    let mut world = World::new();
    world.authority =
        world.root.authority_with("Authority", |params| params.serial_number = Some(5_u64.into()));
    let alice = world.alice_with(|params| params.serial_number = Some(7_u64.into()));
    let chain = vec![alice, world.authority.der.clone()];
    (world, chain)
}

fn revocation(lists: &[Vec<u8>]) -> Revocation {
    Revocation::new(lists.iter().map(Vec::as_slice)).unwrap()
}

/// Edge of `Violation::Revoked`.
#[test]
fn a_revoked_certificate_is_refused_and_another_is_not() {
    let (world, chain) = world();
    let of_root = list(&world.root, &[7], 1);
    for (revoked, accepted) in [(8, true), (7, false)] {
        let lists = [of_root.clone(), list(&world.authority, &[revoked], 1)];
        world.policy.set_revocation(Some(revocation(&lists)));
        if accepted {
            world.accepts(chain.clone());
        } else {
            world.refuses(chain.clone(), None, Violation::Revoked);
        }
    }
    // Until the application says otherwise.
    world.policy.set_revocation(None);
    world.accepts(chain);
}

#[test]
fn authorities_can_be_revoked_unless_only_members_are_looked_at() {
    let (world, chain) = world();
    let lists = [list(&world.root, &[5], 1), list(&world.authority, &[], 1)];
    world.policy.set_revocation(Some(revocation(&lists)));
    world.refuses(chain.clone(), None, Violation::Revoked);
    let mut only_members = revocation(&lists);
    only_members.authorities = false;
    world.policy.set_revocation(Some(only_members));
    world.accepts(chain);
}

/// Edge of `Violation::RevocationUnknown`.
#[test]
fn a_certificate_without_a_list_is_refused_unless_the_application_accepts_it() {
    let (world, chain) = world();
    let lists = [list(&world.authority, &[], 1)];
    world.policy.set_revocation(Some(revocation(&lists)));
    world.refuses(chain.clone(), None, Violation::RevocationUnknown);
    let mut lenient = revocation(&lists);
    lenient.accept_unlisted = true;
    world.policy.set_revocation(Some(lenient));
    world.accepts(chain.clone());
    // What a list does say still counts.
    let mut lenient = revocation(&[list(&world.authority, &[7], 1)]);
    lenient.accept_unlisted = true;
    world.policy.set_revocation(Some(lenient));
    world.refuses(chain, None, Violation::Revoked);
}

/// Edge of `Violation::RevocationUnknown`.
#[test]
fn a_list_is_in_force_until_the_next_is_due() {
    let (world, chain) = world();
    let lists = |next| [list(&world.authority, &[], next), list(&world.root, &[], next)];
    world.policy.set_revocation(Some(revocation(&lists(1))));
    world.accepts(chain.clone());
    world.policy.set_revocation(Some(revocation(&lists(0))));
    world.refuses(chain.clone(), None, Violation::RevocationUnknown);
    let mut lenient = revocation(&lists(0));
    lenient.accept_stale = true;
    world.policy.set_revocation(Some(lenient));
    world.accepts(chain);
}

#[test]
fn only_the_issuer_revokes() {
    let (world, chain) = world();
    let impostor = Authority::root("Authority", 2);
    let lists = [list(&impostor, &[7], 1), list(&world.root, &[], 1)];
    world.policy.set_revocation(Some(revocation(&lists)));
    world.refuses(chain, None, Violation::RevocationUnknown);
}

#[test]
fn an_authority_that_may_not_sign_lists_revokes_nobody() {
    let mut world = World::new();
    let key_usages = vec![KeyUsagePurpose::KeyCertSign];
    world.authority =
        world.root.authority_with("Authority", |params| params.key_usages.clone_from(&key_usages));
    let chain = world.chain();
    // rcgen does not sign such a list: the same key with another certificate does.
    let mut may = rcgen::CertificateParams::default();
    may.distinguished_name.push(rcgen::DnType::CommonName, "Authority");
    may.key_usages = vec![KeyUsagePurpose::CrlSign];
    let key = rcgen::KeyPair::try_from(world.authority.issuer.key().serialize_der()).unwrap();
    let signer = Authority { der: vec![], issuer: rcgen::Issuer::new(may, key) };
    let lists = [list(&signer, &[], 1), list(&world.root, &[], 1)];
    world.policy.set_revocation(Some(revocation(&lists)));
    world.refuses(chain, None, Violation::RevocationUnknown);
}

#[test]
fn what_is_no_list_is_the_applications_mistake() {
    let (world, _) = world();
    let none = Revocation::new([]).unwrap_err();
    assert_eq!(none, Error::Misuse(Misuse::NoRevocationList));
    let good = list(&world.root, &[], 1);
    let bad = Revocation::new([good.as_slice(), b"nothing"]).unwrap_err();
    assert_eq!(bad, Error::Misuse(Misuse::BadRevocationList(1)));
}
