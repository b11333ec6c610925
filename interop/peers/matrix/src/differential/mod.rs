//! Differential testing: Conclave and its peers are shown the same wrong messages in the same
//! situation, and must agree about them.
//!
//! * Forgeries: valid messages of an insider that break exactly one rule, of which Conclave must
//!   name the very rule. A stack that overlooks it arrives in the epoch of the forger.
//! * Mutants: honest messages with bytes changed, each followed by the original.
//!
//! What a stack answers otherwise than Conclave is a finding; one that is not in the triage list
//! is a failure.

mod commits;
mod forgery;
mod frames;
mod joining;
mod mutants;
mod newcomers;
mod stage;
mod texts;
mod triage;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

use mls::HandshakeFormat;
use testkit::SeededRandom;

use crate::document;
use crate::stacks::Stack;
use forgery::{Evidence, Forgery, Studio};
use stage::{Jury, Stage, Verdict};
use triage::TRIAGE;

const FORMS: [HandshakeFormat; 2] = [HandshakeFormat::Public, HandshakeFormat::Private];

/// `conclave-interop differential`.
#[derive(clap::Args)]
pub(crate) struct Differential {
    /// In this suite
    #[arg(long, default_value_t = 1)]
    suite: u16,
    /// Decides what is left to chance
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many mutants of each kind, in each form
    #[arg(long, value_name = "N", default_value_t = 200)]
    count: usize,
    /// Prints every answer
    #[arg(long)]
    verbose: bool,
    /// Writes the results into this document, between its marks
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// An answer that is not what it should be.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    situation: String,
    stack: Stack,
    does: &'static str,
    because: String,
}

/// Everything that came of it.
#[derive(Default)]
struct Results {
    forgeries: usize,
    mutants: usize,
    rules: BTreeSet<&'static str>,
    findings: Vec<Finding>,
    verbose: bool,
}

impl Differential {
    /// Shows everything to everyone; whether every disagreement is understood.
    pub(crate) fn run(&self) -> Result<bool, String> {
        let jury = Jury::new(self.suite)?;
        let mut results = Results { verbose: self.verbose, ..Results::default() };
        for form in FORMS {
            for list in [commits::LISTS, commits::UPDATES, commits::PATHS, newcomers::ADDS] {
                forgeries(&jury, form, list, &mut results)?;
            }
            forgeries(&jury, form, frames::FRAMES, &mut results)?;
            newcomers(&jury, form, &mut results)?;
        }
        forgeries(&jury, HandshakeFormat::Private, texts::TEXTS, &mut results)?;
        forgeries(&jury, HandshakeFormat::Public, frames::EXTERNAL, &mut results)?;
        lies(&jury, &mut results)?;
        for form in FORMS {
            self.mutants(&jury, form, &mut results)?;
        }
        let (known, unknown): (Vec<_>, Vec<_>) =
            results.findings.iter().partition(|finding| triage::explain(finding).is_some());
        for finding in &unknown {
            let Finding { situation, stack, does, because } = finding;
            println!("{situation}: {} {does}: {because}", stack.name());
        }
        println!(
            "{} forgeries of {} rules, {} mutants: {} disagreements understood, {} not",
            results.forgeries,
            results.rules.len(),
            results.mutants,
            known.len(),
            unknown.len(),
        );
        if let Some(path) = &self.write {
            document::write(path, "differential", &self.markdown(&results))?;
        }
        Ok(unknown.is_empty())
    }

    fn mutants(
        &self,
        jury: &Jury,
        form: HandshakeFormat,
        results: &mut Results,
    ) -> Result<(), String> {
        let mut random = SeededRandom::new(self.seed);
        for kind in mutants::Kind::ALL {
            let mut stage = Stage::new(jury, form)?;
            for _ in 0..self.count {
                let round = mutants::round(&mut stage, kind, (form, &mut random))?;
                results.mutants += 1;
                let agreed = results.compare(&round.situation, &round.mutant, false);
                let situation = format!("{}; the original after it", round.situation);
                let kept = results.all_accept(&situation, &round.original);
                if !agreed || !kept || kind.spends_stage() {
                    stage = Stage::new(jury, form)?;
                }
            }
        }
        Ok(())
    }

    fn markdown(&self, results: &Results) -> String {
        let mut text = String::new();
        let versions = Stack::ALL.map(Stack::version).join(", ");
        let _ = writeln!(
            text,
            "Versions: {versions}. Suite {}, seed {}: {} forged messages that break {} different \
             rules of [violations.md](violations.md), and {} mutants. {} answers differ from \
             Conclave's:\n",
            self.suite,
            self.seed,
            results.forgeries,
            results.rules.len(),
            results.mutants,
            results.findings.len(),
        );
        text.push_str("| stack | section | situation | it | answers | why |\n");
        text.push_str("|---|---|---|---|--:|---|\n");
        for entry in TRIAGE {
            let explained = results.findings.iter().filter(|finding| {
                triage::explain(finding).is_some_and(|it| std::ptr::eq(it, entry))
            });
            let count = explained.count();
            let stacks: Vec<&str> = entry.stacks.iter().map(|stack| stack.name()).collect();
            let (stack, section) = (stacks.join(", "), entry.section);
            let _ = writeln!(
                text,
                "| {stack} | {section} | {} | {} | {count} | {} |",
                entry.situation, entry.does, entry.why,
            );
        }
        text
    }
}

