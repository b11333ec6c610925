//! What a group's members agree on beyond who they are (RFC 9750, section 7): one object in the
//! GroupContext, so every member has the same and every joiner gets it with the Welcome.
//!
//! Whether a commit keeps to it, `engine/policy.rs` decides. The object is decoded strictly: what
//! breaks a bound of [`GroupPolicy::check`], or has a byte too many, is no policy.

use crate::Misuse;
use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Opaque, Reader, Writer};
use delivery_api::Name;
use mls::{ExternalCommitPolicy, PaddingPolicy, RatchetLimits, Settings};
use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroUsize;
use wire::{Extension, ExtensionType, Extensions};

/// The version of the encoding.
const POLICY_VERSION: u8 = 1;

/// The extension of the GroupContext that holds the policy (a type from the private-use range of
/// RFC 9420, section 17.3).
pub(crate) const POLICY_EXTENSION: ExtensionType = ExtensionType(0xf0c1);

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// How many accounts may be listed as admins: the list travels with every Welcome.
const ADMINS_MAX: usize = 64;

/// The largest block of padding: what is a message of text should not become a picture.
const PADDING_BLOCK_BYTES_MAX: u16 = 16_384;

/// The most generations that a ratchet may be told to move at once: some tenths of a second.
const FORWARD_MAX: u32 = 100_000;

/// Who may join by an external commit (RFC 9420, section 12.4.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExternalJoins {
    /// Nobody: whoever has lost its place is added again.
    Nobody,
    /// A device that is in the group, in place of its former self.
    FormerSelves,
    /// Everybody who has what it takes.
    Everybody,
}

/// How messages are padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Not at all: the service sees the length to the byte.
    None,
    /// Up to the next multiple of this many bytes.
    Block(u16),
    /// At least 256 bytes, and beyond that so that only the magnitude shows.
    Padme,
}

/// What a group's members agree on.
///
/// A policy is made from [`GroupPolicy::default`] by changing fields; it is checked when it is put
/// to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPolicy {
    /// How long, in seconds, a member's keys stay at least; then it renews them when its turn
    /// comes.
    pub update_interval_min_seconds: u64,
    /// How long, in seconds, a member's keys may stay. Who cannot renew them in time stops sending.
    pub update_interval_max_seconds: u64,
    /// After how many seconds without new keys a member is removed; 0 for never.
    pub idle_eviction_seconds: u64,
    /// The longest lifetime, in seconds, of a key package that somebody is added with.
    pub key_package_lifetime_max_seconds: u64,
    /// How messages are padded.
    pub padding: Padding,
    /// For how many ended epochs late messages can be read: always 0, since the service takes
    /// nothing that was made for an epoch that is over.
    pub past_epochs: u8,
    /// How far a message may be ahead of the last one of its sender that was read.
    pub forward_max: u32,
    /// How many keys of messages that did not arrive are kept per sender.
    pub skipped_keys_max: u32,
    /// Who may join by an external commit.
    pub external_joins: ExternalJoins,
    /// The accounts that may add and remove others and change this policy, in order; empty if all
    /// members may. Everybody may leave, renew its keys, and add and remove its own account's
    /// devices. If none of these accounts is a member any more, all members may.
    pub admins: Vec<Name>,
    /// How many devices may be members.
    pub members_max: u32,
    /// How many devices of one account may be members.
    pub devices_max: u32,
}

impl Default for GroupPolicy {
    fn default() -> Self {
        Self {
            update_interval_min_seconds: 7 * DAY,
            update_interval_max_seconds: 28 * DAY,
            idle_eviction_seconds: 120 * DAY,
            key_package_lifetime_max_seconds: 93 * DAY,
            padding: Padding::Padme,
            past_epochs: 0,
            forward_max: 1000,
            skipped_keys_max: 1000,
            external_joins: ExternalJoins::FormerSelves,
            admins: Vec::new(),
            members_max: 100_000,
            devices_max: 16,
        }
    }
}

