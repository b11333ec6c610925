//! What answers contain, where a runner sees no difference: it only compares epoch authenticators.

use std::ops::Deref;

use interop::proto::mls_client_server::MlsClient;
use interop::proto::{
    CommitRequest, CreateGroupRequest, CreateKeyPackageRequest, ExportRequest, ExternalJoinRequest,
    FreeRequest, GroupInfoRequest, HandleCommitRequest, HandlePendingCommitRequest,
    JoinGroupRequest, PreSharedKey, ProposalDescription, StateAuthRequest, StorePskRequest,
    UnprotectRequest,
};
use mls::{Decode, MlsMessage, MlsMessageBody};
use peer_openmls::Peer;
use tokio::runtime::Runtime;
use tonic::{Code, Request, Response, Status};
use wire::{Commit, Content, GREASE_VALUES, LeafNodeSource, Proposal, ProposalOrRef, PskKind};

/// A client that is called without a socket.
struct Called {
    runtime: Runtime,
    peer: Peer,
}

impl Called {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { runtime, peer: Peer::new() }
    }

    fn answer<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Status> {
        self.runtime.block_on(call).map(Response::into_inner)
    }

    /// A group of ann alone.
    fn ann(&self) -> u32 {
        let request = CreateGroupRequest {
            group_id: b"group".to_vec(),
            cipher_suite: 1,
            encrypt_handshake: false,
            identity: b"ann".to_vec(),
        };
        self.answer(self.create_group(Request::new(request))).unwrap().state_id
    }

    /// A new transaction and its key package.
    fn key_package(&self, identity: &[u8]) -> (u32, Vec<u8>) {
        let request = CreateKeyPackageRequest { cipher_suite: 1, identity: identity.to_vec() };
        let made = self.answer(self.create_key_package(Request::new(request))).unwrap();
        (made.transaction_id, made.key_package)
    }

    /// A group of ann, who has added ben.
    fn ann_and_ben(&self) -> [u32; 2] {
        let (ann, (transaction_id, key_package)) = (self.ann(), self.key_package(b"ben"));
        let made = self.commit_of(ann, vec![add(key_package)], false).unwrap();
        self.accept(ann).unwrap();
        let joined = self.join(transaction_id, made.welcome, made.ratchet_tree).unwrap();
        [ann, joined]
    }

    fn commit_of(
        &self,
        state_id: u32,
        by_value: Vec<ProposalDescription>,
        force_path: bool,
    ) -> Result<interop::proto::CommitResponse, Status> {
        let request = CommitRequest { state_id, by_value, force_path, ..Default::default() };
        self.answer(self.commit(Request::new(request)))
    }

    fn accept(&self, state_id: u32) -> Result<Vec<u8>, Status> {
        let request = HandlePendingCommitRequest { state_id };
        let answer = self.answer(self.handle_pending_commit(Request::new(request)));
        answer.map(|answer| answer.epoch_authenticator)
    }

    fn join(
        &self,
        transaction_id: u32,
        welcome: Vec<u8>,
        ratchet_tree: Vec<u8>,
    ) -> Result<u32, Status> {
        let request =
            JoinGroupRequest { transaction_id, welcome, ratchet_tree, ..Default::default() };
        self.answer(self.join_group(Request::new(request))).map(|answer| answer.state_id)
    }

    fn store(&self, state_id: u32, psk_id: &[u8], psk_secret: &[u8]) {
        let request = StorePskRequest {
            state_or_transaction_id: state_id,
            psk_id: psk_id.to_vec(),
            psk_secret: psk_secret.to_vec(),
        };
        self.answer(self.store_psk(Request::new(request))).unwrap();
    }
}

impl Deref for Called {
    type Target = Peer;

    fn deref(&self) -> &Peer {
        &self.peer
    }
}

fn add(key_package: Vec<u8>) -> ProposalDescription {
    let proposal_type = b"add".to_vec();
    ProposalDescription { proposal_type, key_package, ..Default::default() }
}

/// The commit in a PublicMessage.
fn commit_in(message: &[u8]) -> Commit {
    let MlsMessageBody::PublicMessage(message) = MlsMessage::from_bytes(message).unwrap().0 else {
        panic!("not public");
    };
    let Content::Commit(commit) = message.content.content else { panic!("not a commit") };
    (*commit).clone()
}

/// RFC 9420, section 7.2: default types MUST NOT be listed. The lifetime is one that others accept.
#[test]
fn key_packages_list_no_default_types_and_live_for_three_months() {
    let called = Called::new();
    let (_, key_package) = called.key_package(b"ann");
    let MlsMessageBody::KeyPackage(it) = MlsMessage::from_bytes(&key_package).unwrap().0 else {
        panic!("not a key package");
    };
    let capabilities = &it.leaf_node.capabilities;
    assert!(capabilities.extensions.iter().all(|it| GREASE_VALUES.contains(&it.0)));
    assert!(capabilities.proposals.iter().all(|it| GREASE_VALUES.contains(&it.0)));
    assert!(it.extensions.0.is_empty() && it.leaf_node.extensions.0.is_empty());
    let LeafNodeSource::KeyPackage(lifetime) = it.leaf_node.leaf_node_source else {
        panic!("no lifetime")
    };
    let days = (lifetime.not_after - lifetime.not_before) / (24 * 60 * 60);
    assert!((80..93).contains(&days), "{days} days");
}

#[test]
fn a_path_is_there_where_it_is_forced_or_needed() {
    let called = Called::new();
    let [ann, _ben] = called.ann_and_ben();
    let (_, key_package) = called.key_package(b"cleo");
    for (by_value, force_path, has_path) in [
        (vec![add(key_package.clone())], false, false),
        (vec![add(key_package)], true, true),
        (vec![], false, true),
    ] {
        let made = called.commit_of(ann, by_value, force_path).unwrap();
        assert_eq!(commit_in(&made.commit).path.is_some(), has_path);
    }
}

