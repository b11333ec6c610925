//! `tree-validation`: resolutions, tree hashes, parent hashes and leaf signatures of whole trees
//! (RFC 9420, sections 4.1.1, 7.3, 7.8 and 7.9).

use crypto::{Crypto, Random, Suite};
use serde::{Deserialize, Serialize};
use tree::rules::{LifetimeRules, verify_ratchet_tree};
use tree::{Candidate, IdentityPolicy, NodeIndex, RatchetTree, Refusal};
use wire::{Extensions, ExternalSender, GroupContext, ProtocolVersion, RatchetTreeNodes};

use crate::failure::{At, expect_bytes, expect_equal};
use crate::kind::{for_each_suite, suite};
use crate::sample_tree::SampleTree;
use crate::{Failure, Hex, Scale, Vector};

/// A tree and what follows from it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The suite.
    pub cipher_suite: u16,
    /// The tree.
    pub tree: Hex,
    /// The group, which leaf signatures cover.
    pub group_id: Hex,
    /// Each node's resolution.
    pub resolutions: Vec<Vec<u32>>,
    /// Each node's tree hash.
    pub tree_hashes: Vec<Hex>,
}

/// Whoever is in a test vector may be there.
pub(crate) struct AnyIdentity;

impl IdentityPolicy for AnyIdentity {
    fn validate_leaf(&self, _: &Candidate<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn validate_external_sender(&self, _: &ExternalSender, _: u64) -> Result<(), Refusal> {
        Ok(())
    }
}

/// Test vectors are made once and do not expire.
pub(crate) const ANY_LIFETIME: LifetimeRules =
    LifetimeRules { lifetime_max_seconds: u64::MAX, check_received: false, check_tree: false };

/// A tree of these nodes, only their shape checked.
pub(crate) fn tree_of(nodes: RatchetTreeNodes) -> Result<RatchetTree, Failure> {
    Ok(RatchetTree::from_nodes(nodes).map_err(tree::Error::from)?)
}

/// A tree as a joiner verifies it.
fn verify_tree(
    suite: &Suite,
    group_id: &Hex,
    nodes: RatchetTreeNodes,
) -> Result<RatchetTree, Failure> {
    let tree_hash = tree_of(nodes.clone())?.tree_hash(suite)?;
    let context = GroupContext {
        version: ProtocolVersion::MLS10,
        cipher_suite: suite.id(),
        group_id: group_id.opaque(),
        epoch: 0,
        tree_hash,
        confirmed_transcript_hash: crypto::Digest::EMPTY,
        extensions: Extensions::default(),
    };
    let verified = verify_ratchet_tree(suite, &context, nodes, (ANY_LIFETIME, 0), &AnyIdentity)?;
    Ok(verified.into_tree())
}

fn nodes_of(tree: &RatchetTree) -> Vec<NodeIndex> {
    (0..tree.size().nodes()).filter_map(|index| tree.size().node(index)).collect()
}

fn resolutions(tree: &RatchetTree) -> Vec<Vec<u32>> {
    let numbers = |nodes: Vec<NodeIndex>| nodes.into_iter().map(NodeIndex::as_u32).collect();
    nodes_of(tree).into_iter().map(|node| numbers(tree.resolution(node))).collect()
}

fn tree_hashes(suite: &Suite, tree: &mut RatchetTree) -> Result<Vec<Hex>, Failure> {
    let nodes = nodes_of(tree);
    nodes.into_iter().map(|node| Ok(tree.subtree_hash(suite, node)?.into())).collect()
}

impl Vector for Entry {
    fn verify(&self, crypto: &Crypto, _: &mut dyn Random) -> Result<(), Failure> {
        let suite = suite(crypto, self.cipher_suite)?;
        let nodes: RatchetTreeNodes = self.tree.decode().at("tree")?;
        let mut tree = tree_of(nodes.clone()).at("tree")?;
        expect_equal("resolutions", &resolutions(&tree), &self.resolutions)?;
        let hashes = tree_hashes(&suite, &mut tree)?;
        expect_equal("number of tree_hashes", &hashes.len(), &self.tree_hashes.len())?;
        for (node, (computed, expected)) in hashes.iter().zip(&self.tree_hashes).enumerate() {
            expect_bytes(format_args!("tree_hashes[{node}]"), computed, expected)?;
        }
        verify_tree(&suite, &self.group_id, nodes).at("tree")?;
        Ok(())
    }

    fn generate(
        crypto: &Crypto,
        scale: Scale,
        random: &mut dyn Random,
    ) -> Result<Vec<Self>, Failure> {
        for_each_suite(crypto, |suite| {
            let samples = samples(suite, scale, random)?;
            samples.into_iter().map(Self::of).collect()
        })
    }
}

/// The trees that the format's description asks for.
fn samples<'a>(
    suite: &'a Suite,
    scale: Scale,
    random: &mut dyn Random,
) -> Result<Vec<SampleTree<'a>>, Failure> {
    let sizes: &[u32] = match scale {
        Scale::Small => &[2, 3],
        Scale::Full => &[2, 3, 4, 5, 6, 7, 8, 9, 32, 33, 34],
    };
    let grown = |&leaves: &u32| SampleTree::grown(suite, leaves, random);
    let mut samples: Vec<_> = sizes.iter().map(grown).collect::<Result<_, Failure>>()?;
    if scale == Scale::Full {
        samples.push(SampleTree::with_internal_blanks(suite, (&[2, 3], 1), random)?);
        samples.push(SampleTree::with_internal_blanks(suite, (&[1, 2, 3], 0), random)?);
        samples.push(SampleTree::with_unmerged_leaf(suite, random)?);
    }
    samples.push(SampleTree::with_unmerged_leaf_and_skipped_blank(suite, random)?);
    Ok(samples)
}

impl Entry {
    fn of(sample: SampleTree<'_>) -> Result<Self, Failure> {
        let mut tree = sample.tree;
        Ok(Self {
            cipher_suite: sample.suite.id().0,
            tree: Hex::encoding(&tree.to_nodes()),
            group_id: Hex(sample.group_id.into_vec()),
            resolutions: resolutions(&tree),
            tree_hashes: tree_hashes(sample.suite, &mut tree)?,
        })
    }
}