impl GroupPolicy {
    /// Whether it can be a group's policy.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), Misuse> {
        let (min, max) = (self.update_interval_min_seconds, self.update_interval_max_seconds);
        let idle = self.idle_eviction_seconds;
        let lifetime = self.key_package_lifetime_max_seconds;
        let is_sorted = self.admins.windows(2).all(|pair| pair[0] < pair[1]);
        let bounds = [
            ((HOUR..=45 * DAY).contains(&min), "keys stay for an hour to 45 days at least"),
            (max >= 2 * min && max <= 90 * DAY, "keys stay twice the minimum to 90 days at most"),
            (
                idle == 0 || (2 * max..=3660 * DAY).contains(&idle),
                "who renews its keys in time is not idle: twice the maximum, or never",
            ),
            ((DAY..=93 * DAY).contains(&lifetime), "key packages live for 1 to 93 days"),
            (self.padding.is_valid(), "a block of padding has 1 to 16384 bytes"),
            (self.past_epochs == 0, "no past epochs are kept"),
            ((1..=FORWARD_MAX).contains(&self.forward_max), "a ratchet moves 1 to 100000 steps"),
            (self.skipped_keys_max <= self.forward_max, "no more keys are kept than are skipped"),
            (self.admins.len() <= ADMINS_MAX, "64 accounts are admins at most"),
            (is_sorted, "admins are listed once each, in order"),
            (self.members_max >= 1, "a group has a member"),
            (self.devices_max >= 1, "a member has a device"),
        ];
        match bounds.into_iter().find(|(holds, _)| !holds) {
            Some((_, bound)) => Err(Misuse::InvalidPolicy(bound)),
            None => Ok(()),
        }
    }

    /// Makes these accounts the admins; none lets all members change the group.
    ///
    /// # Errors
    /// One of them is no name.
    pub fn set_admins(&mut self, names: &[String]) -> Result<(), Misuse> {
        let name = |name: &String| Name::new(name).ok_or_else(|| Misuse::InvalidName(name.clone()));
        let names: BTreeSet<Name> = names.iter().map(name).collect::<Result<_, _>>()?;
        self.admins = names.into_iter().collect();
        Ok(())
    }

    /// The policy as an extension of the GroupContext.
    pub(crate) fn to_extension(&self) -> Extension {
        let extension_data = self.to_bytes().into();
        Extension { extension_type: POLICY_EXTENSION, extension_data }
    }

    /// The group's policy, if it has one in a form that this version knows.
    pub(crate) fn read(extensions: &Extensions) -> Option<Self> {
        let policy = Self::from_bytes(extensions.find(POLICY_EXTENSION)?).ok()?;
        policy.check().is_ok().then_some(policy)
    }

    /// The choices of the MLS library for a group with this policy; the rest is as in `base`.
    pub(crate) fn settings(&self, base: &Settings) -> Settings {
        let skipped_keys_max = usize::try_from(self.skipped_keys_max).unwrap_or(usize::MAX);
        let ratchet_limits = RatchetLimits {
            forward_max: self.forward_max,
            skipped_keys_max,
            ..base.ratchet_limits
        };
        let external_commits = match self.external_joins {
            ExternalJoins::Nobody => ExternalCommitPolicy::Refuse,
            ExternalJoins::FormerSelves => ExternalCommitPolicy::ResyncOnly,
            ExternalJoins::Everybody => ExternalCommitPolicy::Allow,
        };
        Settings {
            padding: self.padding.to_mls(),
            ratchet_limits,
            past_epochs_max: usize::from(self.past_epochs),
            external_commits,
            ..base.clone()
        }
    }

    /// What is different from another policy, in the words of this type.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        let mut compare = |name: &str, before: String, after: String| {
            if before != after {
                differences.push(format!("{name}: {before} -> {after}"));
            }
        };
        macro_rules! fields {
            ($($field:ident),*) => {
                $(compare(
                    stringify!($field),
                    format!("{:?}", self.$field),
                    format!("{:?}", other.$field),
                );)*
            };
        }
        fields!(
            update_interval_min_seconds,
            update_interval_max_seconds,
            idle_eviction_seconds,
            key_package_lifetime_max_seconds,
            padding,
            past_epochs,
            forward_max,
            skipped_keys_max,
            external_joins,
            members_max,
            devices_max
        );
        let names = |policy: &Self| {
            let names: Vec<&str> = policy.admins.iter().map(Name::as_str).collect();
            if names.is_empty() { "everybody".to_owned() } else { names.join(", ") }
        };
        compare("admins", names(self), names(other));
        differences
    }
}

impl Padding {
    fn is_valid(self) -> bool {
        match self {
            Self::Block(bytes) => (1..=PADDING_BLOCK_BYTES_MAX).contains(&bytes),
            Self::None | Self::Padme => true,
        }
    }

