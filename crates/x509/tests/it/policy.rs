//! Leaves as they come into groups: successors, kept credentials, external senders, other types.

use std::sync::Arc;

use mls::{
    Candidate, Credential, CredentialType, ExternalSender, IdentityPolicy, LeafIndex, LeafNode,
    LeafOrigin, Refusal,
};
use testkit::{AcceptAll, NOW};
use x509::{
    ByCredentialType, Clients, Error, Expiry, NameKind, Revocation, SubjectAltNames, Trust,
    Violation, X509Policy,
};

use crate::pki::{Authority, ClientKey, HALF_YEAR, World, policy, valid};

/// What a policy says about a leaf that comes in like this at a time.
fn judge(
    policy: &dyn IdentityPolicy,
    leaf: &LeafNode,
    (origin, predecessor): (LeafOrigin, Option<&LeafNode>),
    now: u64,
) -> Result<(), Refusal> {
    let index = index();
    policy.validate_leaf(&Candidate { group_id: b"group", leaf, index, origin, predecessor, now })
}

fn index() -> LeafIndex {
    let size = tree::TreeSize::with_room_for(1).unwrap();
    size.leaf(0).unwrap()
}

fn refusal(certificate: Option<usize>, violation: Violation) -> Result<(), Refusal> {
    Err(Error::Violation { violation, certificate }.into())
}

/// Edge of `Violation::OtherIdentity`.
#[test]
fn a_successor_keeps_the_identity() {
    let world = World::new();
    let before = world.leaf(&world.key, world.chain());
    let successor = |uri: &str| {
        let key = ClientKey::new(2, 2);
        let certificate = world.root.certify(&key, uri);
        world.leaf(&key, vec![certificate])
    };
    // Another key, another issuer, the same name.
    let renewed = successor("im:alice@example.com");
    let other = successor("im:bob@example.com");
    for origin in [LeafOrigin::Update, LeafOrigin::CommitPath, LeafOrigin::ExternalCommit] {
        let judge = |leaf| judge(&world.policy, leaf, (origin, Some(&before)), NOW);
        assert_eq!(judge(&renewed), Ok(()));
        assert_eq!(judge(&other), refusal(Some(0), Violation::OtherIdentity));
    }
    assert_eq!(judge(&world.policy, &other, (LeafOrigin::Add, None), NOW), Ok(()));
    // The old key does not make another identity acceptable.
    let same_key = world.root.certify(&world.key, "im:bob@example.com");
    let same_key = world.leaf(&world.key, vec![same_key]);
    let judged = judge(&world.policy, &same_key, (LeafOrigin::Update, Some(&before)), NOW);
    assert_eq!(judged, refusal(Some(0), Violation::OtherIdentity));
    // A predecessor without a certificate has no identity that could be kept.
    let basic = LeafNode { credential: Credential::basic(b"im:alice@example.com"), ..before };
    let judged = judge(&world.policy, &renewed, (LeafOrigin::Update, Some(&basic)), NOW);
    assert_eq!(judged, refusal(None, Violation::OtherIdentity));
}

/// The application tells the clients of an identity apart by what a certificate says.
struct Devices;

impl x509::Names for Devices {
    fn identity(&self, _: &x509::Certificate) -> Option<Vec<u8>> {
        Some(b"alice".to_vec())
    }

    fn client_id(&self, end_entity: &x509::Certificate) -> Option<Vec<u8>> {
        x509::Names::identity(&SubjectAltNames::new(NameKind::Uri), end_entity)
    }
}

#[test]
fn a_successor_is_the_same_client_where_certificates_tell() {
    let world = World::new();
    let trust = Trust::new([world.root.der.clone()]).unwrap();
    let policy = X509Policy::new(&crypto_aws_lc::provider(), trust, Arc::new(Devices));
    let phone = world.leaf(&world.key, vec![world.root.certify(&world.key, "im:alice/phone")]);
    let key = ClientKey::new(2, 2);
    let successor = |uri| world.leaf(&key, vec![world.root.certify(&key, uri)]);
    let judge =
        |leaf: &LeafNode| judge(&policy, leaf, (LeafOrigin::ExternalCommit, Some(&phone)), NOW);
    assert_eq!(judge(&successor("im:alice/phone")), Ok(()));
    assert_eq!(judge(&successor("im:alice/laptop")), refusal(Some(0), Violation::OtherIdentity));
}

