//! Calls without sockets: what a scenario does not see.

use interop::proto::mls_client_server::MlsClient;
use interop::proto::{
    AddProposalRequest, CommitRequest, CommitResponse, CreateGroupRequest, CreateKeyPackageRequest,
    HandleCommitRequest, HandlePendingCommitRequest, JoinGroupRequest, JoinGroupResponse,
    ProposalDescription, RemoveProposalRequest, StateAuthRequest,
};
use mls_rs::MlsMessage;
use peer_mls_rs::Peer;
use tonic::{Code, Request, Status};

/// A group of one, and key packages to add.
struct Setting {
    peer: Peer,
    ann: u32,
}

impl Setting {
    async fn new() -> Self {
        let (peer, identity) = (Peer::new(), b"ann".to_vec());
        let request = CreateGroupRequest {
            group_id: b"group".to_vec(),
            cipher_suite: 1,
            identity,
            encrypt_handshake: true,
        };
        let ann = peer.create_group(Request::new(request)).await.unwrap().into_inner().state_id;
        Self { peer, ann }
    }

    /// The number and the key package of someone new.
    async fn joiner(&self, name: &str) -> (u32, Vec<u8>) {
        let identity = name.as_bytes().to_vec();
        let request = CreateKeyPackageRequest { cipher_suite: 1, identity };
        let made = self.peer.create_key_package(Request::new(request)).await.unwrap().into_inner();
        (made.transaction_id, made.key_package)
    }

    async fn propose_add(&self, key_package: Vec<u8>) -> Vec<u8> {
        let request = AddProposalRequest { state_id: self.ann, key_package };
        self.peer.add_proposal(Request::new(request)).await.unwrap().into_inner().proposal
    }

    async fn commit(&self, request: CommitRequest) -> Result<CommitResponse, Status> {
        let request = CommitRequest { state_id: self.ann, ..request };
        Ok(self.peer.commit(Request::new(request)).await?.into_inner())
    }

    async fn accept(&self) -> Result<Vec<u8>, Status> {
        let request = HandlePendingCommitRequest { state_id: self.ann };
        let accepted = self.peer.handle_pending_commit(Request::new(request)).await?;
        Ok(accepted.into_inner().epoch_authenticator)
    }

    async fn join(
        &self,
        transaction_id: u32,
        (welcome, ratchet_tree): (&[u8], &[u8]),
    ) -> Result<JoinGroupResponse, Status> {
        let (welcome, ratchet_tree) = (welcome.to_vec(), ratchet_tree.to_vec());
        let request = JoinGroupRequest {
            transaction_id,
            welcome,
            ratchet_tree,
            ..JoinGroupRequest::default()
        };
        Ok(self.peer.join_group(Request::new(request)).await?.into_inner())
    }

    async fn authenticator(&self) -> Vec<u8> {
        let request = StateAuthRequest { state_id: self.ann };
        self.peer.state_auth(Request::new(request)).await.unwrap().into_inner().state_auth_secret
    }
}

fn add(key_package: Vec<u8>) -> ProposalDescription {
    let proposal_type = b"add".to_vec();
    ProposalDescription { proposal_type, key_package, ..ProposalDescription::default() }
}

#[tokio::test]
async fn a_commit_covers_exactly_the_named_proposals() {
    let setting = Setting::new().await;
    let ((ben, ben_key), (cleo, cleo_key)) =
        (setting.joiner("ben").await, setting.joiner("cleo").await);
    let by_reference = vec![setting.propose_add(ben_key).await];
    setting.propose_add(cleo_key).await;
    let made = CommitRequest { by_reference, ..CommitRequest::default() };
    let made = setting.commit(made).await.unwrap();
    let authenticator = setting.accept().await.unwrap();
    assert!(setting.join(cleo, (&made.welcome, &[])).await.is_err());
    let joined = setting.join(ben, (&made.welcome, &[])).await.unwrap();
    assert_eq!(joined.epoch_authenticator, authenticator);
}

