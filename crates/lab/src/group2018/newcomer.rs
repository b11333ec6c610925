//! Somebody who creates a group of 2018 or joins one.

use std::sync::Arc;

use codec::{Decode, Encode, Opaque};
use crypto::{HpkePublicKey, Random, Secret, SignatureKeyPair, Signer, Suite};

use super::member::{GroupMember, OwnKeys};
use super::messages::{EntrySecrets, KeyPackage, Welcome};
use super::profile::{auth_decap, open_under_leaf};
use super::view::{KEY_PACKAGE_LABEL, Next, View, WELCOME_LABEL, verify_package};
use super::{Book, KeyTree, NodeKey, Nodes, Profile, Setup, broken};
use crate::treekem2018::open_bytes;
use crate::{Failure, LeftBalanced, Member, Newcomer};

/// A newcomer for groups of one profile.
pub(crate) struct GroupNewcomer<T> {
    suite: Suite,
    profile: Profile,
    keys: Arc<OwnKeys>,
    package: KeyPackage,
    tree: std::marker::PhantomData<fn() -> T>,
}

impl OwnKeys {
    /// The keys of a person, and the key package over them.
    pub(crate) fn generate(
        suite: &Suite,
        profile: Profile,
        identity: u32,
        random: &mut dyn Random,
    ) -> Result<(Self, KeyPackage), Failure> {
        let signer = SignatureKeyPair::generate(suite, random)?;
        let init_key = suite.generate_key_pair(random)?;
        let static_key = match profile {
            Profile::Draft01 => None,
            Profile::Modern(_) => Some(suite.generate_key_pair(random)?),
        };
        let none = || HpkePublicKey::from(Vec::new());
        let mut package = KeyPackage {
            identity,
            init_key: init_key.public_key.clone(),
            static_key: static_key.as_ref().map_or_else(none, |key| key.public_key.clone()),
            signature_key: signer.public_key().clone(),
            signature: Opaque::default(),
        };
        let signed = package.signed_part();
        package.signature = suite.sign_with_label(&signer, KEY_PACKAGE_LABEL, &signed)?.into();
        Ok((Self { signer, init_key, static_key }, package))
    }
}

impl<T: KeyTree> GroupNewcomer<T> {
    pub(crate) fn generate(
        suite: &Suite,
        profile: Profile,
        identity: u32,
        random: &mut dyn Random,
    ) -> Result<Self, Failure> {
        let (keys, package) = OwnKeys::generate(suite, profile, identity, random)?;
        let (suite, tree) = (suite.clone(), std::marker::PhantomData);
        Ok(Self { suite, profile, keys: Arc::new(keys), package, tree })
    }
}

/// A group in epoch 0 with an empty tree.
pub(crate) fn founded<T: KeyTree>(
    setup: Setup,
    roster: Vec<Arc<KeyPackage>>,
) -> Result<View<T>, Failure> {
    let leaves = u32::try_from(roster.len()).ok().and_then(LeftBalanced::with_leaves);
    let shape = leaves.ok_or(Failure::Misuse("no tree has so many leaves"))?;
    let tree = T::new(&setup, Nodes::empty(shape))?;
    let transcript = setup.suite.hash(&setup.group_id)?;
    let roster = Arc::new(roster.into_iter().map(Some).collect());
    Ok(View { setup, epoch: 0, transcript, roster, book: Book::default(), tree })
}

impl<T: KeyTree> Newcomer for GroupNewcomer<T> {
    fn key_package(&self) -> Vec<u8> {
        self.package.to_bytes()
    }