#[test]
fn whoever_let_a_certificate_expire_can_renew_it() {
    let world = World::new();
    let before = world.leaf(&world.key, world.chain());
    let later = NOW + HALF_YEAR + 1;
    let chain = || {
        let alice = world.root.certify_with(&world.key, "im:alice@example.com", |params| {
            valid(params, NOW, later);
        });
        vec![alice]
    };
    let renewed = world.leaf(&world.key, chain());
    for origin in [LeafOrigin::Update, LeafOrigin::CommitPath, LeafOrigin::ExternalCommit] {
        assert_eq!(judge(&world.policy, &renewed, (origin, Some(&before)), later), Ok(()));
    }
}

#[test]
fn a_member_who_keeps_its_credential_is_not_judged_again() {
    let world = World::new();
    let leaf = world.leaf(&world.key, world.chain());
    let later = NOW + HALF_YEAR + 1;
    let expired = || refusal(Some(0), Violation::Expired);
    let strict = policy(&world.root).expiry(Expiry::Everywhere);
    for origin in [LeafOrigin::Update, LeafOrigin::CommitPath] {
        let place = (origin, Some(&leaf));
        assert_eq!(judge(&world.policy, &leaf, place, later), Ok(()));
        assert_eq!(judge(&strict, &leaf, place, later), expired());
        assert_eq!(judge(&strict, &leaf, place, NOW), Ok(()));
    }
    // Who comes from outside brings its credential in anew, and so does who adds.
    let resync = (LeafOrigin::ExternalCommit, Some(&leaf));
    assert_eq!(judge(&world.policy, &leaf, resync, later), expired());
    assert_eq!(judge(&world.policy, &leaf, (LeafOrigin::Add, None), later), expired());
    // Kept means the credential and the key.
    let other_key =
        LeafNode { signature_key: ClientKey::new(2, 2).public().clone(), ..leaf.clone() };
    let judged = judge(&world.policy, &other_key, (LeafOrigin::Update, Some(&leaf)), NOW);
    assert_eq!(judged, refusal(Some(0), Violation::WrongKey));
}

#[test]
fn expired_members_keep_joiners_out_unless_the_application_excuses_them() {
    let world = World::new();
    let leaf = world.leaf(&world.key, world.chain());
    let later = NOW + HALF_YEAR + 1;
    let excusing = policy(&world.root).expiry(Expiry::OnlyNew);
    let tree = (LeafOrigin::Tree, None);
    let expired = || refusal(Some(0), Violation::Expired);
    assert_eq!(judge(&world.policy, &leaf, tree, later), expired());
    assert_eq!(judge(&excusing, &leaf, tree, later), Ok(()));
    assert_eq!(judge(&excusing, &leaf, (LeafOrigin::Add, None), later), expired());
    // Everything else still counts: the authority, the future, and what is never valid.
    let stranger = policy(&Authority::root("Stranger", 2)).expiry(Expiry::OnlyNew);
    let unknown = refusal(None, Violation::UnknownIssuer);
    assert_eq!(judge(&stranger, &leaf, tree, later), unknown);
    let before = NOW - HALF_YEAR - 1;
    let early = refusal(Some(0), Violation::NotYetValid);
    assert_eq!(judge(&excusing, &leaf, tree, before), early);
    // An authority that is younger than the certificate's end: never valid together.
    let mut world = World::new();
    world.authority = world.root.authority_with("Late", |params| {
        valid(params, NOW + HALF_YEAR + 1, NOW + 2 * HALF_YEAR);
    });
    let never = world.leaf(&world.key, world.chain());
    let excusing = policy(&world.root).expiry(Expiry::OnlyNew);
    let late = refusal(Some(1), Violation::NotYetValid);
    assert_eq!(judge(&excusing, &never, tree, NOW + HALF_YEAR + 1), late);
}

#[test]
fn external_senders_are_judged_like_members() {
    let world = World::new();
    let sender = |key: &ClientKey| ExternalSender {
        signature_key: key.public().clone(),
        credential: x509::credential(world.chain()),
    };
    let policy: &dyn IdentityPolicy = &world.policy;
    assert_eq!(policy.validate_external_sender(&sender(&world.key), NOW), Ok(()));
    let other = policy.validate_external_sender(&sender(&ClientKey::new(2, 2)), NOW);
    assert_eq!(other, refusal(Some(0), Violation::WrongKey));
    let later = policy.validate_external_sender(&sender(&world.key), NOW + HALF_YEAR + 1);
    assert_eq!(later, refusal(Some(0), Violation::Expired));
    let basic = ExternalSender { credential: Credential::basic(b"x"), ..sender(&world.key) };
    let basic = policy.validate_external_sender(&basic, NOW);
    assert_eq!(basic, refusal(None, Violation::NotX509));
}

/// Only credentials of type basic whose text is "robot", and each is its own client.
struct Robots;

