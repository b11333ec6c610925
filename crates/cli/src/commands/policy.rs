//! `conclave group policy`: what a group's members agree on.

use crate::failure::Failure;
use crate::output::Output;
use client::{Account, ExternalJoins, GroupPolicy, Padding};
use serde_json::{Value, json};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

#[derive(clap::Subcommand)]
pub(crate) enum Policy {
    /// Change the policy; what is not named stays as it is
    Set(Box<Set>),
    /// Show the policy
    Show {
        /// The group: its name, its id, or the first digits of the id
        group: String,
    },
}

#[derive(clap::Args)]
pub(crate) struct Set {
    /// The group: its name, its id, or the first digits of the id
    group: String,
    /// An account that may change the group, once for each; `nobody` lets all members
    #[arg(long = "admin", value_name = "NAME")]
    admins: Vec<String>,
    /// How long keys stay at least, for example 12h or 7d
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    update_min: Option<u64>,
    /// How long keys may stay
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    update_max: Option<u64>,
    /// After how long without new keys a member is removed, or `never`
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    idle: Option<u64>,
    /// How long a key package may live with which somebody is added
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    key_package_lifetime: Option<u64>,
    /// How messages are padded: `none`, `padme`, or to multiples of so many bytes
    #[arg(long, value_name = "HOW", value_parser = padding)]
    padding: Option<Padding>,
    /// Who may join by an external commit: `nobody`, `former-selves` or `everybody`
    #[arg(long, value_name = "WHO", value_parser = external_joins)]
    external_joins: Option<ExternalJoins>,
    /// How far a message may be ahead of the last one of its sender
    #[arg(long, value_name = "COUNT")]
    forward_max: Option<u32>,
    /// How many keys of messages that did not arrive are kept per sender
    #[arg(long, value_name = "COUNT")]
    skipped_keys_max: Option<u32>,
    /// How many devices may be members
    #[arg(long, value_name = "COUNT")]
    members_max: Option<u32>,
    /// How many devices of one account may be members
    #[arg(long, value_name = "COUNT")]
    devices_max: Option<u32>,
}

impl Policy {
    pub(super) fn run(self, account: &mut Account, output: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Set(set) => super::group::change(account, output, &set.group, |account, id| {
                let mut policy = account.policy(id)?;
                set.apply(&mut policy)?;
                account.set_policy(id, &policy)
            }),
            Self::Show { group } => {
                let group = account.group(&group)?;
                let policy = account.policy(&group.id)?;
                let text = format!("{}\n{}", group.name, text(&policy));
                output.print(&text, &value(&policy, (&group.id.to_string(), &group.name)))
            }
        }
    }
}

impl Set {
    fn apply(&self, policy: &mut GroupPolicy) -> Result<(), client::Error> {
        fn set<T: Copy>(field: &mut T, given: Option<T>) {
            *field = given.unwrap_or(*field);
        }
        set(&mut policy.update_interval_min_seconds, self.update_min);
        set(&mut policy.update_interval_max_seconds, self.update_max);
        set(&mut policy.idle_eviction_seconds, self.idle);
        set(&mut policy.key_package_lifetime_max_seconds, self.key_package_lifetime);
        set(&mut policy.padding, self.padding);
        set(&mut policy.external_joins, self.external_joins);
        set(&mut policy.forward_max, self.forward_max);
        set(&mut policy.skipped_keys_max, self.skipped_keys_max);
        set(&mut policy.members_max, self.members_max);
        set(&mut policy.devices_max, self.devices_max);
        match self.admins.as_slice() {
            [] => {}
            [nobody] if nobody == "nobody" => policy.admins.clear(),
            names => policy.set_admins(names)?,
        }
        Ok(())
    }
}

/// A time with its unit, as seconds.
fn seconds(text: &str) -> Result<u64, String> {
    if text == "never" {
        return Ok(0);
    }
    let units = [("s", 1), ("h", HOUR), ("d", DAY)];
    let read = |(unit, factor): (&str, u64)| {
        let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
        count.checked_mul(factor)
    };
    units.into_iter().find_map(read).ok_or_else(|| "a time is written 90s, 12h or 7d".to_owned())
}

