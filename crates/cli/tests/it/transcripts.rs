//! Transcripts: files in `tests/transcripts` that show commands and what they print.
//!
//! `$ NAME ARGUMENTS` runs the program for the account NAME; what follows is its standard output, a
//! line that starts with `! ` is standard error, and `? N` is an exit code other than 0. `SERVER`
//! stands for the service's address, `FOLDER` for the one that everything is in and `[64 digits]`
//! for an id, `KEY:NAME` and `DEVICE:NAME` for what `account show` tells of an account, `CODE:NAME`
//! for what `device code` does; `[code]` is such a code. Numbers for people to compare stand as
//! `[number 1]`, `[number 2]` and so on: equal ones are equal. Quotes join words; what stands
//! behind `<` is standard input.

use crate::program::Service;
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

/// One command of a transcript, and what it must print.
struct Step {
    line: usize,
    name: String,
    arguments: Vec<String>,
    expected: Vec<String>,
}

fn words(text: &str) -> Vec<String> {
    let parts = text.split('"').enumerate();
    parts
        .flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

fn parse(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        if let Some(command) = content.strip_prefix("$ ") {
            let mut arguments = words(command);
            let name = arguments.remove(0);
            steps.push(Step { line, name, arguments, expected: Vec::new() });
        } else if !content.is_empty() && !content.starts_with('#') {
            steps.last_mut().unwrap().expected.push(content.to_owned());
        }
    }
    steps
}

/// Replaces every run of exactly 64 hexadecimal digits.
fn without_ids(text: &str) -> String {
    let is_digit = |letter: char| letter.is_ascii_hexdigit();
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_digit) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|letter| !is_digit(letter)).unwrap_or(from.len());
        out.push_str(before);
        out.push_str(if end == 64 { "[64 digits]" } else { &from[..end] });
        rest = &from[end..];
    }
    out + rest
}

/// How long the number for people at the start of a text is: groups of five digits with a space
/// between, at least six of them.
fn number_length(text: &str) -> Option<usize> {
    let is_group = |group: &[u8]| group.len() == 5 && group.iter().all(u8::is_ascii_digit);
    let groups =
        text.as_bytes().chunks(6).take_while(|chunk| is_group(&chunk[..chunk.len().min(5)]));
    let mut count = 0;
    for chunk in groups {
        count += 1;
        if chunk.get(5) != Some(&b' ') {
            break;
        }
    }
    (count >= 6).then(|| count * 6 - 1)
}

/// Replaces numbers for people by their places among the numbers seen so far.
fn without_numbers(text: &str, seen: &mut Vec<String>) -> String {
    let Some((start, length)) =
        (0..text.len()).find_map(|start| Some((start, number_length(text.get(start..)?)?)))
    else {
        return text.to_owned();
    };
    let number = &text[start..start + length];
    let place = seen.iter().position(|seen| seen == number).unwrap_or_else(|| {
        seen.push(number.to_owned());
        seen.len() - 1
    });
    format!("{}[number {}]{}", &text[..start], place + 1, &text[start + length..])
}

/// Replaces codes: groups of four letters and digits with hyphens between, many of them.
fn without_codes(text: &str) -> String {
    let is_group = |group: &str| {
        (1..=4).contains(&group.len())
            && group.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
    };
    let is_code = |word: &&str| word.len() > 60 && word.split('-').all(is_group);
    let code = text.split(['"', ' ']).find(is_code);
    code.map_or_else(|| text.to_owned(), |code| text.replace(code, "[code]"))
}

/// An argument with what stands for something else in it replaced.
fn argument(service: &Service, word: &str) -> String {
    if let Some(("CODE", name)) = word.split_once(':') {
        let output = service.run(name, &["--json", "device", "code"]);
        let code: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        return code["code"].as_str().unwrap().to_owned();
    }
    let field = |name: &str, field: &str| {
        let output = service.run(name, &["--json", "account", "show"]);
        let account: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        account[field].as_str().unwrap().to_owned()
    };
    match word.split_once(':') {
        Some(("KEY", name)) => field(name, "root_key"),
        Some(("DEVICE", name)) => field(name, "device"),
        _ => {
            let folder = service.folder().to_str().unwrap();
            word.replace("SERVER", &service.url).replace("FOLDER", folder)
        }
    }
}

/// Runs the program as a step says.
fn output(service: &Service, step: &Step) -> Output {
    let mut arguments: Vec<String> =
        step.arguments.iter().map(|word| argument(service, word)).collect();
    let input = arguments.iter().position(|word| word == "<").map(|at| arguments.split_off(at));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut command = service.command(&step.name, &arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let input = input.map_or_else(String::new, |words| words[1..].join(" "));
    // Most commands read none, and may have ended.
    let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
    process.wait_with_output().unwrap()
}

fn run(file: &str) {
    run_at(&Service::start(), file);
}

fn run_at(service: &Service, file: &str) {
    let mut numbers = Vec::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(file);
    let folder = service.folder().to_str().unwrap().to_owned();
    for step in parse(&std::fs::read_to_string(path).unwrap()) {
        let output = output(service, &step);
        let mut seen: Vec<String> = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        seen.extend(text(&output.stdout).lines().map(str::to_owned));
        seen.extend(text(&output.stderr).lines().map(|line| format!("! {line}")));
        let code = output.status.code().unwrap();
        seen.extend((code != 0).then(|| format!("? {code}")));
        let clean = |line: &String| {
            let line = without_codes(line);
            let line = without_numbers(&without_ids(&line), &mut numbers);
            line.replace(&service.url, "SERVER").replace(&folder, "FOLDER")
        };
        let seen: Vec<String> = seen.iter().filter(|line| !line.is_empty()).map(clean).collect();
        let Step { line, name, arguments, expected } = step;
        assert_eq!(seen, expected, "{file}:{line}: {name} {arguments:?}");
    }
}

#[test]
fn three_people_in_separate_processes_talk() {
    run("conversation.txt");
}

#[test]
fn people_find_out_who_is_who() {
    run("accounts.txt");
}

#[test]
fn members_agree_on_a_policy_and_a_name() {
    run("agreement.txt");
}

#[test]
fn a_second_device_is_linked_and_a_lost_one_is_replaced() {
    run("devices.txt");
}

#[test]
fn a_folder_gets_a_passphrase_and_loses_it() {
    let service = Service::start();
    for (file, passphrase) in [("first", "a horse"), ("second", "a battery"), ("empty", "")] {
        std::fs::write(service.folder().join(file), format!("{passphrase}\n")).unwrap();
    }
    run_at(&service, "passphrases.txt");
}

#[test]
fn what_goes_wrong_is_said_with_an_exit_code() {
    run("failures.txt");
}

#[test]
fn json_lines_are_stable() {
    run("json.txt");
}

#[test]
fn ids_are_found_wherever_they_stand() {
    let id = "ab".repeat(32);
    assert_eq!(without_ids(&format!("a {id}, {id}ff")), format!("a [64 digits], {id}ff"));
    assert_eq!(words("a \"b c\" d"), ["a", "b c", "d"]);
}

#[test]
fn numbers_for_people_are_found_and_told_apart() {
    let mut seen = Vec::new();
    let number = |last: u8| format!("12345 00000 99999 11111 22222 3333{last}");
    let line = |last: u8| format!("a \"{}\" 12345 z", number(last));
    let masked = [1, 2, 1].map(|last| without_numbers(&line(last), &mut seen));
    assert_eq!(masked, [1, 2, 1].map(|place| format!("a \"[number {place}]\" 12345 z")));
    assert_eq!(without_numbers("12345 67890", &mut seen), "12345 67890");
}
