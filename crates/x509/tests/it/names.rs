//! The identity in a certificate's names.

use std::sync::Arc;

use rcgen::SanType;
use testkit::NOW;
use x509::{Certificate, Clients, NameKind, Names, SubjectAltNames, Trust, Violation, X509Policy};

use crate::pki::{World, dns_name, email_name, uri_name};

/// The identity in these names, by a policy for one kind of them.
fn identity(world: &World, kind: NameKind, names: Vec<SanType>) -> Option<String> {
    let alice = world.alice_with(|params| params.subject_alt_names = names);
    let names = Arc::new(SubjectAltNames::new(kind));
    let trust = Trust::new([world.root.der.clone()]).unwrap();
    let policy = X509Policy::new(&crypto_aws_lc::provider(), trust, names);
    let credential = x509::credential([alice, world.authority.der.clone()]);
    let verified = policy.verify(&credential, world.key.public(), NOW);
    verified.ok().map(|verified| String::from_utf8(verified.identity).unwrap())
}

#[test]
fn the_identity_is_the_name_of_the_chosen_kind() {
    let world = World::new();
    let names =
        || vec![dns_name("a.example"), email_name("a@b.example"), uri_name("im:a@b.example")];
    let identity = |kind| identity(&world, kind, names()).unwrap();
    assert_eq!(identity(NameKind::Dns), "a.example");
    assert_eq!(identity(NameKind::Email), "a@b.example");
    assert_eq!(identity(NameKind::Uri), "im:a@b.example");
}

#[test]
fn names_are_compared_as_their_kind_demands() {
    let world = World::new();
    let identity = |kind, name| identity(&world, kind, vec![name]).unwrap();
    assert_eq!(identity(NameKind::Dns, dns_name("A.Example")), "a.example");
    assert_eq!(identity(NameKind::Email, email_name("A@B.Example")), "A@b.example");
    assert_eq!(identity(NameKind::Uri, uri_name("IM:A@B")), "IM:A@B");
}

#[test]
fn several_names_are_one_identity_whatever_their_order() {
    let world = World::new();
    let identity = |names: &[&str]| {
        let names = names.iter().map(|name| uri_name(name)).collect();
        identity(&world, NameKind::Uri, names).unwrap()
    };
    assert_eq!(identity(&["im:b", "im:a", "im:b"]), "im:a\nim:b");
    assert_eq!(identity(&["im:a", "im:b"]), "im:a\nim:b");
}

/// Edge of `Violation::NoIdentity`.
#[test]
fn a_certificate_without_a_name_of_the_kind_is_nobodys() {
    let world = World::new();
    let chain = |names: Vec<SanType>| {
        let alice = world.alice_with(|params| params.subject_alt_names = names);
        vec![alice, world.authority.der.clone()]
    };
    world.accepts(chain(vec![dns_name("a.example"), uri_name("im:alice@example.com")]));
    world.refuses(chain(vec![]), Some(0), Violation::NoIdentity);
    world.refuses(chain(vec![email_name("a@b.example")]), Some(0), Violation::NoIdentity);
}

#[test]
fn a_name_that_could_be_taken_for_several_is_refused() {
    let world = World::new();
    for name in ["im:a\nim:b", "im:a b", "", "im:a\0", "im:\x7f"] {
        let alice = world.alice_with(|params| {
            params.subject_alt_names = vec![uri_name("im:alice@example.com"), uri_name(name)];
        });
        let chain = vec![alice, world.authority.der.clone()];
        world.refuses(chain, Some(0), Violation::NoIdentity);
    }
}

#[test]
fn an_identity_has_many_clients_or_one_as_the_application_chooses() {
    let world = World::new();
    let leaf = world.leaf(&world.key, world.chain());
    assert_eq!(mls::IdentityPolicy::client_id(&world.policy, &leaf), None);
    let names = SubjectAltNames { kind: NameKind::Uri, clients: Clients::One };
    let trust = Trust::new([world.root.der.clone()]).unwrap();
    let policy = X509Policy::new(&crypto_aws_lc::provider(), trust, Arc::new(names));
    let client_id = mls::IdentityPolicy::client_id(&policy, &leaf).unwrap();
    assert_eq!(client_id, b"im:alice@example.com");
}

/// Takes the identity from the serial number, and the client from the name.
struct Serial;

impl Names for Serial {
    fn identity(&self, end_entity: &Certificate) -> Option<Vec<u8>> {
        Some(end_entity.tbs_certificate().serial_number().as_bytes().to_vec())
    }

    fn client_id(&self, end_entity: &Certificate) -> Option<Vec<u8>> {
        SubjectAltNames::new(NameKind::Uri).identity(end_entity)
    }
}

#[test]
fn an_application_can_find_identities_in_its_own_way() {
    let world = World::new();
    let trust = Trust::new([world.root.der.clone()]).unwrap();
    let policy = X509Policy::new(&crypto_aws_lc::provider(), trust, Arc::new(Serial));
    let alice = world.alice_with(|params| params.serial_number = Some(7_u64.into()));
    let credential = x509::credential([alice, world.authority.der.clone()]);
    let verified = policy.verify(&credential, world.key.public(), NOW).unwrap();
    assert_eq!(verified.identity, [7]);
}