/// A number of seconds in the largest unit that fits.
fn time(seconds: u64) -> String {
    match seconds {
        0 => "never".to_owned(),
        _ if seconds.is_multiple_of(DAY) => format!("{}d", seconds / DAY),
        _ if seconds.is_multiple_of(HOUR) => format!("{}h", seconds / HOUR),
        _ => format!("{seconds}s"),
    }
}

fn padding(text: &str) -> Result<Padding, String> {
    match text {
        "none" => Ok(Padding::None),
        "padme" => Ok(Padding::Padme),
        _ => text
            .parse()
            .map(Padding::Block)
            .map_err(|_| "padding is `none`, `padme`, or a number of bytes".to_owned()),
    }
}

fn padding_name(padding: Padding) -> String {
    match padding {
        Padding::None => "none".to_owned(),
        Padding::Padme => "padme".to_owned(),
        Padding::Block(bytes) => bytes.to_string(),
    }
}

const JOINS: [(&str, ExternalJoins); 3] = [
    ("nobody", ExternalJoins::Nobody),
    ("former-selves", ExternalJoins::FormerSelves),
    ("everybody", ExternalJoins::Everybody),
];

fn external_joins(text: &str) -> Result<ExternalJoins, String> {
    let found = JOINS.iter().find(|(name, _)| *name == text).map(|(_, joins)| *joins);
    found.ok_or_else(|| "it is `nobody`, `former-selves` or `everybody`".to_owned())
}

fn joins_name(joins: ExternalJoins) -> &'static str {
    JOINS.iter().find(|(_, other)| *other == joins).map_or("?", |(name, _)| name)
}

fn text(policy: &GroupPolicy) -> String {
    let admins: Vec<&str> = policy.admins.iter().map(|name| name.as_str()).collect();
    let admins = if admins.is_empty() { "all members".to_owned() } else { admins.join(", ") };
    [
        format!("  changed by            {admins}"),
        format!("  keys renewed          after {}", time(policy.update_interval_min_seconds)),
        format!("  at the latest         after {}", time(policy.update_interval_max_seconds)),
        format!("  idle members removed  after {}", time(policy.idle_eviction_seconds)),
        format!("  key packages live     {}", time(policy.key_package_lifetime_max_seconds)),
        format!("  padding               {}", padding_name(policy.padding)),
        format!("  external joins        {}", joins_name(policy.external_joins)),
        format!("  messages ahead        {}", policy.forward_max),
        format!("  skipped keys          {}", policy.skipped_keys_max),
        format!("  members               {}", policy.members_max),
        format!("  devices of an account {}", policy.devices_max),
    ]
    .join("\n")
}

fn value(policy: &GroupPolicy, (group, name): (&str, &str)) -> Value {
    let admins: Vec<&str> = policy.admins.iter().map(|name| name.as_str()).collect();
    json!({
        "type": "policy",
        "group": group,
        "group_name": name,
        "admins": admins,
        "update_interval_min_seconds": policy.update_interval_min_seconds,
        "update_interval_max_seconds": policy.update_interval_max_seconds,
        "idle_eviction_seconds": policy.idle_eviction_seconds,
        "key_package_lifetime_max_seconds": policy.key_package_lifetime_max_seconds,
        "padding": padding_name(policy.padding),
        "external_joins": joins_name(policy.external_joins),
        "forward_max": policy.forward_max,
        "skipped_keys_max": policy.skipped_keys_max,
        "members_max": policy.members_max,
        "devices_max": policy.devices_max,
    })
}

#[cfg(test)]
mod tests {
    use super::{
        DAY, HOUR, JOINS, external_joins, joins_name, padding, padding_name, seconds, time,
    };

    #[test]
    fn what_is_shown_can_be_given() {
        for (text, value) in [("never", 0), ("7d", 7 * DAY), ("36h", 36 * HOUR), ("90s", 90)] {
            assert_eq!((seconds(text), time(value).as_str()), (Ok(value), text));
        }
        for bad in ["", "7", "d", "-1d", "99999999999999999999d", "18446744073709551615d", "7w"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
        for text in ["none", "padme", "256"] {
            assert_eq!(padding_name(padding(text).unwrap()), text);
        }
        assert!(padding("65536").is_err() && padding("some").is_err());
        for (name, joins) in JOINS {
            assert_eq!((external_joins(name), joins_name(joins)), (Ok(joins), name));
        }
    }
}
