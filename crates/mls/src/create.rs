//! Creating a group (RFC 9420, section 11): one member, epoch 0.

use crypto::{CipherSuite, Digest, HpkeKeyPair, Random, Suite};
use tree::rules::verify_ratchet_tree;
use treekem::{EpochSecrets, PrivatePath};
use wire::{Extensions, GROUP_ID_BYTES_MAX, GroupContext, LeafNode, ProtocolVersion};

use crate::epoch::{Confirmation, Epoch, EpochState};
use crate::{
    Client, Delta, Effect, Error, Group, KeyPackageOptions, Misuse, RowKey, RowKind, Storage,
};

/// What a new group starts with.
#[derive(Clone, Debug)]
pub struct GroupParams {
    /// The cipher suite, for the group's whole life.
    pub cipher_suite: CipherSuite,
    /// The group's id; `None` for a random one of the length of a hash, which is best.
    pub group_id: Option<Vec<u8>>,
    /// The extensions of the GroupContext.
    pub extensions: Extensions,
}

impl GroupParams {
    /// A group with a random id and no extensions.
    #[must_use]
    pub fn new(cipher_suite: CipherSuite) -> Self {
        Self { cipher_suite, group_id: None, extensions: Extensions::default() }
    }
}

/// "Verify that the group_id is unique among the groups that the client is currently participating
/// in" (section 12.4.3.1): the rows of a new group would replace those of the other.
pub(crate) fn check_new_group(storage: &dyn Storage, group_id: &[u8]) -> Result<(), Error> {
    match storage.read(&RowKey::new(group_id, RowKind::Group, []))? {
        Some(_) => Err(Misuse::GroupExists.into()),
        None => Ok(()),
    }
}

impl Client {
    /// Creates a group with this client as its only member.
    pub fn create_group(
        &self,
        storage: &dyn Storage,
        params: GroupParams,
        now: u64,
        random: &mut dyn Random,
    ) -> Result<Effect<Group>, Error> {
        let suite = self.suite(params.cipher_suite)?;
        let epoch = self.first_epoch(&suite, params, now, random)?;
        check_new_group(storage, &epoch.context.group_id)?;
        Ok(self.first_group(suite, epoch, Delta::default()))
    }

    /// "Initialize a one-member group" (section 11).
    pub(crate) fn first_epoch(
        &self,
        suite: &Suite,
        params: GroupParams,
        now: u64,
        random: &mut dyn Random,
    ) -> Result<Epoch, Error> {
        if !self.supports_extensions(&params.extensions) {
            return Err(Misuse::NotInOwnCapabilities.into());
        }
        let group_id = match params.group_id {
            Some(group_id) if group_id.len() > GROUP_ID_BYTES_MAX => {
                return Err(Misuse::GroupIdTooLong.into());
            }
            Some(group_id) => group_id,
            None => {
                let mut group_id = vec![0; suite.hash_length()];
                random.fill(&mut group_id)?;
                group_id
            }
        };
        let (leaf, leaf_key_pair) = self.creator_leaf(suite, now, random)?;
        let mut tree = tree::RatchetTree::new(leaf);
        let context = GroupContext {
            version: ProtocolVersion::MLS10,
            cipher_suite: suite.id(),
            group_id: group_id.into(),
            epoch: 0,
            tree_hash: tree.tree_hash(suite)?,
            confirmed_transcript_hash: Digest::EMPTY,
            extensions: params.extensions,
        };
        // The creator is the first whom the identity policy sees, and its group must obey every
        // rule.
        let rules = (self.settings().lifetimes, now);
        let identity = &*self.config.identity;
        verify_ratchet_tree(suite, &context, tree.to_nodes(), rules, identity)?;
        let place = tree.size().leaf(0).ok_or(Misuse::NoSuchMember)?;
        let private = PrivatePath::new(&tree, place, leaf_key_pair)?;
        let secrets = EpochSecrets::for_new_group(suite, random)?;
        let limits = self.settings().ratchet_limits;
        let state = EpochState { context, tree, private };
        Epoch::with_secrets(suite, limits, secrets, state, Confirmation::Compute)
    }

    /// A leaf like that of a key package.
    fn creator_leaf(
        &self,
        suite: &Suite,
        now: u64,
        random: &mut dyn Random,
    ) -> Result<(LeafNode, HpkeKeyPair), Error> {
        let options = KeyPackageOptions::default();
        let bundle = self.key_package_bundle(suite.id(), options, now, random)?;
        Ok((bundle.key_package.leaf_node, bundle.leaf_key_pair))
    }
}
