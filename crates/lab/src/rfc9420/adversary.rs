//! An attacker on a group of RFC 9420: follows the public state, opens every path secret that it
//! has a key for, whoever's it was, and runs the key schedule from there.

use std::collections::{BTreeMap, BTreeSet};

use codec::{Decode, Encode, Reader};
use crypto::{HpkePublicKey, Secret, Suite};
use mls::{MlsMessage, MlsMessageBody};
use tree::rules::LifetimeRules;
use tree::{Checks, LeafIndex, NodeIndex, PskPurpose, PublicGroup, PublicReceived};
use treekem::{
    CommitSecret, EpochSecrets, JoinerSecret, PathContext, PskSecret, ReceivedPath,
    StoredPrivatePath,
};
use wire::{Commit, Content, Sender};

use super::rows::EpochRow;
use super::{AcceptAll, NOW};
use crate::{Adversary, Failure, Loot, Tools};

pub(super) struct RfcAdversary {
    suite: Suite,
    /// What everybody can follow.
    public: PublicGroup,
    /// Private keys by public key, of any member and any time.
    keys: BTreeMap<Vec<u8>, Secret>,
    epoch: Option<EpochSecrets>,
}

/// What the attacker checks of messages: no more than it must.
fn checks() -> Checks<'static> {
    Checks {
        identity: &AcceptAll,
        lifetimes: LifetimeRules::default(),
        now: NOW,
        sending: false,
        psk_purpose: PskPurpose::Ordinary,
    }
}

impl RfcAdversary {
    pub(super) fn new(tools: &Tools, mut loot: Vec<Loot>) -> Result<Self, Failure> {
        loot.sort_by_key(|loot| loot.epoch);
        let latest = loot.last().ok_or(Failure::Misuse("an attacker without loot"))?;
        let MlsMessageBody::GroupInfo(info) = MlsMessage::from_bytes(&latest.public)?.0 else {
            return Err(Failure::Misuse("loot without a group"));
        };
        let public = PublicGroup::new(tools.crypto(), &info, None, &checks());
        let public = public.map_err(|error| Failure::Message(error.to_string()))?;
        let held = latest.secrets.iter().find(|held| held.what == "epoch secrets");
        let epoch = held.map(|held| EpochSecrets::decode(&mut Reader::new(held.secret.expose())));
        let suite = tools.suite().clone();
        let mut adversary =
            Self { suite, public, keys: BTreeMap::new(), epoch: epoch.transpose()? };
        let held = loot.into_iter().flat_map(|loot| loot.secrets);
        for held in held.filter(|held| held.node.is_some()) {
            let kem = adversary.suite.params().kem;
            let public_key = adversary.suite.provider().dh_public_key(kem, &held.secret)?;
            adversary.keys.insert(public_key.as_slice().to_vec(), held.secret);
        }
        Ok(adversary)
    }

    /// Follows a message if it is a commit of a member that the public rules allow.
    fn follow(&mut self, message: &[u8]) -> Option<()> {
        let message = MlsMessage::from_bytes(message).ok()?;
        let received = self.public.process(&message, &checks()).ok()?;
        let PublicReceived::Commit(staged) = received else { return None };
        let MlsMessageBody::PublicMessage(message) = message.0 else { return None };
        let Content::Commit(commit) = &message.content.content else { return None };
        let added = staged.change().added.iter().map(|(leaf, _)| *leaf).collect();
        let sender = staged.change().committer;
        // Section 12.4.1: the path is encrypted under the provisional GroupContext, which has the
        // new tree and the old transcript.
        let mut provisional = staged.next().context().clone();
        provisional.confirmed_transcript_hash = self.public.context().confirmed_transcript_hash;
        let (next, context) = (staged.next().clone(), staged.next().context().to_bytes());
        let path = PathContext {
            tree: next.tree(),
            added: &added,
            group_context: &provisional.to_bytes(),
        };
        let commit_secret = self.commit_secret(path, commit, sender);
        let epoch = self.epoch.take().zip(commit_secret).and_then(|(epoch, commit_secret)| {
            matches!(message.content.sender, Sender::Member(_)).then_some(())?;
            let (suite, init) = (&self.suite, epoch.init_secret());
            let joiner = JoinerSecret::derive(suite, init, &commit_secret, &context).ok()?;
            let member = joiner.member_secret(suite, &PskSecret::none(suite)).ok()?;
            member.into_epoch_secrets(suite, &context).ok()
        });
        self.epoch = epoch;
        self.public.advance(*staged).ok().map(drop)
    }

    fn commit_secret(
        &mut self,
        context: PathContext<'_>,
        commit: &Commit,
        sender: LeafIndex,
    ) -> Option<CommitSecret> {
        let Some(path) = &commit.path else {
            return Some(CommitSecret::without_path(&self.suite));
        };
        let received = ReceivedPath::new(context, sender, &path.nodes).ok()?;
        let mut commit_secret = None;
        for (_, copath) in context.tree.filtered_direct_path(sender) {
            for node in context.tree.resolution(copath) {
                commit_secret = commit_secret.or_else(|| self.open(&received, context, node));
            }
        }
        commit_secret
    }

    /// Opens what is encrypted to a node, as whoever is below it would.
    fn open(
        &mut self,
        received: &ReceivedPath<'_>,
        context: PathContext<'_>,
        node: NodeIndex,
    ) -> Option<CommitSecret> {
        let public_key: HpkePublicKey = context.tree.public_key(node)?;
        let key = self.keys.get(public_key.as_slice())?;
        let mut leaves = node.leaf_range();
        let leaf = leaves.find(|leaf| is_old_member(context, *leaf))?;
        let keys = BTreeMap::from([(node.as_u32(), key)]);
        let stored = EpochRow::private_path(leaf, &keys);
        let stored = StoredPrivatePath::decode(&mut Reader::new(&stored)).ok()?;
        let private = stored.with_tree(context.tree);
        let (private, commit_secret) = received.open(&self.suite, &private).ok()?;
        let pairs = private.nodes().filter_map(|node| private.key_pair(node));
        self.keys.extend(
            pairs.map(|pair| (pair.public_key.as_slice().to_vec(), pair.private_key.duplicate())),
        );
        Some(commit_secret)
    }
}

fn is_old_member(context: PathContext<'_>, leaf: u32) -> bool {
    let added: &BTreeSet<LeafIndex> = context.added;
    context.tree.member_index(leaf).is_some_and(|leaf| !added.contains(&leaf))
}

impl Adversary for RfcAdversary {
    fn read(&mut self, message: &[u8]) {
        if self.follow(message).is_none() {
            self.epoch = None;
        }
    }

    fn epoch_secret(&self) -> Option<Secret> {
        self.epoch.as_ref()?.export(&self.suite, "lab", &[], 32).ok()
    }
}