#[tokio::test]
async fn a_commit_waits_and_a_second_one_replaces_it() {
    let setting = Setting::new().await;
    let before = setting.authenticator().await;
    let ((ben, ben_key), (cleo, cleo_key)) =
        (setting.joiner("ben").await, setting.joiner("cleo").await);
    let first = CommitRequest { by_value: vec![add(ben_key)], ..CommitRequest::default() };
    let first = setting.commit(first).await.unwrap();
    let second = CommitRequest { by_value: vec![add(cleo_key)], ..CommitRequest::default() };
    let second = setting.commit(second).await.unwrap();
    assert_eq!(setting.authenticator().await, before);
    let authenticator = setting.accept().await.unwrap();
    let joined = setting.join(cleo, (&second.welcome, &[])).await.unwrap();
    assert_eq!(joined.epoch_authenticator, authenticator);
    let elsewhere = setting.join(ben, (&first.welcome, &[])).await.unwrap();
    assert_ne!(elsewhere.epoch_authenticator, authenticator);
    assert_eq!(setting.accept().await.unwrap_err().code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn the_tree_is_left_out_of_the_welcome_if_asked() {
    let setting = Setting::new().await;
    let (ben, key_package) = setting.joiner("ben").await;
    let by_value = vec![add(key_package)];
    let made = CommitRequest { by_value, external_tree: true, ..CommitRequest::default() };
    let made = setting.commit(made).await.unwrap();
    assert!(setting.join(ben, (&made.welcome, &[])).await.is_err());
    setting.join(ben, (&made.welcome, &made.ratchet_tree)).await.unwrap();
}

#[tokio::test]
async fn a_path_is_there_only_if_needed_or_asked() {
    let peer = Peer::new();
    for (force_path, has_path) in [(false, false), (true, true)] {
        let (identity, group_id) = (b"ann".to_vec(), b"group".to_vec());
        let request =
            CreateGroupRequest { group_id, cipher_suite: 1, identity, encrypt_handshake: false };
        let ann = peer.create_group(Request::new(request)).await.unwrap().into_inner().state_id;
        let setting = Setting { peer: peer.clone(), ann };
        let by_value = vec![add(setting.joiner("ben").await.1)];
        let made = CommitRequest { by_value, force_path, ..CommitRequest::default() };
        let made = setting.commit(made).await.unwrap();
        let commit = MlsMessage::from_bytes(&made.commit).unwrap();
        assert_eq!(commit.commit_path_leaf_node().is_some(), has_path);
    }
}

/// The library would leave an invalid proposal out without a word.
#[tokio::test]
async fn a_commit_of_an_invalid_proposal_is_refused() {
    let setting = Setting::new().await;
    let removed_id = b"ann".to_vec();
    let request = RemoveProposalRequest { state_id: setting.ann, removed_id };
    let proposal = setting.peer.remove_proposal(Request::new(request)).await.unwrap();
    let by_reference = vec![proposal.into_inner().proposal];
    let refused = CommitRequest { by_reference, ..CommitRequest::default() };
    let refused = setting.commit(refused).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    assert_eq!(setting.accept().await.unwrap_err().code(), Code::FailedPrecondition);
    setting.commit(CommitRequest::default()).await.unwrap();
}

#[tokio::test]
async fn wrong_bytes_and_numbers_are_refused_and_change_nothing() {
    let setting = Setting::new().await;
    let before = setting.authenticator().await;
    let wrong = HandleCommitRequest {
        state_id: setting.ann,
        commit: vec![0, 1, 0, 1],
        ..HandleCommitRequest::default()
    };
    let refused = setting.peer.handle_commit(Request::new(wrong.clone())).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    let unknown = HandleCommitRequest { state_id: 99, ..wrong };
    let refused = setting.peer.handle_commit(Request::new(unknown)).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound, "{refused}");
    assert_eq!(setting.authenticator().await, before);
}
