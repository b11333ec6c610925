//! Random structures: every variant that the syntax allows occurs, none needs to make sense.

use std::sync::Arc;

use codec::Opaque;
use crypto::{CipherSuite, Digest, HpkeCiphertext, HpkePublicKey, Random, Secret, Suite};
use wire::{
    Capabilities, Commit, Content, ContentType, Credential, CredentialType, EncryptedGroupSecrets,
    Extension, ExtensionType, Extensions, FramedContent, FramedContentAuthData, GREASE_VALUES,
    GroupContext, GroupInfo, GroupSecrets, KeyPackage, KeyPackageRef, LeafNode, LeafNodeSource,
    Lifetime, MlsMessage, MlsMessageBody, Node, ParentNode, PreSharedKeyId, PrivateMessage,
    Proposal, ProposalOrRef, ProposalRef, ProposalType, ProtocolVersion, PskKind, PublicMessage,
    RatchetTreeNodes, ReInit, ResumptionPskUsage, Sender, UpdatePath, UpdatePathNode, Welcome,
};

use super::Entry;
use crate::kind::{random_bytes, random_u32};
use crate::{Failure, Hex};

/// Where random structures come from; lengths of keys and hashes are the suite's.
pub(super) struct Sample<'a> {
    pub(super) suite: &'a Suite,
    pub(super) random: &'a mut dyn Random,
}

type Sampled<T> = Result<T, Failure>;

