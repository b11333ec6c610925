//! The service as its users see it: one conformance suite, run against every store.
//!
//! `conformance!` runs each listed test on the memory model, on SQLite and on PostgreSQL. What
//! concerns files, sockets or processes has modules of its own: `backup`, `connections`, `crash`,
//! `http`, `operator`, `postgres`, `privacy`, `stream`, `tls`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod backup;
mod concurrency;
mod connections;
mod crash;
mod directory;
mod http;
mod inbox;
mod key_packages;
mod log;
mod openapi;
mod operator;
mod pace;
mod postgres;
mod privacy;
mod repair;
mod retention;
mod retry;
mod stream;
mod sync;
mod tls;
mod world;

macro_rules! conformance {
    ($($module:ident: $($test:ident),+;)+) => {
        mod on_memory {
            $($(#[test] fn $test() { crate::$module::$test(&crate::world::World::in_memory()); })+)+
        }
        mod on_sqlite {
            $($(#[test] fn $test() { crate::$module::$test(&crate::world::World::on_sqlite()); })+)+
        }
        mod on_postgres {
            $($(#[test] fn $test() {
                if let Some(world) = crate::world::World::on_postgres() {
                    crate::$module::$test(&world);
                }
            })+)+
        }
    };
}

conformance! {
    log:
        entries_have_gapless_positions_and_a_chain_that_verifies,
        a_bundle_creates_the_log_only_at_head_zero,
        creating_again_changes_nothing_and_taking_over_is_refused,
        one_commit_wins_per_head_and_the_loser_learns_the_head,
        a_loser_gets_what_it_missed_inline,
        a_refused_bundle_leaves_nothing_behind,
        an_accepted_bundle_is_there_as_a_whole,
        nothing_of_a_closed_segment_is_appended,
        a_page_keeps_to_its_limits,
        a_truncated_log_says_gone_and_never_skips,
        retention_by_count_keeps_the_newest,
        reading_beyond_the_end_is_refused;
    access:
        reading_ends_exactly_at_removal,
        a_removed_member_learns_nothing_later_from_refusals,
        reading_runs_on_through_commits_that_remove_nobody,
        a_member_reads_from_its_own_segment_on,
        a_stranger_may_do_nothing,
        an_access_key_is_never_used_twice,
        the_join_key_opens_group_info_and_committing_only,
        the_join_key_ends_with_its_segment,
        a_request_counts_only_as_signed,
        a_request_counts_only_near_its_time;
    pace:
        each_key_keeps_its_pace,
        blobs_are_counted_by_size_too,
        one_inbox_is_not_flooded_by_many_senders,
        claims_beyond_the_pace_get_the_last_resort;
    repair:
        an_anchor_gets_the_log_back_from_an_insider,
        a_true_removal_with_a_bogus_key_leaves_nobody_behind,
        a_repair_leaves_alone_what_its_sender_has_not_read,
        a_locked_log_takes_nothing_but_the_anchors_commit,
        only_anchors_repair_and_one_at_a_time,
        the_anchors_are_named_by_who_has_read_every_commit,
        anchors_are_named_without_a_lock_by_who_has_read_every_commit,
        a_repair_must_make_sense,
        anchors_belong_to_the_creation_of_a_log,
        the_lock_holder_may_fetch_the_group_info;
    retry:
        a_retry_gets_the_same_receipt_after_the_head_moved,
        a_used_idempotency_key_is_refused_for_anything_else,
        a_receipt_is_remembered_seven_days_and_then_forgotten,
        a_refused_submission_does_not_use_up_its_key;
    retention:
        entries_leave_after_their_days_and_not_before,
        many_logs_expire_in_one_housekeeping,
        what_was_written_before_retention_waits_for_the_first_noted_day,
        a_blob_leaves_after_its_days_unless_it_is_put_again;
    sync:
        only_logs_with_news_are_answered,
        a_cursor_gets_no_more_than_its_key_may_read,
        a_full_answer_tells_where_to_read_on,
        a_sync_is_bounded_and_of_its_time;
    inbox:
        an_item_stays_until_it_is_acknowledged,
        only_the_owner_reads_and_acknowledges,
        item_numbers_are_never_used_again,
        putting_again_puts_once,
        a_full_inbox_refuses_and_recovers,
        an_inbox_holds_so_many_bytes,
        only_the_invited_register,
        a_bundle_has_a_limited_number_of_welcomes;
    key_packages:
        each_is_handed_out_once_then_the_last_resort_flagged,
        a_retried_upload_restocks_nothing,
        an_overtaken_last_resort_does_not_come_back,
        replacing_withdraws_what_is_not_uploaded,
        suites_and_devices_are_apart,
        only_the_owner_uploads_and_sees_the_stock,
        expired_ones_are_not_handed_out,
        stock_is_limited;
    directory:
        a_name_belongs_to_its_first_owner,
        a_blob_is_stored_under_its_hash_only,
        the_service_tells_its_key_and_health;
    concurrency:
        one_of_many_racing_commits_wins,
        racing_claims_never_share_a_key_package,
        racing_retries_make_one_entry,
        every_reader_sees_a_prefix;
}

/// The service must not be able to read messages: it links no layer that names an epoch secret.
#[test]
fn the_service_links_no_layer_with_epoch_secrets() {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none"])
        .args(["--package", "conclave-delivery-service"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).expect("cargo writes text");
    let ours: std::collections::BTreeSet<_> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| name.starts_with("conclave-"))
        .collect();
    let allowed = [
        "conclave-codec",
        "conclave-database",
        "conclave-delivery-api",
        "conclave-delivery-service",
    ];
    assert_eq!(ours, allowed.into());
}