impl Results {
    /// Notes what differs from Conclave's answer; whether nothing did and nobody accepted.
    fn compare(&mut self, situation: &str, verdicts: &[(Stack, Verdict)], verbose: bool) -> bool {
        let kind_of = |stack: Stack| {
            verdicts.iter().find(|(other, _)| *other == stack).map(|(_, verdict)| verdict.kind())
        };
        let ours = kind_of(Stack::Conclave);
        let mut is_quiet = ours != Some(Verdict::Accepted.kind());
        for (stack, verdict) in verdicts {
            if self.verbose || verbose {
                println!("{situation}: {} {verdict:?}", stack.name());
            }
            let panicked = matches!(verdict, Verdict::Panicked(_));
            if Some(verdict.kind()) != ours && *verdict != Verdict::Lacking || panicked {
                is_quiet = false;
                self.note(situation, *stack, verdict);
            }
        }
        is_quiet
    }

    /// Notes whoever does not accept what is in order.
    fn all_accept(&mut self, situation: &str, verdicts: &[(Stack, Verdict)]) -> bool {
        let mut all = true;
        for (stack, verdict) in verdicts {
            if !matches!(verdict, Verdict::Accepted | Verdict::Lacking) {
                all = false;
                self.note(situation, *stack, verdict);
            }
        }
        all
    }

    fn note(&mut self, situation: &str, stack: Stack, verdict: &Verdict) {
        let because = match verdict {
            Verdict::Refused(text) | Verdict::Panicked(text) => text.clone(),
            _ => String::new(),
        };
        let situation = situation.to_owned();
        self.findings.push(Finding { situation, stack, does: verdict.kind(), because });
    }

    /// A forgery, or what is in order: Conclave must name the rule, or accept. For what is no
    /// `Violation`, `rule` is a part of what it says.
    fn judge(
        &mut self,
        situation: &str,
        rule: Option<&'static str>,
        verdicts: &[(Stack, Verdict)],
    ) {
        let Some(rule) = rule else {
            self.all_accept(situation, verdicts);
            return;
        };
        self.forgeries += 1;
        let ours = verdicts.iter().find(|(stack, _)| *stack == Stack::Conclave);
        match ours.map(|(_, verdict)| verdict) {
            Some(Verdict::Refused(text)) => {
                if rules_in(text).contains(rule) {
                    self.rules.insert(rule);
                } else if !text.contains(rule) {
                    let because = format!("{rule} was broken, it says: {text}");
                    let (situation, stack) = (situation.to_owned(), Stack::Conclave);
                    let does = "names another rule";
                    self.findings.push(Finding { situation, stack, does, because });
                }
            }
            Some(verdict) => self.note(situation, Stack::Conclave, &verdict.clone()),
            None => {}
        }
        self.compare(situation, verdicts, false);
    }
}

/// The names of the rules that a text of Conclave's holds.
fn rules_in(text: &str) -> BTreeSet<&'static str> {
    let tree = tree::Violation::ALL.iter().map(|it| (it.name(), it.rule()));
    let treekem = treekem::Violation::ALL.iter().map(|it| (it.name(), it.rule()));
    let protection = protection::Violation::ALL.iter().map(|it| (it.name(), it.rule()));
    let group = mls::Violation::ALL.iter().map(|it| (it.name(), it.rule()));
    let all = tree.chain(treekem).chain(protection).chain(group);
    all.filter(|(_, rule)| text.contains(rule)).map(|(name, _)| name).collect()
}

fn name_of(form: HandshakeFormat) -> &'static str {
    match form {
        HandshakeFormat::Public => "public",
        HandshakeFormat::Private => "private",
    }
}

fn forgeries(
    jury: &Jury,
    form: HandshakeFormat,
    list: &[Forgery],
    results: &mut Results,
) -> Result<(), String> {
    for forgery in list {
        let mut stage = Stage::new(jury, form)?;
        let mut studio = Studio::new(&mut stage, form);
        let evidence = (forgery.make)(&mut studio);
        let verdicts = show(&mut stage, &evidence);
        let situation = format!("{}, {}", forgery.name, name_of(form));
        results.judge(&situation, forgery.rule, &verdicts);
        after(&mut stage, (&situation, forgery.rule), &verdicts, results);
    }
    Ok(())
}

