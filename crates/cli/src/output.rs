//! Printing: for people, or as JSON lines.

use crate::failure::Failure;
use client::{Event, EventKind, GroupSummary};
use serde_json::{Value, json};
use std::io::Write;

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
    let what = match &event.kind {
        EventKind::Message { from, text } => format!("{from}: {text}"),
        EventKind::File { from, name, size, .. } => format!("{from} shares {name}, {size} bytes"),
        EventKind::Created {} => "you created the group".to_owned(),
        EventKind::Joined { members } => format!("you joined: {}", members.join(", ")),
        EventKind::MemberAdded { by, name } => format!("{by} added {name}"),
        EventKind::MemberRemoved { by, name } => format!("{by} removed {name}"),
        EventKind::KeysUpdated { name } => format!("{name} updated their keys"),
        EventKind::RemovedFromGroup { by } => format!("{by} removed you"),
        EventKind::EntrySkipped { reason } => format!("(skipped an entry: {reason})"),
        EventKind::WelcomeUnusable { reason } => format!("(a Welcome is of no use: {reason})"),
        EventKind::Halted { reason } => format!("(this group is not safe any more: {reason})"),
        EventKind::IntentFailed { what, reason } => format!("(could not {what}: {reason})"),
        other => format!("({other:?})"),
    };
    format!("epoch {:<3} {what}", event.epoch)
}

/// An event for programs. `name` is the group's.
pub(crate) fn event(event: &Event, name: Option<&str>) -> Value {
    let mut value = match &event.kind {
        EventKind::Message { from, text } => json!({"type": "message", "from": from, "text": text}),
        EventKind::File { from, name, media_type, size } => json!({
            "type": "file", "from": from, "name": name, "media_type": media_type, "size": size,
            "number": event.number,
        }),
        EventKind::Created {} => json!({"type": "created"}),
        EventKind::Joined { members } => json!({"type": "joined", "members": members}),
        EventKind::MemberAdded { by, name } => json!({"type": "added", "by": by, "name": name}),
        EventKind::MemberRemoved { by, name } => json!({"type": "removed", "by": by, "name": name}),
        EventKind::KeysUpdated { name } => json!({"type": "updated", "name": name}),
        EventKind::RemovedFromGroup { by } => json!({"type": "removed-from-group", "by": by}),
        EventKind::EntrySkipped { reason } => json!({"type": "skipped", "reason": reason}),
        EventKind::WelcomeUnusable { reason } => {
            json!({"type": "welcome-unusable", "reason": reason})
        }
        EventKind::Halted { reason } => json!({"type": "halted", "reason": reason}),
        EventKind::IntentFailed { what, reason } => {
            json!({"type": "failed", "what": what, "reason": reason})
        }
        other => json!({"type": "other", "text": format!("{other:?}")}),
    };
    if let Some(group) = &event.group {
        value["group"] = json!(group.to_string());
        value["group_name"] = json!(name);
        value["epoch"] = json!(event.epoch);
        value["position"] = json!(event.position.0);
    }
    value
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
