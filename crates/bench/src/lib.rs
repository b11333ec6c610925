//! What operations cost: Conclave, its peers, and the floor of what the cryptography alone must
//! cost, measured side by side.
//!
//! * [`stack`]: what is asked of an implementation, and the implementations behind it.
//! * [`synthetic`]: large groups that are honest and cheap to make.
//! * [`prices`] and [`floor`]: what the primitives of an operation cost here and now.
//! * [`scenario`]: what is measured, in which order.
//! * [`worker`], [`run`]: one process per implementation and size, and the driver that starts them
//!   in turn.
//! * [`plan`], [`targets`]: what a whole comparison covers, and what is demanded of it.
//! * [`instructions`]: a guard that does not depend on time.
//! * [`table`], [`plot`], [`docs`]: what comes out.

pub mod clock;
pub mod command;
pub mod docs;
pub mod floor;
pub mod instructions;
pub mod machine;
pub mod material;
pub mod plan;
pub mod plot;
pub mod prices;
pub mod primitives;
pub mod record;
pub mod report;
pub mod run;
pub mod scenario;
mod setting;
pub mod stack;
pub mod synthetic;
pub mod table;
pub mod targets;
pub mod worker;

pub use setting::{Phase, Setting, Stack};

/// Why something could not be measured.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