fn newcomers(jury: &Jury, form: HandshakeFormat, results: &mut Results) -> Result<(), String> {
    for newcomer in newcomers::NEWCOMERS {
        let mut stage = Stage::new(jury, form)?;
        let evidence = newcomer.shown(&mut Studio::new(&mut stage, form));
        let verdicts = show(&mut stage, &evidence);
        let situation = format!("key package, {}, {}", newcomer.name, name_of(form));
        results.judge(&situation, newcomer.rule_shown(), &verdicts);
        let mut stage = Stage::new(jury, form)?;
        let evidence = newcomer.added(&mut Studio::new(&mut stage, form));
        let verdicts = show(&mut stage, &evidence);
        let situation = format!("add of {}, {}", newcomer.name, name_of(form));
        results.judge(&situation, newcomer.rule_added(), &verdicts);
        after(&mut stage, (&situation, newcomer.rule_added()), &verdicts, results);
    }
    Ok(())
}

fn lies(jury: &Jury, results: &mut Results) -> Result<(), String> {
    for lie in joining::LIES {
        let (by_welcome, by_info) = lie.by;
        let mut stage = Stage::new(jury, HandshakeFormat::Private)?;
        if by_welcome {
            let verdicts = joining::welcome(&mut stage, lie)?;
            results.judge(&format!("Welcome, {}", lie.name), lie.rule, &verdicts);
        }
        if by_info {
            let verdicts = joining::group_info(&mut stage, lie);
            results.judge(&format!("GroupInfo, {}", lie.name), lie.rule, &verdicts);
        }
    }
    Ok(())
}

/// What everyone says.
fn show(stage: &mut Stage<'_>, evidence: &Evidence) -> Vec<(Stack, Verdict)> {
    let seats = stage.seats.clone();
    let verdict = |seat: &stage::Seat| match evidence {
        Evidence::Commit { proposals, commit, authenticator } => {
            stage.hear_commit(*seat, proposals, commit, authenticator)
        }
        Evidence::Texts(texts) => {
            let hear =
                |_, (message, text): &(Vec<u8>, Vec<u8>)| stage.hear_text(*seat, message, text);
            texts.iter().fold(Verdict::Lacking, hear)
        }
        Evidence::KeyPackage(bytes) => stage.consider(*seat, bytes.clone()),
    };
    seats.iter().map(|seat| (seat.stack, verdict(seat))).collect()
}

/// Whoever refused a forgery is where it was, and follows an honest commit.
fn after(
    stage: &mut Stage<'_>,
    (situation, rule): (&str, Option<&'static str>),
    verdicts: &[(Stack, Verdict)],
    results: &mut Results,
) {
    if rule.is_none() {
        return;
    }
    let refused = |stack: Stack| {
        let mut found = verdicts.iter().filter(|(other, _)| *other == stack);
        found.any(|(_, verdict)| matches!(verdict, Verdict::Refused(_)))
    };
    let here = stage.authenticator();
    for seat in stage.seats.iter().filter(|seat| refused(seat.stack)) {
        if stage.state_of(*seat).is_some_and(|state| state != here) {
            let (situation, stack) = (situation.to_owned(), seat.stack);
            let because = "it refused, and is in another epoch".to_owned();
            results.findings.push(Finding { situation, stack, does: "moves", because });
        }
    }
    if !refused(Stack::Conclave) {
        return;
    }
    for (stack, verdict) in stage.honest_commit() {
        if refused(stack) && verdict != Verdict::Accepted {
            results.note(&format!("{situation}; an honest commit after it"), stack, &verdict);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(ours: Verdict, theirs: Verdict) -> Vec<(Stack, Verdict)> {
        vec![(Stack::Conclave, ours), (Stack::MlsRs, theirs)]
    }

    fn refused(text: &str) -> Verdict {
        Verdict::Refused(text.to_owned())
    }

    /// Whoever accepts what Conclave refuses is found, and so is who refuses what it accepts.
    #[test]
    fn what_differs_is_found_and_is_not_explained_by_itself() {
        let pairs = [
            (refused("no"), Verdict::Accepted, "accepts"),
            (refused("no"), Verdict::Elsewhere, "accepts, elsewhere"),
            (Verdict::Accepted, refused("no"), "refuses"),
            (refused("no"), Verdict::Panicked("index".to_owned()), "panics"),
        ];
        for (ours, theirs, does) in pairs {
            let mut results = Results::default();
            results.compare("something new", &verdicts(ours, theirs), false);
            assert_eq!(results.findings.len(), 1);
            assert_eq!((results.findings[0].stack, results.findings[0].does), (Stack::MlsRs, does));
            assert!(triage::explain(&results.findings[0]).is_none());
        }
    }

    #[test]
    fn conclave_has_to_name_the_very_rule() {
        let rule = tree::Violation::AddTwice;
        for (says, findings) in [(rule.rule(), 0), ("a peer broke another rule", 1)] {
            let mut results = Results::default();
            results.judge("a case", Some(rule.name()), &verdicts(refused(says), refused("no")));
            assert_eq!(results.findings.len(), findings);
            assert_eq!(results.rules.len(), 1 - findings);
        }
        let mut results = Results::default();
        results.judge("a case", Some(rule.name()), &verdicts(Verdict::Accepted, Verdict::Accepted));
        assert_eq!(results.findings.len(), 1, "Conclave accepts a forgery");
    }
}