#[test]
fn an_external_commit_carries_the_removal_and_the_psks() {
    let called = Called::new();
    let [ann, _ben] = called.ann_and_ben();
    called.store(ann, b"which", b"secret");
    for external_tree in [false, true] {
        let request = GroupInfoRequest { state_id: ann, external_tree };
        let told = called.answer(called.group_info(Request::new(request))).unwrap();
        assert_eq!(told.ratchet_tree.is_empty(), !external_tree);
        let psk = PreSharedKey { psk_id: b"which".to_vec(), psk_secret: b"secret".to_vec() };
        let request = ExternalJoinRequest {
            group_info: told.group_info,
            ratchet_tree: told.ratchet_tree,
            encrypt_handshake: false,
            identity: b"ben".to_vec(),
            remove_prior: true,
            psks: vec![psk],
        };
        let joined = called.answer(called.external_join(Request::new(request))).unwrap();
        let mut kinds = commit_in(&joined.commit).proposals.into_iter().map(|proposal| {
            let ProposalOrRef::Proposal(proposal) = proposal else { panic!("by reference") };
            match &*proposal {
                Proposal::ExternalInit(_) => "init",
                Proposal::Remove(1) => "remove ben",
                Proposal::PreSharedKey(id) => match &id.kind {
                    PskKind::External { psk_id } if psk_id.as_ref() == b"which" => "which",
                    _ => "another psk",
                },
                _ => "something else",
            }
        });
        let kinds: std::collections::BTreeSet<_> = kinds.by_ref().collect();
        assert_eq!(kinds, ["init", "remove ben", "which"].into());
        let commit = joined.commit;
        let request = HandleCommitRequest { state_id: ann, commit, proposal: Vec::new() };
        let followed = called.answer(called.handle_commit(Request::new(request))).unwrap();
        assert_eq!(followed.epoch_authenticator, joined.epoch_authenticator);
    }
}

/// The library derives the PSK secret in another order than it commits if it is given PSKs both
/// ways; the adapter must not run into that.
#[test]
fn psks_by_value_and_by_reference_go_together() {
    let called = Called::new();
    let [ann, ben] = called.ann_and_ben();
    for (psk_id, psk_secret) in [(b"one", b"first"), (b"two", b"other")] {
        called.store(ann, psk_id, psk_secret);
        called.store(ben, psk_id, psk_secret);
    }
    let request =
        interop::proto::ExternalPskProposalRequest { state_id: ben, psk_id: b"one".to_vec() };
    let proposal =
        called.answer(called.external_psk_proposal(Request::new(request))).unwrap().proposal;
    let by_value = ProposalDescription {
        proposal_type: b"externalPSK".to_vec(),
        psk_id: b"two".to_vec(),
        ..Default::default()
    };
    let request = CommitRequest {
        state_id: ann,
        by_reference: vec![proposal.clone()],
        by_value: vec![by_value],
        ..Default::default()
    };
    let commit = called.answer(called.commit(Request::new(request))).unwrap().commit;
    let authenticator = called.accept(ann).unwrap();
    let request = HandleCommitRequest { state_id: ben, commit, proposal: vec![proposal] };
    let followed = called.answer(called.handle_commit(Request::new(request))).unwrap();
    assert_eq!(followed.epoch_authenticator, authenticator);
}

#[test]
fn members_export_the_same_and_tell_the_authenticator() {
    let called = Called::new();
    let states = called.ann_and_ben();
    let [ann, ben] = states.map(|state_id| {
        let request = ExportRequest {
            state_id,
            label: "label".to_owned(),
            context: b"context".to_vec(),
            key_length: 40,
        };
        let exported = called.answer(called.export(Request::new(request))).unwrap();
        let request = StateAuthRequest { state_id };
        let told = called.answer(called.state_auth(Request::new(request))).unwrap();
        (exported.exported_secret, told.state_auth_secret)
    });
    assert_eq!(ann, ben);
    assert_eq!((ann.0.len(), ann.1.len()), (40, 32));
}

#[test]
fn a_joiner_can_try_again_after_a_bad_welcome() {
    let called = Called::new();
    let (ann, (transaction_id, key_package)) = (called.ann(), called.key_package(b"ben"));
    let made = called.commit_of(ann, vec![add(key_package)], false).unwrap();
    let mut bad = made.welcome.clone();
    *bad.last_mut().unwrap() ^= 1;
    let refused = called.join(transaction_id, bad, Vec::new()).unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    called.join(transaction_id, made.welcome, Vec::new()).unwrap();
}

#[test]
fn refused_requests_change_nothing_and_freed_states_are_gone() {
    let called = Called::new();
    let [ann, ben] = called.ann_and_ben();
    let unknown = ProposalDescription { proposal_type: b"dance".to_vec(), ..Default::default() };
    let refused = called.commit_of(ann, vec![unknown], false).unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(called.accept(ann).unwrap_err().code(), Code::FailedPrecondition);
    let request = UnprotectRequest { state_id: ben, ciphertext: vec![0, 1, 0, 2, 0] };
    let refused = called.answer(called.unprotect(Request::new(request))).unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    called.answer(called.free(Request::new(FreeRequest { state_id: ann }))).unwrap();
    assert_eq!(called.accept(ann).unwrap_err().code(), Code::NotFound);
    let made = called.commit_of(ben, Vec::new(), false).unwrap();
    assert!(commit_in(&made.commit).path.is_some());
}
