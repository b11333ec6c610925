//! `tree-operations`: what one Add, Update or Remove does to a tree (RFC 9420, sections 12.1.1 to
//! 12.1.3).

use codec::Encode;
use crypto::{Crypto, Random, Suite};
use serde::{Deserialize, Serialize};
use tree::RatchetTree;
use tree::rules::verify_key_package;
use wire::{LeafNodeSource, Proposal, RatchetTreeNodes};

use crate::failure::{At, expect_bytes};
use crate::kind::{for_each_suite, suite};
use crate::sample_tree::{SampleMember, SampleTree};
use crate::tree_validation::{ANY_LIFETIME, tree_of};
use crate::{Failure, Hex, Scale, Vector};

/// A tree before and after one proposal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The suite.
    pub cipher_suite: u16,
    /// The tree before.
    pub tree_before: Hex,
    /// The proposal.
    pub proposal: Hex,
    /// The leaf of the member who proposes.
    pub proposal_sender: u32,
    /// The tree hash before.
    pub tree_hash_before: Hex,
    /// The tree after.
    pub tree_after: Hex,
    /// The tree hash after.
    pub tree_hash_after: Hex,
}

/// Applies the proposal alone; that it could be committed is not part of this kind.
fn apply(
    suite: &Suite,
    tree: &mut RatchetTree,
    proposal: Proposal,
    sender: u32,
) -> Result<(), Failure> {
    match proposal {
        Proposal::Add(key_package) => {
            verify_key_package(suite, &key_package, (ANY_LIFETIME, None), None).at("proposal")?;
            tree.add_leaf(key_package.leaf_node).at("room for a leaf")?;
        }
        Proposal::Update(leaf_node) => {
            let leaf = tree.size().leaf(sender).at("proposal_sender")?;
            tree.take_leaf(leaf).at("proposal_sender")?;
            tree.set_leaf(leaf, *leaf_node);
        }
        Proposal::Remove(removed) => {
            let leaf = tree.size().leaf(removed).at("removed")?;
            tree.take_leaf(leaf).at("removed")?;
            tree.truncate();
        }
        _ => return Err(Failure::new("proposal: is neither add, update nor remove")),
    }
    Ok(())
}

impl Vector for Entry {
    fn verify(&self, crypto: &Crypto, _: &mut dyn Random) -> Result<(), Failure> {
        let suite = suite(crypto, self.cipher_suite)?;
        let nodes: RatchetTreeNodes = self.tree_before.decode().at("tree_before")?;
        let proposal: Proposal = self.proposal.decode().at("proposal")?;
        let mut tree = tree_of(nodes).at("tree_before")?;
        tree.member(self.proposal_sender).at("proposal_sender")?;
        expect_bytes("tree_hash_before", tree.tree_hash(&suite)?, &self.tree_hash_before)?;
        apply(&suite, &mut tree, proposal, self.proposal_sender)?;
        expect_bytes("tree_after", tree.to_nodes().to_bytes(), &self.tree_after)?;
        expect_bytes("tree_hash_after", tree.tree_hash(&suite)?, &self.tree_hash_after)
    }

    fn generate(
        crypto: &Crypto,
        scale: Scale,
        random: &mut dyn Random,
    ) -> Result<Vec<Self>, Failure> {
        for_each_suite(crypto, |suite| {
            // The tree grows; it shrinks; it keeps its size.
            let mut entries = vec![
                Self::add(SampleTree::grown(suite, 2, random)?, random)?,
                Self::of(SampleTree::grown(suite, 3, random)?, &Proposal::Remove(2), 0)?,
                Self::update(SampleTree::grown(suite, 3, random)?, 1, random)?,
            ];
            if scale == Scale::Full {
                // The new member fills a blank and is unmerged above; a removal leaves one.
                let with_blank = SampleTree::with_internal_blanks(suite, (&[2], 0), random)?;
                entries.push(Self::add(with_blank, random)?);
                let large = SampleTree::grown(suite, 6, random)?;
                entries.push(Self::of(large, &Proposal::Remove(2), 0)?);
            }
            Ok(entries)
        })
    }
}

impl Entry {
    fn of(sample: SampleTree<'_>, proposal: &Proposal, sender: u32) -> Result<Self, Failure> {
        let SampleTree { suite, tree: mut before, .. } = sample;
        let mut after = before.clone();
        apply(suite, &mut after, proposal.clone(), sender)?;
        Ok(Self {
            cipher_suite: suite.id().0,
            tree_before: Hex::encoding(&before.to_nodes()),
            proposal: Hex::encoding(proposal),
            proposal_sender: sender,
            tree_hash_before: before.tree_hash(suite)?.into(),
            tree_after: Hex::encoding(&after.to_nodes()),
            tree_hash_after: after.tree_hash(suite)?.into(),
        })
    }

    fn add(sample: SampleTree<'_>, random: &mut dyn Random) -> Result<Self, Failure> {
        let member = SampleMember::generate(sample.suite, random)?;
        let (key_package, _) = member.key_package(sample.suite, random)?;
        Self::of(sample, &Proposal::Add(Box::new(key_package)), 0)
    }

    fn update(
        mut sample: SampleTree<'_>,
        sender: u32,
        random: &mut dyn Random,
    ) -> Result<Self, Failure> {
        let (suite, leaf): (&Suite, _) = (sample.suite, sample.leaf(sender)?);
        let member = sample.members.get_mut(&leaf).at("sender")?;
        member.encryption = suite.generate_key_pair(random)?;
        let placement = (sample.group_id.as_slice(), sender);
        let leaf_node = member.leaf_node(suite, LeafNodeSource::Update, placement)?;
        Self::of(sample, &Proposal::Update(Box::new(leaf_node)), sender)
    }
}
