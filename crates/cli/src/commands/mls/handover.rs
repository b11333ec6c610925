//! How a command ends: the state is made durable, then what was made is handed over, then the
//! outbox forgets it.
//!
//! With `--json`, one object describes everything; what goes to no file is in it, in base64.
//! Otherwise what goes to no file is standard output, alone; if all goes to files, a line says what
//! was done.

use super::Session;
use super::files::write_whole;
use crate::base64;
use crate::failure::Failure;
use mls::{Delta, Encode, MlsMessage, Secret};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Something to hand over.
pub(super) struct Item {
    /// What it is: the name of its field in JSON.
    pub(super) kind: &'static str,
    pub(super) data: Secret,
    /// Where to; `None` and `-` are standard output.
    pub(super) to: Option<PathBuf>,
}

impl Item {
    pub(super) fn message(kind: &'static str, message: &MlsMessage, to: Option<PathBuf>) -> Self {
        Self { kind, data: Secret::from_vec(message.to_bytes()), to }
    }

    fn file(&self) -> Option<&Path> {
        self.to.as_deref().filter(|path| path.as_os_str() != "-")
    }
}

/// What a command did, for people and for programs.
pub(super) struct Report {
    text: String,
    value: Value,
}

impl Report {
    pub(super) fn new(kind: &str, text: String, fields: Value) -> Self {
        let mut value = fields;
        value["type"] = json!(kind);
        Self { text, value }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

impl Session<'_> {
    /// Says one thing.
    pub(super) fn say(&mut self, text: &str, value: Value) -> Result<(), Failure> {
        self.output.print(text, &value)
    }

    /// Ends a command. Nothing leaves before the state holds it.
    pub(super) fn finish(
        &mut self,
        delta: &Delta,
        items: Vec<Item>,
        report: Report,
    ) -> Result<(), Failure> {
        let to_output = items.iter().filter(|item| item.file().is_none()).count();
        if to_output > 1 && !self.output.is_json() {
            let kinds: Vec<_> = items.iter().map(|item| item.kind).collect();
            let kinds = kinds.join(", ");
            let text = format!("this makes several things ({kinds}): say where each one goes");
            return Err(Failure::refused(text));
        }
        let numbers = if delta.is_empty() {
            Vec::new()
        } else {
            let outputs: Vec<_> = items.iter().map(|item| (item.kind, &item.data)).collect();
            self.state.save(delta, &outputs)?
        };
        if let Err(failure) = self.hand_over(&items, report) {
            let kept = if numbers.is_empty() { "" } else { "; it is kept in the outbox" };
            return Err(failure.and(kept));
        }
        if numbers.is_empty() { Ok(()) } else { self.state.delivered(&numbers) }
    }

    fn hand_over(&mut self, items: &[Item], report: Report) -> Result<(), Failure> {
        let Report { text, mut value } = report;
        let mut direct = None;
        for item in items {
            match item.file() {
                Some(path) => {
                    let encoded = self.encoded(item);
                    write_whole(path, encoded.expose())?;
                    value[format!("{}_file", item.kind)] = json!(path.display().to_string());
                }
                None => {
                    if self.output.is_json() {
                        value[item.kind] = json!(base64::encode(item.data.expose()));
                    }
                    direct = Some(item);
                }
            }
        }
        match direct {
            Some(item) if !self.output.is_json() => {
                let encoded = self.encoded(item);
                self.output.bytes(encoded.expose())
            }
            _ => self.output.print(&text, &value),
        }
    }

    /// The bytes, or the line of base64 that was asked for.
    fn encoded(&self, item: &Item) -> Secret {
        if self.options.base64 {
            let mut line = base64::encode(item.data.expose());
            line.push('\n');
            Secret::from_vec(line.into_bytes())
        } else {
            item.data.duplicate()
        }
    }
}
