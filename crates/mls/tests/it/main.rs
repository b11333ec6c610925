//! Tests of the public API, all on the default backend unless they say otherwise.

#![allow(clippy::unwrap_used, reason = "tests")]

mod crash_dropped;
mod crash_life;
mod crash_outbox;
mod crash_store;
mod crash_world;
mod erasure_debug;
mod erasure_forget;
mod erasure_history;
mod erasure_table;
mod erasure_trace;
mod features_capabilities;
mod features_delivery;
mod features_exact;
mod features_external_join;
mod features_identity;
mod features_joining;
mod features_proposals;
mod features_psk;
mod features_senders;
mod features_successor;
mod features_suites;
mod features_world;
mod hostile_bytes;
mod hostile_content;
mod hostile_limits;
mod hostile_view;
mod known_bugs_commits;
mod known_bugs_joins;
mod known_bugs_messages;
mod life;
mod official;
mod review_rules;
mod review_state;
mod rows_corrupt;
mod rows_history;
mod rows_sizes;
mod rows_twins;
mod rules_commits;
mod rules_external;
mod rules_messages;
mod rules_misuse;
mod rules_refusal;
mod rules_successor;
mod rules_welcome;