    fn to_mls(self) -> PaddingPolicy {
        match self {
            Self::None => PaddingPolicy::None,
            // Zero is refused by `is_valid`.
            Self::Block(bytes) => NonZeroUsize::new(usize::from(bytes))
                .map_or(PaddingPolicy::None, PaddingPolicy::Block),
            Self::Padme => PaddingPolicy::Padme,
        }
    }
}

impl fmt::Display for ExternalJoins {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Nobody => "nobody",
            Self::FormerSelves => "former selves",
            Self::Everybody => "everybody",
        })
    }
}

impl Encode for Padding {
    fn encode(&self, writer: &mut Writer) {
        let (kind, block) = match self {
            Self::None => (0_u8, 0),
            Self::Block(bytes) => (1, *bytes),
            Self::Padme => (2, 0),
        };
        kind.encode(writer);
        block.encode(writer);
    }
}

impl Decode for Padding {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let error = reader.error(DecodeErrorKind::InvalidValue("padding"));
        match (u8::decode(reader)?, u16::decode(reader)?) {
            (0, 0) => Ok(Self::None),
            (1, bytes) => Ok(Self::Block(bytes)),
            (2, 0) => Ok(Self::Padme),
            _ => Err(error),
        }
    }
}

impl Encode for ExternalJoins {
    fn encode(&self, writer: &mut Writer) {
        let code = match self {
            Self::Nobody => 0_u8,
            Self::FormerSelves => 1,
            Self::Everybody => 2,
        };
        code.encode(writer);
    }
}

impl Decode for ExternalJoins {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let error = reader.error(DecodeErrorKind::InvalidValue("external joins"));
        match u8::decode(reader)? {
            0 => Ok(Self::Nobody),
            1 => Ok(Self::FormerSelves),
            2 => Ok(Self::Everybody),
            _ => Err(error),
        }
    }
}

impl Encode for GroupPolicy {
    fn encode(&self, writer: &mut Writer) {
        POLICY_VERSION.encode(writer);
        self.update_interval_min_seconds.encode(writer);
        self.update_interval_max_seconds.encode(writer);
        self.idle_eviction_seconds.encode(writer);
        self.key_package_lifetime_max_seconds.encode(writer);
        self.padding.encode(writer);
        self.past_epochs.encode(writer);
        self.forward_max.encode(writer);
        self.skipped_keys_max.encode(writer);
        self.external_joins.encode(writer);
        let admins: Vec<Opaque> =
            self.admins.iter().map(|name| name.as_str().as_bytes().into()).collect();
        admins.encode(writer);
        self.members_max.encode(writer);
        self.devices_max.encode(writer);
    }
}

impl Decode for GroupPolicy {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let error = reader.error(DecodeErrorKind::InvalidValue("group policy"));
        if u8::decode(reader)? != POLICY_VERSION {
            return Err(error);
        }
        Ok(Self {
            update_interval_min_seconds: Decode::decode(reader)?,
            update_interval_max_seconds: Decode::decode(reader)?,
            idle_eviction_seconds: Decode::decode(reader)?,
            key_package_lifetime_max_seconds: Decode::decode(reader)?,
            padding: Decode::decode(reader)?,
            past_epochs: Decode::decode(reader)?,
            forward_max: Decode::decode(reader)?,
            skipped_keys_max: Decode::decode(reader)?,
            external_joins: Decode::decode(reader)?,
            admins: {
                let names = Vec::<Opaque>::decode(reader)?;
                let name = |bytes: &Opaque| Name::new(std::str::from_utf8(bytes).ok()?);
                names.iter().map(name).collect::<Option<_>>().ok_or(error)?
            },
            members_max: Decode::decode(reader)?,
            devices_max: Decode::decode(reader)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut GroupPolicy)) -> GroupPolicy {
        let mut policy = GroupPolicy::default();
        change(&mut policy);
        policy
    }

