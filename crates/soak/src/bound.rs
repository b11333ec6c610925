//! How much memory and storage the live members may take: a function of the ratchet tree's size on
//! the wire, whatever has happened before.

use mls::Encode;

use crate::Failure;
use crate::world::{LIVE, Soak};

/// What a group may take in memory, as a multiple of its tree's wire size.
const HEAP_PER_TREE_BYTE: usize = 2;

/// What a group may take beside its tree: secrets of past epochs, skipped keys, proposals, hashes
/// of sent messages. Their number is limited; here there are few of each.
const HEAP_BESIDE_TREE_BYTES: usize = 1 << 16;

/// What the rows of a group may take beside one and a half times its tree's wire size.
const ROWS_BESIDE_TREE_BYTES: usize = 1 << 15;

/// How things stand.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// The epoch.
    pub epoch: u64,
    /// How many members there are.
    pub members: u32,
    /// The ratchet tree's size on the wire.
    pub tree_bytes: usize,
    /// The heap that is in use, less what the stores in memory and undelivered mail take.
    pub heap_bytes: usize,
    /// What it may be.
    pub heap_bytes_max: usize,
    /// The rows of the member with the most.
    pub rows: usize,
    /// Their bytes.
    pub rows_bytes: usize,
    /// What they may be.
    pub rows_bytes_max: usize,
}

impl Soak {
    /// Compares trees, and what is used of memory and storage with their bounds. `heap` is what the
    /// allocator has given out just now.
    ///
    /// # Errors
    /// If live members have different trees, or a bound is exceeded.
    pub fn check(&self, heap: usize) -> Result<Standing, Failure> {
        let group = self.seen()?;
        let tree = group.ratchet_tree();
        let inside = self.members.iter().filter_map(|member| member.group.as_ref());
        if inside.into_iter().any(|other| other.ratchet_tree() != tree) {
            return Err("members have different trees".into());
        }
        let tree_bytes = tree.to_bytes().len();
        let mut standing = Standing {
            epoch: group.epoch(),
            members: group.member_count(),
            tree_bytes,
            heap_bytes: heap,
            heap_bytes_max: heap_bytes_max(tree_bytes),
            rows: 0,
            rows_bytes: 0,
            rows_bytes_max: tree_bytes + tree_bytes / 2 + ROWS_BESIDE_TREE_BYTES,
        };
        for member in &self.members {
            let held = member.store.held(group.group_id())?;
            let letters = member.mail.iter().map(|letter| letter.message.len() + letter.data.len());
            let beside = held.heap + letters.sum::<usize>();
            standing.heap_bytes = standing.heap_bytes.saturating_sub(beside);
            standing.rows = standing.rows.max(held.rows);
            standing.rows_bytes = standing.rows_bytes.max(held.bytes);
        }
        standing.verify()?;
        Ok(standing)
    }

    /// How many bytes the live members have written to their stores.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.members.iter().map(|member| member.store.written).sum()
    }
}

/// What all live groups together may take in memory.
fn heap_bytes_max(tree_bytes: usize) -> usize {
    let groups = usize::try_from(LIVE).unwrap_or(usize::MAX);
    groups * (HEAP_PER_TREE_BYTE * tree_bytes + HEAP_BESIDE_TREE_BYTES)
}

impl Standing {
    fn verify(&self) -> Result<(), Failure> {
        let Self { heap_bytes, heap_bytes_max, rows_bytes, rows_bytes_max, .. } = self;
        if heap_bytes > heap_bytes_max {
            return Err(format!("heap of {heap_bytes} bytes, above {heap_bytes_max}").into());
        }
        if rows_bytes > rows_bytes_max {
            return Err(format!("rows of {rows_bytes} bytes, above {rows_bytes_max}").into());
        }
        Ok(())
    }
}

impl std::fmt::Display for Standing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "epoch {}, {} members, tree {} kB, heap {} of {} kB, {} rows of {} of {} kB",
            self.epoch,
            self.members,
            self.tree_bytes / 1000,
            self.heap_bytes / 1000,
            self.heap_bytes_max / 1000,
            self.rows,
            self.rows_bytes / 1000,
            self.rows_bytes_max / 1000,
        )
    }
}
