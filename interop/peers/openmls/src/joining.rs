//! Becoming a member: by founding a group, by a Welcome, by an external commit.

use std::sync::Arc;

use interop::proto::{
    CreateGroupRequest, CreateGroupResponse, CreateKeyPackageRequest, CreateKeyPackageResponse,
    ExternalJoinRequest, ExternalJoinResponse, JoinGroupRequest, JoinGroupResponse,
    StorePskRequest, StorePskResponse,
};
use openmls::group::{MlsGroup, MlsGroupCreateConfig, StagedWelcome};
use openmls::messages::proposals::PreSharedKeyProposal;
use openmls::prelude::{
    Ciphersuite, GroupId, KeyPackageBundle, LeafNodeParameters, MlsMessageOut, OpenMlsProvider,
};
use openmls::schedule::{ExternalPsk, PreSharedKeyId, Psk};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::OpenMlsRustCrypto;
use openmls_traits::storage::StorageProvider as _;
use tonic::Status;

use crate::actor::{Actor, Joiner, Member, configuration, named};
use crate::decode;
use crate::lacks::lacks;
use crate::slots::{Slot, Slots, refused, suite};

/// A new joiner, as requests ask for it.
pub(crate) struct NewJoiner {
    pub(crate) joiner: Joiner,
    pub(crate) signature_private_key: Vec<u8>,
}

impl NewJoiner {
    pub(crate) fn generate(suite: Ciphersuite, identity: &[u8]) -> Result<Self, Status> {
        let (actor, signature_private_key) = Actor::generate(suite, identity)?;
        let bundle = actor.key_package(suite)?;
        Ok(Self { joiner: Joiner { actor, bundle }, signature_private_key })
    }
}

impl Slots {
    pub(crate) fn create_group(
        &mut self,
        request: CreateGroupRequest,
    ) -> Result<CreateGroupResponse, Status> {
        let suite = suite(request.cipher_suite)?;
        let (actor, _) = Actor::generate(suite, &request.identity)?;
        let behaviour = configuration(request.encrypt_handshake);
        let config = MlsGroupCreateConfig::builder()
            .ciphersuite(suite)
            .capabilities(actor.capabilities())
            .wire_format_policy(behaviour.wire_format_policy())
            .sender_ratchet_configuration(*behaviour.sender_ratchet_configuration())
            .build();
        let group = MlsGroup::new_with_group_id(
            &actor.provider,
            &*actor.signer,
            &config,
            GroupId::from_slice(&request.group_id),
            actor.credential.clone(),
        );
        let mut group = group.map_err(refused)?;
        group.set_configuration(actor.provider.storage(), &behaviour).map_err(refused)?;
        let state_id = self.insert(Slot::Member(Box::new(Member::new(actor, group))))?;
        Ok(CreateGroupResponse { state_id })
    }

    /// The private key of the leaf is not in the answer: the library hides it. It only serves to
    /// turn live runs into test vectors.
    pub(crate) fn create_key_package(
        &mut self,
        request: CreateKeyPackageRequest,
    ) -> Result<CreateKeyPackageResponse, Status> {
        let suite = suite(request.cipher_suite)?;
        let NewJoiner { joiner, signature_private_key } =
            NewJoiner::generate(suite, &request.identity)?;
        let key_package = MlsMessageOut::from(joiner.bundle.key_package().clone());
        let key_package = decode::encoded(&key_package)?;
        let init_priv = joiner.bundle.init_private_key().to_vec();
        let transaction_id = self.insert(Slot::Joiner(Box::new(joiner)))?;
        Ok(CreateKeyPackageResponse {
            transaction_id,
            key_package,
            init_priv,
            encryption_priv: Vec::new(),
            signature_priv: signature_private_key,
        })
    }

    /// The state gets the number of the transaction; if it fails, the joiner can try again.
    pub(crate) fn join_group(
        &mut self,
        request: JoinGroupRequest,
    ) -> Result<JoinGroupResponse, Status> {
        let id = request.transaction_id;
        let joiner = self.joiner(id)?;
        let group = join(joiner, &request)?;
        let Some(Slot::Joiner(joiner)) = self.slots.remove(&id) else {
            return Err(Status::not_found("the transaction is gone"));
        };
        let member = Member::new(joiner.actor, group);
        let epoch_authenticator = member.epoch_authenticator();
        self.slots.insert(id, Slot::Member(Box::new(member)));
        Ok(JoinGroupResponse { state_id: id, epoch_authenticator })
    }

