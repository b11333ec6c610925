//! The client without sockets: what requests may not do.

use crypto_aws_lc::{SystemRandom, provider};
use interop::client::{Blame, Failure, HarnessClient};
use interop::proto;
use mls::Crypto;

fn client() -> HarnessClient {
    let mut client = HarnessClient::new(Crypto::new(provider()), Box::new(SystemRandom), true);
    client.set_time(1_800_000_000);
    client
}

fn blame<T>(result: Result<T, Failure>) -> Blame {
    result.err().unwrap().blame
}

fn group(client: &mut HarnessClient) -> u32 {
    let request = proto::CreateGroupRequest {
        group_id: b"group".to_vec(),
        cipher_suite: 1,
        encrypt_handshake: true,
        identity: b"ann".to_vec(),
    };
    client.create_group(request).unwrap().state_id
}

#[test]
fn all_seven_suites_are_offered() {
    let suites = client().supported_ciphersuites(Default::default()).unwrap().ciphersuites;
    assert_eq!(suites, [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn states_are_freed_and_numbers_of_nothing_may_be() {
    let mut client = client();
    let state_id = group(&mut client);
    assert_eq!(client.alive(), 1);
    client.free(proto::FreeRequest { state_id }).unwrap();
    client.free(proto::FreeRequest { state_id }).unwrap();
    assert_eq!(client.alive(), 0);
    let request = proto::StateAuthRequest { state_id };
    assert_eq!(blame(client.state_auth(request)), Blame::NotFound);
}

#[test]
fn whatever_is_not_an_encoding_is_refused_and_changes_nothing() {
    let mut client = client();
    let state_id = group(&mut client);
    let before = client.state_auth(proto::StateAuthRequest { state_id }).unwrap();
    let bytes = b"\x00\x01nonsense".to_vec();
    let made = client.create_key_package(proto::CreateKeyPackageRequest {
        cipher_suite: 1,
        identity: b"ben".to_vec(),
    });
    let transaction_id = made.unwrap().transaction_id;
    let refused = [
        blame(client.unprotect(proto::UnprotectRequest { state_id, ciphertext: bytes.clone() })),
        blame(
            client.add_proposal(proto::AddProposalRequest { state_id, key_package: bytes.clone() }),
        ),
        blame(client.handle_commit(proto::HandleCommitRequest {
            state_id,
            proposal: vec![bytes.clone()],
            commit: Vec::new(),
        })),
        blame(client.join_group(proto::JoinGroupRequest {
            transaction_id,
            welcome: bytes.clone(),
            ..Default::default()
        })),
        blame(client.external_join(proto::ExternalJoinRequest {
            group_info: bytes.clone(),
            ..Default::default()
        })),
        blame(client.add_external_signer(proto::AddExternalSignerRequest {
            state_id,
            external_sender: bytes,
        })),
    ];
    assert_eq!(refused, [Blame::InvalidRequest; 6]);
    assert_eq!(client.state_auth(proto::StateAuthRequest { state_id }).unwrap(), before);
    assert_eq!(client.alive(), 2, "a joiner whose Welcome was wrong still waits");
}

#[test]
fn a_commit_covers_exactly_what_it_is_told() {
    let mut client = client();
    let state_id = group(&mut client);
    let psk = |client: &mut HarnessClient, psk_id: &[u8]| {
        let request = proto::ExternalPskProposalRequest { state_id, psk_id: psk_id.to_vec() };
        client.external_psk_proposal(request).unwrap().proposal
    };
    psk(&mut client, b"unknown to everyone");
    let known = psk(&mut client, b"known");
    let store = proto::StorePskRequest {
        state_or_transaction_id: state_id,
        psk_id: b"known".to_vec(),
        psk_secret: vec![7; 32],
    };
    client.store_psk(store).unwrap();
    let by_reference = vec![known];
    let request = proto::CommitRequest { state_id, by_reference, ..Default::default() };
    client.commit(request).unwrap();
    let pending = proto::HandlePendingCommitRequest { state_id };
    client.handle_pending_commit(pending).unwrap();
    assert_eq!(blame(client.handle_pending_commit(pending)), Blame::NotNow);
}

#[test]
fn a_broken_rule_is_named() {
    let mut client = client();
    let state_id = group(&mut client);
    let proposal_type = b"remove".to_vec();
    let removed_id = b"ann".to_vec();
    let remove = proto::ProposalDescription { proposal_type, removed_id, ..Default::default() };
    let request = proto::CommitRequest { state_id, by_value: vec![remove], ..Default::default() };
    let failure = client.commit(request).unwrap_err();
    assert_eq!(failure.blame, Blame::InvalidRequest);
    assert!(failure.text.contains("section 12"), "{failure}");
}