    #[test]
    fn a_policy_survives_and_other_forms_are_none() {
        let policy = with(|policy| {
            policy.padding = Padding::Block(512);
            policy.external_joins = ExternalJoins::Everybody;
            policy.admins = vec![Name::new("alice").unwrap(), Name::new("bob").unwrap()];
        });
        let extensions = Extensions(vec![policy.to_extension()]);
        assert_eq!(GroupPolicy::read(&extensions), Some(policy.clone()));
        let bytes = policy.to_bytes();
        for end in 0..bytes.len() {
            assert!(GroupPolicy::from_bytes(&bytes[..end]).is_err());
        }
        assert!(GroupPolicy::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
        assert!(GroupPolicy::from_bytes(&[&[2], &bytes[1..]].concat()).is_err());
        let invalid = with(|policy| policy.past_epochs = 1).to_extension();
        assert_eq!(GroupPolicy::read(&Extensions(vec![invalid])), None);
        assert_eq!(GroupPolicy::read(&Extensions::default()), None);
    }

    #[test]
    fn every_bound_is_kept_and_may_be_reached() {
        let names = |count: usize| -> Vec<Name> {
            (0..count).map(|number| Name::new(&format!("n{number:03}")).unwrap()).collect()
        };
        type Change = Box<dyn Fn(&mut GroupPolicy)>;
        let changes: Vec<(Change, Change)> = vec![
            (
                Box::new(|it| it.update_interval_min_seconds = HOUR),
                Box::new(|it| it.update_interval_min_seconds = HOUR - 1),
            ),
            (
                Box::new(|it| it.update_interval_max_seconds = 14 * DAY),
                Box::new(|it| it.update_interval_max_seconds = 14 * DAY - 1),
            ),
            (
                Box::new(|it| it.idle_eviction_seconds = 56 * DAY),
                Box::new(|it| it.idle_eviction_seconds = 56 * DAY - 1),
            ),
            (
                Box::new(|it| it.idle_eviction_seconds = 0),
                Box::new(|it| it.idle_eviction_seconds = 1),
            ),
            (
                Box::new(|it| it.key_package_lifetime_max_seconds = DAY),
                Box::new(|it| it.key_package_lifetime_max_seconds = 93 * DAY + 1),
            ),
            (
                Box::new(|it| it.padding = Padding::Block(1)),
                Box::new(|it| it.padding = Padding::Block(0)),
            ),
            (Box::new(|it| it.past_epochs = 0), Box::new(|it| it.past_epochs = 1)),
            (
                Box::new(|it| it.forward_max = FORWARD_MAX),
                Box::new(|it| it.forward_max = FORWARD_MAX + 1),
            ),
            (
                Box::new(|it| it.skipped_keys_max = it.forward_max),
                Box::new(|it| it.skipped_keys_max = it.forward_max + 1),
            ),
            (
                Box::new(move |it| it.admins = names(ADMINS_MAX)),
                Box::new(move |it| it.admins = names(ADMINS_MAX + 1)),
            ),
            (
                Box::new(move |it| it.admins = names(2)),
                Box::new(move |it| it.admins = [names(1), names(1)].concat()),
            ),
            (Box::new(|it| it.members_max = 1), Box::new(|it| it.members_max = 0)),
            (Box::new(|it| it.devices_max = 1), Box::new(|it| it.devices_max = 0)),
        ];
        for (edge, beyond) in changes {
            assert_eq!(with(edge).check(), Ok(()));
            let beyond = with(beyond);
            assert!(matches!(beyond.check(), Err(Misuse::InvalidPolicy(_))), "{beyond:?}");
        }
    }

    #[test]
    fn differences_are_told_in_words() {
        let other = with(|policy| {
            policy.members_max = 5;
            policy.admins = vec![Name::new("alice").unwrap()];
        });
        assert_eq!(
            GroupPolicy::default().differences(&other),
            ["members_max: 100000 -> 5", "admins: everybody -> alice"]
        );
    }

    #[test]
    fn message_settings_follow_the_policy() {
        let base = Settings::default();
        let policy = with(|policy| {
            policy.padding = Padding::Block(32);
            (policy.forward_max, policy.skipped_keys_max) = (7, 3);
            policy.external_joins = ExternalJoins::Nobody;
        });
        let settings = policy.settings(&base);
        assert_eq!(settings.padding, PaddingPolicy::Block(NonZeroUsize::new(32).unwrap()));
        let limits = settings.ratchet_limits;
        assert_eq!((limits.forward_max, limits.skipped_keys_max), (7, 3));
        assert_eq!(settings.past_epochs_max, 0);
        assert_eq!(settings.external_commits, ExternalCommitPolicy::Refuse);
    }
}
