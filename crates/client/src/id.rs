//! Identifiers of groups, and what a group's members agree on beyond MLS: its log and its name.

use codec::{Decode, Encode, Opaque};
use delivery_api::LogId;
use std::fmt;
use wire::{Extension, ExtensionType, Extensions};

/// Bytes of a group's name.
const GROUP_NAME_BYTES_MAX: usize = 100;

/// The version of [`LogExtension`].
const LOG_EXTENSION_VERSION: u8 = 1;

/// The extension of the GroupContext that says where the group's log is (a type from the
/// private-use range of RFC 9420, section 17.3).
pub(crate) const LOG_EXTENSION: ExtensionType = ExtensionType(0xf0c0);

/// A group, by its MLS group id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(Opaque);

impl GroupId {
    /// The group with this MLS group id.
    #[must_use]
    pub fn new(id: impl Into<Opaque>) -> Self {
        Self(id.into())
    }

    /// The MLS group id.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for GroupId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Whether a group may be called so.
pub(crate) fn is_group_name(name: &str) -> bool {
    (1..=GROUP_NAME_BYTES_MAX).contains(&name.len()) && !name.chars().any(char::is_control)
}

/// What the members agree on. It is in the GroupContext, so every joiner gets it with the Welcome,
/// sealed by MLS, and whoever were given another log would be in another group.
pub(crate) struct LogExtension {
    version: u8,
    pub(crate) log: LogId,
    name: Opaque,
}
codec::fields!(LogExtension { version, log, name });

impl LogExtension {
    pub(crate) fn new(log: LogId, name: &str) -> Self {
        Self { version: LOG_EXTENSION_VERSION, log, name: name.as_bytes().into() }
    }

    /// As an extension of the GroupContext.
    pub(crate) fn to_extension(&self) -> Extension {
        let extension_data = self.to_bytes().into();
        Extension { extension_type: LOG_EXTENSION, extension_data }
    }

    /// The group's log and name, if the group has them in a form that this version knows.
    pub(crate) fn read(extensions: &Extensions) -> Option<(LogId, String)> {
        let extension = Self::from_bytes(extensions.find(LOG_EXTENSION)?).ok()?;
        let name = String::from_utf8(extension.name.into_vec()).ok()?;
        (extension.version == LOG_EXTENSION_VERSION && is_group_name(&name))
            .then_some((extension.log, name))
    }
}

#[cfg(test)]
mod tests {
    use super::{LogExtension, is_group_name};
    use delivery_api::LogId;
    use wire::Extensions;

    #[test]
    fn the_log_extension_survives_and_a_group_without_it_has_no_log() {
        let log = LogId::new([5; 32]);
        let extensions = Extensions(vec![LogExtension::new(log, "höhle").to_extension()]);
        assert_eq!(LogExtension::read(&extensions), Some((log, "höhle".to_owned())));
        assert_eq!(LogExtension::read(&Extensions::default()), None);
        let empty = Extensions(vec![LogExtension::new(log, "").to_extension()]);
        assert_eq!(LogExtension::read(&empty), None);
    }

    #[test]
    fn names_of_groups_fit_a_line() {
        assert!(is_group_name("a") && is_group_name(&"x".repeat(100)));
        assert!(!is_group_name("") && !is_group_name(&"x".repeat(101)) && !is_group_name("a\nb"));
    }
}
