//! A soak: a large group under thousands of random operations.
//!
//! Three members are alive: real clients with stores, of which one is a file. All others are leaves
//! of the tree, whose private keys nobody has. Live members and outsiders propose, commit, join,
//! leave, come back, speak and restart, in an order that a seed determines; every message travels
//! as bytes. After each epoch the live ones compare epoch authenticators, and now and then the heap
//! and the rows are compared with bounds that depend on the tree's size alone.
//!
//! ```
//! let folder = tempfile::tempdir()?;
//! let mut soak = soak::Soak::new(12, 7, folder.path())?;
//! (0..20).try_for_each(|_| soak.step())?;
//! assert!(soak.tally().of("epochs") > 0);
//! # Ok::<(), soak::Failure>(())
//! ```

mod bound;
mod change;
mod commit;
mod join;
mod member;
mod store;
mod talk;
mod tally;
mod world;

pub use bound::Standing;
pub use tally::Tally;
pub use world::Soak;

/// What went wrong.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
