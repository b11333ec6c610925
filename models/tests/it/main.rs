//! The design keeps its promises at small bounds, and every mistake in it is found.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;

use conclave_models::design::{Design, Repair};
use conclave_models::log::Request;
use conclave_models::scenario::Scenario;
use conclave_models::system::{Action, System};
use stateright::{Checker, HasDiscoveries, Model};
use std::collections::BTreeSet;

const ONE_COMMIT: &str = "G2 one commit per head";
const DURABLE: &str = "G3 durable and whole";
const SAME_RECEIPT: &str = "G4 same key, same receipt";
const NOTHING_LEAVES: &str = "G5 nothing leaves early";
const CLOSED: &str = "G9 no entry of a closed segment";
const ENDS: &str = "G10 reading and writing end at removal";
const GO_ON: &str = "honest members can go on";
const GETS_THROUGH: &str = "an anchor gets through whatever Mallory does";

fn holds(scenario: Scenario) {
    let system = System { design: Design::default(), scenario };
    let checker = system.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    checker.assert_properties();
}

/// The steps to a state that breaks the promise.
fn breaks(design: Design, scenario: Scenario, promise: &'static str) -> Vec<Action> {
    let system = System { design, scenario };
    let wanted = HasDiscoveries::AnyOf(BTreeSet::from([promise]));
    let checker = system.checker().finish_when(wanted).spawn_bfs().join();
    let path = checker.discovery(promise);
    path.unwrap_or_else(|| panic!("`{promise}` is not broken")).into_actions()
}

/// What Mallory asked for.
fn posts(actions: Vec<Action>) -> Vec<Request> {
    let post = |action| if let Action::Post(request) = action { Some(request) } else { None };
    actions.into_iter().filter_map(post).collect()
}

#[test]
fn racing_and_retrying_members_keep_every_promise() {
    holds(Scenario::races(2, 1));
}

#[test]
fn invitations_keep_every_promise() {
    holds(Scenario::invitations(2, 1));
}

#[test]
fn an_insider_breaks_no_promise() {
    holds(Scenario::insider(2, 2));
}

#[test]
fn an_insider_breaks_no_promise_while_the_service_crashes() {
    holds(Scenario::insider_and_crashes(2, 1));
}

/// Mallory asks for one thing before anybody else does anything.
fn only_mallory() -> Scenario {
    Scenario { bob: 0, ..Scenario::insider(0, 1) }
}

/// The wedge: one commit that nobody accepts, with a key that nobody else has.
#[test]
fn without_anchors_one_request_locks_everybody_out() {
    let design = Design { repair: Repair::Off, ..Design::default() };
    let steps = breaks(design, only_mallory(), GO_ON);
    assert!(steps.iter().all(|step| matches!(step, Action::Post(_) | Action::Read(_))));
    assert_eq!(posts(steps).len(), 1);
}

#[test]
fn a_grace_for_the_closed_segments_key_does_not_prevent_the_wedge() {
    let design = Design { repair: Repair::Off, grace: true, ..Design::default() };
    let steps = breaks(design, only_mallory(), GO_ON);
    // It takes no more than a false claim that the commit removes somebody.
    assert!(posts(steps).iter().all(Request::claims_removal));
}

#[test]
fn handing_a_key_back_at_any_head_lets_the_removed_in() {
    let repair = Repair::HandBack { at_head: false };
    breaks(Design { repair, drop_keys: false, ..Design::default() }, Scenario::insider(2, 1), ENDS);
}

#[test]
fn handing_a_key_back_at_the_head_only_can_be_outrun() {
    let repair = Repair::HandBack { at_head: true };
    breaks(
        Design { repair, drop_keys: false, ..Design::default() },
        Scenario::insider(2, 1),
        GETS_THROUGH,
    );
}

#[test]
fn a_repair_beyond_what_its_sender_read_undoes_a_removal() {
    let design = Design { bounded_repair: false, ..Design::default() };
    breaks(design, Scenario::insider(2, 1), ENDS);
}

#[test]
fn a_repair_that_cannot_restate_keys_leaves_members_behind() {
    let design = Design { restate_keys: false, ..Design::default() };
    breaks(design, Scenario::insider(1, 1), GO_ON);
}

#[test]
fn a_key_stolen_for_a_commit_that_nobody_accepts_hides_the_true_one() {
    let design = Design { drop_keys: false, ..Design::default() };
    breaks(design, Scenario::insider(1, 2), GO_ON);
}

#[test]
fn forgetting_idempotency_gives_two_answers() {
    let design = Design { idempotency: false, ..Design::default() };
    breaks(design, Scenario::races(1, 0), SAME_RECEIPT);
}

#[test]
fn comparing_and_swapping_in_two_steps_lets_two_commits_win() {
    let design = Design { atomic_swap: false, ..Design::default() };
    breaks(design, Scenario::races(1, 0), ONE_COMMIT);
}

#[test]
fn acknowledging_before_the_sync_loses_what_was_acknowledged() {
    let design = Design { durable_answers: false, ..Design::default() };
    breaks(design, Scenario::races(1, 1), DURABLE);
}

#[test]
fn a_bundle_in_two_transactions_is_torn() {
    let design = Design { whole_bundles: false, ..Design::default() };
    breaks(design, Scenario::invitations(1, 1), DURABLE);
    breaks(design, Scenario::invitations(1, 1), NOTHING_LEAVES);
}

#[test]
fn lax_segments_let_messages_of_a_closed_epoch_in() {
    let design = Design { strict_segments: false, ..Design::default() };
    breaks(design, Scenario::races(1, 0), CLOSED);
}

#[test]
fn reading_that_never_ends_lets_the_removed_read_on() {
    let design = Design { reading_ends: false, ..Design::default() };
    breaks(design, Scenario::insider(2, 0), ENDS);
}

#[test]
fn an_inbox_that_forgets_what_was_read_loses_welcomes() {
    let design = Design { inbox_waits: false, ..Design::default() };
    breaks(design, Scenario::invitations(1, 1), NOTHING_LEAVES);
}

/// Limits of the design, not mistakes in it: anchors are trusted with the log.
#[test]
fn whoever_holds_an_anchor_key_can_take_the_log_away() {
    let steps = breaks(Design::default(), Scenario::malicious_anchor(1, 1), GO_ON);
    assert_eq!(posts(steps).len(), 1);
    // Removing an anchor's holder without taking its anchor key away first is not enough.
    breaks(Design::default(), Scenario::malicious_anchor(1, 1), ENDS);
}