impl Sample<'_> {
    pub(super) fn entry(&mut self) -> Sampled<Entry> {
        let message = |body| Hex::encoding(&MlsMessage(body));
        Ok(Entry {
            mls_welcome: message(MlsMessageBody::Welcome(self.welcome()?)),
            mls_group_info: message(MlsMessageBody::GroupInfo(Box::new(self.group_info()?))),
            mls_key_package: message(MlsMessageBody::KeyPackage(Box::new(self.key_package()?))),
            ratchet_tree: Hex::encoding(&self.ratchet_tree()?),
            group_secrets: Hex::encoding(&self.group_secrets()?),
            add_proposal: Hex::encoding(&self.key_package()?),
            update_proposal: Hex::encoding(&self.leaf_node()?),
            remove_proposal: Hex::encoding(&random_u32(self.random)?),
            pre_shared_key_proposal: Hex::encoding(&self.psk_id()?),
            re_init_proposal: Hex::encoding(&self.reinit()?),
            external_init_proposal: Hex::encoding(&self.opaque(32)?),
            group_context_extensions_proposal: Hex::encoding(&self.extensions()?),
            commit: Hex::encoding(&self.commit()?),
            public_message_application: message(self.public_message(ContentType::Application)?),
            public_message_proposal: message(self.public_message(ContentType::Proposal)?),
            public_message_commit: message(self.public_message(ContentType::Commit)?),
            private_message: message(MlsMessageBody::PrivateMessage(self.private_message()?)),
        })
    }

    /// A number from 0 to `end`, without `end`.
    fn below(&mut self, end: u32) -> Sampled<u32> {
        Ok(random_u32(self.random)? % end)
    }

    fn number(&mut self) -> Sampled<u64> {
        Ok(u64::from(random_u32(self.random)?) << 32 | u64::from(random_u32(self.random)?))
    }

    fn several<T>(&mut self, mut sample: impl FnMut(&mut Self) -> Sampled<T>) -> Sampled<Vec<T>> {
        (0..self.below(4)?).map(|_| sample(self)).collect()
    }

    fn maybe<T>(&mut self, sample: impl FnOnce(&mut Self) -> Sampled<T>) -> Sampled<Option<T>> {
        if self.below(2)? == 0 { Ok(None) } else { sample(self).map(Some) }
    }

    fn opaque(&mut self, length: usize) -> Sampled<Opaque> {
        Ok(random_bytes(length, self.random)?.into())
    }

    /// Sometimes empty, sometimes long enough for a header of two bytes.
    fn data(&mut self) -> Sampled<Opaque> {
        let length = [0, 5, 63, 64, 100][usize::try_from(self.below(5)?)?];
        self.opaque(length)
    }

    fn digest(&mut self) -> Sampled<Digest> {
        let seed = random_bytes(32, self.random)?;
        Ok(self.suite.hash(&seed)?)
    }

    fn hpke_public_key(&mut self) -> Sampled<HpkePublicKey> {
        Ok(self.suite.generate_key_pair(self.random)?.public_key)
    }

    fn grease(&mut self) -> Sampled<u16> {
        Ok(GREASE_VALUES[usize::try_from(self.below(15)?)?])
    }

    fn extension(&mut self) -> Sampled<Extension> {
        let extension_type = match self.below(3)? {
            0 => ExtensionType(self.grease()?),
            1 => ExtensionType::APPLICATION_ID,
            _ => ExtensionType::EXTERNAL_PUB,
        };
        Ok(Extension { extension_type, extension_data: self.data()? })
    }

    fn extensions(&mut self) -> Sampled<Extensions> {
        Ok(Extensions(self.several(Self::extension)?))
    }

    fn credential(&mut self) -> Sampled<Credential> {
        Ok(match self.below(3)? {
            0 => Credential::Basic(self.data()?),
            1 => Credential::X509(self.several(Self::data)?),
            _ => Credential::Other(CredentialType(self.grease()?), self.data()?),
        })
    }

    fn capabilities(&mut self) -> Sampled<Capabilities> {
        Ok(Capabilities {
            versions: vec![ProtocolVersion::MLS10],
            cipher_suites: self.several(|sample| Ok(CipherSuite(sample.grease()?)))?,
            extensions: self.several(|sample| Ok(ExtensionType(sample.grease()?)))?,
            proposals: self.several(|sample| Ok(ProposalType(sample.grease()?)))?,
            credentials: vec![CredentialType::BASIC, CredentialType::X509],
        })
    }

    fn leaf_node(&mut self) -> Sampled<LeafNode> {
        let leaf_node_source = match self.below(3)? {
            0 => LeafNodeSource::KeyPackage(Lifetime {
                not_before: self.number()?,
                not_after: self.number()?,
            }),
            1 => LeafNodeSource::Update,
            _ => LeafNodeSource::Commit { parent_hash: self.digest()? },
        };
        Ok(LeafNode {
            encryption_key: self.hpke_public_key()?,
            signature_key: random_bytes(32, self.random)?.into(),
            credential: self.credential()?,
            capabilities: self.capabilities()?,
            leaf_node_source,
            extensions: self.extensions()?,
            signature: self.opaque(64)?,
        })
    }

    fn key_package(&mut self) -> Sampled<KeyPackage> {
        Ok(KeyPackage {
            version: ProtocolVersion::MLS10,
            cipher_suite: self.suite.id(),
            init_key: self.hpke_public_key()?,
            leaf_node: self.leaf_node()?,
            extensions: self.extensions()?,
            signature: self.opaque(64)?,
        })
    }

    /// Two leaves or three, so that the last node is never blank.
    fn ratchet_tree(&mut self) -> Sampled<RatchetTreeNodes> {
        let parent = |sample: &mut Self| {
            Ok(Node::Parent(Arc::new(ParentNode {
                encryption_key: sample.hpke_public_key()?,
                parent_hash: sample.digest()?,
                unmerged_leaves: sample.several(|sample| sample.below(100))?,
            })))
        };
        let leaf = |sample: &mut Self| Ok(Node::Leaf(Arc::new(sample.leaf_node()?)));
        let mut nodes = vec![Some(leaf(self)?), self.maybe(parent)?, self.maybe(leaf)?];
        nodes.extend([self.maybe(parent)?, Some(leaf(self)?)]);
        Ok(RatchetTreeNodes(nodes))
    }

    fn psk_id(&mut self) -> Sampled<PreSharedKeyId> {
        let usage = match self.below(4)? {
            0 => None,
            1 => Some(ResumptionPskUsage::Application),
            2 => Some(ResumptionPskUsage::ReInit),
            _ => Some(ResumptionPskUsage::Branch),
        };
        let kind = match usage {
            None => PskKind::External { psk_id: self.data()? },
            Some(usage) => {
                PskKind::Resumption { usage, psk_group_id: self.data()?, psk_epoch: self.number()? }
            }
        };
        Ok(PreSharedKeyId { kind, psk_nonce: self.opaque(self.suite.hash_length())? })
    }

    fn reinit(&mut self) -> Sampled<ReInit> {
        Ok(ReInit {
            group_id: self.data()?,
            version: ProtocolVersion::MLS10,
            cipher_suite: self.suite.id(),
            extensions: self.extensions()?,
        })
    }

    fn proposal(&mut self) -> Sampled<Proposal> {
        Ok(match self.below(8)? {
            0 => Proposal::Add(Box::new(self.key_package()?)),
            1 => Proposal::Update(Box::new(self.leaf_node()?)),
            2 => Proposal::Remove(random_u32(self.random)?),
            3 => Proposal::PreSharedKey(self.psk_id()?),
            4 => Proposal::ReInit(self.reinit()?),
            5 => Proposal::ExternalInit(self.data()?),
            // A body of an unregistered type is not self-delimiting: peers may refuse it.
            _ => Proposal::GroupContextExtensions(self.extensions()?),
        })
    }

    fn hpke_ciphertext(&mut self) -> Sampled<HpkeCiphertext> {
        Ok(HpkeCiphertext { kem_output: self.opaque(32)?, ciphertext: self.opaque(48)? })
    }

    fn update_path(&mut self) -> Sampled<UpdatePath> {
        let node = |sample: &mut Self| {
            Ok(UpdatePathNode {
                encryption_key: sample.hpke_public_key()?,
                encrypted_path_secret: sample.several(Self::hpke_ciphertext)?,
            })
        };
        Ok(UpdatePath { leaf_node: self.leaf_node()?, nodes: self.several(node)? })
    }

    fn commit(&mut self) -> Sampled<Commit> {
        let proposals = self.several(|sample| {
            Ok(match sample.below(2)? {
                0 => ProposalOrRef::Proposal(Arc::new(sample.proposal()?)),
                _ => ProposalOrRef::Reference(ProposalRef(sample.digest()?)),
            })
        })?;
        Ok(Commit { proposals, path: self.maybe(Self::update_path)? })
    }

    fn group_secrets(&mut self) -> Sampled<GroupSecrets> {
        let secret =
            |sample: &mut Self| Ok(Secret::random(sample.suite.hash_length(), sample.random)?);
        Ok(GroupSecrets {
            joiner_secret: secret(self)?,
            path_secret: self.maybe(secret)?,
            psks: self.several(Self::psk_id)?,
        })
    }

    fn welcome(&mut self) -> Sampled<Welcome> {
        let secrets = self.several(|sample| {
            Ok(EncryptedGroupSecrets {
                new_member: KeyPackageRef(sample.digest()?),
                encrypted_group_secrets: sample.hpke_ciphertext()?,
            })
        })?;
        let encrypted_group_info = self.data()?;
        Ok(Welcome { cipher_suite: self.suite.id(), secrets, encrypted_group_info })
    }

    fn group_info(&mut self) -> Sampled<GroupInfo> {
        Ok(GroupInfo {
            group_context: GroupContext {
                version: ProtocolVersion::MLS10,
                cipher_suite: self.suite.id(),
                group_id: self.data()?,
                epoch: self.number()?,
                tree_hash: self.digest()?,
                confirmed_transcript_hash: self.digest()?,
                extensions: self.extensions()?,
            },
            extensions: self.extensions()?,
            confirmation_tag: self.opaque(self.suite.hash_length())?,
            signer: random_u32(self.random)?,
            signature: self.opaque(64)?,
        })
    }

    fn public_message(&mut self, content_type: ContentType) -> Sampled<MlsMessageBody> {
        let hash_length = self.suite.hash_length();
        let content = match content_type {
            ContentType::Application => Content::Application(self.data()?),
            ContentType::Proposal => Content::Proposal(self.proposal()?),
            ContentType::Commit => Content::Commit(Arc::new(self.commit()?)),
        };
        let sender = match (content_type, self.below(3)?) {
            (ContentType::Proposal, 0) => Sender::External(random_u32(self.random)?),
            (ContentType::Proposal, 1) => Sender::NewMemberProposal,
            (ContentType::Commit, 0) => Sender::NewMemberCommit,
            _ => Sender::Member(random_u32(self.random)?),
        };
        let confirmation_tag = match content_type {
            ContentType::Commit => Some(self.opaque(hash_length)?),
            ContentType::Application | ContentType::Proposal => None,
        };
        let membership_tag = match sender {
            Sender::Member(_) => Some(self.opaque(hash_length)?),
            Sender::External(_) | Sender::NewMemberProposal | Sender::NewMemberCommit => None,
        };
        let content = FramedContent {
            group_id: self.data()?,
            epoch: self.number()?,
            sender,
            authenticated_data: self.data()?,
            content,
        };
        let auth = FramedContentAuthData { signature: self.opaque(64)?, confirmation_tag };
        let message = PublicMessage { content, auth, membership_tag };
        Ok(MlsMessageBody::PublicMessage(Box::new(message)))
    }

    fn private_message(&mut self) -> Sampled<PrivateMessage> {
        Ok(PrivateMessage {
            group_id: self.data()?,
            epoch: self.number()?,
            content_type: match self.below(3)? {
                0 => ContentType::Application,
                1 => ContentType::Proposal,
                _ => ContentType::Commit,
            },
            authenticated_data: self.data()?,
            encrypted_sender_data: self.opaque(28)?,
            ciphertext: self.data()?,
        })
    }
}