    /// The group counts as joined at once; the runner delivers the commit.
    pub(crate) fn external_join(
        &mut self,
        request: ExternalJoinRequest,
    ) -> Result<ExternalJoinResponse, Status> {
        let group_info = decode::group_info(&request.group_info)?;
        let suite = group_info.ciphersuite();
        let actor = match request.remove_prior {
            // The library removes the leaf with the joiner's own signature key, and no other.
            true => {
                let signer = self.signer_of(group_info.group_id(), &request.identity);
                let signer = signer.ok_or_else(|| lacks("ExternalJoin"))?;
                Actor::with_signer(OpenMlsRustCrypto::default(), signer, &request.identity)
            }
            false => Actor::generate(suite, &request.identity)?.0,
        };
        let mut psks = Vec::new();
        for psk in request.psks {
            actor.store_psk(psk.psk_id.clone(), &psk.psk_secret)?;
            let psk = Psk::External(ExternalPsk::new(psk.psk_id));
            let id = PreSharedKeyId::new(suite, actor.provider.rand(), psk).map_err(refused)?;
            psks.push(PreSharedKeyProposal::new(id));
        }
        let mut builder = MlsGroup::external_commit_builder()
            .with_config(configuration(request.encrypt_handshake));
        if let Some(ratchet_tree) = decode::ratchet_tree(&request.ratchet_tree)? {
            builder = builder.with_ratchet_tree(ratchet_tree);
        }
        let leaf = LeafNodeParameters::builder().with_capabilities(actor.capabilities()).build();
        let provider = &actor.provider;
        let (group, made) = builder
            .build_group(provider, group_info, actor.credential.clone())
            .map_err(refused)?
            .leaf_node_parameters(leaf)
            .add_psk_proposals(psks)
            .load_psks(provider.storage())
            .map_err(refused)?
            .build(provider.rand(), provider.crypto(), &*actor.signer, |_| true)
            .map_err(refused)?
            .finalize(provider)
            .map_err(refused)?;
        let wanted = named(&request.identity);
        let namesakes = group.members().filter(|member| member.credential == wanted).count();
        if request.remove_prior && namesakes > 1 {
            return Err(lacks("ExternalJoin"));
        }
        let commit = decode::encoded(made.commit())?;
        let member = Member::new(actor, group);
        let epoch_authenticator = member.epoch_authenticator();
        let state_id = self.insert(Slot::Member(Box::new(member)))?;
        Ok(ExternalJoinResponse { state_id, commit, epoch_authenticator })
    }

    /// The signature key of whoever is or was in a group under an identity.
    fn signer_of(&self, group_id: &GroupId, identity: &[u8]) -> Option<Arc<SignatureKeyPair>> {
        let wanted = named(identity);
        self.slots.values().rev().find_map(|slot| match slot {
            Slot::Member(member)
                if member.group.group_id() == group_id
                    && member.actor.credential.credential == wanted =>
            {
                Some(Arc::clone(&member.actor.signer))
            }
            _ => None,
        })
    }

    pub(crate) fn store_psk(
        &mut self,
        request: StorePskRequest,
    ) -> Result<StorePskResponse, Status> {
        let actor = match self.slots.get(&request.state_or_transaction_id) {
            Some(Slot::Member(member)) => &member.actor,
            Some(Slot::Joiner(joiner)) => &joiner.actor,
            _ => return Err(Status::not_found("no such state or transaction")),
        };
        actor.store_psk(request.psk_id, &request.psk_secret)?;
        Ok(StorePskResponse {})
    }
}

fn join(joiner: &Joiner, request: &JoinGroupRequest) -> Result<MlsGroup, Status> {
    let welcome = decode::welcome(&request.welcome)?;
    let ratchet_tree = decode::ratchet_tree(&request.ratchet_tree)?;
    let provider = &joiner.actor.provider;
    restore(provider, &joiner.bundle)?;
    let config = configuration(request.encrypt_handshake);
    let staged = StagedWelcome::new_from_welcome(provider, &config, welcome, ratchet_tree);
    staged.map_err(refused)?.into_group(provider).map_err(refused)
}

/// Puts a key package back that a Welcome before has used up in vain.
fn restore(provider: &OpenMlsRustCrypto, bundle: &KeyPackageBundle) -> Result<(), Status> {
    let reference = bundle.key_package().hash_ref(provider.crypto()).map_err(refused)?;
    provider.storage().write_key_package(&reference, bundle).map_err(refused)
}