impl IdentityPolicy for Robots {
    fn validate_leaf(&self, candidate: &Candidate<'_>) -> Result<(), Refusal> {
        let is_robot = candidate.leaf.credential == Credential::basic(b"robot");
        if is_robot { Ok(()) } else { Err(Refusal("no robot".to_owned())) }
    }

    fn validate_external_sender(&self, _: &ExternalSender, _: u64) -> Result<(), Refusal> {
        Ok(())
    }

    fn client_id(&self, _: &LeafNode) -> Option<Vec<u8>> {
        Some(b"im:alice@example.com".to_vec())
    }
}

#[test]
fn each_type_of_credential_has_its_policy() {
    let world = World::new();
    let names = SubjectAltNames { kind: NameKind::Uri, clients: Clients::One };
    let trust = Trust::new([world.root.der.clone()]).unwrap();
    let certified = X509Policy::new(&crypto_aws_lc::provider(), trust, Arc::new(names));
    let both = ByCredentialType::new()
        .with(CredentialType::X509, Arc::new(certified))
        .with(CredentialType::BASIC, Arc::new(Robots));
    let alice = world.leaf(&world.key, world.chain());
    let with = |credential| LeafNode { credential, ..alice.clone() };
    let (robot, human) = (with(Credential::basic(b"robot")), with(Credential::basic(b"human")));
    let other = with(Credential::Other(CredentialType(77), b"".as_slice().into()));
    let new = (LeafOrigin::Add, None);
    assert_eq!(judge(&both, &alice, new, NOW), Ok(()));
    assert_eq!(judge(&both, &robot, new, NOW), Ok(()));
    assert_eq!(judge(&both, &human, new, NOW), Err(Refusal("no robot".to_owned())));
    assert!(judge(&both, &other, new, NOW).is_err());
    assert!(judge(&ByCredentialType::new(), &alice, new, NOW).is_err());
    // The same name in credentials of two types is two clients.
    let client_id = |leaf| both.client_id(leaf).unwrap();
    assert_ne!(client_id(&alice), client_id(&robot));
    assert_eq!(both.client_id(&other), None);
    let sender =
        |credential| ExternalSender { signature_key: world.key.public().clone(), credential };
    let robot = sender(Credential::basic(b"robot"));
    assert_eq!(both.validate_external_sender(&robot, NOW), Ok(()));
    let unknown = sender(other.credential.clone());
    assert!(both.validate_external_sender(&unknown, NOW).is_err());
}

#[test]
fn a_certificate_is_never_traded_for_a_claim() {
    let world = World::new();
    let both = ByCredentialType::new()
        .with(CredentialType::X509, Arc::new(policy(&world.root)))
        .with(CredentialType::BASIC, Arc::new(AcceptAll));
    let certified = world.leaf(&world.key, world.chain());
    let claimed =
        LeafNode { credential: Credential::basic(b"im:alice@example.com"), ..certified.clone() };
    for origin in [LeafOrigin::Update, LeafOrigin::CommitPath, LeafOrigin::ExternalCommit] {
        assert!(judge(&both, &claimed, (origin, Some(&certified)), NOW).is_err());
        assert!(judge(&both, &certified, (origin, Some(&claimed)), NOW).is_err());
        assert_eq!(judge(&both, &claimed, (origin, Some(&claimed)), NOW), Ok(()));
    }
}

#[test]
fn a_refusal_says_which_certificate_and_why_and_repeats_nothing_of_it() {
    let world = World::new();
    let leaf = world.leaf(&world.key, world.chain());
    let later = judge(&world.policy, &leaf, (LeafOrigin::Add, None), NOW + HALF_YEAR + 1);
    let Refusal(text) = later.unwrap_err();
    assert_eq!(text, "certificate 0: A certificate has expired. (RFC 9420, section 5.3.2)");
    for violation in Violation::ALL {
        let Refusal(text) = Error::Violation { violation: *violation, certificate: None }.into();
        assert!(text.starts_with(violation.rule()));
    }
}

#[test]
fn revocation_can_change_while_a_policy_is_in_use() {
    let world = World::new();
    let shared: Arc<X509Policy> = Arc::new(policy(&world.root));
    let in_group: Arc<dyn IdentityPolicy> = shared.clone();
    let leaf = world.leaf(&world.key, world.chain());
    let judge = || judge(&*in_group, &leaf, (LeafOrigin::Add, None), NOW);
    assert_eq!(judge(), Ok(()));
    let list = crate::revocation::list(&world.root, &[], 1);
    shared.set_revocation(Some(Revocation::new([list.as_slice()]).unwrap()));
    assert_eq!(judge(), refusal(None, Violation::RevocationUnknown));
    shared.set_revocation(None);
    assert_eq!(judge(), Ok(()));
}
