//! What every group key agreement does, asked through the one interface.

mod oracle;
mod scenarios;