    fn create(
        self: Box<Self>,
        others: &[Vec<u8>],
        random: &mut dyn Random,
    ) -> Result<(Box<dyn Member>, Vec<u8>), Failure> {
        let mut roster = vec![Arc::new(self.package)];
        for other in others {
            let package = KeyPackage::from_bytes(other)?;
            verify_package(&self.suite, &package)?;
            roster.push(Arc::new(package));
        }
        let mut group_id = [0; 16];
        random.fill(&mut group_id)?;
        let (suite, profile) = (self.suite, self.profile);
        let setup = Setup { suite, profile, group_id: (&group_id).into() };
        let mut view: View<T> = founded(setup, roster.clone())?;
        let others: Vec<(u32, &KeyPackage)> =
            (1..).zip(roster[1..].iter().map(|package| &**package)).collect();
        let chosen = self.keys.choose_for(&view, &others, random)?;
        let own_secret = Secret::random(view.tree.secret_length(), random)?;
        let (secrets, deliveries): (Vec<_>, Vec<_>) = chosen.into_iter().unzip();
        view.tree.fill(std::iter::once(own_secret).chain(secrets).collect())?;
        if let Profile::Modern(_) = profile {
            others.iter().for_each(|&(leaf, _)| view.book.set(leaf, 0));
        }
        let keys = view.keys(&Secret::zeros(view.setup.suite.hash_length()))?;
        let next = Next { view, keys };
        let welcome = match deliveries.is_empty() {
            true => Vec::new(),
            false => self.keys.welcome(&next, 0, deliveries, random)?,
        };
        let own = next.view.leaf(0)?;
        let Next { view, keys } = next;
        let member = GroupMember {
            view,
            own,
            keys: self.keys,
            keeps_init_key: false,
            epoch_secret: keys.epoch_secret,
            init_secret: keys.init_secret,
            prepared: Vec::new(),
            is_removed: false,
        };
        Ok((Box::new(member), welcome))
    }

    fn join(self: Box<Self>, welcome: &[u8]) -> Result<Box<dyn Member>, Failure> {
        let welcome = Welcome::from_bytes(welcome)?;
        let unsigned = Welcome { signature: Opaque::default(), ..welcome.clone() };
        let Welcome { snapshot, sender, entries, confirmation_tag, signature } = welcome;
        let slot = snapshot.roster.iter().position(|it| it.as_ref() == Some(&self.package));
        let slot = slot.and_then(|slot| u32::try_from(slot).ok());
        let slot = slot.ok_or_else(|| broken("the Welcome is for others"))?;
        let mut view: View<T> = View::from_snapshot(&self.suite, self.profile, snapshot)?;
        let package = view.package(sender).ok_or_else(|| broken("the adder is not a member"))?;
        let (key, signed) = (&package.signature_key, unsigned.to_bytes());
        self.suite
            .verify_with_label(key, WELCOME_LABEL, &signed, &signature)
            .map_err(|_| broken("the adder did not sign the Welcome"))?;
        let entry = entries.into_iter().find(|entry| entry.delivery.leaf == slot);
        let entry = entry.ok_or_else(|| broken("the Welcome has no secrets for its reader"))?;
        let own = view.leaf(slot)?;
        let plaintext = match self.profile {
            Profile::Draft01 => open_bytes(&self.suite, &self.keys.init_key, &entry.sealed)?,
            Profile::Modern(_) => {
                let sealed = &entry.delivery.encapsulated;
                let (mine, theirs) = (&self.keys.init_key, &package.static_key);
                let leaf_secret = auth_decap(&self.suite, sealed, mine, theirs)?;
                let opened = open_under_leaf(&self.suite, &leaf_secret, &entry.sealed)?;
                let key = view.tree.node_key(own.node(), leaf_secret)?;
                view.tree.nodes_mut().learn(own.node(), Arc::new(key))?;
                opened
            }
        };
        let secrets = EntrySecrets::from_bytes(plaintext.expose())?;
        for told in secrets.nodes {
            let node = view.tree.nodes().shape().node(told.node);
            let node = node.ok_or_else(|| broken("no such node"))?;
            let key: NodeKey = view.tree.node_key(node, told.secret)?;
            view.tree.nodes_mut().learn(node, Arc::new(key))?;
        }
        view.tree.climb(own)?;
        let keys = view.joined_keys(secrets.joiner_secret)?;
        if keys.confirmation_tag != confirmation_tag {
            return Err(broken("the confirmation tag is wrong"));
        }
        Ok(Box::new(GroupMember {
            view,
            own,
            keys: self.keys,
            keeps_init_key: self.profile != Profile::Draft01,
            epoch_secret: keys.epoch_secret,
            init_secret: keys.init_secret,
            prepared: Vec::new(),
            is_removed: false,
        }))
    }
}
