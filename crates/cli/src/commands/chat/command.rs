//! What is typed with a `/` in front.

/// A line that was entered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entered {
    Add(Vec<String>),
    Create(String),
    Help,
    Leave,
    Members,
    /// Nothing was typed.
    Nothing,
    Quit,
    Remove(Vec<String>),
    Rename(String),
    /// Fetch a file into the current folder.
    Save(String),
    Say(String),
    /// Share the file at a path.
    Share(String),
    Update,
    Verify,
    /// It is no command, or lacks something: what to tell.
    Wrong(String),
}

/// The commands and what they do, for the help page.
pub(super) const COMMANDS: [(&str, &str); 12] = [
    ("/add NAME...", "add accounts to the group"),
    ("/remove NAME...", "remove accounts from it"),
    ("/rename NAME", "give the group another name"),
    ("/update", "change the own keys"),
    ("/create NAME", "create a group"),
    ("/file PATH", "share a file"),
    ("/save FILE", "fetch a file into the current folder"),
    ("/leave", "leave the group"),
    ("/members", "who is in the group (F2)"),
    ("/verify", "numbers to compare (F3)"),
    ("/help", "this page (F1, ?)"),
    ("/quit", "end (Ctrl-C)"),
];

/// Reads a line. `//` at its start says something that begins with `/`.
pub(super) fn parse(line: &str) -> Entered {
    let line = line.trim();
    let Some(command) = line.strip_prefix('/') else {
        return if line.is_empty() { Entered::Nothing } else { Entered::Say(line.to_owned()) };
    };
    if command.starts_with('/') {
        return Entered::Say(command.to_owned());
    }
    let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    let rest = rest.trim();
    let names = || rest.split_whitespace().map(str::to_owned).collect();
    match (name, rest.is_empty()) {
        ("add", false) => Entered::Add(names()),
        ("create", false) => Entered::Create(rest.to_owned()),
        ("file", false) => Entered::Share(rest.to_owned()),
        ("help", true) => Entered::Help,
        ("leave", true) => Entered::Leave,
        ("members", true) => Entered::Members,
        ("quit", true) => Entered::Quit,
        ("remove", false) => Entered::Remove(names()),
        ("rename", false) => Entered::Rename(rest.to_owned()),
        ("save", false) => Entered::Save(rest.to_owned()),
        ("update", true) => Entered::Update,
        ("verify", true) => Entered::Verify,
        _ => {
            let whole = |known: &&(&str, &str)| {
                known.0.strip_prefix('/').is_some_and(|known| known.split(' ').next() == Some(name))
            };
            let text = match COMMANDS.iter().find(whole) {
                Some((usage, _)) => format!("it is written {usage}"),
                None => format!("there is no /{name}; F1 shows what there is"),
            };
            Entered::Wrong(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{COMMANDS, Entered, parse};

    #[test]
    fn lines_are_words_or_commands() {
        let name = |name: &str| name.to_owned();
        for (line, entered) in [
            ("", Entered::Nothing),
            ("  hello /add ", Entered::Say(name("hello /add"))),
            ("//add x", Entered::Say(name("/add x"))),
            ("/add  bob   carol", Entered::Add(vec![name("bob"), name("carol")])),
            ("/file my plan.txt", Entered::Share(name("my plan.txt"))),
            ("/quit", Entered::Quit),
            ("/add", Entered::Wrong(name("it is written /add NAME..."))),
            ("/quit now", Entered::Wrong(name("it is written /quit"))),
            ("/dance", Entered::Wrong(name("there is no /dance; F1 shows what there is"))),
        ] {
            assert_eq!(parse(line), entered, "{line}");
        }
    }

    #[test]
    fn every_command_of_the_help_page_is_one() {
        for (usage, _) in COMMANDS {
            let line = usage.replace("NAME...", "bob");
            assert!(!matches!(parse(&line), Entered::Wrong(_) | Entered::Say(_)), "{line}");
        }
    }
}
