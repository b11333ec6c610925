//! What members, joiners and eavesdroppers follow alike: roster, book, tree, transcript.

use std::sync::Arc;

use codec::{Encode, Opaque, Writer};
use crypto::{CryptoError, Digest, HpkePublicKey, Secret, Suite};
use tree::LeafIndex;

use super::messages::{Change, Content, Delivery, Handshake, KeyPackage, Snapshot};
use super::profile::{EpochContext, EpochKeys};
use super::{Book, BookRule, KeyTree, Nodes, Profile, Setup, broken};
use crate::Failure;

/// What is signed, apart from itself.
pub(crate) const HANDSHAKE_LABEL: &str = "lab handshake";
/// What a newcomer signs.
pub(crate) const KEY_PACKAGE_LABEL: &str = "lab key package";
/// What whoever adds somebody signs.
pub(crate) const WELCOME_LABEL: &str = "lab welcome";

/// A group in one epoch, with the secrets of the tree that its holder knows.
#[derive(Clone)]
pub(crate) struct View<T> {
    pub(crate) setup: Setup,
    pub(crate) epoch: u64,
    pub(crate) transcript: Digest,
    pub(crate) roster: Arc<Vec<Option<Arc<KeyPackage>>>>,
    pub(crate) book: Book,
    pub(crate) tree: T,
}

/// A group one step further.
pub(crate) struct Next<T> {
    pub(crate) view: View<T>,
    pub(crate) keys: EpochKeys,
}

impl<T: KeyTree> View<T> {
    pub(crate) fn snapshot(&self) -> Snapshot {
        let keys = self.tree.nodes().public_keys();
        let package = |slot: &Option<Arc<KeyPackage>>| slot.as_deref().cloned();
        Snapshot {
            group_id: self.setup.group_id.clone(),
            epoch: self.epoch,
            transcript: self.transcript,
            roster: self.roster.iter().map(package).collect(),
            book: self.book.entries(),
            public_keys: keys.map(|(_, key)| key.clone()).collect(),
        }
    }

    pub(crate) fn from_snapshot(
        suite: &Suite,
        profile: Profile,
        snapshot: Snapshot,
    ) -> Result<Self, Failure> {
        let Snapshot { group_id, epoch, transcript, roster, book, public_keys } = snapshot;
        let setup = Setup { suite: suite.clone(), profile, group_id };
        let nodes = Nodes::with_public_keys(public_keys)?;
        if usize::try_from(nodes.shape().leaves()).ok() != Some(roster.len()) {
            return Err(broken("the tree has another size than the roster"));
        }
        let tree = T::new(&setup, nodes)?;
        let roster = Arc::new(roster.into_iter().map(|slot| slot.map(Arc::new)).collect());
        Ok(Self { setup, epoch, transcript, roster, book: Book::new(book), tree })
    }

    pub(crate) fn package(&self, slot: u32) -> Option<&Arc<KeyPackage>> {
        self.roster.get(usize::try_from(slot).ok()?)?.as_ref()
    }

    pub(crate) fn members(&self) -> Vec<u32> {
        (0..).zip(self.roster.iter()).filter(|(_, slot)| slot.is_some()).map(|it| it.0).collect()
    }

    pub(crate) fn leaf(&self, slot: u32) -> Result<LeafIndex, Failure> {
        let leaf = self.tree.nodes().shape().leaf(slot);
        leaf.ok_or_else(|| broken("no such slot"))
    }

    /// The leaves that a removal must set beside that of the removed.
    pub(crate) fn leaves_to_set_anew(&self, removed: u32) -> Vec<u32> {
        match self.setup.profile {
            Profile::Draft01 | Profile::Modern(BookRule::Ignored) => Vec::new(),
            Profile::Modern(BookRule::Respected) => {
                let leaves = self.book.leaves_of(removed).into_iter();
                leaves.filter(|&leaf| leaf != removed).collect()
            }
        }
    }

    /// Changes roster, book and shape as `content` says, and answers the leaves that its path sets.
    /// The path itself is still to be taken.
    pub(crate) fn enter(&mut self, content: &Content) -> Result<Vec<LeafIndex>, Failure> {
        let sender = content.sender;
        let expected = match content.change {
            Change::Remove(slot) => self.leaves_to_set_anew(slot),
            Change::Add(_) | Change::Update => Vec::new(),
        };
        if !content.deliveries.iter().map(|delivery| delivery.leaf).eq(expected) {
            return Err(broken("other leaves are set than have to be"));
        }
        let leaf = match &content.change {
            Change::Add(package) => {
                Arc::make_mut(&mut self.roster).push(Some(Arc::new(package.clone())));
                self.tree.nodes_mut().grow()?
            }
            Change::Remove(slot) => {
                if self.package(*slot).is_none() || *slot == sender {
                    return Err(Failure::Misuse("this slot cannot be removed"));
                }
                let leaf = self.leaf(*slot)?;
                let index = usize::try_from(*slot).map_err(|_| broken("no such slot"))?;
                Arc::make_mut(&mut self.roster)[index] = None;
                leaf
            }
            Change::Update => self.leaf(sender)?,
        };
        let mut leaves = vec![leaf];
        for delivery in &content.deliveries {
            leaves.push(self.leaf(delivery.leaf)?);
        }
        if let Profile::Modern(_) = self.setup.profile {
            leaves.iter().for_each(|leaf| self.book.set(leaf.as_u32(), sender));
        }
        Ok(leaves)
    }

    /// Ends the step that [`Self::enter`] began, once the path is taken: the transcript and the
    /// number of the epoch.
    pub(crate) fn advance(&mut self, message: &Handshake) -> Result<(), CryptoError> {
        let mut writer = Writer::new();
        self.transcript.encode(&mut writer);
        message.content.encode(&mut writer);
        message.signature.encode(&mut writer);
        self.transcript = self.setup.suite.hash(writer.as_slice())?;
        self.epoch += 1;
        Ok(())
    }

    /// The secrets of the epoch, the tree of which is in place.
    pub(crate) fn keys(&self, init_secret: &Secret) -> Result<EpochKeys, Failure> {
        let root = self.tree.nodes().root_secret();
        let root = root.ok_or_else(|| broken("the root's secret is not known"))?;
        self.setup.next_epoch(self.context()?, init_secret, root)
    }

    /// [`Self::keys`] for a joiner.
    pub(crate) fn joined_keys(&self, joiner_secret: Secret) -> Result<EpochKeys, Failure> {
        let root = self.tree.nodes().root_secret();
        let root = root.ok_or_else(|| broken("the root's secret is not known"))?;
        self.setup.joined_epoch(self.context()?, joiner_secret, root)
    }

    fn context(&self) -> Result<EpochContext<'_>, Failure> {
        let nodes = self.tree.nodes();
        let root_key: &HpkePublicKey = nodes.public_key(nodes.shape().root())?;
        Ok(EpochContext { epoch: self.epoch, transcript: &self.transcript, root_key })
    }
}

/// Refuses a key package that its owner did not sign.
pub(crate) fn verify_package(suite: &Suite, package: &KeyPackage) -> Result<(), Failure> {
    let (key, signed) = (&package.signature_key, package.signed_part());
    suite
        .verify_with_label(key, KEY_PACKAGE_LABEL, &signed, &package.signature)
        .map(drop)
        .map_err(|_| broken("a key package is not signed"))
}

/// The delivery of a leaf whose owner needs not be told, or is told otherwise.
pub(crate) fn no_delivery(leaf: u32) -> Delivery {
    Delivery { leaf, encapsulated: Opaque::default() }
}
