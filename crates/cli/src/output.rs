//! Printing: for people, or as JSON lines.

use crate::failure::Failure;
use client::{Event, EventKind, GroupSummary};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

/// Standard output in the form that was asked for.
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints one thing: `text` for people, `value` for programs. At once, so that a reader of a
    /// pipe does not wait.
    pub(crate) fn print(&mut self, text: &str, value: &Value) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        if self.json {
            writeln!(out, "{value}")?;
        } else {
            writeln!(out, "{text}")?;
        }
        Ok(out.flush()?)
    }

    /// Whether programs are to read what is printed.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Says something beside the data, on standard error.
    pub(crate) fn warn(&self, text: &str) {
        if self.json {
            eprintln!("{}", json!({"type": "warning", "text": text}));
        } else {
            eprintln!("conclave: {text}");
        }
    }

    /// Writes bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes)?;
        Ok(out.flush()?)
    }
}

/// An event in one line for people.
pub(crate) fn line(event: &Event) -> String {
    let text = printable(&what(event));
    match event.epoch {
        0 if is_beside_the_log(&event.kind) => format!("{:10}{text}", ""),
        epoch => format!("epoch {epoch:<3} {text}"),
    }
}

/// Whether something did not happen in the group's log but to this client, in no epoch.
fn is_beside_the_log(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::DeviceNotListed { .. }
            | EventKind::Halted { .. }
            | EventKind::IntentFailed { .. }
            | EventKind::LeftGroup { .. }
            | EventKind::RejoinFailed {}
            | EventKind::Resumed {}
            | EventKind::WelcomeUnusable { .. }
    )
}

/// What happened, in the words of others where they said something.
pub(crate) fn what(event: &Event) -> String {
    match &event.kind {
        EventKind::Message { from, text, .. } => format!("{from}: {text}"),
        EventKind::File { from, name, size, .. } => {
            format!("{from} shares file {}: {name}, {size} bytes", event.number)
        }
        EventKind::Created {} => "you created the group".to_owned(),
        EventKind::Joined { members } => format!("you joined: {}", members.join(", ")),
        EventKind::MemberAdded { by, name, .. } => format!("{by} added {name}"),
        EventKind::MemberRemoved { by, name } => format!("{by} removed {name}"),
        EventKind::KeysUpdated { name } => format!("{name} updated their keys"),
        EventKind::RemovedFromGroup { by } => format!("{by} removed you"),
        EventKind::EntrySkipped { reason } => format!("(skipped an entry: {reason})"),
        EventKind::WelcomeUnusable { reason } => format!("(a Welcome is of no use: {reason})"),
        EventKind::DeviceAdded { by, name, device } => {
            format!("{by} added device {device} of {name}")
        }
        EventKind::DeviceNotListed { name, device } => {
            format!("(device {device} is not, or no longer, one of {name}'s)")
        }
        EventKind::DeviceRemoved { by, name, device } => {
            format!("{by} removed device {device} of {name}")
        }
        EventKind::CredentialChanged { name } => format!("{name} shows a new credential"),
        EventKind::GroupRenamed { by, before, name } => {
            format!("{by} renamed the group from {before} to {name}")
        }
        EventKind::LeftGroup { by } => format!("you left; {by} removed you for it"),
        EventKind::LogRepaired {} => "an insider had closed the log; it is open again".to_owned(),
        EventKind::SentElsewhere {} => {
            "a copy of this account's folder has sent something; its keys are changed".to_owned()
        }
        EventKind::MemberAppeared { name, .. } => format!("{name} is in the group now"),
        EventKind::MemberDisappeared { name, .. } => format!("{name} is not in the group any more"),
        EventKind::MemberRejoined { name } => format!("{name} had lost the group, and is back"),
        EventKind::RejoinFailed {} => {
            "(nobody has shown the way back into the group: somebody must add you again)".to_owned()
        }
        EventKind::Rejoined { after, at } => {
            format!("you had lost the group, and are back; unread: behind #{after}, before #{at}")
        }
        EventKind::Resumed {} => "another member is where you are: the group goes on".to_owned(),
        EventKind::MemberEvicted { by, name } => {
            format!("{by} removed {name}, who has not renewed their keys for too long")
        }
        EventKind::MemberLeaving { name } => format!("{name} wants to leave"),
        EventKind::MemberLeft { by, name } => format!("{name} left; {by} removed them for it"),
        EventKind::PolicyChanged { by, what } => {
            format!("{by} changed the policy: {}", what.join("; "))
        }
        EventKind::UpdateLanded {} => "your keys are renewed, messages go out again".to_owned(),
        EventKind::UpdateOverdue {} => {
            "(your keys could not be renewed in time: nothing is sent until they are)".to_owned()
        }
        EventKind::Halted { reason } => format!("(this group is not safe any more: {reason})"),
        EventKind::IntentFailed { what, reason } => format!("(could not {what}: {reason})"),
        other => what_of_account(other),
    }
}

