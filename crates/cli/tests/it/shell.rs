//! Shell transcripts: files in `tests/transcripts` whose commands a shell runs, in one folder per
//! file. They are the tests of `conclave mls` and `conclave inspect`, and chapters of their manual.
//!
//! `$ COMMAND` runs; what follows is what it prints, standard error after standard output, and
//! `? N` is an exit code other than 0. Lines that start with `#` or `|` before a command are prose.
//! Runs of 32 or more hexadecimal digits stand as `[N digits]`.
//!
//! With `CONCLAVE_TRANSCRIPTS=write` the files and the manual are written instead of compared.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The transcripts that make up the manual, with their titles.
const CHAPTERS: [(&str, &str); 11] = [
    ("mls_group.txt", "`mls`: a group and its messages"),
    ("mls_proposals.txt", "`mls`: proposals"),
    ("mls_external.txt", "`mls`: proposals from outside"),
    ("mls_joining.txt", "`mls`: ways to join"),
    ("mls_successor.txt", "`mls`: branches and reinitialization"),
    ("mls_x509.txt", "`mls`: certificates, and `ca`"),
    ("mls_failures.txt", "`mls`: failures and the outbox"),
    ("mls_json.txt", "`mls --json`"),
    ("inspect_messages.txt", "`inspect`: messages"),
    ("inspect_tree.txt", "`inspect`: ratchet trees and states"),
    ("inspect_refused.txt", "`inspect`: refused messages"),
];

/// The line of the manual after which everything is written from the transcripts.
const MARK: &str = "<!-- What follows is written from the transcripts. -->";

fn transcripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts")
}

/// Whether to write what is seen instead of comparing.
fn writes() -> bool {
    std::env::var("CONCLAVE_TRANSCRIPTS").is_ok_and(|value| value == "write")
}

/// Replaces every run of 32 or more hexadecimal digits.
fn without_long_numbers(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_hexdigit()) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|letter: char| !letter.is_ascii_hexdigit()).unwrap_or(from.len());
        out.push_str(before);
        match end {
            32.. => out.push_str(&format!("[{end} digits]")),
            _ => out.push_str(&from[..end]),
        }
        rest = &from[end..];
    }
    out + rest
}

/// What a command prints, as a transcript shows it.
fn seen(folder: &Path, command: &str) -> Vec<String> {
    let program = Path::new(env!("CARGO_BIN_EXE_conclave")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", program.display()))
        .env_remove("CONCLAVE_HOME")
        .env_remove("CONCLAVE_STATE")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut lines: Vec<String> = Vec::new();
    for part in [text(&output.stdout), text(&output.stderr)] {
        lines.extend(part.lines().map(without_long_numbers));
    }
    lines.retain(|line| !line.is_empty());
    let code = output.status.code().unwrap();
    lines.extend((code != 0).then(|| format!("? {code}")));
    lines
}

/// Runs a transcript; the text that it should be.
fn replay(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut out: Vec<String> = Vec::new();
    let mut prose = true;
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            out.push(line.to_owned());
            out.extend(seen(folder.path(), command));
            prose = false;
        } else if line.is_empty() || line.starts_with("# ") {
            prose = true;
            out.push(line.to_owned());
        } else if prose {
            out.push(line.to_owned());
        }
    }
    out.join("\n") + "\n"
}

fn run(file: &str) {
    let path = transcripts().join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let replayed = replay(&text);
    if writes() {
        std::fs::write(path, replayed).unwrap();
        return;
    }
    for (number, (expected, seen)) in (1..).zip(text.lines().zip(replayed.lines())) {
        assert_eq!(expected, seen, "{file}:{number}");
    }
    assert_eq!(text, replayed, "{file}");
}

#[test]
fn two_clients_talk_through_files_and_pipes() {
    run("mls_group.txt");
}

#[test]
fn every_kind_of_proposal_is_made_and_committed() {
    run("mls_proposals.txt");
}

#[test]
fn who_is_no_member_proposes() {
    run("mls_external.txt");
}

#[test]
fn an_authority_certifies_keys_and_revokes() {
    run("mls_x509.txt");
}

#[test]
fn clients_join_from_outside_and_come_back() {
    run("mls_joining.txt");
}

#[test]
fn groups_branch_and_start_again_with_other_parameters() {
    run("mls_successor.txt");
}

#[test]
fn each_fault_has_its_exit_code() {
    run("mls_failures.txt");
}

#[test]
fn json_of_offline_commands_is_stable() {
    run("mls_json.txt");
}

#[test]
fn messages_are_explained_field_by_field() {
    run("inspect_messages.txt");
}

#[test]
fn trees_and_states_are_drawn() {
    run("inspect_tree.txt");
}

#[test]
fn the_rule_that_refuses_a_message_is_named() {
    run("inspect_refused.txt");
}

/// A transcript as a chapter.
fn chapter(title: &str, text: &str) -> String {
    let mut out = vec![format!("## {title}")];
    let mut shown = false;
    for line in text.lines() {
        let (heading, prompt) = (line.strip_prefix("# "), line.starts_with("$ "));
        if shown && (line.is_empty() || heading.is_some()) {
            out.push("```".to_owned());
            shown = false;
        }
        if prompt && !shown {
            out.extend([String::new(), "```text".to_owned()]);
            shown = true;
        }
        match heading {
            Some(heading) => out.extend([String::new(), format!("### {heading}"), String::new()]),
            None if shown || !line.is_empty() => out.push(line.to_owned()),
            None => {}
        }
    }
    out.extend(shown.then(|| "```".to_owned()));
    out.join("\n") + "\n"
}

#[test]
fn the_manual_shows_the_transcripts_as_they_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let manual = std::fs::read_to_string(&path).unwrap();
    let (start, _) = manual.split_once(MARK).expect("the manual has the mark");
    let chapters = CHAPTERS.map(|(file, title)| {
        chapter(title, &std::fs::read_to_string(transcripts().join(file)).unwrap())
    });
    let fresh = format!("{start}{MARK}\n\n{}", chapters.join("\n"));
    if writes() {
        std::fs::write(path, fresh).unwrap();
    } else {
        assert!(manual == fresh, "docs/cli.md is stale: CONCLAVE_TRANSCRIPTS=write writes it");
    }
}

#[test]
fn every_shell_transcript_is_a_chapter() {
    let names = std::fs::read_dir(transcripts()).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    let shell = names.filter(|name| name.starts_with("mls_") || name.starts_with("inspect_"));
    let mut shell: Vec<String> = shell.collect();
    shell.sort();
    let mut chapters = CHAPTERS.map(|(file, _)| file.to_owned());
    chapters.sort();
    assert_eq!(shell, chapters);
}

#[test]
fn long_numbers_are_found_wherever_they_stand() {
    let id = "ab".repeat(16);
    assert_eq!(
        without_long_numbers(&format!("x{id}, {}", &id[1..])),
        format!("x[32 digits], {}", &id[1..])
    );
}
