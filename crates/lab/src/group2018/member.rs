//! A member of a group of 2018.

use std::sync::Arc;

use codec::{Decode, Encode, Opaque};
use crypto::{HpkeKeyPair, Random, Secret, SignatureKeyPair};
use tree::LeafIndex;

use super::messages::{
    Change, Content, Delivery, Entry, EntrySecrets, Handshake, KeyPackage, NodeSecret, Welcome,
};
use super::profile::{auth_decap, auth_encap, seal_under_leaf};
use super::view::{HANDSHAKE_LABEL, Next, View, WELCOME_LABEL, no_delivery, verify_package};
use super::{KeyTree, Profile, broken};
use crate::treekem2018::seal_bytes;
use crate::{Failure, Held, Loot, Member, Sent};

/// The keys of a person.
pub(crate) struct OwnKeys {
    pub(crate) signer: SignatureKeyPair,
    pub(crate) init_key: HpkeKeyPair,
    pub(crate) static_key: Option<HpkeKeyPair>,
}

/// A member.
pub(crate) struct GroupMember<T> {
    pub(crate) view: View<T>,
    pub(crate) own: LeafIndex,
    pub(crate) keys: Arc<OwnKeys>,
    /// Whether the init key is still needed: somebody else may have to set the own leaf again.
    pub(crate) keeps_init_key: bool,
    pub(crate) epoch_secret: Secret,
    pub(crate) init_secret: Secret,
    pub(crate) prepared: Vec<(Vec<u8>, Next<T>)>,
    pub(crate) is_removed: bool,
}

/// How a leaf's new secret comes about.
struct Chosen {
    secret: Secret,
    delivery: Delivery,
}

impl OwnKeys {
    /// Agrees with the owner of a leaf on its secret.
    fn choose<T: KeyTree>(
        &self,
        view: &View<T>,
        leaf: u32,
        package: Option<&KeyPackage>,
        random: &mut dyn Random,
    ) -> Result<Chosen, Failure> {
        if let (Profile::Modern(_), Some(package)) = (view.setup.profile, package) {
            let sender = self.static_key.as_ref().ok_or(Failure::Unsupported)?;
            let (secret, encapsulated) =
                auth_encap(&view.setup.suite, &package.init_key, sender, random)?;
            return Ok(Chosen { secret, delivery: Delivery { leaf, encapsulated } });
        }
        let secret = Secret::random(view.tree.secret_length(), random)?;
        Ok(Chosen { secret, delivery: no_delivery(leaf) })
    }

    /// The secrets of leaves for owners of key packages, who are about to be told.
    pub(crate) fn choose_for<T: KeyTree>(
        &self,
        view: &View<T>,
        packages: &[(u32, &KeyPackage)],
        random: &mut dyn Random,
    ) -> Result<Vec<(Secret, Delivery)>, Failure> {
        let mut chosen = Vec::with_capacity(packages.len());
        for &(leaf, package) in packages {
            let Chosen { secret, delivery } = self.choose(view, leaf, Some(package), random)?;
            chosen.push((secret, delivery));
        }
        Ok(chosen)
    }

    /// The Welcome to an epoch for the owners of these leaves, which are in its tree.
    pub(crate) fn welcome<T: KeyTree>(
        &self,
        next: &Next<T>,
        sender: u32,
        deliveries: Vec<Delivery>,
        random: &mut dyn Random,
    ) -> Result<Vec<u8>, Failure> {
        let Next { view, keys } = next;
        let suite = &view.setup.suite;
        let mut entries = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            let leaf = view.leaf(delivery.leaf)?;
            let mut secrets = view.tree.secrets_for(leaf);
            let joiner_secret = keys.joiner_secret.duplicate();
            let sealed = match view.setup.profile {
                Profile::Draft01 => {
                    let nodes = secrets
                        .into_iter()
                        .map(|(node, secret)| NodeSecret { node: node.as_u32(), secret });
                    let nodes = nodes.collect();
                    let plaintext = Secret::encoding(&EntrySecrets { joiner_secret, nodes });
                    let package = view.package(delivery.leaf).ok_or(Failure::Unsupported)?;
                    seal_bytes(suite, &package.init_key, plaintext.expose(), random)?
                }
                Profile::Modern(_) => {
                    let nodes = Vec::new();
                    let plaintext = Secret::encoding(&EntrySecrets { joiner_secret, nodes });
                    let (_, leaf_secret) = secrets.swap_remove(0);
                    seal_under_leaf(suite, &leaf_secret, &plaintext)?
                }
            };
            entries.push(Entry { delivery, sealed });
        }
        let confirmation_tag = keys.confirmation_tag.clone();
        let signature = Opaque::default();
        let snapshot = view.snapshot();
        let mut welcome = Welcome { snapshot, sender, entries, confirmation_tag, signature };
        let signed = welcome.to_bytes();
        welcome.signature = suite.sign_with_label(&self.signer, WELCOME_LABEL, &signed)?.into();
        Ok(welcome.to_bytes())
    }
}

