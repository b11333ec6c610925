//! Completions and manual pages name every command there is.

use crate::program::{conclave, lines};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

/// The commands below one, as its help lists them.
fn below(command: &[String]) -> Vec<String> {
    let arguments: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
    let help = conclave(&arguments).output().unwrap();
    assert!(help.status.success(), "{command:?}");
    let listed = lines(&help).into_iter().skip_while(|line| line != "Commands:").skip(1);
    let listed = listed.take_while(|line| line.starts_with("  "));
    // What a command does may go on in a second line, which is indented further.
    let named = listed.filter(|line| !line.starts_with("   "));
    let names = named.map(|line| line.split_whitespace().next().unwrap().to_owned());
    names.filter(|name| name != "help").collect()
}

/// Every command, as its words.
fn commands() -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut open: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(command) = open.pop() {
        open.extend(below(&command).into_iter().map(|name| [command.clone(), vec![name]].concat()));
        found.push(command);
    }
    assert!(found.len() > 40, "{found:?}");
    found
}

#[test]
fn every_command_has_a_manual_page_and_is_completed() {
    let commands = commands();
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    let written = conclave(&["man", pages.to_str().unwrap()]).output().unwrap();
    assert!(written.status.success());
    let page = |command: &Vec<String>| format!("conclave-{}", command.join("-")) + ".1";
    let expected: BTreeSet<String> = commands
        .iter()
        .map(|command| if command.is_empty() { "conclave.1".to_owned() } else { page(command) })
        .collect();
    let found: BTreeSet<String> = std::fs::read_dir(&pages)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, expected);
    let main = conclave(&["man"]).output().unwrap().stdout;
    assert_eq!(main, std::fs::read(pages.join("conclave.1")).unwrap());
    let add = std::fs::read_to_string(pages.join("conclave-group-add.1")).unwrap();
    assert!(add.contains(".TH conclave-group-add 1") && add.contains("Add accounts"), "{add}");

    for shell in ["bash", "zsh", "fish"] {
        let script = conclave(&["completions", shell]).output().unwrap();
        assert!(script.status.success());
        let script = String::from_utf8(script.stdout).unwrap();
        for command in commands.iter().flatten() {
            let is_word = |place: usize| {
                let rest = &script[place + command.len()..];
                !rest.starts_with(|letter: char| letter.is_ascii_alphanumeric())
            };
            let mut places = script.match_indices(command.as_str());
            assert!(places.any(|(place, _)| is_word(place)), "{shell} knows no {command}");
        }
    }
}

#[test]
fn bash_takes_its_completions_and_completes_with_them() {
    let mut script = conclave(&["completions", "bash"]).output().unwrap().stdout;
    let ask = "\nCOMP_WORDS=(conclave gr); COMP_CWORD=1; _conclave conclave gr conclave\n\
               echo \"${COMPREPLY[@]}\"\n";
    script.extend_from_slice(ask.as_bytes());
    let mut bash = Command::new("bash")
        .arg("--norc")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    bash.stdin.take().unwrap().write_all(&script).unwrap();
    let output = bash.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(lines(&output), ["group"]);
}