/// What happened to the account itself.
fn what_of_account(kind: &EventKind) -> String {
    match kind {
        EventKind::Linked {} => "this device is linked".to_owned(),
        EventKind::Recovering { groups } if groups.is_empty() => {
            "the account is back; no group is known that it was in".to_owned()
        }
        EventKind::Recovering { groups } => {
            format!("asked to be taken into these groups again: {}", groups.join(", "))
        }
        EventKind::BackupRefused {} => {
            "the service takes no backups of this account without an invitation token; give it one \
             with --token, or the recovery code leads back into no group"
                .to_owned()
        }
        EventKind::DeviceRevoked {} => {
            "this device is not one of the account's any more: it was revoked on another one"
                .to_owned()
        }
        other => format!("({other:?})"),
    }
}

/// What others wrote, so that it does nothing to a terminal and keeps to its own line: control
/// characters and marks of direction are shown, not sent.
pub(crate) fn printable(text: &str) -> String {
    let is_plain = |letter: char| !letter.is_control() && !DIRECTION_MARKS.contains(&letter);
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\t' => shown.push(' '),
            _ if is_plain(letter) => shown.push(letter),
            _ => shown.extend(letter.escape_default()),
        }
    }
    shown
}

/// Characters that reorder what stands around them (UAX 9).
const DIRECTION_MARKS: [char; 12] = [
    '\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}',
    '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}',
];

/// A file that was fetched, for programs.
pub(crate) fn saved(event: &Event, group: Option<&str>, path: &Path) -> Value {
    json!({
        "type": "saved",
        "group": event.group.as_ref().map(ToString::to_string),
        "group_name": group,
        "number": event.number,
        "path": path.display().to_string(),
    })
}