impl<T: KeyTree> GroupMember<T> {
    /// Makes a message, and keeps where it leads.
    fn send(
        &mut self,
        change: Change,
        set_anew: &[u32],
        random: &mut dyn Random,
    ) -> Result<Sent, Failure> {
        if self.is_removed {
            return Err(Failure::Removed);
        }
        let own = self.own.as_u32();
        let mut chosen = Vec::new();
        let first = match &change {
            Change::Add(package) => {
                let leaf = self.view.tree.nodes().shape().leaves();
                self.keys.choose(&self.view, leaf, Some(package), random)?
            }
            Change::Remove(slot) => self.keys.choose(&self.view, *slot, None, random)?,
            Change::Update => self.keys.choose(&self.view, own, None, random)?,
        };
        for &leaf in set_anew {
            // Nobody has to be told of a vacant leaf, nor of the own one.
            let package = self.view.package(leaf).filter(|_| leaf != own);
            chosen.push(self.keys.choose(&self.view, leaf, package.map(|it| &**it), random)?);
        }
        let deliveries = chosen.iter().map(|chosen| chosen.delivery.clone()).collect();
        let (epoch, path) = (self.view.epoch, Opaque::default());
        let mut content = Content { epoch, sender: own, change, deliveries, path };
        let mut view = self.view.clone();
        let leaves = view.enter(&content)?;
        let newcomer =
            Some(first.delivery.clone()).filter(|_| matches!(content.change, Change::Add(_)));
        let secrets = std::iter::once(first).chain(chosen).map(|chosen| chosen.secret);
        let path = view.tree.replace(leaves.into_iter().zip(secrets).collect(), random)?;
        let path_bytes = path.len();
        content.path = path.into();
        let suite = &view.setup.suite.clone();
        let signature =
            suite.sign_with_label(&self.keys.signer, HANDSHAKE_LABEL, &content.to_bytes())?;
        let (signature, confirmation_tag) = (signature.into(), Opaque::default());
        let mut message = Handshake { content, signature, confirmation_tag };
        view.advance(&message)?;
        let keys = view.keys(&self.init_secret)?;
        message.confirmation_tag = keys.confirmation_tag.clone();
        let next = Next { view, keys };
        let welcome = match newcomer {
            Some(delivery) => self.keys.welcome(&next, own, vec![delivery], random)?,
            None => Vec::new(),
        };
        let message = message.to_bytes();
        self.prepared.push((message.clone(), next));
        Ok(Sent { message, path_bytes, welcome })
    }

    /// Where somebody else's message leads.
    fn follow(&self, bytes: &[u8]) -> Result<(Next<T>, Content), Failure> {
        let message = Handshake::from_bytes(bytes)?;
        let content = &message.content;
        let package = self.view.package(content.sender);
        let package = package.ok_or_else(|| broken("the sender is not a member"))?;
        if content.epoch != self.view.epoch || content.sender == self.own.as_u32() {
            return Err(broken("not a message of this epoch by somebody else"));
        }
        let suite = &self.view.setup.suite;
        let (key, signed) = (&package.signature_key, content.to_bytes());
        suite
            .verify_with_label(key, HANDSHAKE_LABEL, &signed, &message.signature)
            .map_err(|_| broken("the sender did not sign the message"))?;
        if let Change::Add(package) = &content.change {
            verify_package(suite, package)?;
        }
        let mut view = self.view.clone();
        let leaves = view.enter(content)?;
        if view.package(self.own.as_u32()).is_none() {
            return Err(Failure::Removed);
        }
        let mine = content.deliveries.iter().find(|it| it.leaf == self.own.as_u32());
        let secret = mine.map(|delivery| {
            let encapsulated = &delivery.encapsulated;
            auth_decap(suite, encapsulated, &self.keys.init_key, &package.static_key)
        });
        view.tree.receive((self.own, secret.transpose()?), &leaves, &content.path)?;
        view.advance(&message)?;
        let keys = view.keys(&self.init_secret)?;
        let tag = |tag: &Opaque| Secret::from_slice(tag);
        if tag(&keys.confirmation_tag) != tag(&message.confirmation_tag) {
            return Err(broken("the confirmation tag is wrong"));
        }
        Ok((Next { view, keys }, message.content))
    }

    /// Where a message leads, be it one's own or not.
    fn next(&mut self, bytes: &[u8]) -> Result<(Next<T>, Content), Failure> {
        if self.is_removed {
            return Err(Failure::Removed);
        }
        if let Some(index) = self.prepared.iter().position(|(message, _)| message == bytes) {
            let content = Handshake::from_bytes(bytes)?.content;
            return Ok((self.prepared.swap_remove(index).1, content));
        }
        let followed = self.follow(bytes);
        self.is_removed = matches!(followed, Err(Failure::Removed));
        followed
    }

