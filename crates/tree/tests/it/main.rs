//! The crate's public functions, on official test vectors.

#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

mod forge;
mod histories;
mod hostile_tree;
mod identity;
mod many;
mod official;
mod pages;
mod public_forge;
mod public_life;
mod public_messages;
mod public_state;
mod reference;
mod review_pages;
mod rules_external;
mod rules_key_package;
mod rules_leaf;
mod rules_list;
mod rules_members;
mod rules_path;
mod rules_proposal;
mod rules_tree;
mod small_trees;
mod structure;
mod tree_math;