/// An event for programs. `name` is the group's.
pub(crate) fn event(event: &Event, name: Option<&str>) -> Value {
    let mut value = match &event.kind {
        EventKind::Message { from, text, .. } => {
            json!({"type": "message", "from": from, "text": text})
        }
        EventKind::File { from, name, media_type, size } => json!({
            "type": "file", "from": from, "name": name, "media_type": media_type, "size": size,
            "number": event.number,
        }),
        EventKind::Created {} => json!({"type": "created"}),
        EventKind::Joined { members } => json!({"type": "joined", "members": members}),
        EventKind::MemberAdded { by, name, .. } => {
            json!({"type": "added", "by": by, "name": name})
        }
        EventKind::MemberRemoved { by, name } => json!({"type": "removed", "by": by, "name": name}),
        EventKind::KeysUpdated { name } => json!({"type": "updated", "name": name}),
        EventKind::DeviceAdded { by, name, device } => {
            json!({"type": "device-added", "by": by, "name": name, "device": device})
        }
        EventKind::DeviceNotListed { name, device } => {
            json!({"type": "device-not-listed", "name": name, "device": device})
        }
        EventKind::DeviceRemoved { by, name, device } => {
            json!({"type": "device-removed", "by": by, "name": name, "device": device})
        }
        EventKind::RemovedFromGroup { by } => json!({"type": "removed-from-group", "by": by}),
        EventKind::EntrySkipped { reason } => json!({"type": "skipped", "reason": reason}),
        EventKind::WelcomeUnusable { reason } => {
            json!({"type": "welcome-unusable", "reason": reason})
        }
        EventKind::CredentialChanged { name } => json!({"type": "credential", "name": name}),
        EventKind::GroupRenamed { by, before, name } => {
            json!({"type": "renamed", "by": by, "before": before, "name": name})
        }
        EventKind::LeftGroup { by } => json!({"type": "left-group", "by": by}),
        EventKind::LogRepaired {} => json!({"type": "log-repaired"}),
        EventKind::SentElsewhere {} => json!({"type": "sent-elsewhere"}),
        EventKind::MemberEvicted { by, name } => json!({"type": "evicted", "by": by, "name": name}),
        EventKind::MemberAppeared { name, device } => {
            json!({"type": "appeared", "name": name, "device": device})
        }
        EventKind::MemberDisappeared { name, device } => {
            json!({"type": "disappeared", "name": name, "device": device})
        }
        EventKind::MemberRejoined { name } => json!({"type": "rejoined-by", "name": name}),
        EventKind::RejoinFailed {} => json!({"type": "rejoin-failed"}),
        EventKind::Rejoined { after, at } => json!({"type": "rejoined", "after": after, "at": at}),
        EventKind::Resumed {} => json!({"type": "resumed"}),
        EventKind::MemberLeaving { name } => json!({"type": "leaving", "name": name}),
        EventKind::MemberLeft { by, name } => json!({"type": "left", "by": by, "name": name}),
        EventKind::PolicyChanged { by, what } => {
            json!({"type": "policy-changed", "by": by, "what": what})
        }
        EventKind::UpdateLanded {} => json!({"type": "update-landed"}),
        EventKind::UpdateOverdue {} => json!({"type": "update-overdue"}),
        EventKind::Halted { reason } => json!({"type": "halted", "reason": reason}),
        EventKind::IntentFailed { what, reason } => {
            json!({"type": "failed", "what": what, "reason": reason})
        }
        other => of_account(other),
    };
    if let Some(group) = &event.group {
        value["group"] = json!(group.to_string());
        value["group_name"] = json!(name);
        value["epoch"] = json!(event.epoch);
        value["position"] = json!(event.position.0);
    }
    value
}

/// An event of the account itself, for programs.
fn of_account(kind: &EventKind) -> Value {
    match kind {
        EventKind::Linked {} => json!({"type": "linked"}),
        EventKind::Recovering { groups } => json!({"type": "recovering", "groups": groups}),
        EventKind::BackupRefused {} => json!({"type": "backup-refused"}),
        EventKind::DeviceRevoked {} => json!({"type": "device-revoked"}),
        other => json!({"type": "other", "text": format!("{other:?}")}),
    }
}

/// A group for programs.
pub(crate) fn group(group: &GroupSummary) -> Value {
    let member = |member: &client::Identity| {
        let (name, device) = (member.name.as_str(), member.device.to_string());
        json!({"name": name, "device": device})
    };
    json!({
        "type": "group",
        "group": group.id.to_string(),
        "group_name": group.name,
        "state": group.state.to_string(),
        "epoch": group.epoch,
        "position": group.position.0,
        "members": group.members.iter().map(member).collect::<Vec<_>>(),
        "epoch_authenticator": hex(&group.epoch_authenticator),
    })
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn words_of_others_do_nothing_to_a_terminal() {
        assert_eq!(printable("h\u{e9}, \u{5d0} \u{1f331}"), "h\u{e9}, \u{5d0} \u{1f331}");
        assert_eq!(printable("a\x1b[2Jb\nepoch 1 bob: hi\tx"), "a\\u{1b}[2Jb\\nepoch 1 bob: hi x");
        assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
    }
}