    fn enter(&mut self, next: Next<T>) {
        self.view = next.view;
        self.epoch_secret = next.keys.epoch_secret;
        self.init_secret = next.keys.init_secret;
        self.prepared.clear();
    }

    /// Once the own leaf was set by its owner, nobody will set it again for it.
    fn note_own(&mut self, content: &Content) {
        let own = self.own.as_u32();
        let sets = matches!(content.change, Change::Update)
            || content.deliveries.iter().any(|delivery| delivery.leaf == own);
        if content.sender == own && sets {
            self.keeps_init_key = false;
        }
    }
}

impl<T: KeyTree> Member for GroupMember<T> {
    fn slot(&self) -> u32 {
        self.own.as_u32()
    }

    fn members(&self) -> Vec<u32> {
        self.view.members()
    }

    fn epoch(&self) -> u64 {
        self.view.epoch
    }

    fn add(&mut self, key_package: &[u8], random: &mut dyn Random) -> Result<Sent, Failure> {
        let package = KeyPackage::from_bytes(key_package)?;
        verify_package(&self.view.setup.suite, &package)?;
        self.send(Change::Add(package), &[], random)
    }

    fn remove(&mut self, slot: u32, random: &mut dyn Random) -> Result<Sent, Failure> {
        let set_anew = self.view.leaves_to_set_anew(slot);
        self.send(Change::Remove(slot), &set_anew, random)
    }

    fn update(&mut self, random: &mut dyn Random) -> Result<Sent, Failure> {
        self.send(Change::Update, &[], random)
    }

    fn process(&mut self, message: &[u8]) -> Result<(), Failure> {
        let (next, content) = self.next(message)?;
        self.enter(next);
        self.note_own(&content);
        Ok(())
    }

    fn merge(&mut self, messages: &[Vec<u8>]) -> Result<(), Failure> {
        if let [message] = messages {
            return self.process(message);
        }
        if !T::IS_MERGEABLE || messages.is_empty() {
            return Err(Failure::NotMergeable);
        }
        let mut steps = Vec::with_capacity(messages.len());
        for bytes in messages {
            let known = self.prepared.iter().find(|(message, _)| message == bytes);
            let tree = match known {
                Some((_, next)) => next.view.tree.clone(),
                None => self.follow(bytes)?.0.view.tree,
            };
            steps.push((Handshake::from_bytes(bytes)?, tree));
        }
        let (view, init_secret) = (self.view.clone(), Some(self.init_secret.duplicate()));
        let (view, keys) = super::merge::merge(view, init_secret, &steps)?;
        let keys = keys.ok_or_else(|| broken("a root's secret is not known"))?;
        self.enter(Next { view, keys });
        steps.iter().for_each(|(message, _)| self.note_own(&message.content));
        Ok(())
    }

    fn epoch_secret(&self) -> Secret {
        self.epoch_secret.duplicate()
    }

    fn public_nodes(&self) -> Vec<(u32, Vec<u8>)> {
        let keys = self.view.tree.nodes().public_keys();
        keys.map(|(node, key)| (node.as_u32(), key.as_slice().to_vec())).collect()
    }

    fn compromise(&self) -> Loot {
        let mut secrets = Vec::new();
        let mut hold = |what, node, secret: &Secret| {
            secrets.push(Held { what, node, secret: secret.duplicate() });
        };
        let prepared = self.prepared.iter().map(|(_, next)| &next.view);
        for view in std::iter::once(&self.view).chain(prepared) {
            for (node, key) in view.tree.nodes().known() {
                hold(NODE_SECRET, Some(node.as_u32()), &key.secret);
            }
        }
        hold(EPOCH_SECRET, None, &self.epoch_secret);
        hold(INIT_SECRET, None, &self.init_secret);
        hold("signature private key", None, self.keys.signer.private_key());
        if self.keeps_init_key {
            hold(INIT_KEY, None, &self.keys.init_key.private_key);
        }
        if let Some(key) = &self.keys.static_key {
            hold("static private key", None, &key.private_key);
        }
        let (slot, epoch) = (self.own.as_u32(), self.view.epoch);
        Loot { slot, epoch, secrets, public: self.view.snapshot().to_bytes() }
    }
}

/// Names of secrets in [`Loot`].
pub(crate) const NODE_SECRET: &str = "node secret";
pub(crate) const EPOCH_SECRET: &str = "epoch secret";
pub(crate) const INIT_SECRET: &str = "init secret";
pub(crate) const INIT_KEY: &str = "init private key";
